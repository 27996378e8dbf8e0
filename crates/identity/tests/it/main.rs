//! The crate from outside, on the native provider.

mod common;
mod contact;
mod data_integrity;
mod keys;
mod pairing;
mod pairing_attacks;
mod profile;
mod safety_number;
mod spec;
