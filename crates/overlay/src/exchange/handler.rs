//! The requests and answers of one connection.

use super::wire::{read_prefixed, write_prefixed};
use super::{AskId, Protocol, Question, Spoken, Unanswered};
use futures::future::{BoxFuture, Ready, ready};
use futures::stream::FuturesUnordered;
use futures::{AsyncWriteExt as _, FutureExt as _, StreamExt as _};
use libp2p::core::upgrade::{InboundUpgrade, NegotiationError, OutboundUpgrade, UpgradeInfo};
use libp2p::swarm::handler::{ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound};
use libp2p::swarm::{ConnectionHandler, ConnectionHandlerEvent, Stream, StreamUpgradeError, SubstreamProtocol};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::task::{Context, Poll};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

/// What the behaviour is told.
#[derive(Debug)]
pub(crate) enum Told {
    Asked { protocol: Protocol, request: Vec<u8>, answer: oneshot::Sender<Vec<u8>> },
    Answered { id: AskId, answer: Result<Vec<u8>, Unanswered> },
}

/// What a stream has come to.
enum Step {
    /// A request was read; its answer goes over the stream until the deadline.
    Read { protocol: Protocol, stream: Stream, request: Vec<u8>, deadline: Instant },
    /// The answer of this node has been sent, or never will be.
    Ended { protocol: Protocol },
    /// What became of a request of this node.
    Answered { protocol: Protocol, id: AskId, answer: Result<Vec<u8>, Unanswered> },
}

pub(crate) struct Handler {
    to_ask: VecDeque<Question>,
    told: VecDeque<Told>,
    running: FuturesUnordered<BoxFuture<'static, Step>>,
    /// Streams under way of each protocol, of both sides together.
    open: [usize; Protocol::ALL.len()],
    spoken: Spoken,
}

impl Handler {
    pub(super) fn new(questions: Vec<Question>, spoken: Spoken) -> Self {
        let (told, running) = (VecDeque::new(), FuturesUnordered::new());
        Self { to_ask: questions.into(), told, running, open: [0; Protocol::ALL.len()], spoken }
    }

    /// Takes one of the streams of a protocol, if one is left.
    fn open(&mut self, protocol: Protocol) -> bool {
        let open = &mut self.open[protocol.index()];
        let room = *open < protocol.bounds().streams;
        *open += usize::from(room);
        room
    }

    fn on_inbound(&mut self, mut stream: Stream, protocol: Protocol) {
        if !self.open(protocol) {
            tracing::debug!(protocol = protocol.as_ref(), "a node asks too much at once");
            return;
        }
        let bounds = protocol.bounds();
        let deadline = Instant::now() + bounds.patience;
        self.running.push(Box::pin(async move {
            match timeout_at(deadline, read_prefixed(&mut stream, bounds.request)).await {
                Ok(Ok(request)) => Step::Read { protocol, stream, request, deadline },
                Ok(Err(error)) => {
                    tracing::debug!(%error, protocol = protocol.as_ref(), "a request could not be read");
                    Step::Ended { protocol }
                }
                Err(_) => Step::Ended { protocol },
            }
        }));
    }

    /// Has the behaviour make the answer, and sends it.
    fn on_read(&mut self, protocol: Protocol, mut stream: Stream, request: Vec<u8>, deadline: Instant) {
        let (answer, made) = oneshot::channel();
        self.told.push_back(Told::Asked { protocol, request, answer });
        let limit = protocol.bounds().answer;
        let answer = async move {
            if let Ok(bytes) = made.await {
                write_prefixed(&mut stream, &bytes, limit).await?;
            }
            stream.close().await
        };
        self.running.push(Box::pin(timeout_at(deadline, answer).map(move |ended: Result<io::Result<()>, _>| {
            if let Ok(Err(error)) = ended {
                tracing::debug!(%error, protocol = protocol.as_ref(), "an answer could not be sent");
            }
            Step::Ended { protocol }
        })));
    }

