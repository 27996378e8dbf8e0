//! Who is asked for which transaction, and when (Core's `TxRequestTracker`).
//!
//! For each transaction one peer is asked at a time. Among those who announced it and whose delay is over, preferred
//! ones (outbound) come first, and among equals a keyed hash decides, so that nobody can be first by being fast. One
//! who does not deliver in time is passed over for good.

use crate::{PeerId, Time, TxId};
use bitcoin::hashes::{Hash, siphash24};
use std::collections::{BTreeSet, HashMap};

pub(crate) type TxHash = [u8; 32];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Waits for its delay.
    Delayed,
    /// Could be asked; another is better or is being asked.
    Ready,
    /// The next to ask.
    Best,
    /// Is asked.
    Requested,
    /// Was asked in vain.
    Completed,
}

#[derive(Debug, Clone)]
struct Announcement {
    peer: PeerId,
    id: TxId,
    preferred: bool,
    sequence: u64,
    state: State,
    /// When the delay or the time to answer is over.
    time: Time,
}

#[derive(Debug, Default)]
struct PeerCounts {
    hashes: BTreeSet<TxHash>,
    /// Announcements of the peer that are the next to ask, oldest first.
    best: BTreeSet<(u64, TxHash)>,
    requested: usize,
    completed: usize,
}

/// The scheduler. The number of announcements of a peer is limited by its caller.
#[derive(Debug)]
pub(crate) struct TxRequestTracker {
    keys: (u64, u64),
    sequence: u64,
    now: Time,
    by_hash: HashMap<TxHash, Vec<Announcement>>,
    peers: HashMap<PeerId, PeerCounts>,
    /// Delayed and requested announcements by the time at which something happens to them.
    timeline: BTreeSet<(Time, TxHash, PeerId)>,
}

impl TxRequestTracker {
    pub(crate) fn new(keys: (u64, u64)) -> Self {
        Self {
            keys,
            sequence: 0,
            now: Time::NEVER,
            by_hash: HashMap::new(),
            peers: HashMap::new(),
            timeline: BTreeSet::new(),
        }
    }

    fn priority(&self, announcement: &Announcement, hash: &TxHash) -> (bool, u64) {
        let mut input = hash.to_vec();
        input.extend(announcement.peer.0.to_le_bytes());
        let tie = siphash24::Hash::hash_to_u64_with_keys(self.keys.0, self.keys.1, &input);
        (announcement.preferred, tie)
    }

    /// A peer announces a transaction and may be asked from `time` on. Announcing it twice changes nothing.
    pub(crate) fn received_inv(&mut self, peer: PeerId, id: TxId, preferred: bool, time: Time) {
        let hash = hash_of(&id);
        let announcements = self.by_hash.entry(hash).or_default();
        if announcements.iter().any(|known| known.peer == peer) {
            return;
        }
        let sequence = self.sequence;
        self.sequence += 1;
        announcements.push(Announcement { peer, id, preferred, sequence, state: State::Delayed, time });
        self.peers.entry(peer).or_default().hashes.insert(hash);
        self.timeline.insert((time, hash, peer));
    }

    /// Moves an announcement to another state, with all counts.
    fn set_state(&mut self, hash: TxHash, index: usize, state: State, time: Time) {
        let Some(announcement) = self.by_hash.get_mut(&hash).and_then(|list| list.get_mut(index)) else { return };
        let (old, peer, sequence) = (announcement.state, announcement.peer, announcement.sequence);
        if matches!(old, State::Delayed | State::Requested) {
            self.timeline.remove(&(announcement.time, hash, peer));
        }
        announcement.state = state;
        announcement.time = time;
        if matches!(state, State::Delayed | State::Requested) {
            self.timeline.insert((time, hash, peer));
        }
        let counts = self.peers.entry(peer).or_default();
        for (changed, added) in [(old, false), (state, true)] {
            match (changed, added) {
                (State::Best, true) => drop(counts.best.insert((sequence, hash))),
                (State::Best, false) => drop(counts.best.remove(&(sequence, hash))),
                (State::Requested, true) => counts.requested += 1,
                (State::Requested, false) => counts.requested -= 1,
                (State::Completed, true) => counts.completed += 1,
                (State::Completed, false) => counts.completed -= 1,
                _ => {}
            }
        }
    }

    /// Chooses whom to ask next, unless somebody is being asked.
    fn elect(&mut self, hash: TxHash) {
        let Some(list) = self.by_hash.get(&hash) else { return };
        let busy = list.iter().any(|one| one.state == State::Requested);
        let current = list.iter().position(|one| one.state == State::Best);
        let candidates = list.iter().enumerate().filter(|(_, one)| matches!(one.state, State::Ready | State::Best));
        let best = candidates.max_by_key(|(_, one)| self.priority(one, &hash)).map(|(index, _)| index);
        let best = best.filter(|_| !busy);
        if current == best {
            return;
        }
        if let Some(index) = current {
            let time = list[index].time;
            self.set_state(hash, index, State::Ready, time);
        }
        if let Some(index) = best {
            let time = self.by_hash[&hash][index].time;
            self.set_state(hash, index, State::Best, time);
        }
    }

