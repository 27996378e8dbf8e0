//! Compact blocks that peers send (BIP152), and who is to send them unasked.

use super::Network;
use crate::compact::{Failure, MAX_IN_FLIGHT_PER_BLOCK, PartialBlock, write_request};
use crate::download::MAX_PER_PEER;
use crate::host::{HeaderInfo, HeadersOutcome, Host};
use crate::log::{Category, LogLine};
use crate::wire::{DecodeError, Inv, Reader};
use crate::{PeerId, Time, pow};
use bitcoin::bip152::HeaderAndShortIds;
use bitcoin::{BlockHash, Transaction};
use std::sync::Arc;

/// Peers that announce by compact block without being asked.
const MAX_HIGH_BANDWIDTH: usize = 3;

/// What to do with a compact block once its state is known.
enum Next {
    Nothing,
    /// Nothing is missing.
    Complete,
    /// Treat it as an announcement of a header.
    AsHeader,
    /// Put together although another peer was asked for it.
    Reconstructed(Box<bitcoin::Block>),
}

/// Who else was asked for the block.
struct Slots {
    /// Nobody was asked before this peer.
    first: bool,
    in_flight: usize,
}

impl Network {
    fn cmpct(&mut self, text: String) {
        self.log(LogLine::debug(Category::CmpctBlock, text));
    }

    pub(super) fn on_cmpctblock(
        &mut self,
        id: PeerId,
        reader: &mut Reader<'_>,
        now: Time,
        host: &mut dyn Host,
    ) -> Result<(), DecodeError> {
        let why = if host.is_loading_blocks() {
            Some("even though we are still loading blocks!")
        } else if self.light.is_some() {
            Some("although we asked for none!")
        } else if self.config.ignore_incoming_txs {
            Some("even though we are blocksonly!")
        } else {
            None
        };
        if let Some(why) = why {
            let text = format!("{} sent us a compact block {why}", self.log_peer(id));
            self.cmpct(text);
            return Ok(());
        }
        let compact: HeaderAndShortIds = reader.consensus()?;
        if compact.short_ids.len() + compact.prefilled_txs.len() > usize::from(u16::MAX) {
            return Err(DecodeError::IndexOverflow);
        }
        let Some((header, new)) = self.accept_compact_header(id, &compact, now, host) else { return Ok(()) };
        self.update_block_availability(id, header.hash, host);
        if new && header.work > host.tip().work {
            self.peer_mut(id).last_announcement = now.secs();
        }
        match self.consider_compact(id, &compact, &header, now, host) {
            Next::Nothing => {}
            Next::Complete => self.process_block_transactions(id, header.hash, Vec::new(), now, host),
            Next::AsHeader => self.process_headers(id, vec![compact.header], true, now, host),
            Next::Reconstructed(block) => {
                self.block_source.entry(header.hash).or_insert((id, false));
                self.process_block(id, Arc::new(*block), true, true, now, host);
                // Only if it was good: a changed announcement must not stop the one that we asked for.
                if host.header(&header.hash).is_some_and(|header| header.received && header.valid) {
                    self.blocks_in_flight.remove(&header.hash, None, now);
                }
            }
        }
        Ok(())
    }

    /// Takes the header; returns it, and whether it is new.
    fn accept_compact_header(
        &mut self,
        id: PeerId,
        compact: &HeaderAndShortIds,
        now: Time,
        host: &mut dyn Host,
    ) -> Option<(HeaderInfo, bool)> {
        let Some(parent) = host.header(&compact.header.prev_blockhash) else {
            if !host.is_initial_block_download() {
                let locator = host.locator(&host.best_header().hash);
                self.maybe_send_getheaders(id, &locator, now);
            }
            return None;
        };
        let work = pow::add(parent.work, pow::proof(compact.header.bits));
        if work < Self::anti_dos_work_threshold(host) {
            self.net(format!("Ignoring low-work compact block from peer {id}"));
            return None;
        }
        let new = host.header(&compact.header.block_hash()).is_none();
        match host.accept_headers(&[compact.header], now) {
            HeadersOutcome::Accepted(header) => {
                if new {
                    self.log_new_header(id, &header, true, host);
                }
                Some((header, new))
            }
            HeadersOutcome::Rejected(rejection) => {
                self.maybe_punish_for_block(id, &rejection, true, "invalid header via cmpctblock");
                None
            }
        }
    }

