//! Serving what peers ask for: headers, blocks, transactions.

use super::Network;
use super::headers::MAX_HEADERS;
use super::inventory::MAX_INV;
use super::sync::{LIMITED_MIN_BLOCKS, is_active};
use crate::compact::{self, read_request};
use crate::host::{HeaderInfo, Host, TxId};
use crate::log::{Category, Level, LogLine};
use crate::wire::{DecodeError, Inv, InvKind, Reader, Writer};
use crate::{PeerId, Time, pow};
use bitcoin::consensus::encode::serialize;
use bitcoin::hashes::Hash;
use bitcoin::merkle_tree::MerkleBlock;
use bitcoin::p2p::ServiceFlags;
use bitcoin::{Block, BlockHash, Transaction};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Entries of a block locator.
const MAX_LOCATOR: usize = 101;
/// Blocks announced in answer to `getblocks`.
const GETBLOCKS_LIMIT: usize = 500;
/// Blocks outside of the active chain are served for a month, in seconds: later they would tell who we are.
const STALE_RELAY_AGE: u32 = 30 * 24 * 60 * 60;
/// Older blocks count against the limit on uploads, in seconds.
const HISTORICAL_AGE: u32 = 7 * 24 * 60 * 60;
/// Blocks this deep are asked for in compact form in vain: they are served whole.
const MAX_COMPACT_DEPTH: u32 = 5;
/// Transactions of blocks this deep are served as the whole block.
const MAX_BLOCKTXN_DEPTH: u32 = 10;
/// Blocks that are kept when pruning.
const MIN_BLOCKS_TO_KEEP: u32 = 288;

/// A block or a transaction as a peer without segwit expects it.
fn without_witness(tx: &Transaction) -> Transaction {
    let mut stripped = tx.clone();
    stripped.input.iter_mut().for_each(|input| input.witness.clear());
    stripped
}

fn hash_or_end(hash: &BlockHash) -> String {
    if *hash == BlockHash::all_zeros() { "end".to_owned() } else { hash.to_string() }
}

impl Network {
    /// Whether a block may be shown: it is in the active chain, or it is valid and was abandoned lately.
    pub(super) fn may_serve(&self, header: &HeaderInfo, host: &dyn Host) -> bool {
        if is_active(host, header) {
            return true;
        }
        let best = host.best_header();
        let spacing = u32::try_from(self.config.params.target_spacing.as_secs()).unwrap_or(u32::MAX).max(1);
        let month_of_work = pow::times(pow::proof(best.bits), STALE_RELAY_AGE / spacing);
        header.fully_validated
            && best.time.saturating_sub(header.time) < STALE_RELAY_AGE
            && pow::sub(best.work, header.work) < month_of_work
    }

    /// Reads a locator and where to stop; a peer with a locator that is too long is disconnected.
    fn read_locator(
        &mut self,
        id: PeerId,
        kind: &str,
        reader: &mut Reader<'_>,
    ) -> Result<Option<(Vec<BlockHash>, BlockHash)>, DecodeError> {
        reader.u32()?;
        let locator = reader.list(Reader::consensus)?;
        let stop = reader.consensus()?;
        if locator.len() > MAX_LOCATOR {
            let length = locator.len();
            self.disconnect_net(id, &format!("{kind} locator size {length} > {MAX_LOCATOR}"));
            return Ok(None);
        }
        Ok(Some((locator, stop)))
    }

    /// The block after the last one of the active chain that the locator names.
    fn after_fork(locator: &[BlockHash], host: &dyn Host) -> Option<HeaderInfo> {
        for header in locator.iter().filter_map(|hash| host.header(hash)) {
            if is_active(host, &header) {
                return host.active_block(header.height + 1);
            }
            let tip = host.tip();
            if host.ancestor(&header.hash, tip.height).is_some_and(|ancestor| ancestor.hash == tip.hash) {
                return None;
            }
        }
        host.active_block(1)
    }

