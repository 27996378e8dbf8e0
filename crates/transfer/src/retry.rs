use crate::limits::{FIRST_RETRY, LAST_RETRY};
use pumasi_units::Timestamp;

/// When to say something again on a link that is up.
///
/// The link itself is reliable; repeats are for a peer that crashed between reading and answering. So they start soon
/// and become rare, and stop while the link is down: a new link begins with a repeat anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Retry {
    due: Option<Timestamp>,
    repeats: u32,
}

impl Retry {
    /// Begins anew, with the first wait.
    pub(crate) fn start(&mut self, now: Timestamp) {
        *self = Self { due: Some(now + FIRST_RETRY), repeats: 0 };
    }

    /// Nothing is to be repeated.
    pub(crate) fn stop(&mut self) {
        *self = Self::default();
    }

    /// When the next repeat is due.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.due
    }

    /// Whether a repeat is due; if so, the next one is set, twice as far away.
    pub(crate) fn fires(&mut self, now: Timestamp) -> bool {
        if self.due.is_none_or(|due| now < due) {
            return false;
        }
        self.repeats = self.repeats.saturating_add(1);
        let wait = FIRST_RETRY.saturating_mul(1 << self.repeats.min(16)).min(LAST_RETRY);
        self.due = Some(now + wait);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute() {
        let mut retry = Retry::default();
        assert!(!retry.fires(Timestamp(u64::MAX)), "nothing was started");
        retry.start(Timestamp(0));
        let mut waits = Vec::new();
        let mut now = Timestamp(0);
        for _ in 0..8 {
            let due = retry.due().unwrap();
            assert!(!retry.fires(due - 1));
            assert!(retry.fires(due));
            waits.push(due.since(now));
            now = due;
        }
        assert_eq!(waits, [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
        retry.stop();
        assert_eq!(retry.due(), None);
    }
}
