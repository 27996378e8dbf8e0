//! Several transactions that depend on each other.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use bitcoin::{OutPoint, Transaction, TxOut, Wtxid};
use pumasi_chain::TxResult;
use pumasi_script::PrecomputedTx;

use super::{Acceptance, Accepted, Candidate, Rules, TOO_LARGE_CLUSTER, checks};
use crate::{
    ChainContext, Family, FeeRate, Mempool, PackageRejectKind, PackageRejected, Rejected, RemovalReason,
    entry::{Admission, Slot},
    policy,
    pool::clusters::{Outlook, TooLarge},
};

/// What became of one transaction of a package.
#[derive(Clone, Debug)]
pub enum TxOutcome {
    /// It is in, or would be.
    Accepted(Accepted),
    /// It was in before.
    AlreadyInMempool {
        /// Virtual bytes.
        vsize: i64,
        /// Satoshis.
        base_fee: i64,
    },
    /// The same transaction with another witness was in before, and stays.
    DifferentWitness(Wtxid),
    /// It is refused.
    Rejected(Rejected),
}

/// What became of a package.
#[derive(Clone, Debug, Default)]
pub struct PackageResult {
    /// Why the package as a whole is refused.
    pub rejected: Option<PackageRejected>,
    /// Each transaction that was looked at to the end. Once one fails, the others may have no result.
    pub results: HashMap<Wtxid, TxOutcome>,
}

impl PackageResult {
    fn rejected(rejected: PackageRejected) -> Self {
        Self { rejected: Some(rejected), results: HashMap::new() }
    }

    fn transaction_failed(wtxid: Wtxid, rejected: Rejected) -> Self {
        Self {
            rejected: Some(PackageRejected::transaction("transaction failed")),
            results: HashMap::from([(wtxid, TxOutcome::Rejected(rejected))]),
        }
    }
}

impl Mempool {
    /// Tells what [`Mempool::accept`] would say to these transactions, one after the other (RPC `testmempoolaccept`).
    /// Parents come before children; nothing is replaced, and each pays for itself.
    pub fn test_accept(&mut self, package: &[Arc<Transaction>], chain: &dyn ChainContext, now: i64) -> PackageResult {
        let mut acceptance =
            Acceptance { pool: self, chain, now, rules: Rules::PACKAGE_TEST, package_outputs: HashMap::new() };
        match package {
            [tx] => {
                acceptance.rules = Rules { test_only: true, ..Rules::SINGLE };
                acceptance.accept_alone(tx)
            }
            _ => acceptance.accept_together(package),
        }
    }

    /// Takes a child with its parents (RPC `submitpackage`, and pairs of transactions from peers): what does not pay for
    /// itself may be paid for by the child.
    pub fn accept_package(
        &mut self,
        package: &[Arc<Transaction>],
        chain: &dyn ChainContext,
        now: i64,
        max_feerate: Option<FeeRate>,
    ) -> PackageResult {
        if let Err(rejected) = policy::check_package(package) {
            return PackageResult::rejected(rejected);
        }
        if package.len() > 1 && !policy::is_child_with_parents(package) {
            return PackageResult::rejected(PackageRejected::policy("package-not-child-with-parents"));
        }
        let rules = Rules { max_feerate, ..Rules::PACKAGE };
        Acceptance { pool: self, chain, now, rules, package_outputs: HashMap::new() }.accept_package(package)
    }
}

