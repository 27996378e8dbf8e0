//! Transactions that wait for a block, and the policy that admits them.
mod accept;
mod config;
mod context;
mod entry;
mod feerate;
mod pool;
mod reject;
pub mod policy;
pub use accept::{AcceptOptions, Accepted, PackageResult, TxOutcome};
pub use context::ChainContext;
pub use config::{Config, Limits};
pub use entry::{Entry, Family};
pub use feerate::FeeRate;
pub use pool::{DisconnectedTransactions, Event, LimitReport, Mempool, MempoolInfo, Prioritised, RemovalReason};
pub use reject::{PackageRejectKind, PackageRejected, Rejected};
