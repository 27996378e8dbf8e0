//! Payments as people see them, read from the ledger.

use super::Wallet;
use crate::clock;
use crate::error::AgentError;
use crate::platform::PlatformProvider;
use pumasi_identity::{Did, SignedProfile};
use pumasi_ledger::store::{MAX_PAGE, Space};
use pumasi_ledger::{Body, Entry, TransferId};
use pumasi_transfer::message::Request;
use pumasi_transfer::{
    Desk, Keys, LedgerBooks, PayeeState, PayerState, Policy, Proven, Receipt, ReceiptError, Record, Refusal,
    RequestOrder, RequestRecord, RequestState, Verified,
};
use pumasi_units::{Money, Timestamp};
use serde::Serialize;

/// Fewest digits of an id that are looked for.
const MIN_PREFIX: usize = 8;

/// Who pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// I do.
    Out,
    /// I am paid.
    In,
}

/// How far a payment is. Never more than is known and durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum State {
    /// Mine: written down, not sent.
    Queued,
    /// Mine: sent; no word of it.
    Sent,
    /// Mine: the payee has it. To me: it waits for a decision.
    Received,
    /// Mine: expired, and the payee has not said what became of it.
    Expired,
    /// Taken into the payee's ledger, and signed for.
    Accepted,
    /// Accepted, and the payer has signed for that too.
    Countersigned,
    /// Not taken.
    Refused {
        /// The code of docs/spec/transfer.md.
        code: String,
        /// The payee's limit, where that is the reason.
        #[serde(skip_serializing_if = "Option::is_none")]
        limit: Option<Money>,
        /// What was left of it.
        #[serde(skip_serializing_if = "Option::is_none")]
        available: Option<Money>,
    },
}

/// One payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Payment {
    /// The transfer.
    pub id: TransferId,
    /// Who pays.
    pub direction: Direction,
    /// The other one.
    pub peer: Did,
    /// How much.
    pub money: Money,
    /// What for.
    pub memo: String,
    /// When it was signed, or came.
    pub at: Timestamp,
    /// How far it is.
    #[serde(flatten)]
    pub state: State,
}

impl Wallet {
    /// The keys as the transfer machines take them.
    pub(crate) fn desk_keys(&self) -> Keys<PlatformProvider> {
        Keys::new(self.provider, &self.keys, self.profile.digest())
    }

    /// Everything that is under way.
    pub(crate) async fn load_desk(&self, policy: Policy) -> Result<Desk<PlatformProvider>, AgentError> {
        let mut tx = self.ledger.begin().await?;
        let books = LedgerBooks { ledger: &self.ledger, tx: &mut tx };
        Ok(Desk::load(self.desk_keys(), policy, &books).await?)
    }

