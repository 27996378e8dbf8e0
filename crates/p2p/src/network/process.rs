//! Taking messages from the peers' queues and handing each to what handles it.

use super::peer::Incoming;
use super::{Network, PROTOCOL_VERSION};
use crate::bip37::{BloomFilter, MAX_ITEM};
use crate::host::Host;
use crate::output::Output;
use crate::wire::{DecodeError, Message, MessageType, Reader, Received, TransportInfo, sanitize};
use crate::{PeerId, Time};
use bitcoin::p2p::ServiceFlags;

/// What one message costs in memory beyond its payload, in bytes (as Core counts).
const MESSAGE_OVERHEAD: usize = 100;

impl Network {
    /// Bytes came from a peer's socket.
    pub fn note_bytes_received(&mut self, peer: PeerId, bytes: usize, now: Time) {
        self.totals.received += bytes as u64;
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.traffic.bytes_received += bytes as u64;
            peer.traffic.last_receive = now;
        }
    }

    /// Bytes were written to a peer's socket; the type of the message in them, or none for the key exchange of v2.
    pub fn note_bytes_sent(&mut self, peer: PeerId, bytes: usize, kind: Option<MessageType>, now: Time) {
        self.totals.add_sent(bytes as u64, now);
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.traffic.bytes_sent += bytes as u64;
            peer.traffic.last_send = now;
            if let Some(kind) = kind {
                *peer.traffic.sent_by_type.entry(kind).or_default() += bytes as u64;
            }
        }
    }

    /// A peer's transport has found out which one it is.
    pub fn note_transport(&mut self, peer: PeerId, transport: TransportInfo) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.transport = transport;
        }
    }

    /// A peer's send queue is full, or is no longer: until then nothing of it is processed.
    pub fn note_send_full(&mut self, peer: PeerId, full: bool) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.send_full = full;
        }
    }

    /// A frame has come from a peer. It waits for its turn.
    pub fn handle_received(&mut self, peer: PeerId, received: Received, now: Time) {
        let flood = self.config.receive_flood;
        let Some(known) = self.peers.get_mut(&peer) else { return };
        let other = MessageType::new("*other*");
        let (kind, size) = match &received {
            Received::Message { message, size } if message.kind.is_known() => (message.kind, *size),
            Received::Message { size, .. } | Received::Rejected { size } => (other, *size),
        };
        *known.traffic.received_by_type.entry(kind).or_default() += size as u64;
        let Received::Message { message, .. } = received else { return };
        known.inbox_size += message.payload.len() + MESSAGE_OVERHEAD;
        known.inbox.push_back(Incoming { message, time: now });
        if known.inbox_size > flood && !known.paused {
            known.paused = true;
            self.outputs.push_back(Output::PauseReading { peer, pause: true });
        }
    }

    /// Processes one message of each peer and sends what is due. Returns whether there is more to do at once.
    pub fn work(&mut self, now: Time, host: &mut dyn Host) -> bool {
        let mut peers = self.peer_ids();
        self.random.shuffle(&mut peers);
        let mut more = false;
        self.work_light(now, host);
        for id in peers {
            if !self.peer(id).disconnect {
                more |= self.process_messages(id, now, host);
                self.send_messages(id, now, host);
            }
            self.check_inactivity(id, now);
            let peer = self.peer_mut(id);
            if peer.disconnect && !peer.closing {
                peer.closing = true;
                self.outputs.push_back(Output::Disconnect { peer: id });
            }
        }
        more
    }

    /// Core's `ProcessMessages`: what waits from before, then one message.
    fn process_messages(&mut self, id: PeerId, now: Time, host: &mut dyn Host) -> bool {
        let peer = self.peer(id);
        // An outbound peer hears our version first.
        if !peer.is_inbound() && !peer.version_sent {
            return false;
        }
        if !peer.getdata.is_empty() {
            self.process_getdata(id, now, host);
        }
        let processed_orphan = self.process_orphan(id, now, host);
        let peer = self.peer(id);
        if peer.disconnect {
            return false;
        }
        if processed_orphan {
            return true;
        }
        if peer.send_full {
            return false;
        }
        // This keeps the order of answers and bounds the queue.
        if !peer.getdata.is_empty() {
            return true;
        }
        let peer = self.peer_mut(id);
        let Some(Incoming { message, time }) = peer.inbox.pop_front() else { return false };
        peer.inbox_size -= message.payload.len() + MESSAGE_OVERHEAD;
        let more = !peer.inbox.is_empty();
        let resume = peer.paused && peer.inbox_size <= self.config.receive_flood;
        if resume {
            self.peer_mut(id).paused = false;
            self.outputs.push_back(Output::PauseReading { peer: id, pause: false });
        }
        self.process_message(id, &message, time, now, host);
        more || !self.peer(id).getdata.is_empty() || self.tx_download.orphanage.has_work(id)
    }

    fn process_message(&mut self, id: PeerId, message: &Message, received: Time, now: Time, host: &mut dyn Host) {
        let (kind, size) = (sanitize(message.kind.as_str().as_bytes()), message.payload.len());
        self.net(format!("received: {kind} ({size} bytes) peer={id}"));
        if let Err(error) = self.dispatch(id, message, received, now, host) {
            self.net(format!(
                "ProcessMessages({kind}, {size} bytes): Exception '{error}' (NSt8ios_base7failureB5cxx11E) caught"
            ));
        }
        self.flush_tx_log();
        self.flush_book_log();
    }

    fn dispatch(
        &mut self,
        id: PeerId,
        message: &Message,
        received: Time,
        now: Time,
        host: &mut dyn Host,
    ) -> Result<(), DecodeError> {
        let mut reader = Reader::new(&message.payload);
        let reader = &mut reader;
        let kind = message.kind.as_str();
        if kind == "version" {
            return self.on_version(id, reader, now);
        }
        if self.peer(id).version == 0 {
            let kind = sanitize(kind.as_bytes());
            self.net(format!("non-version message before version handshake. Message \"{kind}\" from peer={id}"));
            return Ok(());
        }
        match kind {
            "verack" => self.on_verack(id),
            "sendheaders" => self.peer_mut(id).prefers_headers = true,
            "sendcmpct" => self.on_sendcmpct(id, reader)?,
            "wtxidrelay" => self.on_wtxidrelay(id),
            "sendaddrv2" => self.on_sendaddrv2(id),
            "sendtxrcncl" => self
                .net(format!("sendtxrcncl from peer={id} ignored, as our node does not have txreconciliation enabled")),
            _ if !self.peer(id).ready => {
                let kind = sanitize(kind.as_bytes());
                self.net(format!("Unsupported message \"{kind}\" prior to verack from peer={id}"));
            }
            "addr" | "addrv2" => self.on_addr(id, kind, reader, now)?,
            "inv" => self.on_inv(id, reader, now, host)?,
            "getdata" => self.on_getdata(id, reader, now, host)?,
            "getblocks" => self.on_getblocks(id, reader, now, host)?,
            "getheaders" => self.on_getheaders(id, reader, host)?,
            "getblocktxn" => self.on_getblocktxn(id, reader, host)?,
            "headers" => self.on_headers(id, reader, now, host)?,
            "tx" => self.on_tx(id, reader, now, host)?,
            "block" => self.on_block(id, reader, now, host)?,
            "cmpctblock" => self.on_cmpctblock(id, reader, now, host)?,
            "blocktxn" => self.on_blocktxn(id, reader, now, host)?,
            "notfound" => self.on_notfound(id, reader)?,
            "getaddr" => self.on_getaddr(id, now),
            "mempool" => self.on_mempool(id, now),
            "ping" => self.on_ping(id, reader)?,
            "pong" => self.on_pong(id, reader, message.payload.len(), received),
            "filterload" | "filteradd" | "filterclear" => self.on_bloom_filter(id, kind, reader)?,
            "feefilter" => self.on_feefilter(id, reader)?,
            "cfheaders" if self.light.is_some() => self.on_cfheaders(id, reader, now)?,
            "cfilter" if self.light.is_some() => self.on_cfilter(id, reader, now)?,
            "getcfilters" => self.on_getcfilters(id, reader, host)?,
            "getcfheaders" => self.on_getcfheaders(id, reader, host)?,
            "getcfcheckpt" => self.on_getcfcheckpt(id, reader, host)?,
            _ => {
                let kind = sanitize(kind.as_bytes());
                self.net(format!("Unknown message type \"{kind}\" from peer={id}"));
            }
        }
        Ok(())
    }

    /// Bloom filters let anybody make us work for nothing: they are served only where the operator wants (BIP111).
    fn on_bloom_filter(&mut self, id: PeerId, kind: &str, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        let peer = self.peer_mut(id);
        if !peer.our_services.has(ServiceFlags::BLOOM) {
            self.disconnect_net(id, &format!("{kind} received despite not offering bloom services"));
            return Ok(());
        }
        if kind == "filteradd" {
            let length = reader.compact_size()? as usize;
            let item = reader.bytes(length)?;
            let relay = peer.tx_relay.as_mut();
            let good = item.len() <= MAX_ITEM
                && relay.is_none_or(|relay| relay.filter.as_mut().map(|filter| filter.insert(item)).is_some());
            if !good {
                self.misbehaving(id, "bad filteradd message");
            }
            return Ok(());
        }
        let filter = if kind == "filterload" {
            let Some(filter) = BloomFilter::read(reader)? else {
                self.misbehaving(id, "too-large bloom filter");
                return Ok(());
            };
            Some(filter)
        } else {
            None
        };
        if let Some(relay) = &mut peer.tx_relay {
            relay.filter = filter;
            relay.relay = true;
        }
        Ok(())
    }

    /// The version that both sides speak, capped at ours.
    pub(super) fn common_version(version: u32) -> u32 {
        version.min(PROTOCOL_VERSION)
    }
}
