use super::pace::Pace;
use crate::{Content, Signal, SignedSignal};
use pumasi_crypto::hash::Digest;
use pumasi_units::Timestamp;

/// An offer of theirs that we are answering, until the channel is open or the offer is out of time.
#[derive(Debug)]
pub(super) struct Answerer {
    offer: SignedSignal,
    start: Timestamp,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The caller makes up its mind, or makes an answer.
    Offered,
    /// The answer is being signed.
    Signing,
    /// The answer stands; it is published again at the given time, since the DHT may have lost it.
    Published(Box<SignedSignal>, Timestamp),
}

impl Answerer {
    pub(super) fn new(offer: SignedSignal, now: Timestamp) -> Self {
        Self { offer, start: now, state: State::Offered }
    }

    pub(super) fn offer(&self) -> &Signal {
        self.offer.signal()
    }

    pub(super) fn id(&self) -> Digest {
        self.offer.id()
    }

    /// Whether the caller may still answer. Marks the answer as being made.
    pub(super) fn start_signing(&mut self, offer: &Digest) -> bool {
        let may = self.id() == *offer && matches!(self.state, State::Offered);
        if may {
            self.state = State::Signing;
        }
        may
    }

    /// Whether this is the answer that we drafted, now signed.
    pub(super) fn is_draft_of(&self, signed: &Signal) -> bool {
        matches!(self.state, State::Signing)
            && matches!(&signed.content, Content::Answer { offer, .. } if *offer == self.id())
    }

    pub(super) fn signed(&mut self, answer: SignedSignal, now: Timestamp) {
        self.state = State::Published(Box::new(answer), Pace::REPEATING.next(self.start, now));
    }

    pub(super) fn poll_timeout(&self) -> Timestamp {
        let expires = self.offer().expires;
        match &self.state {
            State::Published(_, again) => expires.min(*again),
            State::Offered | State::Signing => expires,
        }
    }

    /// The answer, when it is time to publish it again.
    pub(super) fn again(&mut self, now: Timestamp) -> Option<SignedSignal> {
        match &mut self.state {
            State::Published(answer, again) if *again <= now => {
                *again = Pace::REPEATING.next(self.start, now);
                Some(SignedSignal::clone(answer))
            }
            _ => None,
        }
    }
}
