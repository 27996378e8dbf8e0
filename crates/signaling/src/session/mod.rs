//! The signalling of one pair, as a state machine.

mod answerer;
mod offerer;
mod output;
mod pace;
mod seen;

pub use output::{Event, Output, SessionError};
pub use pace::Pace;

use crate::{CLOCK_SKEW, Content, MAX_SIGNAL_LIFE, Nonce, RejectReason, Sdp, Signal, SignalError, SignedSignal};
use answerer::Answerer;
use offerer::Offerer;
use pumasi_crypto::hash::{self, Digest};
use pumasi_identity::Did;
use pumasi_units::{Millis, Timestamp};
use seen::Seen;
use std::collections::VecDeque;

/// The longest wait for an answer: three minutes, so that an offer outlives it by [`CLOCK_SKEW`].
pub const MAX_WAIT: Millis = MAX_SIGNAL_LIFE - CLOCK_SKEW;

/// The signalling of one pair: both roles, since both may call at once.
///
/// Contract: after each call, drain [`poll_output`](Self::poll_output) to `None`, then wait for
/// [`poll_timeout`](Self::poll_timeout) or for news. The machine holds at most one offer of each side.
///
/// Glare: when both offer at once, the lower DID (by the bytes of its key) stays the offerer; the other yields.
#[derive(Debug)]
pub struct PairSession {
    me: Did,
    them: Did,
    dial: Option<Offerer>,
    reply: Option<Answerer>,
    seen: Seen,
    listening: Option<Looking>,
    dialing: Option<Looking>,
    outputs: VecDeque<Output>,
}

/// Looking into the mailbox again and again.
#[derive(Debug, Clone, Copy)]
struct Looking {
    pace: Pace,
    start: Timestamp,
    next: Timestamp,
}

impl PairSession {
    /// A session in which nothing happens yet: see [`listen`](Self::listen) and [`dial`](Self::dial).
    ///
    /// # Panics
    /// When `me` and `them` are the same.
    #[must_use]
    pub fn new(me: Did, them: Did) -> Self {
        assert!(me != them, "nobody signals to themselves");
        Self {
            me,
            them,
            dial: None,
            reply: None,
            seen: Seen::default(),
            listening: None,
            dialing: None,
            outputs: VecDeque::new(),
        }
    }

    /// Looks for offers from now on, at this pace.
    pub fn listen(&mut self, pace: Pace, now: Timestamp) {
        self.listening = Some(Looking { pace, start: now, next: now });
        self.look(now);
    }

    /// Stops looking, except for the answer to an offer of ours.
    pub fn stop_listening(&mut self) {
        self.listening = None;
    }

    /// Offers a connection and waits for the answer for `wait` ms, at most [`MAX_WAIT`]. `session` and `nonce` must be
    /// fresh and random.
    ///
    /// # Errors
    /// [`SessionError::Dialing`] or [`SessionError::Answering`].
    pub fn dial(
        &mut self,
        session: Nonce,
        nonce: Nonce,
        sdp: Sdp,
        wait: Millis,
        now: Timestamp,
    ) -> Result<(), SessionError> {
        if self.dial.is_some() {
            return Err(SessionError::Dialing);
        }
        if self.reply.is_some() {
            return Err(SessionError::Answering);
        }
        let dial = Offerer::new(session, nonce, wait.min(MAX_WAIT), now);
        self.sign(session, nonce, now, dial.deadline + CLOCK_SKEW, Content::Offer { sdp });
        self.dial = Some(dial);
        Ok(())
    }

    /// Gives up our offer, and lets the other know. Does nothing when none stands.
    pub fn hang_up(&mut self, now: Timestamp) {
        if let Some(dial) = self.dial.take() {
            self.withdraw(&dial, now);
            self.settle();
        }
    }

    /// Answers an offer. `nonce` must be fresh and random.
    ///
    /// # Errors
    /// [`SessionError::OfferGone`].
    pub fn answer(&mut self, offer: &Digest, nonce: Nonce, sdp: Sdp, now: Timestamp) -> Result<(), SessionError> {
        let reply = self.reply.as_mut().filter(|reply| reply.offer().expires > now);
        let reply = reply.filter(|reply| reply.id() == *offer).ok_or(SessionError::OfferGone)?;
        if !reply.start_signing(offer) {
            return Err(SessionError::OfferGone);
        }
        let (session, expires) = (reply.offer().session, reply.offer().expires);
        self.sign(session, nonce, now, expires, Content::Answer { offer: *offer, sdp });
        Ok(())
    }

