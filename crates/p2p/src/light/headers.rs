//! Filter headers: the same from several peers, batch by batch; and what a newcomer says about what is held.

use super::{Asked, FilterSync, LightEvent, MAX_HASHES, Request, TIMEOUT, WITNESSES};
use crate::host::{HeaderInfo, Host};
use crate::light::dispute::Dispute;
use crate::{PeerId, Time};
use bitcoin::BlockHash;
use bitcoin::bip158::{FilterHash, FilterHeader};
use std::collections::BTreeMap;

/// Filter headers that were asked for.
#[derive(Debug)]
pub(super) struct Batch {
    /// The block before the first.
    before: HeaderInfo,
    blocks: Vec<HeaderInfo>,
    pub(super) answers: BTreeMap<PeerId, Option<Vec<FilterHash>>>,
    deadline: Time,
}

impl Batch {
    fn stop(&self) -> Option<BlockHash> {
        self.blocks.last().map(|block| block.hash)
    }
}

impl FilterSync {
    pub(super) fn poll_headers(
        &mut self,
        now: Time,
        host: &dyn Host,
        has: &dyn Fn(PeerId, &HeaderInfo) -> bool,
        requests: &mut Vec<(PeerId, Request)>,
    ) {
        if self.batch.as_ref().is_some_and(|batch| batch.deadline < now || batch.answers.values().all(Option::is_some))
        {
            self.settle(now);
        }
        // As it is after that.
        let (Some(tip), best) = (host.header(&self.tip), host.best_header()) else { return };
        if self.batch.is_some() || self.dispute.is_some() || self.peers.is_empty() || tip.height >= best.height {
            return;
        }
        let end = best.height.min(tip.height + MAX_HASHES);
        let mut blocks = Vec::with_capacity((end - tip.height) as usize);
        let mut walk = host.ancestor(&best.hash, end);
        while let Some(block) = walk.filter(|block| block.height > tip.height) {
            blocks.push(block);
            walk = host.header(&block.prev);
        }
        blocks.reverse();
        let Some(last) = blocks.last() else { return };
        let (start, stop) = (tip.height + 1, last.hash);
        // Those first that were compared with what is held.
        let mut able: Vec<_> = self.peers.iter().filter(|(peer, _)| has(**peer, last)).collect();
        able.sort_by_key(|(peer, known)| (!known.checked, **peer));
        let asked: Vec<_> = able.into_iter().map(|(peer, _)| *peer).take(WITNESSES).collect();
        if asked.is_empty() {
            return;
        }
        requests.extend(asked.iter().map(|peer| (*peer, Request::FilterHeaders { start, stop })));
        let answers = asked.into_iter().map(|peer| (peer, None)).collect();
        self.batch = Some(Batch { before: tip, blocks, answers, deadline: now + TIMEOUT });
    }

    pub(super) fn on_batch(
        &mut self,
        peer: PeerId,
        stop: BlockHash,
        previous: FilterHeader,
        hashes: Vec<FilterHash>,
        now: Time,
    ) {
        let held = self.headers.last().copied();
        let Some(batch) = self.batch.as_mut().filter(|batch| batch.stop() == Some(stop)) else { return };
        let Some(answer) = batch.answers.get_mut(&peer) else { return };
        if hashes.len() != batch.blocks.len() {
            self.lie(peer);
        } else if Some(previous) != held {
            // Either it lies, or those did with whom we agreed before.
            batch.answers.remove(&peer);
            if self.headers.len() == 1 {
                self.lie(peer);
            } else {
                self.suspects.insert(peer);
            }
        } else {
            *answer = Some(hashes);
            if let Some(known) = self.peers.get_mut(&peer) {
                known.checked = true;
            }
        }
        if self.batch.as_ref().is_some_and(|batch| batch.answers.values().all(Option::is_some)) {
            self.settle(now);
        }
    }

    /// Takes what all agree on, or looks into it.
    fn settle(&mut self, now: Time) {
        let Some(batch) = self.batch.take() else { return };
        let (given, silent): (Vec<_>, Vec<_>) = batch.answers.into_iter().partition(|(_, answer)| answer.is_some());
        silent.into_iter().for_each(|(peer, _)| self.slow(peer));
        let answers: Vec<_> = given.into_iter().filter_map(|(peer, answer)| Some((peer, answer?))).collect();
        let Some((_, first)) = answers.first() else { return };
        let differs = (0..first.len()).find(|index| answers.iter().any(|(_, other)| other[*index] != first[*index]));
        let agreed = differs.unwrap_or(first.len());
        let start = self.headers.len();
        for filter in &first[..agreed] {
            let Some(last) = self.headers.last() else { return };
            self.headers.push(filter.filter_header(last));
        }
        let place = |index: usize| index.checked_sub(1).map_or(batch.before, |index| batch.blocks[index]);
        self.tip = place(agreed).hash;
        if agreed > 0 {
            let headers = self.headers[start..].to_vec();
            self.events.push_back(LightEvent::Headers { start: start as u32, headers, tip: self.tip });
        }
        if let (Some(index), Some(previous)) = (differs, self.headers.last().copied()) {
            let claims = answers.iter().map(|(peer, hashes)| (*peer, hashes[index].filter_header(&previous)));
            let (before, block) = (place(index), batch.blocks[index]);
            self.dispute = Some(Dispute::new(before, block, previous, claims.collect(), None, now + TIMEOUT));
        }
    }

    /// Asks newcomers for the last filter header that is held.
    pub(super) fn poll_checks(
        &mut self,
        now: Time,
        tip: &HeaderInfo,
        has: &dyn Fn(PeerId, &HeaderInfo) -> bool,
        requests: &mut Vec<(PeerId, Request)>,
    ) {
        if tip.height == 0 {
            return;
        }
        let mut silent = Vec::new();
        for (peer, known) in &mut self.peers {
            match known.asked {
                Some((.., deadline)) if deadline < now => silent.push(Asked { peer: *peer, deadline }),
                None if !known.checked && has(*peer, tip) => {
                    known.asked = Some((tip.height, tip.hash, now + TIMEOUT));
                    requests.push((*peer, Request::FilterHeaders { start: tip.height, stop: tip.hash }));
                }
                _ => {}
            }
        }
        silent.into_iter().for_each(|asked| self.slow(asked.peer));
    }

    pub(super) fn on_check(&mut self, peer: PeerId, height: u32, header: FilterHeader) {
        let agrees = self.headers.get(height as usize).map(|held| *held == header);
        match agrees {
            Some(true) => {
                if let Some(known) = self.peers.get_mut(&peer) {
                    known.checked = true;
                }
            }
            Some(false) => {
                self.suspects.insert(peer);
            }
            None => {}
        }
    }
}
