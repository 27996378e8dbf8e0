//! The protocols that one node speaks, and their bounds.

use crate::OverlayConfig;
use crate::address::{is_dialable, is_public};
use crate::config::{Limits, Mode};
use crate::node::Tellers;
use crate::patience::Patience;
use crate::quiet::Quiet;
use crate::reach::{Filtered, relay_config};
use crate::service::{Asking, Service, asking};
use crate::store::Store;
use crate::trail::Trails;
use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, DialError, DialFailure, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm,
};
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, autonat, dcutr, gossipsub, identify, identity, kad, mdns, ping, relay, upnp,
};
use pumasi_crypto::hash::sha256;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// The Kademlia protocol; a node with another one is never in a routing table of ours.
pub const KAD_PROTOCOL: &str = "/pumasi/kad/1.0.0";
/// What identify says of this protocol family.
pub const IDENTIFY_PROTOCOL: &str = "/pumasi/1.0.0";

/// One request to one peer, and opening a stream for it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How often holders pass profiles on to the nodes that came nearer to their keys.
const REPLICATION: Duration = Duration::from_secs(60 * 60);
/// Bytes of one gossiped message.
pub const MAX_GOSSIP: usize = 16 * 1024;
/// Nodes without the record, the nearest of those asked, that a lookup may give it to.
const WRITE_BACK: u16 = 3;

#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    pub(crate) limits: connection_limits::Behaviour,
    pub(crate) kad: Guard,
    pub(crate) identify: identify::Behaviour,
    pub(crate) ping: ping::Behaviour,
    /// Circuits over relays, as one of their ends.
    pub(crate) circuits: relay::client::Behaviour,
    /// Circuits between others.
    pub(crate) relay: Toggle<relay::Behaviour>,
    /// From a circuit to a direct connection.
    pub(crate) punch: Filtered<dcutr::Behaviour>,
    /// Has others measure whether they reach this node.
    pub(crate) probe: Toggle<Filtered<autonat::v2::client::Behaviour>>,
    /// Measures for others.
    pub(crate) prober: Toggle<Filtered<autonat::v2::server::Behaviour>>,
    pub(crate) mdns: Toggle<mdns::tokio::Behaviour>,
    pub(crate) upnp: Toggle<upnp::tokio::Behaviour>,
    pub(crate) gossip: Quiet<gossipsub::Behaviour>,
    pub(crate) set: Asking,
    pub(crate) signal: Asking,
    pub(crate) message: Asking,
    pub(crate) content: Asking,
    pub(crate) topic: Asking,
    /// What nodes offer.
    pub(crate) info: Asking,
    pub(crate) turn: Asking,
}

impl Behaviour {
    pub(crate) fn new(
        keypair: &identity::Keypair,
        store: Store,
        config: &OverlayConfig,
        memory: bool,
        circuits: relay::client::Behaviour,
    ) -> Self {
        let (mode, limits, private_addresses) = (config.mode, &config.limits, config.private_addresses);
        let id = keypair.public().to_peer_id();
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
        let listens = mode != Mode::Client;
        let probe = (listens && (mode == Mode::Auto || !memory)).then(|| {
            let config = autonat::v2::client::Config::default().with_probe_interval(limits.measure);
            let random = rand::make_rng();
            Filtered::new(autonat::v2::client::Behaviour::new(random, config), private_addresses)
        });
        let prober = listens.then(|| Filtered::new(autonat::v2::server::Behaviour::default(), private_addresses));
        let mdns = (config.mdns && !memory).then(|| mdns::tokio::Behaviour::new(mdns::Config::default(), id));
        // The local network is a help, not a need.
        let mdns = mdns.and_then(|mdns| {
            mdns.inspect_err(|error| tracing::warn!(%error, "nodes of the local network are not looked for")).ok()
        });
        Self {
            limits: connection_limits::Behaviour::new(connections),
            kad: Guard {
                inner: kademlia(id, store, mode, limits),
                trails: Trails::default(),
                patience: Patience::default(),
                private_addresses,
                tellers: Tellers::default(),
            },
            identify: identify::Behaviour::new(identify),
            ping: ping::Behaviour::default(),
            circuits,
            relay: (config.relay && listens).then(|| relay::Behaviour::new(id, relay_config(limits))).into(),
            punch: Filtered::new(dcutr::Behaviour::new(id), private_addresses),
            probe: probe.into(),
            prober: prober.into(),
            mdns: mdns.into(),
            upnp: (config.port_mapping && !memory).then(upnp::tokio::Behaviour::default).into(),
            gossip: Quiet(gossip()),
            set: asking(crate::set::BOUNDS),
            signal: asking(Service::Signal.bounds()),
            message: asking(Service::Message.bounds()),
            content: asking(Service::Content.bounds()),
            topic: asking(Service::Topic.bounds()),
            turn: asking(Service::Turn.bounds()),
            info: asking(crate::node::INFO),
        }
    }

