use crate::store::StoreError;
use crate::{Finding, OverLimit, TransferId};
use pumasi_crypto::CryptoError;

/// Why the ledger did not do what it was asked. Nothing was changed, except where it says so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The storage refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A cryptographic operation failed.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// Nothing was ever stored here.
    #[error("there is no ledger here yet")]
    Empty,
    /// There is a ledger already where a new one was to be made.
    #[error("there is a ledger here already")]
    Exists,
    /// The password opens no key slot.
    #[error("the password does not open this ledger")]
    WrongPassword,
    /// The ledger can be read and audited, not written.
    #[error("the ledger cannot be written: {0}")]
    Damaged(Box<Finding>),
    /// Another transaction was committed since this one began. Begin again.
    #[error("the ledger moved on from entry {base} to entry {tip}; begin again")]
    Conflict {
        /// The entry that the transaction began at.
        base: u64,
        /// The last entry now.
        tip: u64,
    },
    /// An entry that may exist once exists already: the transfer was accepted, or settled, before.
    #[error("entry {existing} holds this already")]
    Duplicate {
        /// Its number.
        existing: u64,
    },
    /// An outcome for a transfer that is not waiting for one.
    #[error("transfer {0} is not waiting for an outcome")]
    NotPending(TransferId),
    /// More transfers without an outcome than one account may have.
    #[error("{limit} transfers to this peer still wait for an outcome; settle those first")]
    TooManyPending {
        /// The limit.
        limit: usize,
    },
    /// The payment is above what the payer may owe.
    #[error(transparent)]
    OverLimit(#[from] Box<OverLimit>),
    /// A field is longer than allowed.
    #[error("{what}: {len} bytes, the limit is {limit}")]
    TooLarge {
        /// The field.
        what: &'static str,
        /// Its length in bytes.
        len: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A record could not be written as JSON, or what is stored is not the record that was asked for.
    #[error("{what}: {problem}")]
    Record {
        /// The kind of record.
        what: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// A file to import or restore is not of the form that it should have.
    #[error("{what}: {problem}")]
    File {
        /// The kind of file.
        what: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// Reading or writing a file failed.
    #[error("{what}: {problem}")]
    Io {
        /// The file.
        what: &'static str,
        /// What the system says.
        problem: String,
    },
}
