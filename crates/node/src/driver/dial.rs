//! Connecting to peers, and looking up names.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bitcoin::Network;
use pumasi_p2p::{DialId, DialTarget, NetAddr};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Event;

/// Addresses that one DNS seed may give.
const MAX_SEED_ADDRESSES: usize = 32;
/// A name server that has not answered by now will not.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(30);

/// How to connect.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialer {
    pub(super) network: Network,
    pub(super) default_port: u16,
    /// `-timeout`.
    pub(super) timeout: Duration,
}

impl Dialer {
    /// Connects and tells the thread how it went.
    pub(super) async fn dial(self, id: DialId, target: DialTarget, events: mpsc::Sender<Event>) {
        let stream = match self.address(target).await {
            Some(address) => timeout(self.timeout, TcpStream::connect(address)).await.ok().and_then(Result::ok),
            None => None,
        };
        let _ = events.send(Event::Dialed { id, stream }).await;
    }

    async fn address(self, target: DialTarget) -> Option<SocketAddr> {
        match target {
            // What somebody has gossiped leads nowhere outside of this machine on a test network of our own.
            DialTarget::Address(address) => {
                let address = address.socket()?;
                (self.network != Network::Regtest || address.ip().is_loopback()).then_some(address)
            }
            DialTarget::Name(name) => self.look_up(&name).await,
        }
    }

    async fn look_up(self, name: &str) -> Option<SocketAddr> {
        if let Ok(address) = name.parse::<SocketAddr>() {
            return Some(address);
        }
        let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return Some(SocketAddr::new(ip, self.default_port));
        }
        let (host, port) = match name.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok()?),
            None => (name, self.default_port),
        };
        let mut found = timeout(LOOKUP_TIMEOUT, lookup_host((host, port))).await.ok()?.ok()?;
        found.next()
    }
}

/// Asks a DNS seed.
pub(super) async fn resolve_seed(host: String, events: mpsc::Sender<Event>) {
    let addresses = match timeout(LOOKUP_TIMEOUT, lookup_host((host.as_str(), 0))).await {
        Ok(Ok(found)) => found.take(MAX_SEED_ADDRESSES).map(|address| NetAddr::from(address.ip())).collect(),
        _ => Vec::new(),
    };
    let _ = events.send(Event::Resolved { host, addresses }).await;
}
