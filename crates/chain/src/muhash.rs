//! A hash of a set that can be built in any order, and from which elements can be taken away: Core's `MuHash3072`.
//!
//! Each element becomes a number modulo the prime 2^3072 - 1103717; the set is the product of its elements. What is
//! taken away goes into a denominator, so that the one division is at the end.

use bitcoin::hashes::{Hash, sha256};

const LIMBS: usize = 48;
const BYTES: usize = 384;
/// What the modulus lacks to 2^3072.
const PRIME_DIFFERENCE: u64 = 1_103_717;

/// The hash of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MuHash3072 {
    numerator: Num3072,
    denominator: Num3072,
}

impl Default for MuHash3072 {
    fn default() -> Self {
        Self { numerator: Num3072::ONE, denominator: Num3072::ONE }
    }
}

impl MuHash3072 {
    /// Adds an element.
    pub fn insert(&mut self, element: &[u8]) {
        self.numerator = self.numerator.mul(&Num3072::from_element(element));
    }

    /// Takes an element away, which need not have been added yet.
    pub fn remove(&mut self, element: &[u8]) {
        self.denominator = self.denominator.mul(&Num3072::from_element(element));
    }

    /// Adds all elements of another set.
    pub fn union(&mut self, other: &Self) {
        self.numerator = self.numerator.mul(&other.numerator);
        self.denominator = self.denominator.mul(&other.denominator);
    }

    /// The hash of the set; Core shows it with the bytes reversed.
    pub fn finalize(&self) -> [u8; 32] {
        let product = self.numerator.mul(&self.denominator.inverse());
        sha256::Hash::hash(&product.to_bytes()).to_byte_array()
    }
}

/// A number modulo the prime; limbs from the least significant.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Num3072([u64; LIMBS]);

impl Num3072 {
    const ONE: Self = {
        let mut limbs = [0; LIMBS];
        limbs[0] = 1;
        Self(limbs)
    };

    fn from_element(element: &[u8]) -> Self {
        let key = sha256::Hash::hash(element).to_byte_array();
        let mut limbs = [0; LIMBS];
        for (block, limbs) in limbs.chunks_exact_mut(8).enumerate() {
            limbs.copy_from_slice(&chacha20_block(&key, block as u32));
        }
        Self(limbs).reduced()
    }

    fn to_bytes(&self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        for (chunk, limb) in bytes.chunks_exact_mut(8).zip(self.0) {
            chunk.copy_from_slice(&limb.to_le_bytes());
        }
        bytes
    }

    /// The same number, below the modulus.
    fn reduced(mut self) -> Self {
        let over = self.0[0] > u64::MAX - PRIME_DIFFERENCE && self.0[1..].iter().all(|&limb| limb == u64::MAX);
        if over {
            // Subtracting the modulus is adding what it lacks to 2^3072, and dropping the carry.
            self.add_small(PRIME_DIFFERENCE);
        }
        self
    }

    /// Adds in place; the carry out of the top, 0 or 1.
    fn add_small(&mut self, value: u64) -> u64 {
        let mut carry = value;
        for limb in &mut self.0 {
            let (sum, over) = limb.overflowing_add(carry);
            *limb = sum;
            carry = u64::from(over);
            if carry == 0 {
                break;
            }
        }
        carry
    }

    fn mul(&self, other: &Self) -> Self {
        let mut wide = [0u64; 2 * LIMBS];
        for (i, &a) in self.0.iter().enumerate() {
            let mut carry = 0u128;
            let row = &mut wide[i..=i + LIMBS];
            for (slot, &b) in row.iter_mut().zip(&other.0) {
                let sum = u128::from(a) * u128::from(b) + u128::from(*slot) + carry;
                *slot = sum as u64;
                carry = sum >> 64;
            }
            row[LIMBS] = carry as u64;
        }
        Self::from_wide(&wide)
    }

    /// Folds the upper half onto the lower: 2^3072 is as much as what the modulus lacks to it.
    fn from_wide(wide: &[u64; 2 * LIMBS]) -> Self {
        let mut out = Self([0; LIMBS]);
        let mut carry = 0u128;
        for (i, slot) in out.0.iter_mut().enumerate() {
            let sum = u128::from(wide[LIMBS + i]) * u128::from(PRIME_DIFFERENCE) + u128::from(wide[i]) + carry;
            *slot = sum as u64;
            carry = sum >> 64;
        }
        // What is left over is below 2^21, so its fold fits a limb; that may carry once more.
        let mut top = carry as u64;
        while top > 0 {
            top = out.add_small(top * PRIME_DIFFERENCE);
        }
        out.reduced()
    }

    /// The number whose product with this one is 1: this one to the power of the modulus less two (Fermat).
    fn inverse(&self) -> Self {
        if *self == Self::ONE {
            return Self::ONE;
        }
        // The exponent, 2^3072 - 1103719: ones but for its lowest limb.
        let mut exponent = [u64::MAX; LIMBS];
        exponent[0] = u64::MAX - (PRIME_DIFFERENCE + 1);
        let mut result = Self::ONE;
        for limb in exponent.iter().rev() {
            for bit in (0..64).rev() {
                result = result.mul(&result);
                if limb >> bit & 1 == 1 {
                    result = result.mul(self);
                }
            }
        }
        result
    }
}

