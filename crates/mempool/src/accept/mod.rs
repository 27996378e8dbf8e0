//! Admission: from a transaction that somebody sent to one that waits here, or to the reason why not.
//!
//! The fifteen steps of a transaction, and where each is:
//!
//! | step | function |
//! |---|---|
//! | 1 receive | [`Candidate::receive`] |
//! | 2 structure, 3 inputs and outputs present, 4 size, 5 output values | [`checks::check_by_itself`], each a rule of `pumasi_chain::transaction` |
//! | 6 not in the mempool | [`checks::check_not_in_mempool`] |
//! | 7 not in the chain | [`checks::check_not_in_chain`] |
//! | 8 no double spend | [`checks::find_conflicts`], then [`Acceptance::check_replacement`] |
//! | 9 inputs that are unconfirmed themselves | [`checks::find_coins`], then [`Acceptance::check_cluster`] |
//! | 10 coinbase maturity, 12 inputs not below outputs | [`checks::check_inputs`], each a rule of `pumasi_chain::transaction` |
//! | 11 inputs exist and are unspent | [`checks::find_coins`] |
//! | 13 scripts | [`checks::check_policy_scripts`], [`checks::check_consensus_scripts`] |
//! | 14 add | [`Acceptance::submit`] |
//! | 15 relay | [`Mempool::announce`] |
//!
//! What is cheap comes first, so that a refused transaction costs little; the order is Bitcoin Core's, since it decides
//! which of two reasons is told.

pub(crate) mod checks;
mod package;
mod single;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use bitcoin::{OutPoint, Transaction, TxOut, Txid, Wtxid};
use pumasi_chain::Coin;

pub use package::{PackageResult, TxOutcome};

use crate::{
    ChainContext, FeeRate, Mempool, Rejected,
    entry::{Admission, Slot},
};

/// The reason when a cluster would exceed `-limitclustercount` or `-limitclustersize`.
const TOO_LARGE_CLUSTER: &str = "too-large-cluster";

/// How a transaction is to be taken.
#[derive(Clone, Copy, Debug, Default)]
pub struct AcceptOptions {
    /// Skip the fee rates and the size limit: for transactions of blocks that a reorganisation disconnected.
    pub bypass_limits: bool,
    /// Only tell what would happen (RPC `testmempoolaccept`).
    pub test_only: bool,
    /// Refuse what pays more than this: a mistake of the sender (RPC argument `maxfeerate`).
    pub max_feerate: Option<FeeRate>,
}

/// An admitted transaction.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// Its id without witness.
    pub txid: Txid,
    /// Its id with witness.
    pub wtxid: Wtxid,
    /// Virtual bytes.
    pub vsize: i64,
    /// Satoshis.
    pub base_fee: i64,
    /// Satoshis with prioritisation.
    pub modified_fee: i64,
    /// The fee rate by which it was judged.
    pub effective_feerate: FeeRate,
    /// The transactions over which that rate was taken.
    pub effective_includes: Vec<Wtxid>,
    /// What it replaced.
    pub replaced: Vec<Arc<Transaction>>,
}

impl Mempool {
    /// Takes a transaction that a peer or a user has sent.
    ///
    /// # Errors
    ///
    /// Why it is refused. The mempool may have changed nevertheless: what expired meanwhile is gone, and a transaction that
    /// is evicted at once may have replaced others before.
    pub fn accept(&mut self, tx: Arc<Transaction>, chain: &dyn ChainContext, now: i64) -> Result<Accepted, Rejected> {
        self.accept_with(tx, chain, now, AcceptOptions::default())
    }

    /// [`Mempool::accept`] with options.
    ///
    /// # Errors
    ///
    /// Why the transaction is, or would be, refused.
    pub fn accept_with(
        &mut self,
        tx: Arc<Transaction>,
        chain: &dyn ChainContext,
        now: i64,
        options: AcceptOptions,
    ) -> Result<Accepted, Rejected> {
        let rules = Rules {
            bypass_limits: options.bypass_limits,
            test_only: options.test_only,
            max_feerate: options.max_feerate,
            ..Rules::SINGLE
        };
        Acceptance { pool: self, chain, now, rules, package_outputs: HashMap::new() }.accept_single(tx)
    }
}

/// What differs between a transaction alone and one in a package.
#[derive(Clone, Copy, Debug)]
struct Rules {
    bypass_limits: bool,
    test_only: bool,
    /// Whether conflicts with the mempool are looked at as replacements.
    allow_replacement: bool,
    /// Whether a version 3 transaction may push out its only sibling.
    allow_sibling_eviction: bool,
    /// Whether the caller limits the mempool afterwards.
    package_submission: bool,
    /// Whether fees are judged over the whole package, by the caller.
    package_feerates: bool,
    max_feerate: Option<FeeRate>,
}

impl Rules {
    const SINGLE: Self = Self {
        bypass_limits: false,
        test_only: false,
        allow_replacement: true,
        allow_sibling_eviction: true,
        package_submission: false,
        package_feerates: false,
        max_feerate: None,
    };

    const PACKAGE_TEST: Self =
        Self { test_only: true, allow_replacement: false, allow_sibling_eviction: false, ..Self::SINGLE };

    const PACKAGE: Self =
        Self { allow_sibling_eviction: false, package_submission: true, package_feerates: true, ..Self::SINGLE };

    /// For one transaction of a package by itself.
    const fn single_in_package(self) -> Self {
        Self {
            allow_replacement: true,
            allow_sibling_eviction: true,
            package_submission: true,
            package_feerates: false,
            bypass_limits: false,
            ..self
        }
    }
}

/// One call to the mempool under way.
struct Acceptance<'a> {
    pool: &'a mut Mempool,
    chain: &'a dyn ChainContext,
    now: i64,
    rules: Rules,
    /// What earlier transactions of the same package make.
    package_outputs: HashMap<OutPoint, TxOut>,
}

/// A transaction under examination, with what has been found out so far.
struct Candidate {
    tx: Arc<Transaction>,
    txid: Txid,
    wtxid: Wtxid,
    /// The coins that it spends, in the order of its inputs.
    coins: Vec<Coin>,
    admission: Option<Admission>,
    /// Direct conflicts, and a sibling to be evicted.
    conflicts: BTreeSet<Slot>,
    sibling_eviction: bool,
    /// All ancestors in the mempool.
    ancestors: BTreeSet<Slot>,
}

impl Candidate {
    /// Step 1: a transaction has come.
    fn receive(tx: Arc<Transaction>) -> Self {
        let (txid, wtxid) = (tx.compute_txid(), tx.compute_wtxid());
        Self {
            tx,
            txid,
            wtxid,
            coins: Vec::new(),
            admission: None,
            conflicts: BTreeSet::new(),
            sibling_eviction: false,
            ancestors: BTreeSet::new(),
        }
    }

    fn admission(&self) -> &Admission {
        self.admission.as_ref().expect("set by the checks that come first")
    }

    fn spent(&self) -> Vec<TxOut> {
        self.coins.iter().map(|coin| coin.output.clone()).collect()
    }

    fn feerate(&self) -> FeeRate {
        FeeRate::of(self.admission().modified_fee(), self.admission().vsize)
    }

    fn accepted(&self, replaced: Vec<Arc<Transaction>>) -> Accepted {
        let admission = self.admission();
        Accepted {
            txid: self.txid,
            wtxid: self.wtxid,
            vsize: admission.vsize,
            base_fee: admission.fee,
            modified_fee: admission.modified_fee(),
            effective_feerate: self.feerate(),
            effective_includes: vec![self.wtxid],
            replaced,
        }
    }
}
