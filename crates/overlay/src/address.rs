use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The longest text that is read as an address, in bytes.
pub const MAX_ADDRESS_BYTES: usize = 256;

/// Where a node can be reached: a multiaddr such as `/ip4/192.0.2.7/tcp/8468` or
/// `/dns/pumasi.example/udp/8468/quic-v1/p2p/12D3Koo…`. The `/p2p/…` end may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address(pub(crate) Multiaddr);

/// Why a text is not an [`Address`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Longer than [`MAX_ADDRESS_BYTES`].
    #[error("address: {0} bytes; the limit is {MAX_ADDRESS_BYTES}")]
    TooLong(usize),
    /// Not a multiaddr.
    #[error("address {0:?}: not a multiaddr such as /ip4/192.0.2.7/tcp/8468")]
    Malformed(String),
    /// A multiaddr on which no transport of ours speaks.
    #[error("address {0:?}: must end in /tcp/<port> or /udp/<port>/quic-v1, and /p2p/<node id> if wanted")]
    Transport(String),
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.len() > MAX_ADDRESS_BYTES {
            return Err(AddressError::TooLong(text.len()));
        }
        let address: Multiaddr = text.parse().map_err(|_| AddressError::Malformed(text.to_owned()))?;
        if is_dialable(&address) { Ok(Self(address)) } else { Err(AddressError::Transport(text.to_owned())) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Address {
    /// The node that must answer there, when the address says so.
    #[must_use]
    pub fn node(&self) -> Option<NodeId> {
        peer_of(&self.0).map(NodeId)
    }

    pub(crate) fn is_memory(&self) -> bool {
        matches!(self.0.iter().next(), Some(Protocol::Memory(_)))
    }
}

/// The name of a node in the overlay: the multihash of its Ed25519 public key, as `12D3Koo…`. It is not a DID.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) PeerId);

impl NodeId {
    /// The name that a node with this Ed25519 seed has.
    ///
    /// # Panics
    /// Never: every 32 bytes are a seed.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(keypair(seed).public().to_peer_id())
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

pub(crate) fn keypair(seed: &[u8; 32]) -> libp2p::identity::Keypair {
    libp2p::identity::Keypair::ed25519_from_bytes(*seed).expect("every 32 bytes are an Ed25519 seed")
}

pub(crate) fn peer_of(address: &Multiaddr) -> Option<PeerId> {
    match address.iter().last() {
        Some(Protocol::P2p(peer)) => Some(peer),
        _ => None,
    }
}

/// Exactly one host, one transport that we speak and at most one node id: no circuits, no nesting.
pub(crate) fn is_dialable(address: &Multiaddr) -> bool {
    let mut parts = address.iter();
    let transport = match parts.next() {
        Some(Protocol::Memory(_)) => true,
        Some(Protocol::Ip4(_) | Protocol::Ip6(_) | Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_)) => {
            match parts.next() {
                Some(Protocol::Tcp(_)) => true,
                Some(Protocol::Udp(_)) => matches!(parts.next(), Some(Protocol::QuicV1)),
                _ => false,
            }
        }
        _ => false,
    };
    transport && matches!(parts.next(), None | Some(Protocol::P2p(_))) && parts.next().is_none()
}

/// Whether strangers may make us dial there when private addresses are not allowed.
pub(crate) fn is_public(address: &Multiaddr) -> bool {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => is_public_ip(IpAddr::V4(ip)),
        Some(Protocol::Ip6(ip)) => is_public_ip(ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4)),
        // A name can lead anywhere: only the operator's own list may hold names.
        _ => false,
    }
}

fn is_public_ip(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            let shared = a == 100 && (64..128).contains(&b); // RFC 6598
            !(a == 0
                || ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_broadcast()
                || ip.is_documentation()
                || ip.is_multicast()
                || shared)
        }
        IpAddr::V6(ip) => {
            !(ip.is_unspecified()
                || ip.is_loopback()
                || ip.is_multicast()
                || ip.is_unique_local()
                || ip.is_unicast_link_local())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_addresses_that_a_transport_speaks() {
        let node = NodeId::from_seed(&[7; 32]);
        for text in [
            "/ip4/127.0.0.1/tcp/8468",
            "/ip6/::1/udp/8468/quic-v1",
            "/dns/pumasi.example/tcp/8468",
            "/memory/7",
            &format!("/ip4/192.0.2.7/tcp/8468/p2p/{node}"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        assert_eq!(format!("/memory/1/p2p/{node}").parse::<Address>().unwrap().node(), Some(node));
    }

    #[test]
    fn refuses_what_no_transport_speaks() {
        let node = NodeId::from_seed(&[7; 32]);
        for text in [
            "127.0.0.1:8468",
            "",
            "/ip4/127.0.0.1",
            "/ip4/127.0.0.1/udp/8468",
            "/ip4/127.0.0.1/tcp/8468/ws",
            &format!("/ip4/192.0.2.7/tcp/1/p2p/{node}/p2p-circuit"),
            &"/ip4/127.0.0.1".repeat(30),
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    #[test]
    fn private_addresses_are_known_as_such() {
        let public = |text: &str| is_public(&text.parse().unwrap());
        for text in ["/ip4/8.8.8.8/tcp/1", "/ip6/2001:4860::1/tcp/1"] {
            assert!(public(text), "{text}");
        }
        for text in [
            "/ip4/127.0.0.1/tcp/1",
            "/ip4/10.1.2.3/tcp/1",
            "/ip4/169.254.169.254/tcp/1",
            "/ip4/100.64.0.1/tcp/1",
            "/ip4/0.0.0.0/tcp/1",
            "/ip6/::1/tcp/1",
            "/ip6/::ffff:10.0.0.1/tcp/1",
            "/ip6/fe80::1/tcp/1",
            "/ip6/fd00::1/tcp/1",
            "/dns/localhost/tcp/1",
            "/memory/1",
        ] {
            assert!(!public(text), "{text}");
        }
    }
}
