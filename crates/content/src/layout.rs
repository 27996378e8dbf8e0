//! Size, chunks, address.

use pumasi_crypto::hash::{Digest, sha256};
use pumasi_crypto::{CryptoError, b64};
use std::fmt;
use std::str::FromStr;

/// Bytes of each chunk but the last: 256 KiB.
pub const CHUNK: u32 = 256 * 1024;
/// Chunks of the largest file.
pub const MAX_CHUNKS: u32 = 1 << 20;
/// Bytes of the largest file: 256 GiB.
pub const MAX_SIZE: u64 = CHUNK as u64 * MAX_CHUNKS as u64;

const ADDRESS: &[u8] = b"pumasi/content/1";
const PROVIDERS: &[u8] = b"pumasi/content/1/providers";

/// The address of a content: a hash over its size and the root of its tree. As text 43 characters of base64url.
///
/// Who knows it can ask for the content, so it is told to nobody who does not have it already; the DHT sees
/// [`providers_key`](Self::providers_key).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentId(pub [u8; 32]);

impl ContentId {
    /// The address of so many bytes with this root.
    #[must_use]
    pub fn new(size: u64, root: &Digest) -> Self {
        Self(sha256(&[ADDRESS, &size.to_be_bytes(), &root.0]).0)
    }

    /// Where its providers are listed in the DHT (the id of `SetKey::provider`). The address does not follow from it.
    #[must_use]
    pub fn providers_key(&self) -> [u8; 32] {
        sha256(&[PROVIDERS, &self.0]).0
    }
}

impl fmt::Display for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&b64::encode(self.0))
    }
}

impl fmt::Debug for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ContentId {
    type Err = CryptoError;

    fn from_str(text: &str) -> Result<Self, CryptoError> {
        let bytes = b64::decode("content address", text)?;
        bytes.try_into().map(Self).map_err(|_| CryptoError::Malformed("content address"))
    }
}

/// Larger than [`MAX_SIZE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("size: {0} bytes; the limit is {MAX_SIZE} (256 GiB)")]
pub struct SizeError(pub u64);

/// What can be fetched: an address, and the number of bytes that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Content {
    id: ContentId,
    size: u64,
}

impl Content {
    /// Takes an address and a size, which may not fit each other: then no chunk will ever prove itself.
    ///
    /// # Errors
    /// [`SizeError`].
    pub fn new(id: ContentId, size: u64) -> Result<Self, SizeError> {
        if size > MAX_SIZE { Err(SizeError(size)) } else { Ok(Self { id, size }) }
    }

    /// The address.
    #[must_use]
    pub fn id(&self) -> ContentId {
        self.id
    }

    /// Bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Chunks; none when it is empty.
    #[must_use]
    pub fn chunks(&self) -> u32 {
        chunks_of(self.size)
    }

    /// Bytes of a chunk; 0 for one that is not there.
    #[must_use]
    pub fn chunk_len(&self, index: u32) -> usize {
        let left = self.size.saturating_sub(self.offset(index));
        usize::try_from(left.min(u64::from(CHUNK))).expect("a chunk is small")
    }

    /// Where a chunk begins, in bytes.
    #[must_use]
    pub fn offset(&self, index: u32) -> u64 {
        u64::from(index) * u64::from(CHUNK)
    }
}

/// Chunks of so many bytes, at most [`MAX_SIZE`].
pub(crate) fn chunks_of(size: u64) -> u32 {
    u32::try_from(size.div_ceil(u64::from(CHUNK))).expect("the size was checked")
}
