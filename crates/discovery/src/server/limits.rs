//! How much one source and one DID may ask, and whom a proxy speaks for.

use axum::http::HeaderMap;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Most sources, and most DIDs, that are told apart; past that the newcomers share one allowance.
const MAX_KEYS: usize = 65_536;
/// The longest `X-Forwarded-For`, in addresses.
const MAX_HOPS: usize = 16;

/// Requests in a minute; 0 is no limit. An unused allowance adds up to a minute's worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Reads of one source: an IPv4 address, or an IPv6 network of 64 bits.
    pub reads: u32,
    /// Writes of one source.
    pub writes: u32,
    /// Writes of one DID.
    pub writes_per_did: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { reads: 600, writes: 60, writes_per_did: 12 }
    }
}

/// Addresses with a common beginning: `10.0.0.0/8`, `fd00::/8`, `127.0.0.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Whether the address is in it. An IPv4 address in IPv6's clothes counts as IPv4.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.address, ip.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(ip)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                ours.to_bits() & mask == ip.to_bits() & mask
            }
            (IpAddr::V6(ours), IpAddr::V6(ip)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                ours.to_bits() & mask == ip.to_bits() & mask
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no network such as 10.0.0.0/8");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.parse().map_err(|_| wrong()))?;
        if bits > most { Err(wrong()) } else { Ok(Self { address, bits }) }
    }
}

/// Who asks: the peer, or, behind proxies that we trust, the last address that none of them is.
pub(super) fn source(peer: IpAddr, headers: &HeaderMap, proxies: &[Network]) -> IpAddr {
    let trusted = |ip: IpAddr| proxies.iter().any(|network| network.contains(ip));
    let mut source = peer.to_canonical();
    let hops = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = hops.flat_map(|value| value.split(',')).map(str::trim).collect();
    for hop in hops.iter().rev().take(MAX_HOPS) {
        if !trusted(source) {
            break;
        }
        let Ok(ip) = hop.parse::<IpAddr>() else { break };
        source = ip.to_canonical();
    }
    source
}

/// A source as it is counted: whoever has one IPv6 address has the whole network.
fn counted(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64))),
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    Read,
    Write,
}

pub(super) struct Limiter {
    reads: Buckets<IpAddr>,
    writes: Buckets<IpAddr>,
    dids: Buckets<[u8; 32]>,
}

impl Limiter {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            reads: Buckets::new(limits.reads, IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            writes: Buckets::new(limits.writes, IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            dids: Buckets::new(limits.writes_per_did, [0; 32]),
        }
    }

    /// Takes one request from a source's allowance; otherwise after how many seconds to try again.
    pub(super) fn source(&self, ip: IpAddr, ask: Ask) -> Result<(), u64> {
        let buckets = if ask == Ask::Read { &self.reads } else { &self.writes };
        buckets.take(counted(ip), Instant::now())
    }

    /// Takes one write from a DID's allowance.
    pub(super) fn did(&self, did: &[u8; 32]) -> Result<(), u64> {
        self.dids.take(*did, Instant::now())
    }
}

struct Bucket {
    left: f64,
    at: Instant,
}

struct Buckets<K> {
    per_minute: u32,
    /// Whose bucket those share who came when there was no room.
    crowd: K,
    buckets: Mutex<HashMap<K, Bucket>>,
}

impl<K: Eq + Hash + Copy> Buckets<K> {
    fn new(per_minute: u32, crowd: K) -> Self {
        Self { per_minute, crowd, buckets: Mutex::default() }
    }

    fn take(&self, key: K, now: Instant) -> Result<(), u64> {
        if self.per_minute == 0 {
            return Ok(());
        }
        let full = f64::from(self.per_minute);
        let rate = full / 60.0;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let refilled = |bucket: &Bucket| (bucket.left + now.duration_since(bucket.at).as_secs_f64() * rate).min(full);
        let mut key = key;
        if buckets.len() >= MAX_KEYS && !buckets.contains_key(&key) {
            // Who has a full bucket is as good as new.
            buckets.retain(|_, bucket| refilled(bucket) < full);
            if buckets.len() >= MAX_KEYS {
                key = self.crowd;
            }
        }
        let bucket = buckets.entry(key).or_insert(Bucket { left: full, at: now });
        bucket.left = refilled(bucket);
        bucket.at = now;
        if bucket.left < 1.0 {
            // Never more than a minute for one request.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 60")]
            return Err(((1.0 - bucket.left) / rate).ceil().clamp(1.0, 60.0) as u64);
        }
        bucket.left -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn headers(forwarded: &[&str]) -> HeaderMap {
        forwarded.iter().map(|value| ("x-forwarded-for".parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_a_trusted_proxy_says_for_whom_it_asks() {
        let proxies = [Network::from_str("10.0.0.0/8").unwrap(), Network::from_str("::1").unwrap()];
        let source =
            |peer: &str, forwarded: &[&str]| source(peer.parse().unwrap(), &headers(forwarded), &proxies).to_string();
        assert_eq!(source("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(source("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        // What the client itself wrote comes first, and counts for nothing.
        assert_eq!(source("10.0.0.1", &["192.0.2.66, 198.51.100.1, 10.0.0.2"]), "198.51.100.1");
        assert_eq!(source("10.0.0.1", &["192.0.2.66", "198.51.100.1"]), "198.51.100.1");
        assert_eq!(source("10.0.0.1", &["nonsense"]), "10.0.0.1");
        assert_eq!(source("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(source("::ffff:10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
    }

    #[test]
    fn a_network_has_a_beginning() {
        let network = |text: &str| Network::from_str(text);
        assert!(network("0.0.0.0/0").unwrap().contains("203.0.113.9".parse().unwrap()));
        assert!(!network("0.0.0.0/0").unwrap().contains("2001:db8::1".parse().unwrap()));
        assert!(network("2001:db8::/32").unwrap().contains("2001:db8:1::1".parse().unwrap()));
        assert!(!network("192.0.2.1").unwrap().contains("192.0.2.2".parse().unwrap()));
        for wrong in ["", "10.0.0.0/33", "x/8", "10.0.0.0/-1"] {
            assert!(network(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_allowance_comes_back_with_time_and_each_has_their_own() {
        let buckets = Buckets::new(60, 0);
        let start = Instant::now();
        assert!((0..60).all(|_| buckets.take(1, start).is_ok()));
        assert_eq!(buckets.take(1, start), Err(1));
        assert_eq!(buckets.take(2, start), Ok(()));
        assert_eq!(buckets.take(1, start + Duration::from_secs(2)), Ok(()));
        let unlimited = Buckets::new(0, 0);
        assert!((0..1_000).all(|_| unlimited.take(1, start).is_ok()));
    }

    #[test]
    fn the_table_is_bounded_and_the_crowd_shares() {
        let buckets = Buckets::new(2, usize::MAX);
        let now = Instant::now();
        for key in 0..MAX_KEYS {
            buckets.take(key, now).unwrap();
        }
        assert_eq!([MAX_KEYS + 1, MAX_KEYS + 2].map(|key| buckets.take(key, now)), [Ok(()); 2]);
        assert!(buckets.take(MAX_KEYS + 3, now).is_err());
        assert!(buckets.buckets.lock().unwrap().len() <= MAX_KEYS + 1);
    }

    #[test]
    fn an_ipv6_network_is_one_source() {
        let [one, same, other] =
            ["2001:db8::1", "2001:db8::ffff", "2001:db8:0:1::1"].map(|ip| counted(ip.parse().unwrap()));
        assert_eq!(one, same);
        assert_ne!(one, other);
    }
}
