//! A light client's side of BIP157: it asks several peers for filter headers, keeps what they agree on, and finds the
//! blocks that matter to it by their filters (BIP158).
//!
//! Where peers disagree, the block itself decides: a filter that misses a script of one of its outputs is a lie. A peer
//! that comes later is compared with what is held, and if it is right, what is held is what goes: a lie of the first
//! peers does not outlive the first honest one. Sans-I/O like all here: [`FilterSync::poll`] says what to ask, the
//! answers come in by `on_…`, and events come out. The driver makes each event durable in the order in which they come;
//! a crash then repeats work, and loses nothing.

mod dispute;
mod evidence;
mod headers;
mod scan;
#[cfg(test)]
mod tests;
mod trial;

use crate::host::{HeaderInfo, Host};
use crate::{PeerId, Time};
use bitcoin::bip158::{FilterHash, FilterHeader};
use bitcoin::{Block, BlockHash, ScriptBuf};
use dispute::{Dispute, Verdict};
use headers::Batch;
use scan::Scan;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use trial::Trial;

/// Filter hashes in one answer.
const MAX_HASHES: u32 = 2_000;
/// Filters in one answer.
const MAX_FILTERS: u32 = 1_000;
/// Peers that are asked for the same filter headers.
const WITNESSES: usize = 3;
/// Time to answer.
const TIMEOUT: Duration = Duration::from_secs(30);
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
    /// Filter headers that the peers agree on.
    Headers {
        /// Height of the first.
        start: u32,
        /// The headers, in order.
        headers: Vec<FilterHeader>,
        /// The block of the last.
        tip: BlockHash,
    },
    /// All blocks up to here were looked at, and what matched has come before this event.
    Scanned {
        /// The height.
        height: u32,
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
        /// The block at this height.
        tip: BlockHash,
    },
    /// Filters above this height were lies. Their headers are forgotten and the blocks are looked at again; what was found
    /// in blocks stands.
    Distrusted {
        /// The last height that still counts.
        height: u32,
        /// The block at this height.
        tip: BlockHash,
    },
    /// A peer has lied about filters: disconnect and ban it.
    Liar(PeerId),
    /// A peer does not answer: disconnect it.
    Slow(PeerId),
}

/// One question to one peer.
#[derive(Debug)]
struct Asked {
    peer: PeerId,
    deadline: Time,
}

/// A peer that serves filters.
#[derive(Debug, Default)]
struct FilterPeer {
    /// What it says was compared with what is held.
    checked: bool,
    /// It was asked for the filter header at this height, to compare.
    asked: Option<(u32, BlockHash, Time)>,
}

/// What a light client needs to go on after a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Filter headers from the genesis block on.
    pub headers: Vec<FilterHeader>,
    /// The block of the last of them.
    pub tip: BlockHash,
    /// Blocks up to this height were looked at.
    pub scanned: u32,
}

/// Filter headers, filters and the blocks that match.
#[derive(Debug)]
pub struct FilterSync {
    /// Filter headers from the genesis block on.
    headers: Vec<FilterHeader>,
    /// The block of the last of them.
    tip: BlockHash,
    peers: BTreeMap<PeerId, FilterPeer>,
    batch: Option<Batch>,
    /// Peers that say something else about the past.
    suspects: BTreeSet<PeerId>,
    trial: Option<Trial>,
    dispute: Option<Dispute>,
    scan: Scan,
    events: VecDeque<LightEvent>,
}

impl FilterSync {
    /// Begins with the genesis block, whose filter header is the first of all.
    pub fn new(genesis: BlockHash, header: FilterHeader) -> Self {
        Self::resume(Saved { headers: vec![header], tip: genesis, scanned: 0 })
    }

    /// Goes on where the last run was. There must be a filter header at least for the genesis block.
    pub fn resume(saved: Saved) -> Self {
        let scanned = saved.scanned.min(saved.headers.len().saturating_sub(1) as u32);
        Self {
            headers: saved.headers,
            tip: saved.tip,
            peers: BTreeMap::new(),
            batch: None,
            suspects: BTreeSet::new(),
            trial: None,
            dispute: None,
            scan: Scan::new(scanned),
            events: VecDeque::new(),
        }
    }

    /// Watches a script in blocks from `birth` on; if that is in the past, these blocks are looked at again. Returns
    /// `false` when too many are watched.
    pub fn watch(&mut self, script: ScriptBuf, birth: u32) -> bool {
        self.scan.watch(script, birth)
    }

    /// Watches scripts whose blocks were looked at before. Returns `false` when too many are watched.
    pub fn watch_on(&mut self, script: ScriptBuf, birth: u32) -> bool {
        self.scan.watch_on(script, birth)
    }

    /// Watches a script no longer.
    pub fn unwatch(&mut self, script: &ScriptBuf) {
        self.scan.unwatch(script);
    }

    /// A peer that serves filters is there.
    pub fn connected(&mut self, peer: PeerId) {
        self.peers.entry(peer).or_default();
    }

    /// A peer is gone: what it was asked is asked of another.
    pub fn disconnected(&mut self, peer: PeerId) {
        self.peers.remove(&peer);
        self.suspects.remove(&peer);
        if let Some(batch) = &mut self.batch {
            batch.answers.remove(&peer);
        }
        self.trial.take_if(|trial| trial.peer == peer);
        if let Some(dispute) = &mut self.dispute {
            dispute.drop_peer(peer);
        }
        self.scan.disconnected(peer);
    }

