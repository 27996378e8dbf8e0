//! Nodes of the overlay over real loopback sockets, and networks of them in memory.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and tells its figures")]

mod ask;
mod bad_peers;
#[allow(dead_code, reason = "shared with other tests and a bench")]
mod common;
mod info;
mod network;
mod node;
mod refusal;
mod relay;
mod return_;
#[allow(dead_code, reason = "shared with a bench")]
mod rogue;
mod sets;
mod spec;
