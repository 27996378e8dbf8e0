//! The protocols that one node speaks, and their bounds.

use crate::OverlayConfig;
use crate::config::{Limits, Mode};
use crate::exchange::Exchange;
use crate::guard::Guard;
use crate::quiet::Quiet;
use crate::reach::{Filtered, relay_config};
use crate::store::Store;
use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{PeerId, StreamProtocol, autonat, dcutr, gossipsub, identify, identity, kad, mdns, ping, relay, upnp};
use pumasi_crypto::hash::sha256;
use std::time::Duration;

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
    /// The last: it gives a new connection what waits for it, so nobody after it may refuse the connection.
    pub(crate) exchange: Exchange,
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
            kad: Guard::new(kademlia(id, store, mode, limits), private_addresses),
            identify: identify::Behaviour::new(identify),
            ping: ping::Behaviour::new(ping::Config::new().with_interval(limits.ping)),
            circuits,
            relay: (config.relay && listens).then(|| relay::Behaviour::new(id, relay_config(limits))).into(),
            punch: Filtered::new(dcutr::Behaviour::new(id), private_addresses),
            probe: probe.into(),
            prober: prober.into(),
            mdns: mdns.into(),
            upnp: (config.port_mapping && !memory).then(upnp::tokio::Behaviour::default).into(),
            gossip: Quiet(gossip()),
            exchange: Exchange::default(),
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