    /// Marks an announcement as used up; forgets the transaction when nobody is left to ask.
    fn complete(&mut self, hash: TxHash, peer: PeerId) {
        let Some(list) = self.by_hash.get(&hash) else { return };
        let Some(index) = list.iter().position(|one| one.peer == peer && one.state != State::Completed) else { return };
        if list.iter().all(|one| one.peer == peer || one.state == State::Completed) {
            self.forget(&hash);
            return;
        }
        self.set_state(hash, index, State::Completed, Time::NEVER);
        self.elect(hash);
    }

    /// Removes one announcement of a list, with all counts.
    fn remove(&mut self, hash: TxHash, peer: PeerId) {
        let Some(index) = self.by_hash.get(&hash).and_then(|list| list.iter().position(|one| one.peer == peer)) else {
            return;
        };
        self.set_state(hash, index, State::Ready, Time::NEVER);
        if let Some(list) = self.by_hash.get_mut(&hash) {
            list.swap_remove(index);
            if list.is_empty() {
                self.by_hash.remove(&hash);
            }
        }
        if let Some(counts) = self.peers.get_mut(&peer) {
            counts.hashes.remove(&hash);
            if counts.hashes.is_empty() {
                self.peers.remove(&peer);
            }
        }
    }

    /// The transaction is not wanted any more.
    pub(crate) fn forget(&mut self, hash: &TxHash) {
        let peers: Vec<_> = self.by_hash.get(hash).into_iter().flatten().map(|one| one.peer).collect();
        for peer in peers {
            self.remove(*hash, peer);
        }
    }

    pub(crate) fn disconnected(&mut self, peer: PeerId) {
        let hashes: Vec<_> =
            self.peers.get(&peer).into_iter().flat_map(|counts| counts.hashes.iter().copied()).collect();
        for hash in hashes {
            self.complete(hash, peer);
            self.remove(hash, peer);
        }
    }

    /// The peer has answered, with the transaction or without.
    pub(crate) fn received_response(&mut self, peer: PeerId, hash: &TxHash) {
        self.complete(*hash, peer);
    }

    /// The peer is being asked and has until then.
    pub(crate) fn requested(&mut self, peer: PeerId, hash: &TxHash, expiry: Time) {
        let Some(list) = self.by_hash.get(hash) else { return };
        let Some(index) = list.iter().position(|one| one.peer == peer) else { return };
        if list[index].state == State::Best {
            self.set_state(*hash, index, State::Requested, expiry);
        }
    }

    /// Lets time pass. Returns the requests that were not answered in time.
    fn advance(&mut self, now: Time) -> Vec<(PeerId, TxId)> {
        let mut expired = Vec::new();
        while let Some(&(time, hash, peer)) = self.timeline.first() {
            if time > now {
                break;
            }
            let found = self.by_hash.get(&hash).and_then(|list| list.iter().position(|one| one.peer == peer));
            let Some(index) = found else {
                self.timeline.pop_first();
                continue;
            };
            let announcement = &self.by_hash[&hash][index];
            if announcement.state == State::Requested {
                expired.push((peer, announcement.id));
                self.complete(hash, peer);
            } else {
                self.set_state(hash, index, State::Ready, time);
                self.elect(hash);
            }
        }
        if now < self.now {
            self.rewind(now);
        }
        self.now = now;
        expired
    }

    /// The clock went back: what could be asked must wait again.
    fn rewind(&mut self, now: Time) {
        let hashes: Vec<_> = self.by_hash.keys().copied().collect();
        for hash in hashes {
            for index in 0..self.by_hash[&hash].len() {
                let one = &self.by_hash[&hash][index];
                if matches!(one.state, State::Ready | State::Best) && one.time > now {
                    let time = one.time;
                    self.set_state(hash, index, State::Delayed, time);
                }
            }
            self.elect(hash);
        }
    }

    /// What to ask this peer for now, in the order of its announcements; and requests that came to nothing.
    pub(crate) fn requestable(&mut self, peer: PeerId, now: Time) -> (Vec<TxId>, Vec<(PeerId, TxId)>) {
        let expired = self.advance(now);
        let best = self.peers.get(&peer).into_iter().flat_map(|counts| &counts.best);
        let ids = best.filter_map(|(sequence, hash)| {
            self.by_hash.get(hash)?.iter().find(|one| one.sequence == *sequence).map(|one| one.id)
        });
        (ids.collect(), expired)
    }

    /// Peers that announced it and can still be asked.
    pub(crate) fn candidates(&self, hash: &TxHash) -> Vec<PeerId> {
        let list = self.by_hash.get(hash).into_iter().flatten();
        list.filter(|one| one.state != State::Completed).map(|one| one.peer).collect()
    }

