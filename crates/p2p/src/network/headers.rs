//! Headers that peers send.

use super::Network;
use super::sync::is_active;
use crate::ConnectionKind;
use crate::download::MAX_PER_PEER;
use crate::headers_sync::{HeadersSync, Phase, Start};
use crate::host::{BlockRejection, BlockVerdict, HeaderInfo, HeadersOutcome, Host};
use crate::log::{Category, Level, LogLine};
use crate::wire::{DecodeError, Inv, InvKind, Reader, Writer};
use crate::{PeerId, Time, pow};
use bitcoin::BlockHash;
use bitcoin::block::Header;
use std::time::Duration;

/// Headers in one message.
pub(super) const MAX_HEADERS: usize = 2_000;
/// Time to answer `getheaders`.
pub(super) const HEADERS_RESPONSE_TIME: Duration = Duration::from_secs(2 * 60);
/// Outbound peers that are never replaced for being behind.
const MAX_PROTECTED: usize = 4;

impl Network {
    /// Asks for headers, unless the peer was asked a moment ago. Returns whether it was asked.
    pub(super) fn maybe_send_getheaders(&mut self, id: PeerId, locator: &[BlockHash], now: Time) -> bool {
        let peer = self.peer_mut(id);
        if !now.is_past(peer.last_getheaders, HEADERS_RESPONSE_TIME) {
            return false;
        }
        peer.last_getheaders = now;
        let mut writer = Writer::default();
        writer.u32(super::PROTOCOL_VERSION);
        writer.list(locator, Writer::consensus);
        writer.bytes(&[0; 32]);
        self.send(id, "getheaders", writer.into_bytes());
        true
    }

    pub(super) fn on_headers(
        &mut self,
        id: PeerId,
        reader: &mut Reader<'_>,
        now: Time,
        host: &mut dyn Host,
    ) -> Result<(), DecodeError> {
        if host.is_loading_blocks() {
            self.net(format!("Unexpected headers message received from peer {id}"));
            return Ok(());
        }
        let count = reader.compact_size()?;
        if count > MAX_HEADERS as u64 {
            self.misbehaving(id, &format!("headers message size = {count}"));
            return Ok(());
        }
        let mut headers = Vec::with_capacity(count as usize);
        for _ in 0..count {
            headers.push(reader.consensus::<Header>()?);
            // The number of transactions is always zero here.
            reader.compact_size()?;
        }
        self.process_headers(id, headers, false, now, host);
        Ok(())
    }

    /// Core's `ProcessHeadersMessage`.
    pub(super) fn process_headers(
        &mut self,
        id: PeerId,
        mut headers: Vec<Header>,
        via_compact: bool,
        now: Time,
        host: &mut dyn Host,
    ) {
        let count = headers.len();
        if count == 0 {
            let peer = self.peer_mut(id);
            peer.headers_sync = None;
            peer.last_getheaders = Time::NEVER;
            return;
        }
        if !self.check_headers(id, &headers) {
            return;
        }
        let continued = self.continue_low_work_sync(id, &mut headers, now);
        if headers.is_empty() {
            return;
        }
        let syncing = self.peer(id).headers_sync.is_some();
        let Some(start) = host.header(&headers[0].prev_blockhash) else {
            self.on_unconnecting_headers(id, &headers, now, host);
            return;
        };
        self.peer_mut(id).last_getheaders = Time::NEVER;
        let known_last = headers.last().and_then(|header| host.header(&header.block_hash()));
        let on_best_chain = known_last.is_some_and(|last| {
            let best = host.best_header();
            is_active(host, &last) || host.ancestor(&best.hash, last.height).is_some_and(|one| one.hash == last.hash)
        });
        let work_checked = continued || on_best_chain || self.peer(id).permissions.no_ban;
        if !work_checked && self.try_low_work_sync(id, &start, &mut headers, now, host) {
            return;
        }
        let new = known_last.is_none();
        let last = match host.accept_headers(&headers, now) {
            HeadersOutcome::Accepted(last) => last,
            HeadersOutcome::Rejected(rejection) => {
                if !self.peer(id).is_inbound() && rejection.verdict == BlockVerdict::CachedInvalid {
                    let text = format!(
                        "{} (received from peer={id}). If this happens with all peers, consider database corruption (that -reindex may fix) or a potential consensus incompatibility.",
                        rejection.debug
                    );
                    self.warn(text);
                }
                self.maybe_punish_for_block(id, &rejection, via_compact, "invalid header received");
                return;
            }
        };
        if new {
            self.log_new_header(id, &last, false, host);
        }
        let full = count == MAX_HEADERS;
        if full && !syncing && self.maybe_send_getheaders(id, &host.locator(&last.hash), now) {
            self.net(format!("more getheaders ({}) to end to peer={id}", last.height));
        }
        self.update_for_received_headers(id, &last, new, full, now, host);
        self.headers_direct_fetch(id, &last, now, host);
    }

