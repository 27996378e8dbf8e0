//! Version and verack, and what may be said between them.

use super::peer::TxRelay;
use super::{Network, PROTOCOL_VERSION};
use crate::address::{read_address_v1, write_address_v1};
use crate::bloom::RollingBloom;
use crate::log::{Level, LogLine};
use crate::tx_download::TxPeer;
use crate::wire::{DecodeError, Reader, Writer, sanitize};
use crate::{ConnectionKind, PeerAddress, PeerId, Time, compact};
use bitcoin::p2p::ServiceFlags;

/// Older peers are disconnected.
const MIN_VERSION: u32 = 31_800;
/// From this version on a peer understands `sendcmpct` (BIP152).
const SHORT_IDS_VERSION: u32 = 70_014;
/// From this version on a peer understands `wtxidrelay` (BIP339), and is sent `sendaddrv2` (BIP155).
const WTXID_RELAY_VERSION: u32 = 70_016;
/// Longest name of a software.
const MAX_SUBVERSION: u64 = 256;
/// Blocks behind the tip within which peers that keep recent blocks only are good enough.
const LIMITED_PEERS_WITHIN: i64 = 144;
/// Addresses that one answer may hold.
pub(super) const MAX_ADDR_TO_SEND: usize = 1_000;

/// What a version message says.
struct Version {
    version: u32,
    services: ServiceFlags,
    time: i64,
    address_me: PeerAddress,
    nonce: u64,
    subversion: String,
    starting_height: i32,
    relay: bool,
}

impl Network {
    /// The services that a peer must have to be worth an outbound slot.
    fn desirable_services(&self, offered: ServiceFlags, now: Time) -> ServiceFlags {
        let spacing = self.config.params.target_spacing.as_secs().max(1) as i64;
        let depth = (now.secs() - self.best_block_time) / spacing;
        if self.light.is_some() {
            ServiceFlags::NETWORK | ServiceFlags::WITNESS | ServiceFlags::COMPACT_FILTERS
        } else if offered.has(ServiceFlags::NETWORK_LIMITED) && depth < LIMITED_PEERS_WITHIN {
            ServiceFlags::NETWORK_LIMITED | ServiceFlags::WITNESS
        } else {
            ServiceFlags::NETWORK | ServiceFlags::WITNESS
        }
    }

    pub(super) fn has_desirable_services(&self, offered: ServiceFlags, now: Time) -> bool {
        offered.has(self.desirable_services(offered, now))
    }

    /// Whether transactions from this peer are not wanted.
    pub(super) fn rejects_txs(&self, id: PeerId) -> bool {
        let peer = self.peer(id);
        matches!(peer.kind, ConnectionKind::BlockRelay | ConnectionKind::Feeler)
            || (self.config.ignore_incoming_txs && !peer.permissions.may_relay())
    }

    pub(super) fn send_version(&mut self, id: PeerId, now: Time) {
        let relay = !self.rejects_txs(id);
        let peer = self.peer(id);
        let shown = peer.address.addr.is_routable() && peer.address.addr.is_v1_compatible();
        let theirs = if shown { peer.address } else { PeerAddress::NONE };
        let mut writer = Writer::default();
        writer.u32(PROTOCOL_VERSION);
        writer.u64(peer.our_services.to_u64());
        writer.i64(now.secs());
        writer.u64(peer.expected_services.to_u64());
        write_address_v1(&mut writer, &theirs);
        writer.u64(peer.our_services.to_u64());
        write_address_v1(&mut writer, &PeerAddress::NONE);
        writer.u64(peer.nonce);
        writer.compact_size(self.config.user_agent.len() as u64);
        writer.bytes(self.config.user_agent.as_bytes());
        writer.i32(i32::try_from(self.best_height).unwrap_or(i32::MAX));
        writer.u8(u8::from(relay));
        self.send(id, "version", writer.into_bytes());
        let them = if self.config.log_ips { format!(", them={theirs}") } else { String::new() };
        let (height, relay) = (self.best_height, u8::from(relay));
        self.net(format!(
            "send version message: version={PROTOCOL_VERSION}, blocks={height}{them}, txrelay={relay}, peer={id}"
        ));
    }

