//! Gossip of addresses: `addr`, `addrv2`, `getaddr`, and our own address.

use super::Network;
use super::handshake::MAX_ADDR_TO_SEND;
use super::peer::{AddrRelay, Peer};
use crate::address::{read_entry, read_entry_v2, write_entry, write_entry_v2};
use crate::bloom::RollingBloom;
use crate::host::Host;
use crate::wire::{DecodeError, Reader, Writer};
use crate::{AddressEntry, ConnectionKind, PeerId, Time};
use bitcoin::p2p::ServiceFlags;
use std::time::Duration;

/// Addresses that are processed in a second, on average.
const MAX_RATE_PER_SECOND: f64 = 0.1;
/// Addresses that may be saved up; the answer to `getaddr` comes on top.
const MAX_TOKENS: f64 = MAX_ADDR_TO_SEND as f64;
/// Share of our address book that we tell, in percent.
const MAX_PERCENT: usize = 23;
/// Mean time between messages with addresses.
const ADDR_INTERVAL: Duration = Duration::from_secs(30);
/// Mean time between tellings of our own address.
const LOCAL_ADDR_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);
/// For so long an address goes to the same two peers, so that repeating it gets it no further.
const ROTATE_INTERVAL: u64 = 24 * 60 * 60;
/// An address seen within this time is relayed.
const FRESH: Duration = Duration::from_secs(10 * 60);
/// Messages with more addresses than this are not news.
const MAX_NEWS: usize = 10;

fn is_compatible(peer: &Peer, entry: &AddressEntry) -> bool {
    peer.wants_addrv2 || entry.address.addr.is_v1_compatible()
}

impl Network {
    /// Takes part in the relay of addresses with this peer, if its kind allows. Inbound peers begin it themselves.
    pub(super) fn set_up_addr_relay(&mut self, id: PeerId) -> bool {
        if matches!(self.peer(id).kind, ConnectionKind::BlockRelay | ConnectionKind::Feeler) {
            return false;
        }
        let keys = (self.random.u64(), self.random.u64());
        self.peer_mut(id).addr_relay.get_or_insert_with(|| {
            Box::new(AddrRelay { known: RollingBloom::new(5_000, 0.001, keys), to_send: Vec::new() })
        });
        true
    }

    pub(super) fn on_addr(
        &mut self,
        id: PeerId,
        kind: &str,
        reader: &mut Reader<'_>,
        now: Time,
    ) -> Result<(), DecodeError> {
        let addresses = if kind == "addrv2" { reader.list(read_entry_v2)? } else { reader.list(read_entry)? };
        if !self.set_up_addr_relay(id) {
            let connection = self.peer(id).kind.name();
            self.net(format!("ignoring {kind} message from {connection} peer={id}"));
            return Ok(());
        }
        if addresses.len() > MAX_ADDR_TO_SEND {
            self.misbehaving(id, &format!("{kind} message size = {}", addresses.len()));
            return Ok(());
        }
        self.refill_addr_tokens(id, now);
        let count = addresses.len();
        let wanted = self.sift_addresses(id, addresses, now);
        let source = self.peer(id).address.addr;
        self.book.add(&wanted, &source, Duration::from_secs(2 * 60 * 60), now);
        let peer = self.peer_mut(id);
        if count < MAX_ADDR_TO_SEND {
            peer.getaddr_sent = false;
        }
        // One address alone is the peer's own.
        if peer.kind == ConnectionKind::AddrFetch && count > 1 {
            self.disconnect_net(id, "addrfetch connection completed");
        }
        Ok(())
    }

    fn refill_addr_tokens(&mut self, id: PeerId, now: Time) {
        let peer = self.peer_mut(id);
        if peer.addr_tokens < MAX_TOKENS {
            let seconds = (now.since(peer.addr_tokens_at) as f64 / 1e6).max(0.0);
            peer.addr_tokens = (peer.addr_tokens + seconds * MAX_RATE_PER_SECOND).min(MAX_TOKENS);
        }
        peer.addr_tokens_at = now;
    }