    /// Headers must have the work that they claim and be a chain.
    fn check_headers(&mut self, id: PeerId, headers: &[Header]) -> bool {
        if !pow::has_valid_proof_of_work(headers, &self.config.params) {
            self.misbehaving(id, "header with invalid proof of work");
            return false;
        }
        if headers.windows(2).any(|pair| pair[1].prev_blockhash != pair[0].block_hash()) {
            self.misbehaving(id, "non-continuous headers sequence");
            return false;
        }
        true
    }

    /// Headers that connect to nothing: perhaps an announcement of which we miss what is between.
    fn on_unconnecting_headers(&mut self, id: PeerId, headers: &[Header], now: Time, host: &dyn Host) {
        let best = host.best_header();
        if self.maybe_send_getheaders(id, &host.locator(&best.hash), now) {
            self.net(format!(
                "received header {}: missing prev block {}, sending getheaders ({}) to end (peer={id})",
                headers[0].block_hash(),
                headers[0].prev_blockhash,
                best.height
            ));
        }
        if let Some(last) = headers.last() {
            self.update_block_availability(id, last.block_hash(), host);
        }
    }

    /// Feeds a sync that is under way. Returns whether the headers (those that are left) have enough work.
    fn continue_low_work_sync(&mut self, id: PeerId, headers: &mut Vec<Header>, now: Time) -> bool {
        let Some(mut sync) = self.peer_mut(id).headers_sync.take() else { return false };
        let result = sync.process(headers, headers.len() == MAX_HEADERS, &self.config.params);
        let lines: Vec<_> = sync.drain_log().collect();
        lines.into_iter().for_each(|line| self.log(line));
        if result.success {
            self.peer_mut(id).last_getheaders = Time::NEVER;
        }
        if result.request_more {
            let locator = sync.locator();
            self.maybe_send_getheaders(id, &locator, now);
            self.net(format!("more getheaders (from {}) to peer={id}", locator[0]));
        }
        if sync.phase() != Phase::Final {
            self.peer_mut(id).headers_sync = Some(sync);
        }
        if result.success {
            *headers = result.ready;
        }
        result.success
    }

    /// Begins a sync if the headers have too little work. Returns whether they had.
    fn try_low_work_sync(
        &mut self,
        id: PeerId,
        start: &HeaderInfo,
        headers: &mut Vec<Header>,
        now: Time,
        host: &dyn Host,
    ) -> bool {
        let work = headers.iter().fold(start.work, |work, header| pow::add(work, pow::proof(header.bits)));
        let threshold = Self::anti_dos_work_threshold(host);
        if work >= threshold {
            return false;
        }
        if headers.len() == MAX_HEADERS {
            let start = Start {
                header: *start,
                locator: host.locator(&start.hash),
                median_time_past: host.median_time_past(&start.hash),
            };
            let sync = HeadersSync::new(id, &self.config.params, start, threshold, now, &mut self.random);
            self.peer_mut(id).headers_sync = Some(Box::new(sync));
            self.continue_low_work_sync(id, headers, now);
        } else {
            let height = start.height as usize + headers.len();
            self.net(format!("Ignoring low-work chain (height={height}) from peer={id}"));
        }
        headers.clear();
        true
    }

    /// A new header is worth a line: it shows when a peer announced a block that it did not deliver.
    pub(super) fn log_new_header(&mut self, id: PeerId, header: &HeaderInfo, via_compact: bool, host: &dyn Host) {
        let via = if via_compact { "cmpctblock " } else { "" };
        let text = format!("Saw new {via}header hash={} height={} {}", header.hash, header.height, self.log_peer(id));
        let initial = host.is_initial_block_download();
        self.log(if initial {
            LogLine::debug(Category::Validation, text)
        } else {
            LogLine { level: Level::Info, text }
        });
    }