    pub(super) fn on_getheaders(
        &mut self,
        id: PeerId,
        reader: &mut Reader<'_>,
        host: &dyn Host,
    ) -> Result<(), DecodeError> {
        let Some((locator, stop)) = self.read_locator(id, "getheaders", reader)? else { return Ok(()) };
        if host.is_loading_blocks() {
            self.net(format!("Ignoring getheaders from peer={id} while importing/reindexing"));
            return Ok(());
        }
        let tip = host.tip();
        if tip.work < host.minimum_chain_work() && !self.peer(id).permissions.may_download() {
            self.net(format!(
                "Ignoring getheaders from peer={id} because active chain has too little work; sending empty response"
            ));
            self.send(id, "headers", vec![0]);
            return Ok(());
        }
        let first = if locator.is_empty() {
            let Some(header) = host.header(&stop) else { return Ok(()) };
            if !self.may_serve(&header, host) {
                self.net(format!(
                    "ProcessMessage: ignoring request from peer={id} for old block header that isn't in the main chain"
                ));
                return Ok(());
            }
            Some(header)
        } else {
            Self::after_fork(&locator, host)
        };
        let height = first.map_or(-1, |first| i64::from(first.height));
        self.net(format!("getheaders {height} to {} from peer={id}", hash_or_end(&stop)));
        let mut headers = Vec::new();
        let mut last = None;
        let mut next = first;
        while let Some(header) = next {
            headers.extend(host.raw_header(&header.hash));
            last = Some(header);
            if headers.len() >= MAX_HEADERS || header.hash == stop {
                break;
            }
            // Only a block of the active chain has a successor there.
            next = Some(header).filter(|header| is_active(host, header)).and_then(|h| host.active_block(h.height + 1));
            if next.is_none() {
                last = None;
            }
        }
        // Without this reset, a block that we announced a moment ago would not be announced again.
        self.peer_mut(id).best_header_sent = Some(last.unwrap_or(tip));
        self.send_headers(id, &headers);
        Ok(())
    }

    pub(super) fn send_headers(&mut self, id: PeerId, headers: &[bitcoin::block::Header]) {
        let mut writer = Writer::default();
        writer.list(headers, |writer, header| {
            writer.consensus(header);
            writer.compact_size(0);
        });
        self.send(id, "headers", writer.into_bytes());
    }

    pub(super) fn on_getblocks(
        &mut self,
        id: PeerId,
        reader: &mut Reader<'_>,
        now: Time,
        host: &mut dyn Host,
    ) -> Result<(), DecodeError> {
        let Some((locator, stop)) = self.read_locator(id, "getblocks", reader)? else { return Ok(()) };
        // The peer may ask because of a block that is just being connected.
        for event in host.activate_best_chain(now) {
            self.handle_chain_event(event, now, host);
        }
        let mut next = Self::after_fork(&locator, host);
        let height = next.map_or(-1, |next| i64::from(next.height));
        self.net(format!("getblocks {height} to {} limit {GETBLOCKS_LIMIT} from peer={id}", hash_or_end(&stop)));
        let spacing = self.config.params.target_spacing.as_secs().max(1) as u32;
        let likely_kept = MIN_BLOCKS_TO_KEEP.saturating_sub(3_600 / spacing);
        let mut count = 0;
        while let Some(header) = next {
            let (hash, height) = (header.hash, header.height);
            if hash == stop {
                self.net(format!(" getblocks stopping at {height} {hash}"));
                break;
            }
            let old = height + likely_kept <= host.tip().height;
            if host.is_prune_mode() && (!header.have_data || old) {
                self.net(format!(" getblocks stopping, pruned or too old block at {height} {hash}"));
                break;
            }
            self.peer_mut(id).blocks_for_inv.push(hash);
            count += 1;
            if count >= GETBLOCKS_LIMIT {
                self.net(format!(" getblocks stopping at limit {height} {hash}"));
                self.peer_mut(id).continuation = Some(hash);
                break;
            }
            next = host.active_block(height + 1);
        }
        Ok(())
    }

    pub(super) fn on_getdata(
        &mut self,
        id: PeerId,
        reader: &mut Reader<'_>,
        now: Time,
        host: &mut dyn Host,
    ) -> Result<(), DecodeError> {
        let invs = reader.list(Inv::read)?;
        if invs.len() > MAX_INV {
            self.misbehaving(id, &format!("getdata message size = {}", invs.len()));
            return Ok(());
        }
        self.net(format!("received getdata ({} invsz) peer={id}", invs.len()));
        if let Some(first) = invs.first() {
            self.net(format!("received getdata for: {first} peer={id}"));
        }
        self.peer_mut(id).getdata.extend(invs);
        self.process_getdata(id, now, host);
        Ok(())
    }