    /// Relays what is news; returns what the address book should have.
    fn sift_addresses(&mut self, id: PeerId, mut addresses: Vec<AddressEntry>, now: Time) -> Vec<AddressEntry> {
        let count = addresses.len();
        let limited = !self.peer(id).permissions.addr;
        let (mut processed, mut dropped) = (0_u64, 0_u64);
        let mut wanted = Vec::new();
        self.random.shuffle(&mut addresses);
        for mut entry in addresses {
            let peer = self.peer_mut(id);
            if peer.addr_tokens >= 1.0 {
                peer.addr_tokens -= 1.0;
            } else if limited {
                dropped += 1;
                continue;
            }
            let serves = entry.services.has(ServiceFlags::NETWORK) || entry.services.has(ServiceFlags::NETWORK_LIMITED);
            if !serves {
                continue;
            }
            let seen = Time::from_secs(i64::from(entry.time));
            if entry.time <= 100_000_000 || seen > now + FRESH {
                let five_days_ago = now - Duration::from_secs(5 * 24 * 60 * 60);
                entry.time = u32::try_from(five_days_ago.secs()).unwrap_or(0);
            }
            if let Some(relay) = &mut self.peer_mut(id).addr_relay {
                relay.known.insert(&entry.address.key());
            }
            let addr = entry.address.addr;
            if self.bans.is_discouraged(&addr) || self.bans.is_banned(&addr, now) {
                continue;
            }
            processed += 1;
            let reachable = self.is_reachable(&entry);
            let fresh = Time::from_secs(i64::from(entry.time)) > now - FRESH;
            if fresh && !self.peer(id).getaddr_sent && count <= MAX_NEWS && addr.is_routable() {
                self.relay_address(id, &entry, reachable, now);
            }
            if reachable {
                wanted.push(entry);
            }
        }
        let peer = self.peer_mut(id);
        peer.addr_processed += processed;
        peer.addr_rate_limited += dropped;
        self.net(format!(
            "Received addr: {count} addresses ({processed} processed, {dropped} rate-limited) from peer={id}"
        ));
        wanted
    }

    fn is_reachable(&self, entry: &AddressEntry) -> bool {
        self.config.reachable.contains(&entry.address.addr.network())
    }

    /// Passes an address on to two peers, or one if we could not reach it: the same ones for a day.
    fn relay_address(&mut self, from: PeerId, entry: &AddressEntry, reachable: bool, now: Time) {
        let address = self.keyed_hash(&[b"address", &entry.address.key()]);
        let day = (now.secs() as u64).wrapping_add(address) / ROTATE_INTERVAL;
        let hash = |network: &Self, peer: &[u8]| {
            network.keyed_hash(&[b"relay", &address.to_le_bytes(), &day.to_le_bytes(), peer])
        };
        let relays = if reachable || hash(self, &[]) & 1 == 1 { 2 } else { 1 };
        let eligible = self
            .peers
            .values()
            .filter(|peer| peer.addr_relay.is_some() && peer.id != from && is_compatible(peer, entry));
        let mut ranked: Vec<_> = eligible.map(|peer| (hash(self, &peer.id.0.to_le_bytes()), peer.id)).collect();
        ranked.sort_unstable_by(|a, b| b.cmp(a));
        for (_, id) in ranked.into_iter().take(relays) {
            self.push_address(id, entry);
        }
    }

