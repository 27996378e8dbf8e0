//! The Bitcoin node: storage, sockets, JSON-RPC.

pub mod clock;
pub mod conf;
pub mod json;
pub mod log;
pub mod storage;