/// A block of the ChaCha20 key stream with a nonce of zero (RFC 8439, with the counter of 64 bits of the original).
fn chacha20_block(key: &[u8; 32], counter: u32) -> [u64; 8] {
    let mut start = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574, 0, 0, 0, 0, 0, 0, 0, 0, counter, 0, 0, 0];
    for (word, chunk) in start[4..12].iter_mut().zip(key.chunks_exact(4)) {
        *word = u32::from_le_bytes(chunk.try_into().expect("chunks of four bytes"));
    }
    let mut state = start;
    for _ in 0..10 {
        quarter_round(&mut state, [0, 4, 8, 12]);
        quarter_round(&mut state, [1, 5, 9, 13]);
        quarter_round(&mut state, [2, 6, 10, 14]);
        quarter_round(&mut state, [3, 7, 11, 15]);
        quarter_round(&mut state, [0, 5, 10, 15]);
        quarter_round(&mut state, [1, 6, 11, 12]);
        quarter_round(&mut state, [2, 7, 8, 13]);
        quarter_round(&mut state, [3, 4, 9, 14]);
    }
    let word = |i: usize| u64::from(state[i].wrapping_add(start[i]));
    std::array::from_fn(|i| word(2 * i) | word(2 * i + 1) << 32)
}

fn quarter_round(state: &mut [u32; 16], [a, b, c, d]: [usize; 4]) {
    for (add, to, into, by) in [(b, a, d, 16), (d, c, b, 12), (b, a, d, 8), (d, c, b, 7)] {
        state[to] = state[to].wrapping_add(state[add]);
        state[into] = (state[into] ^ state[to]).rotate_left(by);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hex(hash: &MuHash3072) -> String {
        let mut bytes = hash.finalize();
        bytes.reverse();
        hex::encode(bytes)
    }

    fn element(i: u8) -> [u8; 32] {
        let mut element = [0; 32];
        element[0] = i;
        element
    }

    /// RFC 8439, A.1, test vector 1.
    #[test]
    fn key_stream_is_that_of_chacha20() {
        let bytes: Vec<u8> = chacha20_block(&[0; 32], 0).iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(
            hex::encode(bytes),
            concat!(
                "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7",
                "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"
            )
        );
    }

    /// From Core's `crypto_tests.cpp`, `muhash_tests`.
    #[test]
    fn hashes_are_cores() {
        let mut hash = MuHash3072::default();
        hash.insert(&element(0));
        hash.insert(&element(1));
        hash.remove(&element(2));
        assert_eq!(hex(&hash), "10d312b100cbd32ada024a6646e40d3482fcff103668d2625f10002a607d5863");
        // The product of 1 and 2 starts and ends so in Core's serialisation.
        let mut product = MuHash3072::default();
        product.insert(&element(1));
        product.insert(&element(2));
        let bytes = hex::encode(product.numerator.to_bytes());
        assert!(bytes.starts_with("1fa093295ea30a6a3acdc7b3f770fa538eff537528e990e2910e40bbcfd7f669"));
        assert!(bytes.ends_with("8bd86fac8df24be519a2f2836b16392e18036cb13e48c5c"), "{bytes}");
    }

    /// From Core's `muhash_tests`: numbers at and above the modulus.
    #[test]
    fn numbers_above_the_modulus_are_reduced() {
        let mut top = Num3072([u64::MAX; LIMBS]);
        assert_eq!(top.clone().reduced(), {
            let mut small = [0; LIMBS];
            small[0] = PRIME_DIFFERENCE - 1;
            Num3072(small)
        });
        top.0[0] = u64::MAX - PRIME_DIFFERENCE + 1;
        assert_eq!(top.reduced(), Num3072([0; LIMBS]));
    }

    #[test]
    fn the_empty_set_comes_back() {
        let mut hash = MuHash3072::default();
        let empty = hex(&hash);
        assert_eq!(empty, "dd5ad2a105c2d29495f577245c357409002329b9f4d6182c0af3dc2f462555c8");
        hash.remove(b"later");
        hash.insert(b"now");
        assert_ne!(hex(&hash), empty);
        hash.insert(b"later");
        hash.remove(b"now");
        assert_eq!(hex(&hash), empty);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3))]
        #[test]
        fn the_order_does_not_count(elements in proptest::collection::vec((any::<u8>(), any::<bool>()), 1..6)) {
            let hash = |steps: &mut dyn Iterator<Item = &(u8, bool)>| {
                let mut hash = MuHash3072::default();
                for (i, insert) in steps {
                    if *insert { hash.insert(&element(*i)) } else { hash.remove(&element(*i)) }
                }
                hash.finalize()
            };
            prop_assert_eq!(hash(&mut elements.iter()), hash(&mut elements.iter().rev()));
        }

        #[test]
        fn a_number_times_its_inverse_is_one(limbs in proptest::collection::vec(any::<u64>(), LIMBS)) {
            let number = Num3072(limbs.try_into().unwrap()).reduced();
            prop_assert_eq!(number.mul(&number.inverse()), Num3072::ONE);
        }
    }
}
