//! Addresses of peers: IPv4, IPv6, Tor, I2P and CJDNS (Core's `CNetAddr` and `CService`), and their network groups.

mod encoding;
mod subnet;
mod text;

use bitcoin::p2p::ServiceFlags;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub(crate) use encoding::{read_address_v1, read_entry, read_entry_v2, write_address_v1, write_entry, write_entry_v2};
pub use subnet::{ParseSubnetError, Subnet};
pub use text::ParseAddressError;

/// A network over which peers are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NetworkKind {
    /// Not publicly routable.
    Unroutable,
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// Tor, onion services of version 3.
    Onion,
    /// I2P.
    I2p,
    /// CJDNS.
    Cjdns,
}

impl NetworkKind {
    /// The networks that an address can be routable in, in Core's order.
    pub const ROUTABLE: [Self; 5] = [Self::Ipv4, Self::Ipv6, Self::Onion, Self::I2p, Self::Cjdns];

    /// Core's name: `ipv4`, `onion`, …, `not_publicly_routable`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unroutable => "not_publicly_routable",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Onion => "onion",
            Self::I2p => "i2p",
            Self::Cjdns => "cjdns",
        }
    }

    /// The network with this name, as `-onlynet` takes it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ROUTABLE.into_iter().find(|network| network.name() == name)
    }

    /// Core's number of the network: it enters the hashes that pick buckets.
    const fn class(self) -> u8 {
        match self {
            Self::Unroutable => 0,
            Self::Ipv4 => 1,
            Self::Ipv6 => 2,
            Self::Onion => 3,
            Self::I2p => 4,
            Self::Cjdns => 5,
        }
    }
}

/// Where a peer is, without the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NetAddr {
    /// IPv4.
    Ipv4(Ipv4Addr),
    /// IPv6; never an IPv4 address in disguise.
    Ipv6(Ipv6Addr),
    /// The public key of an onion service of version 3.
    Onion([u8; 32]),
    /// The hash of an I2P destination.
    I2p([u8; 32]),
    /// CJDNS.
    Cjdns(Ipv6Addr),
}

/// The null address: what version messages carry for an address that is nobody's business.
const UNSPECIFIED: NetAddr = NetAddr::Ipv6(Ipv6Addr::UNSPECIFIED);

impl From<IpAddr> for NetAddr {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Self::Ipv4(ip),
            IpAddr::V6(ip) => ip.to_ipv4_mapped().map_or(Self::Ipv6(ip), Self::Ipv4),
        }
    }
}

impl NetAddr {
    /// The address as an IP address, if it is one.
    pub const fn ip(&self) -> Option<IpAddr> {
        match *self {
            Self::Ipv4(ip) => Some(IpAddr::V4(ip)),
            Self::Ipv6(ip) | Self::Cjdns(ip) => Some(IpAddr::V6(ip)),
            Self::Onion(_) | Self::I2p(_) => None,
        }
    }

