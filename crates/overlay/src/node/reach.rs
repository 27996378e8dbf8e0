//! The node's side of [`crate::reach`]: what the protocols tell, and what follows from it.

use super::Node;
use crate::address::{is_circuit, is_dialable, is_public, relay_of};
use crate::behaviour::BehaviourEvent;
use crate::config::Mode;
use crate::reach::{
    Attempt, Connection, Link, LinkDown, LinkWatch, Mapper, Path, Port, PortMapping, Reachability, RelayFigures,
    Relays, Reserved, Serving, Told, Totals, has_route,
};
use crate::{Address, NodeId, OverlayConfig};
use libp2p::core::ConnectedPoint;
use libp2p::core::transport::ListenerId;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionId, DialError};
use libp2p::{Multiaddr, PeerId, autonat, dcutr, identify, kad, mdns, ping, relay, upnp};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Pings of one connection that may fail in turn before it is given up.
const SILENT_PINGS: u32 = 2;
/// How long a connection that is of no more use stays open, for what is under way over it.
const ENDS: Duration = Duration::from_secs(5);
/// How long a circuit has stood when it is opened once more, since only a new one makes both ends try again to punch:
/// what each is seen under is often not known yet at first.
const PUNCH_AGAIN: [Duration; 3] = [Duration::from_secs(15), Duration::from_secs(60), Duration::from_secs(300)];
/// How long after a measurement failed it is made once more: a dial may fail for other reasons than a NAT.
const MEASURE_AGAIN: Duration = Duration::from_secs(30);
/// Nodes of the local network that are dialled and told of.
const LOCAL_NODES: usize = 32;
/// Ports that the router is asked to open.
const PORTS: usize = 8;
/// Peers of which failed attempts are remembered, and attempts of one.
const TRIED_PEERS: usize = 256;
const ATTEMPTS: usize = 8;
/// Addresses that others are told.
const TOLD: usize = 8;
/// Addresses that were measured.
const MEASURED: usize = 16;

/// An open connection.
struct Route {
    peer: PeerId,
    path: Path,
    address: Multiaddr,
    inbound: bool,
    rtt: Option<Duration>,
    silent: u32,
    since: Instant,
    /// As a circuit: how often one was opened to this peer before.
    again: usize,
}

impl Route {
    fn is_circuit(&self) -> bool {
        matches!(self.path, Path::Relayed { .. })
    }
}

/// What the ways to ask a router have said.
#[derive(Default)]
struct Mapping {
    upnp: BTreeSet<Multiaddr>,
    upnp_failed: Option<&'static str>,
    other: Option<Told>,
}

pub(super) struct Reach {
    mode: Mode,
    private_addresses: bool,
    announce: Vec<Multiaddr>,
    relays_for_others: bool,
    relay_slots: usize,
    reserve_after: Duration,
    serving: bool,
    /// Whether the network was lost since the addresses were measured.
    doubted: bool,
    measured: BTreeMap<Multiaddr, PeerId>,
    refuted: Option<(Multiaddr, PeerId, String)>,
    /// Addresses to measure once more.
    doubtful: VecDeque<(Instant, Multiaddr)>,
    routes: HashMap<ConnectionId, Route>,
    ending: VecDeque<(Instant, ConnectionId)>,
    tried: HashMap<PeerId, VecDeque<Attempt>>,
    relays: Relays,
    reserve_at: Option<Instant>,
    asks_router: bool,
    mapper: Option<Mapper>,
    mapping: Mapping,
    local: BTreeSet<PeerId>,
    link: LinkWatch,
    holders: HashSet<PeerId>,
    figures: RelayFigures,
    totals: Arc<Totals>,
}

impl Reach {
    pub(super) fn new(config: &OverlayConfig, memory: bool, totals: Arc<Totals>) -> Self {
        let asks_router = config.port_mapping && config.mode != Mode::Client && !memory;
        Self {
            mode: config.mode,
            private_addresses: config.private_addresses,
            announce: config.announce.iter().map(|address| address.0.clone()).collect(),
            relays_for_others: config.relay,
            relay_slots: config.limits.relay_slots,
            reserve_after: config.limits.reserve_after,
            serving: config.mode == Mode::Server,
            doubted: false,
            measured: BTreeMap::new(),
            refuted: None,
            doubtful: VecDeque::new(),
            routes: HashMap::new(),
            ending: VecDeque::new(),
            tried: HashMap::new(),
            relays: Relays::default(),
            reserve_at: None,
            asks_router,
            mapper: asks_router.then(Mapper::start),
            mapping: Mapping::default(),
            local: BTreeSet::new(),
            link: LinkWatch::default(),
            holders: HashSet::new(),
            figures: RelayFigures { serving: config.relay && config.mode == Mode::Server, ..RelayFigures::default() },
            totals,
        }
    }