    /// Announcements of a peer.
    pub(crate) fn count(&self, peer: PeerId) -> usize {
        self.peers.get(&peer).map_or(0, |counts| counts.hashes.len())
    }

    /// Requests to a peer that wait for an answer.
    pub(crate) fn count_in_flight(&self, peer: PeerId) -> usize {
        self.peers.get(&peer).map_or(0, |counts| counts.requested)
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.by_hash.is_empty() && self.peers.is_empty() && self.timeline.is_empty()
    }
}

/// The key under which a transaction is tracked; txid and wtxid of one without witness are the same.
pub(crate) fn hash_of(id: &TxId) -> TxHash {
    match id {
        TxId::Txid(txid) => txid.to_byte_array(),
        TxId::Wtxid(wtxid) => wtxid.to_byte_array(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitcoin::Wtxid;
    use proptest::prelude::*;

    fn id(number: u8) -> TxId {
        TxId::Wtxid(Wtxid::from_byte_array([number; 32]))
    }

    const fn at(secs: i64) -> Time {
        Time::from_secs(secs)
    }

    #[test]
    fn outbound_is_asked_first_and_another_after_it_fails() {
        let mut tracker = TxRequestTracker::new((1, 2));
        tracker.received_inv(PeerId(1), id(7), false, at(12));
        tracker.received_inv(PeerId(2), id(7), true, at(10));
        assert_eq!(tracker.requestable(PeerId(1), at(10)).0, []);
        assert_eq!(tracker.requestable(PeerId(2), at(10)).0, [id(7)]);
        tracker.requested(PeerId(2), &[7; 32], at(70));
        assert_eq!(tracker.requestable(PeerId(1), at(30)).0, [], "one at a time");
        let (now_first, expired) = tracker.requestable(PeerId(1), at(71));
        assert_eq!((now_first, expired), (vec![id(7)], vec![(PeerId(2), id(7))]));
        tracker.requested(PeerId(1), &[7; 32], at(140));
        tracker.received_response(PeerId(1), &[7; 32]);
        assert!(tracker.is_empty(), "nobody is left to ask");
    }

    #[test]
    fn the_delay_holds_also_when_the_clock_goes_back() {
        let mut tracker = TxRequestTracker::new((1, 2));
        tracker.received_inv(PeerId(1), id(7), true, at(10));
        assert_eq!(tracker.requestable(PeerId(1), at(10)).0, [id(7)]);
        assert_eq!(tracker.requestable(PeerId(1), at(9)).0, []);
        assert_eq!(tracker.requestable(PeerId(1), at(10)).0, [id(7)]);
    }

    #[test]
    fn a_disconnect_frees_the_request_for_another() {
        let mut tracker = TxRequestTracker::new((1, 2));
        tracker.received_inv(PeerId(1), id(7), true, at(0));
        tracker.received_inv(PeerId(2), id(7), false, at(0));
        assert_eq!(tracker.requestable(PeerId(1), at(1)).0, [id(7)]);
        tracker.requested(PeerId(1), &[7; 32], at(61));
        tracker.disconnected(PeerId(1));
        assert_eq!(tracker.requestable(PeerId(2), at(1)).0, [id(7)]);
        tracker.disconnected(PeerId(2));
        assert!(tracker.is_empty());
    }

    proptest! {
        // At most one peer is asked for a transaction at a time, and nothing is left behind when all have gone.
        #[test]
        fn one_request_at_a_time_after_anything(steps in prop::collection::vec((0..6_u8, 0..4_u64, 0..4_u8, 0..40_i64), 1..200)) {
            let mut tracker = TxRequestTracker::new((3, 4));
            let mut now = 100;
            for (what, peer, tx, wait) in steps {
                let peer = PeerId(peer);
                match what {
                    0 | 1 => tracker.received_inv(peer, id(tx), tx % 2 == 0, at(now + wait)),
                    2 => {
                        now += wait - 5;
                        for wanted in tracker.requestable(peer, at(now)).0 {
                            tracker.requested(peer, &hash_of(&wanted), at(now + 60));
                        }
                    }
                    3 => tracker.received_response(peer, &[tx; 32]),
                    4 => tracker.forget(&[tx; 32]),
                    _ => tracker.disconnected(peer),
                }
                for list in tracker.by_hash.values() {
                    let chosen = list.iter().filter(|one| matches!(one.state, State::Best | State::Requested)).count();
                    prop_assert!(chosen <= 1);
                    let waits = list.iter().any(|one| one.state != State::Completed);
                    prop_assert!(waits, "a transaction that nobody can be asked for is forgotten");
                }
            }
            (0..4).for_each(|peer| tracker.disconnected(PeerId(peer)));
            prop_assert!(tracker.is_empty());
        }
    }
}
