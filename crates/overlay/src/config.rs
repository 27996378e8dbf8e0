use crate::{Address, OverlayError};
use std::path::PathBuf;
use std::time::Duration;

/// The port of a bootstrap node, TCP and UDP (QUIC).
pub const BOOTSTRAP_PORT: u16 = 8468;

/// Addresses in `listen`, and in `bootstrap`.
const MAX_ADDRESSES: usize = 16;
/// Addresses in `known_peers`.
const MAX_KNOWN_PEERS: usize = 128;

/// How to start an [`Overlay`](crate::Overlay).
#[derive(Clone)]
pub struct OverlayConfig {
    /// Where to listen; port 0 takes a free one. Empty in [`Mode::Client`].
    pub listen: Vec<Address>,
    /// Nodes to join through, with or without `/p2p/…`.
    pub bootstrap: Vec<Address>,
    /// Nodes met earlier, from [`Overlay::known_peers`](crate::Overlay::known_peers): the way back when every
    /// bootstrap node is gone.
    pub known_peers: Vec<Address>,
    /// The Ed25519 seed of the node's identity. It is not the DID's key.
    pub seed: [u8; 32],
    /// Whether the node keeps records for others.
    pub mode: Mode,
    /// A file that keeps the records over a restart; `None` keeps them in memory.
    pub store: Option<PathBuf>,
    /// Whether loopback and private addresses told by other nodes are dialled. The node's own `bootstrap` and
    /// `known_peers` always are.
    pub private_addresses: bool,
    /// What a stranger can make us keep, and how long we wait.
    pub limits: Limits,
}

impl OverlayConfig {
    /// A node that keeps records in memory and listens on free ports of every IPv4 address, TCP and QUIC.
    ///
    /// # Panics
    /// Never: the two addresses are well formed.
    #[must_use]
    pub fn peer(seed: [u8; 32], bootstrap: Vec<Address>) -> Self {
        Self {
            listen: ["/ip4/0.0.0.0/tcp/0", "/ip4/0.0.0.0/udp/0/quic-v1"]
                .map(|text| text.parse().expect("a literal multiaddr"))
                .to_vec(),
            mode: Mode::Server,
            ..Self::client(seed, bootstrap)
        }
    }

    /// Whether the node uses the in-process transport; it is not mixed with sockets.
    pub(crate) fn checked_transport(&self) -> Result<bool, OverlayError> {
        let bounds = [("listen", self.listen.len()), ("bootstrap", self.bootstrap.len())];
        for (field, count) in bounds {
            if count > MAX_ADDRESSES {
                return Err(OverlayError::Config(format!("{field}: {count} addresses; the limit is {MAX_ADDRESSES}")));
            }
        }
        if self.known_peers.len() > MAX_KNOWN_PEERS {
            let count = self.known_peers.len();
            return Err(OverlayError::Config(format!("known_peers: {count}; the limit is {MAX_KNOWN_PEERS}")));
        }
        if self.mode == Mode::Client && !self.listen.is_empty() {
            return Err(OverlayError::Config("listen: a client listens nowhere".to_owned()));
        }
        let mut addresses = self.listen.iter().chain(&self.bootstrap).chain(&self.known_peers);
        let memory = addresses.clone().any(Address::is_memory);
        if memory && !addresses.all(Address::is_memory) {
            return Err(OverlayError::Config("addresses: /memory does not mix with sockets".to_owned()));
        }
        Ok(memory)
    }

    /// A short-lived node that asks and puts, but keeps nothing and listens nowhere.
    #[must_use]
    pub fn client(seed: [u8; 32], bootstrap: Vec<Address>) -> Self {
        Self {
            listen: Vec::new(),
            bootstrap,
            known_peers: Vec::new(),
            seed,
            mode: Mode::Client,
            store: None,
            private_addresses: true,
            limits: Limits::default(),
        }
    }
}

/// Whether a node serves the DHT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Listens, is found by others, keeps records and answers for them.
    Server,
    /// Only asks: for commands that end in seconds.
    Client,
}

/// What a stranger can make us keep, and how long we wait. The defaults suit a bootstrap node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Profiles kept (of at most 8 kB each: 128 MB).
    pub profiles: usize,
    /// Mailbox records kept (of at most 4 kB each: 64 MB).
    pub mailboxes: usize,
    /// Records kept from any one node, of both kinds.
    pub records_per_peer: usize,
    /// Puts looked at from any one node in ten seconds; more are refused unread.
    pub puts_per_peer: u32,
    /// Records that this node publishes itself and republishes.
    pub own_records: usize,
    /// Inbound connections.
    pub inbound_connections: u32,
    /// Outbound connections.
    pub outbound_connections: u32,
    /// Connections with one node.
    pub connections_per_peer: u32,
    /// Lookups and puts under way.
    pub queries: usize,
    /// Keys being watched.
    pub watches: usize,
    /// Peers that must give the same newest bytes before a lookup ends early.
    pub agree: usize,
    /// The longest time of one lookup or put.
    pub query_timeout: Duration,
    /// How long a lookup or put that has something waits for the next peer.
    pub grace: Duration,
    /// How long one that has nothing yet waits for the next peer: peers that are gone do not answer.
    pub stall: Duration,
    /// How often own records are put again, to reach the nodes that came since.
    pub republish: Duration,
    /// Start of the doubling pause between attempts to join; it ends at 60 times this.
    pub rejoin: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            profiles: 16_384,
            mailboxes: 16_384,
            records_per_peer: 1_024,
            puts_per_peer: 512,
            own_records: 64,
            inbound_connections: 512,
            outbound_connections: 256,
            connections_per_peer: 4,
            queries: 256,
            watches: 1_024,
            agree: 3,
            query_timeout: Duration::from_secs(20),
            grace: Duration::from_millis(500),
            stall: Duration::from_secs(2),
            republish: Duration::from_secs(30 * 60),
            rejoin: Duration::from_secs(1),
        }
    }
}