    /// Reads a version message up to what decides whether the rest matters.
    fn read_version(&mut self, id: PeerId, reader: &mut Reader<'_>, now: Time) -> Result<Option<Version>, DecodeError> {
        let version = u32::try_from(reader.i32()?).unwrap_or(0);
        let services = ServiceFlags::from(reader.u64()?);
        let time = reader.i64()?.max(0);
        reader.u64()?;
        let address_me = read_address_v1(reader)?;
        let (kind, address) = (self.peer(id).kind, self.peer(id).address);
        if !kind.is_inbound() {
            self.book.set_services(&address, services);
        }
        if kind.expects_services() && !self.has_desirable_services(services, now) {
            let wanted = self.desirable_services(services, now).to_u64();
            let offered = services.to_u64();
            self.disconnect_net(
                id,
                &format!("peer does not offer the expected services ({offered:08x} offered, {wanted:08x} expected)"),
            );
            return Ok(None);
        }
        if version < MIN_VERSION {
            self.disconnect_net(id, &format!("peer using obsolete version {version}"));
            return Ok(None);
        }
        let mut parsed = Version {
            version,
            services,
            time,
            address_me,
            nonce: 1,
            subversion: String::new(),
            starting_height: -1,
            relay: true,
        };
        if !reader.is_empty() {
            reader.bytes(26)?;
            parsed.nonce = reader.u64()?;
        }
        if !reader.is_empty() {
            parsed.subversion = sanitize(reader.string(MAX_SUBVERSION)?);
        }
        if !reader.is_empty() {
            parsed.starting_height = reader.i32()?;
        }
        if !reader.is_empty() {
            parsed.relay = reader.u8()? != 0;
        }
        Ok(Some(parsed))
    }

    pub(super) fn on_version(&mut self, id: PeerId, reader: &mut Reader<'_>, now: Time) -> Result<(), DecodeError> {
        if self.peer(id).version != 0 {
            self.net(format!("redundant version message from peer={id}"));
            return Ok(());
        }
        let Some(theirs) = self.read_version(id, reader, now)? else { return Ok(()) };
        let inbound = self.peer(id).is_inbound();
        let to_self = self.peers.values().any(|peer| !peer.ready && !peer.is_inbound() && peer.nonce == theirs.nonce);
        if inbound && to_self {
            let address = self.peer(id).address;
            self.info(format!("connected to self at {address}, disconnecting"));
            self.mark_disconnect(id);
            return Ok(());
        }
        if inbound {
            self.send_version(id, now);
        }
        let wanted = self.has_desirable_services(theirs.services, now);
        let keys = (self.random.u64(), self.random.u64());
        let peer = self.peer_mut(id);
        peer.version = theirs.version;
        peer.common_version = Self::common_version(theirs.version);
        peer.has_wanted_services = wanted;
        peer.their_services = theirs.services;
        peer.address_local = Some(theirs.address_me);
        peer.subversion.clone_from(&theirs.subversion);
        peer.starting_height = theirs.starting_height;
        peer.time_offset = theirs.time - now.secs();
        let relays = !matches!(peer.kind, ConnectionKind::BlockRelay | ConnectionKind::Feeler);
        if relays && (theirs.relay || peer.our_services.has(ServiceFlags::BLOOM)) {
            peer.tx_relay = Some(Box::new(TxRelay {
                relay: theirs.relay,
                filter: None,
                known: RollingBloom::new(50_000, 0.000_001, keys),
                to_send: std::collections::BTreeSet::new(),
                send_mempool: false,
                next_inv: Time::NEVER,
                last_inv_sequence: 1,
                fee_filter: 0,
            }));
        }
        let (name, relay) = (theirs.subversion.as_str(), u8::from(theirs.relay));
        let text = format!(
            "receive version message: {}: version {}, blocks={}, us={}, txrelay={relay}, {}",
            if name.is_empty() { "<no user agent>" } else { name },
            theirs.version,
            theirs.starting_height,
            theirs.address_me,
            self.log_peer(id)
        );
        self.net(text);
        self.answer_version(id, now);
        Ok(())
    }

