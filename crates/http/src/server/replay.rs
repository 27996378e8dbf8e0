use pumasi_crypto::hash::Digest;
use pumasi_signaling::SignedSignal;
use pumasi_units::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Signals that are remembered until they expire.
const CAPACITY: usize = 16_384;

/// Which signals were here. Bounded, and still none passes twice: when it is full, the one issued longest ago is
/// forgotten, and all that were issued before it are refused from then on.
pub(crate) struct Replay {
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By time of issue; the expiry.
    seen: BTreeMap<(Timestamp, Digest), Timestamp>,
    floor: Option<Timestamp>,
}

impl Replay {
    pub(crate) fn new() -> Self {
        Self { capacity: CAPACITY, state: Mutex::default() }
    }

    /// Whether this is the first time. It is not, from then on.
    pub(crate) fn first(&self, signed: &SignedSignal, now: Timestamp) -> bool {
        let signal = signed.signal();
        self.note(signal.issued, signed.id(), signal.expires, now)
    }

    fn note(&self, issued: Timestamp, id: Digest, expires: Timestamp, now: Timestamp) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.floor.is_some_and(|floor| issued <= floor) || state.seen.contains_key(&(issued, id)) {
            return false;
        }
        if state.seen.len() >= self.capacity {
            state.seen.retain(|_, expires| *expires > now);
        }
        state.seen.insert((issued, id), expires);
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
    fn nothing_passes_twice_and_little_is_remembered() {
        let replay = Replay { capacity: 4, state: Mutex::default() };
        let note =
            |at: u64, now| replay.note(Timestamp(at), Digest([at as u8; 32]), Timestamp(at + 100), Timestamp(now));
        for at in 1..=6 {
            assert!(note(at, 10), "{at}");
        }
        for at in 1..=6 {
            assert!(!note(at, 10), "{at}");
        }
        assert_eq!(replay.state.lock().unwrap().seen.len(), 4);
        // What has expired makes room without a floor that would hit others.
        assert!(note(150, 140));
        assert_eq!(replay.state.lock().unwrap().floor, Some(Timestamp(2)));
    }
}
