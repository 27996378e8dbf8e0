//! What RPC shows about peers: `getpeerinfo`, `getnettotals`, `getconnectioncount`.

use super::Network;
use crate::wire::{MessageType, TransportInfo};
use crate::{ConnectionKind, NetworkKind, PeerAddress, PeerId, Time};
use bitcoin::p2p::ServiceFlags;
use std::collections::BTreeMap;

/// The day in which uploads are counted, in seconds.
const UPLOAD_DAY: i64 = 24 * 60 * 60;
/// Largest block, in bytes.
const MAX_BLOCK_SIZE: u64 = 4_000_000;

/// All that `getpeerinfo` shows. Times that never came are [`Time::NEVER`].
#[derive(Debug, Clone, PartialEq)]
pub struct PeerInfo {
    /// `id`.
    pub id: PeerId,
    /// `addr`: what was dialled, or the address.
    pub name: String,
    /// The address.
    pub address: PeerAddress,
    /// `addrbind`.
    pub bound: PeerAddress,
    /// `addrlocal`: what the peer says our address is.
    pub address_local: Option<PeerAddress>,
    /// `network`.
    pub network: NetworkKind,
    /// `services`.
    pub services: ServiceFlags,
    /// `relaytxes`.
    pub relays_txs: bool,
    /// `last_inv_sequence`.
    pub last_inv_sequence: u64,
    /// `inv_to_send`.
    pub inv_to_send: usize,
    /// `lastsend`.
    pub last_send: Time,
    /// `lastrecv`.
    pub last_receive: Time,
    /// `last_transaction`.
    pub last_transaction: Time,
    /// `last_block`.
    pub last_block: Time,
    /// `bytessent`.
    pub bytes_sent: u64,
    /// `bytesrecv`.
    pub bytes_received: u64,
    /// `conntime`.
    pub connected: Time,
    /// `timeoffset`, in seconds.
    pub time_offset: i64,
    /// `pingtime`, in microseconds.
    pub ping: Option<i64>,
    /// `minping`, in microseconds.
    pub min_ping: Option<i64>,
    /// `pingwait`, in microseconds.
    pub ping_wait: Option<i64>,
    /// `version`.
    pub version: u32,
    /// `subver`.
    pub subversion: String,
    /// `inbound`.
    pub inbound: bool,
    /// `bip152_hb_to`.
    pub high_bandwidth_to: bool,
    /// `bip152_hb_from`.
    pub high_bandwidth_from: bool,
    /// `startingheight`.
    pub starting_height: i32,
    /// `presynced_headers`; -1 when there is no presync.
    pub presynced_headers: i64,
    /// `synced_headers`; -1 when unknown.
    pub synced_headers: i64,
    /// `synced_blocks`; -1 when unknown.
    pub synced_blocks: i64,
    /// `inflight`: heights.
    pub in_flight: Vec<u32>,
    /// `addr_relay_enabled`.
    pub addr_relay: bool,
    /// `addr_processed`.
    pub addr_processed: u64,
    /// `addr_rate_limited`.
    pub addr_rate_limited: u64,
    /// `permissions`.
    pub permissions: Vec<&'static str>,
    /// `minfeefilter`, in satoshi per 1000 virtual bytes.
    pub min_fee_filter: u64,
    /// `bytessent_per_msg`.
    pub sent_by_type: BTreeMap<MessageType, u64>,
    /// `bytesrecv_per_msg`; unknown types under `*other*`.
    pub received_by_type: BTreeMap<MessageType, u64>,
    /// `connection_type`.
    pub kind: ConnectionKind,
    /// `transport_protocol_type` and `session_id`.
    pub transport: TransportInfo,
}

/// Connections by direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConnectionCounts {
    /// From others.
    pub inbound: usize,
    /// To others.
    pub outbound: usize,
}

/// Bytes of all connections since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Received.
    pub received: u64,
    /// Sent.
    pub sent: u64,
    /// When the current day of uploads began.
    cycle_start: Time,
    /// Sent since then.
    sent_in_cycle: u64,
}

impl Totals {
    pub(super) fn add_sent(&mut self, bytes: u64, now: Time) {
        self.sent += bytes;
        if self.cycle_start.secs() + UPLOAD_DAY < now.secs() {
            self.cycle_start = now;
            self.sent_in_cycle = 0;
        }
        self.sent_in_cycle += bytes;
    }

    /// Seconds until the count of uploads begins anew.
    pub const fn cycle_left(&self, now: Time) -> i64 {
        if self.cycle_start.is_never() {
            return UPLOAD_DAY;
        }
        let left = self.cycle_start.secs() + UPLOAD_DAY - now.secs();
        if left < 0 { 0 } else { left }
    }