    fn allows(&self, address: &Multiaddr) -> bool {
        is_dialable(address) && (self.private_addresses || is_public(address))
    }

    /// Measured addresses that count: where a peer is on the internet, one of the local network does not.
    fn reachable(&self) -> impl Iterator<Item = (&Multiaddr, &PeerId)> {
        let internet = self.routes.values().any(|route| is_public(&route.address));
        self.measured.iter().filter(move |(address, _)| !internet || is_public(address))
    }

    fn failed(&mut self, peer: PeerId, what: String, reason: String) {
        if self.tried.len() >= TRIED_PEERS && !self.tried.contains_key(&peer) {
            return;
        }
        let attempts = self.tried.entry(peer).or_default();
        attempts.retain(|attempt| attempt.what != what);
        attempts.push_back(Attempt { what, reason });
        if attempts.len() > ATTEMPTS {
            attempts.pop_front();
        }
    }

    fn has(&self, peer: &PeerId, relayed: bool) -> bool {
        self.routes.values().any(|route| route.peer == *peer && route.is_circuit() == relayed)
    }
}

impl Node {
    /// Events of the protocols by which a node is reached; the others come back.
    pub(super) fn on_reach_event(&mut self, event: BehaviourEvent) -> Option<BehaviourEvent> {
        match event {
            BehaviourEvent::Circuits(event) => self.on_circuit(event),
            BehaviourEvent::Relay(event) => self.on_relaying(&event),
            BehaviourEvent::Punch(dcutr::Event { remote_peer_id: peer, result }) => match result {
                Ok(connection) => {
                    if let Some(route) = self.reach.routes.get_mut(&connection) {
                        route.path = Path::Punched;
                    }
                }
                Err(error) => self.reach.failed(peer, "hole punching".to_owned(), super::innermost(&error)),
            },
            BehaviourEvent::Probe(event) => self.on_measured(event),
            BehaviourEvent::Prober(event) => self.on_measured_other(&event),
            BehaviourEvent::Mdns(event) => self.on_local(event),
            BehaviourEvent::Upnp(event) => self.on_upnp(event),
            BehaviourEvent::Ping(event) => self.on_ping(&event),
            other => return Some(other),
        }
        None
    }

    pub(super) fn on_way_opened(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        endpoint: &ConnectedPoint,
        first: bool,
    ) {
        let (address, inbound) = match endpoint {
            ConnectedPoint::Dialer { address, .. } => (address, false),
            ConnectedPoint::Listener { local_addr, send_back_addr } => {
                (if endpoint.is_relayed() { local_addr } else { send_back_addr }, true)
            }
        };
        let path = match relay_of(address) {
            Some(relay) => Path::Relayed { over: NodeId(relay) },
            // Both dial because they agreed to over the circuit, whichever of the two dials came through.
            None if self.reach.has(&peer, true) => Path::Punched,
            None => Path::Direct,
        };
        let now = Instant::now();
        // A direct connection takes the place of circuits, and a circuit that was opened once more that of the first.
        let circuits = self.reach.routes.iter().filter(|(_, route)| route.peer == peer && route.is_circuit());
        let ending: Vec<_> = circuits.map(|(circuit, route)| (now + ENDS, *circuit, route.again)).collect();
        let again = ending.iter().map(|(.., again)| again + 1).max().unwrap_or(0);
        self.reach.ending.extend(ending.iter().map(|(at, circuit, _)| (*at, *circuit)));
        let route = Route { peer, path, address: address.clone(), inbound, rtt: None, silent: 0, since: now, again };
        self.reach.routes.insert(connection, route);
        if first {
            self.reach.link.gained();
            if self.reach.mode == Mode::Auto && self.reach.reserve_at.is_none() {
                self.reach.reserve_at = Some(Instant::now() + self.reach.reserve_after);
            }
        }
        self.reconsider();
    }

