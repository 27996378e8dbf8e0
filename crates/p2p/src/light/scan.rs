//! Looking at blocks by their filters, in order, and fetching those that match.

use super::evidence::readable;
use super::{Asked, FilterPeer, LightEvent, MAX_FILTERS, MAX_SCRIPTS, Request, TIMEOUT};
use crate::host::{HeaderInfo, Host};
use crate::{PeerId, Time};
use bitcoin::bip158::{FilterHash, FilterHeader};
use bitcoin::hashes::Hash;
use bitcoin::{Block, BlockHash, ScriptBuf};
use std::collections::{BTreeMap, VecDeque};

/// Blocks that may wait to be fetched before more filters are.
const MAX_WANTED: usize = 64;
/// Heights between two events that tell how far the scan is.
const REPORT: u32 = 500;

/// Filters that were asked for and have not come yet.
#[derive(Debug)]
struct Range {
    peer: PeerId,
    deadline: Time,
    blocks: VecDeque<BlockHash>,
}

/// How far blocks were looked at, and what is still to come.
#[derive(Debug)]
pub(super) struct Scan {
    watched: BTreeMap<ScriptBuf, u32>,
    /// The least birth of all.
    first: u32,
    /// The next height whose filter is looked at.
    next: u32,
    /// The height that was last told.
    reported: u32,
    range: Option<Range>,
    wanted: VecDeque<(u32, BlockHash)>,
    block_asked: Option<Asked>,
    /// Counts questions, so that peers take turns.
    turn: usize,
}

impl Scan {
    pub(super) const fn new(scanned: u32) -> Self {
        Self {
            watched: BTreeMap::new(),
            first: u32::MAX,
            next: scanned + 1,
            reported: scanned,
            range: None,
            wanted: VecDeque::new(),
            block_asked: None,
            turn: 0,
        }
    }

    pub(super) fn watch(&mut self, script: ScriptBuf, birth: u32) -> bool {
        let fits = self.watch_on(script, birth);
        if fits && birth < self.next {
            self.cut(birth.saturating_sub(1));
        }
        fits
    }

    pub(super) fn watch_on(&mut self, script: ScriptBuf, birth: u32) -> bool {
        let room = self.watched.len() < MAX_SCRIPTS || self.watched.contains_key(&script);
        if room {
            self.first = self.first.min(birth);
            let known = self.watched.entry(script).or_insert(birth);
            *known = (*known).min(birth);
        }
        room
    }

    pub(super) fn unwatch(&mut self, script: &ScriptBuf) {
        self.watched.remove(script);
        self.first = self.watched.values().copied().min().unwrap_or(u32::MAX);
    }

    pub(super) const fn reported(&self) -> u32 {
        self.reported
    }

    pub(super) fn wanted(&self) -> usize {
        self.wanted.len()
    }

    pub(super) fn disconnected(&mut self, peer: PeerId) {
        self.range.take_if(|range| range.peer == peer);
        self.block_asked.take_if(|asked| asked.peer == peer);
    }

    /// Looks again at all above a height.
    pub(super) fn cut(&mut self, height: u32) {
        self.range = None;
        self.next = self.next.min(height + 1);
        self.reported = self.reported.min(height);
        self.wanted.retain(|(wanted, _)| *wanted <= height);
        self.block_asked = None;
    }

    /// Asks for filters and blocks. Returns who has not answered.
    #[expect(clippy::too_many_arguments, reason = "what the whole machine knows")]
    pub(super) fn poll(
        &mut self,
        now: Time,
        headers: &[FilterHeader],
        tip: &HeaderInfo,
        host: &dyn Host,
        peers: &BTreeMap<PeerId, FilterPeer>,
        has: &dyn Fn(PeerId, &HeaderInfo) -> bool,
        requests: &mut Vec<(PeerId, Request)>,
        events: &mut VecDeque<LightEvent>,
    ) -> Vec<PeerId> {
        let mut slow = Vec::new();
        slow.extend(self.range.take_if(|range| range.deadline < now).map(|range| range.peer));
        slow.extend(self.block_asked.take_if(|asked| asked.deadline < now).map(|asked| asked.peer));
        // Before the birth of all that is watched there is nothing to look at.
        let height = headers.len() as u32 - 1;
        if self.next < self.first {
            self.next = self.first.min(height + 1);
            self.range = None;
        }
        // Who was compared with what is held; as long as there is nothing, everybody.
        let able: Vec<PeerId> = peers
            .iter()
            .filter(|(peer, known)| (known.checked || height == 0) && !slow.contains(peer) && has(**peer, tip))
            .map(|(peer, _)| *peer)
            .collect();
        if !able.is_empty() {
            self.ask_filters(now, height, tip, host, &able, requests);
            self.ask_block(now, &able, requests);
        }
        self.report(height, events);
        slow
    }