    /// What has been found out.
    pub fn poll_event(&mut self) -> Option<LightEvent> {
        self.events.pop_front()
    }

    /// The height up to which blocks were looked at.
    pub const fn scanned(&self) -> u32 {
        self.scan.reported()
    }

    /// The height up to which filter headers are known.
    pub const fn height(&self) -> u32 {
        self.headers.len() as u32 - 1
    }

    /// Peers that serve filters.
    pub fn peer_count(&self) -> usize {
        self.peers.len()
    }

    /// Blocks that match and are on their way.
    pub fn blocks_wanted(&self) -> usize {
        self.scan.wanted()
    }

    fn lie(&mut self, peer: PeerId) {
        self.disconnected(peer);
        self.events.push_back(LightEvent::Liar(peer));
    }

    fn slow(&mut self, peer: PeerId) {
        self.disconnected(peer);
        self.events.push_back(LightEvent::Slow(peer));
    }

    /// What to ask now, and whom. `has` says whether a peer is known to have a block: who has not disconnects who asks.
    pub fn poll(
        &mut self,
        now: Time,
        host: &dyn Host,
        has: &dyn Fn(PeerId, &HeaderInfo) -> bool,
    ) -> Vec<(PeerId, Request)> {
        let mut requests = Vec::new();
        // After a crash the headers may be behind: they come again.
        let Some(tip) = host.header(&self.tip) else { return requests };
        self.rewind(&tip, host);
        let Some(tip) = host.header(&self.tip) else { return requests };
        let slow = self.scan.poll(now, &self.headers, &tip, host, &self.peers, has, &mut requests, &mut self.events);
        slow.into_iter().for_each(|peer| self.slow(peer));
        if self.dispute.is_some() {
            self.poll_dispute(now, &mut requests);
        } else if self.trial.is_some() || !self.suspects.is_empty() {
            self.poll_trial(now, &tip, host, has, &mut requests);
        } else {
            self.poll_checks(now, &tip, has, &mut requests);
            self.poll_headers(now, host, has, &mut requests);
        }
        requests
    }

    /// Forgets blocks that the best chain has left.
    fn rewind(&mut self, tip: &HeaderInfo, host: &dyn Host) {
        let best = host.best_header();
        let shared = |height: u32| {
            let (one, other) = (host.ancestor(&tip.hash, height), host.ancestor(&best.hash, height));
            one.is_some() && one.map(|one| one.hash) == other.map(|other| other.hash)
        };
        if shared(tip.height) {
            return;
        }
        // What two chains share is a prefix.
        let (mut low, mut high) = (0, tip.height.min(best.height));
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if shared(middle) { low = middle } else { high = middle - 1 }
        }
        let Some(fork) = host.ancestor(&best.hash, low) else { return };
        self.cut(&fork);
        self.events.push_back(LightEvent::Rewound { height: fork.height, tip: fork.hash });
    }

    /// Forgets all above a block.
    fn cut(&mut self, last: &HeaderInfo) {
        self.headers.truncate(last.height as usize + 1);
        self.tip = last.hash;
        self.batch = None;
        self.trial = None;
        self.dispute = None;
        self.suspects.clear();
        for peer in self.peers.values_mut() {
            peer.asked = None;
        }
        self.scan.cut(last.height);
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
        let check = self.peers.get_mut(&peer).and_then(|known| known.asked.take_if(|(_, hash, _)| *hash == stop));
        if let Some((height, ..)) = check.filter(|_| hashes.len() == 1) {
            self.on_check(peer, height, hashes[0].filter_header(&previous));
        } else if self.trial.as_ref().is_some_and(|trial| trial.peer == peer && trial.stop == stop) {
            self.on_trial(peer, previous, &hashes, now);
        } else {
            self.on_batch(peer, stop, previous, hashes, now);
        }
    }

    /// A filter has come.
    pub fn on_filter(&mut self, peer: PeerId, hash: BlockHash, filter: &[u8], now: Time) {
        if let Some(dispute) = &mut self.dispute {
            dispute.on_filter(peer, hash, filter);
        }
        if self.scan.on_filter(peer, hash, filter, &self.headers, now) {
            self.lie(peer);
        }
    }

    /// A block has come whose body belongs to its header. Returns whether it was wanted here.
    pub fn on_block(&mut self, block: &Block) -> bool {
        let disputed = self.dispute.as_mut().is_some_and(|dispute| dispute.on_block(block));
        match self.scan.on_block(block) {
            Some(height) => {
                self.events.push_back(LightEvent::Block { height, block: Box::new(block.clone()) });
                true
            }
            None => disputed,
        }
    }

    fn poll_dispute(&mut self, now: Time, requests: &mut Vec<(PeerId, Request)>) {
        let Some(dispute) = &mut self.dispute else { return };
        requests.extend(dispute.requests());
        let Some(verdict) = dispute.verdict(now) else { return };
        let (before, ours) = (dispute.before, dispute.ours);
        self.dispute = None;
        let Verdict { liars, silent, truth } = verdict;
        // What we held was a lie, and somebody has shown the truth.
        if let (Some(ours), Some(truth)) = (ours, truth)
            && ours != truth
        {
            self.cut(&before);
            for peer in self.peers.values_mut() {
                peer.checked = false;
            }
            self.events.push_back(LightEvent::Distrusted { height: before.height, tip: before.hash });
        }
        liars.into_iter().for_each(|peer| self.lie(peer));
        silent.into_iter().for_each(|peer| self.slow(peer));
    }
}
