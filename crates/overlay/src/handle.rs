use crate::gossip::{self, Gossip, Rule, TopicId};
use crate::node::{Command, Node};
use crate::service::{Requests, Service};
use crate::set::SetKey;
use crate::{Address, NodeId, OverlayConfig, OverlayError, Reachability, RecordKey};
use futures::Stream;
use pumasi_signaling::{NodeInfo, Offers};
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

/// Whom to ask: a node, and where it may be reached. The addresses may be left out when it is connected or known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The node.
    pub node: NodeId,
    /// Where to dial it.
    pub addresses: Vec<Address>,
}

/// What is under the key of a set, and what it took to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The valid entries, of each name the latest.
    pub entries: Vec<Vec<u8>>,
    /// Nodes asked: those nearest to the key.
    pub asked: usize,
    /// Nodes that answered.
    pub answered: usize,
    /// Invalid entries among the answers.
    pub invalid: usize,
    /// The nodes that gave such ones as no clock excuses.
    pub liars: Vec<NodeId>,
    /// From question to answer.
    pub took: Duration,
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
    /// Which peers those are.
    pub older: Vec<NodeId>,
    /// Peers that gave something invalid.
    pub invalid: usize,
    /// Requests one after another to the first peer that gave the value: 0 when this node had it, 1 when that peer was in
    /// its routing table.
    pub hops: usize,
    /// Those of them that no clock excuses.
    pub liars: Vec<NodeId>,
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
    /// Whether it knows anybody to join through: bootstrap nodes, or peers met earlier.
    pub knows_others: bool,
    /// Whether the lookup of its own id has succeeded since it last lost every connection.
    pub joined: bool,
    /// The last error at each address that could not be dialled while joining.
    pub failed: Vec<String>,
    /// Profiles kept.
    pub profiles: usize,
    /// Mailbox records kept.
    pub mailboxes: usize,
    /// Presences kept.
    pub presences: usize,
    /// Entries of sets kept.
    pub entries: usize,
    /// Puts of other nodes that were refused since the start.
    pub refused: u64,
    /// Times since the start that another node broke a rule which no node that keeps the rules can break.
    pub offences: u64,
    /// Nodes from which less is taken for that now.
    pub limited: usize,
    /// Nodes that are shut out for that now.
    pub banned: usize,
    /// Times since the start that a node was disconnected or shut out for that.
    pub dropped: u64,
    /// Requests of other nodes that were answered since the start.
    pub answered: u64,
    /// Requests of other nodes that were let go since the start: not served here, or too many.
    pub let_go: u64,
    /// How it is reached, and how it reaches others.
    pub reach: Reachability,
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
        // It is large: on the heap, or every future that starts one would be.
        let mut node = Box::new(Node::new(config, commands)?);
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
        self.ask_node("put", self.query * 2, |reply| Command::Put { key, value, reply }).await?
    }

    /// Takes a record from somebody who does not speak the overlay's protocol, such as a browser at a gateway: checks it,
    /// keeps it as it keeps those of its peers, with `giver` for the peer whose share it counts against, and sends it to
    /// the peers nearest to its key. Unlike with [`put`](Self::put), whoever gave it puts it again before it is lost.
    ///
    /// That no peer has it yet is no error here, since this node has: [`Published::stored`] is 0 then.
    ///
    /// # Errors
    /// [`OverlayError::Refused`], [`OverlayError::Busy`].
    pub async fn give(&self, giver: [u8; 32], key: RecordKey, value: Vec<u8>) -> Result<Published, OverlayError> {
        // A name that no node has, by which the table counts.
        let giver = NodeId::from_seed(&giver).0;
        let started = std::time::Instant::now();
        let given = self.ask_node("put", self.query * 2, |reply| Command::Give { key, value, giver, reply }).await?;
        let kept = |asked| Published { asked, stored: 0, took: started.elapsed() };
        match given {
            Err(OverlayError::Offline) => Ok(kept(0)),
            Err(OverlayError::NotStored { asked }) => Ok(kept(asked)),
            given => given,
        }
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
        self.ask_node("lookup", self.query, |reply| Command::Get { key, reply }).await?
    }

    /// The records that come in for this key, the one that is held now first. In a small network every node is near to
    /// every key, so this is immediate delivery; in a large one poll [`get`](Self::get) as well.
    ///
    /// # Errors
    /// [`OverlayError::Busy`] when [`Limits::watches`](crate::Limits::watches) keys are watched.
    pub async fn watch(&self, key: RecordKey) -> Result<Watch, OverlayError> {
        let (sender, records) = mpsc::channel(crate::store::WATCH_QUEUE);
        self.ask_node("watch", LOCAL, |reply| Command::Watch { key, sender, reply }).await??;
        Ok(Watch { records })
    }

    /// Adds an entry to a set: keeps it, sends it to the nodes nearest to the key, and again from time to time until it
    /// expires or is [withdrawn](Self::withdraw).
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub async fn add(&self, key: SetKey, entry: Vec<u8>) -> Result<Published, OverlayError> {
        self.ask_node("addition", self.query * 2, |reply| Command::Add { key, entry, reply }).await?
    }

    /// Sends an entry of a set no more. Nodes that have it keep it until it expires.
    ///
    /// # Errors
    /// [`OverlayError::Stopped`].
    pub async fn withdraw(&self, key: SetKey, entry: Vec<u8>) -> Result<(), OverlayError> {
        self.commands.send(Command::Withdraw { key, entry }).await.map_err(|_| OverlayError::Stopped)
    }

    /// Asks the nodes nearest to the key of a set what is in it, and checks each entry.
    ///
    /// # Errors
    /// [`OverlayError::Offline`] when nobody can be asked and nothing is held here.
    pub async fn list(&self, key: SetKey) -> Result<Listed, OverlayError> {
        self.ask_node("listing", self.query * 2, |reply| Command::List { key, reply }).await?
    }

    /// Shuts a node out for a time: whose node it is was shown to lie.
    ///
    /// # Errors
    /// [`OverlayError::Stopped`].
    pub async fn shun(&self, node: NodeId) -> Result<(), OverlayError> {
        self.commands.send(Command::Shun(node)).await.map_err(|_| OverlayError::Stopped)
    }

    /// Opens a connection with a node, unless there is one.
    ///
    /// # Errors
    /// [`OverlayError::Unreachable`].
    pub async fn connect(&self, peer: &Peer) -> Result<(), OverlayError> {
        let peer = peer.clone();
        self.ask_node("connection", self.query, |reply| Command::Connect { peer, reply }).await?
    }

    /// Asks one node, which is dialled if need be.
    ///
    /// # Errors
    /// [`OverlayError::TooLong`], [`OverlayError::Unreachable`], [`OverlayError::NotServed`], [`OverlayError::NoAnswer`].
    pub async fn ask(&self, peer: &Peer, service: Service, request: Vec<u8>) -> Result<Vec<u8>, OverlayError> {
        let (len, limit) = (request.len(), service.max_request());
        if len > limit {
            return Err(OverlayError::TooLong { len, limit });
        }
        let peer = peer.clone();
        let patience = self.query + service.patience();
        self.ask_node("request", patience, |reply| Command::Ask { peer, service, request, reply }).await?
    }

    /// Takes the requests of other nodes for a service, until what is returned is dropped.
    ///
    /// # Errors
    /// [`OverlayError::Taken`] when somebody takes them already.
    pub async fn serve(&self, service: Service) -> Result<Requests, OverlayError> {
        let (server, requests) = mpsc::channel(crate::node::QUEUE);
        self.ask_node("serving", LOCAL, |reply| Command::Serve { service, server, reply }).await??;
        Ok(Requests { requests })
    }

    /// Listens to a topic; `rule` looks at each message before it is heard and passed on. Who is in it has to be
    /// [connected](Self::connect) by some path of members.
    ///
    /// # Errors
    /// [`OverlayError::Taken`] when this node listens to it already; [`OverlayError::Busy`] at
    /// [`Limits::topics`](crate::Limits::topics).
    pub async fn subscribe(&self, topic: TopicId, rule: Rule) -> Result<Gossip, OverlayError> {
        let (sender, heard) = mpsc::channel(gossip::QUEUE);
        self.ask_node("topic", LOCAL, |reply| Command::Subscribe { topic, rule, heard: sender, reply }).await??;
        Ok(Gossip { topic, overlay: self.clone(), heard })
    }

    pub(crate) async fn say(&self, topic: TopicId, bytes: Vec<u8>) -> Result<usize, OverlayError> {
        self.ask_node("topic", LOCAL, |reply| Command::Say { topic, bytes, reply }).await?
    }

    /// The state of the node.
    ///
    /// # Errors
    /// [`OverlayError::Stopped`], [`OverlayError::Timeout`].
    pub async fn status(&self) -> Result<Status, OverlayError> {
        self.ask_node("status", LOCAL, Command::Status).await
    }

    /// What this node offers beside records, which it says to those that join through it; its relay is said by itself.
    ///
    /// # Errors
    /// [`OverlayError::Stopped`], [`OverlayError::Timeout`].
    pub async fn offer(&self, offers: Offers) -> Result<(), OverlayError> {
        self.ask_node("offer", LOCAL, |reply| Command::Offer { offers, reply }).await
    }

    /// What the nodes through which this one joined say that they offer, each signed by its node.
    ///
    /// # Errors
    /// [`OverlayError::Stopped`], [`OverlayError::Timeout`].
    pub async fn infos(&self) -> Result<Vec<NodeInfo>, OverlayError> {
        self.ask_node("node infos", LOCAL, Command::Infos).await
    }

    /// Peers worth remembering for [`OverlayConfig::known_peers`], connected ones first.
    ///
    /// # Errors
    /// [`OverlayError::Stopped`], [`OverlayError::Timeout`].
    pub async fn known_peers(&self) -> Result<Vec<Address>, OverlayError> {
        self.ask_node("known peers", LOCAL, Command::KnownPeers).await
    }

    /// Closes every connection and returns when each record is on disk. Calls on other handles end with
    /// [`OverlayError::Stopped`]. Shutting down twice is no error.
    ///
    /// # Errors
    /// [`OverlayError::Timeout`] when the disk takes longer than [`Limits::query_timeout`](crate::Limits::query_timeout).
    pub async fn shutdown(&self) -> Result<(), OverlayError> {
        match self.ask_node("shutdown", self.query, Command::Shutdown).await {
            Ok(()) | Err(OverlayError::Stopped) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn ask_node<T>(
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
