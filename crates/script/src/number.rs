//! Numbers in scripts: little-endian with the sign in the highest bit, and as short as they can be.

use crate::ScriptError;

/// How long an operand may be.
pub(crate) const MAX_OPERAND: usize = 4;
/// How long a lock time may be: long enough for 2106.
pub(crate) const MAX_LOCK_TIME: usize = 5;

/// Reads a number of at most `max_len` (≤ 5) bytes; with `minimal` it must be written in the shortest way.
pub(crate) fn decode(bytes: &[u8], minimal: bool, max_len: usize) -> Result<i64, ScriptError> {
    debug_assert!(max_len <= 5);
    let Some((last, rest)) = bytes.split_last() else { return Ok(0) };
    if bytes.len() > max_len {
        return Err(ScriptError::ScriptNum);
    }
    // The last byte may hold nothing but the sign only if the bit before it is taken.
    if minimal && last & 0x7f == 0 && rest.last().is_none_or(|byte| byte & 0x80 == 0) {
        return Err(ScriptError::ScriptNum);
    }
    let magnitude = rest.iter().rev().fold(i64::from(last & 0x7f), |number, byte| number << 8 | i64::from(*byte));
    Ok(if last & 0x80 == 0 { magnitude } else { -magnitude })
}

/// Writes a number in the shortest way: the bytes and how many of them count.
pub(crate) fn encode(number: i64) -> ([u8; 9], usize) {
    let mut bytes = [0; 9];
    bytes[..8].copy_from_slice(&number.unsigned_abs().to_le_bytes());
    // Zero is empty; otherwise there must be a bit left for the sign.
    let bits = (u64::BITS - number.unsigned_abs().leading_zeros()) as usize;
    let len = if bits == 0 { 0 } else { bits / 8 + 1 };
    if number < 0 {
        bytes[len - 1] |= 0x80;
    }
    (bytes, len)
}

/// Whether an item is true: anything but zero and negative zero of any length.
pub(crate) fn is_true(bytes: &[u8]) -> bool {
    match bytes.split_last() {
        Some((last, rest)) => last & 0x7f != 0 || rest.iter().any(|byte| *byte != 0),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(number: i64) -> Vec<u8> {
        let (bytes, len) = encode(number);
        bytes[..len].to_vec()
    }

    #[test]
    fn numbers_at_the_edges_have_the_bytes_of_core() {
        let cases: [(i64, &[u8]); 10] = [
            (0, &[]),
            (1, &[1]),
            (-1, &[0x81]),
            (127, &[0x7f]),
            (128, &[0x80, 0]),
            (-255, &[0xff, 0x80]),
            (255, &[0xff, 0]),
            (256, &[0, 1]),
            (-2_147_483_647, &[0xff, 0xff, 0xff, 0xff]),
            (4_294_967_294, &[0xfe, 0xff, 0xff, 0xff, 0]),
        ];
        for (number, bytes) in cases {
            assert_eq!(encoded(number), bytes, "{number}");
            assert_eq!(decode(bytes, true, 5), Ok(number));
        }
    }

    #[test]
    fn longer_ways_to_write_a_number_are_refused_when_minimal() {
        for bytes in [&[0u8][..], &[0x80], &[1, 0], &[1, 0x80], &[0x7f, 0], &[0, 0, 0x80]] {
            assert_eq!(decode(bytes, true, 4), Err(ScriptError::ScriptNum), "{bytes:?}");
            assert!(decode(bytes, false, 4).is_ok());
        }
        assert_eq!(decode(&[1, 2, 3, 4, 5], false, 4), Err(ScriptError::ScriptNum));
    }

    #[test]
    fn zero_is_false_with_any_sign_and_length() {
        for bytes in [&[][..], &[0], &[0x80], &[0, 0], &[0, 0x80]] {
            assert!(!is_true(bytes), "{bytes:?}");
        }
        for bytes in [&[1][..], &[0x81], &[0x80, 0], &[0, 1], &[0x80, 0x80]] {
            assert!(is_true(bytes), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(number in -0x7f_ffff_ffffi64..=0x7f_ffff_ffff) {
            prop_assert_eq!(decode(&encoded(number), true, 5), Ok(number));
        }

        #[test]
        fn what_reads_minimal_is_written_the_same(bytes in prop::collection::vec(any::<u8>(), 0..=5)) {
            if let Ok(number) = decode(&bytes, true, 5) {
                prop_assert_eq!(encoded(number), bytes);
            }
        }

        #[test]
        fn only_the_number_zero_is_false(bytes in prop::collection::vec(any::<u8>(), 0..=5)) {
            prop_assert_eq!(is_true(&bytes), decode(&bytes, false, 5) != Ok(0));
        }

        #[test]
        fn every_number_is_written_with_its_sign(number in any::<i64>()) {
            let bytes = encoded(number);
            prop_assert_eq!(bytes.last().is_some_and(|last| last & 0x80 != 0), number < 0);
        }
    }
}
