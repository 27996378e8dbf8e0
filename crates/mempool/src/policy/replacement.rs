//! Replacing transactions by others that pay more (BIP125 without its signal: every transaction may be replaced).

use std::collections::BTreeSet;

use bitcoin::{Transaction, Txid};

use crate::{
    Family, FeeRate, Mempool,
    entry::{Entry, Slot},
    feerate::format_money,
};

/// Transactions that one replacement may remove (rule 5).
pub const MAX_REPLACEMENT_CANDIDATES: u64 = 100;

/// What a replacement removes: the direct conflicts and all their descendants (rule 5).
///
/// # Errors
///
/// When they are too many to look at.
pub(crate) fn replaced(pool: &Mempool, txid: Txid, conflicts: &BTreeSet<Slot>) -> Result<BTreeSet<Slot>, String> {
    // Counted family by family, so that counting itself is cheap; a shared descendant counts twice.
    let count: u64 = conflicts.iter().map(|&slot| pool.table[slot].descendants().count).sum();
    if count > MAX_REPLACEMENT_CANDIDATES {
        let limit = MAX_REPLACEMENT_CANDIDATES;
        return Err(format!("rejecting replacement {txid}; too many potential replacements ({count} > {limit})"));
    }
    Ok(pool.table.descendants(conflicts.iter().copied()))
}

