//! One transfer of mine, from the payer's side (spec: `docs/spec/transfer.md` §4).
//!
//! Contract: one `handle_*` call, then drain [`Payer::poll_output`] to `None`, answering each `Append` and each `Sign`
//! before the next poll. What is between two `Send`s belongs into one commit, and that commit is durable before the
//! `Send` is performed.

use crate::envelope::{Signed, Verified};
use crate::limits::{DEFAULT_LIFETIME, MAX_LIFETIME};
use crate::message::{
    Balance, Bye, Invalid, Kind, Nonce, Query, Received, Request, Transfer, TransferResult, check_lifetime, check_memo,
};
use crate::output::{Draft, Event, Output, Standing};
use crate::record::{PayerRecord, PayerState, Record};
use crate::refusal::Refusal;
use crate::retry::Retry;
use pumasi_crypto::hash::Digest;
use pumasi_identity::Did;
use pumasi_ledger::{Body, Head, Outcome, TransferId};
use pumasi_units::{Millis, Money, Timestamp};
use std::collections::VecDeque;

/// What a person orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The payee.
    pub to: Did,
    /// How much.
    pub money: Money,
    /// What for; may be empty.
    pub memo: String,
    /// The request that it pays.
    pub request: Option<Digest>,
    /// How long the payee may take to accept it.
    pub lifetime: Millis,
}

impl Order {
    /// An order without a request, which the payee may accept for a day.
    #[must_use]
    pub fn new(to: Did, money: Money, memo: impl Into<String>) -> Self {
        Self { to, money, memo: memo.into(), request: None, lifetime: DEFAULT_LIFETIME }
    }

    /// The order that pays this request.
    #[must_use]
    pub fn for_request(request: &Verified<Request>) -> Self {
        let Request { from, money, memo, .. } = request.payload();
        Self { request: Some(request.id()), ..Self::new(*from, money.clone(), memo.clone()) }
    }

    /// The transfer to sign.
    ///
    /// # Errors
    /// [`Invalid`] when the memo, the lifetime or the amount is out of bounds.
    pub fn draft(
        self,
        from: Did,
        profile: Digest,
        prev: Head,
        nonce: Nonce,
        now: Timestamp,
    ) -> Result<Transfer, Invalid> {
        let expires = now + self.lifetime;
        check_memo(&self.memo)?;
        check_lifetime(now, expires)?;
        if self.money.minor() == 0 {
            return Err(Invalid::Zero);
        }
        if self.to == from {
            return Err(Invalid::Recipient);
        }
        Ok(Transfer {
            kind: Kind::Transfer,
            from,
            to: self.to,
            issued: now,
            expires,
            nonce,
            money: self.money,
            memo: self.memo,
            request: self.request,
            prev,
            profile,
        })
    }
}

/// What the machine waits for from the driver.
#[derive(Debug, Clone)]
enum Step {
    Idle,
    /// The outcome's entry; its place goes into the acknowledgement.
    AppendingOutcome {
        result: Box<Verified<TransferResult>>,
        quiet: bool,
        now: Timestamp,
    },
    /// The acknowledgement.
    SigningBye {
        result: Box<Verified<TransferResult>>,
        warning: Option<Event>,
        now: Timestamp,
    },
    SigningQuery,
}

/// One transfer of mine, durable from the moment it exists.
#[derive(Debug, Clone)]
pub struct Payer {
    me: Did,
    record: PayerRecord,
    link_up: bool,
    retry: Retry,
    step: Step,
    outputs: VecDeque<Output>,
}

impl Payer {
    /// A transfer that was just signed and sealed. The outputs store it, then send it when the link is up.
    #[must_use]
    pub fn new(transfer: Transfer, signed: Signed, sealed: String, link_up: bool) -> Self {
        let Transfer { from, to, issued, expires, money, memo, request, prev, .. } = transfer;
        let Signed { id, document } = signed;
        let entry = Body::Outgoing { id, peer: to, money: money.clone(), memo: memo.clone(), expires, document };
        let state = PayerState::Queued { sealed };
        let record = PayerRecord { id, peer: to, money, memo, request, issued, expires, prev, state };
        let mut payer = Self::resume(from, record);
        payer.push(Output::Append(entry));
        payer.put();
        payer.event(Event::Queued);
        if link_up {
            payer.handle_link_up(issued);
        }
        payer
    }

    /// A transfer from its record, with the link down.
    #[must_use]
    pub fn resume(me: Did, record: PayerRecord) -> Self {
        Self { me, record, link_up: false, retry: Retry::default(), step: Step::Idle, outputs: VecDeque::new() }
    }

