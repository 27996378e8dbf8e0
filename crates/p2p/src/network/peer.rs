//! What is kept about one connection.

use crate::bip37::BloomFilter;
use crate::bloom::RollingBloom;
use crate::config::Permissions;
use crate::headers_sync::HeadersSync;
use crate::host::HeaderInfo;
use crate::wire::{Inv, Message, MessageType, TransportInfo};
use crate::{AddressEntry, ConnectionKind, PeerAddress, PeerId, Time};
use bitcoin::p2p::ServiceFlags;
use bitcoin::{BlockHash, Wtxid};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A message that waits for its turn.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) message: Message,
    pub(super) time: Time,
}

/// Transactions that go to a peer which wants them.
#[derive(Debug)]
pub(super) struct TxRelay {
    /// Whether it wants announcements.
    pub(super) relay: bool,
    /// Only what matches it is announced (BIP37).
    pub(super) filter: Option<BloomFilter>,
    /// What it knows: what it announced and what we announced.
    pub(super) known: RollingBloom,
    /// Wtxids to announce.
    pub(super) to_send: BTreeSet<Wtxid>,
    /// It asked for all of the mempool (BIP35).
    pub(super) send_mempool: bool,
    pub(super) next_inv: Time,
    /// The mempool's sequence at the last announcement: what came later is not served.
    pub(super) last_inv_sequence: u64,
    /// Least feerate it wants, in satoshi per 1000 virtual bytes (BIP133).
    pub(super) fee_filter: u64,
}

/// Addresses that go to a peer which takes part in their relay.
#[derive(Debug)]
pub(super) struct AddrRelay {
    pub(super) known: RollingBloom,
    pub(super) to_send: Vec<AddressEntry>,
}

/// When a peer that is behind our tip is to be replaced.
#[derive(Debug, Default)]
pub(super) struct ChainSync {
    pub(super) timeout: Time,
    /// The tip that it should have reached.
    pub(super) work_header: Option<HeaderInfo>,
    pub(super) sent_getheaders: bool,
    /// One of the few that are never replaced.
    pub(super) protect: bool,
}

/// Bytes and times for `getpeerinfo`.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    pub(super) last_send: Time,
    pub(super) last_receive: Time,
    pub(super) bytes_sent: u64,
    pub(super) bytes_received: u64,
    pub(super) sent_by_type: BTreeMap<MessageType, u64>,
    pub(super) received_by_type: BTreeMap<MessageType, u64>,
}

#[derive(Debug)]
pub(super) struct Peer {
    pub(super) id: PeerId,
    pub(super) address: PeerAddress,
    /// What was dialled, or the address as text.
    pub(super) name: String,
    /// What was dialled, if it was given by name.
    pub(super) destination: Option<String>,
    pub(super) bound: PeerAddress,
    pub(super) kind: ConnectionKind,
    pub(super) permissions: Permissions,
    pub(super) connected: Time,
    pub(super) transport: TransportInfo,
    pub(super) prefer_evict: bool,
    pub(super) keyed_group: u64,
    pub(super) network_key: u64,
    pub(super) nonce: u64,
    pub(super) our_services: ServiceFlags,
    /// What the address book says it offers.
    pub(super) expected_services: ServiceFlags,

    // Handshake.
    /// The peer's protocol version; 0 before its version message.
    pub(super) version: u32,
    pub(super) common_version: u32,
    pub(super) their_services: ServiceFlags,
    pub(super) has_wanted_services: bool,
    pub(super) subversion: String,
    pub(super) starting_height: i32,
    pub(super) address_local: Option<PeerAddress>,
    pub(super) time_offset: i64,
    pub(super) version_sent: bool,
    /// The peer's verack has come.
    pub(super) ready: bool,
    pub(super) wtxid_relay: bool,
    pub(super) wants_addrv2: bool,
    pub(super) prefers_headers: bool,
    pub(super) sent_sendheaders: bool,

    // Its end.
    pub(super) disconnect: bool,
    /// `Output::Disconnect` was given.
    pub(super) closing: bool,
    pub(super) should_discourage: bool,

    // Queues.
    pub(super) inbox: VecDeque<Incoming>,
    pub(super) inbox_size: usize,
    pub(super) paused: bool,
    pub(super) send_full: bool,
    pub(super) getdata: VecDeque<Inv>,

    pub(super) traffic: Traffic,

    // Pings.
    pub(super) ping_nonce: u64,
    pub(super) ping_start: Time,
    pub(super) ping_queued: bool,
    pub(super) last_ping: Option<i64>,
    pub(super) min_ping: i64,

    // Headers and blocks.
    pub(super) best_known: Option<HeaderInfo>,
    pub(super) last_unknown: Option<BlockHash>,
    pub(super) last_common: Option<HeaderInfo>,
    pub(super) best_header_sent: Option<HeaderInfo>,
    pub(super) sync_started: bool,
    pub(super) headers_sync: Option<Box<HeadersSync>>,
    pub(super) headers_sync_timeout: Time,
    pub(super) last_getheaders: Time,
    pub(super) inv_triggered_getheaders: bool,
    pub(super) preferred_download: bool,
    pub(super) provides_compact: bool,
    pub(super) wants_high_bandwidth: bool,
    pub(super) high_bandwidth_to: bool,
    pub(super) chain_sync: ChainSync,
    pub(super) last_announcement: i64,
    pub(super) last_block: Time,
    pub(super) blocks_for_headers: Vec<BlockHash>,
    pub(super) blocks_for_inv: Vec<BlockHash>,
    pub(super) continuation: Option<BlockHash>,

