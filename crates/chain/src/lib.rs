//! Headers, blocks, coins and undo: the rules of the Bitcoin chain, and the state they make.
//!
//! Sans-I/O and synchronous: the time and secrets come as arguments, and what must last goes through [`store::Store`].
//! Each rule is a function of its own, with Bitcoin Core's reject reason.

mod connect;
mod error;
mod hasher;
mod scripts;
mod uint256;

pub mod block;
pub mod chainstate;
pub mod coins;
pub mod filter;
pub mod header;
pub mod mine;
pub mod muhash;
pub mod params;
pub mod pow;
pub mod stats;
pub mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod transaction;
pub mod tree;
pub mod undo;
pub mod versionbits;

pub use chainstate::{Accepted, ActiveChain, ChainState, Event, FlushMode, Options, Progress, Source, Tip, TipStatus};
pub use coins::{Coin, CoinsCache, CoinsView};
pub use connect::{Disconnected, Place, Scripts, connect_block, disconnect_block};
pub use error::{BlockError, BlockResult, ChainError, TxError, TxResult};
pub use params::Params;
pub use scripts::ScriptChecks;
pub use store::{Batch, IndexRecord, MemoryStore, Store, StoreError};
pub use tree::{BlockId, Entry, HeaderTree, Status, Validity};
pub use undo::{BlockUndo, TxUndo};
