//! Addresses as people read and write them.

use super::{NetAddr, PeerAddress};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

fn base32_encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 8 / 5 + 1);
    let (mut buffer, mut bits) = (0_u32, 0);
    for byte in bytes {
        buffer = (buffer << 8 | u32::from(*byte)) & 0xfff;
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(BASE32[(buffer >> bits) as usize & 31]));
        }
    }
    if bits > 0 {
        text.push(char::from(BASE32[(buffer << (5 - bits)) as usize & 31]));
    }
    text
}

fn base32_decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 5 / 8);
    let (mut buffer, mut bits) = (0_u32, 0);
    for character in text.bytes() {
        let value = BASE32.iter().position(|known| *known == character.to_ascii_lowercase())?;
        buffer = (buffer << 5 | value as u32) & 0xfff;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((buffer >> bits) as u8);
        }
    }
    Some(bytes)
}

/// Version byte of onion services that live (rend-spec-v3).
const ONION_VERSION: u8 = 3;

/// Two bytes of SHA3-256(".onion checksum" || key || version), rend-spec-v3 §6.
fn onion_checksum(key: &[u8; 32]) -> [u8; 2] {
    let mut input = b".onion checksum".to_vec();
    input.extend(key);
    input.push(ONION_VERSION);
    let digest = sha3_256(&input);
    [digest[0], digest[1]]
}

/// SHA3-256 (FIPS 202) of at most one block of 135 bytes: all that an onion address needs.
fn sha3_256(input: &[u8]) -> [u8; 32] {
    const RATE: usize = 136;
    debug_assert!(input.len() < RATE);
    let mut block = [0_u8; RATE];
    block[..input.len()].copy_from_slice(input);
    block[input.len()] ^= 0x06;
    block[RATE - 1] ^= 0x80;
    let mut state = [0_u64; 25];
    for (lane, bytes) in state.iter_mut().zip(block.as_chunks::<8>().0) {
        *lane = u64::from_le_bytes(*bytes);
    }
    keccak(&mut state);
    let mut digest = [0; 32];
    for (bytes, lane) in digest.as_chunks_mut::<8>().0.iter_mut().zip(state) {
        *bytes = lane.to_le_bytes();
    }
    digest
}

/// `Keccak-f[1600]`.
fn keccak(a: &mut [u64; 25]) {
    const ROTATIONS: [u32; 24] =
        [1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44];
    const LANES: [usize; 24] = [10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1];
    let mut lfsr = 1_u8;
    for _ in 0..24 {
        let columns: [u64; 5] = std::array::from_fn(|x| a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20]);
        for x in 0..5 {
            let parity = columns[(x + 4) % 5] ^ columns[(x + 1) % 5].rotate_left(1);
            (0..25).step_by(5).for_each(|y| a[x + y] ^= parity);
        }
        let mut moved = a[1];
        for (lane, rotation) in LANES.into_iter().zip(ROTATIONS) {
            moved = std::mem::replace(&mut a[lane], moved.rotate_left(rotation));
        }
        for row in a.as_chunks_mut::<5>().0 {
            let old = *row;
            (0..5).for_each(|x| row[x] = old[x] ^ (!old[(x + 1) % 5] & old[(x + 2) % 5]));
        }
        // The round constant comes from a linear feedback register, one bit for each power of two below 64.
        for bit in [0_u32, 1, 3, 7, 15, 31, 63] {
            if lfsr & 1 == 1 {
                a[0] ^= 1 << bit;
            }
            lfsr = (lfsr << 1) ^ if lfsr & 0x80 == 0 { 0 } else { 0x71 };
        }
    }
}

impl fmt::Display for NetAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ipv4(ip) => write!(f, "{ip}"),
            Self::Ipv6(ip) | Self::Cjdns(ip) => write!(f, "{ip}"),
            Self::Onion(key) => {
                let mut bytes = key.to_vec();
                bytes.extend(onion_checksum(key));
                bytes.push(ONION_VERSION);
                write!(f, "{}.onion", base32_encode(&bytes))
            }
            Self::I2p(hash) => write!(f, "{}.b32.i2p", base32_encode(hash)),
        }
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.addr {
            NetAddr::Ipv6(_) | NetAddr::Cjdns(_) => write!(f, "[{}]:{}", self.addr, self.port),
            _ => write!(f, "{}:{}", self.addr, self.port),
        }
    }
}

/// The text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an address: {0}")]
pub struct ParseAddressError(String);

impl FromStr for NetAddr {
    type Err = ParseAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseAddressError(text.chars().take(80).collect());
        if let Some(name) = text.strip_suffix(".onion") {
            let bytes = base32_decode(name).filter(|bytes| name.len() == 56 && bytes.len() == 35).ok_or_else(error)?;
            let key: [u8; 32] = bytes[..32].try_into().expect("35 bytes have a prefix of 32");
            let right = bytes[34] == ONION_VERSION && bytes[32..34] == onion_checksum(&key);
            return right.then_some(Self::Onion(key)).ok_or_else(error);
        }
        if let Some(name) = text.strip_suffix(".b32.i2p") {
            let bytes = base32_decode(name).filter(|_| name.len() == 52).ok_or_else(error)?;
            return bytes.try_into().map(Self::I2p).map_err(|_| error());
        }
        let plain = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        plain.parse::<IpAddr>().map(Self::from).map_err(|_| error())
    }
}

impl PeerAddress {
    /// Reads `host`, `host:port`, `[v6]` or `[v6]:port`; names that need DNS are refused.
    ///
    /// # Errors
    ///
    /// When it is none of these.
    pub fn parse(text: &str, default_port: u16) -> Result<Self, ParseAddressError> {
        let error = || ParseAddressError(text.chars().take(80).collect());
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (host, port.parse().map_err(|_| error())?)
            }
            _ => (text, default_port),
        };
        Ok(Self::new(host.parse().map_err(|_| error())?, port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Onion address of Core's functional tests (p2p_addrv2_relay.py); NIST's test vector for the empty message.
    #[test]
    fn onion_addresses_keep_their_checksum() {
        let text = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion";
        let address: NetAddr = text.parse().unwrap();
        assert_eq!(address.to_string(), text);
        assert!("qg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion".parse::<NetAddr>().is_err());
        assert_eq!(sha3_256(b"")[..8], [0xa7, 0xff, 0xc6, 0xf8, 0xbf, 0x1e, 0xd7, 0x66]);
    }

    #[test]
    fn ports_and_brackets_are_read() {
        let parse = |text: &str| PeerAddress::parse(text, 18444).map(|address| address.to_string());
        assert_eq!(parse("1.2.3.4").unwrap(), "1.2.3.4:18444");
        assert_eq!(parse("1.2.3.4:5").unwrap(), "1.2.3.4:5");
        assert_eq!(parse("[2001:470::1]:5").unwrap(), "[2001:470::1]:5");
        assert_eq!(parse("2001:470::1").unwrap(), "[2001:470::1]:18444");
        assert_eq!(
            parse("c4gfnttsuwqomiygupdqqqyy5y5emnk5c73hrfvatri67prd7vyq.b32.i2p:0").unwrap(),
            "c4gfnttsuwqomiygupdqqqyy5y5emnk5c73hrfvatri67prd7vyq.b32.i2p:0"
        );
        for bad in ["", "example.org", "1.2.3.4:99999", "a.onion", "[::1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
