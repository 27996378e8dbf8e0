//! Books in memory with a model of the accounts that is written apart from the ledger's.

use pumasi_identity::Did;
use pumasi_ledger::{Account, Body, Entry, Head, LedgerError, Outcome, OverLimit, Space, TransferId};
use pumasi_transfer::Books;
use pumasi_units::{Money, Timestamp, Unit};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a crash leaves.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Durable {
    pub entries: Vec<Arc<Entry>>,
    pub cells: BTreeMap<(Space, Vec<u8>), Arc<Value>>,
    pub accounts: BTreeMap<(Did, Unit), Account>,
}

impl Durable {
    pub fn opened(owner: Did, at: Timestamp) -> Self {
        let mut books = Self::default().begin();
        books.append(Body::Opened { owner }, at).unwrap();
        books.into_durable()
    }

    /// Lets every one of them owe this much.
    pub fn set_limit(&mut self, peer: Did, limit: Money, at: Timestamp) {
        let mut books = self.begin();
        books.append(Body::Limit { peer, limit }, at).unwrap();
        *self = books.into_durable();
    }

    pub fn begin(&self) -> TestBooks {
        TestBooks { before: self.cells.clone(), after: self.clone() }
    }

    pub fn balance(&self, peer: &Did, unit: &Unit) -> i128 {
        self.accounts.get(&(*peer, unit.clone())).map_or(0, Account::balance)
    }

    /// The entries about a transfer.
    pub fn about(&self, transfer: &TransferId) -> Vec<&Body> {
        let about = |body: &&Body| match body {
            Body::Outgoing { id, .. }
            | Body::Incoming { id, .. }
            | Body::Outcome { id, .. }
            | Body::Countersigned { id, .. } => id == transfer,
            _ => false,
        };
        self.entries.iter().map(|entry| &entry.body).filter(about).collect()
    }
}

/// A transaction.
pub struct TestBooks {
    before: BTreeMap<(Space, Vec<u8>), Arc<Value>>,
    after: Durable,
}

impl TestBooks {
    /// The commit.
    pub fn into_durable(self) -> Durable {
        self.after
    }

    fn apply(&mut self, body: &Body) {
        let accounts = &mut self.after.accounts;
        match body {
            Body::Outgoing { id, peer, money, .. } => {
                let account = accounts.entry((*peer, money.unit().clone())).or_default();
                assert_eq!(account.pending.insert(*id, money.minor()), None, "the transfer went out twice");
            }
            Body::Incoming { peer, money, .. } => {
                let account = accounts.entry((*peer, money.unit().clone())).or_default();
                account.owed_to_me += u128::from(money.minor());
            }
            Body::Outcome { id, outcome, .. } => {
                let account = accounts.values_mut().find(|account| account.pending.contains_key(id));
                let account = account.expect("the outcome belongs to a transfer under way");
                let minor = account.pending.remove(id).unwrap();
                if *outcome == Outcome::Accepted {
                    account.owed_by_me += u128::from(minor);
                }
            }
            Body::Limit { peer, limit } => {
                let account = accounts.entry((*peer, limit.unit().clone())).or_default();
                account.limit_i_give = Some(limit.minor());
            }
            _ => {}
        }
    }
}

impl Books for TestBooks {
    fn head(&self) -> Head {
        self.after.entries.last().map(|entry| entry.head()).unwrap_or_default()
    }

    fn account(&self, peer: &Did, unit: &Unit) -> Option<&Account> {
        self.after.accounts.get(&(*peer, unit.clone()))
    }

    fn check_limit(&self, peer: &Did, money: &Money) -> Result<(), OverLimit> {
        let account = self.account(peer, money.unit()).cloned().unwrap_or_default();
        let limit = account.limit_i_give.unwrap_or(0);
        let available = u64::try_from((i128::from(limit) - account.balance()).max(0)).unwrap();
        if money.minor() <= available {
            return Ok(());
        }
        let figure = |minor| Money::new(minor, money.unit().clone()).unwrap();
        Err(OverLimit { limit: figure(limit), available: figure(available), asked: money.clone() })
    }

    fn append(&mut self, body: Body, at: Timestamp) -> Result<Head, LedgerError> {
        self.apply(&body);
        let entry = Entry::after(&self.head(), at, body)?;
        let head = entry.head();
        self.after.entries.push(Arc::new(entry));
        Ok(head)
    }

    fn write(&mut self, space: Space, key: &[u8], value: Option<&Value>) -> Result<(), LedgerError> {
        match value {
            Some(value) => drop(self.after.cells.insert((space, key.to_vec()), Arc::new(value.clone()))),
            None => drop(self.after.cells.remove(&(space, key.to_vec()))),
        }
        Ok(())
    }

    async fn read(&self, space: Space, key: &[u8]) -> Result<Option<Value>, LedgerError> {
        Ok(self.before.get(&(space, key.to_vec())).map(|value| Value::clone(value)))
    }

    async fn read_all(&self, space: Space) -> Result<Vec<Value>, LedgerError> {
        let of_space = self.before.iter().filter(|((found, _), _)| *found == space);
        Ok(of_space.map(|(_, value)| Value::clone(value)).collect())
    }
}
