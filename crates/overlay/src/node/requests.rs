//! Requests to single nodes, and theirs to this one.

use super::{Node, Reply};
use crate::pace::{Pace, Paced};
use crate::score::Offence;
use crate::service::{Incoming, Service};
use crate::{NodeId, OverlayError};
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use libp2p::request_response::{Event, InboundFailure, Message, OutboundFailure, OutboundRequestId, ResponseChannel};
use libp2p::{Multiaddr, PeerId};
use std::collections::{BTreeMap, HashMap};
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};

/// Requests that wait for the one who answers them, of each service.
pub(crate) const QUEUE: usize = 64;

/// An answer that is ready, or that nobody gives.
pub(super) type Answered = (Service, ResponseChannel<Vec<u8>>, Option<Vec<u8>>);

/// A request that waits for its answer.
struct Asked {
    peer: PeerId,
    /// The request itself, until it has been sent once more.
    again: Option<Vec<u8>>,
    reply: Reply<Vec<u8>>,
}

/// What is asked and answered now.
pub(super) struct Desk {
    asked: HashMap<(Service, OutboundRequestId), Asked>,
    servers: BTreeMap<Service, mpsc::Sender<Incoming>>,
    /// Answers that are being made.
    pub(super) answers: FuturesUnordered<BoxFuture<'static, Answered>>,
    pace: Pace,
    /// Requests of others that were answered, and that were let go, since the start.
    pub(super) answered: u64,
    pub(super) let_go: u64,
}

impl Desk {
    pub(super) fn new(requests_per_peer: u32) -> Self {
        let pace = Pace::new(requests_per_peer);
        Self {
            asked: HashMap::new(),
            servers: BTreeMap::new(),
            answers: FuturesUnordered::new(),
            pace,
            answered: 0,
            let_go: 0,
        }
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
        let asking = self.swarm.behaviour_mut().asking(service);
        let id = asking.send_request_with_addresses(&peer, request.clone(), addresses);
        self.desk.asked.insert((service, id), Asked { peer, again: Some(request), reply });
    }

    pub(super) fn serve(&mut self, service: Service, server: mpsc::Sender<Incoming>, reply: Reply<()>) {
        let taken = self.desk.servers.get(&service).is_some_and(|server| !server.is_closed());
        let served = if taken {
            Err(OverlayError::Taken { service: service.protocol() })
        } else {
            self.desk.servers.insert(service, server);
            Ok(())
        };
        let _ = reply.send(served);
    }

    pub(super) fn on_exchange(&mut self, service: Service, event: Event<Vec<u8>, Vec<u8>>) {
        match event {
            Event::Message { peer, message: Message::Request { request, channel, .. }, .. } => {
                self.on_request(service, peer, request, channel);
            }
            Event::Message { message: Message::Response { request_id, response }, .. } => {
                if let Some(asked) = self.desk.asked.remove(&(service, request_id)) {
                    let _ = asked.reply.send(Ok(response));
                }
            }
            Event::OutboundFailure { request_id, error, .. } => {
                if let Some(asked) = self.desk.asked.remove(&(service, request_id)) {
                    self.on_unanswered(service, asked, &error);
                }
            }
            Event::InboundFailure { peer, error, .. } => {
                // A request that we let go unanswered ends so as well.
                if !matches!(error, InboundFailure::ResponseOmission) {
                    tracing::debug!(%peer, %error, service = service.protocol(), "a request failed");
                }
            }
            Event::ResponseSent { .. } => {}
        }
    }

    /// A circuit ends when a direct connection takes its place: what was under way over it goes over the other, once.
    fn on_unanswered(&mut self, service: Service, mut asked: Asked, error: &OutboundFailure) {
        let lost = matches!(error, OutboundFailure::ConnectionClosed | OutboundFailure::Io(_));
        if let (true, Some(request)) = (lost && self.swarm.is_connected(&asked.peer), asked.again.take()) {
            let id = self.swarm.behaviour_mut().asking(service).send_request(&asked.peer, request);
            self.desk.asked.insert((service, id), asked);
            return;
        }
        let _ = asked.reply.send(Err(failure(asked.peer, error, self.link_is_down())));
    }

    /// A request that nobody serves, or that comes too fast, is let go: its stream closes.
    fn on_request(&mut self, service: Service, peer: PeerId, request: Vec<u8>, channel: ResponseChannel<Vec<u8>>) {
        // Pieces of contents have their own bound, the streams of a connection: they are many, and cheap.
        let limited = self.store().scores.is_limited(&peer, Instant::now());
        let paced = if service == Service::Content { Paced::Within } else { self.desk.pace.take(peer, limited) };
        if paced == Paced::Flood {
            self.store().blame(peer, Offence::Flood);
        }
        if paced != Paced::Within || self.desk.answers.len() >= self.limits.requests {
            self.desk.let_go += 1;
            return;
        }
        let Some(server) = self.desk.servers.get(&service) else {
            self.desk.let_go += 1;
            return;
        };
        let (answer, answered) = oneshot::channel();
        if server.try_send(Incoming { from: NodeId(peer), request, answer }).is_ok() {
            let patience = service.patience();
            self.desk.answers.push(Box::pin(async move {
                let answer = tokio::time::timeout(patience, answered).await;
                (service, channel, answer.ok().and_then(Result::ok))
            }));
        }
    }

    pub(super) fn on_answered(&mut self, (service, channel, answer): Answered) {
        let Some(answer) = answer else { return };
        if answer.len() > service.max_answer() {
            let (len, limit) = (answer.len(), service.max_answer());
            tracing::error!(len, limit, service = service.protocol(), "an answer is too long and was not sent");
            return;
        }
        self.desk.answered += 1;
        // Whoever asked may have gone.
        let _ = self.swarm.behaviour_mut().asking(service).send_response(channel, answer);
    }
}

/// Whose fault it is: once everyone was lost together, it is rather this side's.
fn failure(peer: PeerId, error: &OutboundFailure, link_down: bool) -> OverlayError {
    let node = NodeId(peer).to_string();
    match error {
        OutboundFailure::DialFailure if link_down => OverlayError::Offline,
        OutboundFailure::DialFailure => OverlayError::Unreachable { node },
        OutboundFailure::UnsupportedProtocols => OverlayError::NotServed { node },
        OutboundFailure::Timeout | OutboundFailure::ConnectionClosed | OutboundFailure::Io(_) => {
            OverlayError::NoAnswer { node, reason: error.to_string() }
        }
    }
}