impl Acceptance<'_> {
    fn accept_package(&mut self, package: &[Arc<Transaction>]) -> PackageResult {
        let mut settled = HashMap::new();
        let mut failed = HashMap::new();
        let mut left = Vec::new();
        let mut hopeless = false;
        for tx in package {
            let wtxid = tx.compute_wtxid();
            if let Some(outcome) = self.already_here(tx) {
                settled.insert(wtxid, outcome);
                continue;
            }
            let rules = self.rules;
            self.rules = rules.single_in_package();
            let result = self.accept_single(Arc::clone(tx));
            self.rules = rules;
            match result {
                Ok(accepted) => {
                    settled.insert(wtxid, TxOutcome::Accepted(accepted));
                }
                Err(rejected) => {
                    // Only fees and missing parents look different in company.
                    let curable = matches!(rejected.kind, TxResult::Reconsiderable | TxResult::MissingInputs);
                    if package.len() > 1 && curable {
                        left.push(Arc::clone(tx));
                    } else {
                        hopeless = true;
                    }
                    failed.insert(wtxid, TxOutcome::Rejected(rejected));
                }
            }
        }
        let mut result = match left.as_slice() {
            _ if hopeless => PackageResult::rejected(PackageRejected::transaction("transaction failed")),
            [] => PackageResult::default(),
            [tx] => {
                let rules = self.rules;
                self.rules = rules.single_in_package();
                let result = self.accept_alone(tx);
                self.rules = rules;
                result
            }
            _ => self.accept_together(&left),
        };
        self.pool.limit(self.now);
        self.settle(package, settled, failed, &mut result);
        result
    }

    /// The same transaction, perhaps with another witness, may be here already.
    fn already_here(&self, tx: &Transaction) -> Option<TxOutcome> {
        let entry = self.pool.entry(&tx.compute_txid())?;
        if entry.wtxid() == tx.compute_wtxid() {
            return Some(TxOutcome::AlreadyInMempool { vsize: entry.vsize(), base_fee: entry.fee() });
        }
        Some(TxOutcome::DifferentWitness(entry.wtxid()))
    }

    /// Brings the results together, and takes back what the size limit has evicted meanwhile.
    fn settle(
        &self,
        package: &[Arc<Transaction>],
        mut settled: HashMap<Wtxid, TxOutcome>,
        mut failed: HashMap<Wtxid, TxOutcome>,
        result: &mut PackageResult,
    ) {
        for tx in package {
            let wtxid = tx.compute_wtxid();
            let known = result.results.remove(&wtxid).or_else(|| settled.remove(&wtxid));
            let outcome = match known {
                Some(TxOutcome::Rejected(rejected)) => Some(TxOutcome::Rejected(rejected)),
                Some(outcome) if self.pool.contains(&tx.compute_txid()) => Some(outcome),
                Some(_) => {
                    result.rejected = Some(PackageRejected::transaction("transaction failed"));
                    Some(TxOutcome::Rejected(Rejected::new(TxResult::MempoolPolicy, "mempool full")))
                }
                None => failed.remove(&wtxid),
            };
            if let Some(outcome) = outcome {
                result.results.insert(wtxid, outcome);
            }
        }
    }

    fn accept_alone(&mut self, tx: &Arc<Transaction>) -> PackageResult {
        let wtxid = tx.compute_wtxid();
        match self.accept_single(Arc::clone(tx)) {
            Ok(accepted) => {
                PackageResult { rejected: None, results: HashMap::from([(wtxid, TxOutcome::Accepted(accepted))]) }
            }
            Err(rejected) => PackageResult::transaction_failed(wtxid, rejected),
        }
    }

    fn accept_together(&mut self, package: &[Arc<Transaction>]) -> PackageResult {
        if let Err(rejected) = policy::check_package(package) {
            return PackageResult::rejected(rejected);
        }
        self.try_together(package).unwrap_or_else(|refusal| *refusal)
    }

    fn try_together(&mut self, package: &[Arc<Transaction>]) -> Result<PackageResult, Box<PackageResult>> {
        let candidates = self.pre_check_all(package)?;
        self.check_truc_all(package, &candidates)?;
        let total = total(&candidates);
        let wtxids: Vec<Wtxid> = candidates.iter().map(|candidate| candidate.wtxid).collect();
        self.check_package_feerate(total, &wtxids)?;
        let policy = |rejected| Box::new(PackageResult::rejected(rejected));
        let replaced = self.check_package_replacement(&candidates, total).map_err(policy)?;
        self.check_clusters(&candidates, &replaced).map_err(policy)?;
        self.check_dust_all(&candidates)?;
        self.check_scripts_all(&candidates)?;
        let mut accepted = self.all_accepted(&candidates, total, &wtxids);
        if !self.rules.test_only {
            accepted[0].replaced = replaced.iter().map(|&slot| Arc::clone(self.pool.table[slot].tx())).collect();
            self.submit_all(&candidates, &replaced);
        }
        let results = accepted.into_iter().map(|accepted| (accepted.wtxid, TxOutcome::Accepted(accepted)));
        Ok(PackageResult { rejected: None, results: results.collect() })
    }

    fn pre_check_all(&mut self, package: &[Arc<Transaction>]) -> Result<Vec<Candidate>, Box<PackageResult>> {
        let mut candidates = Vec::with_capacity(package.len());
        for tx in package {
            let mut candidate = Candidate::receive(Arc::clone(tx));
            let max_feerate = self.rules.max_feerate;
            self.pre_check(&mut candidate)
                .and_then(|()| checks::check_max_feerate(candidate.feerate(), max_feerate))
                .map_err(|rejected| Box::new(PackageResult::transaction_failed(candidate.wtxid, rejected)))?;
            self.package_outputs.extend(outputs(&candidate));
            candidates.push(candidate);
        }
        Ok(candidates)
    }

    fn check_truc_all(&self, package: &[Arc<Transaction>], candidates: &[Candidate]) -> Result<(), Box<PackageResult>> {
        for (position, candidate) in candidates.iter().enumerate() {
            let parents = self.pool.table.parents_of(&candidate.tx);
            let vsize = candidate.admission().vsize;
            policy::check_package_truc(self.pool, package, position, vsize, &parents).map_err(|debug| {
                Box::new(PackageResult::rejected(PackageRejected::policy("TRUC-violation").because(debug)))
            })?;
        }
        Ok(())
    }

    fn check_package_feerate(&self, total: Family, wtxids: &[Wtxid]) -> Result<(), Box<PackageResult>> {
        let Some(&child) = wtxids.last().filter(|_| self.rules.package_feerates) else { return Ok(()) };
        checks::check_feerate(self.pool, total.fees, total.vsize, self.now).map_err(|rejected| {
            let feerate = Some((total.feerate(), wtxids.to_vec()));
            Box::new(PackageResult::transaction_failed(child, Rejected { feerate, ..rejected }))
        })
    }

    /// Whether the clusters that would come about are small enough.
    fn check_clusters(&self, candidates: &[Candidate], replaced: &BTreeSet<Slot>) -> Result<Outlook, PackageRejected> {
        let new: Vec<&Admission> = candidates.iter().map(Candidate::admission).collect();
        self.pool.outlook(&new, replaced).map_err(|TooLarge| PackageRejected::policy(TOO_LARGE_CLUSTER))
    }

    /// What the package would replace: a parent and a child together, when they pay for it.
    fn check_package_replacement(
        &self,
        candidates: &[Candidate],
        total: Family,
    ) -> Result<BTreeSet<Slot>, PackageRejected> {
        let conflicts: BTreeSet<Slot> = candidates.iter().flat_map(|candidate| &candidate.conflicts).copied().collect();
        if conflicts.is_empty() {
            return Ok(conflicts);
        }
        let refuse = |reason: &str| PackageRejected::policy(format!("package RBF failed: {reason}"));
        let [parent, child] = candidates else { return Err(refuse("package must be 1-parent-1-child")) };
        if !parent.ancestors.is_empty() || !child.ancestors.is_empty() {
            return Err(refuse("new transaction cannot have mempool ancestors"));
        }
        let replaced = policy::replaced(self.pool, child.txid, &conflicts)
            .map_err(|debug| refuse("too many potential replacements").because(debug))?;
        let old_fees = self.pool.table.sum(&replaced).fees;
        let incremental = self.pool.config.incremental_relay_feerate;
        policy::check_fees(child.txid, old_fees, total.fees, total.vsize, incremental)
            .map_err(|debug| refuse("insufficient anti-DoS fees").because(debug))?;
        let (package_feerate, parent_feerate) = (total.feerate(), parent.feerate());
        // The child must pay for the parent too, not only for the replacement.
        if package_feerate <= parent_feerate {
            let debug = format!("package feerate {package_feerate} <= parent feerate is {parent_feerate}");
            return Err(refuse("package feerate is less than or equal to parent feerate").because(debug));
        }
        let outlook = self.check_clusters(candidates, &replaced)?;
        policy::check_diagram(outlook).map_err(|debug| refuse(&debug))?;
        Ok(replaced)
    }

    fn check_dust_all(&self, candidates: &[Candidate]) -> Result<(), Box<PackageResult>> {
        if !self.pool.config.require_standard {
            return Ok(());
        }
        let package: Vec<_> = candidates.iter().map(|candidate| (candidate.txid, &*candidate.tx)).collect();
        policy::check_dust_is_spent(&package, self.pool).map_err(|refused| {
            let (wtxid, rejected) = *refused;
            let unspent =
                PackageRejected { kind: PackageRejectKind::Transaction, ..PackageRejected::policy("unspent-dust") };
            let results = HashMap::from([(wtxid, TxOutcome::Rejected(rejected))]);
            Box::new(PackageResult { rejected: Some(unspent), results })
        })
    }

    fn check_scripts_all(&self, candidates: &[Candidate]) -> Result<(), Box<PackageResult>> {
        let mut passed = HashMap::new();
        for candidate in candidates {
            let precomputed = PrecomputedTx::new(&candidate.tx, candidate.spent());
            let checked = checks::check_policy_scripts(&precomputed, self.chain)
                .and_then(|()| checks::check_consensus_scripts(&precomputed, self.chain));
            if let Err(rejected) = checked {
                let mut result = PackageResult::transaction_failed(candidate.wtxid, rejected);
                if self.rules.test_only {
                    result.results.extend(passed);
                }
                return Err(Box::new(result));
            }
            passed.insert(candidate.wtxid, TxOutcome::Accepted(candidate.accepted(Vec::new())));
        }
        Ok(())
    }

    fn all_accepted(&self, candidates: &[Candidate], total: Family, wtxids: &[Wtxid]) -> Vec<Accepted> {
        let judged = |candidate: &Candidate| {
            let accepted = candidate.accepted(Vec::new());
            if !self.rules.package_feerates {
                return accepted;
            }
            Accepted { effective_feerate: total.feerate(), effective_includes: wtxids.to_vec(), ..accepted }
        };
        candidates.iter().map(judged).collect()
    }

    fn submit_all(&mut self, candidates: &[Candidate], replaced: &BTreeSet<Slot>) {
        self.pool.remove_with_descendants(replaced, RemovalReason::Replaced);
        for candidate in candidates {
            let slot = self.pool.insert(candidate.admission().clone());
            self.pool.announce(slot);
        }
    }
}

fn total(candidates: &[Candidate]) -> Family {
    let mut total = Family::default();
    for candidate in candidates {
        total.add(candidate.admission().alone());
    }
    total
}

fn outputs(candidate: &Candidate) -> impl Iterator<Item = (OutPoint, TxOut)> {
    let txid = candidate.txid;
    (0..).zip(&candidate.tx.output).map(move |(vout, output)| (OutPoint { txid, vout }, output.clone()))
}
