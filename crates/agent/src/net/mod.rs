//! The network side of a peer: the overlay, the mailbox in it, and the links that come of it.

mod line;
mod link;
mod mailbox;
mod overlay;
mod pairing;
mod prove;
mod switchboard;

pub use overlay::{Entry, NetOptions, remember_peers, start_bootstrap};
pub use pairing::{Compare, PairError, PairEvent, pair_accept, pair_invite};

pub(crate) use line::{Shared, look_up};
pub(crate) use overlay::{enter, ice};
pub(crate) use switchboard::Switchboard;
