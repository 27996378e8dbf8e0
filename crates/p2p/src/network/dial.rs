//! Whom to dial (Core's `ThreadOpenConnections` and its kin): outbound slots, feelers, added nodes, seeds.

use super::Network;
use crate::config::Config;
use crate::host::Host;
use crate::output::{DialId, DialTarget, Output};
use crate::random::Random;
use crate::{AddressEntry, BookEntry, ConnectionKind, NetAddr, PeerAddress, PeerId, Time};
use bitcoin::p2p::ServiceFlags;
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

/// Outbound connections for everything, …
pub(super) const MAX_FULL_RELAY: usize = 8;
/// … for blocks only, …
pub(super) const MAX_BLOCK_RELAY: usize = 2;
/// … and to test addresses.
const MAX_FEELERS: usize = 1;
/// Added nodes that are connected at a time.
const MAX_ADDED: usize = 8;
/// Block-relay peers that are dialled first after a restart.
const MAX_ANCHORS: usize = 2;
/// Mean time between feelers.
const FEELER_INTERVAL: Duration = Duration::from_secs(2 * 60);
/// Mean time between extra block-relay connections.
const EXTRA_BLOCK_RELAY_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// Time between looks at outbound peers that are too many.
const EXTRA_PEER_CHECK: Duration = Duration::from_secs(45);
/// Time between looks at the age of the tip.
const STALE_CHECK: Duration = Duration::from_secs(10 * 60);
/// An outbound peer is not replaced earlier than this.
const MIN_CONNECT_TIME: Duration = Duration::from_secs(30);
/// Addresses that are tried for one connection.
const MAX_TRIES: usize = 100;
/// An added node that did not answer is tried again after this.
const ADDED_RETRY: Duration = Duration::from_secs(60);
/// With so many full-relay peers no seeds are needed.
const ENOUGH_PEERS: usize = 2;
/// DNS seeds that are asked at once, and the wait before it when we know few addresses or many.
const SEEDS_AT_ONCE: usize = 3;
const SEED_WAIT_FEW: Duration = Duration::from_secs(11);
const SEED_WAIT_MANY: Duration = Duration::from_secs(5 * 60);
const MANY_ADDRESSES: usize = 1_000;
/// Time for other sources before the built-in addresses are used.
const FIXED_SEED_WAIT: Duration = Duration::from_secs(60);
/// Services that a DNS seed is asked for: its names begin with them.
const SEED_SERVICES: ServiceFlags = ServiceFlags::WITNESS;

/// An attempt to connect that is under way.
#[derive(Debug)]
pub(super) struct PendingDial {
    pub(super) target: DialTarget,
    pub(super) kind: ConnectionKind,
    pub(super) v2: bool,
    pub(super) services: ServiceFlags,
    pub(super) count_failure: bool,
}

impl PendingDial {
    pub(super) fn shown(&self) -> String {
        match &self.target {
            DialTarget::Address(address) => address.to_string(),
            DialTarget::Name(name) => name.clone(),
        }
    }
}

/// An added node (RPC `getaddednodeinfo`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedNode {
    /// As it was given.
    pub name: String,
    /// Whether to try v2.
    pub v2: bool,
    /// Its connection, if there is one: address, and whether it came from there.
    pub connected: Option<(PeerAddress, bool)>,
}

/// Why a node was not added or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddNodeError {
    /// It is there already.
    #[error("Error: Node already added")]
    AlreadyAdded,
    /// It was never added.
    #[error("Error: Node could not be removed. It has not been added previously.")]
    NotAdded,
    /// All slots of this kind are taken.
    #[error("Error: Already at capacity for specified connection type.")]
    AtCapacity,
}

#[derive(Debug)]
struct Added {
    name: String,
    v2: bool,
    /// Real time until the next attempt.
    wait: Duration,
}

/// What drives dialling. Its clock is real time, which `setmocktime` does not touch; only what Core does by node time
/// has a [`Time`].
#[derive(Debug)]
pub(super) struct Connections {
    added: Vec<Added>,
    reconnections: VecDeque<PendingDial>,
    addr_fetches: VecDeque<String>,
    anchors: Vec<AddressEntry>,
    started: Time,
    next_feeler: Time,
    next_extra_block_relay: Time,
    extra_block_relay: bool,
    try_another_outbound: bool,
    next_stale_check: Time,
    until_peer_check: Duration,
    until_rebroadcast: Duration,
    until_save: Duration,
    dns_seeds: VecDeque<String>,
    until_dns: Duration,
    fixed_seeds_done: bool,
    found: usize,
}

