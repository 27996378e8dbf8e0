//! Transactions that wait for a block, and the policy that admits them: the behaviour of Bitcoin Core 30.
//!
//! - [`Mempool::accept`], [`Mempool::accept_package`], [`Mempool::test_accept`]: what comes in, and why the rest does not.
//! - [`Mempool::remove_for_block`], [`Mempool::update_for_reorg`]: what a change of the chain does.
//! - [`Mempool::select`]: what the next block should contain. [`Mempool::dump`], [`Mempool::load`]: across a restart.
//! - [`policy`]: the rules beyond consensus.
//!
//! A transaction whose parents are unknown is refused here ([`Rejected::is_missing_inputs`]); orphans are kept where the
//! peers are known, in `pumasi-p2p`.
//!
//! Nothing here reads a clock, a file or a random source: the chain comes as a [`ChainContext`], the time as seconds since
//! the epoch. After each call, [`Mempool::drain_events`] tells what came and went.

mod accept;
mod config;
mod context;
mod entry;
mod feerate;
mod linearize;
mod persist;
mod pool;
mod reject;
mod template;

pub mod policy;

pub use accept::{AcceptOptions, Accepted, PackageResult, TxOutcome};
pub use config::{Config, Limits};
pub use context::ChainContext;
pub use entry::{Entry, Family};
pub use feerate::FeeRate;
pub use persist::{LoadError, LoadOptions, LoadReport};
pub use pool::{
    ClusterChunk, DisconnectedTransactions, Event, LimitReport, Mempool, MempoolInfo, Prioritised, RemovalReason,
};
pub use reject::{PackageRejectKind, PackageRejected, Rejected};
pub use template::{Template, TemplateLimits, TemplateTransaction};
