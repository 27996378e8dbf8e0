use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, Sub};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A span of time in milliseconds.
pub type Millis = u64;

/// An instant, in milliseconds since the Unix epoch. Cores never read a clock; they are told the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub Millis);

impl Timestamp {
    /// Reads an RFC 3339 date-time with any offset; parts of a millisecond are dropped.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        u64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok().map(Self)
    }

    /// Milliseconds from `earlier` to `self`; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Millis {
        self.0.saturating_sub(earlier.0)
    }
}

/// RFC 3339 in UTC, with milliseconds only where there are any: `2026-11-21T07:48:00Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = i128::from(self.0) * 1_000_000;
        match OffsetDateTime::from_unix_timestamp_nanos(nanos).ok().and_then(|at| at.format(&Rfc3339).ok()) {
            Some(text) => f.write_str(&text),
            None => write!(f, "{} ms after 1970", self.0),
        }
    }
}

impl Add<Millis> for Timestamp {
    type Output = Self;
    fn add(self, span: Millis) -> Self {
        Self(self.0.saturating_add(span))
    }
}

impl Sub<Millis> for Timestamp {
    type Output = Self;
    fn sub(self, span: Millis) -> Self {
        Self(self.0.saturating_sub(span))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_round_trips_to_the_millisecond() {
        for ms in [0, 1, 999, 1_000, 1_795_247_280_123] {
            assert_eq!(Timestamp::parse_rfc3339(&Timestamp(ms).to_string()), Some(Timestamp(ms)));
        }
        assert_eq!(Timestamp::parse_rfc3339("2026-11-21T16:48:00+09:00"), Some(Timestamp(1_795_247_280_000)));
        assert_eq!(Timestamp::parse_rfc3339("1969-12-31T23:59:59Z"), None);
    }
}
