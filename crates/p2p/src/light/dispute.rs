//! Two filters are named for the same block. The block tells who lies.

use super::Request;
use super::evidence::{Coverage, coverage};
use crate::host::HeaderInfo;
use crate::{PeerId, Time};
use bitcoin::bip158::{FilterHash, FilterHeader};
use bitcoin::hashes::Hash;
use bitcoin::{Block, BlockHash};
use std::collections::{BTreeMap, BTreeSet};

/// Peers that are asked to show their filter.
const MAX_ASKED: usize = 8;
/// Peers that are asked for the block.
const MAX_BLOCK_ASKED: usize = 3;

/// How a dispute has ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) liars: Vec<PeerId>,
    /// Who showed nothing in time.
    pub(super) silent: Vec<PeerId>,
    /// The filter header that stands; none when nobody has shown a filter that could be right.
    pub(super) truth: Option<FilterHeader>,
}

/// A dispute about one block's filter.
#[derive(Debug)]
pub(super) struct Dispute {
    /// The block before.
    pub(super) before: HeaderInfo,
    /// What we held, if it is about that.
    pub(super) ours: Option<FilterHeader>,
    height: u32,
    hash: BlockHash,
    /// The filter header before, on which all agree.
    previous: FilterHeader,
    /// What was claimed before anybody showed anything.
    claims: BTreeMap<PeerId, FilterHeader>,
    asked: BTreeSet<PeerId>,
    filters: BTreeMap<PeerId, Vec<u8>>,
    block: Option<Box<Block>>,
    sent: bool,
    deadline: Time,
}

impl Dispute {
    pub(super) fn new(
        before: HeaderInfo,
        block: HeaderInfo,
        previous: FilterHeader,
        claims: BTreeMap<PeerId, FilterHeader>,
        ours: Option<FilterHeader>,
        deadline: Time,
    ) -> Self {
        Self {
            before,
            ours,
            height: block.height,
            hash: block.hash,
            previous,
            asked: claims.keys().copied().collect(),
            claims,
            filters: BTreeMap::new(),
            block: None,
            sent: false,
            deadline,
        }
    }

    /// Others are to show theirs, too.
    pub(super) fn ask(&mut self, peers: impl Iterator<Item = PeerId>) {
        for peer in peers.take(MAX_ASKED) {
            self.asked.insert(peer);
        }
    }

    /// Everybody is asked for the filter, and some for the block, once.
    pub(super) fn requests(&mut self) -> Vec<(PeerId, Request)> {
        if std::mem::replace(&mut self.sent, true) {
            return Vec::new();
        }
        let filters = Request::Filters { start: self.height, stop: self.hash };
        // First those who claim something: among others there may be nobody who wants it to be known.
        let others = self.asked.iter().filter(|peer| !self.claims.contains_key(peer));
        let blocks =
            self.claims.keys().chain(others).take(MAX_BLOCK_ASKED).map(|peer| (*peer, Request::Block(self.hash)));
        self.asked.iter().map(|peer| (*peer, filters.clone())).chain(blocks).collect()
    }

    pub(super) fn drop_peer(&mut self, peer: PeerId) {
        self.claims.remove(&peer);
        self.asked.remove(&peer);
        self.filters.remove(&peer);
    }

    pub(super) fn on_filter(&mut self, peer: PeerId, hash: BlockHash, filter: &[u8]) {
        if hash == self.hash && self.asked.contains(&peer) {
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

    /// Who lies, once that can be said: who shows another filter than it claimed, and whose filter misses an output.
    /// Where several remain, the one that knows more of what the block spends; then the one that more peers show.
    pub(super) fn verdict(&self, now: Time) -> Option<Verdict> {
        let complete = self.block.is_some() && self.filters.len() >= self.asked.len();
        if !complete && now <= self.deadline {
            return None;
        }
        let silent = self.asked.iter().filter(|peer| !self.filters.contains_key(peer)).copied().collect();
        let mut liars = Vec::new();
        let mut camps = BTreeMap::<FilterHeader, (Coverage, Vec<PeerId>)>::new();
        for (peer, filter) in &self.filters {
            let header = FilterHash::hash(filter).filter_header(&self.previous);
            if self.claims.get(peer).is_some_and(|claim| *claim != header) {
                liars.push(*peer);
                continue;
            }
            let camp = camps.entry(header).or_insert_with(|| {
                let unknown = Coverage { outputs: true, inputs: 0 };
                (self.block.as_ref().map_or(unknown, |block| coverage(filter, &self.hash, block)), Vec::new())
            });
            camp.1.push(*peer);
        }
        let good = camps.iter().filter(|(_, (coverage, _))| coverage.outputs);
        let best = good.max_by_key(|(_, (coverage, peers))| (coverage.inputs, peers.len()));
        let truth = best.map(|(header, _)| *header);
        // Without the block nobody is convicted but those who contradict themselves.
        if self.block.is_some() {
            liars.extend(camps.iter().filter(|(header, _)| Some(**header) != truth).flat_map(|(_, (_, peers))| peers));
        }
        Some(Verdict { liars, silent, truth: truth.filter(|_| self.block.is_some()) })
    }
}
