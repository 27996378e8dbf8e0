//! One person's transfers, all of them: the thin layer between the machines and a ledger, a link and keys.
//!
//! ```text
//! let mut tx = ledger.begin().await?;
//! let mut books = LedgerBooks { ledger: &ledger, tx: &mut tx };
//! desk.pay(&mut books, &payee, order, now).await?;           // or receive, decide, link_up, timeout: as many as came in
//! let outbox = desk.take();
//! ledger.commit(tx).await?;                                  // one commit for all of them
//! for action in desk.committed(outbox) { … }                 // only now: send, show
//! ```
//!
//! When anything in between fails, drop the transaction and [`load`](Desk::load) the desk again: what was not committed
//! never happened, and nobody heard of it. [`DeskError::is_harmless`] tells the errors after which that is not needed.

mod cells;
mod chains;
mod error;
mod messages;
mod requests;
mod run;

pub use error::DeskError;
pub use requests::RequestOrder;

use crate::books::Books;
use crate::envelope::{Keys, Peer, Unread, fingerprint, open_message, seal_transfer};
use crate::output::{Action, Standing};
use crate::payee::{Decision, Payee, Policy};
use crate::payer::{Order, Payer};
use crate::record::{Record, UnreadRecord};
use crate::rules::{Facts, OverLimit};
use cells::Cells;
use pumasi_crypto::hash::Digest;
use pumasi_crypto::{CryptoError, Provider};
use pumasi_identity::Did;
use pumasi_ledger::{Account, Space, TransferId};
use pumasi_units::{Money, Timestamp, Unit};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Most sealed transfers that are recognised without opening them.
const MAX_RECOGNISED: usize = 4_096;

/// Every transfer of one person that is not settled, and the way to the settled ones.
pub struct Desk<P: Provider> {
    keys: Keys<P>,
    policy: Policy,
    payers: BTreeMap<TransferId, Payer>,
    payees: BTreeMap<TransferId, Payee>,
    unread: BTreeMap<TransferId, UnreadRecord>,
    links: BTreeSet<Did>,
    /// Sealed transfers that came before: a repeat costs no RSA.
    recognised: HashMap<Digest, TransferId>,
    cells: Cells,
    actions: Vec<Action>,
}

/// What waits for a commit.
#[derive(Debug)]
#[must_use = "the actions are lost unless they are claimed with Desk::committed once the commit is durable"]
pub struct Outbox {
    batch: u64,
    actions: Vec<Action>,
}

impl Outbox {
    /// Whether there is nothing to do after the commit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }
}

impl<P: Provider> Desk<P> {
    /// Reads what is under way. Every link counts as down.
    ///
    /// # Errors
    /// [`DeskError::Books`].
    pub async fn load(keys: Keys<P>, policy: Policy, books: &impl Books) -> Result<Self, DeskError> {
        let mut desk = Self {
            keys,
            policy,
            payers: BTreeMap::new(),
            payees: BTreeMap::new(),
            unread: BTreeMap::new(),
            links: BTreeSet::new(),
            recognised: HashMap::new(),
            cells: Cells::default(),
            actions: Vec::new(),
        };
        for value in books.read_all(Space::Transfer).await? {
            desk.resume(cells::parse(value)?);
        }
        Ok(desk)
    }

    fn resume(&mut self, record: Record) {
        let me = self.keys.did;
        match record {
            Record::Payer(record) => drop(self.payers.insert(record.id, Payer::resume(me, record))),
            Record::Payee(record) => drop(self.payees.insert(record.offer.id, Payee::resume(me, record))),
            Record::Unread(record) => drop(self.unread.insert(record.id, record)),
        }
    }

    /// What the desk signs and opens with.
    #[must_use]
    pub fn keys(&self) -> &Keys<P> {
        &self.keys
    }

    /// Takes new keys, after a rotation. Transfers that were signed with the old ones are sent as they are.
    pub fn set_keys(&mut self, keys: Keys<P>) {
        self.keys = keys;
    }