    pub(super) fn on_way_lost(&mut self, peer: PeerId, connection: ConnectionId, last: bool, idle: bool) {
        self.reach.routes.remove(&connection);
        if !last {
            return;
        }
        self.reach.link.lost(idle, Instant::now());
        self.reach.relays.gone(&peer);
        if self.reach.holders.remove(&peer) {
            self.reach.figures.reservations = self.reach.holders.len();
        }
        if self.reach.routes.is_empty() {
            self.reach.doubted = true;
        }
        self.reconsider();
    }

    /// Remembers why a way to a peer is not taken.
    pub(super) fn on_way_closed(&mut self, peer: Option<PeerId>, error: &DialError) {
        let (Some(peer), DialError::Transport(errors)) = (peer, error) else { return };
        for (address, error) in errors {
            self.reach.failed(peer, address.to_string(), super::innermost(error));
        }
    }

    /// What a peer says of itself, and of us: whether it relays, and where it sees us.
    pub(super) fn on_told(&mut self, peer: PeerId, info: &identify::Info) {
        let relays = info.protocols.contains(&relay::HOP_PROTOCOL_NAME);
        let direct = |route: &&Route| route.peer == peer && !route.is_circuit();
        let dialled = self.reach.routes.values().filter(direct).find(|route| !route.inbound);
        let address = dialled.map(|route| route.address.clone()).or_else(|| {
            let connected = self.reach.routes.values().any(|route| direct(&route));
            let told = info.listen_addrs.iter().find(|address| self.reach.allows(address) && !is_circuit(address));
            told.filter(|_| connected).cloned()
        });
        match address {
            Some(address) if relays => self.reach.relays.offered(peer, address),
            _ => self.reach.relays.gone(&peer),
        }
        self.weigh_doubt(&info.observed_addr);
    }

    /// After the network was lost: measured addresses stand when somebody still sees us there, and go when not.
    fn weigh_doubt(&mut self, seen: &Multiaddr) {
        if !self.reach.doubted || is_circuit(seen) {
            return;
        }
        let Some(host) = seen.iter().next() else { return };
        let of_its_kind = |address: &Multiaddr| {
            let other = address.iter().next();
            other.is_some_and(|other| std::mem::discriminant(&other) == std::mem::discriminant(&host))
                && is_public(address) == is_public(seen)
        };
        let gone: Vec<Multiaddr> = self
            .reach
            .measured
            .keys()
            .filter(|address| of_its_kind(address) && address.iter().next().as_ref() != Some(&host))
            .cloned()
            .collect();
        self.reach.doubted = false;
        for address in gone {
            tracing::info!(%address, "no longer reached there: others see another address");
            self.forget(&address);
        }
        self.reconsider();
    }

    /// Others do not reach this node there any more.
    fn forget(&mut self, address: &Multiaddr) {
        self.reach.measured.remove(address);
        self.swarm.remove_external_address(address);
        if let Ok(named) = address.clone().with_p2p(*self.swarm.local_peer_id()) {
            self.swarm.remove_external_address(&named);
        }
    }

    /// Serves, relays and keeps slots as the measurements say.
    fn reconsider(&mut self) {
        let serving = match self.reach.mode {
            Mode::Server => true,
            Mode::Client => false,
            Mode::Auto => self.reach.reachable().next().is_some(),
        };
        if serving != self.reach.serving {
            tracing::info!(serving, "the node was measured");
            self.reach.serving = serving;
            self.kad().set_mode(Some(if serving { kad::Mode::Server } else { kad::Mode::Client }));
            self.store().set_keeps(serving);
        }
        self.infos.changed();
        self.reach.figures.serving = self.reach.relays_for_others && serving;
        let status = if self.reach.figures.serving { relay::Status::Enable } else { relay::Status::Disable };
        if let Some(relay) = self.swarm.behaviour_mut().relay.as_mut() {
            relay.set_status(Some(status));
        }
        if serving {
            for listener in self.reach.relays.listeners() {
                self.swarm.remove_listener(listener);
            }
        }
    }

