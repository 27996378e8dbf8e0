//! How much may be relayed: a token bucket whose clock is the caller's.

use std::time::{Duration, Instant};

/// Bytes that may pass.
#[derive(Debug)]
pub(crate) struct Bucket {
    per_second: u64,
    left: u64,
    at: Instant,
}

impl Bucket {
    /// Full: two seconds' worth at once.
    pub(crate) fn new(per_second: u64, now: Instant) -> Self {
        Bucket { per_second, left: per_second.saturating_mul(2), at: now }
    }

    /// Takes so many bytes, or none of them.
    pub(crate) fn take(&mut self, bytes: usize, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).min(Duration::from_secs(2));
        let more = (self.per_second as u128 * passed.as_nanos() / 1_000_000_000) as u64;
        // What is less than a byte waits for the next time.
        if more > 0 {
            self.left = self.left.saturating_add(more).min(self.per_second.saturating_mul(2));
            self.at = now;
        }
        let enough = self.left >= bytes as u64;
        if enough {
            self.left -= bytes as u64;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_two_seconds_at_once_and_then_its_rate() {
        let now = Instant::now();
        let mut bucket = Bucket::new(1_000, now);
        assert!(bucket.take(2_000, now) && !bucket.take(1, now));
        assert!(!bucket.take(501, now + Duration::from_millis(500)));
        assert!(bucket.take(500, now + Duration::from_millis(500)));
        assert!(bucket.take(2_000, now + Duration::from_secs(60)) && !bucket.take(1, now + Duration::from_secs(60)));
    }
}
