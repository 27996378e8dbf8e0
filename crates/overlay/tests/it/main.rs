//! Nodes of the overlay over real loopback sockets, and networks of them in memory.

mod common;
mod network;
mod node;
mod refusal;
mod return_;
mod rogue;
