//! One running peer: commands in, events out.

mod agent;
mod bookkeeper;
mod clock;
mod error;
mod event;

pub mod home;
pub mod net;
pub mod wallet;

pub use agent::{Agent, Options};
pub use clock::now;
pub use error::AgentError;
pub use event::{Change, Event, Path, Step};
pub use wallet::Wallet;