    fn on_outbound(&mut self, mut stream: Stream, Question { id, protocol, request }: Question) {
        if !self.open(protocol) {
            let answer = Err(io::Error::other("too many requests are under way over this connection").into());
            self.told.push_back(Told::Answered { id, answer });
            return;
        }
        let bounds = protocol.bounds();
        let asked = async move {
            write_prefixed(&mut stream, &request, bounds.request).await?;
            stream.close().await?;
            read_prefixed(&mut stream, bounds.answer).await
        };
        let deadline = Instant::now() + bounds.patience;
        self.running.push(Box::pin(timeout_at(deadline, asked).map(move |answer| {
            let answer = match answer {
                Ok(answer) => answer.map_err(failure),
                Err(_) => Err(Unanswered::TooLate),
            };
            Step::Answered { protocol, id, answer }
        })));
    }

    fn close(&mut self, protocol: Protocol) {
        self.open[protocol.index()] -= 1;
    }
}

/// The name of a protocol goes out together with the request, so it is here that one learns of a node that does not speak it.
fn failure(error: io::Error) -> Unanswered {
    let told = error.get_ref().and_then(|inner| inner.downcast_ref::<NegotiationError>());
    match told {
        Some(NegotiationError::Failed) => Unanswered::NotSpoken,
        _ => Unanswered::Failed(error),
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Question;
    type ToBehaviour = Told;
    type InboundProtocol = Names;
    type OutboundProtocol = Names;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Question;

    fn listen_protocol(&self) -> SubstreamProtocol<Names> {
        SubstreamProtocol::new(self.spoken.names(), ())
    }

    fn on_behaviour_event(&mut self, question: Question) {
        self.to_ask.push_back(question);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ConnectionHandlerEvent<Names, Question, Told>> {
        loop {
            if let Some(told) = self.told.pop_front() {
                return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(told));
            }
            match self.running.poll_next_unpin(cx) {
                Poll::Ready(Some(Step::Read { protocol, stream, request, deadline })) => {
                    self.on_read(protocol, stream, request, deadline);
                }
                Poll::Ready(Some(Step::Ended { protocol })) => self.close(protocol),
                Poll::Ready(Some(Step::Answered { protocol, id, answer })) => {
                    self.close(protocol);
                    self.told.push_back(Told::Answered { id, answer });
                }
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        match self.to_ask.pop_front() {
            Some(question) => {
                let protocol = SubstreamProtocol::new(Names::one(question.protocol), question);
                Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol })
            }
            None => Poll::Pending,
        }
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<'_, Names, Names, (), Question>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: (stream, protocol), ..
            }) => {
                self.on_inbound(stream, protocol);
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol: (stream, _), info }) => {
                self.on_outbound(stream, info);
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info: Question { id, .. }, error }) => {
                let answer = Err(match error {
                    StreamUpgradeError::Timeout => Unanswered::TooLate,
                    StreamUpgradeError::NegotiationFailed => Unanswered::NotSpoken,
                    StreamUpgradeError::Io(error) => failure(error),
                    StreamUpgradeError::Apply(never) => match never {},
                });
                self.told.push_back(Told::Answered { id, answer });
            }
            _ => {}
        }
    }
}

/// Protocols of which one is to be spoken over a stream: a bit for each.
#[derive(Debug, Clone)]
pub(crate) struct Names(pub(super) u8);

impl Names {
    pub(super) fn one(protocol: Protocol) -> Self {
        Self(1 << protocol.index())
    }
}

impl UpgradeInfo for Names {
    type Info = Protocol;
    type InfoIter = Self;

    fn protocol_info(&self) -> Self {
        self.clone()
    }
}

impl Iterator for Names {
    type Item = Protocol;

    fn next(&mut self) -> Option<Protocol> {
        let protocol = *Protocol::ALL.get(self.0.trailing_zeros() as usize)?;
        self.0 &= self.0 - 1;
        Some(protocol)
    }
}

impl InboundUpgrade<Stream> for Names {
    type Output = (Stream, Protocol);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, protocol: Protocol) -> Self::Future {
        ready(Ok((stream, protocol)))
    }
}

impl OutboundUpgrade<Stream> for Names {
    type Output = (Stream, Protocol);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_outbound(self, stream: Stream, protocol: Protocol) -> Self::Future {
        ready(Ok((stream, protocol)))
    }
}