impl Connections {
    pub(super) fn new(config: &Config, random: &mut Random, now: Time) -> Self {
        let mut dns_seeds = if config.dns_seed { config.params.dns_seeds.clone() } else { Vec::new() };
        random.shuffle(&mut dns_seeds);
        let v2 = config.services.has(ServiceFlags::P2P_V2);
        let added = |name: &String| Added { name: name.clone(), v2, wait: Duration::ZERO };
        // `-connect` is a list of nodes to keep, without any other dialling.
        let kept = config.connect.iter().flatten().chain(&config.added_nodes);
        Self {
            added: kept.map(added).collect(),
            reconnections: VecDeque::new(),
            addr_fetches: config.seed_nodes.iter().cloned().collect(),
            anchors: Vec::new(),
            started: now,
            next_feeler: now + random.exponential(FEELER_INTERVAL),
            next_extra_block_relay: now + random.exponential(EXTRA_BLOCK_RELAY_INTERVAL),
            extra_block_relay: false,
            try_another_outbound: false,
            next_stale_check: Time::NEVER,
            until_peer_check: EXTRA_PEER_CHECK,
            until_rebroadcast: rebroadcast_gap(random),
            until_save: SAVE_INTERVAL,
            dns_seeds: dns_seeds.into(),
            until_dns: Duration::ZERO,
            fixed_seeds_done: !config.fixed_seeds,
            found: 0,
        }
    }
}

/// Time between savings of the address book.
const SAVE_INTERVAL: Duration = Duration::from_secs(15 * 60);

/// Own transactions are announced again at times that nobody can foresee.
fn rebroadcast_gap(random: &mut Random) -> Duration {
    Duration::from_secs(10 * 60) + random.within(Duration::from_secs(5 * 60))
}

/// Subtracts real time from a countdown; `true` when it is over.
fn is_due(countdown: &mut Duration, elapsed: Duration) -> bool {
    *countdown = countdown.saturating_sub(elapsed);
    countdown.is_zero()
}

impl Network {
    fn automatic(&self) -> bool {
        self.config.connect.is_none()
    }

    /// Slots for inbound connections: what the outbound ones leave.
    pub(super) fn max_inbound(&self) -> usize {
        let max = self.config.max_connections;
        max - max.min(MAX_FULL_RELAY + MAX_BLOCK_RELAY + MAX_FEELERS)
    }

    fn max_full_relay(&self) -> usize {
        MAX_FULL_RELAY.min(self.config.max_connections)
    }

    fn max_block_relay(&self) -> usize {
        MAX_BLOCK_RELAY.min(self.config.max_connections - self.max_full_relay())
    }

    fn count_kind(&self, kind: ConnectionKind) -> usize {
        let pending = self.pending.values().filter(|dial| dial.kind == kind).count();
        self.peers.values().filter(|peer| peer.kind == kind && !peer.disconnect).count() + pending
    }

    /// Addresses to dial first, from the last run.
    pub fn set_anchors(&mut self, mut anchors: Vec<AddressEntry>) {
        anchors.truncate(MAX_ANCHORS);
        self.info(format!("{} block-relay-only anchors will be tried for connections.", anchors.len()));
        self.connections.anchors = anchors;
    }

    /// Addresses to dial first in the next run.
    pub fn anchors(&self) -> Vec<AddressEntry> {
        let peers = self.peers.values().filter(|peer| peer.kind == ConnectionKind::BlockRelay && peer.ready);
        let entry =
            |peer: &super::peer::Peer| AddressEntry { address: peer.address, services: peer.their_services, time: 0 };
        peers.map(entry).take(MAX_ANCHORS).collect()
    }

