//! Transactions that peers send, and their relay.

use super::Network;
use crate::host::{Host, TxId, TxRejection, TxResult};
use crate::log::{Category, LogLine};
use crate::tx_download::{Arrival, Package};
use crate::wire::{DecodeError, Reader};
use crate::{PeerId, Time};
use bitcoin::hashes::Hash;
use bitcoin::{Transaction, Txid, Wtxid};
use std::sync::Arc;

/// Larger transactions are not kept for compact blocks, in bytes.
const MAX_EXTRA_TX_SIZE: usize = 100_000;

fn shown(rejection: &TxRejection) -> String {
    let comma = if rejection.debug.is_empty() { "" } else { ", " };
    format!("{}{comma}{}", rejection.reason, rejection.debug)
}

impl Network {
    pub(super) fn on_tx(
        &mut self,
        id: PeerId,
        reader: &mut Reader<'_>,
        now: Time,
        host: &mut dyn Host,
    ) -> Result<(), DecodeError> {
        if self.rejects_txs(id) {
            self.disconnect_net(id, "transaction sent in violation of protocol");
            return Ok(());
        }
        if host.is_initial_block_download() {
            return Ok(());
        }
        let tx: Arc<Transaction> = Arc::new(reader.transaction()?);
        let (txid, wtxid) = (tx.compute_txid(), tx.compute_wtxid());
        let peer = self.peer_mut(id);
        let known = if peer.wtxid_relay { wtxid.to_byte_array() } else { txid.to_byte_array() };
        peer.add_known_tx(&known);
        match self.tx_download.received(id, &tx, host) {
            Arrival::Validate => self.validate_tx(id, &tx, now, host),
            arrival => {
                if self.peer(id).permissions.force_relay {
                    self.force_relay(id, txid, wtxid, host);
                }
                if let Arrival::TryPackage(package) = arrival {
                    self.try_package(&package, now, host);
                }
            }
        }
        Ok(())
    }

    fn validate_tx(&mut self, id: PeerId, tx: &Arc<Transaction>, now: Time, host: &mut dyn Host) {
        match host.accept_transaction(tx, now) {
            TxResult::Accepted { replaced } => {
                self.on_valid_tx(id, tx, &replaced, host);
                self.peer_mut(id).last_tx = now;
            }
            TxResult::Rejected(rejection) => {
                if let Some(package) = self.on_invalid_tx(id, tx, &rejection, true, now, host) {
                    self.try_package(&package, now, host);
                }
            }
        }
    }

    /// Lets a peer with the permission relay again what is in the mempool already.
    fn force_relay(&mut self, id: PeerId, txid: Txid, wtxid: Wtxid, host: &dyn Host) {
        if host.mempool_contains(&TxId::Txid(txid)) {
            self.info(format!("Force relaying tx {txid} (wtxid={wtxid}) from peer={id}"));
            self.relay_transaction(txid, wtxid);
        } else {
            self.info(format!("Not relaying non-mempool transaction {txid} (wtxid={wtxid}) from forcerelay peer={id}"));
        }
    }

    fn on_valid_tx(&mut self, id: PeerId, tx: &Arc<Transaction>, replaced: &[Arc<Transaction>], host: &dyn Host) {
        self.tx_download.accepted(tx);
        let (txid, wtxid) = (tx.compute_txid(), tx.compute_wtxid());
        let (count, memory) = host.mempool_size();
        let text = format!(
            "AcceptToMemoryPool: peer={id}: accepted {txid} (wtxid={wtxid}) (poolsz {count} txn, {} kB)",
            memory / 1_000
        );
        self.log(LogLine::debug(Category::Mempool, text));
        self.relay_transaction(txid, wtxid);
        for tx in replaced {
            self.keep_extra_tx(tx);
        }
    }

    /// Returns a package that may be tried instead.
    fn on_invalid_tx(
        &mut self,
        id: PeerId,
        tx: &Arc<Transaction>,
        rejection: &TxRejection,
        first: bool,
        now: Time,
        host: &dyn Host,
    ) -> Option<Package> {
        let (txid, wtxid) = (tx.compute_txid(), tx.compute_wtxid());
        let text = format!("{txid} (wtxid={wtxid}) from peer={id} was not accepted: {}", shown(rejection));
        self.log(LogLine::debug(Category::MempoolRej, text));
        let refusal = self.tx_download.rejected(tx, rejection, id, first, now, host);
        if refusal.keep_for_compact_blocks && tx.total_size() < MAX_EXTRA_TX_SIZE {
            self.keep_extra_tx(tx);
        }
        if let Some(peer) = self.peers.get_mut(&id) {
            refusal.parents.iter().for_each(|parent| peer.add_known_tx(parent.as_byte_array()));
        }
        refusal.package
    }

