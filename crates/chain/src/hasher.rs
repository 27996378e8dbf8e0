//! Hashing for maps whose keys are hashes already, or begin with one.
//!
//! Keys come from strangers, who can choose a few bytes of a txid by trying: so the fold is keyed by a secret, and the
//! keys of block hashes, which cost proof of work, go the same way.

use std::hash::{BuildHasher, Hasher};

/// Builds [`FoldHasher`]s with one secret key.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HashKeyed {
    key: [u64; 2],
}

impl HashKeyed {
    /// With a secret of the caller's choice; the same secret gives the same hashes.
    pub(crate) fn new(key: [u64; 2]) -> Self {
        Self { key }
    }
}

impl BuildHasher for HashKeyed {
    type Hasher = FoldHasher;

    fn build_hasher(&self) -> FoldHasher {
        FoldHasher { state: self.key[0] ^ 0x243f_6a88_85a3_08d3, key: self.key[1] ^ 0x1319_8a2e_0370_7344 }
    }
}

/// Folds eight bytes at a time by a 128-bit multiplication.
#[derive(Debug, Clone)]
pub(crate) struct FoldHasher {
    state: u64,
    key: u64,
}

impl FoldHasher {
    fn fold(&mut self, word: u64) {
        let product = u128::from(self.state ^ word) * u128::from(self.key | 1);
        self.state = (product as u64) ^ ((product >> 64) as u64);
        self.key = self.key.rotate_left(23) ^ word;
    }
}

impl Hasher for FoldHasher {
    fn write(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            self.fold(u64::from_le_bytes(chunk.try_into().expect("chunks of eight bytes")));
        }
        if let [first, ..] = chunks.remainder() {
            let rest = chunks.remainder().iter().fold(u64::from(*first), |word, &byte| word << 8 | u64::from(byte));
            self.fold(rest);
        }
    }

    fn write_u32(&mut self, word: u32) {
        self.fold(u64::from(word));
    }

    // Lengths are the same for all keys of a map.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.state
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use bitcoin::OutPoint;
    use bitcoin::hashes::Hash;

    use super::*;

    #[test]
    fn outpoints_that_differ_a_little_hash_apart() {
        let build = HashKeyed::new([1, 2]);
        let mut seen = HashSet::new();
        for byte in 0..32 {
            for value in 0..=255 {
                for vout in 0..4 {
                    let mut txid = [0; 32];
                    txid[byte] = value;
                    seen.insert(build.hash_one(OutPoint::new(bitcoin::Txid::from_byte_array(txid), vout)));
                }
            }
        }
        // All but the 31 times that the all-zero txid comes again.
        assert_eq!(seen.len(), 32 * 256 * 4 - 31 * 4);
    }

    #[test]
    fn another_secret_gives_another_hash() {
        let point = OutPoint::null();
        assert_ne!(HashKeyed::new([1, 2]).hash_one(point), HashKeyed::new([3, 2]).hash_one(point));
        assert_ne!(HashKeyed::new([1, 2]).hash_one(point), HashKeyed::new([1, 3]).hash_one(point));
    }
}
