//! The task that owns the swarm. Handles send it [`Command`]s; it answers each exactly once or drops the sender.

mod join;
mod lookup;
mod publish;

use crate::address::{keypair, peer_of};
use crate::behaviour::{Behaviour, BehaviourEvent, KAD_PROTOCOL};
use crate::config::{Limits, Mode};
use crate::record::Namespace;
use crate::store::Store;
use crate::{Address, Lookup, NodeId, OverlayConfig, OverlayError, Published, RecordKey, Status, transport};
use futures::StreamExt as _;
use join::Joining;
use libp2p::kad::{self, QueryId, QueryResult};
use libp2p::swarm::{self, DialError, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, identify};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// How often the node looks at its clock.
const TICK: Duration = Duration::from_millis(100);
/// How often expired records are swept.
const SWEEP: Duration = Duration::from_secs(10);
/// Connections without a request for this long are closed.
const IDLE: Duration = Duration::from_secs(10 * 60);
/// How long a shutdown waits for connections to close.
const CLOSING: Duration = Duration::from_millis(500);
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
    Get { key: RecordKey, reply: Reply<Lookup> },
    Watch { key: RecordKey, sender: mpsc::Sender<Vec<u8>>, reply: Reply<()> },
    Status(oneshot::Sender<Status>),
    KnownPeers(oneshot::Sender<Vec<Address>>),
    Shutdown(oneshot::Sender<()>),
}

pub(crate) struct Node {
    swarm: Swarm<Behaviour>,
    commands: mpsc::Receiver<Command>,
    limits: Limits,
    to_listen: Vec<Address>,
    queries: HashMap<QueryId, Query>,
    joining: Joining,
    /// Records that this node publishes, put again after each join and every [`Limits::republish`].
    owned: BTreeMap<RecordKey, Vec<u8>>,
    republish_at: Instant,
    sweep_at: Instant,
}

/// A query of libp2p under way, and when it last came forward.
struct Query {
    purpose: Purpose,
    heard: u32,
    heard_at: Instant,
}

enum Purpose {
    /// The lookup of the own id.
    Join,
    Lookup(lookup::Gathering),
    /// Looking for the peers nearest to a key, to put a record there.
    Nearest(publish::Publishing),
    Storing(publish::Publishing),
    /// Sending the newest record to a peer that holds an older one.
    Repair,
}

