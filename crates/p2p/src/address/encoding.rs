//! Addresses on the wire: the `addr` form and that of BIP155 (`addrv2`).

use super::{AddressEntry, NetAddr, PeerAddress};
use crate::wire::{DecodeError, Reader, Writer};
use bitcoin::p2p::ServiceFlags;
use std::net::Ipv6Addr;

/// Longest address that BIP155 allows, in bytes.
const MAX_ADDRV2_SIZE: u64 = 512;
/// Prefix under which old software hid onion addresses in IPv6 (version 2: they no longer exist).
const TORV2_PREFIX: [u8; 6] = [0xfd, 0x87, 0xd8, 0x7e, 0xeb, 0x43];
/// Prefix of the names that Core uses internally.
const INTERNAL_PREFIX: [u8; 6] = [0xfd, 0x6b, 0x88, 0xc0, 0x87, 0x24];

/// Reads 16 bytes of address and two of port.
pub(crate) fn read_address_v1(reader: &mut Reader<'_>) -> Result<PeerAddress, DecodeError> {
    let bytes: [u8; 16] = reader.array()?;
    let port = u16::from_be_bytes(reader.array()?);
    let addr = if bytes.starts_with(&TORV2_PREFIX) || bytes.starts_with(&INTERNAL_PREFIX) {
        NetAddr::Ipv6(Ipv6Addr::UNSPECIFIED)
    } else {
        std::net::IpAddr::V6(bytes.into()).into()
    };
    Ok(PeerAddress::new(addr, port))
}

/// Writes 16 bytes of address and two of port; zeros for networks that this form cannot carry.
pub(crate) fn write_address_v1(writer: &mut Writer, address: &PeerAddress) {
    match address.addr {
        NetAddr::Ipv4(_) | NetAddr::Ipv6(_) => writer.bytes(&address.addr.bytes()),
        _ => writer.bytes(&[0; 16]),
    }
    writer.bytes(&address.port.to_be_bytes());
}

/// Reads an entry of an `addr` message.
pub(crate) fn read_entry(reader: &mut Reader<'_>) -> Result<AddressEntry, DecodeError> {
    let time = reader.u32()?;
    let services = ServiceFlags::from(reader.u64()?);
    Ok(AddressEntry { address: read_address_v1(reader)?, services, time })
}

/// Writes an entry of an `addr` message.
pub(crate) fn write_entry(writer: &mut Writer, entry: &AddressEntry) {
    writer.u32(entry.time);
    writer.u64(entry.services.to_u64());
    write_address_v1(writer, &entry.address);
}

/// Reads an entry of an `addrv2` message; an address of a network that we do not know comes out as the null address.
pub(crate) fn read_entry_v2(reader: &mut Reader<'_>) -> Result<AddressEntry, DecodeError> {
    let time = reader.u32()?;
    let services = ServiceFlags::from(reader.compact_size_unchecked()?);
    let network = reader.u8()?;
    let size = reader.compact_size()?;
    if size > MAX_ADDRV2_SIZE {
        return Err(DecodeError::AddressTooLong { size, limit: MAX_ADDRV2_SIZE });
    }
    let bytes = reader.bytes(size as usize)?;
    let port = u16::from_be_bytes(reader.array()?);
    Ok(AddressEntry { address: PeerAddress::new(address_of_network(network, bytes)?, port), services, time })
}

fn address_of_network(network: u8, bytes: &[u8]) -> Result<NetAddr, DecodeError> {
    let wrong = |name, expected| DecodeError::AddressSize { name, size: bytes.len(), expected };
    let null = NetAddr::Ipv6(Ipv6Addr::UNSPECIFIED);
    let v6 = |name| <[u8; 16]>::try_from(bytes).map(Ipv6Addr::from).map_err(|_| wrong(name, 16));
    Ok(match network {
        1 => NetAddr::Ipv4(<[u8; 4]>::try_from(bytes).map_err(|_| wrong("IPv4", 4))?.into()),
        2 => {
            let ip = v6("IPv6")?;
            // Disguises of other networks are not to be relayed in this form.
            let octets = ip.octets();
            let disguised = ip.to_ipv4_mapped().is_some() || octets.starts_with(&TORV2_PREFIX);
            if disguised || octets.starts_with(&INTERNAL_PREFIX) { null } else { NetAddr::Ipv6(ip) }
        }
        4 => NetAddr::Onion(bytes.try_into().map_err(|_| wrong("TORv3", 32))?),
        5 => NetAddr::I2p(bytes.try_into().map_err(|_| wrong("I2P", 32))?),
        6 => {
            let ip = v6("CJDNS")?;
            if ip.octets()[0] == 0xfc { NetAddr::Cjdns(ip) } else { null }
        }
        _ => null,
    })
}

/// Writes an entry of an `addrv2` message.
pub(crate) fn write_entry_v2(writer: &mut Writer, entry: &AddressEntry) {
    writer.u32(entry.time);
    writer.compact_size(entry.services.to_u64());
    let (network, bytes) = match entry.address.addr {
        NetAddr::Ipv4(ip) => (1, ip.octets().to_vec()),
        NetAddr::Ipv6(ip) => (2, ip.octets().to_vec()),
        NetAddr::Onion(key) => (4, key.to_vec()),
        NetAddr::I2p(hash) => (5, hash.to_vec()),
        NetAddr::Cjdns(ip) => (6, ip.octets().to_vec()),
    };
    writer.u8(network);
    writer.compact_size(bytes.len() as u64);
    writer.bytes(&bytes);
    writer.bytes(&entry.address.port.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_survive_both_forms() {
        for text in ["1.2.3.4", "2001:470::1", "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion"] {
            let addr: NetAddr = text.parse().unwrap();
            let entry = AddressEntry {
                address: PeerAddress::new(addr, 8333),
                services: ServiceFlags::WITNESS,
                time: 1_700_000,
            };
            let mut writer = Writer::default();
            write_entry_v2(&mut writer, &entry);
            assert_eq!(read_entry_v2(&mut Reader::new(&writer.into_bytes())), Ok(entry));
            if addr.is_v1_compatible() {
                let mut writer = Writer::default();
                write_entry(&mut writer, &entry);
                assert_eq!(read_entry(&mut Reader::new(&writer.into_bytes())), Ok(entry));
            }
        }
    }

    // The message of Core's p2p_invalid_messages.py.
    #[test]
    fn an_address_longer_than_bip155_allows_is_refused() {
        let mut bytes = hex::decode("61bc66490001fd0102").unwrap();
        bytes.extend([0xab; 513]);
        bytes.extend([0x20, 0x8d]);
        let error = read_entry_v2(&mut Reader::new(&bytes)).unwrap_err();
        assert_eq!(error.to_string(), "Address too long: 513 > 512: iostream error");
    }
}
