//! Credit lines: what is owed between the owner and each peer, per unit (spec: `docs/spec/ledger.md` §5).
//!
//! Everything here follows from the entries, one after another. The ledger keeps the result in cells so that opening it
//! reads none of them; an audit replays them all and compares.

use crate::document::Figures;
use crate::{Body, Entry, LedgerError, Outcome, TransferId};
use pumasi_identity::Did;
use pumasi_units::{MAX_MINOR, Money, Unit};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most transfers of one account that may wait for an outcome, so that its record stays small.
pub const MAX_PENDING: usize = 512;

/// What is owed between the owner and one peer in one unit, in smallest parts.
///
/// Sums of up to 2^64 amounts of up to 10^18 stay below 2^124: nothing here can overflow.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Everything that I accepted from the peer.
    #[serde(with = "text")]
    pub owed_to_me: u128,
    /// Everything that the peer accepted from me.
    #[serde(with = "text")]
    pub owed_by_me: u128,
    /// What I signed and have no outcome of. It may count already on the peer's side.
    pub pending: BTreeMap<TransferId, u64>,
    /// How much I let the peer owe me. `None` until I said something: then nothing.
    pub limit_i_give: Option<u64>,
    /// How much the peer lets me owe, as it last signed.
    pub limit_they_give: Option<u64>,
    /// The last balance that the peer signed and that equalled mine when I received it.
    pub countersigned: Option<Countersigned>,
    /// Number of the last entry that changed this account.
    pub entry: u64,
}

/// A balance that both sides put their name to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Countersigned {
    /// What the peer owes me (negative: what I owe).
    #[serde(with = "text")]
    pub balance: i128,
    /// Number of the entry with the peer's signature.
    pub entry: u64,
}

/// A payment that its payer may not owe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{asked} is above the limit: {available} of {limit} is available")]
pub struct OverLimit {
    /// The line.
    pub limit: Money,
    /// What is left of it.
    pub available: Money,
    /// What was asked.
    pub asked: Money,
}

impl Account {
    /// What the peer owes me; negative when I owe.
    #[must_use]
    pub fn balance(&self) -> i128 {
        signed(self.owed_to_me) - signed(self.owed_by_me)
    }

    /// The sum of what I signed and have no outcome of.
    #[must_use]
    pub fn pending_out(&self) -> u128 {
        self.pending.values().map(|minor| u128::from(*minor)).sum()
    }

    /// How much more the peer may owe me.
    #[must_use]
    pub fn available_to_them(&self) -> u64 {
        left(self.limit_i_give.unwrap_or(0), self.balance())
    }

    /// How much more I may owe the peer, by the limit that it last signed; `None` when it never did.
    #[must_use]
    pub fn available_to_me(&self) -> Option<u64> {
        self.limit_they_give.map(|limit| left(limit, signed(self.pending_out()) - self.balance()))
    }
}

/// What is left of a limit when `owed` is owed, within what [`Money`] can hold.
fn left(limit: u64, owed: i128) -> u64 {
    let left = (i128::from(limit) - owed).clamp(0, i128::from(MAX_MINOR));
    u64::try_from(left).expect("clamped to 10^18")
}

fn signed(sum: u128) -> i128 {
    i128::try_from(sum).expect("sums stay below 2^124")
}

/// Accounts by peer and unit.
type Book = BTreeMap<Did, BTreeMap<Unit, Account>>;

/// Every account of a ledger. Cheap to clone: clones share what has not changed since.
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    settled: Arc<Book>,
    changed: Book,
}

impl Accounts {
    pub(crate) fn new(accounts: impl IntoIterator<Item = (Did, Unit, Account)>) -> Self {
        let mut settled = Book::new();
        for (peer, unit, account) in accounts {
            settled.entry(peer).or_default().insert(unit, account);
        }
        Self { settled: Arc::new(settled), changed: Book::new() }
    }

    /// The account with a peer in a unit; empty when nothing ever happened.
    #[must_use]
    pub fn get(&self, peer: &Did, unit: &Unit) -> Account {
        self.find(peer, unit).cloned().unwrap_or_default()
    }

    /// Every account, by peer and unit.
    pub fn iter(&self) -> impl Iterator<Item = (&Did, &Unit, &Account)> {
        let mut all = BTreeMap::new();
        for book in [&*self.settled, &self.changed] {
            all.extend(flat(book).map(|(peer, unit, account)| ((peer, unit), account)));
        }
        all.into_iter().map(|((peer, unit), account)| (peer, unit, account))
    }

    /// What the peer owes me in smallest parts; negative when I owe.
    #[must_use]
    pub fn balance(&self, peer: &Did, unit: &Unit) -> i128 {
        self.find(peer, unit).map_or(0, Account::balance)
    }

    /// Whether the peer may owe me this much more.
    ///
    /// # Errors
    /// [`OverLimit`] with the figures.
    pub fn check_limit(&self, peer: &Did, asked: &Money) -> Result<(), OverLimit> {
        let account = self.find(peer, asked.unit());
        let available = account.map_or(0, Account::available_to_them);
        if asked.minor() <= available {
            return Ok(());
        }
        let money = |minor: u64| Money::new(minor.min(MAX_MINOR), asked.unit().clone()).expect("clamped to 10^18");
        let limit = money(account.and_then(|account| account.limit_i_give).unwrap_or(0));
        Err(OverLimit { limit, available: money(available), asked: asked.clone() })
    }

