//! What is sent without being asked: Core's `SendMessages`, once for each peer in each round.

use super::Network;
use super::headers::HEADERS_RESPONSE_TIME;
use super::sync::STALLING_TIMEOUT_MAX;
use crate::download::MAX_PER_PEER;
use crate::fees::MAX_MONEY;
use crate::host::{Host, TxId};
use crate::wire::{Inv, Writer};
use crate::{ConnectionKind, PeerId, Subnet, Time};
use std::time::Duration;

/// Entries of one of our `getdata`.
const MAX_GETDATA: usize = 1_000;
/// Time for the headers of the whole chain: this and a millisecond for each.
const HEADERS_TIMEOUT_BASE: Duration = Duration::from_secs(15 * 60);
const HEADERS_TIMEOUT_PER_HEADER: Duration = Duration::from_millis(1);
/// With a best header that is not older, we are in sync with the network.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Time for an outbound peer to reach our tip.
const CHAIN_SYNC_TIMEOUT: Duration = Duration::from_secs(20 * 60);
/// Time for addresses from whom we asked for nothing else.
const ADDR_FETCH_TIMEOUT: Duration = Duration::from_secs(5 * 60);
/// Mean time between tellings of our fee filter.
const FEE_FILTER_INTERVAL: Duration = Duration::from_secs(10 * 60);
/// Time within which a large change is told.
const FEE_FILTER_CHANGE: Duration = Duration::from_secs(5 * 60);
/// `sendheaders` and `feefilter` go to peers that know them (BIP130, BIP133).
const SENDHEADERS_VERSION: u32 = 70_012;
const FEE_FILTER_VERSION: u32 = 70_013;

impl Network {
    pub(super) fn send_messages(&mut self, id: PeerId, now: Time, host: &mut dyn Host) {
        if self.maybe_discourage(id) {
            return;
        }
        let peer = self.peer(id);
        if !peer.is_inbound() && !peer.version_sent {
            self.peer_mut(id).version_sent = true;
            self.send_version(id, now);
        }
        let peer = self.peer(id);
        if !peer.ready || peer.disconnect {
            return;
        }
        if peer.kind == ConnectionKind::AddrFetch && now.is_past(peer.connected, ADDR_FETCH_TIMEOUT) {
            self.disconnect_net(id, "addrfetch connection timeout");
            return;
        }
        self.maybe_send_ping(id, now);
        if self.peer(id).disconnect {
            return;
        }
        self.maybe_send_addr(id, now, host);
        self.maybe_send_sendheaders(id, host);
        let sync = self.syncs_from(id);
        self.maybe_start_sync(id, sync, now, host);
        self.announce_blocks(id, host);
        self.announce_inventory(id, now, host);
        if self.is_too_slow(id, now, host) {
            return;
        }
        self.consider_eviction(id, now, host);
        self.request_data(id, sync, now, host);
        self.maybe_send_fee_filter(id, now, host);
    }

    /// Disconnects who misbehaved; who connects from elsewhere is remembered too.
    fn maybe_discourage(&mut self, id: PeerId) -> bool {
        let peer = self.peer_mut(id);
        if !std::mem::take(&mut peer.should_discourage) {
            return false;
        }
        let (permissions, kind, addr) = (peer.permissions, peer.kind, peer.address.addr);
        if permissions.no_ban {
            self.warn(format!("Not punishing noban peer {id}!"));
            return false;
        }
        if kind == ConnectionKind::Manual {
            self.warn(format!("Not punishing manually connected peer {id}!"));
            return false;
        }
        if addr.is_local() {
            // Everybody on this machine has the same address.
            self.net(format!("Warning: disconnecting but not discouraging local peer {id}!"));
            self.mark_disconnect(id);
            return true;
        }
        self.net(format!("Disconnecting and discouraging peer {id}!"));
        self.bans.discourage(&addr);
        self.disconnect_subnet(&Subnet::single(addr));
        true
    }

    fn maybe_send_sendheaders(&mut self, id: PeerId, host: &dyn Host) {
        let peer = self.peer(id);
        let synced = peer.best_known.is_some_and(|best| best.work > host.minimum_chain_work());
        if !peer.sent_sendheaders && peer.common_version >= SENDHEADERS_VERSION && synced {
            self.peer_mut(id).sent_sendheaders = true;
            self.send(id, "sendheaders", Vec::new());
        }
    }

    /// Whether blocks and headers are fetched from this peer: from inbound ones only if there is nobody else.
    fn syncs_from(&self, id: PeerId) -> bool {
        let peer = self.peer(id);
        if peer.preferred_download {
            return true;
        }
        let preferred = self.peers.values().any(|peer| peer.preferred_download);
        peer.serves_blocks()
            && peer.kind != ConnectionKind::AddrFetch
            && (!preferred || self.blocks_in_flight.is_empty())
    }

