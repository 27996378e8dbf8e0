//! The few lines of STUN (RFC 8489) that the driver needs itself: to ask a server how a NAT shows us, and to see in
//! passing which candidate a connectivity check of the engine proved.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const MAGIC: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
const HEADER: usize = 20;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const ERROR_CODE: u16 = 0x0009;

/// What pairs a response with its request: 96 bits.
pub(crate) type TransactionId = [u8; 12];

/// A STUN message of the method Binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binding {
    /// A question.
    Request(TransactionId),
    /// An answer, with the address that the asked one saw.
    Success(TransactionId, Option<SocketAddr>),
}

/// A binding request without attributes.
pub(crate) fn binding_request(id: TransactionId) -> [u8; HEADER] {
    let mut request = [0; HEADER];
    request[1] = 1;
    request[4..8].copy_from_slice(&MAGIC);
    request[8..].copy_from_slice(&id);
    request
}

/// Whether a datagram belongs to STUN and not to DTLS (RFC 7983 §7).
pub(crate) fn is_stun(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| *first < 4)
}

/// Reads a binding request or success response; `None` for anything else.
pub(crate) fn read(datagram: &[u8]) -> Option<Binding> {
    let (header, attributes) = datagram.split_first_chunk::<HEADER>()?;
    if header[4..8] != MAGIC {
        return None;
    }
    let id: TransactionId = header[8..].try_into().ok()?;
    match [header[0], header[1]] {
        [0, 1] => Some(Binding::Request(id)),
        [1, 1] => Some(Binding::Success(id, mapped_address(attributes, &id))),
        _ => None,
    }
}

/// Whether this answers a request for a relay (RFC 8656 §7) with the error 401, Unauthenticated.
pub(crate) fn is_allocate_unauthenticated(datagram: &[u8]) -> bool {
    let Some((header, attributes)) = datagram.split_first_chunk::<HEADER>() else { return false };
    header[..2] == [1, 0x13] && attribute(attributes, ERROR_CODE).is_some_and(|value| value.get(2..4) == Some(&[4, 1]))
}

/// Finds the attribute XOR-MAPPED-ADDRESS (RFC 8489 §14.2).
fn mapped_address(attributes: &[u8], id: &TransactionId) -> Option<SocketAddr> {
    unmask(attribute(attributes, XOR_MAPPED_ADDRESS)?, id)
}

/// Finds the first attribute of a type.
fn attribute(mut attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let (head, rest) = attributes.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        if u16::from_be_bytes([head[0], head[1]]) == wanted {
            return rest.get(..length);
        }
        attributes = rest.get(length.next_multiple_of(4)..)?;
    }
}

/// Undoes the XOR with the magic cookie and the transaction id.
fn unmask(value: &[u8], id: &TransactionId) -> Option<SocketAddr> {
    let mut mask = [0; 16];
    mask[..4].copy_from_slice(&MAGIC);
    mask[4..].copy_from_slice(id);
    let (head, address) = value.split_first_chunk::<4>()?;
    let port = u16::from_be_bytes([head[2] ^ MAGIC[0], head[3] ^ MAGIC[1]]);
    let mut octets = [0; 16];
    for (octet, (byte, mask)) in octets.iter_mut().zip(address.iter().zip(mask)) {
        *octet = byte ^ mask;
    }
    let ip = match (head[1], address.len()) {
        (1, 4) => IpAddr::V4(Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3])),
        (2, 16) => IpAddr::V6(Ipv6Addr::from(octets)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sample responses of RFC 5769 §2.2 and §2.3, cut to the header and the address.
    const ID: TransactionId = [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];

    fn response(attributes: &[u8]) -> Vec<u8> {
        let mut response = binding_request(ID).to_vec();
        response[0] = 1;
        response[3] = attributes.len() as u8;
        response.extend_from_slice(attributes);
        response
    }

    #[test]
    fn the_sample_responses_of_rfc_5769_are_read() {
        let software = b"\x80\x22\x00\x0btest vector ";
        let v4 = [software.as_slice(), b"\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43"].concat();
        let expected = "192.0.2.1:32853".parse().ok();
        assert_eq!(read(&response(&v4)), Some(Binding::Success(ID, expected)));

        let v6 = b"\x00\x20\x00\x14\x00\x02\xa1\x47\x01\x13\xa9\xfa\xa5\xd3\xf1\x79\xbc\x25\xf4\xb5\xbe\xd2\xb9\xd9";
        let expected = "[2001:db8:1234:5678:11:2233:4455:6677]:32853".parse().ok();
        assert_eq!(read(&response(v6)), Some(Binding::Success(ID, expected)));
    }

    #[test]
    fn cut_and_foreign_datagrams_are_not_read() {
        let whole = response(b"\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43");
        for length in 0..HEADER {
            assert_eq!(read(&whole[..length]), None);
        }
        for length in HEADER..whole.len() {
            assert_eq!(read(&whole[..length]), Some(Binding::Success(ID, None)), "{length}");
        }
        assert_eq!(read(&[22; 40]), None);
        assert!(!is_stun(&[22; 40]) && is_stun(&whole) && !is_stun(&[]));
    }
}