    /// Lets `elapsed` real time pass: dials, looks after slots, asks seeds. Call it every 500 ms. (RPC `mockscheduler`
    /// adds to the elapsed time.)
    pub fn tick(&mut self, elapsed: Duration, now: Time, host: &mut dyn Host) {
        if is_due(&mut self.connections.until_peer_check, elapsed) {
            self.connections.until_peer_check = EXTRA_PEER_CHECK;
            self.check_stale_tip_and_extra_peers(now, host);
        }
        if is_due(&mut self.connections.until_rebroadcast, elapsed) {
            self.connections.until_rebroadcast = rebroadcast_gap(&mut self.random);
            self.reattempt_broadcast(host);
        }
        if is_due(&mut self.connections.until_save, elapsed) {
            self.connections.until_save = SAVE_INTERVAL;
            self.outputs.push_back(Output::SaveAddresses);
        }
        if !self.network_active {
            return;
        }
        while let Some(dial) = self.connections.reconnections.pop_front() {
            self.dial(dial, now);
        }
        self.dial_added(elapsed, now);
        if self.automatic() {
            self.ask_seeds(elapsed, now);
            self.fetch_addresses(now);
            self.dial_automatically(now);
        }
        self.flush_book_log();
    }

    /// Asks the driver to dial, unless it would be in vain.
    fn dial(&mut self, dial: PendingDial, now: Time) -> bool {
        if !self.network_active {
            return false;
        }
        if let DialTarget::Address(address) = &dial.target {
            let banned = self.bans.is_discouraged(&address.addr) || self.bans.is_banned(&address.addr, now);
            let local = self.config.local_addresses.contains(address);
            if local || banned || self.is_connected_to(address) {
                return false;
            }
        } else if self.peers.values().any(|peer| peer.name == dial.shown()) {
            return false;
        }
        let version = if dial.v2 { "v2" } else { "v1" };
        let (shown, kind) = (dial.shown(), dial.kind.name());
        self.net(format!("trying {version} connection ({kind}) to {shown}, lastseen=0.0hrs"));
        let id = DialId(self.next_dial);
        self.next_dial += 1;
        self.outputs.push_back(Output::Dial { id, target: dial.target.clone() });
        self.pending.insert(id, dial);
        true
    }

    /// A name as it was given: as an address, if it is one.
    fn dial_name(&mut self, name: &str, kind: ConnectionKind, v2: bool, now: Time) -> bool {
        let target = DialTarget::Name(name.to_owned());
        self.dial(PendingDial { target, kind, v2, services: ServiceFlags::NONE, count_failure: false }, now)
    }

    pub(super) fn queue_v1_reconnection(&mut self, id: PeerId) {
        let peer = self.peer(id);
        let target = peer.destination.clone().map_or(DialTarget::Address(peer.address), DialTarget::Name);
        let (kind, services) = (peer.kind, peer.expected_services);
        self.connections.reconnections.push_back(PendingDial {
            target,
            kind,
            v2: false,
            services,
            count_failure: false,
        });
    }

    // Added nodes.

    fn same_node(&self, one: &str, two: &str) -> bool {
        let port = self.config.params.default_port;
        one == two
            || matches!((PeerAddress::parse(one, port), PeerAddress::parse(two, port)), (Ok(one), Ok(two)) if one == two)
    }

    /// Keeps a connection to a node (RPC `addnode add`).
    ///
    /// # Errors
    ///
    /// When it is there already.
    pub fn add_node(&mut self, name: &str, v2: bool) -> Result<(), AddNodeError> {
        if self.connections.added.iter().any(|added| self.same_node(&added.name, name)) {
            return Err(AddNodeError::AlreadyAdded);
        }
        self.connections.added.push(Added { name: name.to_owned(), v2, wait: Duration::ZERO });
        Ok(())
    }

    /// Keeps no connection to it any more; an existing one stays (RPC `addnode remove`).
    ///
    /// # Errors
    ///
    /// When it was never added.
    pub fn remove_node(&mut self, name: &str) -> Result<(), AddNodeError> {
        let before = self.connections.added.len();
        self.connections.added.retain(|added| added.name != name);
        if self.connections.added.len() < before { Ok(()) } else { Err(AddNodeError::NotAdded) }
    }

    /// The added nodes.
    pub fn added_nodes(&self) -> Vec<AddedNode> {
        let info = |added: &Added| {
            let address = PeerAddress::parse(&added.name, self.config.params.default_port).ok();
            let is_it = |peer: &&super::peer::Peer| peer.name == added.name || Some(peer.address) == address;
            let connected = self.peers.values().find(is_it).map(|peer| (peer.address, peer.is_inbound()));
            AddedNode { name: added.name.clone(), v2: added.v2, connected }
        };
        self.connections.added.iter().map(info).collect()
    }

