//! The chunks of a private share.
//!
//! What is stored, hashed, asked for and sent is ciphertext: each chunk is a segment of the file, sealed with AES-256-GCM.
//! A secret seals one file. The nonce is the number of the chunk, so it is never used twice, as long as a chunk is sent
//! only when its hash is that of the tree: a file that changed since would be sealed under the same nonce.

use crate::layout::{CHUNK, MAX_SIZE, chunks_of};
use aes_gcm::aead::AeadInOut as _;
use aes_gcm::{Aes256Gcm, KeyInit as _};
use pumasi_crypto::hash::hkdf_sha256;
use pumasi_crypto::{CryptoError, b64};
use std::fmt;
use std::str::FromStr;
use zeroize::{Zeroize as _, Zeroizing};

/// How much longer a sealed chunk is than its segment: the tag.
pub const SEAL_OVERHEAD: usize = 16;
/// Bytes of the file in each chunk but the last.
pub const SEGMENT: u32 = CHUNK - SEAL_OVERHEAD as u32;

const SALT: &[u8] = b"pumasi/content/1/seal";

/// What opens a private share: 32 random bytes that are in its link and nowhere else. As text 43 characters of base64url.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<[u8; 32]>);

impl Secret {
    /// From fresh random bytes; every share takes its own.
    #[must_use]
    pub fn from_random(mut random: [u8; 32]) -> Self {
        let secret = Self(Zeroizing::new(random));
        random.zeroize();
        secret
    }

    /// The text that a link ends with.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(b64::encode(*self.0))
    }
}

impl FromStr for Secret {
    type Err = CryptoError;

    fn from_str(text: &str) -> Result<Self, CryptoError> {
        let bytes = Zeroizing::new(b64::decode("key", text)?);
        let bytes: &[u8; 32] = bytes.as_slice().try_into().map_err(|_| CryptoError::Malformed("key"))?;
        Ok(Self(Zeroizing::new(*bytes)))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The chunk does not open with this secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("chunk {0}: does not open with the key of the link")]
pub struct UnsealError(pub u32);

/// Seals and opens the chunks of one file.
pub struct Sealer(Aes256Gcm);

impl Sealer {
    /// With the key of this secret.
    #[must_use]
    pub fn new(secret: &Secret) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        hkdf_sha256(SALT, &*secret.0, b"", &mut *key);
        Self(Aes256Gcm::new((&*key).into()))
    }

    /// Seals a segment of the file, in its place: it becomes [`SEAL_OVERHEAD`] bytes longer.
    ///
    /// # Panics
    /// When the segment is longer than [`SEGMENT`]: a bug of the caller.
    pub fn seal(&self, index: u32, segment: &mut Vec<u8>) {
        assert!(segment.len() <= SEGMENT as usize, "a segment has at most {SEGMENT} bytes");
        self.0.encrypt_in_place(&nonce(index).into(), b"", segment).expect("AES-GCM takes anything shorter than 64 GB");
    }

    /// Opens a chunk, in its place.
    ///
    /// # Errors
    /// [`UnsealError`]: another key. A chunk that was proven is what the sharer made.
    pub fn open(&self, index: u32, chunk: &mut Vec<u8>) -> Result<(), UnsealError> {
        self.0.decrypt_in_place(&nonce(index).into(), b"", chunk).map_err(|_| UnsealError(index))
    }
}

fn nonce(index: u32) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[8..].copy_from_slice(&index.to_be_bytes());
    nonce
}

/// Bytes of the sealed content of a file of so many bytes; `None` when that is more than [`MAX_SIZE`]. An empty file is
/// one chunk, too.
#[must_use]
pub fn sealed_size(plain: u64) -> Option<u64> {
    let segments = plain.div_ceil(u64::from(SEGMENT)).max(1);
    plain.checked_add(segments * SEAL_OVERHEAD as u64).filter(|size| *size <= MAX_SIZE)
}

/// Bytes of the file whose sealed content has so many; `None` when there is no such file.
#[must_use]
pub fn plain_size(sealed: u64) -> Option<u64> {
    if sealed > MAX_SIZE {
        return None;
    }
    let plain = sealed.checked_sub(u64::from(chunks_of(sealed)) * SEAL_OVERHEAD as u64)?;
    (sealed_size(plain) == Some(sealed)).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_chunk_opens_in_its_place_with_its_key_unchanged() {
        let sealer = Sealer::new(&Secret::from_random([7; 32]));
        let mut chunk = b"a segment".to_vec();
        sealer.seal(3, &mut chunk);
        let sealed = chunk.clone();
        assert_eq!(sealed.len(), 9 + SEAL_OVERHEAD);
        sealer.open(3, &mut chunk).unwrap();
        assert_eq!(chunk, b"a segment");

        assert_eq!(sealer.open(4, &mut sealed.clone()), Err(UnsealError(4)));
        assert!(Sealer::new(&Secret::from_random([8; 32])).open(3, &mut sealed.clone()).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(sealer.open(3, &mut changed).is_err(), "byte {at}");
        }
    }

    #[test]
    fn the_same_text_in_two_places_is_sealed_to_two() {
        let sealer = Sealer::new(&Secret::from_random([7; 32]));
        let mut chunks: Vec<Vec<u8>> = (0..300).map(|_| vec![0; 32]).collect();
        (0..).zip(&mut chunks).for_each(|(index, chunk)| sealer.seal(index, chunk));
        chunks.sort();
        chunks.dedup();
        assert_eq!(chunks.len(), 300);
    }

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", Secret::from_random([7; 32])), "Secret");
    }

    #[test]
    fn sizes_at_the_edges() {
        let segment = u64::from(SEGMENT);
        for (plain, sealed) in [(0, 16), (1, 17), (segment, segment + 16), (segment + 1, segment + 1 + 32)] {
            assert_eq!((sealed_size(plain), plain_size(sealed)), (Some(sealed), Some(plain)));
        }
        for none in [0, 15, u64::from(CHUNK) + 1, u64::from(CHUNK) + 16, MAX_SIZE + 1] {
            assert_eq!(plain_size(none), None, "{none}");
        }
        assert_eq!(sealed_size(MAX_SIZE), None);
        assert_eq!(sealed_size(u64::MAX), None);
    }

    proptest! {
        #[test]
        fn every_size_goes_there_and_back(plain in 0_u64..2_000_000_000) {
            prop_assert_eq!(plain_size(sealed_size(plain).unwrap()), Some(plain));
        }
    }
}
