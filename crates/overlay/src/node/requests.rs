//! Requests to single nodes, and theirs to this one.

use super::{Node, Reply};
use crate::exchange::{AskId, Event, Protocol, Unanswered};
use crate::pace::{Pace, Paced};
use crate::score::Offence;
use crate::service::{Incoming, Service};
use crate::{NodeId, OverlayError};
use libp2p::{Multiaddr, PeerId};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};

/// Requests that wait for the one who answers them, of each service.
pub(crate) const QUEUE: usize = 64;

/// A request that waits for its answer.
struct Asked {
    peer: PeerId,
    /// The request itself, until it has been sent once more.
    again: Option<Vec<u8>>,
    reply: Reply<Vec<u8>>,
}

/// What is asked and answered now.
pub(super) struct Desk {
    asked: HashMap<AskId, Asked>,
    servers: BTreeMap<Service, mpsc::Sender<Incoming>>,
    pace: Pace,
    /// Requests of others that were answered since the start. Each that waits for its answer holds it too.
    answered: Arc<AtomicU64>,
    /// Those that were let go.
    pub(super) let_go: u64,
}

impl Desk {
    pub(super) fn new(requests_per_peer: u32) -> Self {
        let pace = Pace::new(requests_per_peer);
        Self { asked: HashMap::new(), servers: BTreeMap::new(), pace, answered: Arc::default(), let_go: 0 }
    }

    pub(super) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Requests of others that wait for their answer.
    fn waiting(&self) -> usize {
        Arc::strong_count(&self.answered) - 1
    }
}

impl Node {
    pub(super) fn ask(
        &mut self,
        peer: PeerId,
        addresses: Vec<Multiaddr>,
        service: Service,
        request: Vec<u8>,
        reply: Reply<Vec<u8>>,
    ) {
        self.desk.asked.retain(|_, asked| !asked.reply.is_closed());
        let limit = self.limits.queries;
        if self.desk.asked.len() >= limit {
            let _ = reply.send(Err(OverlayError::Busy { what: "requests", limit }));
            return;
        }
        let exchange = &mut self.swarm.behaviour_mut().exchange;
        let id = exchange.ask(peer, addresses, Protocol::Service(service), request.clone());
        self.desk.asked.insert(id, Asked { peer, again: Some(request), reply });
    }

    pub(super) fn serve(&mut self, service: Service, server: mpsc::Sender<Incoming>, reply: Reply<()>) {
        let taken = self.desk.servers.get(&service).is_some_and(|server| !server.is_closed());
        let served = if taken {
            Err(OverlayError::Taken { service: service.protocol() })
        } else {
            self.desk.servers.insert(service, server);
            self.swarm.behaviour_mut().exchange.speak(service, true);
            Ok(())
        };
        let _ = reply.send(served);
    }

    pub(super) fn on_exchange(&mut self, event: Event) {
        match event {
            Event::Asked { peer, protocol, request, answer } => match protocol {
                Protocol::Set => self.on_set_asked(peer, &request, answer),
                Protocol::Info => self.on_info_asked(answer),
                Protocol::Service(service) => self.on_request(service, peer, request, answer),
            },
            Event::Answered { peer, protocol, id, answer } => match protocol {
                Protocol::Set => self.on_set_answered(peer, id, answer),
                Protocol::Info => self.on_info(id, answer),
                Protocol::Service(service) => {
                    let Some(asked) = self.desk.asked.remove(&id) else { return };
                    match answer {
                        Ok(answer) => {
                            let _ = asked.reply.send(Ok(answer));
                        }
                        Err(error) => self.on_unanswered(service, asked, &error),
                    }
                }
            },
        }
    }

    /// A circuit ends when a direct connection takes its place: what was under way over it goes over the other, once.
    fn on_unanswered(&mut self, service: Service, mut asked: Asked, error: &Unanswered) {
        let lost = matches!(error, Unanswered::Lost | Unanswered::Failed(_));
        if let (true, Some(request)) = (lost && self.swarm.is_connected(&asked.peer), asked.again.take()) {
            let exchange = &mut self.swarm.behaviour_mut().exchange;
            let id = exchange.ask(asked.peer, Vec::new(), Protocol::Service(service), request);
            self.desk.asked.insert(id, asked);
            return;
        }
        let _ = asked.reply.send(Err(failure(asked.peer, error, self.link_is_down())));
    }

    /// A request that nobody serves any more, or that comes too fast, is let go: its stream closes.
    fn on_request(&mut self, service: Service, peer: PeerId, request: Vec<u8>, answer: oneshot::Sender<Vec<u8>>) {
        // Pieces of contents have their own bound, the streams of a connection: they are many, and cheap.
        let limited = self.store().scores.is_limited(&peer, Instant::now());
        let paced = if service == Service::Content { Paced::Within } else { self.desk.pace.take(peer, limited) };
        if paced == Paced::Flood {
            self.store().blame(peer, Offence::Flood);
        }
        if paced != Paced::Within || self.desk.waiting() >= self.limits.requests {
            self.desk.let_go += 1;
            return;
        }
        let Some(server) = self.desk.servers.get(&service) else {
            self.desk.let_go += 1;
            return;
        };
        let answered = Arc::clone(&self.desk.answered);
        if server.try_send(Incoming { from: NodeId(peer), request, service, answer, answered }).is_err() {
            self.desk.let_go += 1;
        }
    }

    /// Services that nobody serves any more are not spoken any more.
    pub(super) fn close_services(&mut self) {
        for (service, _) in self.desk.servers.extract_if(.., |_, server| server.is_closed()) {
            self.swarm.behaviour_mut().exchange.speak(service, false);
        }
    }
}

/// Whose fault it is: once everyone was lost together, it is rather this side's.
fn failure(peer: PeerId, error: &Unanswered, link_down: bool) -> OverlayError {
    let node = NodeId(peer).to_string();
    match error {
        Unanswered::NotReached if link_down => OverlayError::Offline,
        Unanswered::NotReached => OverlayError::Unreachable { node },
        Unanswered::NotSpoken => OverlayError::NotServed { node },
        Unanswered::TooLate | Unanswered::Lost | Unanswered::Failed(_) => {
            OverlayError::NoAnswer { node, reason: error.to_string() }
        }
    }
}
