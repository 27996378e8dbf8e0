//! Addresses of this machine, of servers, and how far an address reaches.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::{HostPort, IceConfig};

/// The most interface addresses that are used.
const MAX_HOST_ADDRESSES: usize = 12;

/// The addresses to offer as host candidates. Link-local IPv6 is left out: it means nothing without a zone.
pub(crate) fn host_addresses(config: &IceConfig) -> io::Result<Vec<IpAddr>> {
    let allowed = |ip: &IpAddr| match ip {
        IpAddr::V4(_) => config.ipv4,
        IpAddr::V6(v6) => config.ipv6 && !v6.is_unicast_link_local(),
    };
    if !config.bind.is_empty() {
        return Ok(config.bind.iter().copied().filter(allowed).take(MAX_HOST_ADDRESSES).collect());
    }
    let addresses: BTreeSet<IpAddr> = if_addrs::get_if_addrs()?
        .into_iter()
        .filter(|interface| interface.is_oper_up())
        .map(|interface| interface.ip())
        .filter(|ip| allowed(ip) && (config.include_loopback || !ip.is_loopback()))
        .collect();
    Ok(addresses.into_iter().take(MAX_HOST_ADDRESSES).collect())
}

/// Looks a server's name up; the first address is taken.
pub(crate) async fn resolve(server: &HostPort) -> io::Result<SocketAddr> {
    let mut found = tokio::net::lookup_host((server.host.as_str(), server.port)).await?;
    found.next().ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// The unspecified address and port of the family of `peer`.
pub(crate) fn any(peer: SocketAddr) -> SocketAddr {
    let ip = if peer.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    SocketAddr::new(ip, 0)
}

/// How far an address can be reached from; ordered from everywhere to this machine only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// From everywhere.
    Global,
    /// From within one network.
    Private,
    /// From this machine.
    Loopback,
}

/// Tells how far an address can be reached from.
pub(crate) fn reach(ip: IpAddr) -> Reach {
    match ip.to_canonical() {
        ip if ip.is_loopback() => Reach::Loopback,
        IpAddr::V4(v4) if v4.is_private() || v4.is_link_local() || is_shared(v4) => Reach::Private,
        IpAddr::V6(v6) if v6.is_unique_local() || v6.is_unicast_link_local() => Reach::Private,
        _ => Reach::Global,
    }
}

/// 100.64.0.0/10, between a carrier and its customers (RFC 6598).
fn is_shared(v4: Ipv4Addr) -> bool {
    let [a, b, ..] = v4.octets();
    a == 100 && b & 0xC0 == 64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reach_is_told_by_the_address() {
        let of = |text: &str| reach(text.parse().unwrap());
        assert_eq!(of("8.8.8.8"), Reach::Global);
        assert_eq!(of("2600::1"), Reach::Global);
        assert_eq!(of("10.1.2.3"), Reach::Private);
        assert_eq!(of("100.100.0.1"), Reach::Private);
        assert_eq!(of("100.128.0.1"), Reach::Global);
        assert_eq!(of("fd00::1"), Reach::Private);
        assert_eq!(of("::ffff:127.0.0.1"), Reach::Loopback);
        assert_eq!(of("::1"), Reach::Loopback);
    }
}