    /// Serves all transactions at the front of what a peer wants, then one block.
    pub(super) fn process_getdata(&mut self, id: PeerId, now: Time, host: &mut dyn Host) {
        let mut not_found = Vec::new();
        while !self.peer(id).send_full {
            let Some((inv, tx_id)) = self.peer(id).getdata.front().and_then(|inv| Some((*inv, inv.tx_id()?))) else {
                break;
            };
            self.peer_mut(id).getdata.pop_front();
            let Some(relay) = &self.peer(id).tx_relay else { continue };
            let sequence = relay.last_inv_sequence;
            let Some(tx) = self.find_tx_for(&tx_id, sequence, host) else {
                not_found.push(inv);
                continue;
            };
            let bytes = if inv.kind == InvKind::Tx { serialize(&without_witness(&tx)) } else { serialize(&*tx) };
            self.send(id, "tx", bytes);
            host.remove_unbroadcast(&tx.compute_txid());
        }
        if !self.peer(id).send_full
            && let Some(inv) = self.peer_mut(id).getdata.pop_front()
            && inv.is_block()
        {
            self.serve_block(id, &inv, now, host);
        }
        if !not_found.is_empty() {
            self.send_invs(id, "notfound", &not_found);
        }
    }

    /// A transaction that the peer may have: announced before, or in the newest block.
    fn find_tx_for(&self, id: &TxId, sequence: u64, host: &dyn Host) -> Option<Arc<Transaction>> {
        if let Some(info) = host.mempool_info_before(id, sequence) {
            return Some(info.tx);
        }
        let recent = self.recent_block.as_ref()?;
        let index = match id {
            TxId::Txid(txid) => recent.by_txid.get(txid),
            TxId::Wtxid(wtxid) => recent.by_wtxid.get(wtxid),
        };
        index.map(|index| Arc::new(recent.block.txdata[*index].clone()))
    }

    fn serve_block(&mut self, id: PeerId, inv: &Inv, now: Time, host: &mut dyn Host) {
        let hash = inv.block_hash();
        let Some(header) = host.header(&hash) else { return };
        if header.have_chain_transactions && !header.fully_validated && header.valid {
            for event in host.activate_best_chain(now) {
                self.handle_chain_event(event, now, host);
            }
        }
        let Some(header) = host.header(&hash) else { return };
        if !self.may_serve(&header, host) {
            self.net(format!(
                "ProcessGetBlockData: ignoring request from peer={id} for old block that isn't in the main chain"
            ));
            return;
        }
        let historical =
            host.best_header().time.saturating_sub(header.time) > HISTORICAL_AGE || inv.kind == InvKind::FilteredBlock;
        if historical && self.upload_target_reached(true, now) && !self.peer(id).permissions.may_download() {
            self.disconnect_net(id, "historical block serving limit reached");
            return;
        }
        let tip = host.tip();
        let peer = self.peer(id);
        let limited =
            peer.our_services.has(ServiceFlags::NETWORK_LIMITED) && !peer.our_services.has(ServiceFlags::NETWORK);
        // Whoever asks for more than we promise could learn how much we keep.
        if !peer.permissions.no_ban && limited && tip.height.saturating_sub(header.height) > LIMITED_MIN_BLOCKS + 2 {
            self.disconnect_net(id, "Ignore block request below NODE_NETWORK_LIMITED threshold");
            return;
        }
        if !header.have_data {
            return;
        }
        let close_to_tip = self.can_direct_fetch(now, host) && header.height + MAX_COMPACT_DEPTH >= tip.height;
        if !self.send_block(id, inv, close_to_tip, host) {
            let text = format!("Cannot load block from disk, disconnecting {}", self.log_peer(id));
            self.log(LogLine { level: Level::Error, text });
            self.mark_disconnect(id);
            return;
        }
        // The peer is going through the chain with getblocks: this triggers its next request.
        if self.peer(id).continuation == Some(hash) {
            self.peer_mut(id).continuation = None;
            self.send_invs(id, "inv", &[Inv::block(InvKind::Block, tip.hash)]);
        }
    }

