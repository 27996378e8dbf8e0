//! The network side of a peer: records that others find, and the links that come of them.

mod attempt;
#[cfg_attr(target_arch = "wasm32", expect(dead_code, reason = "a page does not talk yet"))]
mod chat;
mod doorbell;
mod ice;
#[cfg(not(target_arch = "wasm32"))]
mod inquiry;
mod line;
mod link;
#[cfg(not(target_arch = "wasm32"))]
mod market;
mod network;
#[cfg(not(target_arch = "wasm32"))]
mod overlay;
#[cfg(not(target_arch = "wasm32"))]
mod pairing;
mod people;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) mod presence;
mod prove;
mod race;
mod records;
#[cfg(not(target_arch = "wasm32"))]
mod reputation;
mod road;
mod streams;
mod switchboard;

#[cfg(not(target_arch = "wasm32"))]
pub use doorbell::{Doorbell, Strangers};
pub use ice::{Entry, NetOptions};
#[cfg(not(target_arch = "wasm32"))]
pub use inquiry::{Inquiry, Reached, Whereabouts, Witnesses};
#[cfg(not(target_arch = "wasm32"))]
pub use market::{Asked, Put, find_shops, publish_shop, visit};
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use overlay::enter;
#[cfg(not(target_arch = "wasm32"))]
pub use overlay::{NodeOptions, remember_peers, start_bootstrap, start_node};
#[cfg(not(target_arch = "wasm32"))]
pub use pairing::{Compare, PairError, PairEvent, pair_accept, pair_invite};
#[cfg(not(target_arch = "wasm32"))]
pub use presence::Source;
#[cfg(not(target_arch = "wasm32"))]
pub use reputation::{Heard, hear, publish_lie, publish_vouch};
pub use road::Token;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use chat::Brought;
pub(crate) use chat::Chats;
pub(crate) use doorbell::Door;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use doorbell::Gate;
pub(crate) use ice::Ice;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use inquiry::whereabouts;
pub(crate) use line::Shared;
pub(crate) use network::Network;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use overlay::{enter_as, fresh_seed};
pub(crate) use people::People;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use presence::Announcer;
pub(crate) use records::Records;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use streams::{Streams, serve};
pub(crate) use switchboard::Switchboard;
