//! The encrypted, hash-chained ledger of one identity.

mod entry;

pub use entry::{Body, Entry, Head, Outcome, TransferId};
