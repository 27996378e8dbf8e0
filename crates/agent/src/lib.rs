//! One running peer: commands in, events out.

mod agent;
mod bookkeeper;
mod clock;
mod error;
mod event;
mod platform;

#[cfg(not(target_arch = "wasm32"))]
pub mod content;
pub mod home;
pub mod net;
#[cfg(not(target_arch = "wasm32"))]
pub mod talk;
pub mod wallet;

pub use agent::{Agent, Options};
pub use bookkeeper::PayKey;
pub use clock::now;
pub use error::AgentError;
pub use event::{
    Change, DeadServer, Event, Outrun, Path, Report, Road, RoadClosed, ServerTrouble, Step, TriedWay, Unreached, Way,
};
pub use platform::{Books, PlatformProvider};
pub use wallet::Wallet;