    /// This machine.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Ipv4(ip) => ip.octets()[0] == 127 || ip.octets()[0] == 0,
            Self::Ipv6(ip) => ip.is_loopback(),
            _ => false,
        }
    }

    /// Whether it can be an address at all.
    pub fn is_valid(&self) -> bool {
        match self {
            // 0.0.0.0 is "any", 255.255.255.255 is "none"; 2001:db8::/32 is for documentation (RFC 3849).
            Self::Ipv4(ip) => !ip.is_unspecified() && !ip.is_broadcast(),
            Self::Ipv6(ip) => !ip.is_unspecified() && ip.segments()[..2] != [0x2001, 0x0db8],
            Self::Cjdns(ip) => ip.octets()[0] == 0xfc,
            Self::Onion(_) | Self::I2p(_) => true,
        }
    }

    /// Whether it is reachable for everybody.
    pub fn is_routable(&self) -> bool {
        self.is_valid()
            && !self.is_local()
            && match self {
                Self::Ipv4(ip) => is_routable_v4(*ip),
                Self::Ipv6(ip) => is_routable_v6(*ip),
                _ => true,
            }
    }

    /// The network it belongs to.
    pub fn network(&self) -> NetworkKind {
        if !self.is_routable() {
            return NetworkKind::Unroutable;
        }
        match self {
            Self::Ipv4(_) => NetworkKind::Ipv4,
            Self::Ipv6(_) => NetworkKind::Ipv6,
            Self::Onion(_) => NetworkKind::Onion,
            Self::I2p(_) => NetworkKind::I2p,
            Self::Cjdns(_) => NetworkKind::Cjdns,
        }
    }

    /// As [`NetAddr::network`], with tunnelled IPv4 addresses counted as IPv4 (Core's `GetNetClass`).
    fn class(&self) -> NetworkKind {
        if self.is_routable() && self.linked_ipv4().is_some() { NetworkKind::Ipv4 } else { self.network() }
    }

    /// The IPv4 address that this one is or tunnels (RFC 6052, 6145, 3964 and 4380).
    fn linked_ipv4(&self) -> Option<Ipv4Addr> {
        match self {
            Self::Ipv4(ip) => Some(*ip),
            Self::Ipv6(ip) => {
                let o = ip.octets();
                let low = || Ipv4Addr::new(o[12], o[13], o[14], o[15]);
                match ip.segments() {
                    [0x0064, 0xff9b, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => Some(low()),
                    [0x2002, ..] => Some(Ipv4Addr::new(o[2], o[3], o[4], o[5])),
                    [0x2001, 0, ..] => Some(Ipv4Addr::new(!o[12], !o[13], !o[14], !o[15])),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The network group: whoever controls one address of it can easily have more. No two outbound connections go to
    /// the same group, and the address book limits what one group can fill (Core's `NetGroupManager::GetGroup`).
    pub fn group(&self) -> Vec<u8> {
        let mut group = vec![self.class().class()];
        if self.is_local() || !self.is_routable() {
            return group;
        }
        if let Some(ip) = self.linked_ipv4() {
            group.extend(&ip.octets()[..2]);
            return group;
        }
        let (bytes, bits) = match self {
            Self::Ipv4(ip) => (ip.octets().to_vec(), 16),
            // he.net gives everybody a /48: its groups are smaller.
            Self::Ipv6(ip) if ip.segments()[..2] == [0x2001, 0x0470] => (ip.octets().to_vec(), 36),
            Self::Ipv6(ip) => (ip.octets().to_vec(), 32),
            Self::Cjdns(ip) => (ip.octets().to_vec(), 12),
            Self::Onion(key) | Self::I2p(key) => (key.to_vec(), 4),
        };
        let whole = bits / 8;
        group.extend(&bytes[..whole]);
        if bits % 8 > 0 {
            group.push(bytes[whole] | ((1 << (8 - bits % 8)) - 1));
        }
        group
    }

    /// The bytes of the address, in 16 for IP (Core's `GetAddrBytes`).
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Ipv4(ip) => ip.to_ipv6_mapped().octets().to_vec(),
            Self::Ipv6(ip) | Self::Cjdns(ip) => ip.octets().to_vec(),
            Self::Onion(key) | Self::I2p(key) => key.to_vec(),
        }
    }

    /// Whether the `addr` message of before BIP155 can carry it.
    pub const fn is_v1_compatible(&self) -> bool {
        matches!(self, Self::Ipv4(_) | Self::Ipv6(_))
    }
}

fn is_routable_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let private = a == 10 || (a == 192 && b == 168) || (a == 172 && (16..=31).contains(&b)); // RFC 1918
    let benchmark = a == 198 && (b == 18 || b == 19); // RFC 2544
    let link_local = a == 169 && b == 254; // RFC 3927
    let shared = a == 100 && (64..=127).contains(&b); // RFC 6598
    let documentation = matches!((a, b, c), (192, 0, 2) | (198, 51, 100) | (203, 0, 113)); // RFC 5737
    !(private || benchmark || link_local || shared || documentation)
}

fn is_routable_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    let link_local = segments[..4] == [0xfe80, 0, 0, 0]; // RFC 4862
    let unique_local = segments[0] & 0xfe00 == 0xfc00; // RFC 4193
    let orchid = segments[0] == 0x2001 && matches!(segments[1] & 0xfff0, 0x0010 | 0x0020); // RFC 4843, 7343
    !(link_local || unique_local || orchid)
}

