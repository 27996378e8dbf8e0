//! Node time: what Core calls the mockable clock. The core never reads a clock; every call says when it happens.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A moment of node time in microseconds since the epoch. `setmocktime` moves it, also backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(i64);

impl Time {
    /// The epoch. Fields that were never set hold it, as in Core.
    pub const NEVER: Self = Self(0);
    /// Later than any moment.
    pub const MAX: Self = Self(i64::MAX);

    /// A moment in microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// A moment in seconds since the epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Whether this was never set.
    pub const fn is_never(self) -> bool {
        self.0 == 0
    }

    /// Microseconds from `earlier` until this moment; negative when `earlier` is later.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Whether more than `span` has passed since `earlier`.
    pub fn is_past(self, earlier: Self, span: Duration) -> bool {
        self > earlier + span
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Time {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Time::MAX + Duration::from_secs(1), Time::MAX);
        assert_eq!(Time::from_secs(10) - Duration::from_secs(3), Time::from_secs(7));
        assert_eq!(Time::from_micros(-1).secs(), -1);
    }
}
