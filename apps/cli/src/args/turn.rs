//! `bootstrap --turn`.

use clap::Args;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The STUN and TURN server of a bootstrap node.
#[derive(Debug, Args)]
pub(crate) struct Turn {
    /// Serve STUN and TURN there, by UDP and TCP, to the peers of this node, such as 0.0.0.0:3478.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) turn: Option<SocketAddr>,
    /// Where others reach it: a name or an address, when it listens on all addresses or stands behind a NAT.
    #[arg(long, value_name = "HOST", requires = "turn")]
    pub(crate) turn_host: Option<String>,
    /// The address that others see relayed traffic come from, when it is not the one it listens on.
    #[arg(long, value_name = "IP", requires = "turn")]
    pub(crate) turn_external: Option<IpAddr>,
    /// Relay to private and loopback addresses too: for tests, and for a network that is not on the internet.
    #[arg(long, requires = "turn")]
    pub(crate) turn_private: bool,
    /// The most relayed addresses at a time, of all users together.
    #[arg(long, value_name = "COUNT", requires = "turn", default_value_t = 256)]
    pub(crate) turn_allocations: usize,
    /// The most of one user.
    #[arg(long, value_name = "COUNT", requires = "turn", default_value_t = 8)]
    pub(crate) turn_per_user: usize,
    /// What is relayed for one user, in kB a second.
    #[arg(long, value_name = "KB", requires = "turn", default_value_t = 1_000)]
    pub(crate) turn_user_rate: u64,
    /// What is relayed for all of them, in kB a second.
    #[arg(long, value_name = "KB", requires = "turn", default_value_t = 16_000)]
    pub(crate) turn_total_rate: u64,
    /// How long credentials are good, such as 6h; a relayed address ends with them.
    #[arg(long, value_name = "SPAN", requires = "turn", value_parser = super::span, default_value = "6h")]
    pub(crate) turn_lifetime: Duration,
}