/// A replacement depends on no other unconfirmed transactions than those it replaces did (rule 2).
pub(crate) fn check_new_unconfirmed(
    pool: &Mempool,
    tx: &Transaction,
    txid: Txid,
    replaced: &BTreeSet<Slot>,
) -> Result<(), String> {
    let inputs = replaced.iter().flat_map(|&slot| &pool.table[slot].tx().input);
    let known: BTreeSet<Txid> = inputs.map(|input| input.previous_output.txid).collect();
    let new = tx.input.iter().position(|input| {
        let parent = &input.previous_output.txid;
        !known.contains(parent) && pool.contains(parent)
    });
    match new {
        Some(index) => Err(format!("replacement {txid} adds unconfirmed input, idx {index}")),
        None => Ok(()),
    }
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

/// A replacement pays a higher fee rate than each transaction that it conflicts with directly (rule 6).
pub(crate) fn check_feerate(
    pool: &Mempool,
    txid: Txid,
    feerate: FeeRate,
    conflicts: &BTreeSet<Slot>,
) -> Result<(), String> {
    for &slot in conflicts {
        let old = pool.table[slot].feerate();
        if feerate <= old {
            return Err(format!("rejecting replacement {txid}; new feerate {feerate} <= old feerate {old}"));
        }
    }
    Ok(())
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

/// Replacing `replaced` by a package leaves a miner better off at every block size.
///
/// Only simple families can be compared: what is replaced has at most one relative, and that relative no other.
pub(crate) fn check_diagram(pool: &Mempool, replaced: &BTreeSet<Slot>, package: Family) -> Result<(), String> {
    for &slot in replaced {
        check_simple(pool, &pool.table[slot])?;
    }
    let mut old = Vec::new();
    let mut new = vec![Chunk { fee: package.fees, size: package.vsize }];
    for &slot in replaced {
        let entry = &pool.table[slot];
        old.extend(Chunk::of_family(entry));
        // A parent that stays now stands alone.
        let staying = entry.parents.iter().filter(|parent| !replaced.contains(parent));
        new.extend(staying.map(|&parent| Chunk::of(&pool.table[parent])));
    }
    if dominates(new, old) { Ok(()) } else { Err("insufficient feerate: does not improve feerate diagram".to_owned()) }
}

fn check_simple(pool: &Mempool, entry: &Entry) -> Result<(), String> {
    let txid = entry.txid();
    let (ancestors, descendants) = (entry.ancestors().count, entry.descendants().count);
    if ancestors > 2 {
        return Err(format!("{txid} has {} ancestors, max 1 allowed", ancestors - 1));
    }
    if descendants > 2 {
        return Err(format!("{txid} has {} descendants, max 1 allowed", descendants - 1));
    }
    if ancestors == 2 && descendants == 2 {
        return Err(format!("{txid} has both ancestor and descendant, exceeding cluster limit of 2"));
    }
    if let Some(child) = entry.children.first().map(|&slot| &pool.table[slot])
        && child.ancestors().count > 2
    {
        return Err(format!("{txid} is not the only parent of child {}", child.txid()));
    }
    if let Some(parent) = entry.parents.first().map(|&slot| &pool.table[slot])
        && parent.descendants().count > 2
    {
        return Err(format!("{txid} is not the only child of parent {}", parent.txid()));
    }
    Ok(())
}

/// Transactions that are mined together.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    fee: i64,
    size: i64,
}

impl Chunk {
    fn of(entry: &Entry) -> Self {
        Self { fee: entry.modified_fee(), size: entry.vsize() }
    }

    fn feerate(self) -> FeeRate {
        FeeRate::of(self.fee, self.size)
    }

    /// An entry with its parent: together when the child pays for both, else one after the other. A parent with a child
    /// is reckoned when the child's turn comes.
    fn of_family(entry: &Entry) -> Vec<Self> {
        let own = Self::of(entry);
        let both = Self { fee: entry.ancestors().fees, size: entry.ancestors().vsize };
        if entry.descendants().count > 1 {
            Vec::new()
        } else if entry.ancestors().count == 1 {
            vec![own]
        } else if own.feerate() > both.feerate() {
            vec![both]
        } else {
            vec![Self { fee: both.fee.saturating_sub(own.fee), size: both.size - own.size }, own]
        }
    }
}

/// Whether mining `new` in the best order earns at least as much as `old` at every size, and more at some.
fn dominates(new: Vec<Chunk>, old: Vec<Chunk>) -> bool {
    let (new, old) = (diagram(new), diagram(old));
    let mut sizes: Vec<i64> = new.iter().chain(&old).map(|point| point.size).collect();
    sizes.sort_unstable();
    sizes.dedup();
    // Both are straight between these sizes, so they need comparing nowhere else.
    let compared: Vec<_> = sizes.iter().map(|&size| earned(&new, size).cmp(&earned(&old, size))).collect();
    compared.iter().all(|order| order.is_ge()) && compared.iter().any(|order| order.is_gt())
}

/// The corners of the curve of fees over size, from nothing on.
fn diagram(mut chunks: Vec<Chunk>) -> Vec<Chunk> {
    chunks.sort_by_key(|chunk| std::cmp::Reverse(chunk.feerate()));
    let mut corners = vec![Chunk { fee: 0, size: 0 }];
    let mut sum = corners[0];
    for chunk in chunks {
        sum = Chunk { fee: sum.fee.saturating_add(chunk.fee), size: sum.size + chunk.size };
        corners.push(sum);
    }
    corners
}

/// The fees at a size on the curve; beyond its end the curve is flat.
fn earned(corners: &[Chunk], size: i64) -> FeeRate {
    let after = corners.partition_point(|corner| corner.size < size);
    let (Some(to), Some(from)) = (corners.get(after), corners.get(after.saturating_sub(1))) else {
        let end = corners.last().map_or(0, |corner| corner.fee);
        return FeeRate::of(end, 1);
    };
    let step = to.size - from.size;
    if step == 0 {
        return FeeRate::of(to.fee, 1);
    }
    // fee = from.fee + (to.fee - from.fee) * (size - from.size) / step, kept as a fraction.
    let numerator = i128::from(from.fee) * i128::from(step)
        + (i128::from(to.fee) - i128::from(from.fee)) * i128::from(size - from.size);
    match i64::try_from(numerator) {
        Ok(numerator) => FeeRate::of(numerator, step),
        Err(_) => FeeRate::of(i64::try_from(numerator / i128::from(step)).unwrap_or(i64::MAX), 1),
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash;

    use super::*;

    fn chunks(list: &[(i64, i64)]) -> Vec<Chunk> {
        list.iter().map(|&(fee, size)| Chunk { fee, size }).collect()
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
