//! One transfer to me, from the payee's side (spec: `docs/spec/transfer.md` §5).
//!
//! The contract is the payer's: one `handle_*` call, then drain [`Payee::poll_output`] to `None`, answering each
//! `Append` and each `Sign` before the next poll; one commit, durable before the first `Send`.

use crate::envelope::{Signed, Verified, document_id};
use crate::limits::{CLOCK_SKEW, MAX_LIFETIME};
use crate::message::{Balance, Bye, Invalid, Kind, Nonce, Received, Transfer, TransferResult};
use crate::output::{Draft, Event, Output, Standing};
use crate::record::{Offer, PayeeRecord, PayeeState, Record};
use crate::refusal::Refusal;
use crate::retry::Retry;
use crate::rules::{Facts, check_offer};
use pumasi_identity::Did;
use pumasi_ledger::{Body, Outcome};
use pumasi_units::Timestamp;
use std::collections::VecDeque;

/// What to do with a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Take it.
    Accept,
    /// Do not take it.
    Decline,
}

/// Which transfers that pass every rule are accepted without asking a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// Every one: the credit line is the owner's word already.
    #[default]
    Accept,
    /// Those that pay a request of mine.
    AcceptRequested,
    /// None.
    Ask,
}

impl Policy {
    fn accepts(self, transfer: &Transfer) -> bool {
        match self {
            Self::Accept => true,
            Self::AcceptRequested => transfer.request.is_some(),
            Self::Ask => false,
        }
    }
}

/// What the machine waits for from the driver.
#[derive(Debug, Clone)]
enum Step {
    Idle,
    SigningReceived { then_accept: bool, now: Timestamp },
    AppendingIncoming { now: Timestamp },
    SigningResult { refusal: Option<Refusal>, now: Timestamp },
    AppendingCountersigned { bye: Box<Verified<Bye>>, quiet: bool, now: Timestamp },
}

/// One transfer to me.
#[derive(Debug, Clone)]
pub struct Payee {
    me: Did,
    offer: Offer,
    /// `None` only while the first answer is being signed.
    state: Option<PayeeState>,
    link_up: bool,
    retry: Retry,
    step: Step,
    outputs: VecDeque<Output>,
}

impl Payee {
    /// A transfer that came for the first time, over a link that is up. The outputs keep it and answer it: refused,
    /// received, or received and accepted at once.
    #[must_use]
    pub fn new(message: &Verified<Transfer>, facts: &Facts, policy: Policy, now: Timestamp) -> Self {
        let transfer = message.payload().clone();
        let accepts = policy.accepts(&transfer);
        let me = transfer.to;
        let offer = Offer {
            id: message.id(),
            peer: transfer.from,
            money: transfer.money,
            memo: transfer.memo,
            request: transfer.request,
            issued: transfer.issued,
            expires: transfer.expires,
            prev: transfer.prev,
            document: message.document().to_owned(),
            profile: transfer.profile,
        };
        let mut payee = Self::from_parts(me, offer, None);
        payee.link_up = true;
        match check_offer(&payee.offer, facts, now) {
            Ok(()) => {
                payee.push(Output::Sign(Draft::Received(payee.received(now))));
                payee.step = Step::SigningReceived { then_accept: accepts, now };
            }
            Err(refusal) => payee.refuse(refusal, &facts.standing, now),
        }
        payee
    }

    /// A transfer from its record, with the link down.
    #[must_use]
    pub fn resume(me: Did, record: PayeeRecord) -> Self {
        Self::from_parts(me, record.offer, Some(record.state))
    }

    fn from_parts(me: Did, offer: Offer, state: Option<PayeeState>) -> Self {
        let (retry, step, outputs) = (Retry::default(), Step::Idle, VecDeque::new());
        Self { me, offer, state, link_up: false, retry, step, outputs }
    }

    /// What the payer signed.
    #[must_use]
    pub fn offer(&self) -> &Offer {
        &self.offer
    }

    /// How far it is; `None` while its first answer is not signed yet.
    #[must_use]
    pub fn state(&self) -> Option<&PayeeState> {
        self.state.as_ref()
    }

