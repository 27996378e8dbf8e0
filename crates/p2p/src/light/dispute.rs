//! Two peers name different filters for the same block. The block tells who lies.

use super::Request;
use crate::{PeerId, Time};
use bitcoin::bip158::{BlockFilter, FilterHash};
use bitcoin::hashes::Hash;
use bitcoin::{Block, BlockHash};
use std::collections::BTreeMap;

/// A dispute about one block's filter.
#[derive(Debug)]
pub(super) struct Dispute {
    height: u32,
    hash: BlockHash,
    claims: BTreeMap<PeerId, FilterHash>,
    filters: BTreeMap<PeerId, Vec<u8>>,
    block: Option<Box<Block>>,
    asked: bool,
    deadline: Time,
}

impl Dispute {
    pub(super) fn new(
        height: u32,
        hash: BlockHash,
        claims: impl Iterator<Item = (PeerId, FilterHash)>,
        deadline: Time,
    ) -> Self {
        Self { height, hash, claims: claims.collect(), filters: BTreeMap::new(), block: None, asked: false, deadline }
    }

    /// Everybody is asked for the filter and for the block, once.
    pub(super) fn requests(&mut self) -> Vec<(PeerId, Request)> {
        if std::mem::replace(&mut self.asked, true) {
            return Vec::new();
        }
        let filters = Request::Filters { start: self.height, stop: self.hash };
        let each = self.claims.keys().flat_map(|peer| [(*peer, filters.clone()), (*peer, Request::Block(self.hash))]);
        each.collect()
    }

    pub(super) fn drop_peer(&mut self, peer: PeerId) {
        self.claims.remove(&peer);
    }

    pub(super) fn on_filter(&mut self, peer: PeerId, hash: BlockHash, filter: &[u8]) {
        if hash == self.hash && self.claims.contains_key(&peer) {
            self.filters.insert(peer, filter.to_vec());
        }
    }

    pub(super) fn on_block(&mut self, block: &Block) -> bool {
        let wanted = block.block_hash() == self.hash;
        if wanted {
            self.block = Some(Box::new(block.clone()));
        }
        wanted
    }

    /// Whether a filter has the scripts of all outputs of the block.
    fn covers(&self, filter: &[u8], block: &Block) -> bool {
        let scripts = block.txdata.iter().flat_map(|tx| &tx.output).map(|output| &output.script_pubkey);
        let mut wanted = scripts
            .filter(|script| !script.is_empty() && !script.is_op_return())
            .map(|script| script.as_bytes())
            .peekable();
        if wanted.peek().is_none() {
            return true;
        }
        BlockFilter::new(filter).match_all(&self.hash, &mut wanted).unwrap_or(false)
    }

    /// Who lies, once that can be said: who does not show the filter that it claims, and whose filter misses an output.
    /// When nobody can be caught, those who are fewest go.
    pub(super) fn verdict(&self, now: Time) -> Option<Vec<PeerId>> {
        let complete = self.block.is_some() && self.filters.len() >= self.claims.len();
        if !complete && now <= self.deadline {
            return None;
        }
        let honest = |peer: &PeerId, claim: &FilterHash| {
            let filter = self.filters.get(peer)?;
            let shown = FilterHash::hash(filter) == *claim;
            let covers = self.block.as_ref().is_none_or(|block| self.covers(filter, block));
            (shown && covers).then_some(())
        };
        let (good, bad): (Vec<_>, Vec<_>) = self.claims.iter().partition(|(peer, claim)| honest(peer, claim).is_some());
        let mut liars: Vec<_> = bad.into_iter().map(|(peer, _)| *peer).collect();
        let mut camps = BTreeMap::<FilterHash, Vec<PeerId>>::new();
        for (peer, claim) in good {
            camps.entry(*claim).or_default().push(*peer);
        }
        if camps.len() > 1 {
            let largest = camps.iter().max_by_key(|(_, peers)| peers.len()).map(|(claim, _)| *claim);
            liars.extend(camps.iter().filter(|(claim, _)| Some(**claim) != largest).flat_map(|(_, peers)| peers));
        }
        Some(liars)
    }
}