/// Where a peer listens: address and port (Core's `CService`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerAddress {
    /// The address.
    pub addr: NetAddr,
    /// The port; 0 for networks without ports.
    pub port: u16,
}

impl PeerAddress {
    /// The null address.
    pub const NONE: Self = Self { addr: UNSPECIFIED, port: 0 };

    /// An address with its port.
    pub const fn new(addr: NetAddr, port: u16) -> Self {
        Self { addr, port }
    }

    /// The address as a socket address, if it is an IP address.
    pub fn socket(&self) -> Option<SocketAddr> {
        self.addr.ip().map(|ip| SocketAddr::new(ip, self.port))
    }

    /// Whether it can be an address at all.
    pub fn is_valid(&self) -> bool {
        self.addr.is_valid()
    }

    /// What identifies it in hashes and in filters (Core's `GetKey`).
    pub(crate) fn key(&self) -> Vec<u8> {
        let mut key = self.addr.bytes();
        key.extend(self.port.to_be_bytes());
        key
    }
}

impl From<SocketAddr> for PeerAddress {
    fn from(socket: SocketAddr) -> Self {
        Self::new(socket.ip().into(), socket.port())
    }
}

/// An address as peers gossip it (Core's `CAddress`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressEntry {
    /// Where.
    pub address: PeerAddress,
    /// Services it is said to offer.
    pub services: ServiceFlags,
    /// When it was last seen, seconds since the epoch.
    pub time: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> NetAddr {
        text.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn reserved_ranges_are_not_routable() {
        for text in
            ["10.1.2.3", "192.168.1.1", "172.31.0.1", "169.254.1.1", "127.0.0.1", "0.1.2.3", "203.0.113.9", "::1"]
        {
            assert!(!ip(text).is_routable(), "{text}");
        }
        for text in ["fe80::1", "fd00::1", "2001:db8::1", "2001:10::1", "2001:20::1", "100.64.0.1", "198.18.0.1"] {
            assert!(!ip(text).is_routable(), "{text}");
        }
        for text in ["8.8.8.8", "172.32.0.1", "2a00:1450::1", "2001:470::1"] {
            assert!(ip(text).is_routable(), "{text}");
        }
    }

    // Core, src/test/netbase_tests.cpp, netbase_getgroup.
    #[test]
    fn groups_are_those_of_core() {
        assert_eq!(ip("127.0.0.1").group(), [0]);
        assert_eq!(ip("10.0.0.1").group(), [0]);
        assert_eq!(ip("1.2.3.4").group(), [1, 1, 2]);
        assert_eq!(ip("::ffff:0:102:304").group(), [1, 1, 2]);
        assert_eq!(ip("64:ff9b::102:304").group(), [1, 1, 2]);
        assert_eq!(ip("2002:102:304:9999:9999:9999:9999:9999").group(), [1, 1, 2]);
        assert_eq!(ip("2001:0:9999:9999:9999:9999:fefd:fcfb").group(), [1, 1, 2]);
        assert_eq!(ip("2001:470:abcd:9999:9999:9999:9999:9999").group(), [2, 32, 1, 4, 112, 175]);
        assert_eq!(ip("2001:2001:9999:9999:9999:9999:9999:9999").group(), [2, 32, 1, 32, 1]);
        assert_eq!(NetAddr::Onion([0xef; 32]).group(), [3, 239]);
    }
}
