//! The little 256-bit arithmetic of proof of work. `bitcoin::Target` has neither the sign and overflow of the compact
//! form, which decide validity, nor division.

use bitcoin::{CompactTarget, Target, Work};

/// An unsigned integer of 256 bits; limbs from the least significant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Uint256([u64; 4]);

impl Uint256 {
    pub(crate) const ZERO: Self = Self([0; 4]);

    pub(crate) fn from_be_bytes(bytes: [u8; 32]) -> Self {
        let mut limbs = [0; 4];
        for (limb, chunk) in limbs.iter_mut().rev().zip(bytes.chunks_exact(8)) {
            *limb = u64::from_be_bytes(chunk.try_into().expect("chunks of eight bytes"));
        }
        Self(limbs)
    }

    pub(crate) fn to_be_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (limb, chunk) in self.0.iter().rev().zip(bytes.chunks_exact_mut(8)) {
            chunk.copy_from_slice(&limb.to_be_bytes());
        }
        bytes
    }

    fn bits(self) -> u32 {
        let top = self.0.iter().rposition(|&limb| limb != 0);
        top.map_or(0, |i| 64 * (i as u32 + 1) - self.0[i].leading_zeros())
    }

    fn shl(self, by: u32) -> Self {
        let (whole, part) = ((by / 64) as usize, by % 64);
        // Two limbs side by side, so that the bits that cross a limb come along.
        let limb = |i: Option<usize>| i.and_then(|i| self.0.get(i)).copied().unwrap_or(0);
        Self(std::array::from_fn(|i| {
            let pair = u128::from(limb(i.checked_sub(whole))) << 64 | u128::from(limb(i.checked_sub(whole + 1)));
            (pair << part >> 64) as u64
        }))
    }

    fn shr(self, by: u32) -> Self {
        let (whole, part) = ((by / 64) as usize, by % 64);
        let limb = |i: usize| self.0.get(i).copied().unwrap_or(0);
        Self(std::array::from_fn(|i| {
            let pair = u128::from(limb(i + whole + 1)) << 64 | u128::from(limb(i + whole));
            (pair >> part) as u64
        }))
    }

    /// Product modulo 2^256, as Core's `arith_uint256` has it.
    pub(crate) fn mul_small(self, factor: u64) -> Self {
        let mut carry = 0u128;
        Self(self.0.map(|limb| {
            let product = u128::from(limb) * u128::from(factor) + carry;
            carry = product >> 64;
            product as u64
        }))
    }

    pub(crate) fn saturating_add(self, other: Self) -> Self {
        let mut carry = false;
        let mut out = [0; 4];
        for (i, slot) in out.iter_mut().enumerate() {
            let (a, over) = self.0[i].overflowing_add(other.0[i]);
            let (b, over_again) = a.overflowing_add(u64::from(carry));
            *slot = b;
            carry = over || over_again;
        }
        if carry { Self([u64::MAX; 4]) } else { Self(out) }
    }

    /// Difference modulo 2^256.
    pub(crate) fn sub(self, other: Self) -> Self {
        let mut borrow = false;
        let mut out = [0; 4];
        for (i, slot) in out.iter_mut().enumerate() {
            let (a, under) = self.0[i].overflowing_sub(other.0[i]);
            let (b, under_again) = a.overflowing_sub(u64::from(borrow));
            *slot = b;
            borrow = under || under_again;
        }
        Self(out)
    }

    /// Quotient, by long division; `None` when dividing by zero.
    pub(crate) fn div(self, divisor: Self) -> Option<Self> {
        if divisor == Self::ZERO {
            return None;
        }
        let (mut rest, mut quotient) = (self, Self::ZERO);
        if let Some(top) = self.bits().checked_sub(divisor.bits()) {
            for shift in (0..=top).rev() {
                let part = divisor.shl(shift);
                if rest >= part {
                    rest = rest.sub(part);
                    quotient.0[(shift / 64) as usize] |= 1 << (shift % 64);
                }
            }
        }
        Some(quotient)
    }

    /// The value, when it fits 64 bits.
    pub(crate) fn to_u64(self) -> Option<u64> {
        (self.bits() <= 64).then_some(self.0[0])
    }

    /// Reads the compact form; `None` when it is negative or does not fit 256 bits.
    pub(crate) fn from_compact(bits: CompactTarget) -> Option<Self> {
        let bits = bits.to_consensus();
        let (size, word) = (bits >> 24, bits & 0x007f_ffff);
        let negative = word != 0 && bits & 0x0080_0000 != 0;
        let overflow = word != 0 && (size > 34 || (word > 0xff && size > 33) || (word > 0xffff && size > 32));
        if negative || overflow {
            return None;
        }
        let mantissa = Self::from(u64::from(word));
        Some(if size <= 3 { mantissa.shr(8 * (3 - size)) } else { mantissa.shl(8 * (size - 3)) })
    }

    /// The compact form, rounding down.
    pub(crate) fn to_compact(self) -> CompactTarget {
        let mut size = self.bits().div_ceil(8);
        let mut word =
            if size <= 3 { self.0[0] << (8 * (3 - size)) } else { self.shr(8 * (size - 3)).0[0] & 0x00ff_ffff };
        // The sign bit of the mantissa must stay clear.
        if word & 0x0080_0000 != 0 {
            word >>= 8;
            size += 1;
        }
        CompactTarget::from_consensus(size << 24 | word as u32)
    }
}