    /// Asks for headers: one peer only, until we are close to today.
    fn maybe_start_sync(&mut self, id: PeerId, sync: bool, now: Time, host: &dyn Host) {
        let peer = self.peer(id);
        if peer.sync_started || !peer.serves_blocks() || host.is_loading_blocks() {
            return;
        }
        let best = host.best_header();
        let best_time = Time::from_secs(i64::from(best.time));
        let nobody = !self.peers.values().any(|peer| peer.sync_started);
        // A light client must know of several peers that they are on its chain, however old that is.
        let compares = self.light.is_some()
            && best.height > 0
            && self.peers.values().all(|peer| peer.last_getheaders.is_never() && peer.headers_sync.is_none());
        if !(compares || nobody && sync) && best_time <= now - DAY {
            return;
        }
        // From the parent of our best header, so that the answer is never empty.
        let start = host.header(&best.prev).unwrap_or(best);
        if !self.maybe_send_getheaders(id, &host.locator(&start.hash), now) {
            return;
        }
        self.net(format!(
            "initial getheaders ({}) to peer={id} (startheight:{})",
            start.height,
            self.peer(id).starting_height
        ));
        let spacing = self.config.params.target_spacing.as_secs().max(1) as i64;
        let expected = (now.since(best_time) / 1_000_000 / spacing).max(0);
        let expected = u32::try_from(expected).unwrap_or(u32::MAX);
        let peer = self.peer_mut(id);
        peer.sync_started = true;
        peer.headers_sync_timeout = now + HEADERS_TIMEOUT_BASE + HEADERS_TIMEOUT_PER_HEADER * expected;
    }

    /// Disconnects a peer that holds up the download of blocks or headers.
    fn is_too_slow(&mut self, id: PeerId, now: Time, host: &dyn Host) -> bool {
        if self.is_stalling(id, now) || self.is_block_overdue(id, now) {
            return true;
        }
        self.are_headers_overdue(id, now, host)
    }

    fn is_stalling(&mut self, id: PeerId, now: Time) -> bool {
        let since = self.blocks_in_flight.of(id).map_or(Time::NEVER, |download| download.stalling_since);
        if since.is_never() || since >= now - self.stalling_timeout {
            return false;
        }
        let text = format!("Peer is stalling block download, disconnecting {}", self.log_peer(id));
        self.info(text);
        self.mark_disconnect(id);
        // If our own line is the problem, the next one gets more time.
        let longer = (self.stalling_timeout * 2).min(STALLING_TIMEOUT_MAX);
        if longer != self.stalling_timeout {
            self.stalling_timeout = longer;
            self.net(format!("Increased stalling timeout temporarily to {} seconds", longer.as_secs()));
        }
        true
    }

    fn is_block_overdue(&mut self, id: PeerId, now: Time) -> bool {
        let Some(download) = self.blocks_in_flight.of(id) else { return false };
        let Some(first) = download.queue.first() else { return false };
        let others = self.blocks_in_flight.busy_peers().saturating_sub(1) as u32;
        // A block interval, and half of one for each other peer that shares our line.
        let spacing = self.config.params.target_spacing;
        if !now.is_past(download.since, spacing + spacing / 2 * others) {
            return false;
        }
        let hash = first.hash;
        let text = format!("Timeout downloading block {hash}, disconnecting {}", self.log_peer(id));
        self.info(text);
        self.mark_disconnect(id);
        true
    }

    fn are_headers_overdue(&mut self, id: PeerId, now: Time, host: &dyn Host) -> bool {
        let peer = self.peer(id);
        if !peer.sync_started || peer.headers_sync_timeout == Time::MAX {
            return false;
        }
        if Time::from_secs(i64::from(host.best_header().time)) > now - DAY {
            // We have caught up once: it cannot be held against the peer any more.
            self.peer_mut(id).headers_sync_timeout = Time::MAX;
            return false;
        }
        let alone = self.peers.values().filter(|peer| peer.sync_started).count() == 1;
        let alternative = self.peers.values().any(|peer| peer.preferred_download && peer.id != id);
        if now <= peer.headers_sync_timeout || !alone || !alternative {
            return false;
        }
        if !peer.permissions.no_ban {
            let text = format!("Timeout downloading headers, disconnecting {}", self.log_peer(id));
            self.info(text);
            self.mark_disconnect(id);
            return true;
        }
        let text = format!("Timeout downloading headers from noban peer, not disconnecting {}", self.log_peer(id));
        self.info(text);
        let peer = self.peer_mut(id);
        peer.sync_started = false;
        peer.headers_sync_timeout = Time::NEVER;
        false
    }

