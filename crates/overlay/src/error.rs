use crate::Refusal;
use std::time::Duration;

/// Why the overlay did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OverlayError {
    /// A field of the configuration does not fit the others.
    #[error("overlay: {0}")]
    Config(String),
    /// An address to listen on is taken or not ours.
    #[error("overlay: cannot listen on {address}: {reason}")]
    Listen {
        /// The address asked for.
        address: String,
        /// What the system said.
        reason: String,
    },
    /// The transports could not be set up.
    #[error("overlay: no transport: {0}")]
    Transport(String),
    /// The file that keeps the records cannot be used.
    #[error("overlay: the record store {path}: {reason}")]
    Store {
        /// The file.
        path: String,
        /// What SQLite said.
        reason: String,
    },
    /// The record is not acceptable; it was sent to nobody.
    #[error("record not published: {0}")]
    Refused(#[from] Refusal),
    /// Every node that was asked refused it or did not answer. It is kept here and put again later.
    #[error("no peer stored the record: {asked} were asked, each refused it or did not answer")]
    NotStored {
        /// Nodes asked.
        asked: usize,
    },
    /// No peer is connected: our link is down, or every node that we know is gone.
    #[error("not connected to any peer of the network")]
    Offline,
    /// Joining did not succeed in time.
    #[error("could not join the network within {} s: {}", .waited.as_secs(), tried.join("; "))]
    NotJoined {
        /// How long it was tried.
        waited: Duration,
        /// The last error at each address.
        tried: Vec<String>,
    },
    /// A bounded await ended.
    #[error("{what}: no answer within {} ms", .after.as_millis())]
    Timeout {
        /// What was waited for.
        what: &'static str,
        /// How long.
        after: Duration,
    },
    /// A bounded queue is full; try again later.
    #[error("{what}: {limit} are under way, which is the limit")]
    Busy {
        /// Which queue.
        what: &'static str,
        /// Its bound.
        limit: usize,
    },
    /// A node could not be dialled at any of its addresses.
    #[error("node {node}: cannot be reached")]
    Unreachable {
        /// Which.
        node: String,
    },
    /// A node does not offer what was asked for.
    #[error("node {node}: does not offer this")]
    NotServed {
        /// Which.
        node: String,
    },
    /// A node was reached, and did not answer.
    #[error("node {node}: no answer: {reason}")]
    NoAnswer {
        /// Which.
        node: String,
        /// How it ended.
        reason: String,
    },
    /// A request is too long.
    #[error("request: {len} bytes; the limit is {limit}")]
    TooLong {
        /// Its length.
        len: usize,
        /// The bound.
        limit: usize,
    },
    /// Somebody within this program serves it already.
    #[error("{service}: is served already")]
    Taken {
        /// What.
        service: &'static str,
    },
    /// A message to a topic was not sent.
    #[error("topic: not said: {reason}")]
    NotSaid {
        /// Why.
        reason: String,
    },
    /// The node was shut down.
    #[error("the overlay node has stopped")]
    Stopped,
}