    /// Bytes sent in the current day.
    pub const fn sent_in_cycle(&self) -> u64 {
        self.sent_in_cycle
    }
}

impl Network {
    /// All peers, in the order of their numbers.
    pub fn peer_infos(&self, now: Time) -> Vec<PeerInfo> {
        self.peers.keys().map(|id| self.peer_info(*id, now)).collect()
    }

    fn peer_info(&self, id: PeerId, now: Time) -> PeerInfo {
        let peer = self.peer(id);
        let relay = peer.tx_relay.as_deref();
        let height = |header: Option<crate::HeaderInfo>| header.map_or(-1, |header| i64::from(header.height));
        let in_flight = self.blocks_in_flight.of(id).into_iter().flat_map(|download| &download.queue);
        PeerInfo {
            id,
            name: peer.name.clone(),
            address: peer.address,
            bound: peer.bound,
            address_local: peer.address_local.filter(PeerAddress::is_valid),
            network: peer.address.addr.network(),
            services: peer.their_services,
            relays_txs: relay.is_some_and(|relay| relay.relay),
            last_inv_sequence: relay.map_or(0, |relay| relay.last_inv_sequence),
            inv_to_send: relay.map_or(0, |relay| relay.to_send.len()),
            last_send: peer.traffic.last_send,
            last_receive: peer.traffic.last_receive,
            last_transaction: peer.last_tx,
            last_block: peer.last_block,
            bytes_sent: peer.traffic.bytes_sent,
            bytes_received: peer.traffic.bytes_received,
            connected: peer.connected,
            time_offset: peer.time_offset,
            ping: peer.last_ping.filter(|ping| *ping > 0),
            min_ping: Some(peer.min_ping).filter(|ping| *ping < i64::MAX),
            ping_wait: (peer.ping_nonce != 0).then(|| now.since(peer.ping_start)).filter(|wait| *wait > 0),
            version: peer.version,
            subversion: peer.subversion.clone(),
            inbound: peer.is_inbound(),
            high_bandwidth_to: peer.high_bandwidth_to,
            high_bandwidth_from: peer.wants_high_bandwidth,
            starting_height: peer.starting_height,
            presynced_headers: peer.headers_sync.as_ref().map_or(-1, |sync| sync.reached().0 as i64),
            synced_headers: height(peer.best_known),
            synced_blocks: height(peer.last_common),
            in_flight: in_flight.map(|queued| queued.height).collect(),
            addr_relay: peer.addr_relay.is_some(),
            addr_processed: peer.addr_processed,
            addr_rate_limited: peer.addr_rate_limited,
            permissions: peer.permissions.names(),
            min_fee_filter: relay.map_or(0, |relay| relay.fee_filter),
            sent_by_type: peer.traffic.sent_by_type.clone(),
            received_by_type: peer.traffic.received_by_type.clone(),
            kind: peer.kind,
            transport: peer.transport,
        }
    }

    /// Bytes sent and received.
    pub const fn totals(&self) -> Totals {
        self.totals
    }

    /// Connections by direction.
    pub fn connection_counts(&self) -> ConnectionCounts {
        let inbound = self.peers.values().filter(|peer| peer.is_inbound()).count();
        ConnectionCounts { inbound, outbound: self.peers.len() - inbound }
    }

    /// Services that we offer.
    pub const fn local_services(&self) -> ServiceFlags {
        self.services
    }

    /// Addresses that we announce as ours.
    pub fn local_addresses(&self) -> &[PeerAddress] {
        &self.config.local_addresses
    }

    /// Median of what outbound peers' clocks are ahead of ours, in seconds.
    pub fn median_time_offset(&self) -> i64 {
        let outbound = self.peers.values().filter(|peer| !peer.is_inbound() && peer.version != 0);
        let mut offsets: Vec<_> = outbound.map(|peer| peer.time_offset).collect();
        offsets.sort_unstable();
        offsets.get(offsets.len() / 2).copied().filter(|_| offsets.len() >= 5).unwrap_or(0)
    }

    /// Whether `-maxuploadtarget` is reached; for historical blocks earlier, so that new ones can still be relayed.
    pub fn upload_target_reached(&self, historical: bool, now: Time) -> bool {
        let max = self.config.max_upload;
        if max == 0 {
            return false;
        }
        let buffer = if historical { (self.totals.cycle_left(now) / 600) as u64 * MAX_BLOCK_SIZE } else { 0 };
        buffer >= max || self.totals.sent_in_cycle >= max - buffer
    }
}