    fn ask_filters(
        &mut self,
        now: Time,
        height: u32,
        tip: &HeaderInfo,
        host: &dyn Host,
        able: &[PeerId],
        requests: &mut Vec<(PeerId, Request)>,
    ) {
        if self.range.is_some() || self.next > height || self.wanted.len() >= MAX_WANTED {
            return;
        }
        let end = height.min(self.next + MAX_FILTERS - 1);
        let mut blocks = VecDeque::new();
        let mut walk = host.ancestor(&tip.hash, end);
        while let Some(block) = walk.filter(|block| block.height >= self.next) {
            blocks.push_front(block.hash);
            walk = host.header(&block.prev);
        }
        let Some(stop) = blocks.back().copied() else { return };
        let peer = self.take_turn(able);
        requests.push((peer, Request::Filters { start: self.next, stop }));
        self.range = Some(Range { peer, deadline: now + TIMEOUT, blocks });
    }

    fn ask_block(&mut self, now: Time, able: &[PeerId], requests: &mut Vec<(PeerId, Request)>) {
        let (Some((_, hash)), None) = (self.wanted.front().copied(), &self.block_asked) else { return };
        let peer = self.take_turn(able);
        requests.push((peer, Request::Block(hash)));
        self.block_asked = Some(Asked { peer, deadline: now + TIMEOUT });
    }

    fn take_turn(&mut self, able: &[PeerId]) -> PeerId {
        self.turn = self.turn.wrapping_add(1);
        able[self.turn % able.len()]
    }

    /// Tells how far everything is done.
    fn report(&mut self, height: u32, events: &mut VecDeque<LightEvent>) {
        let done = self.wanted.front().map_or(self.next, |(wanted, _)| *wanted).saturating_sub(1);
        let due = done >= self.reported.saturating_add(REPORT) || done >= height || !self.wanted.is_empty();
        if done > self.reported && due {
            self.reported = done;
            events.push_back(LightEvent::Scanned { height: done });
        }
    }

    /// A filter has come. Returns whether it is another one than its header says.
    pub(super) fn on_filter(
        &mut self,
        peer: PeerId,
        hash: BlockHash,
        filter: &[u8],
        headers: &[FilterHeader],
        now: Time,
    ) -> bool {
        let Some(range) = self.range.as_mut().filter(|range| range.peer == peer) else { return false };
        if range.blocks.front() != Some(&hash) {
            return false;
        }
        let at = self.next as usize;
        let (Some(previous), Some(header)) = (headers.get(at - 1), headers.get(at)) else { return false };
        if FilterHash::hash(filter).filter_header(previous) != *header {
            return true;
        }
        range.deadline = now + TIMEOUT;
        range.blocks.pop_front();
        if range.blocks.is_empty() {
            self.range = None;
        }
        let mut scripts = self.watched.iter().filter(|(_, birth)| **birth <= self.next).map(|(script, _)| script);
        let mut scripts = scripts.by_ref().map(|script| script.as_bytes()).peekable();
        // A filter that cannot be read, and on which all agree, hides nothing: the block is fetched.
        let looked_up = |scripts: &mut _| readable(filter)?.match_any(&hash, scripts).ok();
        if scripts.peek().is_some() && looked_up(&mut scripts).unwrap_or(true) {
            self.wanted.push_back((self.next, hash));
        }
        self.next += 1;
        false
    }

    /// A block has come: its height, if it was wanted.
    pub(super) fn on_block(&mut self, block: &Block) -> Option<u32> {
        let hash = block.block_hash();
        // In order, so that a report never passes one that is missing.
        let (height, _) = *self.wanted.front().filter(|(_, wanted)| *wanted == hash)?;
        self.wanted.pop_front();
        self.block_asked = None;
        Some(height)
    }
}
