//! The task that owns the swarm. Handles send it [`Command`]s; it answers each exactly once or drops the sender.

mod info;
mod join;
mod judge;
mod lookup;
mod publish;
mod reach;
mod requests;
mod sets;
mod topics;

pub(crate) use info::INFO;
pub(crate) use judge::Tellers;
pub(crate) use requests::QUEUE;

use crate::address::{is_circuit, keypair, peer_of};
use crate::behaviour::{Behaviour, BehaviourEvent, KAD_PROTOCOL};
use crate::config::{Limits, Mode};
use crate::gossip::{Rule, TopicId};
use crate::reach::Totals;
use crate::record::Namespace;
use crate::service::{Incoming, Service};
use crate::set::SetKey;
use crate::store::Store;
use crate::trail::Wants;
use crate::{
    Address, Listed, Lookup, NodeId, OverlayConfig, OverlayError, Peer, Published, RecordKey, Status, transport,
};
use futures::StreamExt as _;
use join::{Joining, innermost};
use libp2p::core::upgrade::Version;
use libp2p::kad::{self, QueryId, QueryResult};
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{self, ConnectionError, DialError, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, identify, relay};
use pumasi_signaling::{NodeInfo, Offers};
use reach::Reach;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// How often the node looks at its clock.
const TICK: Duration = Duration::from_millis(100);
/// How often expired records are swept.
const SWEEP: Duration = Duration::from_secs(10);
/// How long a shutdown waits for connections to close.
const CLOSING: Duration = Duration::from_millis(500);
/// How often a lookup is made at most, while those whom it asks do not answer.
const TRIES: u8 = 3;
/// Addresses of one peer that are taken from one identify message.
const ADDRESSES_TOLD: usize = 8;
/// Addresses of one peer in the routing table; then it starts over with the latest.
const ADDRESSES_KEPT: usize = 16;
/// Addresses that [`Command::KnownPeers`] returns, and of each peer.
const KNOWN: usize = 64;
const KNOWN_OF_ONE: usize = 2;

type Reply<T> = oneshot::Sender<Result<T, OverlayError>>;

pub(crate) enum Command {
    Join(Reply<()>),
    Put { key: RecordKey, value: Vec<u8>, reply: Reply<Published> },
    Give { key: RecordKey, value: Vec<u8>, giver: PeerId, reply: Reply<Published> },
    Get { key: RecordKey, reply: Reply<Lookup> },
    Watch { key: RecordKey, sender: mpsc::Sender<Vec<u8>>, reply: Reply<()> },
    Status(oneshot::Sender<Status>),
    Offer { offers: Offers, reply: oneshot::Sender<()> },
    Infos(oneshot::Sender<Vec<NodeInfo>>),
    KnownPeers(oneshot::Sender<Vec<Address>>),
    Add { key: SetKey, entry: Vec<u8>, reply: Reply<Published> },
    List { key: SetKey, reply: Reply<Listed> },
    Withdraw { key: SetKey, entry: Vec<u8> },
    Shun(NodeId),
    Connect { peer: Peer, reply: Reply<()> },
    Ask { peer: Peer, service: Service, request: Vec<u8>, reply: Reply<Vec<u8>> },
    Serve { service: Service, server: mpsc::Sender<Incoming>, reply: Reply<()> },
    Subscribe { topic: TopicId, rule: Rule, heard: mpsc::Sender<Vec<u8>>, reply: Reply<()> },
    Say { topic: TopicId, bytes: Vec<u8>, reply: Reply<usize> },
    Shutdown(oneshot::Sender<()>),
}

pub(crate) struct Node {
    swarm: Swarm<Behaviour>,
    commands: mpsc::Receiver<Command>,
    limits: Limits,
    to_listen: Vec<Address>,
    queries: HashMap<QueryId, Query>,
    joining: Joining,
    reach: Reach,
    infos: info::Infos,
    desk: requests::Desk,
    sets: sets::Sets,
    topics: topics::Subscriptions,
    /// Who waits for a connection with whom.
    dialing: Vec<(PeerId, Reply<()>)>,
    /// Records that this node publishes, put again after each join and every [`Limits::republish`].
    owned: BTreeMap<RecordKey, Vec<u8>>,
    republish_at: Instant,
    sweep_at: Instant,
}

