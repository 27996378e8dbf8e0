//! Settings of the protocol: figures of the network and what `bitcoin.conf` can change.

use crate::NetworkKind;
use bitcoin::Target;
use bitcoin::p2p::ServiceFlags;
use std::time::Duration;

/// Default name of the software in version messages (BIP14).
pub const USER_AGENT: &str = concat!("/Pumasi:", env!("CARGO_PKG_VERSION"), "/");

/// Figures of one network that the protocol needs (regtest, signet, testnet4, main).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// First bytes of every v1 message.
    pub magic: [u8; 4],
    /// Port to dial and to listen on.
    pub default_port: u16,
    /// Time between blocks that the difficulty aims at: ten minutes.
    pub target_spacing: Duration,
    /// Blocks between two adjustments of the difficulty: 2016 (144 on regtest).
    pub adjustment_interval: u32,
    /// Time that these blocks should take.
    pub adjustment_timespan: Duration,
    /// Easiest target.
    pub pow_limit: Target,
    /// Whether a block may have the easiest target after a pause (testnets, regtest): then no change is refused.
    pub allow_min_difficulty: bool,
    /// Headers between two commitments of the presync (Core's `commitment_period`).
    pub headers_commitment_period: u32,
    /// Headers that wait for commitments on top of them (Core's `redownload_buffer_size`).
    pub headers_redownload_buffer: usize,
    /// Names to ask for addresses; none on regtest.
    pub dns_seeds: Vec<String>,
    /// Addresses to try when nothing else gives any.
    pub fixed_seeds: Vec<crate::PeerAddress>,
}

/// Settings of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The network.
    pub params: Params,
    /// What our version messages say we are, with `-uacomment`.
    pub user_agent: String,
    /// Services that we offer; [`ServiceFlags::P2P_V2`] turns the encrypted transport on.
    pub services: ServiceFlags,
    /// Whether we listen (and tell peers our address).
    pub listen: bool,
    /// Addresses of ours to announce (`-externalip`), with the port.
    pub local_addresses: Vec<crate::PeerAddress>,
    /// Most connections in all (`-maxconnections`).
    pub max_connections: usize,
    /// Time for a new connection to say something, and before which no silence is held against it (`-peertimeout`).
    pub peer_timeout: Duration,
    /// No transactions from others (`-blocksonly`).
    pub ignore_incoming_txs: bool,
    /// Recent transactions that did not stay in the mempool, kept for compact blocks (`-blockreconstructionextratxn`).
    pub max_extra_txs: usize,
    /// Whether addresses of peers appear in the log (`-logips`).
    pub log_ips: bool,
    /// Only these networks are dialled and remembered (`-onlynet`).
    pub reachable: Vec<NetworkKind>,
    /// Dial only these (`-connect`); `Some` of nothing dials nobody (`-connect=0`).
    pub connect: Option<Vec<String>>,
    /// Keep connections to these (`-addnode`).
    pub added_nodes: Vec<String>,
    /// Ask these for addresses first (`-seednode`).
    pub seed_nodes: Vec<String>,
    /// Ask the DNS seeds when addresses are scarce (`-dnsseed`).
    pub dns_seed: bool,
    /// Always ask them (`-forcednsseed`).
    pub force_dns_seed: bool,
    /// Use the built-in addresses as a last resort (`-fixedseeds`).
    pub fixed_seeds: bool,
    /// Bytes to upload in a day, 0 without limit (`-maxuploadtarget`).
    pub max_upload: u64,
    /// Bytes of messages that may wait for one peer to be processed (`-maxreceivebuffer`).
    pub receive_flood: usize,
}

impl Config {
    /// Core's defaults for a network.
    pub fn new(params: Params) -> Self {
        Self {
            params,
            user_agent: USER_AGENT.to_owned(),
            services: ServiceFlags::NETWORK
                | ServiceFlags::WITNESS
                | ServiceFlags::NETWORK_LIMITED
                | ServiceFlags::P2P_V2,
            listen: true,
            local_addresses: Vec::new(),
            max_connections: 125,
            peer_timeout: Duration::from_secs(60),
            ignore_incoming_txs: false,
            max_extra_txs: 100,
            log_ips: false,
            reachable: NetworkKind::ROUTABLE[..3].to_vec(),
            connect: None,
            added_nodes: Vec::new(),
            seed_nodes: Vec::new(),
            dns_seed: true,
            force_dns_seed: false,
            fixed_seeds: true,
            max_upload: 0,
            receive_flood: 5_000_000,
        }
    }
}

/// What a peer may do beyond others (`-whitelist`, `-whitebind`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Permissions {
    /// Bloom filters, even if we do not offer them.
    pub bloom_filter: bool,
    /// Transactions even in `-blocksonly`; no limit on announcements.
    pub relay: bool,
    /// Transactions that are in the mempool already are relayed again; implies `relay`.
    pub force_relay: bool,
    /// Headers and blocks beyond the limits on uploads.
    pub download: bool,
    /// Never punished or evicted; implies `download`.
    pub no_ban: bool,
    /// The `mempool` message.
    pub mempool: bool,
    /// No limit on the rate of addresses.
    pub addr: bool,
}

impl Permissions {
    /// Core's names in its order, as `getpeerinfo` lists them.
    pub fn names(&self) -> Vec<&'static str> {
        let all = [
            (self.bloom_filter, "bloomfilter"),
            (self.no_ban, "noban"),
            (self.force_relay, "forcerelay"),
            (self.relay || self.force_relay, "relay"),
            (self.mempool, "mempool"),
            (self.download || self.no_ban, "download"),
            (self.addr, "addr"),
        ];
        all.into_iter().filter(|(set, _)| *set).map(|(_, name)| name).collect()
    }

    pub(crate) const fn may_relay(&self) -> bool {
        self.relay || self.force_relay
    }

    pub(crate) const fn may_download(&self) -> bool {
        self.download || self.no_ban
    }
}
