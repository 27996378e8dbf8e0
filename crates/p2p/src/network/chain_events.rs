//! What the chain tells us: new blocks to announce, sources of bad ones to punish.

use super::sync::STALLING_TIMEOUT_DEFAULT;
use super::{Network, RecentBlock};
use crate::compact;
use crate::host::{BlockRejection, ChainEvent, HeaderInfo, Host};
use crate::{PeerId, Time};
use bitcoin::consensus::encode::serialize;
use bitcoin::{Block, BlockHash};
use std::sync::Arc;
use std::time::Duration;

/// Blocks that are announced by their headers; of more, only the last is.
pub(super) const MAX_BLOCKS_TO_ANNOUNCE: usize = 8;

impl Network {
    /// Takes an event of the chain. Those of [`Host::accept_block`] come by themselves; the driver hands in those of
    /// blocks that came by other ways.
    pub fn handle_chain_event(&mut self, event: ChainEvent, now: Time, host: &dyn Host) {
        match event {
            ChainEvent::NewPowValidBlock(block) => self.on_new_block(&block, host),
            ChainEvent::BlockChecked { hash, result } => self.on_block_checked(hash, result, host),
            ChainEvent::BlockConnected(block) => self.on_block_connected(&block, now, host),
            ChainEvent::BlockDisconnected(_) => self.tx_download.block_disconnected(),
            ChainEvent::TipUpdated { tip, fork, initial_download } => {
                self.on_tip_updated(tip, fork, initial_download, host);
            }
        }
        self.flush_tx_log();
    }

    /// Announces a block to high-bandwidth peers before it is checked to the end.
    fn on_new_block(&mut self, block: &Arc<Block>, host: &dyn Host) {
        let hash = block.block_hash();
        let Some(header) = host.header(&hash) else { return };
        if header.height <= self.highest_fast_announce {
            return;
        }
        self.highest_fast_announce = header.height;
        if !host.segwit_active_after(&header.prev) {
            return;
        }
        self.remember_recent(block);
        let parent = host.header(&header.prev);
        for id in self.peer_ids() {
            if !self.peer(id).ready || self.peer(id).disconnect {
                continue;
            }
            self.process_block_availability(id, host);
            let peer = self.peer(id);
            let has_parent = parent.is_some_and(|parent| peer.has_header(&parent, host));
            if peer.wants_high_bandwidth && !peer.has_header(&header, host) && has_parent {
                self.net(format!("PeerManager::NewPoWValidBlock sending header-and-ids {hash} to peer={id}"));
                let bytes = self.recent_block.as_ref().map(|recent| serialize(&recent.compact)).unwrap_or_default();
                self.send(id, "cmpctblock", bytes);
                self.peer_mut(id).best_header_sent = Some(header);
            }
        }
    }

    fn remember_recent(&mut self, block: &Arc<Block>) {
        let compact = compact::compact(block, self.random.u64());
        let ids = block.txdata.iter().enumerate();
        let by_txid = ids.clone().map(|(index, tx)| (tx.compute_txid(), index)).collect();
        let by_wtxid = ids.map(|(index, tx)| (tx.compute_wtxid(), index)).collect();
        let hash = block.block_hash();
        self.recent_block = Some(RecentBlock { hash, block: Arc::clone(block), compact, by_txid, by_wtxid });
    }

    /// Punishes who gave us a bad block; lets who gave us a good one announce the next in compact form.
    fn on_block_checked(&mut self, hash: BlockHash, result: Result<(), BlockRejection>, host: &dyn Host) {
        let source: Option<(PeerId, bool)> = self.block_source.remove(&hash);
        let Some((id, punish)) = source else { return };
        match result {
            Err(rejection) => self.maybe_punish_for_block(id, &rejection, !punish, ""),
            // Nothing else in flight means that this is the best block we know of.
            Ok(())
                if !host.is_initial_block_download()
                    && self.blocks_in_flight.peers_of(&hash).len() == self.blocks_in_flight.len() =>
            {
                self.maybe_set_high_bandwidth(id);
            }
            Ok(()) => {}
        }
    }

    fn on_block_connected(&mut self, block: &Block, now: Time, host: &dyn Host) {
        self.last_tip_update = now;
        if self.stalling_timeout != STALLING_TIMEOUT_DEFAULT {
            let seconds = (self.stalling_timeout.as_secs() as f64 * 0.85) as u64;
            self.stalling_timeout = Duration::from_secs(seconds).max(STALLING_TIMEOUT_DEFAULT);
            let seconds = self.stalling_timeout.as_secs();
            self.net(format!("Decreased stalling timeout to {seconds} seconds"));
        }
        if !host.is_initial_block_download() {
            self.tx_download.block_connected(block);
        }
    }

    /// Activation has come to rest: announces the blocks that are new in the active chain.
    fn on_tip_updated(&mut self, tip: BlockHash, fork: BlockHash, initial_download: bool, host: &dyn Host) {
        let Some(tip) = host.header(&tip) else { return };
        self.best_height = tip.height;
        self.best_block_time = i64::from(tip.time);
        if initial_download {
            return;
        }
        self.tx_download.tip_changed();
        let mut hashes = Vec::new();
        let mut walk: Option<HeaderInfo> = Some(tip);
        while let Some(header) = walk.filter(|header| header.hash != fork && hashes.len() < MAX_BLOCKS_TO_ANNOUNCE) {
            hashes.push(header.hash);
            walk = host.header(&header.prev);
        }
        hashes.reverse();
        for peer in self.peers.values_mut() {
            // Whoever takes nothing from us hears of the newest blocks only.
            let excess = (peer.blocks_for_headers.len() + hashes.len()).saturating_sub(MAX_QUEUED_ANNOUNCEMENTS);
            peer.blocks_for_headers.drain(..excess.min(peer.blocks_for_headers.len()));
            peer.blocks_for_headers.extend(&hashes);
        }
    }
}

/// Announcements that wait for a peer before its handshake is complete.
const MAX_QUEUED_ANNOUNCEMENTS: usize = 1_000;
