//! Where one identity lives: keys, ledger, configuration, and the lock that keeps a second writer out.
//!
//! ```text
//! in a process, a folder                    in a page, an IndexedDB database
//! <home>/lock          who is writing now   Web Lock `pumasi/<database>`
//!        config.toml   where the network is the file `config.json`
//!        keys/*.pem    private keys, PKCS#8, encrypted with the password; files of the same names
//!        ledger.db     the ledger           the stores `ledger`, `entry`, `tag`, `once`, `cell`
//!        head          the newest head seen, to notice a ledger that was rolled back; a file of the same name
//!        peers.json    overlay peers to come back through; none in a page
//! ```

mod config;
mod error;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) mod files;
#[cfg(not(target_arch = "wasm32"))]
mod folder;
#[cfg(not(target_arch = "wasm32"))]
mod lock;
#[cfg(target_arch = "wasm32")]
mod web;

pub use config::{Config, IceServers, StrangerRules, TurnEntry, Visibility};
pub use error::HomeError;
#[cfg(not(target_arch = "wasm32"))]
pub use files::{read_bounded, write_private};
#[cfg(not(target_arch = "wasm32"))]
pub use lock::{Holder, Lock};

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use folder::Home;
#[cfg(target_arch = "wasm32")]
pub(crate) use web::Home;
#[cfg(target_arch = "wasm32")]
pub use web::{Known, identities};

/// What names a place where an identity lives: the path of a folder.
#[cfg(not(target_arch = "wasm32"))]
pub type Place = std::path::Path;
/// What names a place where an identity lives: the name of a database.
#[cfg(target_arch = "wasm32")]
pub use web::Place;
