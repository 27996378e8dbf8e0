//! The faces over real sockets: a payee's endpoint, gateways that are honest, old and lying, and those who flood them.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "clippy does not see that this is test code")]

mod common;
mod gateway;
mod python;
mod signaling;
mod spec;
mod stream;
