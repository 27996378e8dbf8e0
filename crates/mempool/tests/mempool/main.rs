//! The mempool over a small chain of its own: real coins, real headers, the real interpreter.

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