    /// Rejects an offer, also one that has been answered. `nonce` must be fresh and random.
    ///
    /// # Errors
    /// [`SessionError::OfferGone`].
    pub fn reject(
        &mut self,
        offer: &Digest,
        nonce: Nonce,
        reason: RejectReason,
        now: Timestamp,
    ) -> Result<(), SessionError> {
        let reply = self.reply.take_if(|reply| reply.id() == *offer).ok_or(SessionError::OfferGone)?;
        let (session, expires) = (reply.offer().session, reply.offer().expires);
        if expires > now {
            self.sign(session, nonce, now, expires, Content::Reject { offer: *offer, reason });
        }
        self.settle();
        Ok(())
    }

    /// The channel is open: nothing has to be said again. When it failed, [`reject`](Self::reject) with
    /// [`RejectReason::Gone`].
    pub fn connected(&mut self) {
        self.reply = None;
        self.settle();
    }

    /// Takes back what [`Output::Sign`] asked for. What is not wanted any more is dropped.
    pub fn handle_signed(&mut self, signed: SignedSignal, now: Timestamp) {
        let signal = signed.signal();
        match &signal.content {
            Content::Offer { .. } => {
                let Some(dial) = self.dial.as_mut().filter(|dial| dial.is_draft_of(signal)) else { return };
                dial.signed(signed.clone(), now);
                self.dialing = Some(Looking { pace: Pace::DIALING, start: now, next: now });
                self.publish(signed);
                self.look(now);
            }
            Content::Answer { .. } => {
                let Some(reply) = self.reply.as_mut().filter(|reply| reply.is_draft_of(signal)) else { return };
                reply.signed(signed.clone(), now);
                self.publish(signed);
            }
            Content::Reject { .. } => self.publish(signed),
            // A session never asks for them to be signed.
            Content::Candidates { .. } => {}
        }
    }

    /// Takes a signal of theirs, checked by [`SignedSignal::verify`].
    ///
    /// Reading the same offer again while it is being answered is no error and changes nothing.
    ///
    /// # Errors
    /// The [`SignalError`] that says why it is refused. Nothing has changed then.
    pub fn handle_signal(&mut self, signed: &SignedSignal, now: Timestamp) -> Result<(), SignalError> {
        let (signal, id) = (signed.signal(), signed.id());
        if signal.from != self.them || signal.to != self.me {
            return Err(SignalError::WrongSender { from: signal.from });
        }
        if signal.expires <= now {
            return Err(SignalError::Expired { expires: signal.expires });
        }
        if self.reply.as_ref().is_some_and(|reply| reply.id() == id) {
            return Ok(());
        }
        if self.seen.contains(signal.issued, id) {
            return Err(SignalError::Replayed { id });
        }
        match &signal.content {
            Content::Offer { sdp } => return self.handle_offer(signed, sdp, now),
            Content::Answer { offer, sdp } => match &self.dial {
                Some(dial) => {
                    dial.check(offer, signal.session)?;
                    self.dial = None;
                    self.event(Event::Answered { session: signal.session, sdp: sdp.clone() });
                }
                // From before a restart, or given up: they need not wait for its end.
                None => self.gone(signal.session, *offer, id, signal.expires, now),
            },
            Content::Reject { offer, .. } if self.reply.as_ref().is_some_and(|reply| reply.id() == *offer) => {
                self.reply = None;
                self.event(Event::OfferGone { offer: *offer });
            }
            // They are for the link, not for the session, which a mailbox has room for one word of.
            Content::Candidates { .. } => return Err(SignalError::OutOfPlace),
            Content::Reject { offer, reason } => {
                let dial = self.dial.as_ref().ok_or(SignalError::OtherOffer { offer: *offer })?;
                dial.check(offer, signal.session)?;
                self.dial = None;
                self.event(Event::Rejected { session: signal.session, reason: *reason });
            }
        }
        self.seen.insert(signal.issued, id, signal.expires, now);
        self.settle();
        Ok(())
    }