    /// Dials a node once (RPC `addnode onetry`).
    pub fn connect_once(&mut self, name: &str, v2: bool, now: Time) {
        self.dial_name(name, ConnectionKind::Manual, v2, now);
    }

    /// Dials a node with a kind of connection that is else chosen automatically (RPC `addconnection`, for tests).
    ///
    /// # Errors
    ///
    /// When all slots of the kind are taken.
    pub fn add_connection(
        &mut self,
        name: &str,
        kind: ConnectionKind,
        v2: bool,
        now: Time,
    ) -> Result<(), AddNodeError> {
        let max = match kind {
            ConnectionKind::FullRelay => self.max_full_relay(),
            ConnectionKind::BlockRelay => self.max_block_relay(),
            ConnectionKind::AddrFetch | ConnectionKind::Feeler => usize::MAX,
            ConnectionKind::Inbound | ConnectionKind::Manual => 0,
        };
        if self.count_kind(kind) >= max {
            return Err(AddNodeError::AtCapacity);
        }
        self.dial_name(name, kind, v2, now);
        Ok(())
    }

    fn dial_added(&mut self, elapsed: Duration, now: Time) {
        let mut slots = MAX_ADDED.saturating_sub(self.count_kind(ConnectionKind::Manual));
        let connected: Vec<bool> = self.added_nodes().iter().map(|node| node.connected.is_some()).collect();
        let mut due = Vec::new();
        for (added, connected) in self.connections.added.iter_mut().zip(connected) {
            if !connected && is_due(&mut added.wait, elapsed) && slots > 0 {
                slots -= 1;
                added.wait = ADDED_RETRY;
                due.push((added.name.clone(), added.v2));
            }
        }
        for (name, v2) in due {
            let pending = self.pending.values().any(|dial| dial.shown() == name);
            if !pending {
                self.dial_name(&name, ConnectionKind::Manual, v2, now);
            }
        }
    }

    // Seeds.

    /// A seed was looked up. Its addresses count as seen a few days ago; a seed without any is asked as a node.
    pub fn seed_resolved(&mut self, host: &str, addresses: &[NetAddr], now: Time) {
        let services = SEED_SERVICES | ServiceFlags::NETWORK;
        let port = self.config.params.default_port;
        let mut entries = Vec::new();
        for addr in addresses.iter().take(32) {
            let age = Duration::from_secs(3 * 24 * 60 * 60) + self.random.within(Duration::from_secs(4 * 24 * 60 * 60));
            let time = u32::try_from((now - age).secs()).unwrap_or(0);
            entries.push(AddressEntry { address: PeerAddress::new(*addr, port), services, time });
        }
        if entries.is_empty() {
            let name = host.split_once('.').map_or(host, |(_, name)| name);
            self.connections.addr_fetches.push_back(name.to_owned());
            return;
        }
        self.connections.found += entries.len();
        // All of a seed count as told by one source, so that one seed reaches few buckets.
        let source = entries[0].address.addr;
        self.book.add(&entries, &source, Duration::ZERO, now);
        if self.connections.dns_seeds.is_empty() {
            let found = self.connections.found;
            self.info(format!("{found} addresses found from DNS seeds"));
        }
    }

    fn full_relay_ready(&self) -> usize {
        self.peers.values().filter(|peer| peer.ready && peer.kind == ConnectionKind::FullRelay).count()
    }

    fn ask_seeds(&mut self, elapsed: Duration, now: Time) {
        self.ask_dns_seeds(elapsed);
        self.use_fixed_seeds(now);
    }