    pub(super) fn reach_tick(&mut self, now: Instant) {
        if self.reach.mode == Mode::Auto && !self.reach.serving && self.reach.reserve_at.is_some_and(|at| now >= at) {
            while let Some((relay, address)) = self.reach.relays.choose(self.reach.relay_slots, now) {
                match self.swarm.listen_on(address) {
                    Ok(listener) => self.reach.relays.asked(listener, relay),
                    Err(error) => {
                        tracing::warn!(%error, "no slot at a relay");
                        self.reach.relays.gone(&relay);
                    }
                }
            }
        }
        while let Some((_, circuit)) = self.reach.ending.front().copied().filter(|(at, _)| now >= *at) {
            self.reach.ending.pop_front();
            let Some(peer) = self.reach.routes.get(&circuit).map(|route| route.peer) else { continue };
            let others = self.reach.routes.iter().any(|(other, route)| route.peer == peer && *other != circuit);
            if others {
                self.swarm.close_connection(circuit);
            }
        }
        self.punch_again(now);
        while let Some((_, address)) = self.reach.doubtful.front().cloned().filter(|(at, _)| now >= *at) {
            self.reach.doubtful.pop_front();
            self.candidate(&address);
        }
        while let Some(told) = self.reach.mapper.as_mut().and_then(Mapper::try_next) {
            if let Told::Open { addresses, .. } = &told {
                addresses.iter().for_each(|address| self.candidate(address));
            }
            self.reach.mapping.other = Some(told);
        }
    }

    /// Opens circuits once more over which no direct connection has come.
    fn punch_again(&mut self, now: Instant) {
        let due = |route: &&mut Route| {
            let wait = PUNCH_AGAIN.get(route.again);
            route.is_circuit() && !route.inbound && wait.is_some_and(|wait| now.duration_since(route.since) >= *wait)
        };
        let mut dials = Vec::new();
        for route in self.reach.routes.values_mut().filter(due) {
            dials.push((route.peer, route.address.clone()));
            // The next time counts from here, if this dial comes to nothing.
            (route.since, route.again) = (now, route.again + 1);
        }
        for (peer, address) in dials {
            if !self.reach.has(&peer, false) {
                let dial = DialOpts::peer_id(peer).condition(PeerCondition::Always).addresses(vec![address]).build();
                if let Err(error) = self.swarm.dial(dial) {
                    tracing::debug!(%peer, %error, "the circuit is not opened once more");
                }
            }
        }
    }

    /// Whether we have dialled a peer, and are connected directly.
    pub(super) fn dialled(&self, peer: &PeerId) -> bool {
        self.reach.routes.values().any(|route| route.peer == *peer && !route.inbound && !route.is_circuit())
    }

    /// Whether this node relays for others now.
    pub(super) fn relays(&self) -> bool {
        self.reach.figures.serving
    }

    /// An address that may be ours: others measure it, and it is offered for hole punching.
    fn candidate(&mut self, address: &Multiaddr) {
        let behaviour = self.swarm.behaviour_mut();
        behaviour.punch.candidate(address);
        if let Some(probe) = behaviour.probe.as_mut() {
            probe.candidate(address);
        }
    }

    pub(super) fn on_listening(&mut self, listener: ListenerId, address: Multiaddr) {
        if self.reach.relays.listens(listener, address.clone()) {
            return;
        }
        // A relay has to say where it is, and a node that was told to serve is believed.
        if self.reach.relays_for_others && self.reach.mode == Mode::Server && self.reach.announce.is_empty() {
            let listens: Vec<Multiaddr> = self.swarm.listeners().chain([&address]).cloned().collect();
            let (loopback, others): (Vec<_>, Vec<_>) =
                listens.into_iter().filter(|at| !is_circuit(at) && self.reach.allows(at)).partition(is_loopback);
            if !others.is_empty() {
                loopback.iter().for_each(|at| self.swarm.remove_external_address(at));
            }
            let told = if others.is_empty() { loopback } else { others };
            told.into_iter().for_each(|at| self.swarm.add_external_address(at));
        }
        self.ports_changed();
    }

    /// Whether it was a slot at a relay.
    pub(super) fn on_listener_closed(&mut self, listener: &ListenerId) -> bool {
        self.reach.relays.lost(listener, Instant::now())
    }