    /// Time has passed: says again what may be lost, looks again, and ends what is out of time.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        if let Some(dial) = self.dial.take_if(|dial| dial.deadline <= now) {
            self.withdraw(&dial, now);
            self.event(Event::TimedOut { session: dial.session });
        }
        if let Some(reply) = self.reply.take_if(|reply| reply.offer().expires <= now) {
            self.event(Event::OfferGone { offer: reply.id() });
        }
        self.settle();
        let offer = self.dial.as_mut().and_then(|dial| dial.again(now));
        let answer = self.reply.as_mut().and_then(|reply| reply.again(now));
        offer.into_iter().chain(answer).for_each(|signed| self.publish(signed));
        self.look(now);
    }

    /// There may be news in the mailbox: looks at once if anyone waits for some.
    pub fn handle_hint(&mut self, now: Timestamp) {
        for looking in [&mut self.listening, &mut self.dialing].into_iter().flatten() {
            looking.next = now;
        }
        self.look(now);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), if nothing else comes before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let looks = [self.listening, self.dialing].into_iter().flatten().map(|looking| looking.next);
        let dial = self.dial.as_ref().map(Offerer::poll_timeout);
        let reply = self.reply.as_ref().map(Answerer::poll_timeout);
        looks.chain(dial).chain(reply).min()
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn handle_offer(&mut self, signed: &SignedSignal, sdp: &Sdp, now: Timestamp) -> Result<(), SignalError> {
        let (signal, offer) = (signed.signal(), signed.id());
        if let Some(reply) = &self.reply {
            if signal.issued < reply.offer().issued {
                return Err(SignalError::Stale);
            }
            let before = reply.id();
            self.event(Event::OfferGone { offer: before });
        }
        if self.dial.is_some() && self.me < self.them {
            // Ours stands. Theirs is not remembered: it counts again should ours fail first.
            return Ok(());
        }
        if let Some(dial) = self.dial.take() {
            self.event(Event::Yielded { session: dial.session });
        }
        self.seen.insert(signal.issued, offer, signal.expires, now);
        self.event(Event::Offered { offer, session: signal.session, sdp: sdp.clone(), expires: signal.expires });
        self.reply = Some(Answerer::new(signed.clone(), now));
        Ok(())
    }

    /// Lets the other know that our offer does not stand any more, so that nobody answers it while it lives.
    fn withdraw(&mut self, dial: &Offerer, now: Timestamp) {
        if let Some(offer) = dial.id() {
            self.gone(dial.session, offer, offer, dial.deadline + CLOCK_SKEW, now);
        }
    }

    /// Says that an offer of ours does not stand. The nonce is made from the cause (the offer given up, or the answer to
    /// one that we do not know): the same words for the same cause.
    fn gone(&mut self, session: Nonce, offer: Digest, cause: Digest, expires: Timestamp, now: Timestamp) {
        let nonce = Nonce(*hash::sha256(&[b"pumasi/1/gone", &cause.0]).0.first_chunk().expect("a hash has 32 bytes"));
        self.sign(session, nonce, now, expires, Content::Reject { offer, reason: RejectReason::Gone });
    }

    fn sign(&mut self, session: Nonce, nonce: Nonce, issued: Timestamp, expires: Timestamp, content: Content) {
        let expires = expires.min(issued + MAX_SIGNAL_LIFE);
        let signal = Signal { from: self.me, to: self.them, session, nonce, issued, expires, content };
        self.outputs.push_back(Output::Sign(signal));
    }

    fn publish(&mut self, signed: SignedSignal) {
        self.outputs.push_back(Output::Publish(signed));
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    /// The quick looking ends with what it was for.
    fn settle(&mut self) {
        if self.dial.is_none() && self.reply.is_none() {
            self.dialing = None;
        }
    }

    fn look(&mut self, now: Timestamp) {
        let mut due = false;
        for looking in [&mut self.listening, &mut self.dialing].into_iter().flatten() {
            if looking.next <= now {
                looking.next = looking.pace.next(looking.start, now);
                due = true;
            }
        }
        if due {
            self.outputs.push_back(Output::Fetch);
        }
    }
}