    fn request_whole_block(&mut self, id: PeerId, hash: BlockHash) {
        let inv = Inv::block(self.block_inv_kind(id), hash);
        self.send_invs(id, "getdata", &[inv]);
    }

    fn consider_compact(
        &mut self,
        id: PeerId,
        compact: &HeaderAndShortIds,
        header: &HeaderInfo,
        now: Time,
        host: &dyn Host,
    ) -> Next {
        let hash = header.hash;
        if header.have_data {
            return Next::Nothing;
        }
        let asked = self.blocks_in_flight.peers_of(&hash);
        let (in_flight, asked_this) = (asked.len(), asked.contains(&id));
        let first = in_flight == 0 || asked.first() == Some(&id);
        let tip = host.tip();
        // We know something better, or had it and pruned it: the mempool will not help.
        if header.work <= tip.work || header.received {
            if asked_this {
                self.request_whole_block(id, hash);
            }
            return Next::Nothing;
        }
        if in_flight == 0 && !self.can_direct_fetch(now, host) {
            return Next::Nothing;
        }
        if header.height > tip.height + 2 {
            if asked_this {
                self.request_whole_block(id, hash);
                return Next::Nothing;
            }
            return Next::AsHeader;
        }
        let room = in_flight < MAX_IN_FLIGHT_PER_BLOCK && self.blocks_in_flight.count(id) < MAX_PER_PEER;
        if !room && !asked_this {
            return self.reconstruct_optimistically(compact, host);
        }
        self.download_compact(id, compact, header, Slots { first, in_flight }, now, host)
    }

    /// Another peer was asked; but perhaps nothing is missing.
    fn reconstruct_optimistically(&mut self, compact: &HeaderAndShortIds, host: &dyn Host) -> Next {
        let mut log = Vec::new();
        let segwit = host.segwit_active_after(&compact.header.prev_blockhash);
        let block = PartialBlock::new(compact, &self.extra_txs, host, &mut log)
            .and_then(|mut partial| partial.fill(Vec::new(), segwit, host, &mut log));
        log.into_iter().for_each(|line| self.log(line));
        block.map_or(Next::Nothing, |block| Next::Reconstructed(Box::new(block)))
    }

    fn download_compact(
        &mut self,
        id: PeerId,
        compact: &HeaderAndShortIds,
        header: &HeaderInfo,
        Slots { first, in_flight }: Slots,
        now: Time,
        host: &dyn Host,
    ) -> Next {
        let hash = header.hash;
        self.blocks_in_flight.request(id, hash, header.height, now);
        if self.blocks_in_flight.get_mut(id, &hash).is_some_and(|queued| queued.partial.is_some()) {
            self.net("Peer sent us compact block we were already syncing!".to_owned());
            return Next::Nothing;
        }
        let mut log = Vec::new();
        let partial = PartialBlock::new(compact, &self.extra_txs, host, &mut log);
        log.into_iter().for_each(|line| self.log(line));
        let partial = match partial {
            Ok(partial) => partial,
            Err(Failure::Invalid) => {
                self.blocks_in_flight.remove(&hash, Some(id), now);
                self.misbehaving(id, "invalid compact block");
                return Next::Nothing;
            }
            Err(Failure::Failed) => {
                if first {
                    self.request_whole_block(id, hash);
                } else {
                    self.blocks_in_flight.remove(&hash, Some(id), now);
                }
                return Next::Nothing;
            }
        };
        let missing = partial.missing();
        if let Some(queued) = self.blocks_in_flight.get_mut(id, &hash) {
            queued.partial = Some(Box::new(partial));
        }
        if missing.is_empty() {
            return Next::Complete;
        }
        // The last slot is kept for an outbound peer, unless one is asked already.
        let outbound_asked = self
            .blocks_in_flight
            .peers_of(&hash)
            .iter()
            .any(|peer| self.peers.get(peer).is_some_and(|peer| !peer.is_inbound()));
        let peer = self.peer(id);
        let parallel =
            peer.high_bandwidth_to && (!peer.is_inbound() || outbound_asked || in_flight < MAX_IN_FLIGHT_PER_BLOCK - 1);
        if first || parallel {
            self.send(id, "getblocktxn", write_request(hash, &missing));
        } else {
            self.blocks_in_flight.remove(&hash, Some(id), now);
        }
        Next::Nothing
    }