    pub(crate) fn asking(&mut self, service: Service) -> &mut Asking {
        match service {
            Service::Signal => &mut self.signal,
            Service::Message => &mut self.message,
            Service::Content => &mut self.content,
            Service::Topic => &mut self.topic,
            Service::Turn => &mut self.turn,
        }
    }
}

/// Gossip whose messages say nothing of the node that they come from: who speaks is told, and signed, inside.
fn gossip() -> gossipsub::Behaviour {
    let config = gossipsub::ConfigBuilder::default()
        .validation_mode(gossipsub::ValidationMode::Anonymous)
        .validate_messages()
        .message_id_fn(|message| gossipsub::MessageId::new(&sha256(&[&message.data]).0))
        .max_transmit_size(MAX_GOSSIP)
        // As long as a message may be old, or it would come round again.
        .duplicate_cache_time(Duration::from_secs(10 * 60))
        .build()
        .expect("the bounds of gossip fit each other");
    let scores = gossipsub::PeerScoreParams {
        // Many peers behind one address translation, or on one machine, are no attack.
        ip_colocation_factor_weight: 0.0,
        ..gossipsub::PeerScoreParams::default()
    };
    let mut gossip = gossipsub::Behaviour::new(gossipsub::MessageAuthenticity::Anonymous, config)
        .expect("anonymous messages and their validation fit each other");
    gossip.with_peer_score(scores, gossipsub::PeerScoreThresholds::default()).expect("the scores are in their ranges");
    gossip
}

fn kademlia(node: PeerId, store: Store, mode: Mode, limits: &Limits) -> kad::Behaviour<Store> {
    let mut config = kad::Config::new(StreamProtocol::new(KAD_PROTOCOL));
    config
        .set_query_timeout(limits.query_timeout)
        .set_substreams_timeout(REQUEST_TIMEOUT)
        // The record itself says when it ends.
        .set_record_ttl(None)
        .set_provider_publication_interval(None)
        .set_replication_interval((mode != Mode::Client).then_some(REPLICATION))
        // The owner republishes by itself: at once after it has joined anew, not when a timer says so.
        .set_publication_interval(None)
        .set_caching(kad::Caching::Enabled { max_peers: WRITE_BACK })
        // Joining is a lookup of the own id. Periodic bootstraps cost most of the CPU of a large network.
        .set_periodic_bootstrap_interval(None);
    let mut kad = kad::Behaviour::with_config(node, store, config);
    kad.set_mode(Some(match mode {
        Mode::Server => kad::Mode::Server,
        // Until it has been measured.
        Mode::Client | Mode::Auto => kad::Mode::Client,
    }));
    kad
}

/// Kademlia, with what it does not do: it answers a refused put at once; it tells the record store who is at the other end
/// of the connection that a record comes from (what the message says can be forged); it drops the addresses told by
/// strangers that must not be dialled; it lets lookups go on without peers that take too long; and it knows how far each
/// lookup went.
pub(crate) struct Guard {
    pub(crate) inner: kad::Behaviour<Store>,
    pub(crate) trails: Trails,
    patience: Patience,
    private_addresses: bool,
    /// Who told of whom.
    pub(crate) tellers: Tellers,
}

