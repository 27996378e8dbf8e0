use libp2p::multiaddr::Protocol;
use libp2p::multihash::Multihash;
use libp2p::{Multiaddr, PeerId};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The longest text that is read as an address, in bytes.
pub const MAX_ADDRESS_BYTES: usize = 256;

/// Where a node can be reached: a multiaddr such as `/ip4/192.0.2.7/tcp/8468` or
/// `/dns/pumasi.example/udp/8468/quic-v1/p2p/12D3Koo…`. The `/p2p/…` end may be left out. Behind a NAT it is a circuit
/// over one relay, `/…/p2p/<relay>/p2p-circuit/p2p/<node>`, where nothing may be left out.
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
    #[error(
        "address {0:?}: must end in /tcp/<port> or /udp/<port>/quic-v1, and /p2p/<node id> if wanted, or go over one \
         relay as …/p2p/<relay>/p2p-circuit/p2p/<node id>"
    )]
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

    /// The relay on the way, when there is one.
    #[must_use]
    pub fn relay(&self) -> Option<NodeId> {
        relay_of(&self.0).map(NodeId)
    }

    /// Whether a stranger far away could use it: a public IP address, of the relay where there is one.
    #[must_use]
    pub fn is_public(&self) -> bool {
        is_public(&self.0)
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

    /// The name of the node with this Ed25519 public key. Any 32 bytes give one; that of no key is nobody's.
    #[must_use]
    pub fn from_ed25519(public: &[u8; 32]) -> Self {
        let multihash = Multihash::wrap(0, &[ED25519_KEY.as_slice(), public].concat()).expect("36 of at most 64 bytes");
        Self(PeerId::from_multihash(multihash).expect("an identity hash of at most 42 bytes"))
    }

    /// The name as bytes, as libp2p writes a peer id.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        self.0.to_bytes()
    }

    /// The Ed25519 public key that is in the name. `None` for a node with another kind of key, which none of ours has.
    #[must_use]
    pub fn ed25519(&self) -> Option<[u8; 32]> {
        let multihash = self.0.as_ref();
        let key = multihash.digest().strip_prefix(&ED25519_KEY).filter(|_| multihash.code() == 0)?;
        key.try_into().ok()
    }
}

/// What stands before an Ed25519 public key in a peer id: protobuf, key type 1, 32 bytes (libp2p peer ids).
const ED25519_KEY: [u8; 4] = [8, 1, 18, 32];

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

/// The relay that a circuit goes over.
pub(crate) fn relay_of(address: &Multiaddr) -> Option<PeerId> {
    let mut before = None;
    for part in address {
        match part {
            Protocol::P2p(peer) => before = Some(peer),
            Protocol::P2pCircuit => return before,
            _ => {}
        }
    }
    None
}

pub(crate) fn is_circuit(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::P2pCircuit)
}

/// Exactly one host, one transport that we speak and at most one node id; or that with the node id of a relay, and a
/// circuit to exactly one other node behind it. No nesting.
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
    if !transport {
        return false;
    }
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (None | Some(Protocol::P2p(_)), None, None, None) => true,
        (Some(Protocol::P2p(relay)), Some(Protocol::P2pCircuit), Some(Protocol::P2p(node)), None) => relay != node,
        _ => false,
    }
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
    fn a_circuit_names_one_relay_and_one_node_behind_it() {
        let (relay, node) = (NodeId::from_seed(&[7; 32]), NodeId::from_seed(&[8; 32]));
        let way = format!("/ip4/192.0.2.7/udp/1/quic-v1/p2p/{relay}/p2p-circuit/p2p/{node}");
        let address: Address = way.parse().unwrap();
        assert_eq!((address.relay(), address.node()), (Some(relay), Some(node)));
        assert_eq!(format!("/memory/1/p2p/{node}").parse::<Address>().unwrap().relay(), None);
        for text in [
            format!("/ip4/192.0.2.7/tcp/1/p2p-circuit/p2p/{node}"),
            format!("/ip4/192.0.2.7/tcp/1/p2p/{relay}/p2p-circuit"),
            format!("/ip4/192.0.2.7/tcp/1/p2p/{node}/p2p-circuit/p2p/{node}"),
            format!("/p2p/{relay}/p2p-circuit/p2p/{node}"),
            format!("{way}/p2p-circuit/p2p/{relay}"),
            format!("{way}/tcp/1"),
            format!("/ip4/192.0.2.7/tcp/1/p2p/{relay}/p2p/{node}"),
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
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
    fn the_name_of_a_node_is_its_key() {
        for seed in [[1; 32], [2; 32]] {
            let key = keypair(&seed).try_into_ed25519().unwrap().public().to_bytes();
            let node = NodeId::from_seed(&seed);
            assert_eq!((NodeId::from_ed25519(&key), node.ed25519()), (node, Some(key)));
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