    /// What follows the peer's version message.
    fn answer_version(&mut self, id: PeerId, now: Time) {
        let common = self.peer(id).common_version;
        if common >= WTXID_RELAY_VERSION {
            self.send(id, "wtxidrelay", Vec::new());
            self.send(id, "sendaddrv2", Vec::new());
        }
        self.send(id, "verack", Vec::new());
        let peer = self.peer_mut(id);
        peer.preferred_download = (!peer.is_inbound() || peer.permissions.no_ban)
            && peer.kind != ConnectionKind::AddrFetch
            && peer.serves_blocks();
        let (inbound, address, kind) = (peer.is_inbound(), peer.address, peer.kind);
        if !inbound && self.set_up_addr_relay(id) {
            self.send(id, "getaddr", Vec::new());
            let peer = self.peer_mut(id);
            peer.getaddr_sent = true;
            peer.addr_tokens += MAX_ADDR_TO_SEND as f64;
        }
        if !inbound {
            self.book.good(&address, now);
            self.flush_book_log();
        }
        if kind == ConnectionKind::Feeler {
            self.disconnect_net(id, "feeler connection completed");
        }
    }

    pub(super) fn on_verack(&mut self, id: PeerId) {
        if self.peer(id).ready {
            self.net(format!("ignoring redundant verack message from peer={id}"));
            return;
        }
        let peer = self.peer(id);
        let text = format!(
            "New {} {} peer connected: version: {}, blocks={}, {}",
            peer.kind.name(),
            peer.transport.kind.name(),
            peer.version,
            peer.starting_height,
            self.log_peer(id)
        );
        let (inbound, common) = (peer.is_inbound(), peer.common_version);
        // Anybody can connect to us often: that must not fill the log.
        self.log(if inbound { LogLine::net(text) } else { LogLine { level: Level::Info, text } });
        if common >= SHORT_IDS_VERSION {
            self.send_sendcmpct(id, false);
        }
        let peer = self.peer_mut(id);
        peer.ready = true;
        let info = TxPeer {
            preferred: peer.preferred_download,
            relay_permission: peer.permissions.may_relay(),
            wtxid_relay: peer.wtxid_relay,
        };
        self.tx_download.connected(id, info);
        self.light_connected(id);
    }

    /// Tells a peer that we speak compact blocks, and whether it should announce with them.
    pub(super) fn send_sendcmpct(&mut self, id: PeerId, high_bandwidth: bool) {
        let mut writer = Writer::default();
        writer.u8(u8::from(high_bandwidth));
        writer.u64(compact::VERSION);
        self.send(id, "sendcmpct", writer.into_bytes());
    }

    pub(super) fn on_sendcmpct(&mut self, id: PeerId, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        let (announce, version) = (reader.u8()?, reader.u64()?);
        if announce > 1 {
            self.misbehaving(id, "invalid sendcmpct announce field");
            return Ok(());
        }
        if version == compact::VERSION {
            let peer = self.peer_mut(id);
            peer.provides_compact = true;
            peer.wants_high_bandwidth = announce == 1;
        }
        Ok(())
    }

    pub(super) fn on_wtxidrelay(&mut self, id: PeerId) {
        let peer = self.peer_mut(id);
        let (ready, common) = (peer.ready, peer.common_version);
        if ready {
            self.disconnect_net(id, "wtxidrelay received after verack");
        } else if common < WTXID_RELAY_VERSION {
            self.net(format!("ignoring wtxidrelay due to old common version={common} from peer={id}"));
        } else if std::mem::replace(&mut peer.wtxid_relay, true) {
            self.net(format!("ignoring duplicate wtxidrelay from peer={id}"));
        }
    }

    pub(super) fn on_sendaddrv2(&mut self, id: PeerId) {
        if self.peer(id).ready {
            self.disconnect_net(id, "sendaddrv2 received after verack");
            return;
        }
        self.peer_mut(id).wants_addrv2 = true;
    }
}
