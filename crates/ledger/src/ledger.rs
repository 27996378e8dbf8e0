use crate::keys::Keys;
use crate::load::{Loaded, load};
use crate::seals::{SealedHead, account_key, seal_account, seal_cell, seal_entry, seal_head};
use crate::store::{Batch, Expected, Space, Store, StoreError};
use crate::{Account, Accounts, Body, Entry, Finding, Head, LedgerError, OverLimit, Tx};
use pumasi_crypto::password::Password;
use pumasi_crypto::{MaybeSend, Provider};
use pumasi_identity::Did;
use pumasi_units::{Money, Timestamp, Unit};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard};

/// An open ledger: a cheap handle, clones share it. Dropping the last wipes the keys.
///
/// One writer at a time is assumed (the agent holds a lock on the folder); a second one is noticed at its first commit,
/// which is refused.
pub struct Ledger<S, P> {
    pub(crate) inner: Arc<Inner<S, P>>,
}

impl<S, P> Clone for Ledger<S, P> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

pub(crate) struct Inner<S, P> {
    pub(crate) store: S,
    pub(crate) provider: P,
    pub(crate) keys: Keys,
    pub(crate) owner: Did,
    state: Mutex<State>,
}

/// A transaction that the store has taken over.
struct Handed<C> {
    /// Number of the entry that it began at.
    base: u64,
    head: Head,
    epoch: u64,
    commit: C,
}

/// What a store's commit is.
trait Committing: Future<Output = Result<(), StoreError>> + MaybeSend + 'static {}
impl<F: Future<Output = Result<(), StoreError>> + MaybeSend + 'static> Committing for F {}

pub(crate) struct State {
    /// The last entry handed to the store: what the next transaction begins at.
    pub(crate) tip: Head,
    /// The last entry known to be durable.
    pub(crate) durable: Head,
    pub(crate) generation: u64,
    pub(crate) accounts: Accounts,
    /// Rises each time the state is read again from the store.
    epoch: u64,
    /// A commit of this epoch failed: the tip may be beyond what is stored.
    stale: bool,
    /// Why it may not be written.
    pub(crate) damage: Option<Finding>,
}

impl<S: Store, P: Provider> Ledger<S, P> {
    /// Makes an empty ledger in an empty store, locked with the password; its first entry says whose it is.
    ///
    /// Costs one PBKDF2.
    ///
    /// # Errors
    /// [`LedgerError::Exists`] when the store is not empty, and what the store and the provider say.
    pub async fn create(
        store: S,
        provider: P,
        owner: Did,
        password: &Password,
        now: Timestamp,
    ) -> Result<Self, LedgerError> {
        let opened = Entry::after(&Head::default(), now, Body::Opened { owner })?;
        let keys = Keys::generate(&provider)?;
        let slot = keys.wrap(&provider, 0, password, now).await?;
        let sealed = SealedHead { owner, generation: 1, head: opened.head(), count: 1 };
        let batch = Batch {
            expected: None,
            generation: sealed.generation,
            head: seal_head(&provider, &keys, &sealed, now)?,
            entries: vec![seal_entry(&provider, &keys, &opened)?],
            cells: Vec::new(),
            slots: vec![slot],
            delete_slots: Vec::new(),
        };
        store.commit(batch).await.map_err(|error| match error {
            StoreError::Conflict { .. } => LedgerError::Exists,
            other => other.into(),
        })?;
        let (head, generation) = (sealed.head, sealed.generation);
        let loaded = Loaded { owner, head, generation, accounts: Accounts::default(), damage: None };
        Ok(Self::assemble(store, provider, keys, loaded))
    }

    /// Opens a ledger. Reads the head, the last entry and the accounts, whatever the number of entries.
    ///
    /// Costs one PBKDF2 (two while a change of password is under way). A ledger that is damaged opens too, so that it can
    /// be read and audited, but [`begin`](Self::begin) refuses: see [`damage`](Self::damage).
    ///
    /// # Errors
    /// [`LedgerError::Empty`], [`LedgerError::WrongPassword`], and what the store and the provider say.
    pub async fn open(store: S, provider: P, password: &Password) -> Result<Self, LedgerError> {
        let header = store.header().await?.ok_or(LedgerError::Empty)?;
        let (_, keys) = Keys::unlock(&provider, &header.slots, password).await?;
        let loaded = load(&store, &keys, &header).await?;
        Ok(Self::assemble(store, provider, keys, loaded))
    }

    pub(crate) fn assemble(store: S, provider: P, keys: Keys, loaded: Loaded) -> Self {
        let Loaded { owner, head, generation, accounts, damage } = loaded;
        let state = State { tip: head, durable: head, generation, accounts, epoch: 0, stale: false, damage };
        Self { inner: Arc::new(Inner { store, provider, keys, owner, state: Mutex::new(state) }) }
    }

    /// Whose ledger it is.
    #[must_use]
    pub fn owner(&self) -> Did {
        self.inner.owner
    }

    /// The last entry, counting commits that are still under way.
    #[must_use]
    pub fn head(&self) -> Head {
        self.state().tip
    }

    /// The last entry that is known to be durable.
    #[must_use]
    pub fn durable_head(&self) -> Head {
        self.state().durable
    }

