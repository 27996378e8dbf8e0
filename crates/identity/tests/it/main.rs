//! The crate from outside, on the native provider.

#![allow(clippy::unwrap_used, reason = "helpers of tests, like tests, end at what they did not expect")]

mod common;
mod contact;
mod data_integrity;
mod keys;
mod pairing;
mod pairing_attacks;
mod profile;
mod safety_number;
mod spec;
