//! Which peers a relay reaches for a stranger.

use std::net::{IpAddr, Ipv4Addr};

/// Whether datagrams may go there: to a unicast address, and to one that only the relay's own machine or network can
/// mean when that was asked for.
pub(crate) fn is_allowed(ip: IpAddr, private: bool) -> bool {
    let ip = ip.to_canonical();
    if ip.is_unspecified() || ip.is_multicast() || matches!(ip, IpAddr::V4(v4) if v4.is_broadcast()) {
        return false;
    }
    private
        || match ip {
            IpAddr::V4(v4) => {
                !(v4.is_loopback() || v4.is_private() || v4.is_link_local() || is_shared(v4) || v4.octets()[0] == 0)
            }
            IpAddr::V6(v6) => !(v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local()),
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
    fn private_peers_are_reached_only_when_that_is_asked_for() {
        for text in [
            "10.0.0.1",
            "192.168.1.1",
            "127.0.0.1",
            "169.254.1.1",
            "100.64.0.1",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            let ip: IpAddr = text.parse().unwrap();
            assert!(!is_allowed(ip, false) && is_allowed(ip, true), "{text}");
        }
        for text in ["8.8.8.8", "203.0.113.7", "2001:db8::1"] {
            assert!(is_allowed(text.parse().unwrap(), false), "{text}");
        }
        for text in ["0.0.0.0", "::", "224.0.0.1", "255.255.255.255", "ff02::1"] {
            assert!(!is_allowed(text.parse().unwrap(), true), "{text}");
        }
    }
}