impl Node {
    pub(crate) fn new(config: OverlayConfig, commands: mpsc::Receiver<Command>) -> Result<Self, OverlayError> {
        let memory = config.checked_transport()?;
        let keypair = keypair(&config.seed);
        let id = keypair.public().to_peer_id();
        let store = Store::open(id, config.limits.clone(), config.mode == Mode::Server, config.store.as_deref())?;
        let transport = if memory { transport::memory(&keypair)? } else { transport::internet(&keypair)? };
        let behaviour = Behaviour::new(&keypair, store, config.mode, config.private_addresses, &config.limits);
        let swarm_config = swarm::Config::with_tokio_executor().with_idle_connection_timeout(IDLE);
        let now = Instant::now();
        Ok(Self {
            swarm: Swarm::new(transport, behaviour, id, swarm_config),
            commands,
            to_listen: config.listen,
            queries: HashMap::new(),
            joining: Joining::new(&config.bootstrap, &config.known_peers, config.limits.rejoin, now),
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
                SwarmEvent::NewListenAddr { listener_id, .. } => {
                    waiting.remove(&listener_id);
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

    pub(crate) async fn run(mut self) {
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
        };
        self.close().await;
        if let Some(reply) = last {
            // Whoever asked may have given up waiting.
            let _ = reply.send(());
        }
    }

    async fn close(&mut self) {
        self.commands.close();
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
            Command::Get { key, reply } => self.look_up(key, reply),
            Command::Watch { key, sender, reply } => {
                let _ = reply.send(self.store().watch(key, sender));
            }
            Command::Status(reply) => {
                let _ = reply.send(self.status());
            }
            Command::KnownPeers(reply) => {
                let _ = reply.send(self.known_peers());
            }
            Command::Shutdown(_) => unreachable!("the run loop takes it"),
        }
    }

    /// Remembers what a query is for.
    fn track(&mut self, id: QueryId, purpose: Purpose) {
        self.queries.insert(id, Query { purpose, heard: 0, heard_at: Instant::now() });
    }

    fn is_busy(&self) -> Option<OverlayError> {
        let limit = self.limits.queries;
        (self.queries.len() >= limit).then_some(OverlayError::Busy { what: "lookups and puts", limit })
    }

    fn on_tick(&mut self, now: Instant) {
        self.finish_stalled(now);
        self.joining_tick(now);
        if now >= self.republish_at {
            self.republish_at = now + self.limits.republish;
            self.republish();
        }
        if now >= self.sweep_at {
            self.sweep_at = now + SWEEP;
            self.store().sweep();
        }
    }

    /// Ends the queries that only wait for peers which do not answer. libp2p would wait ten seconds for each.
    fn finish_stalled(&mut self, now: Instant) {
        let (grace, stall) = (self.limits.grace, self.limits.stall);
        let kad = &mut self.swarm.behaviour_mut().kad.inner;
        for (id, query) in &mut self.queries {
            let Some(mut running) = kad.query_mut(id) else { continue };
            let heard = running.stats().num_successes() + running.stats().num_failures();
            if heard != query.heard {
                (query.heard, query.heard_at) = (heard, now);
            }
            let has_something = match &query.purpose {
                Purpose::Lookup(gathering) => gathering.has_answer(),
                Purpose::Storing(_) => running.stats().num_successes() > 0,
                Purpose::Join | Purpose::Nearest(_) | Purpose::Repair => false,
            };
            if now.duration_since(query.heard_at) >= if has_something { grace } else { stall } {
                running.finish();
            }
        }
    }

    fn on_swarm_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Kad(kad::Event::OutboundQueryProgressed {
                id,
                result,
                stats,
                step,
            })) => self.on_query(id, result, stats, step.last),
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. })) => {
                self.on_identified(peer_id, info);
            }
            SwarmEvent::ConnectionEstablished { peer_id, .. } => tracing::debug!(peer = %peer_id, "connected"),
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, cause, .. } => {
                tracing::debug!(peer = %peer_id, ?cause, "disconnected");
            }
            SwarmEvent::OutgoingConnectionError { peer_id, error, .. } => self.on_dial_failed(peer_id, &error),
            SwarmEvent::ListenerClosed { reason: Err(error), .. } | SwarmEvent::ListenerError { error, .. } => {
                tracing::warn!(%error, "a listening socket failed");
            }
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
        match (query.purpose, result) {
            (Purpose::Join, QueryResult::GetClosestPeers(result)) => {
                let peers = match result {
                    Ok(ok) => ok.peers.len(),
                    Err(kad::GetClosestPeersError::Timeout { peers, .. }) => peers.len(),
                };
                self.on_self_lookup(peers, Instant::now());
            }
            (Purpose::Lookup(gathering), QueryResult::GetRecord(_)) => self.on_gathered(gathering, &stats),
            (Purpose::Nearest(publishing), QueryResult::GetClosestPeers(result)) => {
                let peers = match result {
                    Ok(ok) => ok.peers,
                    Err(kad::GetClosestPeersError::Timeout { peers, .. }) => peers,
                };
                self.on_nearest(publishing, peers.into_iter().map(|peer| peer.peer_id).collect());
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

    /// Inbound peers become routable only by what identify says of them.
    fn on_identified(&mut self, peer: PeerId, info: identify::Info) {
        if !info.protocols.iter().any(|protocol| protocol.as_ref() == KAD_PROTOCOL) {
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
        self.joining.failed(peer, error);
        let Some(peer) = peer else { return };
        let dead = matches!(error, DialError::Transport(_) | DialError::WrongPeerId { .. } | DialError::NoAddresses);
        // While others answer, a peer that does not is gone; while nobody does, our own link is more likely down.
        if dead && !self.swarm.is_connected(&peer) && self.swarm.connected_peers().next().is_some() {
            self.kad().remove_peer(&peer);
        }
    }

    fn routable(&mut self) -> usize {
        self.kad().kbuckets().map(|bucket| bucket.num_entries()).sum()
    }

    fn status(&mut self) -> Status {
        let own = *self.swarm.local_peer_id();
        let listen = self.swarm.listeners().filter_map(|address| address.clone().with_p2p(own).ok()).map(Address);
        Status {
            node: NodeId(own),
            listen: listen.collect(),
            connected: self.swarm.connected_peers().copied().map(NodeId).collect(),
            routable: self.routable(),
            joined: self.joining.is_joined(),
            failed: self.joining.failures(),
            profiles: self.store().count(Namespace::Profile),
            mailboxes: self.store().count(Namespace::Mailbox),
            refused: self.store().refused(),
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
