//! What people say to a topic and to each other (spec: `docs/spec/messages.md`).
//!
//! Sans-I/O: time, randomness and keys come in as arguments.
//!
//! - [`topic`]: messages to a group, signed by a DID; the [`Gate`](topic::Gate) decides what is passed on, and
//!   [`History`](topic::History) is what those who come late are given.
//! - [`member`]: who is in a topic, as an entry of a set in the DHT.
//! - [`direct`]: messages to one person, sealed for them; the [`Thread`](direct::Thread) of a pair knows what is under way,
//!   and in which order it is read.
//! - [`inbox`]: what waits in the DHT for somebody who is not there.

mod bucket;
mod signed;
mod text;

pub mod direct;
pub mod inbox;
pub mod member;
pub mod topic;

pub use bucket::{Bucket, Rate};
pub use signed::{Signed, SignedError, Statement};
pub use text::{Text, TextError};

pub use pumasi_signaling::CLOCK_SKEW;
