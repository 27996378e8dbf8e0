use axum::http::{Extensions, HeaderMap};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Where a request comes from, as limits count it: an IPv4 address, or the /64 of an IPv6 address, since who has one
/// address of it has them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(IpAddr);

impl Source {
    /// The source of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) if !v6.is_loopback() => {
                let [a, b, c, d, ..] = v6.segments();
                Self(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into())
            }
            other => Self(other),
        }
    }

    /// The source that the listener wrote into a request.
    #[must_use]
    pub fn from_request(extensions: &Extensions) -> Option<Self> {
        extensions.get::<Self>().copied()
    }

    /// The address, or the first of the network.
    #[must_use]
    pub fn address(self) -> IpAddr {
        self.0
    }

    /// Whether it is this machine or a private network (RFC 1918, RFC 4193), link-local ones included.
    #[must_use]
    pub fn is_near(self) -> bool {
        is_near(self.0)
    }

    /// The source of a request that came over a connection from `peer`. Behind a proxy it is the last address of the last
    /// `X-Forwarded-For`, the only one that the proxy itself wrote; but only a proxy that is near is believed.
    pub(crate) fn of_request(peer: SocketAddr, headers: &HeaderMap, behind_proxy: bool) -> Self {
        let peer = peer.ip().to_canonical();
        let forwarded = || {
            let last = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
            parse_address(last.rsplit(',').next()?.trim())
        };
        Self::of(if behind_proxy && is_near(peer) { forwarded().unwrap_or(peer) } else { peer })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V6(v6) if !v6.is_loopback() => write!(f, "{v6}/64"),
            other => other.fmt(f),
        }
    }
}

/// An address, as some proxies write it: with a port, or in brackets.
fn parse_address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// Loopback, private (RFC 1918), unique local (RFC 4193), or link-local.
fn is_near(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forwarded(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| ("x-forwarded-for".parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_a_near_proxy_names_the_client_and_only_its_own_word_counts() {
        let near: SocketAddr = "10.1.2.3:999".parse().unwrap();
        let far: SocketAddr = "203.0.113.9:999".parse().unwrap();
        let headers = forwarded(&["198.51.100.1", "192.0.2.1, 198.51.100.7"]);
        assert_eq!(Source::of_request(near, &headers, true).to_string(), "198.51.100.7");
        assert_eq!(Source::of_request(near, &headers, false).to_string(), "10.1.2.3");
        assert_eq!(Source::of_request(far, &headers, true).to_string(), "203.0.113.9");
        assert_eq!(Source::of_request(near, &forwarded(&["nonsense"]), true).to_string(), "10.1.2.3");
        assert_eq!(Source::of_request(near, &forwarded(&["[2001:db8::1]:443"]), true).to_string(), "2001:db8::/64");
    }

    #[test]
    fn one_network_of_ipv6_is_one_source() {
        let one = Source::of("2001:db8:1:2:3:4:5:6".parse().unwrap());
        assert_eq!(one, Source::of("2001:db8:1:2::1".parse().unwrap()));
        assert_ne!(one, Source::of("2001:db8:1:3::1".parse().unwrap()));
        assert_eq!(Source::of("::ffff:192.0.2.1".parse().unwrap()), Source::of("192.0.2.1".parse().unwrap()));
        assert_eq!(Source::of("::1".parse().unwrap()).to_string(), "::1");
    }
}
