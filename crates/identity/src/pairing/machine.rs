//! The state machine that a driver runs, on either side.

use super::acceptor::Answered;
use super::compare::Comparison;
use super::inviter::Committed;
use super::message::{Message, PublicKey, Session, Step};
use super::transcript::Party;
use super::{AbortReason, COMPARE_TIME, EXCHANGE_TIME, Failure, MEETING_TIME, PairingError, Role, ShortCode};
use crate::SignedProfile;
use pumasi_crypto::hash::{Digest, sha256};
use pumasi_units::Timestamp;
use std::collections::{BTreeMap, VecDeque};

/// What the driver has to do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Put these bytes where the other side looks for this step. May be repeated.
    Send {
        /// Which step they are.
        step: Step,
        /// The message, at most [`MAX_MESSAGE`](super::MAX_MESSAGE) bytes.
        message: Vec<u8>,
    },
    /// Show this, and ask the person whether the other one sees the same: then [`Pairing::confirm`] or
    /// [`Pairing::deny`]. Emitted once.
    Compare(ShortCode),
    /// Both people have confirmed. Keep the contact. Emitted at most once, and nothing follows.
    Paired(Box<SignedProfile>),
    /// It ended without a contact. Emitted at most once, and nothing follows.
    Failed(Failure),
}

/// One side of a pairing. Dropped without an end, it leaves nothing behind: the other side times out.
pub struct Pairing {
    role: Role,
    us: SignedProfile,
    state: State,
    deadline: Timestamp,
    /// What the other side said in each step, to tell a repetition from a second voice. At most one entry per step.
    heard: BTreeMap<Step, Digest>,
    outputs: VecDeque<Output>,
}

/// One state, one payload.
enum State {
    /// Inviter: the code may not have been typed yet.
    Committed(Committed),
    /// Acceptor: nothing heard yet.
    Listening,
    /// Acceptor: our key is out.
    Answered(Answered),
    /// Both: people are comparing.
    Comparing(Box<Comparison>),
    /// Paired or failed.
    Ended,
}

impl Pairing {
    /// Starts as the one who prints the code. `session` is 16 random bytes.
    ///
    /// The X25519 key of the exchange is drawn by `vodozemac` from the platform's generator.
    #[must_use]
    pub fn inviter(us: SignedProfile, session: [u8; 16], now: Timestamp) -> Self {
        let committed = Committed::new(us.clone(), Session(session));
        let commit = committed.message();
        let mut pairing = Self::new(Role::Inviter, us, State::Committed(committed), now);
        pairing.send(&commit);
        pairing
    }

    /// Starts as the one who types the code.
    #[must_use]
    pub fn acceptor(us: SignedProfile, now: Timestamp) -> Self {
        Self::new(Role::Acceptor, us, State::Listening, now)
    }

    fn new(role: Role, us: SignedProfile, state: State, now: Timestamp) -> Self {
        Self { role, us, state, deadline: now + MEETING_TIME, heard: BTreeMap::new(), outputs: VecDeque::new() }
    }

    /// Which side this is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The steps that the other side may say next: the mailbox slots to look into. Empty after the end.
    #[must_use]
    pub fn expects(&self) -> Vec<Step> {
        let (next, abort) = match (&self.state, self.role) {
            (State::Ended, _) => return Vec::new(),
            (State::Listening, _) => return vec![Step::Commit],
            (State::Committed(_), _) => (Step::Key, Step::AcceptorAbort),
            (State::Answered(_), _) => (Step::Reveal, Step::InviterAbort),
            (State::Comparing(_), Role::Inviter) => (Step::AcceptorConfirm, Step::AcceptorAbort),
            (State::Comparing(_), Role::Acceptor) => (Step::InviterConfirm, Step::InviterAbort),
        };
        let next = (!self.heard.contains_key(&next)).then_some(next);
        next.into_iter().chain([abort]).collect()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due; `None` after the end.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        (!self.has_ended()).then_some(self.deadline)
    }

    /// The next thing to do. Drain to `None` after every call.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Whether it is over, one way or the other.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// Takes a message of the other side. A repetition changes nothing.
    ///
    /// # Errors
    /// [`PairingError`] for what is no message of this pairing at this moment; nothing changes. Tampering that is proven
    /// (a reveal that was not committed to, a wrong MAC) is no error: it ends the pairing, with [`Output::Failed`].
    pub fn handle_message(&mut self, bytes: &[u8], now: Timestamp) -> Result<(), PairingError> {
        let message = Message::parse(bytes)?;
        let step = message.step();
        if step.sender() == self.role {
            return Err(PairingError::OurStep(step));
        }
        let digest = sha256(&[bytes]);
        match self.heard.get(&step) {
            Some(known) if *known == digest => return Ok(()),
            Some(_) => return Err(PairingError::SaidTwice(step)),
            None if self.has_ended() => return Ok(()),
            None => {}
        }
        if self.session().is_some_and(|session| session != message.session()) {
            return Err(PairingError::OtherSession);
        }
        self.take(message, now)?;
        self.heard.insert(step, digest);
        Ok(())
    }

