//! A STUN and TURN server (RFC 8489, RFC 8656) over UDP and TCP, for whoever holds credentials that are good for a
//! while: the relay of those whom no hole punching helps.
//!
//! [`Session`] is the server's side of one client's 5-tuple, sans-I/O: bytes in, bytes and orders out. [`Turn`] is the
//! driver: sockets, tasks and [`Limits`]. The codecs and the authentication are those of `turn-types` and `stun-proto`;
//! why not a whole server of somebody else is in `docs/adr/0017-turn-server.md`.
//!
//! Bounded for strangers: sessions that have not proved credentials are few, short, and the oldest makes room; every
//! allocation counts against its user, its source and the whole; what is relayed is metered per user; an allocation ends
//! with its credentials; and no peer in a private network is reached unless [`TurnConfig::private_peers`] says so.

mod bucket;
mod credentials;
mod message;
mod reach;
mod server;
mod session;

pub use credentials::{Credentials, Issuer, MAX_USERNAME};
pub use message::{Frame, frame, is_binding_request, is_request};
pub use server::{Limits, Stats, Turn, TurnConfig, TurnRunning};
pub use session::{Denied, MAX_CHANNELS, MAX_PERMISSIONS, Output, Session, SessionConfig};
