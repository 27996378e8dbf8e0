//! The mempool over a small chain of its own: real coins, real headers, the real interpreter.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, helpers included")]

mod blocks;
mod chain;
mod events;
mod families;
mod figures;
mod limits;
mod model;
mod packages;
mod persistence;
mod replacement;
mod standard;
mod steps;
mod template;