    fn ask_dns_seeds(&mut self, elapsed: Duration) {
        if self.connections.dns_seeds.is_empty() {
            return;
        }
        let at_once = if self.config.force_dns_seed || self.book.is_empty() {
            self.connections.dns_seeds.len()
        } else {
            if self.connections.until_dns.is_zero() {
                let many = self.book.len() >= MANY_ADDRESSES;
                self.connections.until_dns = if many { SEED_WAIT_MANY } else { SEED_WAIT_FEW };
                let seconds = self.connections.until_dns.as_secs();
                self.info(format!("Waiting {seconds} seconds before querying DNS seeds."));
            }
            if self.full_relay_ready() >= ENOUGH_PEERS {
                self.info("P2P peers available. Skipped DNS seeding.".to_owned());
                self.connections.dns_seeds.clear();
                return;
            }
            if !is_due(&mut self.connections.until_dns, elapsed) {
                return;
            }
            SEEDS_AT_ONCE
        };
        for _ in 0..at_once {
            let Some(seed) = self.connections.dns_seeds.pop_front() else { break };
            self.info(format!("Loading addresses from DNS seed {seed}"));
            let services = (SEED_SERVICES | ServiceFlags::NETWORK).to_u64();
            self.outputs.push_back(Output::ResolveSeed { host: format!("x{services:x}.{seed}") });
        }
    }

    fn use_fixed_seeds(&mut self, now: Time) {
        if self.connections.fixed_seeds_done {
            return;
        }
        let empty = |network: &&crate::NetworkKind| self.book.counts(Some(**network)) == (0, 0);
        let networks: Vec<_> = self.config.reachable.iter().filter(empty).copied().collect();
        if networks.is_empty() {
            return;
        }
        if now.is_past(self.connections.started, FIXED_SEED_WAIT) {
            self.info(
                "Adding fixed seeds as 60 seconds have passed and addrman is empty for at least one reachable network"
                    .to_owned(),
            );
        } else if !self.config.dns_seed && self.config.seed_nodes.is_empty() && self.connections.added.is_empty() {
            self.info("Adding fixed seeds as -dnsseed=0 (or IPv4/IPv6 connections are disabled via -onlynet) and neither -addnode nor -seednode are provided".to_owned());
        } else {
            return;
        }
        self.connections.fixed_seeds_done = true;
        let services = ServiceFlags::NETWORK | ServiceFlags::WITNESS;
        let seeds = self.config.params.fixed_seeds.clone();
        let wanted = seeds.into_iter().filter(|address| networks.contains(&address.addr.network()));
        let mut entries = Vec::new();
        for address in wanted {
            let age = self.random.within(Duration::from_secs(7 * 24 * 60 * 60));
            let week_ago = now - Duration::from_secs(7 * 24 * 60 * 60) - age;
            entries.push(AddressEntry { address, services, time: u32::try_from(week_ago.secs()).unwrap_or(0) });
        }
        // Each is its own source: they are no neighbourhood of one another.
        for entry in &entries {
            self.book.add(&[*entry], &entry.address.addr, Duration::ZERO, now);
        }
        self.info(format!("Added {} fixed seeds from reachable networks.", entries.len()));
    }

    fn fetch_addresses(&mut self, now: Time) {
        if let Some(name) = self.connections.addr_fetches.pop_front() {
            let v2 = self.services.has(ServiceFlags::P2P_V2);
            self.dial_name(&name, ConnectionKind::AddrFetch, v2, now);
        }
    }

    // Automatic outbound connections.

    /// Fills one free slot, one dial at a time.
    fn dial_automatically(&mut self, now: Time) {
        let busy = self.pending.values().any(|dial| {
            matches!(dial.kind, ConnectionKind::FullRelay | ConnectionKind::BlockRelay | ConnectionKind::Feeler)
        });
        if busy {
            return;
        }
        let (full, blocks) = (self.count_kind(ConnectionKind::FullRelay), self.count_kind(ConnectionKind::BlockRelay));
        let anchor = blocks < self.max_block_relay() && !self.connections.anchors.is_empty();
        let kind = if anchor {
            ConnectionKind::BlockRelay
        } else if full < self.max_full_relay() {
            ConnectionKind::FullRelay
        } else if blocks < self.max_block_relay() {
            ConnectionKind::BlockRelay
        } else if self.connections.try_another_outbound && full == self.max_full_relay() {
            ConnectionKind::FullRelay
        } else if now > self.connections.next_extra_block_relay
            && self.connections.extra_block_relay
            && blocks == self.max_block_relay()
        {
            // A new peer every few minutes makes it hard to keep us from the best chain.
            self.connections.next_extra_block_relay = now + self.random.exponential(EXTRA_BLOCK_RELAY_INTERVAL);
            ConnectionKind::BlockRelay
        } else if now > self.connections.next_feeler {
            self.connections.next_feeler = now + self.random.exponential(FEELER_INTERVAL);
            ConnectionKind::Feeler
        } else {
            return;
        };
        self.book.resolve_collisions(now);
        let groups = self.outbound_groups();
        let chosen = if anchor { self.choose_anchor(&groups, now) } else { self.choose_address(kind, &groups, now) };
        let Some((address, services)) = chosen else { return };
        if kind == ConnectionKind::Feeler {
            self.net(format!("Making feeler connection to {address}"));
        }
        let v2 = services.has(ServiceFlags::P2P_V2) && self.services.has(ServiceFlags::P2P_V2);
        // With peers in two groups we are online: then a failure is the address' fault.
        let count_failure = groups.len() >= 2;
        let target = DialTarget::Address(address);
        self.dial(PendingDial { target, kind, v2, services, count_failure }, now);
    }

