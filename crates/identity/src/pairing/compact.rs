//! A message in few bytes, for a mailbox slot.
//!
//! A record in the DHT is small, and a profile repeats its DID some twenty times: raw DEFLATE (RFC 1951) makes 1.4 kB of a
//! message of 3.8 kB.

use super::{MAX_MESSAGE, PairingError};
use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;

/// zlib's highest level: a few milliseconds, once.
const LEVEL: u8 = 9;

/// Compresses a message.
#[must_use]
pub fn compact(message: &[u8]) -> Vec<u8> {
    compress_to_vec(message, LEVEL)
}

/// Reads what [`compact`] wrote. Never makes more than [`MAX_MESSAGE`] bytes, whatever the input.
///
/// # Errors
/// [`PairingError::Malformed`] when it is not DEFLATE, or holds more than a message may.
pub fn expand(bytes: &[u8]) -> Result<Vec<u8>, PairingError> {
    decompress_to_vec_with_limit(bytes, MAX_MESSAGE).map_err(|_| PairingError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back_and_a_bomb_does_not() {
        let message = br#"{"type":"pairing/1/commit"}"#.repeat(100);
        assert!(compact(&message).len() < 200);
        assert_eq!(expand(&compact(&message)), Ok(message));
        assert_eq!(expand(&compact(&vec![0; MAX_MESSAGE])), Ok(vec![0; MAX_MESSAGE]));
        assert_eq!(expand(&compact(&vec![0; MAX_MESSAGE + 1])), Err(PairingError::Malformed));
        assert_eq!(expand(b"not deflate"), Err(PairingError::Malformed));
    }
}
