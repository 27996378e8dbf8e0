//! The words of the commands that run a node of the overlay.

use super::{seconds, span};
use clap::{Args, ValueEnum};
use pumasi_overlay::{Limits, Mode};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// `pumasi peer`.
#[derive(Debug, Args)]
pub(crate) struct Peer {
    /// Where to listen, TCP and QUIC; port 0 takes free ones.
    #[arg(long, default_value = "0.0.0.0:0", value_name = "ADDRESS:PORT")]
    pub(crate) listen: SocketAddr,
    /// A node to join through, beside those in config.toml and those that were met before; may be given several times.
    #[arg(long, env = "PUMASI_BOOTSTRAP", value_name = "MULTIADDR", value_delimiter = ',')]
    pub(crate) bootstrap: Vec<String>,
    /// A file with such nodes, one a line; lines that begin with # are passed over.
    #[arg(long, value_name = "FILE")]
    pub(crate) bootstrap_file: Option<PathBuf>,
    /// Where its identity, its records and the peers that it met are kept.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
    /// Keep records for others: while others reach this node, always, or never.
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) mode: PeerMode,
    /// For a node on the internet: never dial private or loopback addresses that others name.
    #[arg(long)]
    pub(crate) public: bool,
    #[command(flatten)]
    pub(crate) local: Local,
    /// Stop after this long.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) r#for: Option<Duration>,
    #[command(flatten)]
    pub(crate) node: NodeArgs,
}

/// What a node does on the network that its machine is in.
#[derive(Debug, Args, Clone, Copy)]
pub(crate) struct Local {
    /// Do not look for nodes on the local network, and do not show this one there.
    #[arg(long, env = "PUMASI_NO_MDNS")]
    pub(crate) no_mdns: bool,
    /// Do not ask the router to open ports.
    #[arg(long, env = "PUMASI_NO_PORT_MAPPING")]
    pub(crate) no_port_mapping: bool,
}

/// When a peer keeps records for others.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum PeerMode {
    /// While others reach it, which they measure.
    Auto,
    /// Always.
    Server,
    /// Never.
    Client,
}

impl From<PeerMode> for Mode {
    fn from(mode: PeerMode) -> Self {
        match mode {
            PeerMode::Auto => Self::Auto,
            PeerMode::Server => Self::Server,
            PeerMode::Client => Self::Client,
        }
    }
}

/// What a node does beside keeping records.
#[derive(Debug, Args)]
pub(crate) struct NodeArgs {
    /// An address under which others reach this node, such as /dns/node.example/tcp/8468; may be given several times.
    #[arg(long, value_name = "MULTIADDR")]
    pub(crate) announce: Vec<String>,
    /// Relay between others who cannot reach each other, while this node is reachable itself.
    #[arg(long)]
    pub(crate) relay: bool,
    /// As a relay: reservations held at once.
    #[arg(long, value_name = "COUNT", requires = "relay", default_value_t = Limits::default().relay_reservations)]
    pub(crate) relay_reservations: usize,
    /// As a relay: circuits open at once.
    #[arg(long, value_name = "COUNT", requires = "relay", default_value_t = Limits::default().relay_circuits)]
    pub(crate) relay_circuits: usize,
    /// As a relay: circuits of one peer.
    #[arg(long, value_name = "COUNT", requires = "relay", default_value_t = Limits::default().relay_circuits_per_peer)]
    pub(crate) relay_circuits_per_peer: usize,
    /// As a relay: how much one circuit carries, such as 64MB or 512kB.
    #[arg(long, value_name = "SIZE", requires = "relay", value_parser = size, default_value = "64MB")]
    pub(crate) relay_bytes: u64,
    /// As a relay: how long one circuit stays open, such as 30m.
    #[arg(long, value_name = "SPAN", requires = "relay", value_parser = span, default_value = "30m")]
    pub(crate) relay_duration: Duration,
    /// Serve figures for Prometheus there, on this machine only, such as 127.0.0.1:9468.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) metrics: Option<SocketAddr>,
}

impl NodeArgs {
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            relay_reservations: self.relay_reservations,
            relay_circuits: self.relay_circuits,
            relay_circuits_per_peer: self.relay_circuits_per_peer,
            relay_circuit_bytes: self.relay_bytes,
            relay_circuit_duration: self.relay_duration,
            ..Limits::default()
        }
    }
}

/// A number of bytes: `512kB` is 512 × 1024 of them.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "B" => 1,
        "kB" | "KB" | "k" => 1 << 10,
        "MB" | "M" => 1 << 20,
        "GB" | "G" => 1 << 30,
        other => return Err(format!("{other:?} is no unit; there are B, kB, MB and GB")),
    };
    let number: u64 = digits.parse().map_err(|_| format!("{text:?} is no size, such as 64MB"))?;
    number.checked_mul(unit).filter(|bytes| *bytes > 0).ok_or_else(|| format!("{text:?}: from 1 byte to 16 EB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_of_two_to_the_ten() {
        assert_eq!((size("64MB"), size("512kB"), size("7")), (Ok(64 << 20), Ok(512 << 10), Ok(7)));
        for text in ["", "MB", "1TB", "-1", "0", "99999999999GB", "1.5MB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
