//! Core's variable-length integer of the databases: seven bits a byte, most significant first, each number in exactly
//! one form. Not the compact size of the wire.

/// Bytes that no number of 64 bits exceeds.
const MAX_LEN: usize = 10;

pub(crate) fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    let mut bytes = [0; MAX_LEN];
    let mut at = MAX_LEN - 1;
    bytes[at] = (value & 0x7f) as u8;
    while value > 0x7f {
        value = (value >> 7) - 1;
        at -= 1;
        bytes[at] = (value & 0x7f) as u8 | 0x80;
    }
    out.extend_from_slice(&bytes[at..]);
}

pub(crate) fn varint_len(mut value: u64) -> usize {
    let mut len = 1;
    while value > 0x7f {
        value = (value >> 7) - 1;
        len += 1;
    }
    len
}

/// Takes a number off the front; `None` when the bytes end early or it does not fit 64 bits.
pub(crate) fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    loop {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if value > u64::MAX >> 7 {
            return None;
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some(value);
        }
        value = value.checked_add(1)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From Core's `serialize.h`.
    #[test]
    fn numbers_have_cores_form() {
        for (value, hex) in [
            (0, "00"),
            (1, "01"),
            (127, "7f"),
            (128, "8000"),
            (255, "807f"),
            (256, "8100"),
            (16_383, "fe7f"),
            (16_384, "ff00"),
            (16_511, "ff7f"),
            (65_535, "82fe7f"),
            (1 << 32, "8efefeff00"),
            (u64::MAX, "80fefefefefefefefe7f"),
        ] {
            let mut bytes = Vec::new();
            write_varint(&mut bytes, value);
            assert_eq!(hex::encode(&bytes), hex);
            assert_eq!(varint_len(value), bytes.len());
            assert_eq!(read_varint(&mut &bytes[..]), Some(value));
        }
    }

    #[test]
    fn a_number_that_ends_early_or_is_too_large_is_refused() {
        assert_eq!(read_varint(&mut &[0x80][..]), None);
        assert_eq!(read_varint(&mut &[0xff; 11][..]), None);
        assert_eq!(read_varint(&mut &hex::decode("80fefefefefefefeff00").unwrap()[..]), None);
    }
}