    /// An interface went away: whatever went over it is dead, and would take minutes to notice.
    pub(super) fn on_address_gone(&mut self, address: &Multiaddr) {
        let family = |address: &Multiaddr| match address.iter().next() {
            Some(Protocol::Ip4(ip)) if !ip.is_loopback() => Some(4),
            Some(Protocol::Ip6(ip)) if !ip.is_loopback() => Some(6),
            _ => None,
        };
        self.forget(address);
        self.ports_changed();
        let Some(gone) = family(address).filter(|_| !is_circuit(address)) else { return };
        let over_it = self.reach.routes.iter().filter(|(_, route)| family(&route.address) == Some(gone));
        let dead: Vec<ConnectionId> = over_it.map(|(connection, _)| *connection).collect();
        tracing::info!(%address, connections = dead.len(), "an address of this machine is gone");
        for connection in dead {
            self.swarm.close_connection(connection);
        }
        if let Some(mapper) = &self.reach.mapper {
            mapper.ask_again();
        }
    }

    fn ports_changed(&mut self) {
        let Some(mapper) = &self.reach.mapper else { return };
        mapper.want(self.swarm.listeners().filter_map(Port::of).take(PORTS).collect());
    }

    fn on_circuit(&mut self, event: relay::client::Event) {
        if let relay::client::Event::ReservationReqAccepted { relay_peer_id, renewal, limit } = event {
            let (bytes, duration) = limit.map_or((None, None), |limit| (limit.data_in_bytes(), limit.duration()));
            self.reach.relays.granted(&relay_peer_id, bytes, duration);
            tracing::info!(relay = %relay_peer_id, renewal, "slot at a relay");
        }
    }

    fn on_relaying(&mut self, event: &relay::Event) {
        let reach = &mut self.reach;
        match event {
            relay::Event::ReservationReqAccepted { src_peer_id, renewed } => {
                reach.holders.insert(*src_peer_id);
                reach.figures.reservations_total += u64::from(!renewed);
            }
            relay::Event::ReservationReqDenied { .. } => reach.figures.reservations_denied += 1,
            relay::Event::ReservationTimedOut { src_peer_id } => {
                reach.holders.remove(src_peer_id);
            }
            relay::Event::CircuitReqAccepted { .. } => {
                reach.figures.circuits += 1;
                reach.figures.circuits_total += 1;
            }
            relay::Event::CircuitReqDenied { .. } => reach.figures.circuits_denied += 1,
            relay::Event::CircuitClosed { .. } => {
                reach.figures.circuits = reach.figures.circuits.saturating_sub(1);
            }
            _ => {}
        }
        reach.figures.reservations = reach.holders.len();
    }

    fn on_measured(&mut self, event: autonat::v2::client::Event) {
        let autonat::v2::client::Event { tested_addr, server, result, .. } = event;
        match result {
            Ok(()) => {
                tracing::info!(address = %tested_addr, by = %server, "reached by another node");
                if self.reach.measured.len() < MEASURED {
                    self.reach.measured.insert(bare(&tested_addr), server);
                }
                self.reach.refuted = None;
            }
            Err(error) => {
                tracing::info!(address = %tested_addr, by = %server, %error, "not reached by another node");
                self.reach.refuted = Some((bare(&tested_addr), server, error.to_string()));
                // libp2p measures an address once. With the node's name at its end it is another one to it.
                let named = tested_addr.clone().with_p2p(*self.swarm.local_peer_id());
                if let (Ok(named), true) = (named, self.reach.doubtful.len() < MEASURED)
                    && named != tested_addr
                {
                    self.reach.doubtful.push_back((Instant::now() + MEASURE_AGAIN, named));
                }
                // A second address may still be measured, at the next round.
                let soon = Instant::now() + self.limits.measure * 2;
                self.reach.reserve_at = self.reach.reserve_at.map(|at| at.min(soon));
            }
        }
        self.reconsider();
    }

    /// The dial back has told what it should: its connection is of no more use.
    fn on_measured_other(&mut self, event: &autonat::v2::server::Event) {
        let of_it = |route: &&Route| {
            route.peer == event.client && !route.inbound && same_place(&route.address, &event.tested_addr)
        };
        let others = self.reach.routes.values().filter(|route| route.peer == event.client).count() > 1;
        let connection = self.reach.routes.iter().find(|(_, route)| of_it(route)).map(|(connection, _)| *connection);
        if let (Some(connection), true) = (connection, others) {
            self.reach.ending.push_back((Instant::now() + ENDS, connection));
        }
    }

