//! How two people who know each other's DID find a way to a direct channel, and prove who they are on it
//! (spec: `docs/spec/signalling.md`).
//!
//! Sans-I/O: time, randomness and keys come in as arguments.
//!
//! - [`Slot`], [`PairSlots`]: places in the DHT that nobody else can find; [`MailboxRecord`]: what lies there.

mod record;
mod slot;

pub use record::{MAX_CONTENT, MAX_LIFETIME, MAX_RECORD, MailboxRecord, RecordError, Valid};
pub use slot::{CLOCK_SKEW, CodeSide, EPOCH, PairSlots, Slot, epoch};