    /// Its durable state.
    #[must_use]
    pub fn record(&self) -> &PayerRecord {
        &self.record
    }

    /// Whether the payee's result is here.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        matches!(self.record.state, PayerState::Accepted { .. } | PayerState::Refused { .. })
    }

    /// Whether it was not handed to a link yet.
    #[must_use]
    pub fn is_queued(&self) -> bool {
        matches!(self.record.state, PayerState::Queued { .. })
    }

    /// The next step for the driver.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let open = !self.is_settled() && !matches!(self.record.state, PayerState::Expired { .. });
        let expiry = open.then_some(self.record.expires + 1);
        expiry.into_iter().chain(self.retry.due()).min()
    }

    /// The link to the payee is up: whatever it may have missed is said again.
    pub fn handle_link_up(&mut self, now: Timestamp) {
        self.link_up = true;
        if !self.is_settled() {
            self.retry.start(now);
            self.say_again(now);
        }
    }

    /// The link to the payee is down. The transfer stands.
    pub fn handle_link_down(&mut self) {
        self.link_up = false;
        self.retry.stop();
    }

    /// The link took the transfer's bytes.
    pub fn handle_sent(&mut self, now: Timestamp) {
        if let PayerState::Queued { sealed } = &self.record.state {
            self.enter(PayerState::Sent { sealed: sealed.clone(), at: now });
            self.event(Event::Sent);
        }
    }

    /// The time that [`poll_timeout`](Self::poll_timeout) named has come.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        if now > self.record.expires {
            self.expire(now);
        }
        if self.retry.fires(now) {
            self.say_again(now);
        }
    }

    /// The payee says that it has the transfer.
    ///
    /// # Errors
    /// [`Invalid`] when it is not the payee of this transfer who says so.
    pub fn handle_received(&mut self, message: &Verified<Received>, now: Timestamp) -> Result<(), Invalid> {
        let Received { from, transfer, .. } = message.payload();
        self.check_sender(*from, *transfer)?;
        let document = || message.document().to_owned();
        match &self.record.state {
            PayerState::Queued { sealed } | PayerState::Sent { sealed, .. } => {
                self.enter(PayerState::Received { sealed: sealed.clone(), received: document(), at: now });
                self.event(Event::Received);
            }
            PayerState::Expired { at, received: None } => {
                self.enter(PayerState::Expired { at: *at, received: Some(document()) });
            }
            PayerState::Received { .. }
            | PayerState::Expired { .. }
            | PayerState::Accepted { .. }
            | PayerState::Refused { .. } => {}
        }
        Ok(())
    }

    /// The payee tells how it settled the transfer.
    ///
    /// `quiet` says that nothing else is under way between the two and that this is the newest statement of the payee, so
    /// that its balance must be ours.
    ///
    /// # Errors
    /// [`Invalid`] when it is not the result of this transfer by its payee. Nothing was changed.
    pub fn handle_result(
        &mut self,
        message: &Verified<TransferResult>,
        quiet: bool,
        now: Timestamp,
    ) -> Result<(), Invalid> {
        self.check_result(message)?;
        match (&self.record.state, &message.payload().outcome) {
            (PayerState::Accepted { bye, .. }, Outcome::Accepted) => self.push(Output::Send(bye.clone().into_bytes())),
            (PayerState::Refused { .. }, Outcome::Refused { .. }) => {}
            (PayerState::Accepted { result, .. }, Outcome::Refused { .. })
            | (PayerState::Refused { result, .. }, Outcome::Accepted) => {
                let (first, second) = (result.clone(), message.document().to_owned());
                self.event(Event::Contradicted { first, second });
            }
            _ => self.settle(message, quiet, now),
        }
        Ok(())
    }

    /// Answers an [`Output::Append`].
    pub fn handle_appended(&mut self, standing: &Standing) {
        let Step::AppendingOutcome { result, quiet, now } = std::mem::replace(&mut self.step, Step::Idle) else {
            return;
        };
        let theirs = result.payload().balance.clone();
        let ours = Balance { amount: -standing.balance, unit: theirs.unit.clone() };
        let differs = quiet && theirs != ours;
        let warning = differs.then(|| Event::BalanceDiffers { theirs, ours: ours.clone() });
        if let Some(refusal) = Refusal::from_outcome(&result.payload().outcome) {
            self.enter(PayerState::Refused { at: now, result: result.document().to_owned() });
            self.event(Event::Refused(refusal));
            warning.into_iter().for_each(|warning| self.event(warning));
        } else {
            let bye = self.bye(&result, standing.head, ours, now);
            self.push(Output::Sign(Draft::Bye(bye)));
            self.step = Step::SigningBye { result, warning, now };
        }
    }

    /// Answers an [`Output::Sign`].
    pub fn handle_signed(&mut self, signed: Signed) {
        match std::mem::replace(&mut self.step, Step::Idle) {
            Step::SigningBye { result, warning, now } => {
                let bye = signed.document.clone();
                self.enter(PayerState::Accepted { at: now, result: result.document().to_owned(), bye });
                self.push(Output::Send(signed.document.into_bytes()));
                self.event(Event::Accepted { balance: result.payload().balance.clone() });
                warning.into_iter().for_each(|warning| self.event(warning));
            }
            Step::SigningQuery => self.push(Output::Send(signed.document.into_bytes())),
            Step::Idle | Step::AppendingOutcome { .. } => unreachable!("the driver signs only what it is asked to"),
        }
    }

    fn settle(&mut self, message: &Verified<TransferResult>, quiet: bool, now: Timestamp) {
        self.retry.stop();
        self.push(Output::Append(Body::Outcome {
            id: self.record.id,
            peer: self.record.peer,
            outcome: message.payload().outcome.clone(),
            document: message.document().to_owned(),
        }));
        self.step = Step::AppendingOutcome { result: Box::new(message.clone()), quiet, now };
    }

    fn bye(&self, result: &Verified<TransferResult>, head: Head, balance: Balance, now: Timestamp) -> Bye {
        Bye {
            kind: Kind::Bye,
            from: self.me,
            to: self.record.peer,
            issued: now,
            expires: now + MAX_LIFETIME,
            nonce: Nonce::of(Kind::Bye, &self.record.id, now),
            transfer: self.record.id,
            result: result.id(),
            head,
            balance,
        }
    }

    fn query(&self, now: Timestamp) -> Query {
        Query {
            kind: Kind::Query,
            from: self.me,
            to: self.record.peer,
            issued: now,
            expires: now + MAX_LIFETIME,
            nonce: Nonce::of(Kind::Query, &self.record.id, now),
            transfer: self.record.id,
            expired: self.record.expires,
            prev: self.record.prev,
            unit: self.record.money.unit().clone(),
        }
    }

    fn expire(&mut self, now: Timestamp) {
        let received = match &self.record.state {
            PayerState::Queued { .. } | PayerState::Sent { .. } => None,
            PayerState::Received { received, .. } => Some(received.clone()),
            PayerState::Expired { .. } | PayerState::Accepted { .. } | PayerState::Refused { .. } => return,
        };
        self.enter(PayerState::Expired { at: now, received });
        self.event(Event::Expired);
        if self.link_up {
            self.retry.start(now);
            self.say_again(now);
        }
    }

    /// Sends what the payee needs to answer: the transfer, or the question once it has expired.
    fn say_again(&mut self, now: Timestamp) {
        match &self.record.state {
            PayerState::Queued { sealed } | PayerState::Sent { sealed, .. } | PayerState::Received { sealed, .. } => {
                self.push(Output::Send(sealed.clone().into_bytes()));
            }
            PayerState::Expired { .. } => {
                self.push(Output::Sign(Draft::Query(self.query(now))));
                self.step = Step::SigningQuery;
            }
            PayerState::Accepted { .. } | PayerState::Refused { .. } => {}
        }
    }

    /// Whether a result belongs to this transfer.
    pub(crate) fn check_result(&self, message: &Verified<TransferResult>) -> Result<(), Invalid> {
        let TransferResult { from, transfer, payer_head, balance, .. } = message.payload();
        self.check_sender(*from, *transfer)?;
        if *payer_head != self.record.prev {
            return Err(Invalid::Mismatch { field: "payer_head" });
        }
        if balance.unit == *self.record.money.unit() { Ok(()) } else { Err(Invalid::Mismatch { field: "balance" }) }
    }

    fn check_sender(&self, from: Did, transfer: TransferId) -> Result<(), Invalid> {
        if from != self.record.peer {
            return Err(Invalid::Sender { found: from });
        }
        if transfer == self.record.id { Ok(()) } else { Err(Invalid::Mismatch { field: "transfer" }) }
    }

    fn enter(&mut self, state: PayerState) {
        self.record.state = state;
        self.put();
    }

    fn put(&mut self) {
        self.push(Output::Put(Record::Payer(self.record.clone())));
    }

    fn event(&mut self, event: Event) {
        self.push(Output::Event(event));
    }

    fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }
}
