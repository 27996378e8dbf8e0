//! Connections that begin and end.

use super::Network;
use super::dial::PendingDial;
use super::peer::{NewPeer, Peer};
use crate::config::Permissions;
use crate::eviction::{self, Candidate};
use crate::output::{DialId, DialTarget, Output};
use crate::wire::{Transport, TransportInfo, TransportKind};
use crate::{ConnectionKind, PeerAddress, PeerId, Subnet, Time};
use bitcoin::p2p::ServiceFlags;

/// Longest garbage of a v2 handshake, in bytes (BIP324).
const MAX_GARBAGE: u64 = 4_095;

/// Why a connection has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closed {
    /// We asked for it with `Output::Disconnect`.
    ByUs,
    /// The peer closed it.
    ByPeer,
    /// The bytes that came could not be read.
    BadStream,
    /// Receiving failed, with the system's words.
    ReceiveError(String),
    /// Sending failed, with the system's words.
    SendError(String),
}

impl Network {
    /// Somebody has connected to us at `bound`. Returns the peer and its transport, or nothing when the connection is
    /// to be closed; the log says why.
    pub fn accept(
        &mut self,
        address: PeerAddress,
        bound: PeerAddress,
        permissions: Permissions,
        now: Time,
    ) -> Option<(PeerId, Transport)> {
        if !self.network_active {
            self.net(format!("connection from {address} dropped: not accepting new connections"));
            return None;
        }
        if !permissions.no_ban && self.bans.is_banned(&address.addr, now) {
            self.net(format!("connection from {address} dropped (banned)"));
            return None;
        }
        let inbound = self.peers.values().filter(|peer| peer.is_inbound()).count();
        let max_inbound = self.max_inbound();
        let discouraged = self.bans.is_discouraged(&address.addr);
        if !permissions.no_ban && discouraged && inbound + 1 >= max_inbound {
            self.net(format!("connection from {address} dropped (discouraged)"));
            return None;
        }
        if inbound >= max_inbound && !self.evict_inbound() {
            self.net("failed to find an eviction candidate - connection dropped (full)".to_owned());
            return None;
        }
        let network = [address.addr.network() as u8];
        let network_key = self.keyed_hash(&[b"network", &network, &bound.key()]);
        let v2 = self.services.has(ServiceFlags::P2P_V2);
        let added = self.add_peer(address, None, bound, ConnectionKind::Inbound, permissions, network_key, v2, now);
        let peer = self.peer_mut(added.0);
        peer.prefer_evict = discouraged;
        self.net(format!("connection from {address} accepted"));
        Some(added)
    }

    #[expect(clippy::too_many_arguments, reason = "all that a connection has from its beginning")]
    fn add_peer(
        &mut self,
        address: PeerAddress,
        destination: Option<String>,
        bound: PeerAddress,
        kind: ConnectionKind,
        permissions: Permissions,
        network_key: u64,
        v2: bool,
        now: Time,
    ) -> (PeerId, Transport) {
        let id = PeerId(self.next_peer);
        self.next_peer += 1;
        let magic = self.config.params.magic;
        let transport = if v2 {
            let length = self.random.below(MAX_GARBAGE + 1) as usize;
            let mut garbage = Vec::with_capacity(length + 32);
            while garbage.len() < length {
                garbage.extend(self.random.bytes::<32>());
            }
            garbage.truncate(length);
            Transport::v2(id, magic, !kind.is_inbound(), self.random.bytes(), garbage)
        } else {
            Transport::v1(id, magic, !kind.is_inbound())
        };
        let kind_of_transport = if v2 { TransportKind::Detecting } else { TransportKind::V1 };
        let keyed_group = self.keyed_hash(&[b"group", &address.addr.group()]);
        let mut our_services = self.services;
        if permissions.bloom_filter {
            our_services |= ServiceFlags::BLOOM;
        }
        let new = NewPeer {
            id,
            address,
            destination,
            bound,
            kind,
            permissions,
            transport: TransportInfo { kind: kind_of_transport, session_id: None },
            prefer_evict: false,
            keyed_group,
            network_key,
            nonce: self.random.u64(),
            our_services,
            expected_services: ServiceFlags::NONE,
        };
        let peer = Peer::new(new, now);
        let text = if self.config.log_ips {
            format!("Added connection to {} peer={id}", peer.name)
        } else {
            format!("Added connection peer={id}")
        };
        self.peers.insert(id, peer);
        self.net(text);
        (id, transport)
    }

