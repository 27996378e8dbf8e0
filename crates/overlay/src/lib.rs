//! The Kademlia overlay on libp2p: where peers find each other's signed records (spec: `docs/spec/overlay.md`).
//!
//! - [`Overlay`]: a running node. One task owns the sockets, the routing table and the record store; handles send it
//!   commands over a bounded channel, and every await has an end.
//! - [`RecordKey`]: profiles and mailbox slots. A node checks each record (namespace, signature, sequence, time, size)
//!   before it keeps it, and again when it reads one from another node; a [`Refusal`] says why one is not kept.
//! - [`Reachability`]: how others reach the node, measured; which way each connection takes; whether the own link works.
//! - [`SetKey`]: keys under which many people each keep an entry: listings, members of a topic, and so on.
//! - [`Service`], [`Incoming`]: requests to one node, and theirs.
//! - [`Gossip`]: topics, whose messages a [`Rule`] looks at before they are passed on.
//! - [`Limits`]: everything that a stranger can make a node keep or do.
//!
//! Nothing of libp2p is in the public API.

mod address;
mod behaviour;
mod config;
mod disk;
mod error;
mod exchange;
mod gossip;
mod guard;
mod handle;
mod node;
mod pace;
mod patience;
mod quiet;
mod reach;
mod record;
mod score;
mod service;
mod set;
mod store;
mod table;
mod trail;
mod transport;

pub use address::{Address, AddressError, MAX_ADDRESS_BYTES, NodeId};
pub use behaviour::{IDENTIFY_PROTOCOL, KAD_PROTOCOL, MAX_GOSSIP};
pub use config::{BOOTSTRAP_PORT, Limits, Mode, OverlayConfig};
pub use error::OverlayError;
#[doc(hidden)]
pub use exchange::unprefixed;
pub use gossip::{Gossip, Rule, TopicId, Verdict};
pub use handle::{Listed, Lookup, Overlay, Peer, Published, Status, Watch};
pub use pumasi_signaling::{NodeInfo, Offers, RelayOffer};
pub use reach::{
    Attempt, Connection, Link, LinkDown, Path, PortMapping, Reachability, RelayFigures, Reserved, Serving,
};
pub use record::{RecordKey, Refusal};
pub use service::{Incoming, Requests, Service};
pub use set::{MAX_ANSWER, MAX_REQUEST, SET_PROTOCOL, SetAnswer, SetBounds, SetKey, SetRequest};
