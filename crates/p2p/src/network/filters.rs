//! Serving compact block filters (BIP157).

use super::Network;
use crate::PeerId;
use crate::host::{HeaderInfo, Host};
use crate::wire::{DecodeError, Reader, Writer};
use bitcoin::BlockHash;
use bitcoin::p2p::ServiceFlags;

/// The only type of filter: basic (BIP158).
const BASIC: u8 = 0;
/// Filters in one answer.
const MAX_FILTERS: u32 = 1_000;
/// Filter hashes in one answer.
const MAX_HASHES: u32 = 2_000;
/// Blocks between two checkpoints.
pub(crate) const CHECKPOINT_INTERVAL: u32 = 1_000;

impl Network {
    /// Checks a request; returns the block at which it stops. A peer that asks for what it may not have is
    /// disconnected.
    fn filter_request(
        &mut self,
        id: PeerId,
        kind: u8,
        start: u32,
        stop: BlockHash,
        max: u32,
        host: &dyn Host,
    ) -> Option<HeaderInfo> {
        if kind != BASIC || !self.peer(id).our_services.has(ServiceFlags::COMPACT_FILTERS) {
            self.disconnect_net(id, &format!("peer requested unsupported block filter type: {kind}"));
            return None;
        }
        let Some(stop) = host.header(&stop).filter(|stop| self.may_serve(stop, host)) else {
            self.disconnect_net(id, &format!("peer requested invalid block hash: {stop}"));
            return None;
        };
        if start > stop.height {
            let height = stop.height;
            self.disconnect_net(
                id,
                &format!(
                    "peer sent invalid getcfilters/getcfheaders with start height {start} and stop height {height}"
                ),
            );
            return None;
        }
        let count = stop.height - start;
        if count >= max {
            let count = count.saturating_add(1);
            self.disconnect_net(id, &format!("peer requested too many cfilters/cfheaders: {count} / {max}"));
            return None;
        }
        if !host.has_filter_index() {
            self.net("Filter index for supported type basic not found".to_owned());
            return None;
        }
        Some(stop)
    }

    fn filter_not_found(&mut self, what: &str, hash: &BlockHash) {
        self.net(format!("Failed to find block filter {what}in index: filter_type=basic, block_hash={hash}"));
    }

    /// The blocks from a height up to a block.
    fn blocks_up_to(start: u32, stop: &HeaderInfo, host: &dyn Host) -> Vec<BlockHash> {
        (start..=stop.height).filter_map(|height| host.ancestor(&stop.hash, height)).map(|block| block.hash).collect()
    }

    pub(super) fn on_getcfilters(
        &mut self,
        id: PeerId,
        reader: &mut Reader<'_>,
        host: &dyn Host,
    ) -> Result<(), DecodeError> {
        let (kind, start, stop) = (reader.u8()?, reader.u32()?, reader.consensus()?);
        let Some(stop) = self.filter_request(id, kind, start, stop, MAX_FILTERS, host) else { return Ok(()) };
        let blocks = Self::blocks_up_to(start, &stop, host);
        let mut filters = Vec::with_capacity(blocks.len());
        for block in blocks {
            let Some(filter) = host.filter(&block) else {
                self.filter_not_found("", &block);
                return Ok(());
            };
            filters.push((block, filter));
        }
        for (block, filter) in filters {
            let mut writer = Writer::default();
            writer.u8(BASIC);
            writer.consensus(&block);
            writer.compact_size(filter.len() as u64);
            writer.bytes(&filter);
            self.send(id, "cfilter", writer.into_bytes());
        }
        Ok(())
    }

    pub(super) fn on_getcfheaders(
        &mut self,
        id: PeerId,
        reader: &mut Reader<'_>,
        host: &dyn Host,
    ) -> Result<(), DecodeError> {
        let (kind, start, stop) = (reader.u8()?, reader.u32()?, reader.consensus()?);
        let Some(stop) = self.filter_request(id, kind, start, stop, MAX_HASHES, host) else { return Ok(()) };
        let mut writer = Writer::default();
        writer.u8(BASIC);
        writer.consensus(&stop.hash);
        match start.checked_sub(1).and_then(|height| host.ancestor(&stop.hash, height)) {
            None => writer.bytes(&[0; 32]),
            Some(before) => {
                let Some(hashes) = host.filter_hashes(&before.hash) else {
                    self.filter_not_found("header ", &before.hash);
                    return Ok(());
                };
                writer.consensus(&hashes.header);
            }
        }
        let blocks = Self::blocks_up_to(start, &stop, host);
        writer.compact_size(blocks.len() as u64);
        for block in blocks {
            let Some(hashes) = host.filter_hashes(&block) else {
                self.filter_not_found("hashes ", &block);
                return Ok(());
            };
            writer.consensus(&hashes.hash);
        }
        self.send(id, "cfheaders", writer.into_bytes());
        Ok(())
    }

    pub(super) fn on_getcfcheckpt(
        &mut self,
        id: PeerId,
        reader: &mut Reader<'_>,
        host: &dyn Host,
    ) -> Result<(), DecodeError> {
        let (kind, stop) = (reader.u8()?, reader.consensus()?);
        let Some(stop) = self.filter_request(id, kind, 0, stop, u32::MAX, host) else { return Ok(()) };
        let mut writer = Writer::default();
        writer.u8(BASIC);
        writer.consensus(&stop.hash);
        writer.compact_size(u64::from(stop.height / CHECKPOINT_INTERVAL));
        for height in (CHECKPOINT_INTERVAL..=stop.height).step_by(CHECKPOINT_INTERVAL as usize) {
            let Some(block) = host.ancestor(&stop.hash, height) else { return Ok(()) };
            let Some(hashes) = host.filter_hashes(&block.hash) else {
                self.filter_not_found("header ", &block.hash);
                return Ok(());
            };
            writer.consensus(&hashes.header);
        }
        self.send(id, "cfcheckpt", writer.into_bytes());
        Ok(())
    }
}
