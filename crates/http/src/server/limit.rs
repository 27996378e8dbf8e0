use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// So many at once, and then so many a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rate {
    pub(crate) burst: u32,
    pub(crate) per_second: f64,
}

#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

/// A token bucket for each key, of at most `keys` keys: those that have no room for a bucket of their own share one.
pub(crate) struct Buckets<K> {
    rate: Rate,
    keys: usize,
    state: Mutex<(HashMap<K, Bucket>, Bucket)>,
}

impl<K: Eq + Hash> Buckets<K> {
    pub(crate) fn new(rate: Rate, keys: usize) -> Self {
        let full = Bucket { left: f64::from(rate.burst), at: Instant::now() };
        Self { rate, keys, state: Mutex::new((HashMap::new(), full)) }
    }

    /// Takes one; or says after how many seconds there will be one.
    pub(crate) fn take(&self, key: K, now: Instant) -> Result<(), u32> {
        let rate = self.rate;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (table, shared) = &mut *state;
        if table.len() >= self.keys && !table.contains_key(&key) {
            // Who could take all again is as good as unknown.
            table.retain(|_, bucket| bucket.now(rate, now) < f64::from(rate.burst));
        }
        let bucket = if table.len() < self.keys || table.contains_key(&key) {
            table.entry(key).or_insert(Bucket { left: f64::from(rate.burst), at: now })
        } else {
            shared
        };
        bucket.left = bucket.now(rate, now);
        bucket.at = now;
        if bucket.left >= 1.0 {
            bucket.left -= 1.0;
            return Ok(());
        }
        let wait = (1.0 - bucket.left) / rate.per_second;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds, and `as` saturates")]
        Err((wait.ceil() as u32).clamp(1, 3_600))
    }
}

impl Bucket {
    fn now(&self, rate: Rate, now: Instant) -> f64 {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        (self.left + since * rate.per_second).min(f64::from(rate.burst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const RATE: Rate = Rate { burst: 3, per_second: 0.5 };

    #[test]
    fn a_key_has_its_burst_and_then_its_pace_whatever_others_do() {
        let buckets = Buckets::new(RATE, 8);
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(buckets.take("one", start), Ok(()));
        }
        assert_eq!(buckets.take("one", start), Err(2));
        assert_eq!(buckets.take("other", start), Ok(()));
        let later = start + Duration::from_secs(2);
        assert_eq!(buckets.take("one", later), Ok(()));
        assert_eq!(buckets.take("one", later), Err(2));
    }

    #[test]
    fn the_table_is_bounded_and_those_outside_share_one_bucket() {
        let buckets = Buckets::new(RATE, 2);
        let start = Instant::now();
        for key in 0..2 {
            assert_eq!(buckets.take(key, start), Ok(()));
        }
        let outside: Vec<_> = (10..20).map(|key| buckets.take(key, start)).collect();
        assert_eq!(outside.iter().filter(|taken| taken.is_ok()).count(), 3, "{outside:?}");
        assert_eq!(buckets.state.lock().unwrap().0.len(), 2);
        // Those who have waited long enough to be unknown make room.
        assert_eq!(buckets.take(99, start + Duration::from_secs(60)), Ok(()));
        assert!(buckets.state.lock().unwrap().0.contains_key(&99));
    }
}