    fn on_local(&mut self, event: mdns::Event) {
        match event {
            mdns::Event::Discovered(found) => {
                let mut by_peer: BTreeMap<PeerId, Vec<Multiaddr>> = BTreeMap::new();
                for (peer, address) in found {
                    if is_dialable(&address) && !is_circuit(&address) {
                        by_peer.entry(peer).or_default().push(address);
                    }
                }
                for (peer, addresses) in by_peer {
                    if self.reach.local.len() < LOCAL_NODES || self.reach.local.contains(&peer) {
                        self.reach.local.insert(peer);
                        self.dial_local(peer, addresses);
                    }
                }
            }
            mdns::Event::Expired(gone) => {
                for (peer, _) in gone {
                    self.reach.local.remove(&peer);
                }
            }
        }
    }

    fn dial_local(&mut self, peer: PeerId, addresses: Vec<Multiaddr>) {
        let dial = DialOpts::peer_id(peer).condition(PeerCondition::DisconnectedAndNotDialing);
        let dial = dial.addresses(addresses).extend_addresses_through_behaviour().build();
        if let Err(error) = self.swarm.dial(dial) {
            tracing::debug!(%peer, %error, "a node of the local network is not dialled");
        }
    }

    /// The nodes of the local network again, when nobody is connected.
    pub(super) fn dial_local_nodes(&mut self) {
        for peer in self.reach.local.clone() {
            self.dial_local(peer, Vec::new());
        }
    }

    fn on_upnp(&mut self, event: upnp::Event) {
        match event {
            upnp::Event::NewExternalAddr { external_addr, .. } => {
                self.candidate(&external_addr);
                if self.reach.mapping.upnp.len() < PORTS {
                    self.reach.mapping.upnp.insert(external_addr);
                }
            }
            upnp::Event::ExpiredExternalAddr { external_addr, .. } => {
                self.reach.mapping.upnp.remove(&external_addr);
                self.forget(&external_addr);
                self.reconsider();
            }
            upnp::Event::GatewayNotFound => self.reach.mapping.upnp_failed = Some("no router answered"),
            upnp::Event::NonRoutableGateway => {
                self.reach.mapping.upnp_failed = Some("the router itself has no public address");
            }
        }
    }

    /// A connection on which nobody answers is dead, whatever TCP says.
    fn on_ping(&mut self, event: &ping::Event) {
        let Some(route) = self.reach.routes.get_mut(&event.connection) else { return };
        match &event.result {
            Ok(rtt) => (route.rtt, route.silent) = (Some(*rtt), 0),
            Err(ping::Failure::Unsupported) => {}
            Err(_) => {
                route.silent += 1;
                if route.silent >= SILENT_PINGS {
                    tracing::debug!(peer = %event.peer, "no answer to pings");
                    self.swarm.close_connection(event.connection);
                }
            }
        }
    }

    /// Whether everyone was lost at once. One peer that goes, and was the only one, says nothing of this side.
    pub(super) fn link_is_down(&self) -> bool {
        matches!(self.reach.link.link(true, Instant::now()), Link::Down { why: LinkDown::AllLost, .. })
    }

    /// Closes the ports at the router.
    pub(super) async fn stop_mapping(&mut self) {
        if let Some(mapper) = self.reach.mapper.take() {
            mapper.stop().await;
        }
    }

    pub(super) fn reachability(&mut self) -> Reachability {
        let now = Instant::now();
        let reach = &self.reach;
        let mut figures = reach.figures;
        figures.bytes = reach.totals.relayed.load(Relaxed);
        let network = reach.link.link(true, now);
        let link = if network == Link::Up { network } else { reach.link.link(self.has_network(), now) };
        Reachability {
            serving: self.serving(),
            addresses: self.addresses_to_tell(),
            reserved: reach
                .relays
                .held()
                .map(|slot| Reserved {
                    relay: NodeId(slot.relay),
                    addresses: slot.addresses.iter().filter(|at| is_dialable(at)).cloned().map(Address).collect(),
                    bytes: slot.bytes,
                    duration: slot.duration,
                })
                .collect(),
            mapping: self.mapping(),
            local: reach.local.iter().copied().map(NodeId).collect(),
            connections: reach.routes.values().map(|route| self.connection(route)).collect(),
            link,
            relay: figures,
            received: reach.totals.received.load(Relaxed),
            sent: reach.totals.sent.load(Relaxed),
        }
    }

