//! Blocks that peers send.

use super::Network;
use crate::host::Host;
use crate::log::{Category, LogLine};
use crate::wire::{DecodeError, Inv, Reader};
use crate::{PeerId, Time, pow};
use bitcoin::{Block, BlockHash};
use std::sync::Arc;

impl Network {
    pub(super) fn on_block(
        &mut self,
        id: PeerId,
        reader: &mut Reader<'_>,
        now: Time,
        host: &mut dyn Host,
    ) -> Result<(), DecodeError> {
        if host.is_loading_blocks() {
            self.net(format!("Unexpected block message received from peer {id}"));
            return Ok(());
        }
        let block = reader.block()?;
        let hash = block.block_hash();
        self.net(format!("received block {hash} peer={id}"));
        if self.light.is_some() {
            self.on_light_block(id, &block, host);
            return Ok(());
        }
        let parent = host.header(&block.header.prev_blockhash);
        if let Some(parent) = &parent
            && let Some(mutation) = host.block_mutation(&block, host.segwit_active_after(&parent.hash))
        {
            let comma = if mutation.debug.is_empty() { "" } else { ", " };
            let text = format!("Block mutated: {}{comma}{}", mutation.reason, mutation.debug);
            self.log(LogLine::debug(Category::Validation, text));
            self.net(format!("Received mutated block from peer={id}"));
            self.misbehaving(id, "mutated block");
            self.blocks_in_flight.remove(&hash, Some(id), now);
            return Ok(());
        }
        // What we asked for is kept even if it is not better than our tip.
        let force = self.blocks_in_flight.is_requested(&hash);
        self.blocks_in_flight.remove(&hash, Some(id), now);
        self.block_source.entry(hash).or_insert((id, true));
        let work_checked = parent.is_some_and(|parent| {
            pow::add(parent.work, pow::proof(block.header.bits)) >= Self::anti_dos_work_threshold(host)
        });
        self.process_block(id, Arc::new(block), force, work_checked, now, host);
        Ok(())
    }

    /// Hands a block to the chain, and takes what it says of it.
    pub(super) fn process_block(
        &mut self,
        id: PeerId,
        block: Arc<Block>,
        force: bool,
        work_checked: bool,
        now: Time,
        host: &mut dyn Host,
    ) {
        let hash = block.block_hash();
        let outcome = host.accept_block(block, force, work_checked, now);
        for event in outcome.events {
            self.handle_chain_event(event, now, host);
        }
        if outcome.new {
            self.peer_mut(id).last_block = now;
            // It may have come from another peer than we asked.
            self.blocks_in_flight.remove(&hash, None, now);
        } else {
            self.block_source.remove(&hash);
        }
    }

    /// Asks a peer for a block by hand (RPC `getblockfrompeer`).
    ///
    /// # Errors
    ///
    /// Why it cannot be asked, in Core's words.
    pub fn fetch_block(&mut self, id: PeerId, hash: BlockHash, now: Time, host: &dyn Host) -> Result<(), &'static str> {
        if host.is_loading_blocks() {
            return Err("Loading blocks ...");
        }
        let peer = self.peers.get(&id).ok_or("Peer does not exist")?;
        if !peer.serves_witnesses() {
            return Err("Pre-SegWit peer");
        }
        let ready = peer.ready && !peer.disconnect;
        let header = host.header(&hash).ok_or("Block header missing")?;
        if self.blocks_in_flight.get_mut(id, &hash).is_some() {
            return Err("Already requested from this peer");
        }
        self.blocks_in_flight.remove(&hash, None, now);
        let inv = self.request_block(id, &header, now);
        if !ready {
            return Err("Peer not fully connected");
        }
        self.send_invs(id, "getdata", &[Inv { kind: crate::wire::InvKind::WitnessBlock, ..inv }]);
        self.net(format!("Requesting block {hash} from peer={id}"));
        Ok(())
    }
}
