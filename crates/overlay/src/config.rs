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
    /// Addresses under which others reach this node, as its operator knows: told to others, and not measured.
    pub announce: Vec<Address>,
    /// Whether the node relays between others, within [`Limits`], when it is reachable itself.
    pub relay: bool,
    /// Whether nodes on the local network are found, and told of this one, by multicast DNS.
    pub mdns: bool,
    /// Whether the router is asked to open the ports on which the node listens: by UPnP, PCP and NAT-PMP.
    pub port_mapping: bool,
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
        let bounds =
            [("listen", self.listen.len()), ("bootstrap", self.bootstrap.len()), ("announce", self.announce.len())];
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
            announce: Vec::new(),
            relay: false,
            mdns: false,
            port_mapping: false,
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
    /// Listens, and serves while others reach it, which they measure (AutoNAT). Where they do not, it only asks, and keeps
    /// a slot at relays over which others reach it.
    Auto,
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
    /// Presences kept (of at most 2 kB each: 32 MB).
    pub presences: usize,
    /// Entries of sets kept, of each of the five kinds (of at most 4 kB each: 64 MB).
    pub entries: usize,
    /// Entries of sets kept from any one node.
    pub entries_per_peer: usize,
    /// Entries of sets that this node publishes itself and republishes.
    pub own_entries: usize,
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
    /// A connection without a request for this long is closed.
    pub idle: Duration,
    /// How often a connection is tried out, to notice that the other end is gone.
    pub ping: Duration,
    /// How often a joined node looks its own id up again, to know who came near. Where it is shorter than `idle`, the
    /// connections with the nearest nodes last.
    pub refresh: Duration,
    /// Requests of one node that are taken in ten seconds, those for pieces of contents not counted.
    pub requests_per_peer: u32,
    /// Requests of others that wait for their answer.
    pub requests: usize,
    /// Topics subscribed to.
    pub topics: usize,
    /// Lookups and puts under way, and requests, each.
    pub queries: usize,
    /// Nodes that broke a rule and are remembered for it.
    pub scored_peers: usize,
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
    /// How often addresses that may be the node's own are given to another node to be measured; each is measured once.
    pub measure: Duration,
    /// How long a node in [`Mode::Auto`] waits to be found reachable before it asks for slots at relays.
    pub reserve_after: Duration,
    /// Slots that a node behind a NAT keeps, each at another relay.
    pub relay_slots: usize,
    /// As a relay: reservations held for others.
    pub relay_reservations: usize,
    /// As a relay: reservations of one peer, one for each of its connections.
    pub relay_reservations_per_peer: usize,
    /// As a relay: circuits open at once.
    pub relay_circuits: usize,
    /// As a relay: circuits of one peer, when it opens one more.
    pub relay_circuits_per_peer: usize,
    /// As a relay: how long one circuit stays open.
    pub relay_circuit_duration: Duration,
    /// As a relay: bytes over one circuit, both directions together.
    pub relay_circuit_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            profiles: 16_384,
            mailboxes: 16_384,
            presences: 16_384,
            entries: 16_384,
            entries_per_peer: 1_024,
            own_entries: 1_024,
            records_per_peer: 1_024,
            puts_per_peer: 512,
            own_records: 64,
            inbound_connections: 512,
            outbound_connections: 256,
            connections_per_peer: 4,
            idle: Duration::from_secs(10 * 60),
            ping: Duration::from_secs(15),
            refresh: Duration::from_secs(5 * 60),
            requests_per_peer: 256,
            requests: 256,
            topics: 64,
            queries: 256,
            scored_peers: 4_096,
            watches: 1_024,
            agree: 3,
            query_timeout: Duration::from_secs(20),
            grace: Duration::from_millis(500),
            stall: Duration::from_secs(2),
            republish: Duration::from_secs(30 * 60),
            rejoin: Duration::from_secs(1),
            measure: Duration::from_millis(250),
            reserve_after: Duration::from_secs(5),
            relay_slots: 2,
            relay_reservations: 256,
            relay_reservations_per_peer: 2,
            relay_circuits: 128,
            relay_circuits_per_peer: 8,
            relay_circuit_duration: Duration::from_secs(30 * 60),
            relay_circuit_bytes: 64 * 1024 * 1024,
        }
    }
}
