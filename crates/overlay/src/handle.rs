use crate::node::{Command, Node};
use crate::{Address, NodeId, OverlayConfig, OverlayError, RecordKey};
use futures::Stream;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// Commands that may wait for the node's task.
const QUEUE: usize = 64;
/// How long an answer may take that needs no network.
const LOCAL: Duration = Duration::from_secs(5);

/// A running node of the overlay. Clones are handles to the same node; the last one dropped stops it.
#[derive(Clone)]
pub struct Overlay {
    node: NodeId,
    commands: mpsc::Sender<Command>,
    query: Duration,
}

/// What a lookup found, and what it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// The valid record with the highest sequence that any asked peer, or this node, holds.
    pub value: Option<Vec<u8>>,
    /// Requests sent.
    pub asked: usize,
    /// Peers that answered, with a record or without.
    pub answered: usize,
    /// Peers that hold these very bytes, this node excluded.
    pub agreed: usize,
    /// Peers that hold an older record; they were sent the newest.
    pub stale: usize,
    /// Peers that gave something invalid.
    pub invalid: usize,
    /// From question to answer.
    pub took: Duration,
}

/// Where a record went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The nearest peers found, all of which it was sent to.
    pub asked: usize,
    /// Peers that had stored it when the put ended.
    pub stored: usize,
    /// From question to answer.
    pub took: Duration,
}

/// The state of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Its own name.
    pub node: NodeId,
    /// Where it listens, each with `/p2p/<node>` so that others can copy it.
    pub listen: Vec<Address>,
    /// Peers with an open connection.
    pub connected: Vec<NodeId>,
    /// Peers in the routing table.
    pub routable: usize,
    /// Whether the lookup of its own id has succeeded since it last lost every connection.
    pub joined: bool,
    /// The last error at each address that could not be dialled while joining.
    pub failed: Vec<String>,
    /// Profiles kept.
    pub profiles: usize,
    /// Mailbox records kept.
    pub mailboxes: usize,
    /// Puts of other nodes that were refused since the start.
    pub refused: u64,
}

impl Overlay {
    /// Starts a node on the current tokio runtime. When it returns the node listens; joining goes on, see
    /// [`join`](Self::join).
    ///
    /// # Errors
    /// [`OverlayError::Listen`], [`OverlayError::Store`], [`OverlayError::Transport`], [`OverlayError::Config`].
    pub async fn start(config: OverlayConfig) -> Result<Self, OverlayError> {
        let (sender, commands) = mpsc::channel(QUEUE);
        let query = config.limits.query_timeout;
        let mut node = Node::new(config, commands)?;
        let id = node.id();
        timeout(LOCAL, node.listen())
            .await
            .map_err(|_| OverlayError::Timeout { what: "listening", after: LOCAL })??;
        tokio::spawn(node.run());
        Ok(Self { node: id, commands: sender, query })
    }

    /// The name of this node.
    #[must_use]
    pub fn node_id(&self) -> NodeId {
        self.node
    }

    /// Waits until the node has joined the network. A node that knows no other is the first one, and need not wait.
    ///
    /// # Errors
    /// [`OverlayError::NotJoined`] after `limit`, with what went wrong at each address. The node goes on trying.
    pub async fn join(&self, limit: Duration) -> Result<(), OverlayError> {
        let (reply, answer) = oneshot::channel();
        let joined = timeout(limit, async {
            self.commands.send(Command::Join(reply)).await.map_err(|_| OverlayError::Stopped)?;
            answer.await.map_err(|_| OverlayError::Stopped)?
        });
        match joined.await {
            Ok(result) => result,
            Err(_) => Err(OverlayError::NotJoined { waited: limit, tried: self.status().await?.failed }),
        }
    }

