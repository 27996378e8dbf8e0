use crate::envelope::OpenError;
use crate::limits::MAX_OPEN_PER_PEER;
use crate::message::Invalid;
use pumasi_crypto::CryptoError;
use pumasi_identity::Did;
use pumasi_ledger::{LedgerError, TransferId};

/// Why the desk did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeskError {
    /// The order is out of bounds. Nothing was signed.
    #[error("order: {0}")]
    Order(#[source] Invalid),
    /// The bytes are not a message for me from this peer. Nothing changed; nothing is answered.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A well-signed message that does not fit the transfer that it names. Nothing changed; nothing is answered.
    #[error("message about transfer {id}: {source}")]
    Message {
        /// The transfer.
        id: TransferId,
        /// What does not fit.
        source: Invalid,
    },
    /// A message or a decision about a transfer that is not known. Nothing changed; nothing is answered.
    #[error("transfer {id}: not known here")]
    UnknownTransfer {
        /// The transfer.
        id: TransferId,
    },
    /// The peer has too many transfers open with us. Nothing changed; it may send this one again later.
    #[error("{peer} has {MAX_OPEN_PER_PEER} transfers open, which is the limit")]
    TooManyOpen {
        /// Who.
        peer: Did,
    },
    /// A record cannot be read. It was written by another version, or its bytes were changed.
    #[error("record of a transfer: {0}")]
    Record(#[source] serde_json::Error),
    /// The keys failed.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// The ledger failed.
    #[error(transparent)]
    Books(#[from] LedgerError),
}

impl DeskError {
    /// Whether nothing was changed, neither in the desk nor in the transaction, so that both can be used on.
    #[must_use]
    pub fn is_harmless(&self) -> bool {
        match self {
            Self::Order(_)
            | Self::Open(_)
            | Self::Message { .. }
            | Self::UnknownTransfer { .. }
            | Self::TooManyOpen { .. } => true,
            Self::Record(_) | Self::Crypto(_) | Self::Books(_) => false,
        }
    }
}