    /// Network groups of the outbound peers; none of them gets a second connection.
    fn outbound_groups(&self) -> BTreeSet<Vec<u8>> {
        let outbound = self.peers.values().filter(|peer| {
            matches!(peer.kind, ConnectionKind::FullRelay | ConnectionKind::BlockRelay | ConnectionKind::Manual)
        });
        let internet = outbound.filter(|peer| peer.address.addr.is_v1_compatible());
        internet.map(|peer| peer.address.addr.group()).collect()
    }

    fn choose_anchor(&mut self, groups: &BTreeSet<Vec<u8>>, now: Time) -> Option<(PeerAddress, ServiceFlags)> {
        while let Some(anchor) = self.connections.anchors.pop() {
            let address = anchor.address;
            let usable = address.is_valid()
                && self.config.reachable.contains(&address.addr.network())
                && self.has_desirable_services(anchor.services, now)
                && !groups.contains(&address.addr.group());
            if usable {
                self.net(format!("Trying to make an anchor connection to {address}"));
                return Some((address, anchor.services));
            }
        }
        None
    }

    fn choose_address(
        &mut self,
        kind: ConnectionKind,
        groups: &BTreeSet<Vec<u8>>,
        now: Time,
    ) -> Option<(PeerAddress, ServiceFlags)> {
        let feeler = kind == ConnectionKind::Feeler;
        let reachable = self.config.reachable.clone();
        for attempt in 0..MAX_TRIES {
            let entry =
                if feeler { self.choose_feeler(&reachable, now)? } else { self.book.select(false, &reachable, now)? };
            let BookEntry { info, last_try, .. } = &entry;
            let address = info.address;
            if !feeler && groups.contains(&address.addr.group()) {
                continue;
            }
            if self.config.local_addresses.contains(&address) {
                return None;
            }
            if !now.is_past(*last_try, Duration::from_secs(600)) && attempt < 30 {
                continue;
            }
            let serves = if feeler {
                info.services.has(ServiceFlags::NETWORK) || info.services.has(ServiceFlags::NETWORK_LIMITED)
            } else {
                self.has_desirable_services(info.services, now)
            };
            // Ports of other services: we must not be used to attack them.
            if !serves || (attempt < 50 && is_bad_port(address.port)) {
                continue;
            }
            let text = address.to_string();
            if self.connections.added.iter().any(|added| self.same_node(&added.name, &text)) {
                continue;
            }
            return Some((address, info.services));
        }
        None
    }

    fn choose_feeler(&mut self, reachable: &[crate::NetworkKind], now: Time) -> Option<BookEntry> {
        match self.book.select_tried_collision() {
            Some(entry) if !self.is_connected_to(&entry.info.address) => Some(entry),
            Some(entry) => {
                self.book.good(&entry.info.address, now);
                self.book.select(true, reachable, now)
            }
            None => self.book.select(true, reachable, now),
        }
    }

    // Outbound peers that are too many.

