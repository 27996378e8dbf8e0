//! Replacing transactions by others that pay more (BIP125 without its signal: every transaction may be replaced).

use std::collections::BTreeSet;

use bitcoin::Txid;

use crate::{
    FeeRate, Mempool,
    entry::Slot,
    feerate::format_money,
    pool::clusters::{Outlook, Step},
};

/// Clusters that one replacement may touch directly (rule 5).
pub const MAX_REPLACEMENT_CANDIDATES: usize = 100;

/// What a replacement removes: the direct conflicts and all their descendants (rule 5).
///
/// # Errors
///
/// When they are in too many clusters to order all of them anew.
pub(crate) fn replaced(pool: &Mempool, txid: Txid, conflicts: &BTreeSet<Slot>) -> Result<BTreeSet<Slot>, String> {
    let count = pool.count_clusters(conflicts);
    if count > MAX_REPLACEMENT_CANDIDATES {
        let limit = MAX_REPLACEMENT_CANDIDATES;
        return Err(format!("rejecting replacement {txid}; too many conflicting clusters ({count} > {limit})"));
    }
    Ok(pool.table.descendants(conflicts.iter().copied()))
}

/// A transaction does not spend what it replaces. `ancestors` are its own in the mempool.
pub(crate) fn check_disjoint(
    pool: &Mempool,
    txid: Txid,
    ancestors: &BTreeSet<Slot>,
    conflicts: &BTreeSet<Slot>,
) -> Result<(), String> {
    match ancestors.intersection(conflicts).next() {
        Some(&both) => Err(format!("{txid} spends conflicting transaction {}", pool.table[both].txid())),
        None => Ok(()),
    }
}

/// A replacement pays at least what it replaces paid (rule 3), and its own relay on top (rule 4).
pub(crate) fn check_fees(
    txid: Txid,
    old_fees: i64,
    new_fees: i64,
    vsize: i64,
    incremental: FeeRate,
) -> Result<(), String> {
    let (old, new) = (format_money(old_fees), format_money(new_fees));
    if new_fees < old_fees {
        return Err(format!("rejecting replacement {txid}, less fees than conflicting txs; {new} < {old}"));
    }
    let (added, needed) = (new_fees.saturating_sub(old_fees), incremental.fee_for(vsize));
    if added < needed {
        let (added, needed) = (format_money(added), format_money(needed));
        return Err(format!("rejecting replacement {txid}, not enough additional fees to relay; {added} < {needed}"));
    }
    Ok(())
}

/// A replacement leaves a miner better off: the diagram of fees over size is nowhere lower, and somewhere higher.
pub(crate) fn check_diagram(outlook: Outlook) -> Result<(), String> {
    let Outlook { before, after } = outlook;
    if dominates(after, before) {
        Ok(())
    } else {
        Err("insufficient feerate: does not improve feerate diagram".to_owned())
    }
}

/// Whether mining `new` in the best order earns at least as much as `old` at every size, and more at some.
fn dominates(new: Vec<Step>, old: Vec<Step>) -> bool {
    let (new, old) = (diagram(new), diagram(old));
    let mut sizes: Vec<i64> = new.iter().chain(&old).map(|point| point.weight).collect();
    sizes.sort_unstable();
    sizes.dedup();
    // Both are straight between these sizes, so they need comparing nowhere else.
    let compared: Vec<_> = sizes.iter().map(|&size| earned(&new, size).cmp(&earned(&old, size))).collect();
    compared.iter().all(|order| order.is_ge()) && compared.iter().any(|order| order.is_gt())
}

/// The corners of the curve of fees over size, from nothing on.
fn diagram(mut chunks: Vec<Step>) -> Vec<Step> {
    chunks.sort_by_key(|chunk| std::cmp::Reverse(chunk.feerate()));
    let mut corners = vec![Step { fee: 0, weight: 0 }];
    let mut sum = corners[0];
    for chunk in chunks {
        sum = Step { fee: sum.fee.saturating_add(chunk.fee), weight: sum.weight + chunk.weight };
        corners.push(sum);
    }
    corners
}

/// The fees at a size on the curve; beyond its end the curve is flat.
fn earned(corners: &[Step], size: i64) -> FeeRate {
    let after = corners.partition_point(|corner| corner.weight < size);
    let (Some(to), Some(from)) = (corners.get(after), corners.get(after.saturating_sub(1))) else {
        let end = corners.last().map_or(0, |corner| corner.fee);
        return FeeRate::of(end, 1);
    };
    let step = to.weight - from.weight;
    if step == 0 {
        return FeeRate::of(to.fee, 1);
    }
    // fee = from.fee + (to.fee - from.fee) * (size - from.weight) / step, kept as a fraction.
    let numerator = i128::from(from.fee) * i128::from(step)
        + (i128::from(to.fee) - i128::from(from.fee)) * i128::from(size - from.weight);
    match i64::try_from(numerator) {
        Ok(numerator) => FeeRate::of(numerator, step),
        Err(_) => FeeRate::of(i64::try_from(numerator / i128::from(step)).unwrap_or(i64::MAX), 1),
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash;

    use super::*;

    fn chunks(list: &[(i64, i64)]) -> Vec<Step> {
        list.iter().map(|&(fee, size)| Step { fee, weight: size }).collect()
    }

    fn better(new: &[(i64, i64)], old: &[(i64, i64)]) -> bool {
        dominates(chunks(new), chunks(old))
    }

    #[test]
    fn a_diagram_is_better_when_it_is_nowhere_below_and_somewhere_above() {
        assert!(better(&[(1001, 100)], &[(1000, 100)]));
        assert!(!better(&[(1000, 100)], &[(1000, 100)]));
        assert!(better(&[(1000, 99)], &[(1000, 100)]), "the same fee in less space");
        assert!(!better(&[(2000, 300)], &[(1000, 100)]), "more fee, but a lower rate at first");
        assert!(!better(&[(900, 50)], &[(1000, 100)]), "a higher rate, but less at the end");
        assert!(better(&[(1000, 100), (50, 100)], &[(900, 100), (100, 100)]));
        assert!(better(&[(50, 100), (1000, 100)], &[(1000, 100)]), "the order given does not matter");
    }

    #[test]
    fn a_replacement_pays_for_what_it_replaces_and_for_its_relay() {
        let txid = Txid::all_zeros();
        let check = |old, new| check_fees(txid, old, new, 200, FeeRate::from_sat_per_kvb(100));
        assert_eq!(check(1000, 1020), Ok(()));
        let zeros = "0".repeat(64);
        assert_eq!(
            check(1000, 999).unwrap_err(),
            format!("rejecting replacement {zeros}, less fees than conflicting txs; 0.00000999 < 0.00001")
        );
        assert_eq!(
            check(1000, 1019).unwrap_err(),
            format!("rejecting replacement {zeros}, not enough additional fees to relay; 0.00000019 < 0.0000002")
        );
    }
}
