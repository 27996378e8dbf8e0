//! Why a transaction or a package was not admitted, in the words of Bitcoin Core.

use std::{borrow::Cow, fmt};

use bitcoin::Wtxid;
use pumasi_chain::{TxError, TxResult};

use crate::FeeRate;

/// A refused transaction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Rejected {
    /// The class.
    pub kind: TxResult,
    /// The reason, a stable string such as `bad-txns-in-belowout` (RPC field `reject-reason`).
    pub reason: Cow<'static, str>,
    /// More for people; may be empty.
    pub debug: String,
    /// The fee rate that was too low, with the transactions that it was taken over, when `kind` is
    /// [`TxResult::Reconsiderable`].
    pub feerate: Option<(FeeRate, Vec<Wtxid>)>,
}

impl Rejected {
    pub(crate) fn new(kind: TxResult, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, reason: reason.into(), debug: String::new(), feerate: None }
    }

    pub(crate) fn because(mut self, debug: impl Into<String>) -> Self {
        self.debug = debug.into();
        self
    }

    /// Whether the parents are unknown, so that the transaction may be kept as an orphan.
    pub fn is_missing_inputs(&self) -> bool {
        self.kind == TxResult::MissingInputs
    }

    /// Whether the transaction may pass as part of a package.
    pub fn is_reconsiderable(&self) -> bool {
        self.kind == TxResult::Reconsiderable
    }
}

impl From<TxError> for Rejected {
    fn from(error: TxError) -> Self {
        Self::new(error.result(), error.reason().to_owned()).because(error.debug())
    }
}

/// The reason, and the details after a comma (RPC field `reject-details`).
impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        if self.debug.is_empty() { Ok(()) } else { write!(f, ", {}", self.debug) }
    }
}

/// The class of a package's refusal (Bitcoin Core's `PackageValidationResult`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PackageRejectKind {
    /// The package itself is not allowed.
    Policy,
    /// One of its transactions failed; see its own result.
    Transaction,
}

/// A refused package.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct PackageRejected {
    /// The class.
    pub kind: PackageRejectKind,
    /// The reason, such as `package-mempool-limits` (RPC field `package-error` or `package_msg`).
    pub reason: Cow<'static, str>,
    /// More for people; may be empty.
    pub debug: String,
}

impl PackageRejected {
    pub(crate) fn policy(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: PackageRejectKind::Policy, reason: reason.into(), debug: String::new() }
    }

    pub(crate) fn transaction(reason: &'static str) -> Self {
        Self { kind: PackageRejectKind::Transaction, reason: reason.into(), debug: String::new() }
    }

    pub(crate) fn because(mut self, debug: impl Into<String>) -> Self {
        self.debug = debug.into();
        self
    }
}

impl fmt::Display for PackageRejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        if self.debug.is_empty() { Ok(()) } else { write!(f, ", {}", self.debug) }
    }
}
