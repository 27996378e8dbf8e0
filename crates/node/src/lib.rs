//! The Bitcoin node: storage, sockets, JSON-RPC.
//!
//! [`conf::Settings`] says what to run, [`run`] runs it until somebody stops it. One validation thread owns chain,
//! mempool and peers; around it are sockets, files and clocks.

mod backend;
mod cli;
mod client;
pub mod clock;
pub mod conf;
mod driver;
mod index;
pub mod json;
mod light;
pub mod log;
mod node;
mod rpc;
pub mod storage;

pub use cli::{Outcome, cli};
pub use client::{CallError, call};
pub use driver::{Observer, Progress, run, run_observed};
