//! The directory: who is found under which word (spec: `docs/spec/directory.md`).
//!
//! A listing is signed by the DID that it lists, and so is every change of it. A directory can leave an entry out or show
//! an older one; it cannot make one up: whoever reads an entry checks it ([`Entry::verify`]). Anyone can run another
//! directory from the log of the first.
//!
//! The core (this list) has no I/O and runs in a browser: time, randomness and keys come in as arguments.
//!
//! - [`Listing`], [`Operation`], [`SignedOperation`]: what is said, by whom, with which work; [`bounds`].
//! - [`Entry`], [`VerifiedEntry`]: what a directory answers, before and after it is checked.
//! - [`decide`]: what an operation does to what is known of a DID; the same for every store.
//! - [`text`]: Korean words as terms of an index.
//! - [`dht`]: shops in the DHT, where nobody runs an index (spec: `docs/spec/find.md`).
//! - [`wire`]: the bodies of the API.
//! - [`client::Directory`], [`client::Directories`]: asking one directory, or several at once, native or in a browser.
//!
//! The client is the feature `client`, on unless turned off. With the feature `server`: `store` (SQLite and PostgreSQL behind one trait) and `server` (the API over them).

mod entry;
mod listing;
mod operation;
mod state;

pub mod bounds;
#[cfg(feature = "client")]
pub mod client;
pub mod dht;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
pub mod store;
pub mod text;
pub mod wire;

pub use entry::{Entry, Forgery, ListedFields, VerifiedEntry};
pub use listing::{FieldError, Listing};
pub use operation::{Action, OPERATION_TYP, Operation, OperationError, SignedOperation};
pub use pumasi_crypto::stamp::zero_bits;
pub use state::{Effect, Known, Refusal, decide, decide_mirrored};
