//! Outbound connections that are chosen automatically, and the replacement of those that are of little use.

use super::Network;
use super::dial::PendingDial;
use super::peer::Peer;
use crate::host::Host;
use crate::output::DialTarget;
use crate::random::Random;
use crate::{AddressEntry, BookEntry, ConnectionKind, NetworkKind, PeerAddress, Time};
use bitcoin::p2p::ServiceFlags;
use std::collections::BTreeSet;
use std::time::Duration;

/// Mean time between feelers.
const FEELER_INTERVAL: Duration = Duration::from_secs(2 * 60);
/// Mean time between extra block-relay connections.
const EXTRA_BLOCK_RELAY_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// Time between looks at the age of the tip.
const STALE_CHECK: Duration = Duration::from_secs(10 * 60);
/// An outbound peer is not replaced earlier than this.
const MIN_CONNECT_TIME: Duration = Duration::from_secs(30);
/// Addresses that are tried for one connection.
const MAX_TRIES: usize = 100;
/// Block-relay peers that are dialled first after a restart.
const MAX_ANCHORS: usize = 2;

/// What is due for outbound connections, by node time.
#[derive(Debug)]
pub(super) struct Outbound {
    anchors: Vec<AddressEntry>,
    next_feeler: Time,
    next_extra_block_relay: Time,
    extra_block_relay: bool,
    try_another_outbound: bool,
    next_stale_check: Time,
}

impl Outbound {
    pub(super) fn new(random: &mut Random, now: Time) -> Self {
        Self {
            anchors: Vec::new(),
            next_feeler: now + random.exponential(FEELER_INTERVAL),
            next_extra_block_relay: now + random.exponential(EXTRA_BLOCK_RELAY_INTERVAL),
            extra_block_relay: false,
            try_another_outbound: false,
            next_stale_check: Time::NEVER,
        }
    }
}

impl Network {
    /// Addresses to dial first, from the last run.
    pub fn set_anchors(&mut self, mut anchors: Vec<AddressEntry>) {
        anchors.truncate(MAX_ANCHORS);
        self.info(format!("{} block-relay-only anchors will be tried for connections.", anchors.len()));
        self.connections.outbound.anchors = anchors;
    }

    /// Addresses to dial first in the next run.
    pub fn anchors(&self) -> Vec<AddressEntry> {
        let peers = self.peers.values().filter(|peer| peer.kind == ConnectionKind::BlockRelay);
        let entry = |peer: &Peer| AddressEntry { address: peer.address, services: peer.their_services, time: 0 };
        peers.map(entry).take(MAX_ANCHORS).collect()
    }

    /// Fills one free slot, one dial at a time.
    pub(super) fn dial_automatically(&mut self, now: Time) {
        let busy = self.pending.values().any(|dial| {
            matches!(dial.kind, ConnectionKind::FullRelay | ConnectionKind::BlockRelay | ConnectionKind::Feeler)
        });
        if busy {
            return;
        }
        let (full, blocks) = (self.count_kind(ConnectionKind::FullRelay), self.count_kind(ConnectionKind::BlockRelay));
        let anchor = blocks < self.max_block_relay() && !self.connections.outbound.anchors.is_empty();
        let kind = if anchor {
            ConnectionKind::BlockRelay
        } else if full < self.max_full_relay() {
            ConnectionKind::FullRelay
        } else if blocks < self.max_block_relay() {
            ConnectionKind::BlockRelay
        } else if self.connections.outbound.try_another_outbound && full == self.max_full_relay() {
            ConnectionKind::FullRelay
        } else if now > self.connections.outbound.next_extra_block_relay
            && self.connections.outbound.extra_block_relay
            && blocks == self.max_block_relay()
        {
            // A new peer every few minutes makes it hard to keep us from the best chain.
            self.connections.outbound.next_extra_block_relay =
                now + self.random.exponential(EXTRA_BLOCK_RELAY_INTERVAL);
            ConnectionKind::BlockRelay
        } else if now > self.connections.outbound.next_feeler {
            self.connections.outbound.next_feeler = now + self.random.exponential(FEELER_INTERVAL);
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
        while let Some(anchor) = self.connections.outbound.anchors.pop() {
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
            if self.is_added(&text) {
                continue;
            }
            return Some((address, info.services));
        }
        None
    }

    fn choose_feeler(&mut self, reachable: &[NetworkKind], now: Time) -> Option<BookEntry> {
        match self.book.select_tried_collision() {
            Some(entry) if !self.is_connected_to(&entry.info.address) => Some(entry),
            Some(entry) => {
                self.book.good(&entry.info.address, now);
                self.book.select(true, reachable, now)
            }
            None => self.book.select(true, reachable, now),
        }
    }

    /// Looks after the age of our tip, and drops outbound peers that are too many.
    pub(super) fn check_stale_tip_and_extra_peers(&mut self, now: Time, host: &dyn Host) {
        self.evict_extra_block_relay(now);
        self.evict_extra_full_relay(now);
        if now > self.connections.outbound.next_stale_check {
            self.connections.outbound.next_stale_check = now + STALE_CHECK;
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
            } else if self.connections.outbound.try_another_outbound {
                self.set_try_another_outbound(false);
            }
        }
        if !self.initial_sync_finished && self.can_direct_fetch(now, host) {
            self.net("enabling extra block-relay-only peers".to_owned());
            self.connections.outbound.extra_block_relay = true;
            self.initial_sync_finished = true;
        }
    }

    fn set_try_another_outbound(&mut self, flag: bool) {
        self.connections.outbound.try_another_outbound = flag;
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
        youngest.sort_unstable_by_key(|(id, ..)| std::cmp::Reverse(*id));
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
        let full = |peer: &&Peer| peer.kind == ConnectionKind::FullRelay && !peer.disconnect;
        if self.peers.values().filter(full).filter(|peer| peer.ready).count() <= self.max_full_relay() {
            return;
        }
        let same_network = |peer: &Peer| {
            let network = peer.address.addr.network();
            let kept = |other: &&Peer| {
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