    fn update_for_received_headers(
        &mut self,
        id: PeerId,
        last: &HeaderInfo,
        new: bool,
        may_have_more: bool,
        now: Time,
        host: &dyn Host,
    ) {
        self.update_block_availability(id, last.hash, host);
        let tip = host.tip();
        let peer = self.peer_mut(id);
        if new && last.work > tip.work {
            peer.last_announcement = now.secs();
        }
        let best = peer.best_known;
        if host.is_initial_block_download()
            && !may_have_more
            && best.is_some_and(|best| best.work < host.minimum_chain_work())
            && peer.kind.is_outbound_or_block_relay()
        {
            let text =
                format!("outbound peer headers chain has insufficient work, disconnecting {}", self.log_peer(id));
            self.info(text);
            self.mark_disconnect(id);
        }
        let protected = self.peers.values().filter(|peer| peer.chain_sync.protect).count();
        let peer = self.peer_mut(id);
        if !peer.disconnect
            && peer.kind == ConnectionKind::FullRelay
            && best.is_some_and(|best| best.work >= tip.work)
            && protected < MAX_PROTECTED
            && !peer.chain_sync.protect
        {
            peer.chain_sync.protect = true;
            self.net(format!("Protecting outbound peer={id} from eviction"));
        }
    }

    /// Fetches the blocks of a chain that is better than ours at once, if we are near the tip.
    fn headers_direct_fetch(&mut self, id: PeerId, last: &HeaderInfo, now: Time, host: &dyn Host) {
        let Some(last) = host.header(&last.hash) else { return };
        if self.light.is_some() || !self.can_direct_fetch(now, host) || !last.valid || host.tip().work > last.work {
            return;
        }
        let mut to_fetch = Vec::new();
        let mut walk = last;
        while !is_active(host, &walk) && to_fetch.len() <= MAX_PER_PEER {
            let wanted = !walk.have_data
                && !self.blocks_in_flight.is_requested(&walk.hash)
                && (self.peer(id).serves_witnesses() || !host.segwit_active_after(&walk.prev));
            if wanted {
                to_fetch.push(walk);
            }
            let Some(previous) = host.header(&walk.prev) else { break };
            walk = previous;
        }
        if !is_active(host, &walk) {
            self.net(format!("Large reorg, won't direct fetch to {} ({})", last.hash, last.height));
            return;
        }
        let mut invs = Vec::new();
        for header in to_fetch.iter().rev() {
            if self.blocks_in_flight.count(id) >= MAX_PER_PEER {
                break;
            }
            invs.push(self.request_block(id, header, now));
            self.net(format!("Requesting block {} from peer={id}", header.hash));
        }
        if invs.len() > 1 {
            let text = format!("Downloading blocks toward {} ({}) via headers direct fetch", last.hash, last.height);
            self.net(text);
        }
        let parent_received = host.header(&last.prev).is_some_and(|parent| parent.chain_received);
        if let [single] = &mut invs[..]
            && !self.config.ignore_incoming_txs
            && self.peer(id).provides_compact
            && self.blocks_in_flight.len() == 1
            && parent_received
        {
            single.kind = InvKind::CompactBlock;
        }
        if !invs.is_empty() {
            self.send_invs(id, "getdata", &invs);
        }
    }

    /// Notes that a block is asked for; returns what to ask.
    pub(super) fn request_block(&mut self, id: PeerId, header: &HeaderInfo, now: Time) -> Inv {
        self.blocks_in_flight.request(id, header.hash, header.height, now);
        Inv::block(self.block_inv_kind(id), header.hash)
    }

    /// With witnesses, if the peer has them.
    pub(super) fn block_inv_kind(&self, id: PeerId) -> InvKind {
        if self.peer(id).serves_witnesses() { InvKind::WitnessBlock } else { InvKind::Block }
    }

    /// Punishes a peer for a block or header, if it could have known better (Core's `MaybePunishNodeForBlock`).
    pub(super) fn maybe_punish_for_block(
        &mut self,
        id: PeerId,
        rejection: &BlockRejection,
        via_compact: bool,
        message: &str,
    ) {
        let Some(peer) = self.peers.get(&id) else { return };
        let punish = match rejection.verdict {
            BlockVerdict::HeaderLowWork | BlockVerdict::TimeFuture => false,
            // Compact blocks are relayed before they are checked (BIP152).
            BlockVerdict::Consensus | BlockVerdict::Mutated => !via_compact,
            // Inbound peers may be on another chain; who we dialled should not be.
            BlockVerdict::CachedInvalid => !via_compact && !peer.is_inbound(),
            BlockVerdict::InvalidHeader | BlockVerdict::InvalidPrev | BlockVerdict::MissingPrev => true,
        };
        if punish {
            self.misbehaving(id, message);
        } else if !message.is_empty() {
            self.net(format!("peer={id}: {message}"));
        }
    }
}