    /// Payments that are not settled, the oldest first. Refusals that are kept only to be repeated are left out.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn pending(&self) -> Result<Vec<Payment>, AgentError> {
        let desk = self.load_desk(Policy::Ask).await?;
        let mut payments: Vec<Payment> = desk.payers().map(|payer| Payment::of_payer(payer.record())).collect();
        payments.extend(waiting(&desk));
        payments.sort_by_key(|payment| payment.at);
        Ok(payments)
    }

    /// Signs a request for a payment, and writes it down.
    ///
    /// # Errors
    /// [`AgentError::Order`] when something is out of bounds; nothing was signed then. And what the ledger says.
    pub async fn request(&self, order: RequestOrder) -> Result<Verified<Request>, AgentError> {
        let mut desk = self.load_desk(Policy::Ask).await?;
        let mut tx = self.ledger.begin().await?;
        let mut books = LedgerBooks { ledger: &self.ledger, tx: &mut tx };
        let request = desk.request(&mut books, order, clock::now()).await?;
        self.ledger.commit(tx).await?;
        Ok(request)
    }

    /// Requests of mine that can still be paid, the first to expire first.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn open_requests(&self) -> Result<Vec<RequestRecord>, AgentError> {
        let now = clock::now();
        let records: Vec<(Vec<u8>, RequestRecord)> = self.ledger.list(Space::Request).await?;
        let open =
            records.into_iter().map(|(_, record)| record).filter(|record| record.state(now) == RequestState::Open);
        let mut open: Vec<RequestRecord> = open.collect();
        open.sort_by_key(|record| record.request.expires);
        Ok(open)
    }

    /// The payment whose id begins with these digits.
    ///
    /// # Errors
    /// [`AgentError::UnknownPayment`] when there is none, or the digits are fewer than eight, or fit several.
    pub async fn find_payment(&self, prefix: &str) -> Result<Payment, AgentError> {
        let prefix = prefix.trim().to_lowercase();
        let unknown = || AgentError::UnknownPayment(prefix.clone());
        if prefix.len() < MIN_PREFIX {
            return Err(unknown());
        }
        let mut found = None;
        let mut from = 1;
        loop {
            let page = self.ledger.entries(from, MAX_PAGE).await?;
            let Some(last) = page.last() else { break };
            from = last.sequence + 1;
            for id in page.iter().filter_map(|entry| opened(&entry.body)) {
                if id.to_string().starts_with(&prefix) && found.replace(id).is_some_and(|other| other != id) {
                    return Err(unknown());
                }
            }
        }
        self.payment(&found.ok_or_else(unknown)?).await
    }

    /// Payments, the newest first: with everyone or with one person, older than one of them, at most `limit`. Says also
    /// whether there are older ones.
    ///
    /// # Errors
    /// [`AgentError::UnknownPayment`] when there is none to begin before, and what the ledger says.
    pub async fn history(
        &self,
        with: Option<&Did>,
        before: Option<&TransferId>,
        limit: usize,
    ) -> Result<(Vec<Payment>, bool), AgentError> {
        let desk = self.load_desk(Policy::Ask).await?;
        let mut tx = self.ledger.begin().await?;
        let mut end = self.ledger.head().sequence;
        let mut payments = Vec::new();
        match before {
            Some(id) => {
                let first = self.ledger.find_transfer(id).await?.into_iter().next();
                let first = first.ok_or_else(|| AgentError::UnknownPayment(id.to_string()))?;
                end = first.sequence.saturating_sub(1);
            }
            // What waits for a decision has no entry yet.
            None => payments.extend(waiting(&desk).filter(|payment| with.is_none_or(|peer| payment.peer == *peer))),
        }
        payments.sort_by_key(|payment| std::cmp::Reverse(payment.at));
        while end > 0 {
            let from = end.saturating_sub(u64::from(MAX_PAGE) - 1).max(1);
            let count = u32::try_from(end - from + 1).expect("at most a page");
            let page = self.ledger.entries(from, count).await?;
            for entry in page.iter().rev() {
                let Some(id) = opened(&entry.body) else { continue };
                if with.is_some_and(|peer| entry.body.peer() != Some(peer)) {
                    continue;
                }
                if payments.len() >= limit {
                    return Ok((payments, true));
                }
                let record = desk.record(&LedgerBooks { ledger: &self.ledger, tx: &mut tx }, &id).await?;
                let entries = self.ledger.find_transfer(&id).await?;
                payments.extend(Payment::of_entries(&entries, record.as_ref()));
            }
            end = from - 1;
        }
        Ok((payments, false))
    }

    /// The payment with this id.
    ///
    /// # Errors
    /// [`AgentError::UnknownPayment`], and what the ledger says.
    pub async fn payment(&self, id: &TransferId) -> Result<Payment, AgentError> {
        let record = self.record(id).await?;
        let entries = self.ledger.find_transfer(id).await?;
        Payment::of_entries(&entries, record.as_ref()).ok_or_else(|| AgentError::UnknownPayment(id.to_string()))
    }

    async fn record(&self, id: &TransferId) -> Result<Option<Record>, AgentError> {
        let desk = self.load_desk(Policy::Ask).await?;
        let mut tx = self.ledger.begin().await?;
        Ok(desk.record(&LedgerBooks { ledger: &self.ledger, tx: &mut tx }, id).await?)
    }

    /// The receipt of a settled payment, checked.
    ///
    /// # Errors
    /// [`AgentError::NoReceipt`] while there is no result, and [`AgentError::Receipt`] should it not verify.
    pub async fn receipt(&self, id: &TransferId) -> Result<(Receipt, Proven), AgentError> {
        let mut transfer = None;
        let mut result = None;
        let mut bye = None;
        let mut profile = None;
        for entry in self.ledger.find_transfer(id).await? {
            match entry.body {
                Body::Outgoing { document, .. } => transfer = Some(document),
                Body::Incoming { document, profile: digest, .. } => {
                    transfer = Some(document);
                    profile = Some(digest);
                }
                Body::Outcome { document, .. } => result = Some(document),
                Body::Countersigned { result: mine, document, .. } => {
                    result = Some(mine);
                    bye = Some(document);
                }
                _ => {}
            }
        }
        match self.record(id).await? {
            Some(Record::Payer(record)) => {
                if let PayerState::Accepted { bye: mine, .. } = record.state {
                    bye = Some(mine);
                }
            }
            Some(Record::Payee(record)) => {
                if let PayeeState::Accepted { result: mine, .. } = record.state {
                    result = Some(mine);
                }
            }
            _ => {}
        }
        let (Some(transfer), Some(result)) = (transfer, result) else { return Err(AgentError::NoReceipt(*id)) };
        let digest = match profile {
            Some(digest) => digest,
            None => pumasi_transfer::profile_of(&transfer)?,
        };
        let profile: SignedProfile = self
            .ledger
            .get(Space::Document, &digest.0)
            .await?
            .ok_or(AgentError::Incomplete { what: "the profile that signed the transfer" })?;
        let receipt = Receipt::new(transfer, result, bye, profile);
        let proven = receipt.verify(&self.provider).await?;
        if proven.id != *id {
            return Err(ReceiptError::Mismatch { part: pumasi_transfer::message::Kind::Transfer, field: "id" }.into());
        }
        Ok((receipt, proven))
    }
}