    /// An outbound peer that does not reach our tip is replaced, after it was asked once more.
    fn consider_eviction(&mut self, id: PeerId, now: Time, host: &dyn Host) {
        let tip = host.tip();
        let peer = self.peer_mut(id);
        if peer.chain_sync.protect || !peer.kind.is_outbound_or_block_relay() || !peer.sync_started {
            return;
        }
        let best = peer.best_known;
        let state = &mut peer.chain_sync;
        if best.is_some_and(|best| best.work >= tip.work) {
            *state = super::peer::ChainSync::default();
            return;
        }
        let reached = state.work_header.is_some_and(|header| best.is_some_and(|best| best.work >= header.work));
        if state.timeout.is_never() || reached {
            state.timeout = Time::from_secs(now.secs()) + CHAIN_SYNC_TIMEOUT;
            state.work_header = Some(tip);
            state.sent_getheaders = false;
            return;
        }
        if Time::from_secs(now.secs()) <= state.timeout {
            return;
        }
        let shown = best.map_or_else(|| "<none>".to_owned(), |best| best.hash.to_string());
        if state.sent_getheaders {
            let text =
                format!("Outbound peer has old chain, best known block = {shown}, disconnecting {}", self.log_peer(id));
            self.info(text);
            self.mark_disconnect(id);
            return;
        }
        state.sent_getheaders = true;
        state.timeout = Time::from_secs(now.secs()) + HEADERS_RESPONSE_TIME;
        let Some(work_header) = state.work_header else { return };
        self.maybe_send_getheaders(id, &host.locator(&work_header.prev), now);
        let benchmark = work_header.hash;
        self.net(format!(
            "sending getheaders to outbound peer={id} to verify chain work (current best known block:{shown}, benchmark blockhash: {benchmark})"
        ));
    }

    /// Asks for blocks and transactions.
    fn request_data(&mut self, id: PeerId, sync: bool, now: Time, host: &dyn Host) {
        let mut invs = Vec::new();
        let peer = self.peer(id);
        let fetches = self.light.is_none()
            && peer.serves_blocks()
            && ((sync && !peer.is_limited()) || !host.is_initial_block_download())
            && self.blocks_in_flight.count(id) < MAX_PER_PEER;
        if fetches {
            let room = MAX_PER_PEER - self.blocks_in_flight.count(id);
            let (blocks, staller) = self.next_blocks_to_download(id, room, host);
            for header in &blocks {
                invs.push(self.request_block(id, header, now));
                self.net(format!("Requesting block {} ({}) peer={id}", header.hash, header.height));
            }
            if let Some(staller) = staller.filter(|_| self.blocks_in_flight.count(id) == 0)
                && self.blocks_in_flight.mark_stalling(staller, now)
            {
                self.net(format!("Stall started peer={staller}"));
            }
        }
        let witness = self.peer(id).serves_witnesses();
        let wanted: Vec<TxId> = self.tx_download.requests(id, now, host);
        self.flush_tx_log();
        invs.extend(wanted.into_iter().map(|tx| Inv::tx(tx, witness)));
        for part in invs.chunks(MAX_GETDATA) {
            self.send_invs(id, "getdata", part);
        }
    }

    /// Tells a peer the feerate below which it need not announce (BIP133).
    fn maybe_send_fee_filter(&mut self, id: PeerId, now: Time, host: &dyn Host) {
        let peer = self.peer(id);
        if self.config.ignore_incoming_txs
            || peer.common_version < FEE_FILTER_VERSION
            || peer.permissions.force_relay
            || peer.kind == ConnectionKind::BlockRelay
        {
            return;
        }
        let (sent, mut next) = (peer.fee_filter_sent, peer.next_fee_filter);
        let current = if host.is_initial_block_download() {
            // Announcements would be dropped: nobody need send any.
            MAX_MONEY
        } else {
            if sent == self.fee_rounder.highest() {
                next = Time::NEVER;
            }
            host.mempool_min_fee()
        };
        if now > next {
            let filter = self.fee_rounder.round(current, &mut self.random).max(host.min_relay_fee());
            if filter != sent {
                let mut writer = Writer::default();
                writer.u64(filter);
                self.send(id, "feefilter", writer.into_bytes());
                self.peer_mut(id).fee_filter_sent = filter;
            }
            next = now + self.random.exponential(FEE_FILTER_INTERVAL);
        } else if now + FEE_FILTER_CHANGE < next && (current < sent / 4 * 3 || current > sent / 3 * 4) {
            next = now + self.random.within(FEE_FILTER_CHANGE);
        }
        self.peer_mut(id).next_fee_filter = next;
    }
}