/// A query of libp2p under way, and when it last came forward.
struct Query {
    purpose: Purpose,
    began: Instant,
    heard: u32,
    heard_at: Instant,
    /// How often it has been made before.
    tries: u8,
    /// Ended because it took long and had found nothing that is sure.
    cut: bool,
}

impl Query {
    fn new(purpose: Purpose, tries: u8) -> Self {
        let now = Instant::now();
        Self { purpose, began: now, heard: 0, heard_at: now, tries, cut: false }
    }
}

enum Purpose {
    /// The lookup of the own id.
    Join,
    /// A lookup of any id, to know who is far away.
    Refresh,
    Lookup(lookup::Gathering),
    /// Looking for the peers nearest to a key, to put a record there.
    Nearest(publish::Publishing),
    Storing(publish::Publishing),
    /// Sending the newest record to a peer that holds an older one.
    Repair,
    /// Looking for the peers nearest to the key of a set.
    SetNearest(Box<sets::Job>),
}

impl Node {
    pub(crate) fn new(config: OverlayConfig, commands: mpsc::Receiver<Command>) -> Result<Self, OverlayError> {
        let memory = config.checked_transport()?;
        let keypair = keypair(&config.seed);
        let id = keypair.public().to_peer_id();
        let store = Store::open(id, config.limits.clone(), config.mode == Mode::Server, config.store.as_deref())?;
        let (circuits, behind) = relay::client::new(id);
        let totals = Arc::<Totals>::default();
        let transport = if memory {
            transport::memory(&keypair, circuits, &totals)?
        } else {
            transport::internet(&keypair, circuits, &totals)?
        };
        let behaviour = Behaviour::new(&keypair, store, &config, memory, behind);
        let swarm_config = swarm::Config::with_tokio_executor()
            .with_idle_connection_timeout(config.limits.idle)
            // The name of the protocol goes out together with the request: one way less, and half of the packets.
            .with_substream_upgrade_protocol_override(Version::V1Lazy);
        let mut swarm = Swarm::new(transport, behaviour, id, swarm_config);
        config.announce.iter().for_each(|address| swarm.add_external_address(address.0.clone()));
        let now = Instant::now();
        Ok(Self {
            swarm,
            commands,
            reach: Reach::new(&config, memory, totals),
            infos: info::Infos::new(&config.seed),
            to_listen: config.listen,
            queries: HashMap::new(),
            joining: Joining::new(&config.bootstrap, &config.known_peers, &config.limits, now),
            desk: requests::Desk::new(config.limits.requests_per_peer),
            sets: sets::Sets::default(),
            topics: topics::Subscriptions::default(),
            dialing: Vec::new(),
            owned: BTreeMap::new(),
            republish_at: now + config.limits.republish,
            sweep_at: now + SWEEP,
            limits: config.limits,
        })
    }

    pub(crate) fn id(&self) -> NodeId {
        NodeId(*self.swarm.local_peer_id())
    }

    /// Opens every socket asked for, or fails naming the one that cannot be opened.
    pub(crate) async fn listen(&mut self) -> Result<(), OverlayError> {
        let failed = |address: &Address, reason: String| OverlayError::Listen { address: address.to_string(), reason };
        let mut waiting = HashMap::new();
        for address in std::mem::take(&mut self.to_listen) {
            let listener = self.swarm.listen_on(address.0.clone()).map_err(|e| failed(&address, e.to_string()))?;
            waiting.insert(listener, address);
        }
        while !waiting.is_empty() {
            match self.swarm.select_next_some().await {
                SwarmEvent::NewListenAddr { listener_id, address } => {
                    waiting.remove(&listener_id);
                    self.on_listening(listener_id, address);
                }
                SwarmEvent::ListenerClosed { listener_id, reason: Err(error), .. }
                | SwarmEvent::ListenerError { listener_id, error } => {
                    if let Some(address) = waiting.get(&listener_id) {
                        return Err(failed(address, error.to_string()));
                    }
                }
                event => self.on_swarm_event(event),
            }
        }
        Ok(())
    }

