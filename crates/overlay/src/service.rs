//! What nodes ask of each other, and its bounds.

use crate::NodeId;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// What nodes ask of each other, beside the DHT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Offers, answers and candidates of a WebRTC connection (`docs/spec/signalling.md`).
    Signal,
    /// Direct messages and their acknowledgements (`docs/spec/messages.md`).
    Message,
    /// Pieces of contents (`docs/spec/content.md`).
    Content,
    /// What was said in a topic before one came (`docs/spec/messages.md`).
    Topic,
    /// STUN and TURN servers that a node offers (`docs/spec/turn.md`).
    Turn,
}

impl Service {
    /// Each of them.
    pub const ALL: [Self; 5] = [Self::Signal, Self::Message, Self::Content, Self::Topic, Self::Turn];

    /// The name under which the protocol is negotiated.
    #[must_use]
    pub const fn protocol(self) -> &'static str {
        self.bounds().protocol
    }

    /// The longest request, in bytes.
    #[must_use]
    pub const fn max_request(self) -> usize {
        self.bounds().request
    }

    /// The longest answer, in bytes.
    #[must_use]
    pub const fn max_answer(self) -> usize {
        self.bounds().answer
    }

    /// How long an answer may take, the dial not counted.
    #[must_use]
    pub const fn patience(self) -> Duration {
        self.bounds().patience
    }

    pub(crate) const fn bounds(self) -> Bounds {
        let (protocol, request, answer, seconds) = match self {
            Self::Signal => ("/pumasi/signal/1.0.0", 32 * 1024, 32 * 1024, 20),
            Self::Message => ("/pumasi/message/1.0.0", 64 * 1024, 16 * 1024, 10),
            Self::Content => ("/pumasi/content/1.0.0", 16 * 1024, 1024 * 1024, 30),
            Self::Topic => ("/pumasi/topic/1.0.0", 16 * 1024, 512 * 1024, 10),
            Self::Turn => ("/pumasi/turn/1.0.0", 16, 2048, 5),
        };
        Bounds { protocol, request, answer, patience: Duration::from_secs(seconds), streams: 64 }
    }
}

/// The bounds of one protocol. Lengths in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) protocol: &'static str,
    pub(crate) request: usize,
    pub(crate) answer: usize,
    pub(crate) patience: Duration,
    /// Requests under way on one connection, of both sides together.
    pub(crate) streams: usize,
}

/// A request of another node.
#[derive(Debug)]
pub struct Incoming {
    /// Who asks: the node at the other end of the encrypted connection.
    pub from: NodeId,
    /// What it asks.
    pub request: Vec<u8>,
    pub(crate) service: Service,
    pub(crate) answer: oneshot::Sender<Vec<u8>>,
    /// How many were answered; how many wait is how many hold it.
    pub(crate) answered: Arc<AtomicU64>,
}

impl Incoming {
    /// Answers, with at most [`Service::max_answer`] bytes; a longer answer is not sent. Dropping the request closes its stream.
    pub fn answer(self, bytes: Vec<u8>) {
        let (len, limit) = (bytes.len(), self.service.max_answer());
        if len > limit {
            tracing::error!(len, limit, service = self.service.protocol(), "an answer is too long and was not sent");
            return;
        }
        // Who asked may have gone.
        if self.answer.send(bytes).is_ok() {
            self.answered.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Requests of other nodes, until the node stops. Dropping it ends the service.
#[derive(Debug)]
pub struct Requests {
    pub(crate) requests: mpsc::Receiver<Incoming>,
}

impl Requests {
    /// The next request; `None` when the node has stopped.
    pub async fn next(&mut self) -> Option<Incoming> {
        self.requests.recv().await
    }
}
