//! Announcing blocks and transactions.

use super::Network;
use super::chain_events::MAX_BLOCKS_TO_ANNOUNCE;
use super::inventory::MAX_INV;
use super::sync::is_active;
use crate::host::{HeaderInfo, Host, MempoolInfo, TxId};
use crate::wire::{Inv, InvKind};
use crate::{PeerId, Time};
use bitcoin::Wtxid;
use std::time::Duration;

/// Mean time between announcements of transactions to inbound peers.
const INBOUND_INTERVAL: Duration = Duration::from_secs(5);
/// The same for outbound peers: from them less is to be hidden.
const OUTBOUND_INTERVAL: Duration = Duration::from_secs(2);
/// Transactions in one announcement, when few wait: 14 in a second.
const BROADCAST_TARGET: usize = 70;
/// Transactions in one announcement, however many wait.
const BROADCAST_MAX: usize = 1_000;

/// How a block is announced to a peer.
enum Announcement {
    Nothing,
    /// By a list of block hashes, of which only the last is named.
    Inv,
    Headers(Vec<HeaderInfo>),
}

impl Network {
    /// Announces new blocks: by compact block or headers if the peer wants and they connect, else by inv.
    pub(super) fn announce_blocks(&mut self, id: PeerId, host: &dyn Host) {
        self.process_block_availability(id, host);
        let announcement = self.choose_announcement(id, host);
        let inv = match announcement {
            Announcement::Nothing => false,
            Announcement::Inv => true,
            Announcement::Headers(headers) => !self.announce_headers(id, &headers, host),
        };
        let last = self.peer(id).blocks_for_headers.last().copied();
        if let Some(header) = last.filter(|_| inv).and_then(|hash| host.header(&hash)) {
            let hash = header.hash;
            if !is_active(host, &header) {
                let tip = host.tip().hash;
                self.net(format!("Announcing block {hash} not on main chain (tip={tip})"));
            }
            if !self.peer(id).has_header(&header, host) {
                self.peer_mut(id).blocks_for_inv.push(hash);
                self.net(format!("SendMessages: sending inv peer={id} hash={hash}"));
            }
        }
        self.peer_mut(id).blocks_for_headers.clear();
    }

    fn choose_announcement(&self, id: PeerId, host: &dyn Host) -> Announcement {
        let peer = self.peer(id);
        let hashes = &peer.blocks_for_headers;
        let wants_compact = peer.wants_high_bandwidth && hashes.len() <= 1;
        if (!peer.prefers_headers && !wants_compact) || hashes.len() > MAX_BLOCKS_TO_ANNOUNCE {
            return Announcement::Inv;
        }
        let mut headers: Vec<HeaderInfo> = Vec::new();
        let mut previous: Option<HeaderInfo> = None;
        for header in hashes.iter().filter_map(|hash| host.header(hash)) {
            // A reorganisation left it, or the same blocks were queued twice.
            let broken = previous.is_some_and(|previous| header.prev != previous.hash);
            if !is_active(host, &header) || broken {
                return Announcement::Inv;
            }
            previous = Some(header);
            if headers.is_empty() {
                if peer.has_header(&header, host) {
                    continue;
                }
                let parent = host.header(&header.prev);
                if parent.is_some_and(|parent| !peer.has_header(&parent, host)) {
                    // It would not connect.
                    return Announcement::Inv;
                }
            }
            headers.push(header);
        }
        if headers.is_empty() { Announcement::Nothing } else { Announcement::Headers(headers) }
    }

    /// Returns `false` when the peer takes neither form.
    fn announce_headers(&mut self, id: PeerId, headers: &[HeaderInfo], host: &dyn Host) -> bool {
        let Some(last) = headers.last().copied() else { return true };
        let peer = self.peer(id);
        if headers.len() == 1 && peer.wants_high_bandwidth {
            let hash = last.hash;
            self.net(format!("SendMessages sending header-and-ids {hash} to peer={id}"));
            let recent = self.recent_block.as_ref().filter(|recent| recent.hash == hash);
            let block = recent.map(|recent| recent.block.clone()).or_else(|| host.block(&hash));
            let Some(block) = block else { return false };
            self.send_compact(id, &block);
        } else if peer.prefers_headers {
            let raw: Vec<_> = headers.iter().filter_map(|header| host.raw_header(&header.hash)).collect();
            let (count, first) = (headers.len(), headers[0].hash);
            self.net(if count > 1 {
                format!("SendMessages: {count} headers, range ({first}, {}), to peer={id}", last.hash)
            } else {
                format!("SendMessages: sending header {first} to peer={id}")
            });
            self.send_headers(id, &raw);
        } else {
            return false;
        }
        self.peer_mut(id).best_header_sent = Some(last);
        true
    }

