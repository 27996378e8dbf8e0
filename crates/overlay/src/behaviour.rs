//! The protocols that one node speaks, and their bounds.

use crate::address::{is_dialable, is_public};
use crate::config::{Limits, Mode};
use crate::store::Store;
use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId, StreamProtocol, identify, identity, kad, ping};
use std::task::{Context, Poll};
use std::time::Duration;

/// The Kademlia protocol; a node with another one is never in a routing table of ours.
pub const KAD_PROTOCOL: &str = "/pumasi/kad/1.0.0";
/// What identify says of this protocol family.
pub const IDENTIFY_PROTOCOL: &str = "/pumasi/1.0.0";

/// One request to one peer, and opening a stream for it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How often holders pass profiles on to the nodes that came nearer to their keys.
const REPLICATION: Duration = Duration::from_secs(60 * 60);
/// Holders found without the record that a lookup may write it back to.
const WRITE_BACK: u16 = 3;

#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    pub(crate) limits: connection_limits::Behaviour,
    pub(crate) kad: Guard,
    pub(crate) identify: identify::Behaviour,
    pub(crate) ping: ping::Behaviour,
}

impl Behaviour {
    pub(crate) fn new(
        keypair: &identity::Keypair,
        store: Store,
        mode: Mode,
        private_addresses: bool,
        limits: &Limits,
    ) -> Self {
        let connections = ConnectionLimits::default()
            .with_max_established_incoming(Some(limits.inbound_connections))
            .with_max_established_outgoing(Some(limits.outbound_connections))
            .with_max_established_per_peer(Some(limits.connections_per_peer))
            .with_max_pending_incoming(Some(limits.inbound_connections / 4 + 1))
            .with_max_pending_outgoing(Some(limits.outbound_connections));
        let identify = identify::Config::new(IDENTIFY_PROTOCOL.to_owned(), keypair.public())
            .with_agent_version(concat!("pumasi/", env!("CARGO_PKG_VERSION")).to_owned())
            .with_push_listen_addr_updates(true)
            .with_hide_listen_addrs(mode == Mode::Client)
            // Its cache would bring back addresses that our own filter had dropped.
            .with_cache_size(0);
        Self {
            limits: connection_limits::Behaviour::new(connections),
            kad: Guard { inner: kademlia(keypair.public().to_peer_id(), store, mode, limits), private_addresses },
            identify: identify::Behaviour::new(identify),
            ping: ping::Behaviour::default(),
        }
    }
}

fn kademlia(node: PeerId, store: Store, mode: Mode, limits: &Limits) -> kad::Behaviour<Store> {
    let mut config = kad::Config::new(StreamProtocol::new(KAD_PROTOCOL));
    config
        .set_query_timeout(limits.query_timeout)
        .set_substreams_timeout(REQUEST_TIMEOUT)
        // The record itself says when it ends.
        .set_record_ttl(None)
        .set_provider_publication_interval(None)
        .set_replication_interval((mode == Mode::Server).then_some(REPLICATION))
        // The owner republishes by itself: at once after it has joined anew, not when a timer says so.
        .set_publication_interval(None)
        .set_caching(kad::Caching::Enabled { max_peers: WRITE_BACK })
        // Joining is a lookup of the own id. Periodic bootstraps cost most of the CPU of a large network.
        .set_periodic_bootstrap_interval(None);
    let mut kad = kad::Behaviour::with_config(node, store, config);
    kad.set_mode(Some(match mode {
        Mode::Server => kad::Mode::Server,
        Mode::Client => kad::Mode::Client,
    }));
    kad
}

/// Kademlia, with three things that it does not do: it answers a refused put at once, it tells the record store who is at the other end of the connection
/// that a record comes from (what the message says can be forged), and it drops the addresses told by strangers that
/// must not be dialled.
pub(crate) struct Guard {
    pub(crate) inner: kad::Behaviour<Store>,
    private_addresses: bool,
}

impl Guard {
    /// Whether an address that another node told may be dialled and passed on.
    pub(crate) fn allows(&self, address: &Multiaddr) -> bool {
        is_dialable(address) && (self.private_addresses || is_public(address))
    }
}

type Inner = kad::Behaviour<Store>;
type ToHandler = THandlerInEvent<Inner>;

/// Answers a refused put with an empty `FIND_NODE` message, which no sender takes for stored. libp2p-kad 0.49 wants to
/// close the stream instead, but drops its waker while doing so: the sender would wait for its own timeout, and
/// after 32 refusals the connection would have no stream left.
fn refuse_at_once(event: ToSwarm<kad::Event, ToHandler>) -> ToSwarm<kad::Event, ToHandler> {
    match event {
        ToSwarm::NotifyHandler { peer_id, handler, event: ToHandler::Reset(request_id) } => {
            let event = ToHandler::FindNodeRes { closer_peers: Vec::new(), request_id };
            ToSwarm::NotifyHandler { peer_id, handler, event }
        }
        other => other,
    }
}

impl NetworkBehaviour for Guard {
    type ConnectionHandler = <Inner as NetworkBehaviour>::ConnectionHandler;
    type ToSwarm = kad::Event;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_inbound_connection(connection, peer, local, remote)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        let mut told = self.inner.handle_pending_outbound_connection(connection, peer, addresses, role)?;
        told.retain(|address| self.allows(address));
        Ok(told)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_outbound_connection(connection, peer, address, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, event: THandlerOutEvent<Self>) {
        // A received record reaches the store within this call, so the store can charge it to the true sender.
        self.inner.store_mut().set_source(Some(peer));
        self.inner.on_connection_handler_event(peer, connection, event);
        self.inner.store_mut().set_source(None);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.inner.poll(cx).map(refuse_at_once)
    }
}
