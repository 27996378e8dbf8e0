//! A light client's side of BIP157: it asks several peers for filter headers, keeps what they agree on, and finds the
//! blocks that matter to it by their filters (BIP158).
//!
//! Where peers disagree, the block itself decides: a filter that misses a script of one of its outputs is a lie. Sans-I/O
//! like all here: [`FilterSync::poll`] says what to ask, the answers come in by `on_…`, and events come out.

mod dispute;

use crate::host::{HeaderInfo, Host};
use crate::{PeerId, Time};
use bitcoin::bip158::{BlockFilter, FilterHash, FilterHeader};
use bitcoin::hashes::Hash;
use bitcoin::{Block, BlockHash, ScriptBuf};
use dispute::Dispute;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// Filter hashes in one answer.
const MAX_HASHES: u32 = 2_000;
/// Filters in one answer.
const MAX_FILTERS: usize = 1_000;
/// Peers that are asked for the same filter headers.
const WITNESSES: usize = 3;
/// Time to answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Filter headers that are kept below the last, for reorganisations.
const MAX_KEPT: usize = 288;
/// Scripts that are watched at a time.
const MAX_SCRIPTS: usize = 100_000;

/// What to ask a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// `getcfheaders`.
    FilterHeaders {
        /// First height.
        start: u32,
        /// Last block.
        stop: BlockHash,
    },
    /// `getcfilters`.
    Filters {
        /// First height.
        start: u32,
        /// Last block.
        stop: BlockHash,
    },
    /// `getdata` for a block.
    Block(BlockHash),
}

/// What has been found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LightEvent {
    /// All blocks up to here were looked at.
    Scanned {
        /// The height.
        height: u32,
        /// The block.
        hash: BlockHash,
    },
    /// A block that concerns a watched script (or, rarely, only seems to).
    Block {
        /// Its height.
        height: u32,
        /// The block.
        block: Box<Block>,
    },
    /// A reorganisation: nothing above this height counts any more.
    Rewound {
        /// The last height that still counts.
        height: u32,
    },
    /// A peer has lied about filters: disconnect it.
    Liar(PeerId),
}

/// A block whose filter is known by its hash.
#[derive(Debug, Clone, Copy)]
struct Known {
    height: u32,
    hash: BlockHash,
    filter: FilterHash,
    header: FilterHeader,
}

/// Filter headers that were asked for.
#[derive(Debug)]
struct Batch {
    start: u32,
    stop: BlockHash,
    blocks: Vec<BlockHash>,
    answers: BTreeMap<PeerId, Option<Vec<FilterHash>>>,
    deadline: Time,
}

/// One question to one peer.
#[derive(Debug)]
struct Asked {
    peer: PeerId,
    deadline: Time,
}

/// Filter headers, filters and the blocks that match.
#[derive(Debug)]
pub struct FilterSync {
    watched: BTreeSet<ScriptBuf>,
    peers: BTreeSet<PeerId>,
    /// Blocks that were looked at, the newest last; the first is where it all begins.
    scanned: VecDeque<Known>,
    /// Blocks whose filters are to be fetched.
    pending: VecDeque<Known>,
    batch: Option<Batch>,
    dispute: Option<Dispute>,
    filters_asked: Option<Asked>,
    blocks_wanted: VecDeque<(u32, BlockHash)>,
    block_asked: Option<Asked>,
    events: VecDeque<LightEvent>,
}

impl FilterSync {
    /// Begins after `start`, a block whose filter header is known (or the genesis block with what its filter gives).
    pub fn new(start: &HeaderInfo, filter: FilterHash, header: FilterHeader) -> Self {
        let first = Known { height: start.height, hash: start.hash, filter, header };
        Self {
            watched: BTreeSet::new(),
            peers: BTreeSet::new(),
            scanned: VecDeque::from([first]),
            pending: VecDeque::new(),
            batch: None,
            dispute: None,
            filters_asked: None,
            blocks_wanted: VecDeque::new(),
            block_asked: None,
            events: VecDeque::new(),
        }
    }

    /// Watches a script in blocks that are looked at from now on. Returns `false` when too many are watched.
    pub fn watch(&mut self, script: ScriptBuf) -> bool {
        let room = self.watched.len() < MAX_SCRIPTS;
        if room {
            self.watched.insert(script);
        }
        room
    }

    /// A peer that serves filters is there.
    pub fn connected(&mut self, peer: PeerId) {
        self.peers.insert(peer);
    }

