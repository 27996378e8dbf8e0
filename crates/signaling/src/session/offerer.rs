use super::pace::Pace;
use crate::{Nonce, Signal, SignalError, SignedSignal};
use pumasi_crypto::hash::Digest;
use pumasi_units::{Millis, Timestamp};

/// An offer of ours that stands until it is answered, rejected, given up, or out of time.
#[derive(Debug)]
pub(super) struct Offerer {
    pub(super) session: Nonce,
    nonce: Nonce,
    start: Timestamp,
    /// When we stop waiting. The offer itself lives a little longer: the other's clock may be ahead.
    pub(super) deadline: Timestamp,
    /// The offer and when to publish it again; nothing while it is being signed.
    published: Option<(SignedSignal, Timestamp)>,
}

impl Offerer {
    pub(super) fn new(session: Nonce, nonce: Nonce, wait: Millis, now: Timestamp) -> Self {
        Self { session, nonce, start: now, deadline: now + wait, published: None }
    }

    /// Whether this is the offer that we drafted, now signed.
    pub(super) fn is_draft_of(&self, signed: &Signal) -> bool {
        self.published.is_none() && signed.nonce == self.nonce
    }

    pub(super) fn signed(&mut self, offer: SignedSignal, now: Timestamp) {
        self.published = Some((offer, Pace::REPEATING.next(self.start, now)));
    }

    /// The id of the offer, once it is signed.
    pub(super) fn id(&self) -> Option<Digest> {
        self.published.as_ref().map(|(offer, _)| offer.id())
    }

    pub(super) fn poll_timeout(&self) -> Timestamp {
        self.published.as_ref().map_or(self.deadline, |(_, again)| self.deadline.min(*again))
    }

    /// The offer, when it is time to publish it again.
    pub(super) fn again(&mut self, now: Timestamp) -> Option<SignedSignal> {
        let (offer, again) = self.published.as_mut().filter(|(_, again)| *again <= now)?;
        *again = Pace::REPEATING.next(self.start, now);
        Some(offer.clone())
    }

    /// Checks that an answer or a reject is about this very offer.
    pub(super) fn check(&self, offer: &Digest, session: Nonce) -> Result<(), SignalError> {
        if self.id() == Some(*offer) && session == self.session {
            return Ok(());
        }
        Err(SignalError::OtherOffer { offer: *offer })
    }
}