    /// Takes an entry in. On an error nothing has changed.
    pub(crate) fn apply(&mut self, entry: &Entry) -> Result<(), LedgerError> {
        match &entry.body {
            Body::Opened { .. } | Body::Restored { .. } => {}
            Body::Outgoing { id, peer, money, .. } => {
                if self.find(peer, money.unit()).is_some_and(|account| account.pending.len() >= MAX_PENDING) {
                    return Err(LedgerError::TooManyPending { limit: MAX_PENDING });
                }
                self.change(peer, money.unit(), entry).pending.insert(*id, money.minor());
            }
            Body::Incoming { peer, money, .. } => {
                self.change(peer, money.unit(), entry).owed_to_me += u128::from(money.minor());
            }
            Body::Outcome { id, peer, outcome, document } => {
                let unit = self.unit_of_pending(peer, id).ok_or(LedgerError::NotPending(*id))?;
                self.change(peer, &unit, entry).settle(entry.sequence, &unit, id, outcome, &Figures::of(document));
            }
            Body::Countersigned { peer, document, .. } => {
                let figures = Figures::of(document);
                if let Some(unit) = figures.unit() {
                    self.change(peer, unit, entry).countersign(entry.sequence, figures.payer_owes(unit));
                }
            }
            Body::Limit { peer, limit } => {
                self.change(peer, limit.unit(), entry).limit_i_give = Some(limit.minor());
            }
        }
        Ok(())
    }

    /// The accounts that changed since the last [`settle`](Self::settle).
    pub(crate) fn changed(&self) -> impl Iterator<Item = (&Did, &Unit, &Account)> {
        flat(&self.changed)
    }

    /// Takes over what changed in `later`, which began as a clone of these.
    pub(crate) fn settle(&mut self, later: Self) {
        let Self { settled, changed } = later;
        drop(settled); // so that ours is the only reference, and nothing is copied
        let book = Arc::make_mut(&mut self.settled);
        for (peer, units) in changed {
            book.entry(peer).or_default().extend(units);
        }
    }

    /// Makes what has changed the state that clones share.
    pub(crate) fn freeze(&mut self) {
        let changed = std::mem::take(&mut self.changed);
        self.settle(Self { settled: Arc::default(), changed });
    }

    /// The account with a peer in a unit, unless nothing ever happened.
    #[must_use]
    pub fn find(&self, peer: &Did, unit: &Unit) -> Option<&Account> {
        self.changed.get(peer).and_then(|units| units.get(unit)).or_else(|| self.settled.get(peer)?.get(unit))
    }

    fn change(&mut self, peer: &Did, unit: &Unit, entry: &Entry) -> &mut Account {
        let before = self.settled.get(peer).and_then(|units| units.get(unit));
        let units = self.changed.entry(*peer).or_default();
        let account = units.entry(unit.clone()).or_insert_with(|| before.cloned().unwrap_or_default());
        account.entry = entry.sequence;
        account
    }

    fn unit_of_pending(&self, peer: &Did, id: &TransferId) -> Option<Unit> {
        let units = [&self.changed, &*self.settled].into_iter().filter_map(|book| book.get(peer));
        let mut known = units.flat_map(BTreeMap::keys);
        let waits = |unit: &&Unit| self.find(peer, unit).is_some_and(|account| account.pending.contains_key(id));
        known.find(waits).cloned()
    }
}

fn flat(book: &Book) -> impl Iterator<Item = (&Did, &Unit, &Account)> {
    book.iter().flat_map(|(peer, units)| units.iter().map(move |(unit, account)| (peer, unit, account)))
}

impl Account {
    /// The outcome of a transfer of mine, with the figures that the payee signed.
    fn settle(&mut self, entry: u64, unit: &Unit, id: &TransferId, outcome: &Outcome, figures: &Figures) {
        let minor = self.pending.remove(id).unwrap_or(0);
        let mut limit = figures.limit.as_ref();
        match outcome {
            Outcome::Accepted => {
                self.owed_by_me += u128::from(minor);
                self.countersign(entry, figures.payer_owes(unit).and_then(i128::checked_neg));
            }
            Outcome::Refused { limit: refused_at, .. } => limit = refused_at.as_ref().or(limit),
        }
        if let Some(limit) = limit.filter(|limit| limit.unit() == unit) {
            self.limit_they_give = Some(limit.minor());
        }
    }

    /// Keeps the balance when what the peer signed equals it. Where transfers crossed, it may differ for a while.
    fn countersign(&mut self, entry: u64, theirs: Option<i128>) {
        let balance = self.balance();
        if theirs == Some(balance) {
            self.countersigned = Some(Countersigned { balance, entry });
        }
    }
}

/// Integers beyond 64 bits as text: JSON readers round numbers.
mod text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::fmt::Display;
    use std::str::FromStr;

    pub(super) fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, T: FromStr, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(|_| D::Error::custom("not an integer"))
    }
}
