//! The peers of a node and all that is said between them.
//!
//! Contract of the driver: hand in what happens ([`Network::accept`], [`Network::dialed`], [`Network::handle_received`],
//! [`Network::closed`], …), call [`Network::work`] until it returns `false` (and at least every 100 ms), call
//! [`Network::tick`] every 500 ms of real time, and after each call drain [`Network::poll_output`].

mod addresses;
mod announce;
mod blocks;
mod chain_events;
mod compact_blocks;
mod connect;
mod dial;
mod filters;
mod handshake;
mod headers;
mod info;
mod inventory;
mod light;
mod outbound;
mod peer;
mod ping;
mod process;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod scripted;
mod seeds;
mod send;
mod serve;
mod sync;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod transactions;

use crate::addrman::AddressBook;
use crate::bans::BanList;
use crate::config::Config;
use crate::download::BlocksInFlight;
use crate::fees::FeeFilterRounder;
use crate::light::{FilterSync, LightEvent};
use crate::log::{Level, LogLine};
use crate::orphanage::OrphanInfo;
use crate::output::{DialId, Output};
use crate::random::Random;
use crate::tx_download::TxDownload;
use crate::wire::{Inv, Message};
use crate::{PeerId, Time};
use bitcoin::bip152::HeaderAndShortIds;
use bitcoin::hashes::siphash24;
use bitcoin::p2p::ServiceFlags;
use bitcoin::{Block, BlockHash, Transaction, Txid, Wtxid};
use dial::{Connections, PendingDial};
use peer::Peer;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

pub use connect::Closed;
pub use dial::{AddNodeError, AddedNode};
pub use info::{ConnectionCounts, PeerInfo, Totals};

/// The version of the protocol that we speak.
pub const PROTOCOL_VERSION: u32 = 70_016;
/// What is assumed before the peer's version message.
const INIT_VERSION: u32 = 209;

/// A block that was announced lately, in the forms in which peers ask for it.
#[derive(Debug)]
struct RecentBlock {
    hash: BlockHash,
    block: Arc<Block>,
    compact: HeaderAndShortIds,
    by_txid: HashMap<Txid, usize>,
    by_wtxid: HashMap<Wtxid, usize>,
}

/// The state machine.
#[derive(Debug)]
pub struct Network {
    config: Config,
    random: Random,
    /// For hashes that nobody else can compute.
    keys: (u64, u64),
    peers: BTreeMap<PeerId, Peer>,
    next_peer: u64,
    book: AddressBook,
    bans: BanList,
    outputs: VecDeque<Output>,
    services: ServiceFlags,
    network_active: bool,

    blocks_in_flight: BlocksInFlight,
    /// Who gave us a block, and whether to punish them when it is invalid.
    block_source: HashMap<BlockHash, (PeerId, bool)>,
    /// Peers that announce by compact block, the first to be replaced first.
    high_bandwidth: VecDeque<PeerId>,
    recent_block: Option<RecentBlock>,
    highest_fast_announce: u32,
    last_block_inv: Option<BlockHash>,
    stalling_timeout: Duration,
    last_tip_update: Time,
    best_height: u32,
    best_block_time: i64,
    initial_sync_finished: bool,

    tx_download: TxDownload,
    /// Transactions that did not stay in the mempool, as a ring.
    extra_txs: Vec<(Wtxid, Arc<Transaction>)>,
    extra_next: usize,
    next_inv_to_inbounds: HashMap<u64, Time>,
    fee_rounder: FeeFilterRounder,

    addr_caches: HashMap<u64, (Time, Vec<crate::AddressEntry>)>,

    pending: BTreeMap<DialId, PendingDial>,
    next_dial: u64,
    connections: Connections,
    totals: Totals,
    light: Option<FilterSync>,
    light_events: VecDeque<LightEvent>,
    /// Who lied about filters, and until when that counts.
    distrusted: BTreeMap<crate::PeerAddress, Time>,
}

impl Network {
    /// A node without peers. The seed must be random and secret.
    pub fn new(config: Config, seed: [u8; 32], now: Time) -> Self {
        let mut random = Random::new(seed);
        let keys = (random.u64(), random.u64());
        let connections = Connections::new(&config, &mut random, now);
        let dns_seed = config.dns_seed;
        let mut network = Self {
            services: config.services,
            book: AddressBook::new(random.seed()),
            bans: BanList::new((random.u64(), random.u64())),
            tx_download: TxDownload::new(random.seed()),
            config,
            random,
            keys,
            peers: BTreeMap::new(),
            next_peer: 0,
            outputs: VecDeque::new(),
            network_active: true,
            blocks_in_flight: BlocksInFlight::default(),
            block_source: HashMap::new(),
            high_bandwidth: VecDeque::new(),
            recent_block: None,
            highest_fast_announce: 0,
            last_block_inv: None,
            stalling_timeout: sync::STALLING_TIMEOUT_DEFAULT,
            last_tip_update: Time::NEVER,
            best_height: 0,
            best_block_time: 0,
            initial_sync_finished: false,
            extra_txs: Vec::new(),
            extra_next: 0,
            next_inv_to_inbounds: HashMap::new(),
            fee_rounder: FeeFilterRounder::new(),
            addr_caches: HashMap::new(),
            pending: BTreeMap::new(),
            next_dial: 0,
            connections,
            totals: Totals::default(),
            light: None,
            light_events: VecDeque::new(),
            distrusted: BTreeMap::new(),
        };
        if !dns_seed {
            network.info("DNS seeding disabled".to_owned());
        }
        network
    }

