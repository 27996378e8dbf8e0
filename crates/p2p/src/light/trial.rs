//! A peer says something else about the past than what is held: the first filter on which both differ is looked for, from
//! the newest to the oldest, and then the block decides.

use super::{FilterSync, MAX_HASHES, Request, TIMEOUT};
use crate::host::{HeaderInfo, Host};
use crate::light::dispute::Dispute;
use crate::{PeerId, Time};
use bitcoin::BlockHash;
use bitcoin::bip158::{FilterHash, FilterHeader};
use std::collections::BTreeMap;

/// The search through one peer's filter headers.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) peer: PeerId,
    /// The last block of the range that was asked for.
    pub(super) stop: BlockHash,
    /// The block before the range, then the range.
    blocks: Vec<HeaderInfo>,
    /// What the peer has said of the last of them, when it was asked for the range above.
    claimed: Option<FilterHeader>,
    deadline: Time,
    asked: bool,
}

impl Trial {
    /// The range of blocks that ends at `last`.
    fn range(peer: PeerId, last: &HeaderInfo, claimed: Option<FilterHeader>, host: &dyn Host, now: Time) -> Self {
        let mut blocks = vec![*last];
        while blocks.len() <= MAX_HASHES as usize {
            let Some(parent) = blocks.last().and_then(|block| host.header(&block.prev)) else { break };
            blocks.push(parent);
        }
        blocks.reverse();
        Self { peer, stop: last.hash, blocks, claimed, deadline: now + TIMEOUT, asked: false }
    }
}

impl FilterSync {
    pub(super) fn poll_trial(
        &mut self,
        now: Time,
        tip: &HeaderInfo,
        host: &dyn Host,
        has: &dyn Fn(PeerId, &HeaderInfo) -> bool,
        requests: &mut Vec<(PeerId, Request)>,
    ) {
        if let Some(slow) = self.trial.as_ref().filter(|trial| trial.deadline < now).map(|trial| trial.peer) {
            self.slow(slow);
        }
        if self.trial.is_none() {
            let Some(peer) = self.suspects.pop_first() else { return };
            if tip.height == 0 || !has(peer, tip) {
                return;
            }
            self.trial = Some(Trial::range(peer, tip, None, host, now));
        }
        let Some(trial) = &mut self.trial else { return };
        // The range was shortened to what lies below the one before.
        if !trial.asked && trial.blocks.len() == 1 {
            *trial = Trial::range(trial.peer, &trial.blocks[0], trial.claimed, host, now);
        }
        if !std::mem::replace(&mut trial.asked, true) {
            let start = trial.blocks[0].height + 1;
            requests.push((trial.peer, Request::FilterHeaders { start, stop: trial.stop }));
        }
    }

    pub(super) fn on_trial(&mut self, peer: PeerId, previous: FilterHeader, hashes: &[FilterHash], now: Time) {
        let Some(trial) = self.trial.take() else { return };
        let mut claims = Vec::with_capacity(hashes.len());
        let mut last = previous;
        for filter in hashes {
            last = filter.filter_header(&last);
            claims.push(last);
        }
        let before = trial.blocks[0];
        let complete = claims.len() + 1 == trial.blocks.len();
        // It must say the same as when it was asked for the range above.
        if !complete || trial.claimed.is_some_and(|claimed| claimed != last) {
            self.lie(peer);
            return;
        }
        let held = |height: u32| self.headers.get(height as usize).copied();
        if held(before.height) != Some(previous) {
            if before.height == 0 {
                // The filter of the genesis block is known to everybody.
                self.lie(peer);
                return;
            }
            self.trial = Some(Trial {
                peer,
                stop: before.hash,
                blocks: vec![before],
                claimed: Some(previous),
                deadline: now + TIMEOUT,
                asked: false,
            });
            return;
        }
        let differs = claims.iter().zip(&trial.blocks[1..]).position(|(claim, at)| held(at.height) != Some(*claim));
        let Some(index) = differs else {
            // Now it says what we hold: it has said two things.
            self.lie(peer);
            return;
        };
        let (below, at) = (trial.blocks[index], trial.blocks[index + 1]);
        let (Some(agreed), ours) = (held(below.height), held(at.height)) else { return };
        // Nobody else has said anything yet: what they show is what they claim.
        let claims = BTreeMap::from([(peer, claims[index])]);
        let mut dispute = Dispute::new(below, at, agreed, claims, ours, now + TIMEOUT);
        dispute.ask(self.peers.keys().copied());
        self.dispute = Some(dispute);
    }
}
