//! The Kademlia overlay on libp2p: where peers find each other's signed records (spec: `docs/spec/overlay.md`).
//!
//! - [`Overlay`]: a running node. One task owns the sockets, the routing table and the record store; handles send it
//!   commands over a bounded channel, and every await has an end.
//! - [`RecordKey`]: profiles and mailbox slots. A node checks each record (namespace, signature, sequence, time, size)
//!   before it keeps it, and again when it reads one from another node; a [`Refusal`] says why one is not kept.
//! - [`Limits`]: everything that a stranger can make a node keep or do.
//!
//! Nothing of libp2p is in the public API.

mod address;
mod behaviour;
mod config;
mod disk;
mod error;
mod handle;
mod node;
mod record;
mod store;
mod table;
mod transport;

pub use address::{Address, AddressError, MAX_ADDRESS_BYTES, NodeId};
pub use behaviour::{IDENTIFY_PROTOCOL, KAD_PROTOCOL};
pub use config::{BOOTSTRAP_PORT, Limits, Mode, OverlayConfig};
pub use error::OverlayError;
pub use handle::{Lookup, Overlay, Published, Status, Watch};
pub use record::{RecordKey, Refusal};