    /// What to do next; `None` when there is nothing.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The tip when the node starts: version messages state its height.
    pub const fn set_best_block(&mut self, height: u32, time: u32) {
        self.best_height = height;
        self.best_block_time = time as i64;
    }

    /// The address book.
    pub const fn book(&self) -> &AddressBook {
        &self.book
    }

    /// The address book, to change it (`addpeeraddress`, or a saved one at start).
    pub const fn book_mut(&mut self) -> &mut AddressBook {
        &mut self.book
    }

    /// The ban list. To ban somebody use [`Network::ban`], which disconnects too.
    pub const fn bans(&self) -> &BanList {
        &self.bans
    }

    /// The ban list, to read a saved one at start.
    pub const fn bans_mut(&mut self) -> &mut BanList {
        &mut self.bans
    }

    /// The orphans, for `getorphantxs`.
    pub fn orphans(&self) -> Vec<OrphanInfo> {
        self.tx_download.orphanage.list()
    }

    /// A hash of these numbers that only we can compute.
    fn keyed_hash(&self, parts: &[&[u8]]) -> u64 {
        siphash24::Hash::hash_to_u64_with_keys(self.keys.0, self.keys.1, &parts.concat())
    }

    fn log(&mut self, line: LogLine) {
        self.outputs.push_back(Output::Log(line));
    }

    fn net(&mut self, text: String) {
        self.log(LogLine::net(text));
    }

    fn info(&mut self, text: String) {
        self.log(LogLine { level: Level::Info, text });
    }

    fn warn(&mut self, text: String) {
        self.log(LogLine { level: Level::Warning, text });
    }

    fn flush_book_log(&mut self) {
        self.outputs.extend(self.book.drain_log().map(Output::Log));
    }

    fn flush_tx_log(&mut self) {
        self.outputs.extend(self.tx_download.take_log().into_iter().map(Output::Log));
    }

    /// `peer=7`, with the address if addresses may be logged.
    fn log_peer(&self, peer: PeerId) -> String {
        match self.peers.get(&peer).filter(|_| self.config.log_ips) {
            Some(known) => format!("peer={peer}, peeraddr={}", known.address),
            None => format!("peer={peer}"),
        }
    }

    /// Marks a peer for disconnection and logs why.
    fn disconnect_net(&mut self, peer: PeerId, why: &str) {
        let text = format!("{why}, disconnecting {}", self.log_peer(peer));
        self.net(text);
        self.mark_disconnect(peer);
    }

    fn mark_disconnect(&mut self, peer: PeerId) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.disconnect = true;
        }
    }

    /// The peer has broken the rules: it is disconnected and discouraged when its turn to be sent something comes.
    fn misbehaving(&mut self, peer: PeerId, why: &str) {
        let Some(known) = self.peers.get_mut(&peer) else { return };
        known.should_discourage = true;
        let colon = if why.is_empty() { "" } else { ": " };
        self.net(format!("Misbehaving: peer={peer}{colon}{why}"));
    }

    fn send(&mut self, peer: PeerId, kind: &'static str, payload: Vec<u8>) {
        self.net(format!("sending {kind} ({} bytes) peer={peer}", payload.len()));
        self.outputs.push_back(Output::Send { peer, message: Message::new(kind, payload) });
    }

    /// Sends any message to a peer (RPC `sendmsgtopeer`, for tests). Returns whether there is such a peer.
    pub fn send_raw(&mut self, peer: PeerId, message: Message) -> bool {
        if !self.peers.contains_key(&peer) {
            return false;
        }
        self.net(format!("sending {} ({} bytes) peer={peer}", message.kind, message.payload.len()));
        self.outputs.push_back(Output::Send { peer, message });
        true
    }

    fn send_invs(&mut self, peer: PeerId, kind: &'static str, invs: &[Inv]) {
        self.send(peer, kind, Inv::payload(invs));
    }

    /// The peer whose message is being processed, or which is being visited.
    ///
    /// # Panics
    ///
    /// When there is no such peer: that is a mistake of ours, since peers leave between messages only.
    fn peer(&self, peer: PeerId) -> &Peer {
        self.peers.get(&peer).expect("peers leave between messages only")
    }

    /// As [`Network::peer`].
    fn peer_mut(&mut self, peer: PeerId) -> &mut Peer {
        self.peers.get_mut(&peer).expect("peers leave between messages only")
    }

    fn peer_ids(&self) -> Vec<PeerId> {
        self.peers.keys().copied().collect()
    }
}
