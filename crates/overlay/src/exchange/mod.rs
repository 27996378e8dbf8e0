//! Requests to single nodes and their answers: one stream each. One behaviour, and one handler on each connection, for every
//! protocol of this kind.
//!
//! libp2p-request-response wants a behaviour for each protocol, and so a handler for each on every connection. libp2p-swarm asks
//! every handler at each wake-up of a connection, and tells every behaviour of each address that is heard of: with seven
//! protocols that was most of what a node did (ADR 25).

mod handler;
mod wire;

pub(crate) use wire::push_length;
pub use wire::unprefixed;

use crate::address::is_circuit;
use crate::service::{Bounds, Service};
use handler::{Handler, Names, Told};
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::behaviour::ConnectionClosed;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, DialError, DialFailure, FromSwarm, NetworkBehaviour, NotifyHandler, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use tokio::sync::oneshot;

/// The protocols of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
    /// Entries of sets.
    Set,
    /// What nodes offer.
    Info,
    /// What the users of the crate serve.
    Service(Service),
}

impl Protocol {
    pub(crate) const ALL: [Self; 7] = [
        Self::Set,
        Self::Info,
        Self::Service(Service::Signal),
        Self::Service(Service::Message),
        Self::Service(Service::Content),
        Self::Service(Service::Topic),
        Self::Service(Service::Turn),
    ];

    pub(crate) const fn bounds(self) -> Bounds {
        match self {
            Self::Set => crate::set::BOUNDS,
            Self::Info => crate::node::INFO,
            Self::Service(service) => service.bounds(),
        }
    }

    fn index(self) -> usize {
        Self::ALL.iter().position(|one| *one == self).expect("all of them are there")
    }

    const fn is_service(self) -> bool {
        matches!(self, Self::Service(_))
    }
}

const _: () = assert!(Protocol::ALL.len() <= u8::BITS as usize, "a bit for each");

/// The protocols that a node speaks to those who ask. Each connection looks at it when a stream comes in, and tells the other end of
/// a change when it next has something to do.
#[derive(Debug, Clone)]
struct Spoken(Arc<AtomicU8>);

impl Default for Spoken {
    /// Those that need no server.
    fn default() -> Self {
        let names = Protocol::ALL.into_iter().filter(|protocol| !protocol.is_service());
        Self(Arc::new(AtomicU8::new(names.map(|protocol| Names::one(protocol).0).sum())))
    }
}

impl Spoken {
    fn names(&self) -> Names {
        Names(self.0.load(Ordering::Relaxed))
    }

    fn set(&self, protocol: Protocol, spoken: bool) {
        let Names(bit) = Names::one(protocol);
        if spoken {
            self.0.fetch_or(bit, Ordering::Relaxed);
        } else {
            self.0.fetch_and(!bit, Ordering::Relaxed);
        }
    }
}

/// The name under which it is negotiated.
impl AsRef<str> for Protocol {
    fn as_ref(&self) -> &str {
        self.bounds().protocol
    }
}

/// One request of this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AskId(u64);