    /// Which transfers are accepted without asking, from now on.
    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
    }

    /// Signs, seals and stores a transfer. It leaves once the commit is durable and the link is up.
    ///
    /// # Errors
    /// [`DeskError::Order`] when something is out of bounds, and what the keys and the books say.
    pub async fn pay(
        &mut self,
        books: &mut impl Books,
        to: &Peer,
        order: Order,
        now: Timestamp,
    ) -> Result<TransferId, DeskError> {
        if order.to != to.did {
            return Err(DeskError::Order(crate::message::Invalid::Recipient));
        }
        let nonce = self.nonce()?;
        let transfer =
            order.draft(self.keys.did, self.keys.profile, books.head(), nonce, now).map_err(DeskError::Order)?;
        let (signed, sealed) = seal_transfer(&self.keys, to, &transfer).await?;
        let id = signed.id;
        let payer = Payer::new(transfer, signed, sealed, self.links.contains(&to.did));
        self.run_payer(books, payer, now).await?;
        Ok(id)
    }

    /// Takes a message from the link of `peer`.
    ///
    /// # Errors
    /// [`DeskError`]; a message that is refused as such changes nothing.
    pub async fn receive(
        &mut self,
        books: &mut impl Books,
        peer: &Peer,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<TransferId, DeskError> {
        let print = fingerprint(bytes);
        if let Some(id) = self.recognised.get(&print).copied()
            && self.repeat(books, peer.did, id, now).await?
        {
            return Ok(id);
        }
        let incoming = open_message(&self.keys, peer, bytes).await?;
        let id = incoming.transfer();
        if matches!(incoming, crate::Incoming::Transfer(_)) {
            if self.recognised.len() >= MAX_RECOGNISED {
                self.recognised.clear();
            }
            self.recognised.insert(print, id);
        }
        self.handle(books, peer, incoming, now).await?;
        Ok(id)
    }

    /// Tells the payer that a transfer cannot be read: [`OpenError::UnknownProfile`](crate::OpenError::UnknownProfile)
    /// came again with the newest profile that can be had.
    ///
    /// # Errors
    /// [`DeskError::TooManyOpen`], and what the keys and the books say.
    pub async fn refuse_unread(
        &mut self,
        books: &mut impl Books,
        peer: Did,
        unread: &Unread,
        now: Timestamp,
    ) -> Result<(), DeskError> {
        self.refuse_unseen(books, peer, unread, crate::Refusal::UnknownProfile, now).await
    }

    /// A person decided. Says whether the decision still counted.
    ///
    /// # Errors
    /// [`DeskError::UnknownTransfer`] when nothing waits under this id, and what the keys and the books say.
    pub async fn decide(
        &mut self,
        books: &mut impl Books,
        id: TransferId,
        decision: Decision,
        now: Timestamp,
    ) -> Result<bool, DeskError> {
        let Some(mut payee) = self.payees.remove(&id) else { return Err(DeskError::UnknownTransfer { id }) };
        let offer = payee.offer().clone();
        let request = match offer.request {
            Some(request) => self.request_record(books, &request).await?,
            None => None,
        };
        let (peer, money) = (&offer.peer, &offer.money);
        let standing = standing(books, peer, money.unit());
        let facts = Facts { standing, contact: true, request, credit: credit(books, peer, money), fork: None };
        let counted = payee.handle_decision(decision, &facts, now);
        self.run_payee(books, payee, now).await?;
        Ok(counted)
    }

    /// The link to a peer is up, and the peer has proved who it is: whatever either may have missed is said again.
    ///
    /// # Errors
    /// What the keys and the books say.
    pub async fn link_up(&mut self, books: &mut impl Books, peer: Did, now: Timestamp) -> Result<(), DeskError> {
        self.links.insert(peer);
        for id in self.payer_ids(|payer| payer.record().peer == peer) {
            self.with_payer(books, id, now, |payer| payer.handle_link_up(now)).await?;
        }
        for id in self.payee_ids(|payee| payee.offer().peer == peer) {
            self.with_payee(books, id, now, |payee| payee.handle_link_up(now)).await?;
        }
        Ok(())
    }

    /// The link to a peer is down. Nothing is lost.
    pub fn link_down(&mut self, peer: &Did) {
        self.links.remove(peer);
        for payer in self.payers.values_mut().filter(|payer| payer.record().peer == *peer) {
            payer.handle_link_down();
        }
        for payee in self.payees.values_mut().filter(|payee| payee.offer().peer == *peer) {
            payee.handle_link_down();
        }
    }

    /// The link took the bytes of an [`Action::Send`].
    ///
    /// # Errors
    /// What the books say.
    pub async fn sent(&mut self, books: &mut impl Books, id: TransferId, now: Timestamp) -> Result<(), DeskError> {
        if self.payers.get(&id).is_some_and(Payer::is_queued) {
            self.with_payer(books, id, now, |payer| payer.handle_sent(now)).await?;
        }
        Ok(())
    }

    /// When to call [`timeout`](Self::timeout) next.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        let payers = self.payers.values().filter_map(Payer::poll_timeout);
        let payees = self.payees.values().filter_map(Payee::poll_timeout);
        payers.chain(payees).chain(self.unread.values().map(|record| record.until)).min()
    }

    /// The time that [`next_timeout`](Self::next_timeout) named has come.
    ///
    /// # Errors
    /// What the keys and the books say.
    pub async fn timeout(&mut self, books: &mut impl Books, now: Timestamp) -> Result<(), DeskError> {
        let due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        for id in self.payer_ids(|payer| due(payer.poll_timeout())) {
            self.with_payer(books, id, now, |payer| payer.handle_timeout(now)).await?;
        }
        for id in self.payee_ids(|payee| due(payee.poll_timeout())) {
            let Some(offer) = self.payees.get(&id).map(Payee::offer) else { continue };
            let standing = standing(books, &offer.peer, offer.money.unit());
            self.with_payee(books, id, now, |payee| payee.handle_timeout(&standing, now)).await?;
        }
        let past: Vec<_> = self.unread.values().filter(|record| record.until <= now).map(|record| record.id).collect();
        for id in past {
            self.unread.remove(&id);
            self.cells.write(books, Space::Transfer, &id.0, None)?;
        }
        Ok(())
    }

    /// Closes the batch: call it before the commit, and [`committed`](Self::committed) after.
    pub fn take(&mut self) -> Outbox {
        Outbox { batch: self.cells.close_batch(), actions: std::mem::take(&mut self.actions) }
    }

    /// The commit is durable: what is to be done now, in order.
    pub fn committed(&mut self, outbox: Outbox) -> Vec<Action> {
        self.cells.committed(outbox.batch);
        outbox.actions
    }

    /// The state of a transfer, settled or not.
    ///
    /// # Errors
    /// [`DeskError::Books`].
    pub async fn record(&self, books: &impl Books, id: &TransferId) -> Result<Option<Record>, DeskError> {
        match self.cells.read(books, Space::Transfer, &id.0).await? {
            Some(record) => Ok(Some(record)),
            None => self.cells.read(books, Space::Document, &cells::settled_key(id)).await,
        }
    }

    /// My transfers that are not settled, in the order in which they were signed.
    pub fn payers(&self) -> impl Iterator<Item = &Payer> {
        let mut payers: Vec<_> = self.payers.values().collect();
        payers.sort_by_key(|payer| payer.record().prev.sequence);
        payers.into_iter()
    }

    /// Transfers to me that are not settled, and refusals that are not forgotten, each payer's in the order in which it
    /// signed them.
    pub fn payees(&self) -> impl Iterator<Item = &Payee> {
        let mut payees: Vec<_> = self.payees.values().collect();
        payees.sort_by_key(|payee| (payee.offer().peer, payee.offer().prev.sequence));
        payees.into_iter()
    }

    /// In the order in which they were signed.
    fn payer_ids(&self, which: impl Fn(&Payer) -> bool) -> Vec<TransferId> {
        self.payers().filter(|payer| which(payer)).map(|payer| payer.record().id).collect()
    }

    /// In the order in which each payer signed them.
    fn payee_ids(&self, which: impl Fn(&Payee) -> bool) -> Vec<TransferId> {
        self.payees().filter(|payee| which(payee)).map(|payee| payee.offer().id).collect()
    }

    fn nonce(&self) -> Result<crate::message::Nonce, CryptoError> {
        let mut nonce = [0; 16];
        self.keys.provider.random(&mut nonce)?;
        Ok(crate::message::Nonce(nonce))
    }
}

/// Where both stand now.
fn standing(books: &impl Books, peer: &Did, unit: &Unit) -> Standing {
    let account = books.account(peer, unit);
    let limit = account.and_then(|account| account.limit_i_give);
    let limit = limit.and_then(|minor| Money::new(minor, unit.clone()).ok());
    Standing { head: books.head(), balance: account.map_or(0, Account::balance), limit }
}

/// What the credit line says to an amount.
fn credit(books: &impl Books, peer: &Did, money: &Money) -> Result<(), OverLimit> {
    books.check_limit(peer, money).map_err(|over| OverLimit { limit: over.limit, available: over.available })
}
