//! Why a transaction or a package was not admitted, in the words of Bitcoin Core.

use std::{borrow::Cow, fmt};

use bitcoin::Wtxid;

use crate::FeeRate;

/// The class of a refusal (Bitcoin Core's `TxValidationResult`): what a peer's transaction says about the peer, and
/// whether it is worth another look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectKind {
    /// Invalid by the rules of consensus.
    Consensus,
    /// An input or its script is not standard; a witness could not change that.
    InputsNotStandard,
    /// Otherwise not standard.
    NotStandard,
    /// An input is neither confirmed nor in the mempool: an orphan, or spent already.
    MissingInputs,
    /// Spends a coinbase too early, or is not final yet.
    PrematureSpend,
    /// The witness may have been changed on the way; another copy of the transaction may be good.
    WitnessMutated,
    /// The witness was taken off on the way.
    WitnessStripped,
    /// In the mempool or in the chain already, or in conflict with such a transaction.
    Conflict,
    /// Against the limits of the mempool.
    MempoolPolicy,
    /// Fails by its fee alone, and could pass in a package.
    Reconsiderable,
}

/// A refused transaction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Rejected {
    /// The class.
    pub kind: RejectKind,
    /// The reason, a stable string such as `bad-txns-in-belowout` (RPC field `reject-reason`).
    pub reason: Cow<'static, str>,
    /// More for people; may be empty.
    pub debug: String,
    /// The fee rate that was too low, with the transactions that it was taken over, when `kind` is
    /// [`RejectKind::Reconsiderable`].
    pub feerate: Option<(FeeRate, Vec<Wtxid>)>,
}

impl Rejected {
    pub(crate) fn new(kind: RejectKind, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, reason: reason.into(), debug: String::new(), feerate: None }
    }

    pub(crate) fn because(mut self, debug: impl Into<String>) -> Self {
        self.debug = debug.into();
        self
    }

    /// Whether the parents are unknown, so that the transaction may be kept as an orphan.
    pub fn is_missing_inputs(&self) -> bool {
        self.kind == RejectKind::MissingInputs
    }

    /// Whether the transaction may pass as part of a package.
    pub fn is_reconsiderable(&self) -> bool {
        self.kind == RejectKind::Reconsiderable
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
