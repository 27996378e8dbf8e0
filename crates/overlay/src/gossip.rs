use crate::handle::Overlay;
use crate::{NodeId, OverlayError};
use pumasi_crypto::hash::Digest;
use std::fmt;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Messages that wait for a slow listener; then it misses some, which the history has.
pub(crate) const QUEUE: usize = 256;

/// A topic of gossip: `/pumasi/topic/` and 64 hexadecimal digits on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId(pub [u8; 32]);

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/pumasi/topic/{}", Digest(self.0))
    }
}

/// What is to become of a gossiped message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is heard here and passed on.
    Accept,
    /// It is neither heard nor passed on, and nobody is to blame: too old, too many.
    Ignore,
    /// Nor this, and the neighbour that passed it on is to blame: forged, malformed.
    Reject,
}

/// What looks at each message before it is passed on, and at which neighbour brought it. It runs within the node's task: a
/// signature check, no waiting.
pub type Rule = Arc<dyn Fn(NodeId, &[u8]) -> Verdict + Send + Sync>;

/// A topic that this node listens to. Dropping it leaves the topic.
pub struct Gossip {
    pub(crate) topic: TopicId,
    pub(crate) overlay: Overlay,
    pub(crate) heard: mpsc::Receiver<Vec<u8>>,
}

impl Gossip {
    /// The next message that the rule accepted; `None` when the node has stopped.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        self.heard.recv().await
    }

    /// Says something, of at most [`MAX_GOSSIP`](crate::MAX_GOSSIP) bytes. Says how many neighbours listen to the topic: with none it went nowhere.
    ///
    /// # Errors
    /// [`OverlayError::NotSaid`], [`OverlayError::Stopped`].
    pub async fn publish(&self, bytes: Vec<u8>) -> Result<usize, OverlayError> {
        self.overlay.say(self.topic, bytes).await
    }

    /// What says things without listening.
    #[must_use]
    pub fn topic(&self) -> TopicId {
        self.topic
    }
}

impl fmt::Debug for Gossip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gossip").field("topic", &self.topic).finish_non_exhaustive()
    }
}
