use pumasi_crypto::hash::Digest;
use pumasi_units::Timestamp;
use std::collections::BTreeMap;

/// How many signals of one pair are remembered.
const CAPACITY: usize = 64;

/// Which signals were here already. Bounded, and still no signal passes twice: one that has expired is refused for that,
/// and when the memory is full, everything issued before what it drops is refused too.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// By time of issue; the expiry.
    signals: BTreeMap<(Timestamp, Digest), Timestamp>,
    floor: Option<Timestamp>,
}

impl Seen {
    /// Whether it was here, or is too old to tell.
    pub(super) fn contains(&self, issued: Timestamp, id: Digest) -> bool {
        self.floor.is_some_and(|floor| issued <= floor) || self.signals.contains_key(&(issued, id))
    }

    pub(super) fn insert(&mut self, issued: Timestamp, id: Digest, expires: Timestamp, now: Timestamp) {
        self.signals.retain(|_, expires| *expires > now);
        self.signals.insert((issued, id), expires);
        if self.signals.len() > CAPACITY
            && let Some(((oldest, _), _)) = self.signals.pop_first()
        {
            self.floor = self.floor.max(Some(oldest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_passes_twice_however_much_came_between(issued in proptest::collection::vec(0u64..500, 1..200)) {
            let mut seen = Seen::default();
            let expires = Timestamp(10_000);
            for (at, issued) in issued.iter().enumerate() {
                let id = Digest([at as u8; 32]);
                seen.insert(Timestamp(*issued), id, expires, Timestamp(1_000));
                prop_assert!(seen.signals.len() <= CAPACITY);
            }
            for (at, issued) in issued.iter().enumerate() {
                prop_assert!(seen.contains(Timestamp(*issued), Digest([at as u8; 32])));
            }
        }
    }
}