    /// An attempt to dial has succeeded. Returns the peer and its transport, or nothing when the connection is to be
    /// closed again.
    pub fn dialed(
        &mut self,
        id: DialId,
        address: PeerAddress,
        bound: PeerAddress,
        permissions: Permissions,
        now: Time,
    ) -> Option<(PeerId, Transport)> {
        let pending = self.pending.remove(&id)?;
        if !self.network_active {
            return None;
        }
        // A name may stand for somebody whom we know already.
        if matches!(pending.target, DialTarget::Name(_)) && self.is_connected_to(&address) {
            self.net(format!("Not opening a connection to {}, already connected to {address}", pending.shown()));
            return None;
        }
        if self.is_distrusted(&address, now) {
            self.net(format!("Not opening a connection to {address}: it has lied about block filters"));
            return None;
        }
        let PendingDial { target, kind, v2, services, count_failure } = pending;
        self.book.attempt(&address, count_failure, now);
        let destination = match target {
            DialTarget::Name(name) => Some(name),
            DialTarget::Address(_) => None,
        };
        let network_key = self.keyed_hash(&[b"network", &[address.addr.network() as u8], &bound.addr.bytes()]);
        let added = self.add_peer(address, destination, bound, kind, permissions, network_key, v2, now);
        self.peer_mut(added.0).expected_services = services;
        Some(added)
    }

    /// An attempt to dial has failed.
    pub fn dial_failed(&mut self, id: DialId, now: Time) {
        let Some(pending) = self.pending.remove(&id) else { return };
        if let DialTarget::Address(address) = pending.target {
            self.book.attempt(&address, pending.count_failure, now);
        }
    }

    pub(super) fn is_connected_to(&self, address: &PeerAddress) -> bool {
        self.peers.values().any(|peer| peer.address == *address)
    }

    /// A connection has ended: the driver says so once for each peer. `reconnect_v1` is what
    /// [`Transport::should_reconnect_v1`] says.
    pub fn closed(&mut self, id: PeerId, why: Closed, reconnect_v1: bool, now: Time) {
        let Some(peer) = self.peers.get(&id) else { return };
        let (disconnecting, shown) = (peer.disconnect, self.log_peer(id));
        match why {
            Closed::ByPeer if !disconnecting => self.net(format!("socket closed, disconnecting {shown}")),
            Closed::ReceiveError(error) if !disconnecting => {
                self.net(format!("socket recv error, disconnecting {shown}: {error}"));
            }
            Closed::SendError(error) if !disconnecting => {
                self.net(format!("socket send error, disconnecting {shown}: {error}"));
            }
            Closed::BadStream => self.net(format!("receiving message bytes failed, disconnecting {shown}")),
            _ => {}
        }
        if reconnect_v1 && self.network_active {
            self.net(format!("retrying with v1 transport protocol for peer={id}"));
            self.queue_v1_reconnection(id);
        }
        self.net(format!("Resetting socket for {shown}"));
        self.finalize(id, now);
    }

    /// Forgets a peer (Core's `FinalizeNode`).
    fn finalize(&mut self, id: PeerId, now: Time) {
        let Some(peer) = self.peers.remove(&id) else { return };
        self.blocks_in_flight.disconnected(id);
        self.tx_download.disconnected(id);
        if let Some(light) = &mut self.light {
            light.disconnected(id);
        }
        self.flush_tx_log();
        self.high_bandwidth.retain(|other| *other != id);
        self.block_source.retain(|_, (source, _)| *source != id);
        // Block-relay connections leave no trace in what we tell others.
        if peer.ready && !peer.is_inbound() && peer.kind != ConnectionKind::BlockRelay {
            self.book.connected(&peer.address, now);
        }
        self.net(format!("Cleared nodestate for peer={id}"));
    }