    // Transactions.
    pub(super) tx_relay: Option<Box<TxRelay>>,
    pub(super) last_tx: Time,
    pub(super) fee_filter_sent: u64,
    pub(super) next_fee_filter: Time,

    // Addresses.
    pub(super) addr_relay: Option<Box<AddrRelay>>,
    pub(super) getaddr_sent: bool,
    pub(super) getaddr_received: bool,
    pub(super) next_addr_send: Time,
    pub(super) next_local_addr: Time,
    pub(super) addr_tokens: f64,
    pub(super) addr_tokens_at: Time,
    pub(super) addr_processed: u64,
    pub(super) addr_rate_limited: u64,
}

/// What is known when a connection begins.
pub(super) struct NewPeer {
    pub(super) id: PeerId,
    pub(super) address: PeerAddress,
    pub(super) destination: Option<String>,
    pub(super) bound: PeerAddress,
    pub(super) kind: ConnectionKind,
    pub(super) permissions: Permissions,
    pub(super) transport: TransportInfo,
    pub(super) prefer_evict: bool,
    pub(super) keyed_group: u64,
    pub(super) network_key: u64,
    pub(super) nonce: u64,
    pub(super) our_services: ServiceFlags,
    pub(super) expected_services: ServiceFlags,
}

impl Peer {
    pub(super) fn new(new: NewPeer, now: Time) -> Self {
        Self {
            id: new.id,
            name: new.destination.clone().unwrap_or_else(|| new.address.to_string()),
            address: new.address,
            destination: new.destination,
            bound: new.bound,
            kind: new.kind,
            permissions: new.permissions,
            connected: now,
            transport: new.transport,
            prefer_evict: new.prefer_evict,
            keyed_group: new.keyed_group,
            network_key: new.network_key,
            nonce: new.nonce,
            our_services: new.our_services,
            expected_services: new.expected_services,
            version: 0,
            common_version: super::INIT_VERSION,
            their_services: ServiceFlags::NONE,
            has_wanted_services: false,
            subversion: String::new(),
            starting_height: -1,
            address_local: None,
            time_offset: 0,
            version_sent: false,
            ready: false,
            wtxid_relay: false,
            wants_addrv2: false,
            prefers_headers: false,
            sent_sendheaders: false,
            disconnect: false,
            closing: false,
            should_discourage: false,
            inbox: VecDeque::new(),
            inbox_size: 0,
            paused: false,
            send_full: false,
            getdata: VecDeque::new(),
            traffic: Traffic::default(),
            ping_nonce: 0,
            ping_start: Time::NEVER,
            ping_queued: false,
            last_ping: None,
            min_ping: i64::MAX,
            best_known: None,
            last_unknown: None,
            last_common: None,
            best_header_sent: None,
            sync_started: false,
            headers_sync: None,
            headers_sync_timeout: Time::NEVER,
            last_getheaders: Time::NEVER,
            inv_triggered_getheaders: false,
            preferred_download: false,
            provides_compact: false,
            wants_high_bandwidth: false,
            high_bandwidth_to: false,
            chain_sync: ChainSync::default(),
            last_announcement: 0,
            last_block: Time::NEVER,
            blocks_for_headers: Vec::new(),
            blocks_for_inv: Vec::new(),
            continuation: None,
            tx_relay: None,
            last_tx: Time::NEVER,
            fee_filter_sent: 0,
            next_fee_filter: Time::NEVER,
            addr_relay: None,
            getaddr_sent: false,
            getaddr_received: false,
            next_addr_send: Time::NEVER,
            next_local_addr: Time::NEVER,
            addr_tokens: 1.0,
            addr_tokens_at: now,
            addr_processed: 0,
            addr_rate_limited: 0,
        }
    }

    pub(super) const fn is_inbound(&self) -> bool {
        self.kind.is_inbound()
    }

    /// Whether it can serve us blocks at all.
    pub(super) fn serves_blocks(&self) -> bool {
        self.their_services.has(ServiceFlags::NETWORK) || self.their_services.has(ServiceFlags::NETWORK_LIMITED)
    }

    /// Whether it keeps recent blocks only.
    pub(super) fn is_limited(&self) -> bool {
        !self.their_services.has(ServiceFlags::NETWORK) && self.their_services.has(ServiceFlags::NETWORK_LIMITED)
    }

    pub(super) fn serves_witnesses(&self) -> bool {
        self.their_services.has(ServiceFlags::WITNESS)
    }

    /// The peer knows this transaction: it need not hear of it from us.
    pub(super) fn add_known_tx(&mut self, hash: &[u8; 32]) {
        if let Some(relay) = &mut self.tx_relay {
            relay.known.insert(hash);
        }
    }
}
