//! Peers that speak the protocol and lie in it: libp2p's Kademlia, with the answers changed.

use libp2p::core::Endpoint;
use libp2p::core::transport::{MemoryTransport, PortUse, Transport as _};
use libp2p::core::upgrade::Version;
use libp2p::futures::StreamExt as _;
use libp2p::kad::store::{MemoryStore, MemoryStoreConfig};
use libp2p::kad::{self, ConnectionType, KadPeer, Quorum, Record};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, SwarmEvent, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId, StreamProtocol, Swarm, identify, identity, noise, swarm, yamux};
use pumasi_crypto::hash::sha256;
use pumasi_overlay::{Address, IDENTIFY_PROTOCOL, KAD_PROTOCOL, RecordKey};
use pumasi_signaling::{MailboxRecord, Slot};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use super::people::{Person, now};

/// Peers in one answer.
const K: usize = 20;
/// Puts of one flooding peer in a second.
const FLOOD: u64 = 10;

/// How a peer lies, once it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    /// Answers with a changed record, and with no nearer peer.
    Forged,
    /// Answers with a record that has been replaced, and with no nearer peer.
    Old,
    /// Tells of twenty peers that do not exist and seem to be the nearest, at addresses that never answer.
    WrongPeers,
    /// Answers well, and puts without end: good records of its own making and bad ones.
    Flood,
}

impl Lie {
    pub(crate) const ALL: [Self; 4] = [Self::Forged, Self::Old, Self::WrongPeers, Self::Flood];
}

/// What all liars know together.
pub(crate) struct Plot {
    /// Until then they behave.
    lying: AtomicBool,
    forged: HashMap<Vec<u8>, Vec<u8>>,
    old: HashMap<Vec<u8>, Vec<u8>>,
    /// Of each key, peers that seem to be nearer than any real one.
    fakes: HashMap<Vec<u8>, Vec<PeerId>>,
    others: Vec<PeerId>,
    /// Where nobody ever answers.
    holes: Vec<Multiaddr>,
    pub(crate) told: AtomicU64,
    pub(crate) flooded: AtomicU64,
}

impl Plot {
    /// # Panics
    /// When the in-memory transport has no port left.
    pub(crate) fn new(people: &[Person], peers: usize, rng: &mut StdRng) -> Self {
        // A peer id is a hash, so an invented one lies anywhere. Of so many, some lie nearer to a key than any real node.
        let invented: Vec<(PeerId, [u8; 32])> = (0..peers * 100).map(|_| invent(rng)).collect();
        let mut fakes = HashMap::new();
        for person in people {
            let key = person.key.to_bytes();
            let target = sha256(&[&key]).0;
            let mut near: Vec<_> = invented.iter().map(|(peer, at)| (distance(at, &target), *peer)).collect();
            near.select_nth_unstable(K);
            fakes.insert(key, near[..K].iter().map(|(_, peer)| *peer).collect());
        }
        let of = |value: fn(&Person) -> Vec<u8>| people.iter().map(|p| (p.key.to_bytes(), value(p))).collect();
        Self {
            lying: AtomicBool::new(false),
            forged: of(|person| {
                let text = String::from_utf8(person.new.clone()).expect("JSON");
                text.replace("\"sequence\":2", "\"sequence\":3").into_bytes()
            }),
            old: of(|person| person.old.clone()),
            fakes,
            others: invented[..K].iter().map(|(peer, _)| *peer).collect(),
            holes: (0..K).map(|_| hole()).collect(),
            told: AtomicU64::new(0),
            flooded: AtomicU64::new(0),
        }
    }

    pub(crate) fn begin(&self) {
        self.lying.store(true, Ordering::Relaxed);
    }

    fn invented(&self, key: &[u8]) -> Vec<KadPeer> {
        let peers = self.fakes.get(key).unwrap_or(&self.others);
        let at = |(peer, hole): (&PeerId, &Multiaddr)| KadPeer {
            node_id: *peer,
            multiaddrs: vec![hole.clone()],
            connection_ty: ConnectionType::Connected,
        };
        peers.iter().zip(&self.holes).map(at).collect()
    }
}

fn invent(rng: &mut StdRng) -> (PeerId, [u8; 32]) {
    let hash: [u8; 32] = rng.random();
    let bytes = [[0x12, 0x20].as_slice(), &hash].concat();
    let peer = PeerId::from_bytes(&bytes).expect("the multihash of SHA-256");
    (peer, sha256(&[&bytes]).0)
}

fn distance(a: &[u8; 32], b: &[u8; 32]) -> [u8; 32] {
    std::array::from_fn(|at| a[at] ^ b[at])
}

/// An address that takes every dial and never says a word.
fn hole() -> Multiaddr {
    let mut transport = MemoryTransport::default();
    let port: u64 = rand::random::<u64>() | 1;
    let at: Multiaddr = format!("/memory/{port}").parse().expect("a multiaddr");
    transport.listen_on(libp2p::core::transport::ListenerId::next(), at.clone()).expect("a free port");
    std::mem::forget(transport);
    at
}

type Inner = kad::Behaviour<MemoryStore>;
type ToHandler = THandlerInEvent<Inner>;
type FromHandler = THandlerOutEvent<Inner>;

struct Twisted {
    inner: Inner,
    lie: Lie,
    plot: Arc<Plot>,
    answers: VecDeque<ToSwarm<kad::Event, ToHandler>>,
}

