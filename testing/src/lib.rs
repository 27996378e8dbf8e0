//! What tests of several crates share.

pub mod fuzz_targets;