    fn check_stale_tip_and_extra_peers(&mut self, now: Time, host: &dyn Host) {
        self.evict_extra_block_relay(now);
        self.evict_extra_full_relay(now);
        if now > self.connections.next_stale_check {
            self.connections.next_stale_check = now + STALE_CHECK;
            if self.last_tip_update.is_never() {
                self.last_tip_update = now;
            }
            let stale = now.is_past(self.last_tip_update, self.config.params.target_spacing * 3)
                && self.blocks_in_flight.is_empty();
            if stale && !host.is_loading_blocks() && self.network_active && self.automatic() {
                let seconds = now.since(self.last_tip_update) / 1_000_000;
                self.info(format!(
                    "Potential stale tip detected, will try using extra outbound peer (last tip update: {seconds} seconds ago)"
                ));
                self.set_try_another_outbound(true);
            } else if self.connections.try_another_outbound {
                self.set_try_another_outbound(false);
            }
        }
        if !self.initial_sync_finished && self.can_direct_fetch(now, host) {
            self.net("enabling extra block-relay-only peers".to_owned());
            self.connections.extra_block_relay = true;
            self.initial_sync_finished = true;
        }
    }

    fn set_try_another_outbound(&mut self, flag: bool) {
        self.connections.try_another_outbound = flag;
        self.net(format!("setting try another outbound peer={flag}"));
    }

    /// Of the two youngest block-relay peers, drops who gave us a block less recently.
    fn evict_extra_block_relay(&mut self, now: Time) {
        let peers = self.peers.values().filter(|p| p.kind == ConnectionKind::BlockRelay && !p.disconnect);
        let ready = peers.clone().filter(|peer| peer.ready).count();
        if ready <= self.max_block_relay() {
            return;
        }
        let mut youngest: Vec<_> = peers.map(|peer| (peer.id, peer.last_block, peer.connected)).collect();
        youngest.sort_unstable_by(|a, b| b.0.cmp(&a.0));
        let index = usize::from(youngest.len() > 1 && youngest[0].1 > youngest[1].1);
        let (id, last_block, connected) = youngest[index];
        let in_flight = self.blocks_in_flight.count(id);
        if now.since(connected) >= MIN_CONNECT_TIME.as_micros() as i64 && in_flight == 0 {
            self.mark_disconnect(id);
            let seconds = last_block.secs();
            self.net(format!("disconnecting extra block-relay-only peer={id} (last block received at time {seconds})"));
        } else {
            let seconds = connected.secs();
            self.net(format!(
                "keeping block-relay-only peer={id} chosen for eviction (connect time: {seconds}, blocks_in_flight: {in_flight})"
            ));
        }
    }

    /// Drops the full-relay peer that announced a new block least recently, but not the last one of a network.
    fn evict_extra_full_relay(&mut self, now: Time) {
        let full = |peer: &&super::peer::Peer| peer.kind == ConnectionKind::FullRelay && !peer.disconnect;
        if self.peers.values().filter(full).filter(|peer| peer.ready).count() <= self.max_full_relay() {
            return;
        }
        let same_network = |peer: &super::peer::Peer| {
            let network = peer.address.addr.network();
            let kept = |other: &&super::peer::Peer| {
                matches!(other.kind, ConnectionKind::FullRelay | ConnectionKind::Manual)
                    && other.address.addr.network() == network
            };
            self.peers.values().filter(kept).count()
        };
        let candidates = self.peers.values().filter(full).filter(|p| !p.chain_sync.protect && same_network(p) > 1);
        let worst = candidates.min_by_key(|peer| (peer.last_announcement, std::cmp::Reverse(peer.id)));
        let Some((id, announced, connected)) = worst.map(|p| (p.id, p.last_announcement, p.connected)) else { return };
        let in_flight = self.blocks_in_flight.count(id);
        if now.is_past(connected, MIN_CONNECT_TIME) && in_flight == 0 {
            self.net(format!(
                "disconnecting extra outbound peer={id} (last block announcement received at time {announced})"
            ));
            self.mark_disconnect(id);
            self.set_try_another_outbound(false);
        } else {
            let seconds = connected.secs();
            self.net(format!(
                "keeping outbound peer={id} chosen for eviction (connect time: {seconds}, blocks_in_flight: {in_flight})"
            ));
        }
    }
}

/// Ports of well-known services, where nobody runs a node (Core's `IsBadPort`).
fn is_bad_port(port: u16) -> bool {
    const BAD: [u16; 83] = [
        1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109,
        110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530,
        531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3306, 3389, 3659,
        4045, 5060, 5061, 5432, 5900, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6697,
    ];
    BAD.contains(&port)
}
