//! The node's time: the machine's, unless a test has set another.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A clock that `setmocktime` can stop.
#[derive(Debug, Default)]
pub struct Clock {
    /// Seconds since the epoch; 0 when the time is the machine's.
    mock: AtomicI64,
}

impl Clock {
    /// Stops the clock at `seconds` since the epoch; 0 lets it run again.
    pub fn set_mock(&self, seconds: i64) {
        self.mock.store(seconds, Ordering::SeqCst);
    }

    /// The time that a test has set, in seconds.
    #[must_use]
    pub fn mock(&self) -> Option<i64> {
        Some(self.mock.load(Ordering::SeqCst)).filter(|seconds| *seconds != 0)
    }

    /// Seconds since the epoch.
    #[must_use]
    pub fn seconds(&self) -> i64 {
        self.mock().unwrap_or_else(|| i64::try_from(real().as_secs()).unwrap_or(i64::MAX))
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub fn micros(&self) -> i64 {
        self.mock().map_or_else(
            || i64::try_from(real().as_micros()).unwrap_or(i64::MAX),
            |seconds| seconds.saturating_mul(1_000_000),
        )
    }
}

/// The machine's time since the epoch, whatever a test has set.
#[must_use]
pub fn real() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mocked_clock_stands_still_until_it_is_released() {
        let clock = Clock::default();
        clock.set_mock(1_500_000_000);
        assert_eq!((clock.seconds(), clock.micros()), (1_500_000_000, 1_500_000_000_000_000));
        clock.set_mock(0);
        assert!(clock.seconds() > 1_700_000_000);
    }
}
