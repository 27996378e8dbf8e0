//! Signalling from outside: people, a DHT that loses, delays and lies, and someone in the middle.

#![allow(clippy::unwrap_used, reason = "helpers of tests, like tests, end at what they did not expect")]
#![allow(clippy::print_stdout, reason = "the seed of a failed simulation must be told")]

mod channel;
mod mailbox;
mod person;
mod presence;
mod presence_spec;
mod record;
mod session;
mod simulation;
mod spec;