    /// The next step for the driver.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let own = match &self.state {
            Some(PayeeState::Received { .. }) => Some(self.offer.expires + 1),
            Some(PayeeState::Refused { until, .. }) => Some(*until),
            Some(PayeeState::Accepted { .. } | PayeeState::Countersigned { .. }) | None => None,
        };
        own.into_iter().chain(self.retry.due()).min()
    }

    /// The link to the payer is up: a result that it did not sign for is said again.
    pub fn handle_link_up(&mut self, now: Timestamp) {
        self.link_up = true;
        if matches!(self.state, Some(PayeeState::Accepted { .. })) {
            self.retry.start(now);
            self.answer();
        }
    }

    /// The link to the payer is down. The transfer stands.
    pub fn handle_link_down(&mut self) {
        self.link_up = false;
        self.retry.stop();
    }

    /// The payer sent the same transfer again, or asks about it: the answer is the same as before, byte for byte.
    pub fn handle_repeat(&mut self) {
        self.answer();
    }

    /// A person, or a policy in a person's place, decided. Says whether the decision still counted: it does not after
    /// an earlier one, nor after the transfer expired.
    ///
    /// The rules are checked again, because the line may be used up and the request paid by now.
    pub fn handle_decision(&mut self, decision: Decision, facts: &Facts, now: Timestamp) -> bool {
        if !matches!(self.state, Some(PayeeState::Received { .. })) {
            return false;
        }
        match (check_offer(&self.offer, facts, now), decision) {
            (Err(refusal), _) => self.refuse(refusal, &facts.standing, now),
            (Ok(()), Decision::Decline) => self.refuse(Refusal::Declined, &facts.standing, now),
            (Ok(()), Decision::Accept) => self.accept(now),
        }
        true
    }

    /// The time that [`poll_timeout`](Self::poll_timeout) named has come.
    pub fn handle_timeout(&mut self, standing: &Standing, now: Timestamp) {
        match &self.state {
            Some(PayeeState::Received { .. }) if now > self.offer.expires => {
                self.refuse(Refusal::Expired, standing, now);
            }
            Some(PayeeState::Refused { until, .. }) if now >= *until => self.push(Output::Forget(self.offer.id)),
            _ => {}
        }
        if self.retry.fires(now) {
            self.answer();
        }
    }

    /// The payer signs for the result.
    ///
    /// `quiet` as for [`Payer::handle_result`](crate::Payer::handle_result).
    ///
    /// # Errors
    /// [`Invalid`] when it does not belong to this transfer and its accepted result. Nothing was changed.
    pub fn handle_bye(&mut self, message: &Verified<Bye>, quiet: bool, now: Timestamp) -> Result<(), Invalid> {
        self.check_bye(message)?;
        let Some(PayeeState::Accepted { result, .. }) = &self.state else { return Ok(()) };
        let result = result.clone();
        self.retry.stop();
        let document = message.document().to_owned();
        self.push(Output::Append(Body::Countersigned { id: self.offer.id, peer: self.offer.peer, result, document }));
        self.step = Step::AppendingCountersigned { bye: Box::new(message.clone()), quiet, now };
        Ok(())
    }

    /// Answers an [`Output::Append`].
    pub fn handle_appended(&mut self, standing: &Standing) {
        match std::mem::replace(&mut self.step, Step::Idle) {
            Step::AppendingIncoming { now } => self.sign_result(None, standing, now),
            Step::AppendingCountersigned { bye, quiet, now } => self.countersigned(&bye, quiet, standing, now),
            Step::Idle | Step::SigningReceived { .. } | Step::SigningResult { .. } => {
                unreachable!("the driver appends only what it is asked to")
            }
        }
    }

    /// Answers an [`Output::Sign`].
    pub fn handle_signed(&mut self, signed: Signed) {
        let document = signed.document;
        match std::mem::replace(&mut self.step, Step::Idle) {
            Step::SigningReceived { then_accept, now } => {
                let bytes = document.clone().into_bytes();
                self.enter(PayeeState::Received { at: now, received: document });
                self.push(Output::Send(bytes));
                if then_accept {
                    self.accept(now);
                } else {
                    let (money, memo) = (self.offer.money.clone(), self.offer.memo.clone());
                    self.event(Event::Asked { money, memo });
                }
            }
            Step::SigningResult { refusal, now } => self.result_signed(refusal, document, now),
            Step::Idle | Step::AppendingIncoming { .. } | Step::AppendingCountersigned { .. } => {
                unreachable!("the driver signs only what it is asked to")
            }
        }
    }

    /// Whether an acknowledgement belongs to this transfer and its accepted result.
    pub(crate) fn check_bye(&self, message: &Verified<Bye>) -> Result<(), Invalid> {
        let Bye { from, transfer, result: quoted, balance, .. } = message.payload();
        if *from != self.offer.peer {
            return Err(Invalid::Sender { found: *from });
        }
        if *transfer != self.offer.id {
            return Err(Invalid::Mismatch { field: "transfer" });
        }
        if balance.unit != *self.offer.money.unit() {
            return Err(Invalid::Mismatch { field: "balance" });
        }
        let accepted = match &self.state {
            Some(PayeeState::Accepted { result, .. } | PayeeState::Countersigned { result, .. }) => document_id(result),
            Some(PayeeState::Received { .. } | PayeeState::Refused { .. }) | None => None,
        };
        if accepted == Some(*quoted) { Ok(()) } else { Err(Invalid::Mismatch { field: "result" }) }
    }

    fn accept(&mut self, now: Timestamp) {
        self.push(Output::Append(Body::Incoming {
            id: self.offer.id,
            peer: self.offer.peer,
            money: self.offer.money.clone(),
            memo: self.offer.memo.clone(),
            document: self.offer.document.clone(),
            profile: self.offer.profile,
        }));
        self.step = Step::AppendingIncoming { now };
    }

    fn refuse(&mut self, refusal: Refusal, standing: &Standing, now: Timestamp) {
        self.sign_result(Some(refusal), standing, now);
    }

    fn sign_result(&mut self, refusal: Option<Refusal>, standing: &Standing, now: Timestamp) {
        let outcome = refusal.as_ref().map_or(Outcome::Accepted, Refusal::to_outcome);
        let unit = self.offer.money.unit().clone();
        let result = TransferResult {
            kind: Kind::Result,
            from: self.me,
            to: self.offer.peer,
            issued: now,
            expires: now + MAX_LIFETIME,
            nonce: Nonce::of(Kind::Result, &self.offer.id, now),
            transfer: self.offer.id,
            outcome,
            head: standing.head,
            payer_head: self.offer.prev,
            balance: Balance { amount: standing.balance, unit },
            limit: standing.limit.clone(),
        };
        self.push(Output::Sign(Draft::Result(Box::new(result))));
        self.step = Step::SigningResult { refusal, now };
    }

    fn result_signed(&mut self, refusal: Option<Refusal>, result: String, now: Timestamp) {
        let bytes = result.clone().into_bytes();
        match refusal {
            None => {
                self.enter(PayeeState::Accepted { at: now, result });
                if let Some(request) = self.offer.request {
                    self.push(Output::PayRequest { request, transfer: self.offer.id });
                }
            }
            Some(_) => {
                let until = self.offer.expires.max(now) + CLOCK_SKEW;
                self.enter(PayeeState::Refused { at: now, result, until });
            }
        }
        if self.link_up {
            self.retry_until_countersigned(now);
            self.push(Output::Send(bytes));
        }
        let (money, memo) = (self.offer.money.clone(), self.offer.memo.clone());
        self.event(refusal.map_or(Event::Taken { money, memo }, Event::TurnedDown));
    }

    fn retry_until_countersigned(&mut self, now: Timestamp) {
        if matches!(self.state, Some(PayeeState::Accepted { .. })) {
            self.retry.start(now);
        }
    }

    fn countersigned(&mut self, bye: &Verified<Bye>, quiet: bool, standing: &Standing, now: Timestamp) {
        let Some(PayeeState::Accepted { result, .. }) = self.state.take() else {
            unreachable!("an acknowledgement is appended only where a result was accepted")
        };
        self.enter(PayeeState::Countersigned { at: now, result, bye: bye.document().to_owned() });
        self.event(Event::Countersigned);
        let theirs = bye.payload().balance.clone();
        let ours = Balance { amount: standing.balance, unit: theirs.unit.clone() };
        if quiet && theirs != ours {
            self.event(Event::BalanceDiffers { theirs, ours });
        }
    }

    fn received(&self, now: Timestamp) -> Received {
        Received {
            kind: Kind::Received,
            from: self.me,
            to: self.offer.peer,
            issued: now,
            expires: self.offer.expires,
            nonce: Nonce::of(Kind::Received, &self.offer.id, now),
            transfer: self.offer.id,
        }
    }

    /// The recorded answer.
    fn answer(&mut self) {
        let document = match &self.state {
            Some(PayeeState::Received { received, .. }) => received,
            Some(
                PayeeState::Accepted { result, .. }
                | PayeeState::Countersigned { result, .. }
                | PayeeState::Refused { result, .. },
            ) => result,
            None => return,
        };
        self.push(Output::Send(document.clone().into_bytes()));
    }

    fn enter(&mut self, state: PayeeState) {
        self.state = Some(state.clone());
        self.push(Output::Put(Record::Payee(PayeeRecord { offer: self.offer.clone(), state })));
    }

    fn event(&mut self, event: Event) {
        self.push(Output::Event(event));
    }

    fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }
}
