//! How two people who know each other's DID find a way to a direct channel, and prove who they are on it
//! (spec: `docs/spec/signalling.md`).
//!
//! Sans-I/O: time, randomness and keys come in as arguments.
//!
//! - [`Slot`], [`PairSlots`]: places in the DHT that nobody else can find; [`MailboxRecord`]: what lies there.
//! - [`Signal`], [`SignedSignal`]: offer, answer, reject, later candidates, signed by a DID; [`PairMailbox`] seals them for the DHT.
//! - [`PairSession`]: who says what when; both roles, glare, repeats, timeouts.
//! - [`presence`]: which node of the overlay speaks for a DID, for everyone or for contacts only.
//! - [`ChannelAuth`]: the proof on the open channel of who is at both ends.
//! - [`NodeInfo`]: what a node of the overlay offers, signed by it.
//! - [`pack`], [`Parcel`]: the messages of a pairing, in slots that a typed code leads to.

mod candidate;
mod channel;
mod facts;
mod mailbox;
mod node_info;
mod nonce;
mod pair_box;
mod parcel;
pub mod presence;
mod record;
mod sdp;
mod session;
mod signal;
mod slot;

pub use candidate::{Candidates, MAX_CANDIDATE, MAX_CANDIDATES};
pub use channel::{
    AUTH_WAIT, AuthConfig, AuthError, AuthOutput, Authenticated, ChannelAuth, ChannelRole, MAX_AUTH_MESSAGE,
    MAX_CAPABILITIES, MAX_CAPABILITY, ProfileVersion, Versions,
};
pub use facts::EntryFacts;
pub use mailbox::PairMailbox;
pub use node_info::{MAX_NODE_INFO, MAX_NODE_INFO_LIFE, NodeInfo, NodeInfoError, Offers, RelayOffer};
pub use nonce::Nonce;
pub use parcel::{MAX_PARTS, Parcel, Put, pack};
pub use record::{MAX_CONTENT, MAX_LIFETIME, MAX_RECORD, MailboxRecord, RecordError, Valid};
pub use sdp::{MAX_SDP, Sdp};
pub use session::{Event, MAX_WAIT, Output, Pace, PairSession, SessionError};
pub use signal::{Content, MAX_SIGNAL, MAX_SIGNAL_LIFE, RejectReason, SIGNAL_TYP, Signal, SignalError, SignedSignal};
pub use slot::{CLOCK_SKEW, EPOCH, PairSlots, SEAL_OVERHEAD, Slot, epoch};