impl PartialOrd for Uint256 {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Uint256 {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.iter().rev().cmp(other.0.iter().rev())
    }
}

impl From<u64> for Uint256 {
    fn from(value: u64) -> Self {
        Self([value, 0, 0, 0])
    }
}

impl From<Target> for Uint256 {
    fn from(target: Target) -> Self {
        Self::from_be_bytes(target.to_be_bytes())
    }
}

impl From<Work> for Uint256 {
    fn from(work: Work) -> Self {
        Self::from_be_bytes(work.to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(value: Uint256) -> String {
        hex::encode(value.to_be_bytes())
    }

    fn compact(bits: u32) -> Option<Uint256> {
        Uint256::from_compact(CompactTarget::from_consensus(bits))
    }

    /// From Core's `arith_uint256_tests.cpp`, `bignum_SetCompact`.
    #[test]
    fn compact_form_reads_and_writes_as_core_does() {
        for zero in [0x0000_0000, 0x0012_3456, 0x0100_3456, 0x0200_0056, 0x0300_0000, 0x0400_0000, 0x0092_3456] {
            if zero == 0x0092_3456 {
                assert_eq!(compact(zero), None, "negative mantissa");
                continue;
            }
            assert_eq!(compact(zero), Some(Uint256::ZERO), "{zero:#x}");
        }
        assert_eq!(Uint256::ZERO.to_compact().to_consensus(), 0);
        for (bits, value, back) in [
            (0x0112_3456, 0x12, 0x0112_0000),
            (0x0212_3456, 0x1234, 0x0212_3400),
            (0x0312_3456, 0x12_3456, 0x0312_3456),
            (0x0412_3456, 0x1234_5600, 0x0412_3456),
            (0x0500_9234, 0x9234_0000, 0x0500_9234),
        ] {
            let read = compact(bits).unwrap();
            assert_eq!(read.to_u64(), Some(value));
            assert_eq!(read.to_compact().to_consensus(), back);
        }
        let large = compact(0x2012_3456).unwrap();
        assert_eq!(hex(large), "1234560000000000000000000000000000000000000000000000000000000000");
        assert_eq!(large.to_compact().to_consensus(), 0x2012_3456);
        assert_eq!(compact(0xff12_3456), None, "overflow");
        assert_eq!(compact(0x0492_3456), None, "negative");
        assert_eq!(Uint256::from(0x80).to_compact().to_consensus(), 0x0200_8000);
    }

    #[test]
    fn division_is_the_inverse_of_multiplication() {
        let value = Uint256([0x0123_4567_89ab_cdef, 0xfedc_ba98, 7, 0]);
        let product = value.mul_small(1_209_600);
        assert_eq!(product.div(Uint256::from(1_209_600)), Some(value));
        assert_eq!(product.div(value).and_then(Uint256::to_u64), Some(1_209_600));
        assert_eq!(value.div(product), Some(Uint256::ZERO));
        assert_eq!(value.div(Uint256::ZERO), None);
    }
}
