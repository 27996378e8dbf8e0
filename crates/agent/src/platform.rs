//! What differs between a process and a page, under one name.

use pumasi_ledger::Ledger;

/// The platform's cryptography.
#[cfg(not(target_arch = "wasm32"))]
pub use pumasi_crypto::NativeProvider as PlatformProvider;
/// The platform's cryptography.
#[cfg(target_arch = "wasm32")]
pub use pumasi_crypto::WebProvider as PlatformProvider;

/// Where the ledger lies: a SQLite file, or an IndexedDB database.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use pumasi_store::SqliteStore as PlatformStore;
/// Where the ledger lies: a SQLite file, or an IndexedDB database.
#[cfg(target_arch = "wasm32")]
pub(crate) use pumasi_store_web::WebStore as PlatformStore;

/// The ledger as it is on this machine.
pub type Books = Ledger<PlatformStore, PlatformProvider>;