    pub(crate) async fn run(mut self: Box<Self>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let last = loop {
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_swarm_event(event),
                command = self.commands.recv() => match command {
                    Some(Command::Shutdown(reply)) => break Some(reply),
                    Some(command) => self.on_command(command),
                    None => break None,
                },
                _ = tick.tick() => self.on_tick(Instant::now()),
            }
            self.judge();
        };
        self.close().await;
        if let Some(reply) = last {
            // Whoever asked may have given up waiting.
            let _ = reply.send(());
        }
    }

    async fn close(&mut self) {
        self.commands.close();
        self.stop_mapping().await;
        let peers: Vec<PeerId> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            // An error means that it is gone already.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let closed = async {
            while self.swarm.network_info().num_peers() > 0 {
                self.swarm.next().await;
            }
        };
        // Peers that do not answer must not keep us: the sockets close with the node.
        let _ = tokio::time::timeout(CLOSING, closed).await;
        if let Some(writer) = self.store().close() {
            // The thread ends by itself once its queue is empty; a panic there was logged by its own hook.
            let _ = tokio::task::spawn_blocking(move || writer.join()).await;
        }
    }

    fn kad(&mut self) -> &mut kad::Behaviour<Store> {
        &mut self.swarm.behaviour_mut().kad.inner
    }

    fn store(&mut self) -> &mut Store {
        self.kad().store_mut()
    }

    fn on_command(&mut self, command: Command) {
        // A reply that nobody waits for any more is dropped: the caller's own time was over.
        match command {
            Command::Join(reply) => self.joining.wait(reply),
            Command::Put { key, value, reply } => self.publish(key, value, reply),
            Command::Give { key, value, giver, reply } => self.give(key, value, giver, reply),
            Command::Get { key, reply } => self.look_up(key, reply),
            Command::Watch { key, sender, reply } => {
                let _ = reply.send(self.store().watch(key, sender));
            }
            Command::Add { key, entry, reply } => self.add(key, entry, reply),
            Command::List { key, reply } => self.list(key, reply),
            Command::Withdraw { key, entry } => self.withdraw(&key, &entry),
            Command::Shun(node) => self.shun(node.0),
            Command::Connect { peer, reply } => self.connect(&peer, reply),
            Command::Ask { peer, service, request, reply } => {
                let addresses = peer.addresses.into_iter().map(|address| address.0).collect();
                self.ask(peer.node.0, addresses, service, request, reply);
            }
            Command::Serve { service, server, reply } => self.serve(service, server, reply),
            Command::Subscribe { topic, rule, heard, reply } => self.subscribe(topic, rule, heard, reply),
            Command::Say { topic, bytes, reply } => self.say(topic, bytes, reply),
            Command::Status(reply) => {
                let _ = reply.send(self.status());
            }
            Command::Offer { offers, reply } => {
                self.infos.offer(offers);
                let _ = reply.send(());
            }
            Command::Infos(reply) => {
                let _ = reply.send(self.infos.told());
            }
            Command::KnownPeers(reply) => {
                let _ = reply.send(self.known_peers());
            }
            Command::Shutdown(_) => unreachable!("the run loop takes it"),
        }
    }

    /// Remembers what a query is for.
    fn track(&mut self, id: QueryId, purpose: Purpose) {
        self.track_again(id, purpose, 0);
    }

    fn track_again(&mut self, id: QueryId, purpose: Purpose, tries: u8) {
        let trails = &mut self.swarm.behaviour_mut().kad.trails;
        match purpose {
            Purpose::Lookup(_) => trails.follow(id, Wants::Record),
            Purpose::Storing(_) | Purpose::Repair => {} // see `put_to`
            _ => trails.follow(id, Wants::Nearest),
        }
        self.queries.insert(id, Query::new(purpose, tries));
    }

    fn is_busy(&self) -> Option<OverlayError> {
        let limit = self.limits.queries;
        (self.queries.len() + self.set_jobs() >= limit)
            .then_some(OverlayError::Busy { what: "lookups and puts", limit })
    }

    fn on_tick(&mut self, now: Instant) {
        self.swarm.behaviour_mut().kad.give_up(now);
        self.finish_stalled(now);
        self.finish_stalled_sets(now);
        self.unsubscribe_gone();
        self.close_services();
        self.joining_tick(now);
        self.reach_tick(now);
        if now >= self.republish_at {
            self.republish_at = now + self.limits.republish;
            self.republish();
            self.republish_entries();
        }
        if now >= self.sweep_at {
            self.sweep_at = now + SWEEP;
            self.store().sweep();
            self.pass_on_entries();
        }
    }

    /// Ends the queries that only wait for peers which do not answer: libp2p would wait ten seconds for each. And lookups that
    /// have gone on for long with nothing that is sure, to begin anew: by then those on a wrong way are known.
    fn finish_stalled(&mut self, now: Instant) {
        let (grace, stall, all) = (self.limits.grace, self.limits.stall, self.limits.query_timeout);
        let guard = &mut self.swarm.behaviour_mut().kad;
        // Longer than any one peer is waited for, or a few silent ones together would end what others could answer.
        let one_more = guard.patience() + grace;
        let kad = &mut guard.inner;
        for (id, query) in &mut self.queries {
            let Some(mut running) = kad.query_mut(id) else { continue };
            let heard = running.stats().num_successes() + running.stats().num_failures();
            if heard != query.heard {
                (query.heard, query.heard_at) = (heard, now);
            }
            let wait = match &query.purpose {
                // Until nearly all have it, whoever reads at once may meet those who still hold the one before.
                Purpose::Storing(put) if running.stats().num_successes() as usize * 10 >= put.asked() * 9 => grace,
                Purpose::Storing(_) => stall,
                _ => stall.max(one_more),
            };
            let mut over = now.duration_since(query.heard_at) >= wait;
            if let Purpose::Lookup(gathering) = &query.purpose {
                let (last, long) = (query.tries + 1 >= TRIES, now.duration_since(query.began) >= all / 4);
                // With an answer too: while fewer agree than end a lookup, they may be those that have an old record.
                query.cut = long && !last && !gathering.is_sure();
                // All tries together have the time of one.
                over |= query.cut || now.duration_since(gathering.started()) >= all;
            }
            if over {
                running.finish();
            }
        }
    }

    fn on_swarm_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        let event = match event {
            SwarmEvent::Behaviour(event) => match self.on_reach_event(event) {
                Some(event) => SwarmEvent::Behaviour(event),
                None => return,
            },
            event => event,
        };
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Kad(kad::Event::OutboundQueryProgressed {
                id,
                result,
                stats,
                step,
            })) => self.on_query(id, result, stats, step.last),
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. })) => {
                self.on_told(peer_id, &info);
                self.ask_info(peer_id, &info);
                self.on_identified(peer_id, info);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Exchange(event)) => self.on_exchange(event),
            SwarmEvent::Behaviour(BehaviourEvent::Gossip(event)) => self.on_gossip(event),
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, num_established, .. } => {
                tracing::debug!(peer = %peer_id, ?endpoint, "connected");
                self.on_way_opened(peer_id, connection_id, &endpoint, num_established.get() == 1);
                self.on_told_there(&peer_id);
                self.on_connected(peer_id, true);
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, num_established, cause, .. } => {
                tracing::debug!(peer = %peer_id, ?cause, "disconnected");
                let idle = matches!(cause, Some(ConnectionError::KeepAliveTimeout));
                self.on_way_lost(peer_id, connection_id, num_established == 0, idle);
            }
            SwarmEvent::NewListenAddr { listener_id, address } => self.on_listening(listener_id, address),
            SwarmEvent::ExpiredListenAddr { address, .. } => self.on_address_gone(&address),
            SwarmEvent::OutgoingConnectionError { peer_id, error, .. } => self.on_dial_failed(peer_id, &error),
            SwarmEvent::ListenerClosed { listener_id, reason, .. } => {
                if !self.on_listener_closed(&listener_id)
                    && let Err(error) = reason
                {
                    tracing::warn!(%error, "a listening socket failed");
                }
            }
            SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "a listening socket failed"),
            _ => {}
        }
    }

    fn on_query(&mut self, id: QueryId, result: QueryResult, stats: kad::QueryStats, last: bool) {
        if let QueryResult::GetRecord(Ok(kad::GetRecordOk::FoundRecord(found))) = result {
            self.on_found(id, found);
            return;
        }
        if !last {
            return;
        }
        let Some(query) = self.queries.remove(&id) else { return };
        self.swarm.behaviour_mut().kad.trails.forget(&id);
        let Some(purpose) = self.unless_again(query, &result, &stats) else { return };
        match (purpose, result) {
            (Purpose::Join, QueryResult::GetClosestPeers(result)) => {
                let peers = match result {
                    Ok(ok) => ok.peers.len(),
                    Err(kad::GetClosestPeersError::Timeout { peers, .. }) => peers.len(),
                };
                self.on_self_lookup(peers, Instant::now());
            }
            (Purpose::Lookup(gathering), QueryResult::GetRecord(result)) => {
                let lacking = match result {
                    Ok(kad::GetRecordOk::FinishedWithNoAdditionalRecord { cache_candidates }) => cache_candidates,
                    _ => BTreeMap::new(),
                };
                self.on_gathered(gathering, lacking.into_values(), &stats);
            }
            (Purpose::Nearest(publishing), QueryResult::GetClosestPeers(result)) => {
                let peers = match result {
                    Ok(ok) => ok.peers,
                    Err(kad::GetClosestPeersError::Timeout { peers, .. }) => peers,
                };
                self.on_nearest(publishing, peers.into_iter().map(|peer| peer.peer_id).collect());
            }
            (Purpose::SetNearest(job), QueryResult::GetClosestPeers(result)) => {
                let peers = match result {
                    Ok(ok) => ok.peers,
                    Err(kad::GetClosestPeersError::Timeout { peers, .. }) => peers,
                };
                self.on_set_nearest(*job, peers);
            }
            (Purpose::Storing(publishing), QueryResult::PutRecord(result)) => {
                let stored = match result {
                    Ok(_) => publishing.asked(),
                    Err(
                        kad::PutRecordError::QuorumFailed { success, .. }
                        | kad::PutRecordError::Timeout { success, .. },
                    ) => success.len(),
                };
                publishing.finish(stored);
            }
            _ => {}
        }
    }

    /// Makes a query again that found nothing, or nothing sure, because most of those whom it asked took too long, or that was
    /// cut. By then they are connected or known to be gone, and it is known how long the others take.
    fn unless_again(&mut self, query: Query, result: &QueryResult, stats: &kad::QueryStats) -> Option<Purpose> {
        let Query { purpose, tries, cut, .. } = query;
        let nobody = match result {
            QueryResult::GetClosestPeers(Ok(ok)) => ok.peers.is_empty(),
            QueryResult::GetClosestPeers(Err(kad::GetClosestPeersError::Timeout { peers, .. })) => peers.is_empty(),
            _ => false,
        };
        let (key, record) = match &purpose {
            Purpose::Lookup(gathering) if !gathering.is_sure() => (gathering.key().to_bytes(), true),
            Purpose::Nearest(publishing) if nobody => (publishing.key().to_bytes(), false),
            Purpose::SetNearest(job) if nobody => (job.key().to_bytes(), false),
            _ => return Some(purpose),
        };
        // Whoever waits for it has a time of their own.
        let all = self.limits.query_timeout;
        let early = match &purpose {
            Purpose::Lookup(gathering) => gathering.started().elapsed() < all / 4,
            _ => stats.duration().is_some_and(|took| took < all / 8),
        };
        let silent = stats.num_requests() - stats.num_successes();
        let slow = silent >= stats.num_successes().max(1);
        if !(cut || early && slow) || tries + 1 >= TRIES || self.routable() == 0 {
            return Some(purpose);
        }
        let id = if record { self.kad().get_record(key.into()) } else { self.kad().get_closest_peers(key) };
        self.track_again(id, purpose, tries + 1);
        None
    }

    /// Inbound peers become routable only by what identify says of them.
    fn on_identified(&mut self, peer: PeerId, info: identify::Info) {
        if !info.protocols.iter().any(|protocol| protocol.as_ref() == KAD_PROTOCOL) {
            // One that was reached once, and is not any more.
            self.kad().remove_peer(&peer);
            return;
        }
        let guard = &mut self.swarm.behaviour_mut().kad;
        let told: Vec<Multiaddr> =
            info.listen_addrs.into_iter().filter(|address| guard.allows(address)).take(ADDRESSES_TOLD).collect();
        let kept = guard.inner.kbucket(peer).and_then(|bucket| {
            bucket.iter().find(|entry| *entry.node.key.preimage() == peer).map(|entry| entry.node.value.len())
        });
        if kept.is_some_and(|kept| kept + told.len() > ADDRESSES_KEPT) {
            guard.inner.remove_peer(&peer);
        }
        for address in told {
            guard.inner.add_address(&peer, address);
        }
    }

    fn on_dial_failed(&mut self, peer: Option<PeerId>, error: &DialError) {
        tracing::debug!(?peer, %error, "dial failed");
        self.on_way_closed(peer, error);
        self.joining.failed(peer, error);
        let Some(peer) = peer else { return };
        self.on_told_gone(&peer, error);
        if !self.swarm.is_connected(&peer) {
            self.on_connected(peer, false);
        }
        let dead = matches!(error, DialError::Transport(_) | DialError::WrongPeerId { .. } | DialError::NoAddresses);
        // While others answer, a peer that does not is gone; while nobody does, our own link is more likely down.
        if dead && !self.swarm.is_connected(&peer) && self.swarm.connected_peers().next().is_some() {
            self.kad().remove_peer(&peer);
        }
    }

    /// Dials a peer, unless it is connected.
    fn connect(&mut self, peer: &Peer, reply: Reply<()>) {
        let Peer { node, addresses } = peer;
        if self.swarm.is_connected(&node.0) {
            let _ = reply.send(Ok(()));
            return;
        }
        self.dialing.retain(|(_, waiting)| !waiting.is_closed());
        let limit = self.limits.queries;
        if self.dialing.len() >= limit {
            let _ = reply.send(Err(OverlayError::Busy { what: "dials", limit }));
            return;
        }
        let dial = DialOpts::peer_id(node.0)
            .condition(PeerCondition::DisconnectedAndNotDialing)
            .addresses(addresses.iter().map(|address| address.0.clone()).collect())
            .extend_addresses_through_behaviour()
            .build();
        match self.swarm.dial(dial) {
            Ok(()) | Err(DialError::DialPeerConditionFalse(_)) => self.dialing.push((node.0, reply)),
            Err(_) => {
                let _ = reply.send(Err(OverlayError::Unreachable { node: node.to_string() }));
            }
        }
    }

    /// Tells those who wait for a connection with a peer how it went.
    fn on_connected(&mut self, peer: PeerId, connected: bool) {
        for (_, reply) in self.dialing.extract_if(.., |(dialed, _)| *dialed == peer) {
            let node = NodeId(peer).to_string();
            let _ = reply.send(if connected { Ok(()) } else { Err(OverlayError::Unreachable { node }) });
        }
    }

    fn routable(&mut self) -> usize {
        self.kad().kbuckets().map(|bucket| bucket.num_entries()).sum()
    }

    fn status(&mut self) -> Status {
        let tally = self.store().scores.tally(Instant::now());
        let own = *self.swarm.local_peer_id();
        let listen = self.swarm.listeners().filter(|address| !is_circuit(address));
        let listen = listen.filter_map(|address| address.clone().with_p2p(own).ok()).map(Address);
        Status {
            node: NodeId(own),
            listen: listen.collect(),
            connected: self.swarm.connected_peers().copied().map(NodeId).collect(),
            routable: self.routable(),
            knows_others: self.joining.has_seeds(),
            joined: self.joining.is_joined(),
            failed: self.joining.failures(),
            profiles: self.store().count(Namespace::Profile),
            mailboxes: self.store().count(Namespace::Mailbox),
            presences: self.store().count(Namespace::Presence),
            entries: self.store().count_entries(),
            refused: self.store().refused(),
            offences: tally.offences,
            limited: tally.limited,
            banned: tally.banned,
            dropped: tally.dropped,
            answered: self.desk.answered(),
            let_go: self.desk.let_go,
            reach: self.reachability(),
        }
    }

    fn known_peers(&mut self) -> Vec<Address> {
        let connected: HashSet<PeerId> = self.swarm.connected_peers().copied().collect();
        let mut known: Vec<(bool, Address)> = Vec::new();
        for bucket in self.kad().kbuckets() {
            for entry in bucket.iter() {
                let away = !connected.contains(entry.node.key.preimage());
                let addresses = entry.node.value.iter().filter(|address| peer_of(address).is_some());
                known.extend(addresses.take(KNOWN_OF_ONE).cloned().map(|address| (away, Address(address))));
            }
        }
        known.sort_by_key(|(away, _)| *away);
        known.into_iter().take(KNOWN).map(|(_, address)| address).collect()
    }
}
