//! What a node says of how it is reached.

use crate::{Address, NodeId};
use std::time::Duration;

/// Whether a node serves the DHT, and how it knows that it may.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Serving {
    /// It was told to serve, and does.
    Told,
    /// It was told to ask only.
    ClientTold,
    /// It serves: another node dialled it back at this address.
    Measured {
        /// Where it was reached.
        address: Address,
        /// Who dialled.
        by: NodeId,
    },
    /// It only asks: others dialled it back and did not reach it.
    Unreachable {
        /// The address that was tried last.
        address: Address,
        /// Who dialled.
        by: NodeId,
        /// What they said.
        reason: String,
    },
    /// It only asks: nobody has measured it yet.
    NotMeasured,
}

impl Serving {
    /// Whether the node keeps records for others.
    #[must_use]
    pub fn is_server(&self) -> bool {
        matches!(self, Self::Told | Self::Measured { .. })
    }
}

/// A slot at a relay, over which others reach a node behind a NAT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserved {
    /// The relay.
    pub relay: NodeId,
    /// Where others dial, each `/…/p2p/<relay>/p2p-circuit/p2p/<node>`.
    pub addresses: Vec<Address>,
    /// Bytes that it carries over one circuit, when it has a limit.
    pub bytes: Option<u64>,
    /// How long it keeps one circuit, when it has a limit.
    pub duration: Option<Duration>,
}

/// What came of asking the router to open ports.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PortMapping {
    /// It is not asked.
    Off,
    /// No answer yet.
    Asking,
    /// Ports are open.
    Open {
        /// `UPnP`, `PCP` or `NAT-PMP`.
        by: &'static str,
        /// Where others reach this node if the router told the truth; measured like any other address.
        addresses: Vec<Address>,
    },
    /// None are.
    None {
        /// What each way to ask said.
        reasons: Vec<String>,
    },
}

/// The way that a connection takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Path {
    /// From address to address.
    Direct,
    /// Direct too, agreed on over a relay first: both sides dialled at the same moment, which opens most NATs.
    Punched,
    /// Over a relay, which sees who talks to whom, when and how much, and not what.
    Relayed {
        /// The relay.
        over: NodeId,
    },
}

/// An open connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// With whom.
    pub node: NodeId,
    /// Its way.
    pub path: Path,
    /// The other end's address, or the circuit to it.
    pub address: String,
    /// Whether the other side opened it.
    pub inbound: bool,
    /// The last round trip.
    pub rtt: Option<Duration>,
    /// Why no better way is taken: what was tried, and what came of it. Empty for a direct connection.
    pub failed: Vec<Attempt>,
}

/// Something that was tried in vain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// An address, or `hole punching`.
    pub what: String,
    /// What went wrong.
    pub reason: String,
}

/// Whether this node's own link works: "my link is down" told apart from "they are gone".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Link {
    /// Somebody answers. A peer that does not is itself the cause.
    Up,
    /// Nobody has answered yet since the start.
    Joining,
    /// Nobody answers any more.
    Down {
        /// Why it is believed to be this side.
        why: LinkDown,
        /// For how long.
        since: Duration,
    },
}

/// Why nobody answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkDown {
    /// This machine has no way to anywhere: no interface, or no route.
    NoNetwork,
    /// Every one of several connections was lost within seconds: the part that they share is this side's.
    AllLost,
    /// The only peer that was known is gone. That may be its fault or this side's.
    LastPeerGone,
}

/// What this node does as a relay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RelayFigures {
    /// Whether it takes reservations now: it was told to, and is reachable.
    pub serving: bool,
    /// Reservations held now.
    pub reservations: usize,
    /// Circuits open now.
    pub circuits: usize,
    /// Reservations granted since the start, renewals left out.
    pub reservations_total: u64,
    /// Reservations refused since the start, for want of room or for haste.
    pub reservations_denied: u64,
    /// Circuits opened since the start.
    pub circuits_total: u64,
    /// Circuits refused since the start.
    pub circuits_denied: u64,
    /// Bytes carried between others since the start.
    pub bytes: u64,
}

/// How a node is reached, and how it reaches others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reachability {
    /// Server or client, and why.
    pub serving: Serving,
    /// Addresses to tell others, best first: measured or announced ones, those of the local network, and circuits.
    pub addresses: Vec<Address>,
    /// Slots at relays.
    pub reserved: Vec<Reserved>,
    /// What the router said.
    pub mapping: PortMapping,
    /// Nodes found on the local network.
    pub local: Vec<NodeId>,
    /// Open connections.
    pub connections: Vec<Connection>,
    /// Whether the own link works.
    pub link: Link,
    /// What this node does for others as a relay.
    pub relay: RelayFigures,
    /// Bytes received in all streams since the start.
    pub received: u64,
    /// Bytes sent in all streams since the start.
    pub sent: u64,
}

impl Reachability {
    /// The best way to a node among the open connections.
    #[must_use]
    pub fn path_to(&self, node: NodeId) -> Option<&Connection> {
        let rank = |connection: &&Connection| match connection.path {
            Path::Direct => 0,
            Path::Punched => 1,
            Path::Relayed { .. } => 2,
        };
        self.connections.iter().filter(|connection| connection.node == node).min_by_key(rank)
    }
}
