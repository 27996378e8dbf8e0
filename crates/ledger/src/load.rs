//! What opening a ledger reads: the head, the last entry, the accounts.

use crate::keys::Keys;
use crate::read::list;
use crate::seals::{SealedHead, open_entry, open_head};
use crate::store::{Header, Space, Store, StoredEntry};
use crate::{Account, Accounts, Body, Entry, Finding, Head, LedgerError};
use pumasi_identity::Did;
use pumasi_units::Unit;

pub(crate) struct Loaded {
    pub(crate) owner: Did,
    pub(crate) head: Head,
    pub(crate) generation: u64,
    pub(crate) accounts: Accounts,
    /// Why it may not be written.
    pub(crate) damage: Option<Finding>,
}

pub(crate) async fn load(store: &impl Store, keys: &Keys, header: &Header) -> Result<Loaded, LedgerError> {
    let (sealed, mut damage) = match open_head(keys, &header.head) {
        Ok(sealed) => {
            let damage = compare(store, keys, header, &sealed).await?;
            (sealed, damage)
        }
        Err(finding) => (head_from_entries(store, keys, header).await?, Some(finding)),
    };
    let accounts = match list::<(Did, Unit, Account)>(store, keys, Space::Account).await {
        Ok(records) => Accounts::new(records.into_iter().map(|(_, record)| record)),
        Err(LedgerError::Crypto(_) | LedgerError::Record { .. }) => {
            damage.get_or_insert(Finding::RecordChanged { space: Space::Account });
            Accounts::default()
        }
        Err(other) => return Err(other),
    };
    Ok(Loaded { owner: sealed.owner, head: sealed.head, generation: header.generation, accounts, damage })
}

/// What is wrong between the sealed head, the numbers beside it, and the last entry.
async fn compare(
    store: &impl Store,
    keys: &Keys,
    header: &Header,
    sealed: &SealedHead,
) -> Result<Option<Finding>, LedgerError> {
    let head = sealed.head;
    if sealed.generation != header.generation || sealed.count != head.sequence || header.sequence > head.sequence {
        return Ok(Some(Finding::HeadChanged));
    }
    let rows = store.entries(head.sequence, 2).await?;
    let Some(last) = rows.first() else {
        let found = last_present(store, head.sequence).await?;
        return Ok(Some(Finding::TailMissing { expected: head.sequence, found }));
    };
    if let Some(beyond) = rows.iter().find(|row| row.sequence > head.sequence) {
        return Ok(Some(Finding::BeyondHead { entry: beyond.sequence, head: head.sequence }));
    }
    Ok(check_last(keys, last, &head).err())
}

fn check_last(keys: &Keys, last: &StoredEntry, head: &Head) -> Result<(), Finding> {
    let entry = open_entry(keys, last)?;
    if entry.hash == head.hash { Ok(()) } else { Err(Finding::OtherHead { entry: entry.sequence }) }
}

/// The highest number of an entry below `missing`, from which on there is none; by halving.
async fn last_present(store: &impl Store, missing: u64) -> Result<u64, LedgerError> {
    let (mut present, mut absent) = (0, missing);
    while absent - present > 1 {
        let middle = present + (absent - present) / 2;
        match store.entries(middle, 1).await?.first() {
            Some(row) => present = row.sequence,
            None => absent = middle,
        }
    }
    Ok(present)
}

/// Stands in for a head that does not open, so that the entries can still be read and audited.
async fn head_from_entries(store: &impl Store, keys: &Keys, header: &Header) -> Result<SealedHead, LedgerError> {
    let open = |rows: Vec<StoredEntry>| rows.first().and_then(|row| open_entry(keys, row).ok());
    let Some(Entry { body: Body::Opened { owner }, .. }) = open(store.entries(1, 1).await?) else {
        return Err(LedgerError::Damaged(Box::new(Finding::HeadChanged)));
    };
    let head = open(store.entries(header.sequence, 1).await?).map_or_else(Head::default, |entry| entry.head());
    Ok(SealedHead { owner, generation: header.generation, head, count: head.sequence })
}