    /// Queues an address for a peer that does not know it.
    fn push_address(&mut self, id: PeerId, entry: &AddressEntry) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let compatible = is_compatible(peer, entry);
        let Some(relay) = &mut peer.addr_relay else { return };
        if !compatible || !entry.address.is_valid() || relay.known.contains(&entry.address.key()) {
            return;
        }
        if relay.to_send.len() >= MAX_ADDR_TO_SEND {
            let index = self.random.index(relay.to_send.len());
            relay.to_send[index] = *entry;
        } else {
            relay.to_send.push(*entry);
        }
    }

    pub(super) fn on_getaddr(&mut self, id: PeerId, now: Time) {
        let peer = self.peer(id);
        // Whom we dialled could fill our book and read it again: that would tell who we are.
        if !peer.is_inbound() {
            let kind = peer.kind.name();
            self.net(format!("Ignoring \"getaddr\" from {kind} connection. peer={id}"));
            return;
        }
        self.set_up_addr_relay(id);
        let peer = self.peer_mut(id);
        if std::mem::replace(&mut peer.getaddr_received, true) {
            self.net(format!("Ignoring repeated \"getaddr\". peer={id}"));
            return;
        }
        if let Some(relay) = &mut peer.addr_relay {
            relay.to_send.clear();
        }
        let addresses = if peer.permissions.addr { self.draw_addresses(now) } else { self.cached_addresses(id, now) };
        for entry in &addresses {
            self.push_address(id, entry);
        }
    }

    fn draw_addresses(&mut self, now: Time) -> Vec<AddressEntry> {
        let mut drawn = self.book.addresses(MAX_ADDR_TO_SEND, MAX_PERCENT, None, now);
        drawn.retain(|entry| {
            !self.bans.is_discouraged(&entry.address.addr) && !self.bans.is_banned(&entry.address.addr, now)
        });
        self.flush_book_log();
        drawn
    }

    /// Everybody who comes over the same network gets the same answer for a day, so that nobody reads the whole book.
    fn cached_addresses(&mut self, id: PeerId, now: Time) -> Vec<AddressEntry> {
        let key = self.peer(id).network_key;
        if let Some((expiry, cached)) = self.addr_caches.get(&key)
            && *expiry >= now
        {
            return cached.clone();
        }
        let drawn = self.draw_addresses(now);
        let lifetime = Duration::from_secs(21 * 60 * 60) + self.random.within(Duration::from_secs(6 * 60 * 60));
        self.addr_caches.insert(key, (now + lifetime, drawn.clone()));
        drawn
    }

    fn send_addresses(&mut self, id: PeerId, entries: &[AddressEntry]) {
        let mut writer = Writer::default();
        if self.peer(id).wants_addrv2 {
            writer.list(entries, write_entry_v2);
            self.send(id, "addrv2", writer.into_bytes());
        } else {
            writer.list(entries, write_entry);
            self.send(id, "addr", writer.into_bytes());
        }
    }

    pub(super) fn maybe_send_addr(&mut self, id: PeerId, now: Time, host: &dyn Host) {
        if self.peer(id).addr_relay.is_none() {
            return;
        }
        self.maybe_announce_ourselves(id, now, host);
        if now <= self.peer(id).next_addr_send {
            return;
        }
        let next = now + self.random.exponential(ADDR_INTERVAL);
        let peer = self.peer_mut(id);
        peer.next_addr_send = next;
        let Some(relay) = &mut peer.addr_relay else { return };
        let mut entries = std::mem::take(&mut relay.to_send);
        entries.retain(|entry| {
            let key = entry.address.key();
            let new = !relay.known.contains(&key);
            if new {
                relay.known.insert(&key);
            }
            new
        });
        if !entries.is_empty() {
            self.send_addresses(id, &entries);
        }
    }

    /// Tells our own address about once a day.
    fn maybe_announce_ourselves(&mut self, id: PeerId, now: Time, host: &dyn Host) {
        let last = self.peer(id).next_local_addr;
        if !self.config.listen || host.is_initial_block_download() || last >= now {
            return;
        }
        let next = now + self.random.exponential(LOCAL_ADDR_INTERVAL);
        let peer = self.peer_mut(id);
        peer.next_local_addr = next;
        let first = last.is_never();
        if !first && let Some(relay) = &mut peer.addr_relay {
            relay.known.clear();
        }
        let (services, network) = (peer.our_services, peer.address.addr.network());
        let own = &self.config.local_addresses;
        let nearest = own.iter().find(|address| address.addr.network() == network).or_else(|| own.first());
        let Some(address) = nearest.copied().filter(|address| address.addr.is_routable()) else { return };
        self.net(format!("Advertising address {address} to peer={id}"));
        let entry = AddressEntry { address, services, time: u32::try_from(now.secs()).unwrap_or(0) };
        // The first time it goes alone: a peer that limits rates takes one address at once.
        if !first {
            self.push_address(id, &entry);
        } else if is_compatible(self.peer(id), &entry) {
            self.send_addresses(id, &[entry]);
        }
    }
}
