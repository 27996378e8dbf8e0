//! Messages from the link, each to its machine.

use super::{Desk, DeskError, credit, standing};
use crate::books::Books;
use crate::envelope::{Incoming, Peer, Unread, Verified, sign_statement};
use crate::fork::Claim;
use crate::limits::{CLOCK_SKEW, MAX_LIFETIME, MAX_OPEN_PER_PEER};
use crate::message::{Balance, Bye, Kind, Nonce, Query, Received, Transfer, TransferResult};
use crate::output::{Action, Event};
use crate::payee::Payee;
use crate::payer::Payer;
use crate::record::{Record, UnreadRecord};
use crate::refusal::Refusal;
use crate::rules::Facts;
use pumasi_crypto::Provider;
use pumasi_identity::Did;
use pumasi_ledger::TransferId;
use pumasi_units::{Timestamp, Unit};

impl<P: Provider> Desk<P> {
    /// Takes a message that was opened already: [`receive`](Self::receive) for drivers that open several at a time.
    ///
    /// # Errors
    /// [`DeskError`]; a message that does not fit changes nothing.
    pub async fn handle(
        &mut self,
        books: &mut impl Books,
        peer: &Peer,
        incoming: Incoming,
        now: Timestamp,
    ) -> Result<(), DeskError> {
        match incoming {
            Incoming::Transfer(message) => self.handle_transfer(books, peer, &message, now).await,
            Incoming::Received(message) => self.handle_received(books, &message, now).await,
            Incoming::Result(message) => self.handle_result(books, &message, now).await,
            Incoming::Bye(message) => self.handle_bye(books, &message, now).await,
            Incoming::Query(message) => self.handle_query(books, &message, now).await,
        }
    }