/// A request on its way.
#[derive(Debug)]
pub(crate) struct Question {
    id: AskId,
    protocol: Protocol,
    request: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswered {
    #[error("the node could not be reached")]
    NotReached,
    #[error("the node does not speak the protocol")]
    NotSpoken,
    #[error("the time is over")]
    TooLate,
    #[error("the connection was lost")]
    Lost,
    #[error("{0}")]
    Failed(#[from] std::io::Error),
}

#[derive(Debug)]
pub(crate) enum Event {
    /// Another node asks. Dropping the sender closes the stream.
    Asked { peer: PeerId, protocol: Protocol, request: Vec<u8>, answer: oneshot::Sender<Vec<u8>> },
    /// What became of a request of this node.
    Answered { peer: PeerId, protocol: Protocol, id: AskId, answer: Result<Vec<u8>, Unanswered> },
}

/// A connection with a node.
struct Way {
    connection: ConnectionId,
    relayed: bool,
}

/// A request that waits for its answer.
struct Asked {
    peer: PeerId,
    protocol: Protocol,
    /// `None` while the node is being dialled.
    over: Option<ConnectionId>,
}

/// The requests of all protocols.
#[derive(Default)]
pub(crate) struct Exchange {
    ways: HashMap<PeerId, Vec<Way>>,
    asked: HashMap<AskId, Asked>,
    /// Requests to nodes that are being dialled.
    waiting: HashMap<PeerId, Vec<Question>>,
    events: VecDeque<ToSwarm<Event, Question>>,
    spoken: Spoken,
    next: u64,
}

impl Exchange {
    /// Whether a service is spoken from now on. Who asks for one that is not learns so at once.
    pub(crate) fn speak(&mut self, service: Service, spoken: bool) {
        self.spoken.set(Protocol::Service(service), spoken);
    }

    /// Sends a request to a node, which is dialled if need be, at these addresses and those that other behaviours know.
    pub(crate) fn ask(
        &mut self,
        peer: PeerId,
        addresses: Vec<Multiaddr>,
        protocol: Protocol,
        request: Vec<u8>,
    ) -> AskId {
        let id = AskId(self.next);
        self.next += 1;
        let question = Question { id, protocol, request };
        // The newest direct connection: an old one may be dead and not know it yet.
        let ways = self.ways.get(&peer).map_or(&[][..], Vec::as_slice);
        let way = ways.iter().rev().find(|way| !way.relayed).or(ways.last());
        let over = way.map(|way| way.connection);
        self.events.push_back(match over {
            Some(connection) => {
                let handler = NotifyHandler::One(connection);
                ToSwarm::NotifyHandler { peer_id: peer, handler, event: question }
            }
            None => {
                self.waiting.entry(peer).or_default().push(question);
                let opts = DialOpts::peer_id(peer).addresses(addresses).extend_addresses_through_behaviour().build();
                ToSwarm::Dial { opts }
            }
        });
        self.asked.insert(id, Asked { peer, protocol, over });
        id
    }

    /// The handler of a new connection, with what waited for it.
    fn handler(&mut self, connection: ConnectionId, peer: PeerId, relayed: bool) -> Handler {
        self.ways.entry(peer).or_default().push(Way { connection, relayed });
        let questions = self.waiting.remove(&peer).unwrap_or_default();
        for question in &questions {
            if let Some(asked) = self.asked.get_mut(&question.id) {
                asked.over = Some(connection);
            }
        }
        Handler::new(questions, self.spoken.clone())
    }

    fn answered(&mut self, id: AskId, answer: Result<Vec<u8>, Unanswered>) {
        if let Some(Asked { peer, protocol, .. }) = self.asked.remove(&id) {
            self.events.push_back(ToSwarm::GenerateEvent(Event::Answered { peer, protocol, id, answer }));
        }
    }

    fn on_closed(&mut self, peer: PeerId, connection: ConnectionId) {
        if let Some(ways) = self.ways.get_mut(&peer) {
            ways.retain(|way| way.connection != connection);
            if ways.is_empty() {
                self.ways.remove(&peer);
            }
        }
        let lost = self.asked.iter().filter(|(_, asked)| asked.over == Some(connection)).map(|(id, _)| *id);
        let mut lost: Vec<AskId> = lost.collect();
        lost.sort_unstable();
        lost.into_iter().for_each(|id| self.answered(id, Err(Unanswered::Lost)));
    }

    fn on_not_dialled(&mut self, peer: PeerId, error: &DialError) {
        // Another dial is under way, or has just succeeded.
        if matches!(error, DialError::DialPeerConditionFalse(_)) {
            return;
        }
        for question in self.waiting.remove(&peer).unwrap_or_default() {
            self.answered(question.id, Err(Unanswered::NotReached));
        }
    }
}

impl NetworkBehaviour for Exchange {
    type ConnectionHandler = Handler;
    type ToSwarm = Event;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(connection, peer, is_circuit(local)))
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(connection, peer, is_circuit(address)))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionClosed(ConnectionClosed { peer_id, connection_id, .. }) => {
                self.on_closed(peer_id, connection_id);
            }
            FromSwarm::DialFailure(DialFailure { peer_id: Some(peer), error, .. }) => {
                self.on_not_dialled(peer, error);
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {
            Told::Asked { protocol, request, answer } => {
                self.events.push_back(ToSwarm::GenerateEvent(Event::Asked { peer, protocol, request, answer }));
            }
            Told::Answered { id, answer } => self.answered(id, answer),
        }
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.events.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}
