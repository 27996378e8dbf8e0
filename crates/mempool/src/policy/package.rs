//! What a package may look like, before its transactions are looked at.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use bitcoin::{OutPoint, Transaction, Txid};

use crate::PackageRejected;

/// Transactions in a package.
pub const MAX_PACKAGE_COUNT: usize = 25;
/// The weight of a package.
pub const MAX_PACKAGE_WEIGHT: u64 = 404_000;

/// Checks that a package is small, without duplicates, sorted (parents first), and without conflicts inside.
pub(crate) fn check_package(package: &[Arc<Transaction>]) -> Result<(), PackageRejected> {
    if package.len() > MAX_PACKAGE_COUNT {
        return Err(PackageRejected::policy("package-too-many-transactions"));
    }
    let weight: u64 = package.iter().map(|tx| tx.weight().to_wu()).sum();
    // A single transaction has a limit of its own, with a clearer reason.
    if package.len() > 1 && weight > MAX_PACKAGE_WEIGHT {
        return Err(PackageRejected::policy("package-too-large"));
    }
    let txids: Vec<Txid> = package.iter().map(|tx| tx.compute_txid()).collect();
    let positions: HashMap<Txid, usize> = txids.iter().enumerate().map(|(position, &txid)| (txid, position)).collect();
    if positions.len() != package.len() {
        return Err(PackageRejected::policy("package-contains-duplicates"));
    }
    if !is_sorted(package, &positions) {
        return Err(PackageRejected::policy("package-not-sorted"));
    }
    if !is_consistent(package) {
        return Err(PackageRejected::policy("conflict-in-package"));
    }
    Ok(())
}

fn is_sorted(package: &[Arc<Transaction>], positions: &HashMap<Txid, usize>) -> bool {
    package.iter().enumerate().all(|(position, tx)| {
        tx.input.iter().all(|input| positions.get(&input.previous_output.txid).is_none_or(|&parent| parent < position))
    })
}

/// No two transactions spend the same output. A transaction that does so by itself has its own, graver reason.
fn is_consistent(package: &[Arc<Transaction>]) -> bool {
    let mut seen: HashSet<OutPoint> = HashSet::new();
    package.iter().all(|tx| {
        let fresh = tx.input.iter().all(|input| !seen.contains(&input.previous_output));
        seen.extend(tx.input.iter().map(|input| input.previous_output));
        fresh && !tx.input.is_empty()
    })
}

/// Whether the package is one transaction and, before it, parents of it only.
pub fn is_child_with_parents(package: &[Arc<Transaction>]) -> bool {
    let Some((child, parents @ [_, ..])) = package.split_last() else { return false };
    let spent: HashSet<Txid> = child.input.iter().map(|input| input.previous_output.txid).collect();
    parents.iter().all(|parent| spent.contains(&parent.compute_txid()))
}

/// The same, with parents that do not depend on each other.
pub fn is_child_with_parents_tree(package: &[Arc<Transaction>]) -> bool {
    if !is_child_with_parents(package) {
        return false;
    }
    let Some((_, parents)) = package.split_last() else { return false };
    let txids: HashSet<Txid> = parents.iter().map(|tx| tx.compute_txid()).collect();
    parents.iter().flat_map(|tx| &tx.input).all(|input| !txids.contains(&input.previous_output.txid))
}