    /// Keeps a transaction for compact blocks, in place of the oldest.
    fn keep_extra_tx(&mut self, tx: &Arc<Transaction>) {
        let max = self.config.max_extra_txs;
        if max == 0 {
            return;
        }
        let entry = (tx.compute_wtxid(), Arc::clone(tx));
        if self.extra_txs.len() < max {
            self.extra_txs.push(entry);
        } else {
            self.extra_txs[self.extra_next] = entry;
        }
        self.extra_next = (self.extra_next + 1) % max;
    }

    fn try_package(&mut self, package: &Package, now: Time, host: &mut dyn Host) {
        let result = host.accept_package(&package.parent, &package.child, now);
        let verdict = if result.accepted { "package accepted" } else { "package rejected" };
        let text = format!(
            "package evaluation for parent {} (wtxid={}, sender={}) + child {} (wtxid={}, sender={}): {verdict}",
            package.parent.compute_txid(),
            package.parent.compute_wtxid(),
            package.sender,
            package.child.compute_txid(),
            package.child.compute_wtxid(),
            package.sender
        );
        self.log(LogLine::debug(Category::TxPackages, text));
        if !result.accepted {
            self.tx_download.package_rejected(package);
        }
        // The child first: it leaves the orphans before its parent would have it tried again.
        for tx in [&package.child, &package.parent] {
            let wtxid = tx.compute_wtxid();
            match result.transactions.iter().find(|(known, _)| *known == wtxid).map(|(_, result)| result) {
                Some(TxResult::Accepted { replaced }) => self.on_valid_tx(package.sender, tx, replaced, host),
                Some(TxResult::Rejected(rejection)) => {
                    self.on_invalid_tx(package.sender, tx, rejection, false, now, host);
                }
                None => {}
            }
        }
    }

    /// Tries one orphan again whose parent has come. Returns whether anything came of it.
    pub(super) fn process_orphan(&mut self, id: PeerId, now: Time, host: &mut dyn Host) -> bool {
        while let Some(orphan) = self.tx_download.orphanage.take_work(id) {
            let (txid, wtxid) = (orphan.compute_txid(), orphan.compute_wtxid());
            match host.accept_transaction(&orphan, now) {
                TxResult::Accepted { replaced } => {
                    self.log(LogLine::debug(
                        Category::TxPackages,
                        format!("   accepted orphan tx {txid} (wtxid={wtxid})"),
                    ));
                    self.on_valid_tx(id, &orphan, &replaced, host);
                    self.flush_tx_log();
                    return true;
                }
                TxResult::Rejected(rejection) if rejection.verdict != crate::host::TxVerdict::MissingInputs => {
                    let why = shown(&rejection);
                    self.log(LogLine::debug(
                        Category::TxPackages,
                        format!("   invalid orphan tx {txid} (wtxid={wtxid}) from peer={id}. {why}"),
                    ));
                    self.on_invalid_tx(id, &orphan, &rejection, false, now, host);
                    self.flush_tx_log();
                    return true;
                }
                TxResult::Rejected(_) => {}
            }
        }
        false
    }

    /// Announces a transaction of the mempool to everybody who does not know it (also after `sendrawtransaction`).
    pub fn relay_transaction(&mut self, txid: Txid, wtxid: Wtxid) {
        for peer in self.peers.values_mut() {
            let hash = if peer.wtxid_relay { wtxid.to_byte_array() } else { txid.to_byte_array() };
            let Some(relay) = &mut peer.tx_relay else { continue };
            // Before the handshake is complete nothing is queued: it would go out without the usual delay.
            if !relay.next_inv.is_never() && !relay.known.contains(&hash) {
                relay.to_send.insert(wtxid);
            }
        }
    }

    /// Announces our own transactions again that nobody has asked for yet.
    pub(super) fn reattempt_broadcast(&mut self, host: &mut dyn Host) {
        for (txid, wtxid) in host.unbroadcast() {
            if host.mempool_contains(&TxId::Txid(txid)) {
                self.relay_transaction(txid, wtxid);
            } else {
                host.remove_unbroadcast(&txid);
            }
        }
    }
}