    /// Answers what was answered before, in the same bytes. Says whether there was such an answer.
    pub(super) async fn repeat(
        &mut self,
        books: &mut impl Books,
        peer: Did,
        id: TransferId,
        now: Timestamp,
    ) -> Result<bool, DeskError> {
        if self.payees.get(&id).is_some_and(|payee| payee.offer().peer == peer) {
            self.with_payee(books, id, now, Payee::handle_repeat).await?;
            return Ok(true);
        }
        match self.record(books, &id).await? {
            Some(Record::Unread(record)) if record.peer == peer => {
                self.send(peer, id, &record.result);
                Ok(true)
            }
            Some(Record::Payee(record)) if record.offer.peer == peer => {
                let mut payee = Payee::resume(self.keys.did, record);
                payee.handle_repeat();
                self.run_payee(books, payee, now).await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    async fn handle_transfer(
        &mut self,
        books: &mut impl Books,
        peer: &Peer,
        message: &Verified<Transfer>,
        now: Timestamp,
    ) -> Result<(), DeskError> {
        let (id, transfer) = (message.id(), message.payload());
        if self.repeat(books, transfer.from, id, now).await? {
            return Ok(());
        }
        self.check_open(transfer.from)?;
        let request = match transfer.request {
            Some(request) => self.request_record(books, &request).await?,
            None => None,
        };
        let claim = Claim { head: transfer.prev, next: Some(id), document: message.document().to_owned() };
        let fork = self.follow(books, transfer.from, claim).await?.fork;
        if let Some(proof) = &fork {
            self.event(transfer.from, id, Event::Forked(Box::new(proof.clone())));
        }
        let (from, money) = (&transfer.from, &transfer.money);
        let standing = standing(books, from, money.unit());
        let facts = Facts { standing, contact: peer.contact, request, credit: credit(books, from, money), fork };
        let payee = Payee::new(message, &facts, self.policy, now);
        self.run_payee(books, payee, now).await
    }

    async fn handle_received(
        &mut self,
        books: &mut impl Books,
        message: &Verified<Received>,
        now: Timestamp,
    ) -> Result<(), DeskError> {
        let id = message.payload().transfer;
        let mut payer = self.take_payer(books, id).await?;
        if let Err(source) = payer.handle_received(message, now) {
            self.keep_payer(payer);
            return Err(DeskError::Message { id, source });
        }
        self.run_payer(books, payer, now).await
    }

    async fn handle_result(
        &mut self,
        books: &mut impl Books,
        message: &Verified<TransferResult>,
        now: Timestamp,
    ) -> Result<(), DeskError> {
        let TransferResult { transfer: id, from, head, .. } = *message.payload();
        let mut payer = self.take_payer(books, id).await?;
        if let Err(source) = payer.check_result(message) {
            self.keep_payer(payer);
            return Err(DeskError::Message { id, source });
        }
        let mut quiet = false;
        if !payer.is_settled() {
            let claim = Claim { head, next: None, document: message.document().to_owned() };
            quiet = self.follow_about(books, from, claim, id, payer.record().money.unit()).await?;
        }
        payer.handle_result(message, quiet, now).map_err(|source| DeskError::Message { id, source })?;
        self.run_payer(books, payer, now).await
    }

    async fn handle_bye(
        &mut self,
        books: &mut impl Books,
        message: &Verified<Bye>,
        now: Timestamp,
    ) -> Result<(), DeskError> {
        let Bye { transfer: id, from, head, .. } = *message.payload();
        let Some(mut payee) = self.payees.remove(&id) else {
            return match self.record(books, &id).await? {
                Some(record) if record.peer() == from => Ok(()), // it was appended before
                _ => Err(DeskError::UnknownTransfer { id }),
            };
        };
        if let Err(source) = payee.check_bye(message) {
            self.payees.insert(id, payee);
            return Err(DeskError::Message { id, source });
        }
        let claim = Claim { head, next: None, document: message.document().to_owned() };
        let quiet = self.follow_about(books, from, claim, id, payee.offer().money.unit()).await?;
        payee.handle_bye(message, quiet, now).map_err(|source| DeskError::Message { id, source })?;
        self.run_payee(books, payee, now).await
    }

    /// Follows a peer's chain, tells of a fork, and says whether the peer's balance must be ours now.
    async fn follow_about(
        &mut self,
        books: &mut impl Books,
        signer: Did,
        claim: Claim,
        id: TransferId,
        unit: &Unit,
    ) -> Result<bool, DeskError> {
        let followed = self.follow(books, signer, claim).await?;
        if let Some(proof) = followed.fork {
            self.event(signer, id, Event::Forked(Box::new(proof)));
        }
        Ok(followed.newest && self.nothing_else_under_way(&signer, unit, &id))
    }

    /// A payer asks about a transfer that has expired. Where it never came, it never will: that is a refusal.
    async fn handle_query(
        &mut self,
        books: &mut impl Books,
        message: &Verified<Query>,
        now: Timestamp,
    ) -> Result<(), DeskError> {
        let Query { transfer: id, from, expired, prev, ref unit, .. } = *message.payload();
        if self.repeat(books, from, id, now).await? || now <= expired {
            return Ok(());
        }
        let unread = Unread { transfer: id, prev, unit: unit.clone() };
        self.refuse_unseen(books, from, &unread, Refusal::Expired, now).await
    }

    /// Signs and keeps a refusal of a transfer that is not here.
    pub(super) async fn refuse_unseen(
        &mut self,
        books: &mut impl Books,
        peer: Did,
        unread: &Unread,
        refusal: Refusal,
        now: Timestamp,
    ) -> Result<(), DeskError> {
        let id = unread.transfer;
        if self.repeat(books, peer, id, now).await? {
            return Ok(());
        }
        self.check_open(peer)?;
        let standing = standing(books, &peer, &unread.unit);
        let result = TransferResult {
            kind: Kind::Result,
            from: self.keys.did,
            to: peer,
            issued: now,
            expires: now + MAX_LIFETIME,
            nonce: Nonce::of(Kind::Result, &id, now),
            transfer: id,
            outcome: refusal.to_outcome(),
            head: standing.head,
            payer_head: unread.prev,
            balance: Balance { amount: standing.balance, unit: unread.unit.clone() },
            limit: standing.limit,
        };
        let result = sign_statement(&self.keys, &result).await?.document;
        // Whatever the peer says of its expiry: no transfer that is signed by now can live longer than this.
        let until = now + MAX_LIFETIME + 2 * CLOCK_SKEW;
        let record = UnreadRecord { id, peer, result, until };
        self.put_record(books, &Record::Unread(record.clone()))?;
        self.send(peer, id, &record.result);
        self.unread.insert(id, record);
        Ok(())
    }

    /// The machine of a transfer of mine; a settled one comes from its record.
    async fn take_payer(&mut self, books: &impl Books, id: TransferId) -> Result<Payer, DeskError> {
        if let Some(payer) = self.payers.remove(&id) {
            return Ok(payer);
        }
        match self.record(books, &id).await? {
            Some(Record::Payer(record)) => Ok(Payer::resume(self.keys.did, record)),
            _ => Err(DeskError::UnknownTransfer { id }),
        }
    }

    fn check_open(&self, peer: Did) -> Result<(), DeskError> {
        let offers = self.payees.values().filter(|payee| payee.offer().peer == peer).count();
        let unread = self.unread.values().filter(|record| record.peer == peer).count();
        if offers + unread < MAX_OPEN_PER_PEER { Ok(()) } else { Err(DeskError::TooManyOpen { peer }) }
    }

    fn send(&mut self, peer: Did, transfer: TransferId, document: &str) {
        self.actions.push(Action::Send { peer, transfer, bytes: document.as_bytes().to_vec() });
    }

    fn event(&mut self, peer: Did, transfer: TransferId, event: Event) {
        self.actions.push(Action::Event { peer, transfer, event });
    }
}
