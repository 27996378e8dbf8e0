//! One reliable, ordered data channel to one peer, over WebRTC.
//!
//! [`offer`] and [`answer`] gather ICE candidates and give the SDP that signalling carries; [`Offering::accept`] takes
//! the peer's answer; [`Connecting::open`] waits for ICE, DTLS and the channel, and gives a [`Link`]. What a caller
//! needs of a link is the trait [`DataLink`]. In a browser its own `RTCPeerConnection` is behind the same names.
//!
//! A message is at most [`framing::MAX_MESSAGE`] bytes and is cut into chunks of [`framing::MAX_CHUNK`]
//! (`docs/spec/channel.md`). Who the peer is, this crate does not know: both sides prove their DID over the channel,
//! bound to [`DataLink::local_fingerprint`] and [`DataLink::remote_fingerprint`].
//!
//! One task owns each connection: its sockets, its relays and the WebRTC engine. Dropping the [`Link`] (or the
//! [`Offering`], or the [`Connecting`]) closes the connection and the peer learns at once.

mod config;
mod error;
mod fingerprint;
mod link;
mod outbox;
mod progress;
mod sdp;

pub mod framing;

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod web;

pub use config::{HostPort, IceConfig, IcePolicy, StunServer, Transport, TurnServer, UriError};
pub use error::{CloseReason, ConnectError, LinkError};
pub use fingerprint::{Fingerprint, FingerprintError};
pub use link::{CandidateKind, DataLink, LinkState, PathEnd, PathReport, Tried, Way};
pub use progress::{Observer, Progress, ServerFailure};

#[cfg(not(target_arch = "wasm32"))]
pub use native::{Connecting, Link, LinkSender, Offering, answer, offer};
#[cfg(target_arch = "wasm32")]
pub use web::{Connecting, Link, LinkSender, Offering, answer, offer};
