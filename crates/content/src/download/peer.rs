use super::Pace;
use crate::bitmap::Bitmap;
use pumasi_units::{Millis, Timestamp};

/// A provider, by a number that the driver gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderId(pub u32);

/// Why a provider is not asked any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It sent a chunk that is not of this content, or no message at all.
    Lied,
    /// It does not have the content, or not what it said it has.
    NotThere,
    /// It had too much to do, each time.
    Busy,
    /// It did not answer, each time.
    Silent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Open,
    Resting { until: Timestamp },
    Dropped(Fault),
}

/// What is known of a provider.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) state: State,
    /// Which chunks it has; `None` until it said so.
    pub(super) have: Option<Bitmap>,
    /// When to ask again which chunks it has; `None` when it has all, or is being asked.
    pub(super) look_again: Option<Timestamp>,
    pub(super) asks: usize,
    pub(super) window: usize,
    failures: u32,
    empty_promises: u32,
}

impl Peer {
    pub(super) fn new(pace: &Pace) -> Self {
        let window = pace.first_window;
        let state = State::Open;
        Self { state, have: None, look_again: None, asks: 0, window, failures: 0, empty_promises: 0 }
    }

    pub(super) fn is_dropped(&self) -> bool {
        matches!(self.state, State::Dropped(_))
    }

    pub(super) fn may_return(&self) -> bool {
        self.state != State::Dropped(Fault::Lied)
    }

    /// Whether it may be asked now; a rest that is over ends here.
    pub(super) fn is_open(&mut self, now: Timestamp) -> bool {
        if matches!(self.state, State::Resting { until } if until <= now) {
            self.state = State::Open;
        }
        self.state == State::Open
    }

    /// When something is to be done without an answer.
    pub(super) fn wakes(&self) -> Option<Timestamp> {
        match self.state {
            State::Open if self.asks == 0 => self.look_again,
            State::Resting { until } => Some(until),
            _ => None,
        }
    }

    /// Whether it has one of these, as far as is known.
    pub(super) fn may_have(&self, wanted: &Bitmap) -> bool {
        self.have.as_ref().is_none_or(|have| wanted.both(have).next().is_some())
    }

    pub(super) fn answered(&mut self) {
        self.failures = 0;
    }

    /// It gave a chunk after so long.
    pub(super) fn served(&mut self, took: Millis, pace: &Pace) {
        self.answered();
        self.empty_promises = 0;
        if took <= pace.good_answer {
            self.window = (self.window + 1).min(pace.most_window);
        } else {
            self.window = (self.window - 1).max(1);
        }
    }

    /// It does not have a chunk that it said it has; `true` when that was once too often. Several at a time are one.
    pub(super) fn broke_a_promise(&mut self, now: Timestamp, pace: &Pace) -> bool {
        let again = now + pace.look_again;
        self.look_again.get_or_insert(again);
        if self.state != State::Open {
            return false;
        }
        self.empty_promises += 1;
        self.state = State::Resting { until: again };
        self.empty_promises >= pace.empty_promises
    }

    /// It failed; `true` when that was once too often. Several questions that fail together are one failure.
    pub(super) fn failed(&mut self, now: Timestamp, pace: &Pace) -> bool {
        if self.state != State::Open {
            return false;
        }
        self.failures += 1;
        self.window = (self.window / 2).max(1);
        let pause = pace.pause << (self.failures - 1).min(16);
        self.state = State::Resting { until: now + pause };
        self.failures >= pace.failures
    }
}
