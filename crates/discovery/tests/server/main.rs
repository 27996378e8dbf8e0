//! The API over a real socket: as our client sees it, as a stranger does, and as Python does.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail and may talk")]

mod api;
mod common;
mod foreign;
mod golden;
mod lies;
mod mirror;
