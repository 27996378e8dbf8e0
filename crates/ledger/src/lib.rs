//! The encrypted, hash-chained ledger of one identity (spec: `docs/spec/ledger.md`).
//!
//! A [`Ledger`] is a chain of entries that never change, and what follows from them: the head and the accounts. It keeps
//! them in a [`store::Store`], each in a Fernet token of its own, so that appending costs the same however long the
//! chain is. Beside them it keeps records (contacts, profiles, the states of transfers) in cells.
//!
//! ```text
//! let mut tx = ledger.begin().await?;        // works on the last state
//! let entry = tx.append(body, now)?;         // its number and hash are known: sign over them
//! tx.put(Space::Transfer, &id.0, &record)?;  // records that belong to it
//! ledger.commit(tx).await?;                  // all of it durable, or nothing
//! ```
//!
//! It has no clock, no random generator and no file: those come as arguments, the provider and the store.

mod accounts;
mod audit;
mod backup;
mod document;
mod entry;
mod error;
mod finding;
mod found;
mod keys;
mod ledger;
mod load;
mod marker;
mod password;
mod read;
mod seals;
mod tx;

#[cfg(any(test, feature = "contract-tests"))]
pub mod contract;
pub mod export;
pub mod memory;
pub mod store;

pub use accounts::{Account, Accounts, Countersigned, MAX_PENDING, OverLimit};
pub use audit::{AuditReport, DocumentChecker, MAX_FINDINGS, Quote, SignedDocument, Statement};
pub use entry::{Body, Entry, EntryError, Head, Outcome, TransferId};
pub use error::LedgerError;
pub use finding::{Finding, Part};
pub use ledger::Ledger;
pub use marker::HeadMarker;
pub use store::{Space, Store};
pub use tx::{MAX_ENTRY_BYTES, Tx};
