//! Nodes of the overlay over real loopback sockets, and networks of them in memory.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and tells its figures")]

mod common;
mod network;
mod node;
mod refusal;
mod return_;
mod rogue;
mod spec;