    /// Sends a block in the form that was asked for. Returns `false` when it cannot be read.
    fn send_block(&mut self, id: PeerId, inv: &Inv, close_to_tip: bool, host: &dyn Host) -> bool {
        let hash = inv.block_hash();
        let recent = self.recent_block.as_ref().filter(|recent| recent.hash == hash).map(|r| Arc::clone(&r.block));
        if inv.kind == InvKind::WitnessBlock && recent.is_none() {
            // The bytes on disk are those of the wire.
            let Some(bytes) = host.block_bytes(&hash) else { return false };
            self.send(id, "block", bytes);
            return true;
        }
        let Some(block) = recent.or_else(|| host.block(&hash)) else { return false };
        match inv.kind {
            InvKind::Block => {
                let txdata = block.txdata.iter().map(without_witness).collect();
                self.send(id, "block", serialize(&Block { header: block.header, txdata }));
            }
            InvKind::WitnessBlock => self.send(id, "block", serialize(&*block)),
            InvKind::CompactBlock if close_to_tip => self.send_compact(id, &block),
            InvKind::CompactBlock => self.send(id, "block", serialize(&*block)),
            InvKind::FilteredBlock => self.send_filtered(id, &block),
            _ => {}
        }
        true
    }

    /// Sends what a peer's filter lets through of a block, with the proof that it is in the block (BIP37).
    fn send_filtered(&mut self, id: PeerId, block: &Block) {
        let relay = self.peer_mut(id).tx_relay.as_mut();
        let Some(filter) = relay.and_then(|relay| relay.filter.as_mut()) else { return };
        let matched: Vec<_> = block.txdata.iter().filter(|tx| filter.is_relevant_and_update(tx)).collect();
        let wanted: BTreeSet<_> = matched.iter().map(|tx| tx.compute_txid()).collect();
        let proof = MerkleBlock::from_block_with_predicate(block, |txid| wanted.contains(txid));
        self.send(id, "merkleblock", serialize(&proof));
        for tx in matched {
            self.send(id, "tx", serialize(&without_witness(tx)));
        }
    }

    /// Sends a block in compact form, the same bytes to all while it is the newest.
    pub(super) fn send_compact(&mut self, id: PeerId, block: &Block) {
        let hash = block.block_hash();
        let bytes = match self.recent_block.as_ref().filter(|recent| recent.hash == hash) {
            Some(recent) => serialize(&recent.compact),
            None => serialize(&compact::compact(block, self.random.u64())),
        };
        self.send(id, "cmpctblock", bytes);
    }

    pub(super) fn on_getblocktxn(
        &mut self,
        id: PeerId,
        reader: &mut Reader<'_>,
        host: &dyn Host,
    ) -> Result<(), DecodeError> {
        let (hash, places) = read_request(reader)?;
        if let Some(recent) = self.recent_block.as_ref().filter(|recent| recent.hash == hash) {
            let block = Arc::clone(&recent.block);
            self.send_block_transactions(id, &block, &places);
            return Ok(());
        }
        let Some(header) = host.header(&hash).filter(|header| header.have_data) else {
            self.net(format!("Peer {id} sent us a getblocktxn for a block we don't have"));
            return Ok(());
        };
        if header.height + MAX_BLOCKTXN_DEPTH >= host.tip().height {
            if let Some(block) = host.block(&hash) {
                self.send_block_transactions(id, &block, &places);
            }
            return Ok(());
        }
        // Old blocks are served whole: then whoever makes us read them must take them.
        self.net(format!("Peer {id} sent us a getblocktxn for a block > {MAX_BLOCKTXN_DEPTH} deep"));
        self.peer_mut(id).getdata.push_back(Inv::block(InvKind::WitnessBlock, hash));
        Ok(())
    }

    fn send_block_transactions(&mut self, id: PeerId, block: &Block, places: &[u16]) {
        let transactions: Option<Vec<_>> = places.iter().map(|place| block.txdata.get(usize::from(*place))).collect();
        let Some(transactions) = transactions else {
            self.misbehaving(id, "getblocktxn with out-of-bounds tx indices");
            return;
        };
        let hash = block.block_hash();
        let size: usize = transactions.iter().map(|tx| tx.total_size()).sum();
        let text = format!(
            "{} sent us a GETBLOCKTXN for block {hash}, sending a BLOCKTXN with {} txns. ({size} bytes)",
            self.log_peer(id),
            transactions.len()
        );
        self.log(LogLine::debug(Category::CmpctBlock, text));
        let mut writer = Writer::default();
        writer.consensus(&hash);
        writer.list(&transactions, |writer, tx| writer.consensus(*tx));
        self.send(id, "blocktxn", writer.into_bytes());
    }
}