    /// Checks a record, sends it to the peers nearest to its key, and keeps it to send it again from time to time
    /// until it expires or a newer one is seen.
    ///
    /// # Errors
    /// [`OverlayError::Refused`] when the record is not acceptable; [`OverlayError::NotStored`] and
    /// [`OverlayError::Offline`] when no peer has it yet: it is kept and put again after the next join.
    pub async fn put(&self, key: RecordKey, value: Vec<u8>) -> Result<Published, OverlayError> {
        // Two phases, each bounded by the query's time.
        self.ask("put", self.query * 2, |reply| Command::Put { key, value, reply }).await?
    }

    /// Looks a record up; see [`lookup`](Self::lookup).
    ///
    /// # Errors
    /// As [`lookup`](Self::lookup).
    pub async fn get(&self, key: RecordKey) -> Result<Option<Vec<u8>>, OverlayError> {
        Ok(self.lookup(key).await?.value)
    }

    /// Asks the peers nearest to the key, checks each answer, takes the highest sequence, and sends that to the peers
    /// that hold an older one. It ends early when [`Limits::agree`](crate::Limits::agree) peers hold the same.
    ///
    /// # Errors
    /// [`OverlayError::Offline`] when no peer can be asked and the record is not held here.
    pub async fn lookup(&self, key: RecordKey) -> Result<Lookup, OverlayError> {
        self.ask("lookup", self.query, |reply| Command::Get { key, reply }).await?
    }

    /// The records that come in for this key, the one that is held now first. In a small network every node is near to
    /// every key, so this is immediate delivery; in a large one poll [`get`](Self::get) as well.
    ///
    /// # Errors
    /// [`OverlayError::Busy`] when [`Limits::watches`](crate::Limits::watches) keys are watched.
    pub async fn watch(&self, key: RecordKey) -> Result<Watch, OverlayError> {
        let (sender, records) = mpsc::channel(crate::store::WATCH_QUEUE);
        self.ask("watch", LOCAL, |reply| Command::Watch { key, sender, reply }).await??;
        Ok(Watch { records })
    }

    /// The state of the node.
    ///
    /// # Errors
    /// [`OverlayError::Stopped`], [`OverlayError::Timeout`].
    pub async fn status(&self) -> Result<Status, OverlayError> {
        self.ask("status", LOCAL, Command::Status).await
    }

    /// Peers worth remembering for [`OverlayConfig::known_peers`], connected ones first.
    ///
    /// # Errors
    /// [`OverlayError::Stopped`], [`OverlayError::Timeout`].
    pub async fn known_peers(&self) -> Result<Vec<Address>, OverlayError> {
        self.ask("known peers", LOCAL, Command::KnownPeers).await
    }

    /// Closes every connection and returns when each record is on disk. Calls on other handles end with
    /// [`OverlayError::Stopped`]. Shutting down twice is no error.
    ///
    /// # Errors
    /// [`OverlayError::Timeout`] when the disk takes longer than [`Limits::query_timeout`](crate::Limits::query_timeout).
    pub async fn shutdown(&self) -> Result<(), OverlayError> {
        match self.ask("shutdown", self.query, Command::Shutdown).await {
            Ok(()) | Err(OverlayError::Stopped) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn ask<T>(
        &self,
        what: &'static str,
        limit: Duration,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, OverlayError> {
        let (reply, answer) = oneshot::channel();
        // The node's own bounds come first; this one holds even if the node hangs.
        let limit = limit + LOCAL;
        timeout(limit, async {
            self.commands.send(command(reply)).await.map_err(|_| OverlayError::Stopped)?;
            answer.await.map_err(|_| OverlayError::Stopped)
        })
        .await
        .map_err(|_| OverlayError::Timeout { what, after: limit })?
    }
}

/// The records that come in for one key, until the node stops. Dropping it ends the watch.
#[derive(Debug)]
pub struct Watch {
    records: mpsc::Receiver<Vec<u8>>,
}

impl Watch {
    /// The next record; `None` when the node has stopped.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        self.records.recv().await
    }
}

impl Stream for Watch {
    type Item = Vec<u8>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Vec<u8>>> {
        self.records.poll_recv(cx)
    }
}