    /// A peer is gone: what it was asked is asked of another.
    pub fn disconnected(&mut self, peer: PeerId) {
        self.peers.remove(&peer);
        if let Some(batch) = &mut self.batch {
            batch.answers.remove(&peer);
        }
        if let Some(dispute) = &mut self.dispute {
            dispute.drop_peer(peer);
        }
        for asked in [&mut self.filters_asked, &mut self.block_asked] {
            if asked.as_ref().is_some_and(|asked| asked.peer == peer) {
                *asked = None;
            }
        }
    }

    /// What has been found out.
    pub fn poll_event(&mut self) -> Option<LightEvent> {
        self.events.pop_front()
    }

    /// The height up to which blocks were looked at.
    pub fn height(&self) -> u32 {
        self.scanned.back().map_or(0, |known| known.height)
    }

    fn last(&self) -> Option<Known> {
        self.pending.back().or_else(|| self.scanned.back()).copied()
    }

    fn lie(&mut self, peer: PeerId) {
        self.disconnected(peer);
        self.events.push_back(LightEvent::Liar(peer));
    }

    /// What to ask now, and whom.
    pub fn poll(&mut self, now: Time, host: &dyn Host) -> Vec<(PeerId, Request)> {
        self.rewind(host);
        let mut requests = Vec::new();
        self.poll_blocks(now, &mut requests);
        self.poll_filters(now, &mut requests);
        if self.dispute.is_some() {
            self.poll_dispute(now, &mut requests);
        } else {
            self.poll_headers(now, host, &mut requests);
        }
        requests
    }

    /// Forgets blocks that the best chain has left.
    fn rewind(&mut self, host: &dyn Host) {
        let best = host.best_header();
        let stays = |known: &Known| host.ancestor(&best.hash, known.height).is_some_and(|one| one.hash == known.hash);
        let (pending, scanned) = (self.pending.len(), self.scanned.len());
        while self.pending.back().is_some_and(|known| !stays(known)) {
            self.pending.pop_back();
        }
        while self.scanned.len() > 1 && self.scanned.back().is_some_and(|known| !stays(known)) {
            self.scanned.pop_back();
        }
        if self.pending.len() < pending || self.scanned.len() < scanned {
            self.batch = None;
            self.dispute = None;
            self.filters_asked = None;
        }
        if self.scanned.len() < scanned {
            let height = self.height();
            self.blocks_wanted.retain(|(wanted, _)| *wanted <= height);
            self.block_asked = None;
            self.events.push_back(LightEvent::Rewound { height });
        }
    }

    fn poll_headers(&mut self, now: Time, host: &dyn Host, requests: &mut Vec<(PeerId, Request)>) {
        if self.batch.as_ref().is_some_and(|batch| batch.deadline < now) {
            self.settle(now);
        }
        let Some(last) = self.last() else { return };
        let best = host.best_header();
        // The filters of one batch before the headers of the next: memory stays bounded.
        if self.batch.is_some() || !self.pending.is_empty() || self.peers.is_empty() || last.height >= best.height {
            return;
        }
        let start = last.height + 1;
        let end = best.height.min(last.height + MAX_HASHES);
        let blocks: Vec<_> =
            (start..=end).filter_map(|height| host.ancestor(&best.hash, height)).map(|header| header.hash).collect();
        let Some(stop) = blocks.last().copied() else { return };
        let asked: Vec<_> = self.peers.iter().copied().take(WITNESSES).collect();
        requests.extend(asked.iter().map(|peer| (*peer, Request::FilterHeaders { start, stop })));
        let answers = asked.into_iter().map(|peer| (peer, None)).collect();
        self.batch = Some(Batch { start, stop, blocks, answers, deadline: now + TIMEOUT });
    }

    /// Filter hashes have come.
    pub fn on_filter_headers(
        &mut self,
        peer: PeerId,
        stop: BlockHash,
        previous: FilterHeader,
        hashes: Vec<FilterHash>,
        now: Time,
    ) {
        let Some(last) = self.last() else { return };
        let Some(batch) = self.batch.as_mut().filter(|batch| batch.stop == stop) else { return };
        let Some(answer) = batch.answers.get_mut(&peer) else { return };
        if previous != last.header || hashes.len() != batch.blocks.len() {
            self.lie(peer);
        } else {
            *answer = Some(hashes);
        }
        if self.batch.as_ref().is_some_and(|batch| batch.answers.values().all(Option::is_some)) {
            self.settle(now);
        }
    }

