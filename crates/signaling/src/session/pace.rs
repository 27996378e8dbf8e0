use pumasi_units::{Millis, Timestamp};

/// How often to look, or to say again: quickly at first, then every quarter of the time that has passed, and in the end
/// at a steady slow beat. A wait of a minute costs 34 looks when [`DIALING`](Pace::DIALING).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The shortest interval, in milliseconds.
    pub quick: Millis,
    /// The longest.
    pub slow: Millis,
}

impl Pace {
    /// Someone waits for the answer, which on a good network is there after a tenth of a second.
    pub const DIALING: Self = Self { quick: 60, slow: 4_000 };
    /// Waiting for whoever may call.
    pub const LISTENING: Self = Self { quick: 1_000, slow: 10_000 };
    /// Putting a record again that the DHT may have lost.
    pub const REPEATING: Self = Self { quick: 5_000, slow: 20_000 };

    /// When to do it next, when it began at `start`.
    #[must_use]
    pub fn next(&self, start: Timestamp, now: Timestamp) -> Timestamp {
        now + (now.since(start) / 4).clamp(self.quick, self.slow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_of_dialing_takes_a_bounded_number_of_looks_that_only_get_rarer() {
        let (mut now, mut looks, mut last) = (Timestamp(0), 0, 0);
        while now < Timestamp(60_000) {
            let next = Pace::DIALING.next(Timestamp(0), now);
            assert!(next.since(now) >= last);
            (last, now, looks) = (next.since(now), next, looks + 1);
        }
        assert!((20..=35).contains(&looks), "{looks}");
        assert_eq!(last, Pace::DIALING.slow);
    }
}
