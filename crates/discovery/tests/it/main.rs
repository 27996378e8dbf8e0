//! The directory from outside.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail and may talk")]

mod common;
mod dht;
mod entry;
mod operation;
mod python;
mod spec;
