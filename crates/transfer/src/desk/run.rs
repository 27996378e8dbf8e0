//! Drains a machine: appends, signs and stores what it asks for, and keeps back what waits for the commit.

use super::cells::settled_key;
use super::{Desk, DeskError, standing};
use crate::books::Books;
use crate::envelope::{Keys, Signed, sign_statement};
use crate::output::{Action, Draft, Output, Standing};
use crate::payee::Payee;
use crate::payer::Payer;
use crate::record::{PayeeState, Record};
use pumasi_crypto::{CryptoError, Provider};
use pumasi_identity::Did;
use pumasi_ledger::{Space, TransferId};
use pumasi_units::{Timestamp, Unit};

/// What payer and payee have in common for their driver.
trait Machine {
    fn id(&self) -> TransferId;
    fn peer(&self) -> Did;
    fn unit(&self) -> &Unit;
    fn poll_output(&mut self) -> Option<Output>;
    fn handle_appended(&mut self, standing: &Standing);
    fn handle_signed(&mut self, signed: Signed);
}

impl Machine for Payer {
    fn id(&self) -> TransferId {
        self.record().id
    }

    fn peer(&self) -> Did {
        self.record().peer
    }

    fn unit(&self) -> &Unit {
        self.record().money.unit()
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.poll_output()
    }

    fn handle_appended(&mut self, standing: &Standing) {
        self.handle_appended(standing);
    }

    fn handle_signed(&mut self, signed: Signed) {
        self.handle_signed(signed);
    }
}

impl Machine for Payee {
    fn id(&self) -> TransferId {
        self.offer().id
    }

    fn peer(&self) -> Did {
        self.offer().peer
    }

    fn unit(&self) -> &Unit {
        self.offer().money.unit()
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.poll_output()
    }

    fn handle_appended(&mut self, standing: &Standing) {
        self.handle_appended(standing);
    }

    fn handle_signed(&mut self, signed: Signed) {
        self.handle_signed(signed);
    }
}

async fn sign<P: Provider>(keys: &Keys<P>, draft: &Draft) -> Result<Signed, CryptoError> {
    match draft {
        Draft::Received(payload) => sign_statement(keys, payload).await,
        Draft::Result(payload) => sign_statement(keys, &**payload).await,
        Draft::Bye(payload) => sign_statement(keys, payload).await,
        Draft::Query(payload) => sign_statement(keys, payload).await,
    }
}

impl<P: Provider> Desk<P> {
    /// Lets a payer do something, drains it, and keeps it while it is not settled.
    pub(super) async fn with_payer(
        &mut self,
        books: &mut impl Books,
        id: TransferId,
        now: Timestamp,
        act: impl FnOnce(&mut Payer),
    ) -> Result<(), DeskError> {
        let Some(mut payer) = self.payers.remove(&id) else { return Ok(()) };
        act(&mut payer);
        self.run_payer(books, payer, now).await
    }

    /// Lets a payee do something, drains it, and keeps it while it is not settled.
    pub(super) async fn with_payee(
        &mut self,
        books: &mut impl Books,
        id: TransferId,
        now: Timestamp,
        act: impl FnOnce(&mut Payee),
    ) -> Result<(), DeskError> {
        let Some(mut payee) = self.payees.remove(&id) else { return Ok(()) };
        act(&mut payee);
        self.run_payee(books, payee, now).await
    }

    pub(super) async fn run_payer(
        &mut self,
        books: &mut impl Books,
        mut payer: Payer,
        now: Timestamp,
    ) -> Result<(), DeskError> {
        self.drain(books, &mut payer, now).await?;
        self.keep_payer(payer);
        Ok(())
    }

    pub(super) fn keep_payer(&mut self, payer: Payer) {
        if !payer.is_settled() {
            self.payers.insert(payer.record().id, payer);
        }
    }

    pub(super) async fn run_payee(
        &mut self,
        books: &mut impl Books,
        mut payee: Payee,
        now: Timestamp,
    ) -> Result<(), DeskError> {
        let forgotten = self.drain(books, &mut payee, now).await?;
        if !forgotten && !matches!(payee.state(), Some(PayeeState::Countersigned { .. })) {
            self.payees.insert(payee.offer().id, payee);
        }
        Ok(())
    }

    /// Says whether the record was forgotten.
    async fn drain(
        &mut self,
        books: &mut impl Books,
        machine: &mut impl Machine,
        now: Timestamp,
    ) -> Result<bool, DeskError> {
        let (peer, transfer) = (machine.peer(), machine.id());
        let mut forgotten = false;
        while let Some(output) = machine.poll_output() {
            match output {
                Output::Append(body) => {
                    books.append(body, now)?;
                    machine.handle_appended(&standing(books, &peer, machine.unit()));
                }
                Output::Sign(draft) => machine.handle_signed(sign(&self.keys, &draft).await?),
                Output::Put(record) => self.put_record(books, &record)?,
                Output::PayRequest { request, transfer } => self.pay_request(books, &request, transfer).await?,
                Output::Forget(id) => {
                    forgotten = true;
                    self.cells.write(books, Space::Transfer, &id.0, None)?;
                }
                Output::Send(bytes) => self.actions.push(Action::Send { peer, transfer, bytes }),
                Output::Event(event) => self.actions.push(Action::Event { peer, transfer, event }),
            }
        }
        Ok(forgotten)
    }

    /// Stores a record where it belongs: among those under way, or among the settled.
    pub(super) fn put_record(&mut self, books: &mut impl Books, record: &Record) -> Result<(), DeskError> {
        let id = record.id();
        if record.is_settled() {
            self.cells.write(books, Space::Transfer, &id.0, None)?;
            self.cells.put(books, Space::Document, &settled_key(&id), record)
        } else {
            self.cells.put(books, Space::Transfer, &id.0, record)
        }
    }
}
