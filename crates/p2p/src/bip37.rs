//! Bloom filters that peers load (BIP37), for those who ask for them by `-peerbloomfilters`.

use crate::wire::{DecodeError, Reader};
use bitcoin::blockdata::script::Instruction;
use bitcoin::consensus::encode::serialize;
use bitcoin::hashes::Hash;
use bitcoin::{OutPoint, Script, Transaction};

/// Largest filter, in bytes.
const MAX_SIZE: usize = 36_000;
/// Most hash functions.
const MAX_HASH_FUNCS: u32 = 50;
/// Largest item, in bytes: that of a script.
pub(crate) const MAX_ITEM: usize = 520;

/// Which outputs that match are added to the filter.
const UPDATE_MASK: u8 = 3;
const UPDATE_ALL: u8 = 1;
const UPDATE_P2PUBKEY_ONLY: u8 = 2;

/// A filter as its owner made it.
#[derive(Debug, Clone)]
pub(crate) struct BloomFilter {
    data: Vec<u8>,
    hash_funcs: u32,
    tweak: u32,
    flags: u8,
}

/// MurmurHash3, 32 bits.
fn murmur3(seed: u32, data: &[u8]) -> u32 {
    const C1: u32 = 0xcc9e_2d51;
    const C2: u32 = 0x1b87_3593;
    let mix = |k: u32| k.wrapping_mul(C1).rotate_left(15).wrapping_mul(C2);
    let (blocks, tail) = data.as_chunks::<4>();
    let mut hash = seed;
    for block in blocks {
        hash = (hash ^ mix(u32::from_le_bytes(*block))).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    let rest = tail.iter().rev().fold(0_u32, |rest, byte| rest << 8 | u32::from(*byte));
    if !tail.is_empty() {
        hash ^= mix(rest);
    }
    hash ^= data.len() as u32;
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(0x85eb_ca6b);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

impl BloomFilter {
    /// Reads a `filterload` message; `None` when the filter is too large.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Option<Self>, DecodeError> {
        let length = reader.compact_size()?;
        let data = reader.bytes(length as usize)?.to_vec();
        let filter = Self { data, hash_funcs: reader.u32()?, tweak: reader.u32()?, flags: reader.u8()? };
        Ok(Some(filter).filter(|filter| filter.data.len() <= MAX_SIZE && filter.hash_funcs <= MAX_HASH_FUNCS))
    }

    fn bits(&self, item: &[u8]) -> impl Iterator<Item = (usize, u8)> {
        let bits = self.data.len() as u32 * 8;
        (0..self.hash_funcs).map(move |round| {
            let seed = round.wrapping_mul(0xfba4_c795).wrapping_add(self.tweak);
            let bit = murmur3(seed, item) % bits;
            ((bit >> 3) as usize, 1 << (bit & 7))
        })
    }

    pub(crate) fn insert(&mut self, item: &[u8]) {
        // A filter without bits matches everything (CVE-2013-5700).
        if self.data.is_empty() {
            return;
        }
        for (byte, bit) in self.bits(item).collect::<Vec<_>>() {
            self.data[byte] |= bit;
        }
    }

    fn contains(&self, item: &[u8]) -> bool {
        self.data.is_empty() || self.bits(item).all(|(byte, bit)| self.data[byte] & bit != 0)
    }

    fn matches_script(&self, script: &Script) -> bool {
        script.instructions().map_while(Result::ok).any(|instruction| match instruction {
            Instruction::PushBytes(bytes) => !bytes.is_empty() && self.contains(bytes.as_bytes()),
            Instruction::Op(_) => false,
        })
    }

    /// Whether the owner wants to know of a transaction. Outputs that match are added, so that what spends them will
    /// match too.
    pub(crate) fn is_relevant_and_update(&mut self, tx: &Transaction) -> bool {
        if self.data.is_empty() {
            return true;
        }
        let txid = tx.compute_txid();
        let mut found = self.contains(txid.as_byte_array());
        for (output, vout) in tx.output.iter().zip(0_u32..) {
            let script = &output.script_pubkey;
            if !self.matches_script(script) {
                continue;
            }
            found = true;
            let update = match self.flags & UPDATE_MASK {
                UPDATE_ALL => true,
                UPDATE_P2PUBKEY_ONLY => script.is_p2pk() || script.is_multisig(),
                _ => false,
            };
            if update {
                self.insert(&serialize(&OutPoint { txid, vout }));
            }
        }
        found
            || tx.input.iter().any(|input| {
                self.contains(&serialize(&input.previous_output)) || self.matches_script(&input.script_sig)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(size: usize, hash_funcs: u32, tweak: u32) -> BloomFilter {
        BloomFilter { data: vec![0; size], hash_funcs, tweak, flags: UPDATE_ALL }
    }

    // Core, src/test/hash_tests.cpp.
    #[test]
    fn murmur_agrees_with_its_vectors() {
        for (expected, seed, data) in [
            (0x0000_0000, 0, ""),
            (0x6a39_6f08, 0xfba4_c795, ""),
            (0x81f1_6f39, 0xffff_ffff, ""),
            (0x514e_28b7, 0, "00"),
            (0xea3f_0b17, 0xfba4_c795, "00"),
            (0xfd6c_f10d, 0, "ff"),
            (0x16c6_b7ab, 0, "0011"),
            (0x8eb5_1c3d, 0, "001122"),
            (0xb447_1bf8, 0, "00112233"),
            (0xe230_1fa8, 0, "0011223344"),
            (0xb074_502c, 0, "00112233445566"),
        ] {
            assert_eq!(murmur3(seed, &hex::decode(data).unwrap()), expected, "{data}");
        }
    }

    // Core, src/test/bloom_tests.cpp, bloom_create_insert_serialize(_with_tweak).
    #[test]
    fn filters_are_those_of_core() {
        let items = [
            "99108ad8ed9bb6274d3980bab5a85c048f0950c8",
            "b5a2c786d9ef4658287ced5914b37a1b4aa32eee",
            "b9300670b4c5366e95b2699e8b18bc75e5f729c5",
        ];
        for (tweak, expected) in [(0, [0x61, 0x4e, 0x9b]), (2_147_483_649, [0xce, 0x42, 0x99])] {
            let mut filter = filter(3, 5, tweak);
            items.iter().for_each(|item| filter.insert(&hex::decode(item).unwrap()));
            assert_eq!(filter.data, expected);
            assert!(filter.contains(&hex::decode(items[0]).unwrap()));
            assert!(!filter.contains(&hex::decode("19108ad8ed9bb6274d3980bab5a85c048f0950c8").unwrap()));
        }
    }

    #[test]
    fn an_empty_filter_matches_everything_and_a_large_one_is_refused() {
        let mut empty = filter(0, 1, 0);
        empty.insert(b"x");
        assert!(empty.contains(b"anything"));
        let mut bytes = vec![253, 0xa1, 0x8c];
        bytes.extend(vec![0; 36_001]);
        bytes.extend([1, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert!(BloomFilter::read(&mut Reader::new(&bytes)).unwrap().is_none());
    }
}