    /// Makes room for an inbound connection.
    fn evict_inbound(&mut self) -> bool {
        let candidates =
            self.peers.values().filter(|peer| peer.is_inbound() && !peer.disconnect && !peer.permissions.no_ban);
        let candidates = candidates.map(|peer| Candidate {
            peer: peer.id,
            connected: peer.connected,
            min_ping: peer.min_ping,
            last_block: peer.last_block,
            last_tx: peer.last_tx,
            relevant_services: peer.has_wanted_services,
            relays_txs: peer.tx_relay.as_ref().is_some_and(|relay| relay.relay),
            bloom_filter: peer.tx_relay.as_ref().is_some_and(|relay| relay.filter.is_some()),
            keyed_group: peer.keyed_group,
            prefer_evict: peer.prefer_evict,
            is_local: peer.address.addr.is_local(),
            network: peer.address.addr.network(),
        });
        let Some(id) = eviction::select(candidates.collect()) else { return false };
        let text = format!("selected inbound connection for eviction, disconnecting {}", self.log_peer(id));
        self.net(text);
        self.mark_disconnect(id);
        true
    }

    /// Bans a range until then and disconnects who is in it. Returns whether anything changed.
    pub fn ban(&mut self, subnet: Subnet, until: Time, now: Time) -> bool {
        let changed = self.bans.ban(subnet, until, now);
        if changed {
            self.outputs.push_back(Output::SaveBans);
        }
        self.disconnect_subnet(&subnet);
        changed
    }

    /// Lifts a ban. Returns whether there was one.
    pub fn unban(&mut self, subnet: &Subnet) -> bool {
        let lifted = self.bans.unban(subnet);
        if lifted {
            self.outputs.push_back(Output::SaveBans);
        }
        lifted
    }

    /// Lifts all bans.
    pub fn clear_bans(&mut self) {
        self.bans.clear();
        self.outputs.push_back(Output::SaveBans);
    }

    /// Disconnects everybody in a range.
    pub(super) fn disconnect_subnet(&mut self, subnet: &Subnet) {
        let ids: Vec<_> =
            self.peers.values().filter(|peer| subnet.contains(&peer.address.addr)).map(|peer| peer.id).collect();
        for id in ids {
            let text = if self.config.log_ips {
                format!("disconnect by subnet={subnet} match")
            } else {
                "disconnect by subnet match".to_owned()
            };
            self.disconnect_net(id, &text);
        }
    }

    /// Disconnects the peer with this address or name (RPC `disconnectnode`). Returns whether there is one.
    pub fn disconnect_address(&mut self, name: &str) -> bool {
        let found = self.peers.values().find(|peer| peer.name == name).map(|peer| peer.id);
        let Some(id) = found else { return false };
        let shown = if self.config.log_ips { format!("={name}") } else { String::new() };
        self.disconnect_net(id, &format!("disconnect by address{shown} match"));
        true
    }

    /// Disconnects a peer by its number. Returns whether there is one.
    pub fn disconnect_id(&mut self, id: PeerId) -> bool {
        let found = self.peers.contains_key(&id);
        if found {
            self.disconnect_net(id, "disconnect by id");
        }
        found
    }

    /// Turns all networking off or on (RPC `setnetworkactive`).
    pub fn set_network_active(&mut self, active: bool) {
        self.info(format!("SetNetworkActive: {active}"));
        self.network_active = active;
        if !active {
            for id in self.peer_ids() {
                if !self.peer(id).disconnect {
                    self.disconnect_net(id, "Network not active");
                }
            }
        }
    }

    /// Whether networking is on.
    pub const fn network_active(&self) -> bool {
        self.network_active
    }
}
