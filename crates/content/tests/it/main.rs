//! The content core from outside.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "clippy does not see that this is test code")]

mod provider;
mod simulation;
mod spec;
mod world;
