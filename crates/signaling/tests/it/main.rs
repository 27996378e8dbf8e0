//! Signalling from outside: people, a DHT that loses, delays and lies, and someone in the middle.

mod channel;
mod mailbox;
mod person;
mod record;
mod session;
mod simulation;
mod spec;