/// The node at the other end is shut out.
#[derive(Debug, thiserror::Error)]
#[error("the node has broken rules and is shut out for a time")]
struct ShutOut;

impl Guard {
    /// Whether an address that another node told may be dialled and passed on.
    pub(crate) fn allows(&self, address: &Multiaddr) -> bool {
        is_dialable(address) && (self.private_addresses || is_public(address))
    }

    /// How long one peer is waited for now.
    pub(crate) fn patience(&self) -> Duration {
        self.patience.limit()
    }

    /// Lets every lookup and put go on without the peers that have had their time. They may still answer, and a record in a
    /// late answer still counts.
    pub(crate) fn give_up(&mut self, now: Instant) {
        for peer in self.patience.overdue(now) {
            tracing::debug!(%peer, "no answer yet; going on without it");
            // What libp2p-kad does with a dial that ended: it marks the peer as failed in all its queries, no more.
            let failure = DialFailure {
                peer_id: Some(peer),
                error: &DialError::Aborted,
                connection_id: ConnectionId::new_unchecked(0),
            };
            self.inner.on_swarm_event(FromSwarm::DialFailure(failure));
        }
    }

    /// A put asks all its peers at once, so nobody waits for a slow one there.
    fn note_question(&mut self, event: &ToSwarm<kad::Event, ToHandler>) {
        let peer = match event {
            ToSwarm::Dial { opts } => opts.get_peer_id(),
            ToSwarm::NotifyHandler {
                peer_id,
                event: ToHandler::FindNodeReq { .. } | ToHandler::GetRecord { .. },
                ..
            } => Some(*peer_id),
            _ => None,
        };
        if let Some(peer) = peer {
            self.patience.begin(peer, Instant::now());
        }
    }

    fn note_answer(&mut self, peer: PeerId, event: &FromHandler) {
        match event {
            FromHandler::FindNodeRes { closer_peers, query_id }
            | FromHandler::GetRecordRes { closer_peers, query_id, .. } => {
                self.trails.told(query_id, peer, closer_peers.iter().map(|told| told.node_id));
                closer_peers.iter().for_each(|told| self.tellers.note(peer, told.node_id));
                self.patience.answered(&peer, Instant::now());
            }
            FromHandler::PutRecordRes { .. } => self.patience.answered(&peer, Instant::now()),
            // An error without a source is an answer of another kind: a refused put.
            FromHandler::QueryError { error, .. } if std::error::Error::source(error).is_none() => {
                self.patience.answered(&peer, Instant::now());
            }
            FromHandler::QueryError { .. } => self.patience.forget(&peer),
            _ => {}
        }
    }

    /// Whether a node may be connected with.
    fn admit(&mut self, peer: &PeerId) -> Result<(), ConnectionDenied> {
        let banned = self.inner.store_mut().scores.is_banned(peer, Instant::now());
        if banned { Err(ConnectionDenied::new(ShutOut)) } else { Ok(()) }
    }
}

type Inner = kad::Behaviour<Store>;
type ToHandler = THandlerInEvent<Inner>;
type FromHandler = THandlerOutEvent<Inner>;

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
        self.admit(&peer)?;
        self.inner.handle_established_inbound_connection(connection, peer, local, remote)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        peer.as_ref().map_or(Ok(()), |peer| self.admit(peer))?;
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
        self.admit(&peer)?;
        self.inner.handle_established_outbound_connection(connection, peer, address, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        if let FromSwarm::DialFailure(DialFailure { peer_id: Some(peer), .. }) = &event {
            self.patience.forget(peer);
        }
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, event: THandlerOutEvent<Self>) {
        self.note_answer(peer, &event);
        // A received record reaches the store within this call, so the store can charge it to the true sender.
        self.inner.store_mut().set_source(Some(peer));
        self.inner.on_connection_handler_event(peer, connection, event);
        self.inner.store_mut().set_source(None);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.inner.poll(cx).map(|event| {
            self.note_question(&event);
            refuse_at_once(event)
        })
    }
}
