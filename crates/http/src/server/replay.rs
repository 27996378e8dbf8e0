use pumasi_crypto::hash::Digest;
use pumasi_signaling::SignedSignal;
use pumasi_units::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Signals that are remembered until they expire.
const CAPACITY: usize = 16_384;

/// Which signals were here. Bounded, and still none passes again from somebody else: when it is full, the one issued longest ago is
/// forgotten, and all that were issued before it are refused from then on.
pub(crate) struct Replay {
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By time of issue; the expiry, and who brought it where that is known for sure.
    seen: BTreeMap<(Timestamp, Digest), (Timestamp, Option<u64>)>,
    floor: Option<Timestamp>,
}

impl Replay {
    pub(crate) fn new() -> Self {
        Self { capacity: CAPACITY, state: Mutex::default() }
    }

    /// Whether this is the first time, or the same `source` brings it again: its answer was lost on the way. Nobody else's passes
    /// from then on.
    pub(crate) fn passes(&self, signed: &SignedSignal, source: Option<u64>, now: Timestamp) -> bool {
        let signal = signed.signal();
        self.note((signal.issued, signed.id()), signal.expires, source, now)
    }

    fn note(&self, signal: (Timestamp, Digest), expires: Timestamp, source: Option<u64>, now: Timestamp) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, before)) = state.seen.get(&signal) {
            return source.is_some() && *before == source;
        }
        if state.floor.is_some_and(|floor| signal.0 <= floor) {
            return false;
        }
        if state.seen.len() >= self.capacity {
            state.seen.retain(|_, (expires, _)| *expires > now);
        }
        state.seen.insert(signal, (expires, source));
        if state.seen.len() > self.capacity
            && let Some(((oldest, _), _)) = state.seen.pop_first()
        {
            state.floor = state.floor.max(Some(oldest));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_passes_again_from_another_and_little_is_remembered() {
        let replay = Replay { capacity: 4, state: Mutex::default() };
        let note = |at: u64, now| {
            replay.note((Timestamp(at), Digest([at as u8; 32])), Timestamp(at + 100), None, Timestamp(now))
        };
        for at in 1..=6 {
            assert!(note(at, 10), "{at}");
        }
        for at in 1..=6 {
            assert!(!note(at, 10), "{at}");
        }
        assert_eq!(replay.state.lock().unwrap().seen.len(), 4);
        let from = |source| replay.note((Timestamp(7), Digest([7; 32])), Timestamp(107), source, Timestamp(10));
        assert!(from(Some(1)) && from(Some(1)), "the same once more");
        assert!(!from(Some(2)) && !from(None));
        assert_eq!(replay.state.lock().unwrap().seen.len(), 4);
        // What has expired makes room without a floor that would hit others.
        assert!(note(150, 140));
        assert_eq!(replay.state.lock().unwrap().floor, Some(Timestamp(3)));
    }
}
