//! What the desk needs of a ledger.

use pumasi_crypto::{MaybeSend, MaybeSync, Provider};
use pumasi_identity::Did;
use pumasi_ledger::{Account, Body, Head, Ledger, LedgerError, OverLimit, Space, Store, Tx};
use pumasi_units::{Money, Timestamp, Unit};
use serde_json::Value;
use std::future::Future;

/// A ledger with a transaction under way. Nothing in it is durable before its owner commits it.
pub trait Books: MaybeSend + MaybeSync {
    /// The last entry, with what the transaction appended.
    fn head(&self) -> Head;

    /// The account with a peer, with what the transaction appended, unless nothing ever happened.
    fn account(&self, peer: &Did, unit: &Unit) -> Option<&Account>;

    /// Whether the peer may owe this much more.
    ///
    /// # Errors
    /// [`OverLimit`] with the figures.
    fn check_limit(&self, peer: &Did, money: &Money) -> Result<(), OverLimit>;

    /// Appends an entry.
    ///
    /// # Errors
    /// As [`Tx::append`].
    fn append(&mut self, body: Body, at: Timestamp) -> Result<Head, LedgerError>;

    /// Writes a record, or deletes it.
    ///
    /// # Errors
    /// As [`Tx::put`].
    fn write(&mut self, space: Space, key: &[u8], value: Option<&Value>) -> Result<(), LedgerError>;

    /// Reads a record as it was last made durable; what the transaction wrote is not seen.
    fn read(&self, space: Space, key: &[u8]) -> impl Future<Output = Result<Option<Value>, LedgerError>> + MaybeSend;

    /// Reads every record of a space, as they were last made durable.
    fn read_all(&self, space: Space) -> impl Future<Output = Result<Vec<Value>, LedgerError>> + MaybeSend;
}

/// The books of a real ledger.
pub struct LedgerBooks<'a, S: Store, P: Provider> {
    /// Where to read.
    pub ledger: &'a Ledger<S, P>,
    /// Where to write.
    pub tx: &'a mut Tx,
}

impl<S: Store, P: Provider> Books for LedgerBooks<'_, S, P> {
    fn head(&self) -> Head {
        self.tx.head()
    }

    fn account(&self, peer: &Did, unit: &Unit) -> Option<&Account> {
        self.tx.account(peer, unit)
    }

    fn check_limit(&self, peer: &Did, money: &Money) -> Result<(), OverLimit> {
        self.tx.check_limit(peer, money)
    }

    fn append(&mut self, body: Body, at: Timestamp) -> Result<Head, LedgerError> {
        self.tx.append(body, at).map(|entry| entry.head())
    }

    fn write(&mut self, space: Space, key: &[u8], value: Option<&Value>) -> Result<(), LedgerError> {
        match value {
            Some(value) => self.tx.put(space, key, value),
            None => self.tx.delete(space, key),
        }
    }

    async fn read(&self, space: Space, key: &[u8]) -> Result<Option<Value>, LedgerError> {
        self.ledger.get(space, key).await
    }

    async fn read_all(&self, space: Space) -> Result<Vec<Value>, LedgerError> {
        Ok(self.ledger.list(space).await?.into_iter().map(|(_, value)| value).collect())
    }
}
