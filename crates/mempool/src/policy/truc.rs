//! Topologically restricted transactions, version 3 (BIP431): while unconfirmed, at most one parent and one child.

use std::{collections::BTreeSet, fmt, sync::Arc};

use bitcoin::{Transaction, Txid, Wtxid};

use crate::{
    Mempool,
    entry::{Admission, Entry, Slot},
};

/// The version that asks for these rules.
pub(crate) const TRUC_VERSION: i32 = 3;
/// Transactions in a family, the transaction itself included; ancestors and descendants alike.
const TRUC_FAMILY_LIMIT: usize = 2;
/// The largest such transaction, in virtual bytes.
const TRUC_MAX_VSIZE: i64 = 10_000;
/// The largest child of one, in virtual bytes.
const TRUC_CHILD_MAX_VSIZE: i64 = 1000;

/// The transaction whose turn it is.
#[derive(Clone, Copy)]
struct Named {
    txid: Txid,
    wtxid: Wtxid,
    truc: bool,
}

impl Named {
    fn new(tx: &Transaction, txid: Txid, wtxid: Wtxid) -> Self {
        Self { txid, wtxid, truc: is_truc(tx) }
    }

    fn tx(tx: &Transaction) -> Self {
        Self::new(tx, tx.compute_txid(), tx.compute_wtxid())
    }

    fn entry(entry: &Entry) -> Self {
        Self { txid: entry.txid(), wtxid: entry.wtxid(), truc: is_truc(entry.tx()) }
    }

    fn too_many_ancestors(self) -> String {
        format!("tx {self} would have too many ancestors")
    }

    fn too_many_descendants(self) -> String {
        format!("tx {self} would exceed descendant count limit")
    }

    /// A child and its unconfirmed parent are both version 3, or neither is.
    fn check_inherits(self, parent: Self) -> Result<(), String> {
        match (self.truc, parent.truc) {
            (false, true) => Err(format!("non-version=3 tx {self} cannot spend from version=3 tx {parent}")),
            (true, false) => Err(format!("version=3 tx {self} cannot spend from non-version=3 tx {parent}")),
            _ => Ok(()),
        }
    }

    fn check_size(self, vsize: i64) -> Result<(), String> {
        if vsize > TRUC_MAX_VSIZE {
            return Err(format!("version=3 tx {self} is too big: {vsize} > {TRUC_MAX_VSIZE} virtual bytes"));
        }
        Ok(())
    }

    fn check_child_size(self, vsize: i64) -> Result<(), String> {
        if vsize > TRUC_CHILD_MAX_VSIZE {
            let limit = TRUC_CHILD_MAX_VSIZE;
            return Err(format!("version=3 child tx {self} is too big: {vsize} > {limit} virtual bytes"));
        }
        Ok(())
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (wtxid={})", self.txid, self.wtxid)
    }
}

fn is_truc(tx: &Transaction) -> bool {
    tx.version.0 == TRUC_VERSION
}

/// Why one transaction breaks the rules, and the sibling whose eviction would heal it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TrucViolation {
    pub(crate) debug: String,
    pub(crate) sibling: Option<Slot>,
}

impl From<String> for TrucViolation {
    fn from(debug: String) -> Self {
        Self { debug, sibling: None }
    }
}

/// Checks one transaction, of whichever version, against its parents in the mempool. `conflicts` are the transactions
/// that it would replace.
pub(crate) fn check_truc(
    pool: &Mempool,
    admission: &Admission,
    parents: &BTreeSet<Slot>,
    conflicts: &BTreeSet<Slot>,
) -> Result<(), TrucViolation> {
    let (table, vsize) = (&pool.table, admission.vsize);
    let this = Named::new(&admission.tx, admission.txid, admission.wtxid);
    for &parent in parents {
        this.check_inherits(Named::entry(&table[parent]))?;
    }
    if !this.truc {
        return Ok(());
    }
    this.check_size(vsize)?;
    if parents.len() + 1 > TRUC_FAMILY_LIMIT {
        return Err(this.too_many_ancestors().into());
    }
    let Some(&parent) = parents.first() else { return Ok(()) };
    if table[parent].ancestors.count as usize + 1 > TRUC_FAMILY_LIMIT {
        return Err(this.too_many_ancestors().into());
    }
    this.check_child_size(vsize)?;
    let mut others = table.descendants([parent]);
    others.remove(&parent);
    // More than one other, or a grandchild, can only come from a reorganisation.
    if !others.is_empty() && others.is_disjoint(conflicts) {
        let only = others.first().copied().filter(|&other| others.len() == 1 && table[other].ancestors.count == 2);
        return Err(TrucViolation { debug: Named::entry(&table[parent]).too_many_descendants(), sibling: only });
    }
    Ok(())
}

/// Checks a transaction of a sorted package against its parents in the package and in the mempool.
pub(crate) fn check_package_truc(
    pool: &Mempool,
    package: &[Arc<Transaction>],
    position: usize,
    vsize: i64,
    pool_parents: &BTreeSet<Slot>,
) -> Result<(), String> {
    let tx = &package[position];
    let this = Named::tx(tx);
    let spends = |child: &Transaction, txid: Txid| child.input.iter().any(|input| input.previous_output.txid == txid);
    let in_package: Vec<Named> =
        package[..position].iter().map(|tx| Named::tx(tx)).filter(|parent| spends(tx, parent.txid)).collect();
    if !this.truc {
        let in_pool = pool_parents.iter().map(|&slot| Named::entry(&pool.table[slot]));
        return in_pool.chain(in_package).try_for_each(|parent| this.check_inherits(parent));
    }
    this.check_size(vsize)?;
    let above = pool_parents.first().map_or(0, |&parent| pool.table[parent].ancestors.count as usize);
    if pool_parents.len().max(above) + in_package.len() + 1 > TRUC_FAMILY_LIMIT {
        return Err(this.too_many_ancestors());
    }
    let pool_parent = pool_parents.first().map(|&slot| &pool.table[slot]);
    let Some(parent) = pool_parent.map(Named::entry).or_else(|| in_package.first().copied()) else { return Ok(()) };
    this.check_child_size(vsize)?;
    this.check_inherits(parent)?;
    for (other_position, other) in package.iter().enumerate() {
        if other_position == position {
            continue;
        }
        if spends(other, parent.txid) {
            return Err(parent.too_many_descendants());
        }
        if spends(other, this.txid) {
            return Err(Named::tx(other).too_many_ancestors());
        }
    }
    if pool_parent.is_some_and(|entry| entry.descendants.count > 1) {
        return Err(parent.too_many_descendants());
    }
    Ok(())
}