    /// Takes what all agree on, or looks into it.
    fn settle(&mut self, now: Time) {
        let (Some(batch), Some(last)) = (self.batch.take(), self.last()) else { return };
        let answers: Vec<_> = batch.answers.into_iter().filter_map(|(peer, answer)| Some((peer, answer?))).collect();
        let Some((_, first)) = answers.first() else { return };
        let differs = (0..first.len()).find(|index| answers.iter().any(|(_, other)| other[*index] != first[*index]));
        let agreed = differs.unwrap_or(first.len());
        let mut header = last.header;
        for (index, filter) in first[..agreed].iter().enumerate() {
            header = filter.filter_header(&header);
            let height = batch.start + index as u32;
            self.pending.push_back(Known { height, hash: batch.blocks[index], filter: *filter, header });
        }
        if let Some(index) = differs {
            let claims = answers.iter().map(|(peer, hashes)| (*peer, hashes[index]));
            let height = batch.start + index as u32;
            self.dispute = Some(Dispute::new(height, batch.blocks[index], claims, now + TIMEOUT));
        }
    }

    fn poll_dispute(&mut self, now: Time, requests: &mut Vec<(PeerId, Request)>) {
        let Some(dispute) = &mut self.dispute else { return };
        requests.extend(dispute.requests());
        if let Some(liars) = dispute.verdict(now) {
            self.dispute = None;
            liars.into_iter().for_each(|peer| self.lie(peer));
        }
    }

    fn poll_filters(&mut self, now: Time, requests: &mut Vec<(PeerId, Request)>) {
        if self.filters_asked.as_ref().is_some_and(|asked| asked.deadline < now) {
            self.filters_asked = None;
            // Somebody else is asked: the slow one goes to the end of the line.
            if let Some(first) = self.peers.pop_first() {
                self.events.push_back(LightEvent::Liar(first));
            }
        }
        let (Some(first), None) = (self.pending.front(), &self.filters_asked) else { return };
        let Some(peer) = self.peers.first().copied() else { return };
        let last = self.pending.get(MAX_FILTERS - 1).or_else(|| self.pending.back()).unwrap_or(first);
        requests.push((peer, Request::Filters { start: first.height, stop: last.hash }));
        self.filters_asked = Some(Asked { peer, deadline: now + TIMEOUT });
    }

    /// A filter has come.
    pub fn on_filter(&mut self, peer: PeerId, hash: BlockHash, filter: &[u8], now: Time) {
        if let Some(dispute) = &mut self.dispute {
            dispute.on_filter(peer, hash, filter);
        }
        let Some(asked) = self.filters_asked.as_mut().filter(|asked| asked.peer == peer) else { return };
        let Some(next) = self.pending.front().copied().filter(|next| next.hash == hash) else { return };
        if FilterHash::hash(filter) != next.filter {
            self.lie(peer);
            return;
        }
        asked.deadline = now + TIMEOUT;
        self.pending.pop_front();
        let mut scripts = self.watched.iter().map(|script| script.as_bytes());
        let matches =
            !self.watched.is_empty() && BlockFilter::new(filter).match_any(&hash, &mut scripts).unwrap_or(false);
        if matches {
            self.blocks_wanted.push_back((next.height, hash));
        }
        self.scanned.push_back(next);
        if self.scanned.len() > MAX_KEPT {
            self.scanned.pop_front();
        }
        let done = self.pending.is_empty() || next.height % MAX_FILTERS as u32 == 0;
        if self.pending.is_empty() {
            self.filters_asked = None;
        }
        if done {
            self.events.push_back(LightEvent::Scanned { height: next.height, hash });
        }
    }

    fn poll_blocks(&mut self, now: Time, requests: &mut Vec<(PeerId, Request)>) {
        if self.block_asked.as_ref().is_some_and(|asked| asked.deadline < now) {
            self.block_asked = None;
        }
        let (Some((_, hash)), None) = (self.blocks_wanted.front(), &self.block_asked) else { return };
        // Another peer each time, so that one that has not got it does not hold us up.
        let peers = self.peers.len();
        let turn = (now.secs() as usize / TIMEOUT.as_secs() as usize).checked_rem(peers).unwrap_or(0);
        let Some(peer) = self.peers.iter().nth(turn).copied() else { return };
        requests.push((peer, Request::Block(*hash)));
        self.block_asked = Some(Asked { peer, deadline: now + TIMEOUT });
    }

    /// A block has come. Returns whether it was wanted here.
    pub fn on_block(&mut self, block: &Block) -> bool {
        let hash = block.block_hash();
        // Outputs are what matters here; witnesses are not looked at.
        if !block.check_merkle_root() {
            return false;
        }
        let disputed = self.dispute.as_mut().is_some_and(|dispute| dispute.on_block(block));
        let Some(index) = self.blocks_wanted.iter().position(|(_, wanted)| *wanted == hash) else { return disputed };
        let Some((height, _)) = self.blocks_wanted.remove(index) else { return disputed };
        self.block_asked = None;
        self.events.push_back(LightEvent::Block { height, block: Box::new(block.clone()) });
        true
    }
}

#[cfg(test)]
mod tests;
