//! The native driver against itself, against a TURN server, and against other WebRTC stacks.
//!
//! One binary: linking is the slow part. Tests that need a program which is not there say `SKIPPED` and why.
#![cfg(not(target_arch = "wasm32"))]
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail and may talk")]

mod browser;
mod common;
mod failures;
mod foreign;
mod loopback;
mod relay;
mod restart;
mod spec;
