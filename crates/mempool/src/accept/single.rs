//! One transaction by itself.

use std::{collections::BTreeSet, sync::Arc};

use bitcoin::Transaction;
use pumasi_chain::TxResult;
use pumasi_script::{Flags, PrecomputedTx, transaction_sigop_cost};

use super::TOO_LARGE_CLUSTER;
use super::{Acceptance, Accepted, Candidate, checks};
use crate::{
    Rejected, RemovalReason,
    entry::{Admission, Slot},
    policy,
    pool::clusters::TooLarge,
};

impl Acceptance<'_> {
    pub(super) fn accept_single(&mut self, tx: Arc<Transaction>) -> Result<Accepted, Rejected> {
        let mut candidate = Candidate::receive(tx);
        let result = self.try_single(&mut candidate);
        result.map_err(|rejected| with_feerate(rejected, &candidate))
    }

    fn try_single(&mut self, candidate: &mut Candidate) -> Result<Accepted, Rejected> {
        self.pre_check(candidate)?;
        let replaced = self.check_replacement(candidate)?;
        self.check_cluster(candidate, &replaced)?;
        self.check_disjoint(candidate)?;
        checks::check_max_feerate(candidate.feerate(), self.rules.max_feerate)?;
        if self.pool.config.require_standard && !self.rules.bypass_limits {
            let package = [(candidate.txid, &*candidate.tx)];
            policy::check_dust_is_spent(&package, self.pool).map_err(|refused| refused.1)?;
        }
        let tx = Arc::clone(&candidate.tx);
        let precomputed = PrecomputedTx::new(&tx, candidate.spent());
        checks::check_policy_scripts(&precomputed, self.chain)?;
        checks::check_consensus_scripts(&precomputed, self.chain)?;
        let replaced_txs = replaced.iter().map(|&slot| Arc::clone(self.pool.table[slot].tx())).collect();
        let accepted = candidate.accepted(replaced_txs);
        if !self.rules.test_only {
            self.submit(candidate, &replaced)?;
        }
        Ok(accepted)
    }

    /// Everything that is cheap: no signatures yet.
    pub(super) fn pre_check(&self, candidate: &mut Candidate) -> Result<(), Rejected> {
        let Self { pool, chain, rules, .. } = self;
        let (chain, config) = (*chain, &pool.config);
        let tx = Arc::clone(&candidate.tx);
        checks::check_by_itself(&tx)?;
        if config.require_standard {
            policy::check_standard(&tx, config)?;
        }
        policy::check_not_too_small(&tx)?;
        checks::check_final(&tx, chain)?;
        checks::check_not_in_mempool(pool, &candidate.txid, &candidate.wtxid)?;
        candidate.conflicts = checks::find_conflicts(pool, &tx, rules.allow_replacement)?;
        candidate.coins = checks::find_coins(pool, &self.package_outputs, &tx, candidate.txid, chain)?;
        checks::check_sequence_locks(&tx, &candidate.coins, chain)?;
        let fee = checks::check_inputs(&tx, &candidate.coins, chain)?;
        let spent = candidate.spent();
        if config.require_standard {
            policy::check_inputs_standard(&tx, &spent)?;
            policy::check_witness_standard(&tx, &spent)?;
        }
        let sigop_cost = transaction_sigop_cost(&tx, &spent, Flags::STANDARD);
        let admission = self.admission(candidate, fee, i64::try_from(sigop_cost).unwrap_or(i64::MAX));
        let admission = candidate.admission.insert(admission);
        if config.require_standard {
            policy::check_dust_is_free(admission, config.dust_relay_feerate)?;
        }
        checks::check_sigops(admission.sigop_cost)?;
        if !rules.bypass_limits && !rules.package_feerates {
            checks::check_feerate(pool, admission.modified_fee(), admission.vsize, self.now)?;
        }
        candidate.ancestors = pool.table.ancestors(pool.table.parents_of(&candidate.tx));
        self.check_truc(candidate)
    }

    /// Step 9: the unconfirmed relatives, and whether they may be one more.
    fn check_cluster(&self, candidate: &Candidate, replaced: &BTreeSet<Slot>) -> Result<(), Rejected> {
        let outlook = self.pool.outlook(&[candidate.admission()], replaced);
        outlook.map(drop).map_err(|TooLarge| Rejected::new(TxResult::MempoolPolicy, TOO_LARGE_CLUSTER))
    }

    fn check_disjoint(&self, candidate: &Candidate) -> Result<(), Rejected> {
        policy::check_disjoint(self.pool, candidate.txid, &candidate.ancestors, &candidate.conflicts)
            .map_err(|debug| Rejected::new(TxResult::Consensus, "bad-txns-spends-conflicting-tx").because(debug))
    }

    fn admission(&self, candidate: &Candidate, fee: i64, sigop_cost: i64) -> Admission {
        let weight = candidate.tx.weight().to_wu();
        Admission {
            tx: Arc::clone(&candidate.tx),
            txid: candidate.txid,
            wtxid: candidate.wtxid,
            fee,
            fee_delta: self.pool.delta(&candidate.txid),
            weight,
            adjusted_weight: policy::adjusted_weight(weight, sigop_cost, self.pool.config.bytes_per_sigop),
            sigop_cost,
            vsize: policy::virtual_size(weight, sigop_cost, self.pool.config.bytes_per_sigop),
            time: self.now,
            height: self.chain.tip_height(),
            // What a reorganisation puts back was there before everything else.
            sequence: if self.rules.bypass_limits { 0 } else { self.pool.sequence() },
            spends_coinbase: candidate.coins.iter().any(|coin| coin.coinbase),
        }
    }

    /// Version 3 (BIP431). A reorganisation may put back what breaks its rules.
    fn check_truc(&self, candidate: &mut Candidate) -> Result<(), Rejected> {
        if self.rules.bypass_limits {
            return Ok(());
        }
        let parents = self.pool.table.parents_of(&candidate.tx);
        match policy::check_truc(self.pool, candidate.admission(), &parents, &candidate.conflicts) {
            Ok(()) => Ok(()),
            Err(violation) => match violation.sibling.filter(|_| self.rules.allow_sibling_eviction) {
                Some(sibling) => {
                    candidate.conflicts.insert(sibling);
                    candidate.sibling_eviction = true;
                    Ok(())
                }
                None => Err(Rejected::new(TxResult::MempoolPolicy, "TRUC-violation").because(violation.debug)),
            },
        }
    }

    /// Step 8 again: what the transaction would replace, and whether it pays for that.
    fn check_replacement(&self, candidate: &Candidate) -> Result<BTreeSet<Slot>, Rejected> {
        if candidate.conflicts.is_empty() {
            return Ok(BTreeSet::new());
        }
        let (pool, conflicts, txid) = (&*self.pool, &candidate.conflicts, candidate.txid);
        let suffix = if candidate.sibling_eviction { " (including sibling eviction)" } else { "" };
        let refuse = |kind, reason: &str, debug| Rejected::new(kind, format!("{reason}{suffix}")).because(debug);
        let replaced = policy::replaced(pool, txid, conflicts)
            .map_err(|debug| refuse(TxResult::MempoolPolicy, "too many potential replacements", debug))?;
        let (old_fees, admission) = (pool.table.sum(&replaced).fees, candidate.admission());
        let incremental = pool.config.incremental_relay_feerate;
        policy::check_fees(txid, old_fees, admission.modified_fee(), admission.vsize, incremental)
            .map_err(|debug| refuse(TxResult::Reconsiderable, "insufficient fee", debug))?;
        let outlook = pool.outlook(&[admission], &replaced);
        let outlook = outlook.map_err(|TooLarge| Rejected::new(TxResult::MempoolPolicy, TOO_LARGE_CLUSTER))?;
        policy::check_diagram(outlook)
            .map_err(|debug| Rejected::new(TxResult::Reconsiderable, "replacement-failed").because(debug))?;
        Ok(replaced)
    }

    /// Steps 14 and 15: in with it, out with what it replaces and with what no longer fits; then the world may know.
    fn submit(&mut self, candidate: &mut Candidate, replaced: &BTreeSet<Slot>) -> Result<(), Rejected> {
        self.pool.remove_with_descendants(replaced, RemovalReason::Replaced);
        let slot = self.pool.insert(candidate.admission().clone());
        if !self.rules.package_submission && !self.rules.bypass_limits {
            self.pool.limit(self.now);
            if !self.pool.contains(&candidate.txid) {
                return Err(Rejected::new(TxResult::Reconsiderable, "mempool full"));
            }
        }
        self.pool.announce(slot);
        Ok(())
    }
}

/// Tells which fee rate was too low, so that a child may make up for it.
fn with_feerate(rejected: Rejected, candidate: &Candidate) -> Rejected {
    match (&candidate.admission, rejected.kind) {
        (Some(_), TxResult::Reconsiderable) => {
            Rejected { feerate: Some((candidate.feerate(), vec![candidate.wtxid])), ..rejected }
        }
        _ => rejected,
    }
}
