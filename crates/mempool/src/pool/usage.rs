//! How much memory the mempool uses, by the reckoning of Bitcoin Core: what users set `-maxmempool` by, and what decides
//! when transactions are evicted.

use bitcoin::{Transaction, TxIn};

/// A node of Core's red-black trees, beside its content.
const TREE_NODE: usize = 32;
/// The link of one entry to another.
pub(super) const LINK: usize = malloc(TREE_NODE + 8);

/// What an allocation of so many bytes costs.
const fn malloc(bytes: usize) -> usize {
    if bytes == 0 { 0 } else { (bytes + 31) / 16 * 16 }
}

/// Scripts of up to 36 bytes lie inside their input or output.
const fn script(bytes: usize) -> usize {
    if bytes > 36 { malloc(bytes) } else { 0 }
}

fn input(input: &TxIn) -> usize {
    let witness: usize = input.witness.iter().map(|item| malloc(item.len())).sum();
    script(input.script_sig.len()) + malloc(input.witness.len() * 24) + witness
}

/// The memory that one transaction takes.
pub(super) fn transaction(tx: &Transaction) -> usize {
    /// The shared transaction and its counter.
    const SHARED: usize = malloc(128) + malloc(24);
    let inputs: usize = tx.input.iter().map(input).sum();
    let outputs: usize = tx.output.iter().map(|output| script(output.script_pubkey.len())).sum();
    SHARED + malloc(tx.input.len() * 104) + malloc(tx.output.len() * 48) + inputs + outputs
}

/// The memory of the tables around the transactions.
pub(super) fn containers(entries: usize, spent_outputs: usize, deltas: usize) -> usize {
    /// An entry with its places in the indexes.
    const ENTRY: usize = malloc(264 + 15 * 8);
    /// A transaction in the list by which announcements are drawn.
    const LISTED: usize = 40;
    entries * (ENTRY + LISTED) + spent_outputs * malloc(TREE_NODE + 16) + deltas * malloc(TREE_NODE + 40)
}
