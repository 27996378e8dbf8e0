//! A block has come.

use bitcoin::Transaction;

use super::{Mempool, RemovalReason};

impl Mempool {
    /// Removes what a connected block has confirmed, and what it has made impossible. `transactions` are all of the block's.
    pub fn remove_for_block(&mut self, transactions: &[Transaction], now: i64) {
        for tx in transactions {
            let txid = tx.compute_txid();
            if let Some(slot) = self.table.slot(&txid) {
                self.remove_confirmed(slot);
            }
            self.remove_conflicts(tx);
            self.clear_prioritisation(&txid);
        }
        self.mend();
        self.rolling.block_connected(now);
    }

    /// Removes what spends the same outputs as a confirmed transaction, and all that descend from it.
    fn remove_conflicts(&mut self, confirmed: &Transaction) {
        for input in &confirmed.input {
            if let Some(conflict) = self.spender_slot(&input.previous_output) {
                let txid = self.table[conflict].txid();
                self.clear_prioritisation(&txid);
                let family = self.table.descendants([conflict]);
                self.remove_with_descendants_unmended(&family, RemovalReason::Conflict);
            }
        }
    }
}