    /// How often the ledger was restored, from 1.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.state().generation
    }

    /// What keeps the ledger from being written, if anything does.
    #[must_use]
    pub fn damage(&self) -> Option<Finding> {
        self.state().damage.clone()
    }

    /// Every account, counting commits that are still under way.
    #[must_use]
    pub fn accounts(&self) -> Accounts {
        self.state().accounts.clone()
    }

    /// The account with a peer in a unit; empty when nothing ever happened.
    #[must_use]
    pub fn account(&self, peer: &Did, unit: &Unit) -> Account {
        self.state().accounts.get(peer, unit)
    }

    /// What the peer owes me in smallest parts; negative when I owe.
    #[must_use]
    pub fn balance(&self, peer: &Did, unit: &Unit) -> i128 {
        self.state().accounts.balance(peer, unit)
    }

    /// Whether the peer may owe me this much more.
    ///
    /// # Errors
    /// [`OverLimit`] with the figures.
    pub fn check_limit(&self, peer: &Did, asked: &Money) -> Result<(), OverLimit> {
        self.state().accounts.check_limit(peer, asked)
    }

    /// Begins a transaction on the last state, counting commits that are still under way.
    ///
    /// After a failed commit it first reads the state from the store again.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`], and what the store says.
    pub async fn begin(&self) -> Result<Tx, LedgerError> {
        if self.state().stale {
            self.reload().await?;
        }
        let state = self.state();
        match &state.damage {
            Some(damage) => Err(LedgerError::Damaged(Box::new(damage.clone()))),
            None => Ok(Tx::new(state.tip, state.generation, state.accounts.clone())),
        }
    }

    /// Commits a transaction and waits until it is durable: all of it or nothing.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub async fn commit(&self, tx: Tx) -> Result<Head, LedgerError> {
        self.submit(tx).await
    }

    /// Hands a transaction over at once; the future is ready when it is durable. The next transaction can begin, and be
    /// submitted, before that: the store makes those that wait durable together, in order, and if one fails, those that
    /// build on it fail too.
    ///
    /// # Errors
    /// [`LedgerError::Conflict`] when the transaction has entries and another one with entries was submitted since it
    /// began (one that only writes records never conflicts: the last write counts), [`LedgerError::Duplicate`], and what
    /// the store says.
    pub fn submit(&self, tx: Tx) -> impl Future<Output = Result<Head, LedgerError>> + MaybeSend + 'static + use<S, P> {
        let handed = self.hand_over(tx);
        let inner = Arc::clone(&self.inner);
        async move {
            let Handed { base, head, epoch, commit } = handed?;
            let result = commit.await;
            let mut state = inner.state();
            match result {
                Ok(()) => {
                    if state.durable.sequence < head.sequence {
                        state.durable = head;
                    }
                    Ok(head)
                }
                Err(error) => {
                    state.stale |= state.epoch == epoch;
                    Err(match error {
                        StoreError::Duplicate { existing } => LedgerError::Duplicate { existing },
                        StoreError::Conflict { found, .. } => LedgerError::Conflict { base, tip: found },
                        other => LedgerError::Store(other),
                    })
                }
            }
        }
    }

    fn hand_over(&self, tx: Tx) -> Result<Handed<impl Committing + use<S, P>>, LedgerError> {
        let inner = &*self.inner;
        let (provider, keys) = (&inner.provider, &inner.keys);
        let entries =
            tx.entries.iter().map(|entry| seal_entry(provider, keys, entry)).collect::<Result<Vec<_>, _>>()?;
        let at = tx.entries.last().map_or(Timestamp(0), |entry| entry.at);
        let mut cells = Vec::with_capacity(tx.cells.len());
        for ((space, key), value) in &tx.cells {
            let token = value.as_ref().map(|value| seal_cell(provider, keys, *space, key, value)).transpose()?;
            cells.push((*space, keys.cell_key(*space, key), token));
        }
        for (peer, unit, account) in tx.accounts.changed() {
            let token = seal_account(provider, keys, peer, unit, account)?;
            cells.push((Space::Account, keys.cell_key(Space::Account, &account_key(peer, unit)), Some(token)));
        }

        let mut state = inner.state();
        let moved = state.tip != tx.base && !tx.entries.is_empty();
        if moved || state.generation > tx.generation {
            return Err(LedgerError::Conflict { base: tx.base.sequence, tip: state.tip.sequence });
        }
        let head = if tx.entries.is_empty() { state.tip } else { tx.head };
        let sealed = SealedHead { owner: inner.owner, generation: tx.generation, head, count: head.sequence };
        let batch = Batch {
            expected: Some(Expected { sequence: state.tip.sequence, generation: state.generation }),
            generation: tx.generation,
            head: seal_head(provider, keys, &sealed, at)?,
            entries,
            cells,
            slots: tx.slots,
            delete_slots: tx.delete_slots,
        };
        batch.check()?;
        state.tip = head;
        state.generation = tx.generation;
        state.accounts.settle(tx.accounts);
        // Under the lock, so that batches reach the store in the order of their heads.
        Ok(Handed { base: tx.base.sequence, head, epoch: state.epoch, commit: inner.store.commit(batch) })
    }

    async fn reload(&self) -> Result<(), LedgerError> {
        let inner = &*self.inner;
        let header = inner.store.header().await?.ok_or(LedgerError::Empty)?;
        let loaded = load(&inner.store, &inner.keys, &header).await?;
        let mut state = inner.state();
        state.tip = loaded.head;
        state.durable = loaded.head;
        state.generation = loaded.generation;
        state.accounts = loaded.accounts;
        state.damage = state.damage.take().or(loaded.damage);
        state.epoch += 1;
        state.stale = false;
        Ok(())
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state()
    }
}

impl<S, P> Inner<S, P> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no code panics while it holds the lock")
    }
}
