//! The folder of one identity: keys, ledger, configuration, and the lock that keeps a second writer out.
//!
//! ```text
//! <home>/lock          who is writing now
//!        config.toml   bootstrap nodes, STUN and TURN servers
//!        keys/*.pem    private keys, PKCS#8, encrypted with the password
//!        ledger.db     the ledger and everything derived from it
//!        head          the newest head seen, to notice a ledger.db that was rolled back
//!        peers.json    overlay peers to come back through
//! ```

mod config;
mod error;
pub(crate) mod files;
mod lock;

pub use config::{Config, IceServers, TurnEntry};
pub use error::HomeError;
pub use files::{read_bounded, write_private};
pub use lock::{Holder, Lock};
