//! Trust from outside.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;
mod evaluation;
mod lies;
mod spec;
mod vouches;
