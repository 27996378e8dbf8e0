//! The listener over real sockets, spoken to by itself, by foreign TLS clients, and by those who mean ill.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "clippy does not see that this is test code")]

mod acme;
mod common;
mod foreign;
mod slow;
mod tls;
