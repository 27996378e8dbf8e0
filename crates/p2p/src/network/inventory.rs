//! Announcements that peers make, and their wishes about ours.

use super::Network;
use crate::download::MAX_PER_PEER;
use crate::fees::MAX_MONEY;
use crate::host::Host;
use crate::tx_download::MAX_ANNOUNCEMENTS;
use crate::wire::{DecodeError, Inv, InvKind, Reader};
use crate::{PeerId, Time};
use bitcoin::p2p::ServiceFlags;

/// Entries of one `inv` or `getdata`.
pub(super) const MAX_INV: usize = 50_000;

impl Network {
    pub(super) fn on_inv(
        &mut self,
        id: PeerId,
        reader: &mut Reader<'_>,
        now: Time,
        host: &dyn Host,
    ) -> Result<(), DecodeError> {
        let invs = reader.list(Inv::read)?;
        if invs.len() > MAX_INV {
            self.misbehaving(id, &format!("inv message size = {}", invs.len()));
            return Ok(());
        }
        let rejects_txs = self.rejects_txs(id);
        let mut new_block = None;
        for inv in &invs {
            let wtxid_relay = self.peer(id).wtxid_relay;
            if inv.kind == if wtxid_relay { InvKind::Tx } else { InvKind::Wtx } {
                continue;
            }
            if inv.kind == InvKind::Block {
                let hash = inv.block_hash();
                let have = host.header(&hash).is_some();
                self.net(format!("got inv: {inv} {} peer={id}", if have { "have" } else { "new" }));
                self.update_block_availability(id, hash, host);
                if !have && !host.is_loading_blocks() && !self.blocks_in_flight.is_requested(&hash) {
                    // The last one should be the highest: ask for the headers up to it.
                    new_block = Some(hash);
                }
            } else if let Some(tx) = inv.tx_id() {
                if rejects_txs {
                    let hash = inv.block_hash();
                    self.disconnect_net(id, &format!("transaction ({hash}) inv sent in violation of protocol"));
                    return Ok(());
                }
                self.peer_mut(id).add_known_tx(&inv.hash);
                if !host.is_initial_block_download() {
                    let have = self.tx_download.announced(id, tx, now, host);
                    self.net(format!("got inv: {inv} {} peer={id}", if have { "have" } else { "new" }));
                }
            } else {
                self.net(format!("Unknown inv type \"{inv}\" received from peer={id}"));
            }
        }
        if let Some(hash) = new_block {
            self.on_block_inv(id, hash, now, host);
        }
        Ok(())
    }

    /// A block is announced that we do not know. While the headers are being fetched from somebody else, one more peer
    /// is asked for each new block, in case that one does not answer.
    fn on_block_inv(&mut self, id: PeerId, hash: bitcoin::BlockHash, now: Time, host: &dyn Host) {
        let peer = self.peer(id);
        let started = peer.sync_started;
        if !started && (peer.inv_triggered_getheaders || self.last_block_inv == Some(hash)) {
            return;
        }
        let best = host.best_header();
        if self.maybe_send_getheaders(id, &host.locator(&best.hash), now) {
            self.net(format!("getheaders ({}) {hash} to peer={id}", best.height));
        }
        if !started {
            self.peer_mut(id).inv_triggered_getheaders = true;
            self.last_block_inv = Some(hash);
        }
    }

    pub(super) fn on_notfound(&mut self, id: PeerId, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        let invs = reader.list(Inv::read)?;
        if invs.len() <= MAX_ANNOUNCEMENTS + MAX_PER_PEER {
            for tx in invs.iter().filter_map(Inv::tx_id) {
                self.tx_download.not_found(id, &tx);
            }
        }
        Ok(())
    }

    pub(super) fn on_feefilter(&mut self, id: PeerId, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        let Ok(feerate) = u64::try_from(reader.i64()?) else { return Ok(()) };
        if feerate > MAX_MONEY {
            return Ok(());
        }
        if let Some(relay) = &mut self.peer_mut(id).tx_relay {
            relay.fee_filter = feerate;
        }
        let (whole, part) = (feerate / 100_000_000, feerate % 100_000_000);
        self.net(format!("received: feefilter of {whole}.{part:08} BTC/kvB from peer={id}"));
        Ok(())
    }

    /// BIP35: whoever may, gets all of the mempool announced.
    pub(super) fn on_mempool(&mut self, id: PeerId, now: Time) {
        let peer = self.peer(id);
        let (allowed, no_ban) = (peer.permissions.mempool, peer.permissions.no_ban);
        let why = if !allowed && !peer.our_services.has(ServiceFlags::BLOOM) {
            Some("mempool request with bloom filters disabled")
        } else if !allowed && self.upload_target_reached(false, now) {
            Some("mempool request with bandwidth limit reached")
        } else {
            None
        };
        match why {
            Some(why) if !no_ban => self.disconnect_net(id, why),
            Some(_) => {}
            None => {
                if let Some(relay) = &mut self.peer_mut(id).tx_relay {
                    relay.send_mempool = true;
                }
            }
        }
    }
}