impl Twisted {
    /// The lie to a request; `None` when it is to be answered well.
    fn answer(&self, event: &FromHandler) -> Option<ToHandler> {
        if !self.plot.lying.load(Ordering::Relaxed) {
            return None;
        }
        let record = |key: &kad::RecordKey, of: &HashMap<Vec<u8>, Vec<u8>>| {
            of.get(&key.to_vec()).map(|value| Record::new(key.clone(), value.clone()))
        };
        match (self.lie, event) {
            (Lie::Forged, FromHandler::GetRecord { key, request_id }) => {
                let record = record(key, &self.plot.forged);
                Some(ToHandler::GetRecordRes { record, closer_peers: vec![], request_id: *request_id })
            }
            (Lie::Old, FromHandler::GetRecord { key, request_id }) => {
                let record = record(key, &self.plot.old);
                Some(ToHandler::GetRecordRes { record, closer_peers: vec![], request_id: *request_id })
            }
            (Lie::WrongPeers, FromHandler::GetRecord { key, request_id }) => {
                let closer_peers = self.plot.invented(&key.to_vec());
                Some(ToHandler::GetRecordRes { record: None, closer_peers, request_id: *request_id })
            }
            (Lie::WrongPeers, FromHandler::FindNodeReq { key, request_id }) => {
                let closer_peers = self.plot.invented(key);
                Some(ToHandler::FindNodeRes { closer_peers, request_id: *request_id })
            }
            _ => None,
        }
    }
}

impl NetworkBehaviour for Twisted {
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
        self.inner.handle_pending_outbound_connection(connection, peer, addresses, role)
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

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, event: FromHandler) {
        match self.answer(&event) {
            Some(event) => {
                self.plot.told.fetch_add(1, Ordering::Relaxed);
                let handler = NotifyHandler::One(connection);
                self.answers.push_back(ToSwarm::NotifyHandler { peer_id: peer, handler, event });
            }
            None => self.inner.on_connection_handler_event(peer, connection, event),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, ToHandler>> {
        match self.answers.pop_front() {
            Some(answer) => Poll::Ready(answer),
            None => self.inner.poll(cx),
        }
    }
}

#[derive(NetworkBehaviour)]
struct Behaviour {
    kad: Twisted,
    identify: identify::Behaviour,
}

/// Starts one liar on the current runtime. It joins like anyone, and lies from [`Plot::begin`] on.
pub(crate) async fn start(seed: [u8; 32], lie: Lie, plot: Arc<Plot>, entrances: &[Address]) {
    let keypair = identity::Keypair::ed25519_from_bytes(seed).expect("32 bytes");
    let id = keypair.public().to_peer_id();
    let transport = MemoryTransport::default()
        .upgrade(Version::V1Lazy)
        .authenticate(noise::Config::new(&keypair).expect("a key"))
        .multiplex(yamux::Config::default())
        .timeout(Duration::from_secs(5))
        .boxed();
    let store = MemoryStoreConfig { max_records: 100_000, ..MemoryStoreConfig::default() };
    let mut kad = kad::Behaviour::with_config(
        id,
        MemoryStore::with_config(id, store),
        kad::Config::new(StreamProtocol::new(KAD_PROTOCOL)),
    );
    kad.set_mode(Some(kad::Mode::Server));
    let identify = identify::Behaviour::new(identify::Config::new(IDENTIFY_PROTOCOL.into(), keypair.public()));
    let kad = Twisted { inner: kad, lie, plot: Arc::clone(&plot), answers: VecDeque::new() };
    let config = swarm::Config::with_tokio_executor().with_idle_connection_timeout(Duration::from_secs(600));
    let mut swarm = Swarm::new(transport, Behaviour { kad, identify }, id, config);
    swarm.listen_on("/memory/0".parse().expect("a multiaddr")).expect("a free port");
    while !matches!(swarm.select_next_some().await, SwarmEvent::NewListenAddr { .. }) {}
    for entrance in entrances {
        let peer: PeerId = entrance.node().expect("with a name").to_string().parse().expect("a peer id");
        let at: Multiaddr = entrance.to_string().parse().expect("a multiaddr");
        swarm.behaviour_mut().kad.inner.add_address(&peer, at);
    }
    swarm.behaviour_mut().kad.inner.get_closest_peers(id);
    tokio::spawn(live(swarm, lie, plot, StdRng::from_seed(seed)));
}

async fn live(mut swarm: Swarm<Behaviour>, lie: Lie, plot: Arc<Plot>, mut rng: StdRng) {
    let mut pace = tokio::time::interval(Duration::from_millis(1_000 / FLOOD));
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut slot = 0_u64;
    loop {
        tokio::select! {
            _ = swarm.select_next_some() => {}
            _ = pace.tick(), if lie == Lie::Flood => {
                let peers: Vec<PeerId> = swarm.connected_peers().copied().collect();
                if !plot.lying.load(Ordering::Relaxed) || peers.is_empty() {
                    continue;
                }
                slot += 1;
                let victim = peers[rng.random_range(0..peers.len())];
                let record = junk(&mut rng, slot);
                plot.flooded.fetch_add(1, Ordering::Relaxed);
                swarm.behaviour_mut().kad.inner.put_record_to(record, std::iter::once(victim), Quorum::One);
            }
        }
    }
}

/// A good mailbox record that nobody wants, or, every other time, a bad one.
fn junk(rng: &mut StdRng, number: u64) -> Record {
    let slot = Slot::derive(&rng.random(), &number.to_be_bytes());
    let key = RecordKey::mailbox(slot.record_key()).to_bytes();
    let made = now();
    let mut value =
        MailboxRecord::seal(&slot, made, made + 600_000, &rng.random(), &[7; 1_000]).expect("a good record");
    if number.is_multiple_of(2) {
        let middle = value.len() / 2;
        value[middle] ^= 1;
    }
    Record::new(key, value)
}
