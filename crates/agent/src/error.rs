//! Everything that can keep a peer from doing what it was asked.

use crate::home::HomeError;
use pumasi_crypto::CryptoError;
use pumasi_identity::{Did, KeyError, ProfileError, RollbackError};
use pumasi_ledger::store::StoreError;
use pumasi_ledger::{LedgerError, TransferId};
use pumasi_transfer::message::Invalid;
use pumasi_transfer::{DeskError, ReceiptError};

/// Why something was not done. The app turns it into words; see `pumasi-words`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// The folder.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The keys.
    #[error(transparent)]
    Keys(KeyError),
    /// The ledger.
    #[error(transparent)]
    Ledger(LedgerError),
    /// Cryptography failed.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// A profile cannot be used.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// A profile does not follow the one that is known.
    #[error(transparent)]
    Rollback(#[from] RollbackError),
    /// A receipt proves nothing.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// An order is out of bounds.
    #[error(transparent)]
    Order(#[from] Invalid),
    /// The password opens neither keys nor ledger.
    #[error("the password does not open this identity")]
    WrongPassword,
    /// A change of password was cut off, and the old password was typed.
    #[error("a change of password was cut off; open with the new password to finish it")]
    PasswordChangeUnfinished,
    /// Something that belongs to an identity is not there.
    #[error("{what} is missing")]
    Incomplete {
        /// What.
        what: &'static str,
    },
    /// Keys and ledger in one folder belong to two identities.
    #[error("the ledger belongs to {ledger}, the keys to {keys}")]
    OtherOwner {
        /// The ledger's owner.
        ledger: Did,
        /// The keys' owner.
        keys: Did,
    },
    /// Nobody is known by that name.
    #[error("nobody here is called {0:?}")]
    UnknownPerson(String),
    /// Several are.
    #[error("{who:?} can mean {}", names.join(", "))]
    AmbiguousPerson {
        /// What was typed.
        who: String,
        /// Whom it can mean.
        names: Vec<String>,
    },
    /// The address book is full.
    #[error("more than {limit} contacts")]
    TooManyContacts {
        /// The limit.
        limit: usize,
    },
    /// The owner vouches for too many people.
    #[error("more than {limit} people are vouched for; take one back first")]
    TooManyVouches {
        /// The limit.
        limit: usize,
    },
    /// What was to be said of somebody is out of bounds.
    #[error(transparent)]
    Vouch(#[from] pumasi_trust::VouchError),
    /// A name of nothing, or of too many characters, or with control characters.
    #[error("a name has 1 to {limit} characters, none of them a control character")]
    Name {
        /// The most characters.
        limit: usize,
    },
    /// There is no such payment.
    #[error("no payment begins with {0:?}")]
    UnknownPayment(String),
    /// The ledger has entries already, so nothing can be imported into it.
    #[error("the ledger has {entries} entries; only an empty one can take an import")]
    NotEmpty {
        /// How many.
        entries: u64,
    },
    /// A file is not a backup of this version.
    #[error("the file is not a Pumasi backup")]
    NotABackup,
    /// A payment that is not settled has no receipt.
    #[error("payment {0} is not settled yet, so there is no receipt")]
    NoReceipt(TransferId),
    /// The ledger did not take what was to be written. Nothing of it happened.
    #[error("nothing was written: {reason}")]
    NotKept {
        /// Why not.
        reason: String,
    },
    /// The transfers cannot go on.
    #[error(transparent)]
    Desk(DeskError),
    /// The overlay.
    #[cfg(not(target_arch = "wasm32"))]
    #[error(transparent)]
    Overlay(pumasi_overlay::OverlayError),
    /// A file was not shared or fetched.
    #[cfg(not(target_arch = "wasm32"))]
    #[error(transparent)]
    Content(#[from] crate::content::ContentError),
    /// A mailbox record could not be made.
    #[error(transparent)]
    Mailbox(#[from] pumasi_signaling::RecordError),
    /// The mailbox shared with a contact cannot be made.
    #[error(transparent)]
    Signal(#[from] pumasi_signaling::SignalError),
    /// A client of endpoints and gateways cannot be made.
    #[error(transparent)]
    Fetch(#[from] pumasi_fetch::FetchError),
    /// Gateways cannot be asked.
    #[cfg(target_arch = "wasm32")]
    #[error(transparent)]
    Gateways(#[from] pumasi_http::GatewayError),
    /// Gateways gave nothing, or took nothing.
    #[cfg(target_arch = "wasm32")]
    #[error(transparent)]
    Records(#[from] pumasi_http::RecordsError),
    /// Neither a bootstrap node nor a peer of an earlier session is known.
    #[error("no bootstrap node is known")]
    NoBootstrap,
    /// An address of the configuration or of the command line cannot be read.
    #[error("{text:?} is not an address: {reason}")]
    Address {
        /// The address.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The agent has stopped.
    #[error("the peer has stopped")]
    Stopped,
}

impl AgentError {
    /// Whether there was no room left on the disk. Nothing of what was to be written is kept.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Ledger(LedgerError::Store(StoreError::Full)) => true,
            #[cfg(not(target_arch = "wasm32"))]
            Self::Home(HomeError::Io { source, .. }) => source.kind() == std::io::ErrorKind::StorageFull,
            #[cfg(not(target_arch = "wasm32"))]
            Self::Content(error) => error.is_disk_full(),
            _ => false,
        }
    }
}

impl From<KeyError> for AgentError {
    fn from(error: KeyError) -> Self {
        if matches!(error, KeyError::WrongPassword { .. }) { Self::WrongPassword } else { Self::Keys(error) }
    }
}

impl From<LedgerError> for AgentError {
    fn from(error: LedgerError) -> Self {
        if matches!(error, LedgerError::WrongPassword) { Self::WrongPassword } else { Self::Ledger(error) }
    }
}

impl From<DeskError> for AgentError {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::Order(source) => Self::Order(source),
            DeskError::Books(source) => source.into(),
            other => Self::Desk(other),
        }
    }
}

impl From<StoreError> for AgentError {
    fn from(error: StoreError) -> Self {
        Self::Ledger(LedgerError::Store(error))
    }
}
