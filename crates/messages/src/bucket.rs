use pumasi_units::{Millis, Timestamp};

/// How much may come: `burst` at once, and one more every `every` milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// At once, after a pause.
    pub burst: u32,
    /// The pause that gives room for one more; at least 1.
    pub every: Millis,
}

/// A token bucket with told time. It counts in milliseconds, so nothing is rounded.
#[derive(Debug, Clone)]
pub struct Bucket {
    rate: Rate,
    /// Milliseconds' worth of room; full at `burst * every`.
    room: Millis,
    at: Timestamp,
}

impl Bucket {
    /// A full bucket.
    #[must_use]
    pub fn new(rate: Rate, now: Timestamp) -> Self {
        let mut bucket = Self { rate, room: 0, at: now };
        bucket.room = bucket.full();
        bucket
    }

    fn full(&self) -> Millis {
        Millis::from(self.rate.burst).saturating_mul(self.rate.every.max(1))
    }

    /// Takes one. Says whether there was room. A clock that goes back gives no room, and takes none away.
    pub fn take(&mut self, now: Timestamp) -> bool {
        self.refill(now);
        let one = self.rate.every.max(1);
        let has = self.room >= one;
        if has {
            self.room -= one;
        }
        has
    }

    /// Whether it is as good as new, and need not be remembered.
    pub fn is_full(&mut self, now: Timestamp) -> bool {
        self.refill(now);
        self.room == self.full()
    }

    fn refill(&mut self, now: Timestamp) {
        self.room = self.room.saturating_add(now.since(self.at)).min(self.full());
        self.at = now.max(self.at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever the times: in any span at most `burst` and what the span gives.
        #[test]
        fn no_more_passes_than_the_rate(steps in proptest::collection::vec(0_u64..700, 1..200)) {
            let rate = Rate { burst: 5, every: 300 };
            let mut bucket = Bucket::new(rate, Timestamp(0));
            let (mut now, mut passed) = (0, Vec::new());
            for step in steps {
                now += step;
                if bucket.take(Timestamp(now)) { passed.push(now) }
            }
            for (at, first) in passed.iter().enumerate() {
                for (n, last) in passed[at..].iter().enumerate() {
                    prop_assert!((n + 1) as u64 <= 5 + (last - first) / 300 + 1);
                }
            }
        }
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing() {
        let mut bucket = Bucket::new(Rate { burst: 1, every: 100 }, Timestamp(1_000));
        assert!(bucket.take(Timestamp(1_000)));
        assert!(!bucket.take(Timestamp(0)));
        assert!(!bucket.take(Timestamp(1_050)));
        assert!(bucket.take(Timestamp(1_100)));
    }
}