    /// The person has seen the same emoji on both sides. A second call changes nothing.
    ///
    /// # Errors
    /// [`PairingError::NothingToCompare`] before [`Output::Compare`].
    pub fn confirm(&mut self) -> Result<(), PairingError> {
        match &mut self.state {
            State::Comparing(comparison) => {
                let message = comparison.confirm();
                if let Some(message) = message {
                    self.send(&message);
                }
                self.finish();
                Ok(())
            }
            State::Ended => Ok(()),
            _ => Err(PairingError::NothingToCompare),
        }
    }

    /// The person has seen different emoji.
    pub fn deny(&mut self) {
        self.abort(AbortReason::Mismatch);
    }

    /// The person gives up.
    pub fn cancel(&mut self) {
        self.abort(AbortReason::Cancelled);
    }

    /// Ends the pairing when its time is over.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        if now >= self.deadline {
            self.abort(AbortReason::TimedOut);
        }
    }

    /// Moves on, or leaves the state as it was with an error.
    fn take(&mut self, message: Message, now: Timestamp) -> Result<(), PairingError> {
        let step = message.step();
        match (std::mem::replace(&mut self.state, State::Ended), message) {
            (State::Listening, Message::Commit { session, commitment }) => {
                let answered = Answered::new(self.us.clone(), session, commitment);
                self.send(&answered.message());
                self.enter(State::Answered(answered), now + EXCHANGE_TIME);
            }
            (State::Committed(committed), Message::Key { key, profile, .. }) => {
                let session = committed.session();
                let revealed = self.party(key, &profile, now).and_then(|acceptor| committed.reveal(acceptor));
                match revealed {
                    Ok((reveal, comparison)) => {
                        self.send(&reveal);
                        self.compare(comparison, now);
                    }
                    Err(reason) => self.fail(session, reason),
                }
            }
            (State::Answered(answered), Message::Reveal { key, profile, .. }) => {
                let session = answered.session();
                match self.party(key, &profile, now).and_then(|inviter| answered.check(inviter)) {
                    Ok(comparison) => self.compare(comparison, now),
                    Err(reason) => self.fail(session, reason),
                }
            }
            (State::Comparing(mut comparison), Message::Confirm { session, mac, .. }) => {
                match comparison.verify(&mac) {
                    Ok(()) => {
                        self.state = State::Comparing(comparison);
                        self.finish();
                    }
                    Err(reason) => self.fail(session, reason),
                }
            }
            (State::Committed(_) | State::Answered(_) | State::Comparing(_), Message::Abort { from, reason, .. }) => {
                self.outputs.push_back(Output::Failed(Failure { by: from, reason }));
            }
            (unchanged, _) => {
                self.state = unchanged;
                return Err(PairingError::TooEarly(step));
            }
        }
        Ok(())
    }

    /// The other side, if its profile is valid and not our own.
    fn party(&self, key: PublicKey, profile: &str, now: Timestamp) -> Result<Party, AbortReason> {
        let profile = SignedProfile::verify(profile.as_bytes(), now).map_err(|_| AbortReason::Profile)?;
        if profile.did() == self.us.did() { Err(AbortReason::OwnCode) } else { Ok(Party { key, profile }) }
    }

    fn session(&self) -> Option<Session> {
        match &self.state {
            State::Committed(committed) => Some(committed.session()),
            State::Answered(answered) => Some(answered.session()),
            State::Comparing(comparison) => Some(comparison.session()),
            State::Listening | State::Ended => None,
        }
    }

    fn compare(&mut self, comparison: Comparison, now: Timestamp) {
        self.outputs.push_back(Output::Compare(comparison.short_code()));
        self.enter(State::Comparing(Box::new(comparison)), now + COMPARE_TIME);
    }

    fn finish(&mut self) {
        if let State::Comparing(comparison) = &self.state
            && let Some(peer) = comparison.result()
        {
            self.outputs.push_back(Output::Paired(Box::new(peer)));
            self.state = State::Ended;
        }
    }

    fn enter(&mut self, state: State, deadline: Timestamp) {
        self.state = state;
        self.deadline = deadline;
    }

    fn send(&mut self, message: &Message) {
        self.outputs.push_back(Output::Send { step: message.step(), message: message.to_bytes() });
    }

    /// Ends by our own doing, and tells the other side if there is one.
    fn abort(&mut self, reason: AbortReason) {
        if self.has_ended() {
            return;
        }
        match self.session() {
            Some(session) => self.fail(session, reason),
            None => self.outputs.push_back(Output::Failed(Failure { by: self.role, reason })),
        }
        self.state = State::Ended;
    }

    fn fail(&mut self, session: Session, reason: AbortReason) {
        self.send(&Message::Abort { session, from: self.role, reason });
        self.outputs.push_back(Output::Failed(Failure { by: self.role, reason }));
        self.state = State::Ended;
    }
}
