//! How long a lookup waits for one peer before it goes on without it, learnt from how long peers take, as TCP learns when
//! to send again (RFC 6298). libp2p-kad waits ten seconds whatever the network is, and three silent peers stop a lookup.
//! Sans-I/O; the time is told.

use libp2p::PeerId;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Before anyone has answered.
const FIRST: Duration = Duration::from_secs(2);
/// Nobody is given up before, however fast the others are.
const LEAST: Duration = Duration::from_secs(1);
/// A request has failed by then anyway.
const MOST: Duration = Duration::from_secs(5);
/// How long an answer may be late and still teach how late answers are.
const REMEMBERED: Duration = Duration::from_secs(30);
/// Peers waited for at once. Those beyond it have libp2p's time.
const MAX_PEERS: usize = 4_096;

struct Wait {
    since: Instant,
    given_up: bool,
}

/// What is known of the time that peers take.
#[derive(Default)]
pub(crate) struct Patience {
    waiting: HashMap<PeerId, Wait>,
    /// Mean time to an answer, and its mean deviation.
    learnt: Option<(Duration, Duration)>,
    /// Doublings, as long as nobody answers at all: then it is the own link that is slow.
    doublings: u32,
    answered: bool,
}

impl Patience {
    /// A dial or a request begins.
    pub(crate) fn begin(&mut self, peer: PeerId, now: Instant) {
        // One that was given up gets its time anew.
        let runs = self.waiting.get(&peer).is_some_and(|wait| !wait.given_up);
        if !runs && self.waiting.len() < MAX_PEERS {
            self.waiting.insert(peer, Wait { since: now, given_up: false });
        }
    }

    /// An answer has come.
    pub(crate) fn answered(&mut self, peer: &PeerId, now: Instant) {
        let Some(wait) = self.waiting.remove(peer) else { return };
        let took = now.duration_since(wait.since);
        self.learnt = Some(match self.learnt {
            None => (took, took / 2),
            Some((mean, deviation)) => ((mean * 7 + took) / 8, (deviation * 3 + mean.abs_diff(took)) / 4),
        });
        (self.answered, self.doublings) = (true, 0);
    }

    /// A dial or a request has ended without an answer.
    pub(crate) fn forget(&mut self, peer: &PeerId) {
        self.waiting.remove(peer);
    }

    /// How long anyone is waited for now.
    pub(crate) fn limit(&self) -> Duration {
        let learnt = self.learnt.map_or(FIRST, |(mean, deviation)| mean + deviation * 4);
        (learnt.max(LEAST) * 2_u32.saturating_pow(self.doublings.min(4))).min(MOST)
    }

    /// The peers that have had their time, each told once.
    pub(crate) fn overdue(&mut self, now: Instant) -> Vec<PeerId> {
        let limit = self.limit();
        self.waiting.retain(|_, wait| now.duration_since(wait.since) < REMEMBERED);
        let mut overdue = Vec::new();
        for (peer, wait) in &mut self.waiting {
            if !wait.given_up && now.duration_since(wait.since) >= limit {
                wait.given_up = true;
                overdue.push(*peer);
            }
        }
        if !overdue.is_empty() && !std::mem::take(&mut self.answered) {
            self.doublings += 1;
        }
        overdue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(millis: u64) -> impl Fn(Instant) -> Instant {
        move |start| start + Duration::from_millis(millis)
    }

    #[test]
    fn fast_answers_shorten_it_and_slow_ones_lengthen_it() {
        let (start, mut patience) = (Instant::now(), Patience::default());
        assert_eq!(patience.limit(), FIRST);
        for _ in 0..50 {
            let peer = PeerId::random();
            patience.begin(peer, start);
            patience.answered(&peer, after(20)(start));
        }
        assert_eq!(patience.limit(), LEAST);
        for _ in 0..50 {
            let peer = PeerId::random();
            patience.begin(peer, start);
            patience.answered(&peer, after(1_900)(start));
        }
        assert!(patience.limit() > Duration::from_millis(1_900), "{:?}", patience.limit());
        assert!(patience.limit() <= MOST);
    }

    #[test]
    fn a_silent_peer_is_told_once_and_its_late_answer_teaches() {
        let (start, mut patience) = (Instant::now(), Patience::default());
        let (silent, quick) = (PeerId::random(), PeerId::random());
        patience.begin(quick, start);
        patience.answered(&quick, after(10)(start));
        patience.begin(silent, start);
        assert!(patience.overdue(after(999)(start)).is_empty());
        assert_eq!(patience.overdue(after(1_000)(start)), [silent]);
        assert!(patience.overdue(after(1_900)(start)).is_empty());
        patience.begin(silent, after(2_000)(start));
        assert_eq!(patience.overdue(after(3_000)(start)), [silent], "asked again, it has its time again");
        patience.answered(&silent, after(6_000)(start));
        assert!(patience.limit() > LEAST * 2, "{:?}", patience.limit());
    }

    #[test]
    fn while_nobody_answers_everyone_gets_more_time() {
        let (start, mut patience) = (Instant::now(), Patience::default());
        let mut now = start;
        for expected in [4, 5, 5, 5] {
            patience.begin(PeerId::random(), now);
            now += MOST;
            assert_eq!(patience.overdue(now).len(), 1);
            assert_eq!(patience.limit(), Duration::from_secs(expected));
        }
    }
}
