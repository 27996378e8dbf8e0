//! Ranges of addresses, as `setban` takes them (Core's `CSubNet`).

use super::NetAddr;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A range of IP addresses, or one address of another network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subnet {
    base: NetAddr,
    /// Leading bits that must agree; the width of the address for a single one.
    prefix: u8,
}

const fn width(addr: &NetAddr) -> u8 {
    match addr {
        NetAddr::Ipv4(_) => 32,
        _ => 128,
    }
}

fn masked(addr: NetAddr, prefix: u8) -> NetAddr {
    match addr {
        NetAddr::Ipv4(ip) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            NetAddr::Ipv4(Ipv4Addr::from(u32::from(ip) & mask))
        }
        NetAddr::Ipv6(ip) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            NetAddr::Ipv6(Ipv6Addr::from(u128::from(ip) & mask))
        }
        other => other,
    }
}

impl Subnet {
    /// The range of one address.
    pub const fn single(addr: NetAddr) -> Self {
        Self { prefix: width(&addr), base: addr }
    }

    /// Whether the range holds this address.
    pub fn contains(&self, addr: &NetAddr) -> bool {
        if !addr.is_valid() && *addr != self.base {
            return false;
        }
        width(addr) == width(&self.base) && masked(*addr, self.prefix) == self.base
    }

    /// Whether it holds one address only.
    pub const fn is_single(&self) -> bool {
        self.prefix == width(&self.base)
    }
}

impl From<NetAddr> for Subnet {
    fn from(addr: NetAddr) -> Self {
        Self::single(addr)
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.base {
            NetAddr::Ipv4(_) | NetAddr::Ipv6(_) => write!(f, "{}/{}", self.base, self.prefix),
            other => write!(f, "{other}"),
        }
    }
}

/// The text is not a range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a subnet: {0}")]
pub struct ParseSubnetError(String);

impl FromStr for Subnet {
    type Err = ParseSubnetError;

    /// Reads `address`, `address/bits` or `address/netmask`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseSubnetError(text.chars().take(80).collect());
        let Some((addr, suffix)) = text.split_once('/') else {
            return text.parse().map(Self::single).map_err(|_| error());
        };
        let addr: NetAddr = addr.parse().map_err(|_| error())?;
        let prefix = match (&addr, suffix.parse::<u8>(), suffix.parse::<IpAddr>()) {
            (NetAddr::Ipv4(_) | NetAddr::Ipv6(_), Ok(bits), _) if bits <= width(&addr) => bits,
            (NetAddr::Ipv4(_), _, Ok(IpAddr::V4(mask))) => ones(u128::from(u32::from(mask)) << 96).ok_or_else(error)?,
            (NetAddr::Ipv6(_), _, Ok(IpAddr::V6(mask))) => ones(u128::from(mask)).ok_or_else(error)?,
            _ => return Err(error()),
        };
        Ok(Self { base: masked(addr, prefix), prefix })
    }
}

/// The number of ones of a mask in which no one follows a zero.
fn ones(mask: u128) -> Option<u8> {
    let ones = mask.leading_ones();
    (mask.count_ones() == ones).then_some(ones as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        text.parse().unwrap()
    }

    fn addr(text: &str) -> NetAddr {
        text.parse().unwrap()
    }

    #[test]
    fn masks_and_bits_mean_the_same() {
        assert_eq!(subnet("1.2.3.4/255.255.255.0"), subnet("1.2.3.0/24"));
        assert_eq!(subnet("1.2.3.4/24").to_string(), "1.2.3.0/24");
        assert_eq!(subnet("127.0.0.1").to_string(), "127.0.0.1/32");
        assert_eq!(subnet("1:2:3:4:5:6:7:8/ffff:ffff::").to_string(), "1:2::/32");
        assert!("1.2.3.4/255.0.255.0".parse::<Subnet>().is_err());
        assert!("1.2.3.4/33".parse::<Subnet>().is_err());
        assert!("127.0.0.0/24foo".parse::<Subnet>().is_err());
    }

    #[test]
    fn a_range_holds_its_addresses_only() {
        assert!(subnet("1.2.3.0/24").contains(&addr("1.2.3.255")));
        assert!(!subnet("1.2.3.0/24").contains(&addr("1.2.4.1")));
        assert!(subnet("0.0.0.0/0").contains(&addr("9.9.9.9")));
        assert!(!subnet("0.0.0.0/0").contains(&addr("2001:470::1")));
    }
}
