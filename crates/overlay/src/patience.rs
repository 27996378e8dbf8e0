//! How long a lookup waits for one peer before it goes on without it, learnt from how long peers take, as TCP learns when
//! to send again (RFC 6298). libp2p-kad waits ten seconds whatever the network is, and three silent peers stop a lookup.
//! Sans-I/O; the time is told.

use libp2p::PeerId;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Before anyone has answered.
const FIRST: Duration = Duration::from_secs(2);
/// Nobody is given up before, however fast the others are. An answer that comes later still counts, so this costs a request.
const LEAST: Duration = Duration::from_millis(400);
/// A request has failed by then anyway.
const MOST: Duration = Duration::from_secs(5);
/// Nobody answers at all: for so long. A lookup may well ask some that do not exist one after the other.
const SILENCE: Duration = Duration::from_secs(3);
/// How long an answer may be late and still teach how late answers are, and how long who was given up is not waited for again.
const REMEMBERED: Duration = Duration::from_secs(30);
/// Peers waited for at once. Those beyond it have libp2p's time.
const MAX_PEERS: usize = 4_096;

struct Wait {
    since: Instant,
    given_up: bool,
    /// Asked again after it was given up.
    again: bool,
}

/// What is known of the time that peers take.
#[derive(Default)]
pub(crate) struct Patience {
    waiting: HashMap<PeerId, Wait>,
    /// Mean time to an answer, and its mean deviation.
    learnt: Option<(Duration, Duration)>,
    /// Doublings, as long as nobody answers at all: then it is the own link that is slow.
    doublings: u32,
    /// When somebody last answered, or the time was doubled last.
    heard: Option<Instant>,
}

impl Patience {
    /// A dial or a request begins. One that was given up lately, and has given no sign since, is not waited for again as long
    /// as others answer: else a lookup that begins anew would spend its time with the same that are not there.
    pub(crate) fn begin(&mut self, peer: PeerId, now: Instant) {
        let others_answer = self.others_answer();
        let room = self.waiting.len() < MAX_PEERS;
        match self.waiting.get_mut(&peer) {
            Some(wait) if !wait.given_up => {}
            Some(wait) if others_answer => (wait.given_up, wait.again) = (false, true),
            Some(wait) => *wait = Wait { since: now, given_up: false, again: false },
            None if room => {
                self.waiting.insert(peer, Wait { since: now, given_up: false, again: false });
            }
            None => {}
        }
    }

    /// Whether peers answer, so that it is the fault of those who do not.
    pub(crate) fn others_answer(&self) -> bool {
        self.learnt.is_some() && self.doublings == 0
    }

    /// A connection has opened: who was given up gets its time anew.
    pub(crate) fn connected(&mut self, peer: &PeerId) {
        if self.waiting.get(peer).is_some_and(|wait| wait.given_up || wait.again) {
            self.waiting.remove(peer);
        }
    }

    /// An answer has come.
    pub(crate) fn answered(&mut self, peer: &PeerId, now: Instant) {
        let Some(wait) = self.waiting.remove(peer) else { return };
        (self.heard, self.doublings) = (Some(now), 0);
        if wait.again {
            // Which of the questions it answers is not known (Karn's rule).
            return;
        }
        // One that is very late makes the time longer, not at once as long as it took.
        let took = now.duration_since(wait.since).min(self.limit() * 2);
        self.learnt = Some(match self.learnt {
            None => (took, took / 2),
            Some((mean, deviation)) => ((mean * 7 + took) / 8, (deviation * 3 + mean.abs_diff(took)) / 4),
        });
    }

    /// A dial has failed.
    pub(crate) fn failed(&mut self, peer: &PeerId) {
        if let Some(wait) = self.waiting.get_mut(peer) {
            wait.given_up = true;
        }
    }

    /// A request has ended without an answer.
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
        self.waiting.retain(|_, wait| !wait.given_up || now.duration_since(wait.since) < REMEMBERED);
        let mut overdue = Vec::new();
        let mut new = false;
        for (peer, wait) in &mut self.waiting {
            if !wait.given_up && (wait.again || now.duration_since(wait.since) >= limit) {
                wait.given_up = true;
                new |= !wait.again;
                overdue.push(*peer);
            }
        }
        if new && self.heard.is_none_or(|heard| now.duration_since(heard) >= SILENCE) {
            (self.heard, self.doublings) = (Some(now), self.doublings + 1);
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
        assert!(patience.overdue(after(399)(start)).is_empty());
        assert_eq!(patience.overdue(after(400)(start)), [silent]);
        assert!(patience.overdue(after(900)(start)).is_empty());
        patience.begin(silent, after(1_000)(start));
        assert_eq!(patience.overdue(after(1_001)(start)), [silent], "asked again, it is not waited for");
        patience.begin(silent, after(2_000)(start));
        patience.connected(&silent);
        patience.begin(silent, after(2_000)(start));
        assert!(patience.overdue(after(2_399)(start)).is_empty(), "it is there after all");
        assert_eq!(patience.overdue(after(2_400)(start)), [silent]);
        patience.answered(&silent, after(6_000)(start));
        assert!(patience.limit() > LEAST, "{:?}", patience.limit());
        assert!(patience.limit() < LEAST * 4, "one that is very late: {:?}", patience.limit());
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