    fn has_network(&self) -> bool {
        let elsewhere = |address: &Multiaddr| match address.iter().next() {
            Some(Protocol::Ip4(ip)) => !ip.is_loopback(),
            Some(Protocol::Ip6(ip)) => !ip.is_loopback() && !ip.is_unicast_link_local(),
            Some(Protocol::Memory(_)) => true,
            _ => false,
        };
        self.swarm.listeners().any(elsewhere) || has_route()
    }

    fn serving(&self) -> Serving {
        let reach = &self.reach;
        match reach.mode {
            Mode::Server => return Serving::Told,
            Mode::Client => return Serving::ClientTold,
            Mode::Auto => {}
        }
        match (reach.reachable().next(), &reach.refuted) {
            (Some((address, by)), _) => Serving::Measured { address: Address(address.clone()), by: NodeId(*by) },
            (None, Some((address, by, reason))) => {
                Serving::Unreachable { address: Address(address.clone()), by: NodeId(*by), reason: reason.clone() }
            }
            (None, None) => Serving::NotMeasured,
        }
    }

    /// Where others should look for this node. Addresses of the local network are told only by a node that nobody outside
    /// of it reaches: to the others they say nothing but how its house is wired.
    pub(super) fn addresses_to_tell(&self) -> Vec<Address> {
        let reach = &self.reach;
        let own = *self.swarm.local_peer_id();
        let direct = reach.announce.iter().chain(reach.reachable().map(|(address, _)| address)).cloned();
        let mut told: Vec<Multiaddr> = direct.collect();
        let internet = told.iter().any(is_public);
        if !internet && reach.mode != Mode::Client {
            let listens = self.swarm.listeners().filter(|address| !is_circuit(address) && reach.allows(address));
            let (loopback, others): (Vec<_>, Vec<_>) = listens.cloned().partition(is_loopback);
            told.extend(if others.is_empty() { loopback } else { others });
        }
        let circuits = reach.relays.held().flat_map(|slot| slot.addresses.iter().filter(|at| reach.allows(at)));
        let (loopback, others): (Vec<_>, Vec<_>) = circuits.cloned().partition(is_loopback);
        told.extend(if others.is_empty() { loopback } else { others });
        let mut seen = HashSet::new();
        let named = told.into_iter().filter_map(|address| address.with_p2p(own).ok());
        let named = named.filter(|address| is_dialable(address) && seen.insert(address.clone()));
        named.take(TOLD).map(Address).collect()
    }

    fn mapping(&self) -> PortMapping {
        let Mapping { upnp, upnp_failed, other } = &self.reach.mapping;
        let addresses = |all: &mut dyn Iterator<Item = &Multiaddr>| all.cloned().map(Address).collect();
        if !self.reach.asks_router {
            return PortMapping::Off;
        }
        match (upnp.is_empty(), other, upnp_failed) {
            (_, Some(Told::Open { by, addresses: open }), _) => {
                PortMapping::Open { by, addresses: addresses(&mut open.iter()) }
            }
            (false, ..) => PortMapping::Open { by: "UPnP", addresses: addresses(&mut upnp.iter()) },
            (true, Some(Told::Failed(reason)), Some(failed)) => {
                PortMapping::None { reasons: vec![reason.clone(), format!("UPnP: {failed}")] }
            }
            _ => PortMapping::Asking,
        }
    }

    fn connection(&self, route: &Route) -> Connection {
        let tried = self.reach.tried.get(&route.peer).filter(|_| route.is_circuit());
        Connection {
            node: NodeId(route.peer),
            path: route.path,
            address: route.address.to_string(),
            inbound: route.inbound,
            rtt: route.rtt,
            failed: tried.map(|tried| tried.iter().cloned().collect()).unwrap_or_default(),
        }
    }
}

fn is_loopback(address: &Multiaddr) -> bool {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => ip.is_loopback(),
        Some(Protocol::Ip6(ip)) => ip.is_loopback(),
        _ => false,
    }
}

/// The address without the node's name at its end.
fn bare(address: &Multiaddr) -> Multiaddr {
    address.iter().filter(|part| !matches!(part, Protocol::P2p(_))).collect()
}

/// Whether two addresses are one but for the node's name at the end.
fn same_place(a: &Multiaddr, b: &Multiaddr) -> bool {
    bare(a) == bare(b)
}