    pub(super) fn on_blocktxn(
        &mut self,
        id: PeerId,
        reader: &mut Reader<'_>,
        now: Time,
        host: &mut dyn Host,
    ) -> Result<(), DecodeError> {
        if host.is_loading_blocks() {
            self.net(format!("Unexpected blocktxn message received from peer {id}"));
            return Ok(());
        }
        let hash = reader.consensus()?;
        let transactions = reader.list(Reader::transaction)?;
        self.process_block_transactions(id, hash, transactions, now, host);
        Ok(())
    }

    /// Core's `ProcessCompactBlockTxns`.
    fn process_block_transactions(
        &mut self,
        id: PeerId,
        hash: BlockHash,
        transactions: Vec<Transaction>,
        now: Time,
        host: &mut dyn Host,
    ) {
        let first = self.blocks_in_flight.peers_of(&hash).first().is_none_or(|first| *first == id);
        let partial = self.blocks_in_flight.get_mut(id, &hash).and_then(|queued| queued.partial.as_mut());
        let Some(partial) = partial else {
            self.net(format!("Peer {id} sent us block transactions for block we weren't expecting"));
            return;
        };
        let Some(header) = partial.header() else {
            // It was put together once and failed; the whole block is on its way.
            self.blocks_in_flight.remove(&hash, Some(id), now);
            self.misbehaving(id, "previous compact block reconstruction attempt failed");
            self.net(format!("Peer {id} sent compact block transactions multiple times"));
            return;
        };
        let segwit = host.segwit_active_after(&header.prev_blockhash);
        let mut log = Vec::new();
        let result = partial.fill(transactions, segwit, host, &mut log);
        log.into_iter().for_each(|line| self.log(line));
        match result {
            Err(Failure::Invalid) => {
                self.blocks_in_flight.remove(&hash, Some(id), now);
                self.misbehaving(id, "invalid compact block/non-matching block transactions");
            }
            Err(Failure::Failed) if first => self.request_whole_block(id, hash),
            Err(Failure::Failed) => {
                self.blocks_in_flight.remove(&hash, Some(id), now);
                self.net(format!(
                    "Peer {id} sent us a compact block but it failed to reconstruct, waiting on first download to complete"
                ));
            }
            Ok(block) => {
                self.blocks_in_flight.remove(&hash, Some(id), now);
                // The peer may have relayed it before it was checked: it is not punished.
                self.block_source.entry(hash).or_insert((id, false));
                self.process_block(id, Arc::new(block), true, true, now, host);
            }
        }
    }

    /// A peer has given us a good block first: from now on it may announce by compact block.
    pub(super) fn maybe_set_high_bandwidth(&mut self, id: PeerId) {
        if self.config.ignore_incoming_txs || !self.peers.get(&id).is_some_and(|peer| peer.provides_compact) {
            return;
        }
        if let Some(index) = self.high_bandwidth.iter().position(|other| *other == id) {
            self.high_bandwidth.remove(index);
            self.high_bandwidth.push_back(id);
            return;
        }
        let is_outbound = |peer: &PeerId| self.peers.get(peer).is_some_and(|peer| !peer.is_inbound());
        let outbound = self.high_bandwidth.iter().filter(|peer| is_outbound(peer)).count();
        let keeps_last_outbound = self.peer(id).is_inbound()
            && self.high_bandwidth.len() >= MAX_HIGH_BANDWIDTH
            && outbound == 1
            && self.high_bandwidth.front().is_some_and(is_outbound);
        if keeps_last_outbound {
            self.high_bandwidth.swap(0, 1);
        }
        let peer = self.peer_mut(id);
        if !peer.ready || peer.disconnect {
            return;
        }
        peer.high_bandwidth_to = true;
        self.send_sendcmpct(id, true);
        self.high_bandwidth.push_back(id);
        if self.high_bandwidth.len() > MAX_HIGH_BANDWIDTH
            && let Some(first) = self.high_bandwidth.pop_front()
            && let Some(peer) = self.peers.get_mut(&first).filter(|peer| peer.ready && !peer.disconnect)
        {
            peer.high_bandwidth_to = false;
            self.send_sendcmpct(first, false);
        }
    }
}
