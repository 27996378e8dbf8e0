//! Sets: keys under which many people each keep an entry, at the nodes nearest to the key (`docs/spec/overlay.md` §7).

mod key;
mod store;
mod table;
mod wire;

pub use key::{SetBounds, SetKey};
pub(crate) use table::{Name, SetTable};
pub(crate) use wire::BOUNDS;
pub use wire::{MAX_ANSWER, MAX_REQUEST, SET_PROTOCOL, SetAnswer, SetRequest};