    /// Announces by inv: blocks at once, transactions when their time has come.
    pub(super) fn announce_inventory(&mut self, id: PeerId, now: Time, host: &dyn Host) {
        let blocks = std::mem::take(&mut self.peer_mut(id).blocks_for_inv);
        let mut invs: Vec<_> = blocks.into_iter().map(|hash| Inv::block(InvKind::Block, hash)).collect();
        self.collect_transactions(id, &mut invs, now, host);
        for part in invs.chunks(MAX_INV) {
            self.send_invs(id, "inv", part);
        }
    }

    fn collect_transactions(&mut self, id: PeerId, invs: &mut Vec<Inv>, now: Time, host: &dyn Host) {
        let peer = self.peer(id);
        let Some(relay) = &peer.tx_relay else { return };
        let mut due = peer.permissions.no_ban;
        if relay.next_inv < now {
            due = true;
            let next = self.next_announcement(id, now);
            if let Some(relay) = &mut self.peer_mut(id).tx_relay {
                relay.next_inv = next;
            }
        }
        if !due {
            return;
        }
        let wtxid_relay = self.peer(id).wtxid_relay;
        let Some(relay) = &mut self.peer_mut(id).tx_relay else { return };
        if !relay.relay {
            relay.to_send.clear();
        }
        let fee_filter = relay.fee_filter;
        let mut filter = relay.filter.take();
        let mut matches =
            |info: &MempoolInfo| filter.as_mut().is_none_or(|filter| filter.is_relevant_and_update(&info.tx));
        // Does not send what the peer would not keep.
        let pays = |info: &MempoolInfo| info.fee >= fee_for(fee_filter, info.vsize);
        let inv_of = |wtxid: &Wtxid, info: &MempoolInfo| {
            let id = if wtxid_relay { TxId::Wtxid(*wtxid) } else { TxId::Txid(info.tx.compute_txid()) };
            Inv::tx(id, false)
        };
        if std::mem::take(&mut relay.send_mempool) {
            for wtxid in host.mempool_order() {
                relay.to_send.remove(&wtxid);
                let Some(info) = host.mempool_info(&TxId::Wtxid(wtxid)) else { continue };
                if pays(&info) && matches(&info) {
                    let inv = inv_of(&wtxid, &info);
                    relay.known.insert(&inv.hash);
                    invs.push(inv);
                }
            }
        }
        let max = BROADCAST_MAX.min(BROADCAST_TARGET + relay.to_send.len() / 1_000 * 5);
        let mut queue: Vec<_> = relay.to_send.iter().copied().collect();
        host.sort_for_relay(&mut queue);
        let mut announced = 0;
        for wtxid in queue {
            if announced >= max {
                break;
            }
            relay.to_send.remove(&wtxid);
            let Some(info) = host.mempool_info(&TxId::Wtxid(wtxid)) else { continue };
            let inv = inv_of(&wtxid, &info);
            if relay.known.contains(&inv.hash) || !pays(&info) || !matches(&info) {
                continue;
            }
            relay.known.insert(&inv.hash);
            invs.push(inv);
            announced += 1;
        }
        // From now on the peer may ask for what it was just told of.
        relay.last_inv_sequence = host.mempool_sequence();
        relay.filter = filter;
    }

    /// When to announce next: inbound peers of one network share a clock, so that many connections learn no more than
    /// one.
    fn next_announcement(&mut self, id: PeerId, now: Time) -> Time {
        let peer = self.peer(id);
        if !peer.is_inbound() {
            return now + self.random.exponential(OUTBOUND_INTERVAL);
        }
        let key = peer.network_key;
        let gap = self.random.exponential(INBOUND_INTERVAL);
        let next = self.next_inv_to_inbounds.entry(key).or_default();
        if *next < now {
            *next = now + gap;
        }
        *next
    }
}

/// The fee of a size at a feerate in satoshi per 1000 virtual bytes, rounded up (Core's `CFeeRate::GetFee`).
fn fee_for(feerate: u64, vsize: u64) -> u64 {
    u64::try_from((u128::from(feerate) * u128::from(vsize)).div_ceil(1_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_are_rounded_up() {
        assert_eq!(fee_for(1_000, 141), 141);
        assert_eq!(fee_for(100, 141), 15);
        assert_eq!(fee_for(0, 141), 0);
    }
}
