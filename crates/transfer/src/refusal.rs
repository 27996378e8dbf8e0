//! Why a payee does not take a transfer: a closed list (spec: `docs/spec/transfer.md` §6).

use pumasi_ledger::Outcome;
use pumasi_units::Money;

/// Why a transfer was refused. The code goes on the wire; the sentence that a person reads is the app's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It had expired when it came, or nobody decided in time.
    #[error("the transfer expired before it was accepted")]
    Expired,
    /// Signed in the future: the payer's clock is ahead by more than clocks may differ.
    #[error("the payer's clock is too far ahead")]
    Clock,
    /// The payer is not a contact of the payee.
    #[error("the payee does not know the payer")]
    UnknownPeer,
    /// The payee does not have the profile that signed it, and could not get it.
    #[error("the payee does not know the key that signed the transfer")]
    UnknownProfile,
    /// A payment of nothing.
    #[error("the amount is zero")]
    AmountZero,
    /// Bitcoin settles on its chain, and the payee runs no node of it.
    #[error("the payee runs no Bitcoin node")]
    ChainNodeNeeded,
    /// The payer would owe more than the payee allows.
    #[error("over the limit: {available} is left of {limit}")]
    OverLimit {
        /// How much the payee lets the payer owe.
        limit: Money,
        /// What is left of it.
        available: Money,
    },
    /// It names a request that the payee never made.
    #[error("the payee made no such request")]
    RequestUnknown,
    /// It names a request for another amount or another payer.
    #[error("the request was for something else")]
    RequestMismatch,
    /// The request had expired.
    #[error("the request has expired")]
    RequestExpired,
    /// The request is paid already.
    #[error("the request is paid already")]
    RequestPaid,
    /// The payer signed two different histories; the payee holds the proof.
    #[error("the payer's ledger has forked")]
    Forked,
    /// A person said no.
    #[error("the payee declined")]
    Declined,
    /// A code of a newer version.
    #[error("refused: {0}")]
    Other(String),
}

/// Longest code that is taken from a peer, in bytes.
const MAX_CODE_BYTES: usize = 32;

impl Refusal {
    /// The code on the wire.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Expired => "expired",
            Self::Clock => "clock",
            Self::UnknownPeer => "unknown-peer",
            Self::UnknownProfile => "unknown-profile",
            Self::AmountZero => "amount-zero",
            Self::ChainNodeNeeded => "chain-node-needed",
            Self::OverLimit { .. } => "over-limit",
            Self::RequestUnknown => "request-unknown",
            Self::RequestMismatch => "request-mismatch",
            Self::RequestExpired => "request-expired",
            Self::RequestPaid => "request-paid",
            Self::Forked => "forked",
            Self::Declined => "declined",
            Self::Other(code) => code,
        }
    }

    /// As it goes into the result and the ledger.
    #[must_use]
    pub fn to_outcome(&self) -> Outcome {
        let (limit, available) = match self {
            Self::OverLimit { limit, available } => (Some(limit.clone()), Some(available.clone())),
            _ => (None, None),
        };
        Outcome::Refused { code: self.code().to_owned(), limit, available }
    }

    /// The refusal that an outcome tells; `None` when it was accepted.
    #[must_use]
    pub fn from_outcome(outcome: &Outcome) -> Option<Self> {
        let Outcome::Refused { code, limit, available } = outcome else { return None };
        Some(match (code.as_str(), limit, available) {
            ("expired", ..) => Self::Expired,
            ("clock", ..) => Self::Clock,
            ("unknown-peer", ..) => Self::UnknownPeer,
            ("unknown-profile", ..) => Self::UnknownProfile,
            ("amount-zero", ..) => Self::AmountZero,
            ("chain-node-needed", ..) => Self::ChainNodeNeeded,
            ("over-limit", Some(limit), Some(available)) => {
                Self::OverLimit { limit: limit.clone(), available: available.clone() }
            }
            ("request-unknown", ..) => Self::RequestUnknown,
            ("request-mismatch", ..) => Self::RequestMismatch,
            ("request-expired", ..) => Self::RequestExpired,
            ("request-paid", ..) => Self::RequestPaid,
            ("forked", ..) => Self::Forked,
            ("declined", ..) => Self::Declined,
            (other, ..) => Self::Other(other.to_owned()),
        })
    }
}

/// Whether a code from a peer may be kept and shown: short, lower-case letters and hyphens.
#[must_use]
pub(crate) fn code_is_well_formed(code: &str) -> bool {
    (1..=MAX_CODE_BYTES).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
}