/// Payments to me that wait for a decision.
fn waiting(desk: &Desk<PlatformProvider>) -> impl Iterator<Item = Payment> {
    desk.payees().filter_map(|payee| match (payee.offer(), payee.state()) {
        (offer, Some(PayeeState::Received { at, .. })) => Some(Payment {
            id: offer.id,
            direction: Direction::In,
            peer: offer.peer,
            money: offer.money.clone(),
            memo: offer.memo.clone(),
            at: *at,
            state: State::Received,
        }),
        _ => None,
    })
}

/// The transfer that an entry is the first about.
fn opened(body: &Body) -> Option<TransferId> {
    match body {
        Body::Outgoing { id, .. } | Body::Incoming { id, .. } => Some(*id),
        _ => None,
    }
}

impl Payment {
    fn of_payer(record: &pumasi_transfer::PayerRecord) -> Self {
        let state = match &record.state {
            PayerState::Queued { .. } => State::Queued,
            PayerState::Sent { .. } => State::Sent,
            PayerState::Received { .. } => State::Received,
            PayerState::Expired { .. } => State::Expired,
            PayerState::Accepted { .. } => State::Accepted,
            PayerState::Refused { .. } => State::refused(&Refusal::Other("refused".into())),
        };
        Self {
            id: record.id,
            direction: Direction::Out,
            peer: record.peer,
            money: record.money.clone(),
            memo: record.memo.clone(),
            at: record.issued,
            state,
        }
    }

    /// What the entries about one transfer tell; the record says how far an unsettled one is.
    fn of_entries(entries: &[Entry], record: Option<&Record>) -> Option<Self> {
        let mut payment: Option<Self> = None;
        for entry in entries {
            match (&entry.body, &mut payment) {
                (Body::Outgoing { id, peer, money, memo, .. }, _) => {
                    let state = match record {
                        Some(Record::Payer(record)) => Self::of_payer(record).state,
                        _ => State::Queued,
                    };
                    let (money, memo) = (money.clone(), memo.clone());
                    let direction = Direction::Out;
                    payment = Some(Self { id: *id, direction, peer: *peer, money, memo, at: entry.at, state });
                }
                (Body::Incoming { id, peer, money, memo, .. }, _) => {
                    let (money, memo) = (money.clone(), memo.clone());
                    let (direction, state) = (Direction::In, State::Accepted);
                    payment = Some(Self { id: *id, direction, peer: *peer, money, memo, at: entry.at, state });
                }
                (Body::Outcome { outcome, .. }, Some(payment)) => {
                    payment.state = match Refusal::from_outcome(outcome) {
                        None => State::Accepted,
                        Some(refusal) => State::refused(&refusal),
                    };
                }
                (Body::Countersigned { .. }, Some(payment)) => payment.state = State::Countersigned,
                _ => {}
            }
        }
        payment
    }
}

impl State {
    fn refused(refusal: &Refusal) -> Self {
        let (limit, available) = match refusal {
            Refusal::OverLimit { limit, available } => (Some(limit.clone()), Some(available.clone())),
            _ => (None, None),
        };
        Self::Refused { code: refusal.code().to_owned(), limit, available }
    }
}
