//! Framing of messages: v1 (plain, with a checksum) and v2 (BIP324, encrypted), both sans-I/O.

mod handshake;
mod inventory;
mod message;
mod reader;
mod short_ids;
#[cfg(test)]
mod tests;
mod transport;
mod v1;
mod v2;

#[cfg(any(test, feature = "testing"))]
pub(crate) use message::KNOWN;
pub use message::{Message, MessageType};
pub use transport::{Received, Transport, TransportInfo, TransportKind, Unsent};

pub(crate) use inventory::{Inv, InvKind};
pub(crate) use message::sanitize;
pub(crate) use reader::{DecodeError, Reader, Writer};

/// Longest payload, in bytes (Core's `MAX_PROTOCOL_MESSAGE_LENGTH`).
pub const MAX_PAYLOAD: usize = 4_000_000;
