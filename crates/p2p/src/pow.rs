//! What the protocol must know of proof of work before it keeps anything: whether headers pay for their space.

use crate::config::Params;
use bitcoin::block::Header;
use bitcoin::{CompactTarget, Target, Work};

const NO_WORK: [u8; 32] = [0; 32];

/// The limit that is none. (`Target::MAX` is that of mainnet.)
fn any_target() -> Target {
    Target::from_be_bytes([0xff; 32])
}

/// The target that a header claims, if it is one that the network allows.
fn derive_target(bits: CompactTarget, limit: Target) -> Option<Target> {
    let bits = bits.to_consensus();
    let (size, word) = (bits >> 24, bits & 0x007f_ffff);
    let negative = word != 0 && bits & 0x0080_0000 != 0;
    let overflow = word != 0 && (size > 34 || (word > 0xff && size > 33) || (word > 0xffff && size > 32));
    if negative || overflow {
        return None;
    }
    let target = Target::from_compact(CompactTarget::from_consensus(bits));
    (target != Target::ZERO && target <= limit).then_some(target)
}

/// Whether the hash of each header meets the target that the header claims.
pub(crate) fn has_valid_proof_of_work(headers: &[Header], params: &Params) -> bool {
    headers.iter().all(|header| {
        derive_target(header.bits, params.pow_limit).is_some_and(|target| target.is_met_by(header.block_hash()))
    })
}

/// The work of a header (Core's `GetBlockProof`); none for a target that cannot be.
pub(crate) fn proof(bits: CompactTarget) -> Work {
    derive_target(bits, any_target()).map_or(Work::from_be_bytes(NO_WORK), Target::to_work)
}

/// A sum that cannot overflow: headers may claim anything.
pub(crate) fn add(one: Work, two: Work) -> Work {
    let most = Work::from_be_bytes([0xff; 32]);
    if most - one < two { most } else { one + two }
}

pub(crate) fn times(work: Work, count: u32) -> Work {
    let mut sum = Work::from_be_bytes(NO_WORK);
    for bit in (0..32 - count.leading_zeros()).rev() {
        sum = add(sum, sum);
        if count >> bit & 1 == 1 {
            sum = add(sum, work);
        }
    }
    sum
}

/// Difference, or nothing when it would be negative.
pub(crate) fn sub(one: Work, two: Work) -> Work {
    if one < two { Work::from_be_bytes(NO_WORK) } else { one - two }
}

/// A target four times as large, if that can be expressed.
fn quadruple(target: Target) -> Target {
    let bytes = target.to_be_bytes();
    if bytes[0] >= 0x40 {
        return any_target();
    }
    let mut shifted = [0; 32];
    for index in 0..32 {
        let next = bytes.get(index + 1).copied().unwrap_or(0);
        shifted[index] = bytes[index] << 2 | next >> 6;
    }
    Target::from_be_bytes(shifted)
}

fn quarter(target: Target) -> Target {
    let bytes = target.to_be_bytes();
    let mut shifted = [0; 32];
    for index in 0..32 {
        let before = if index == 0 { 0 } else { bytes[index - 1] };
        shifted[index] = bytes[index] >> 2 | before << 6;
    }
    Target::from_be_bytes(shifted)
}

/// Whether the difficulty may change so at this height: by a factor of four at an adjustment, else not at all.
pub(crate) fn permitted_difficulty_transition(
    params: &Params,
    height: u64,
    old: CompactTarget,
    new: CompactTarget,
) -> bool {
    if params.allow_min_difficulty {
        return true;
    }
    if !height.is_multiple_of(u64::from(params.adjustment_interval)) {
        return old == new;
    }
    let rounded = |target: Target| Target::from_compact(target.min(params.pow_limit).to_compact_lossy());
    let (Some(observed), old) = (derive_target(new, any_target()), Target::from_compact(old)) else { return false };
    rounded(quarter(old)) <= observed && observed <= rounded(quadruple(old))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_multiplied_and_never_overflows() {
        let work = Work::from_hex("0x100").unwrap();
        assert_eq!(times(work, 144), Work::from_hex("0x9000").unwrap());
        assert_eq!(times(work, 0), Work::from_be_bytes(NO_WORK));
        let most = Work::from_be_bytes([0xff; 32]);
        assert_eq!(add(most, work), most);
        assert_eq!(sub(work, most), Work::from_be_bytes(NO_WORK));
    }

    // Core, src/test/pow_tests.cpp: the borders of the adjustment at mainnet heights.
    #[test]
    fn difficulty_changes_by_a_factor_of_four_at_an_adjustment_only() {
        let params = crate::network::testing::main_params();
        let permitted = |height, old, new| {
            let compact = CompactTarget::from_consensus;
            permitted_difficulty_transition(&params, height, compact(old), compact(new))
        };
        assert!(permitted(32_256, 0x1d00_ffff, 0x1d00_d86a));
        assert!(permitted(68_544, 0x1c05_a3f4, 0x1c01_68fd));
        assert!(!permitted(68_544, 0x1c05_a3f4, 0x1c01_68fc), "harder than a quarter");
        assert!(permitted(46_368, 0x1c38_7f6f, 0x1d00_e1fd));
        assert!(!permitted(46_368, 0x1c38_7f6f, 0x1d00_e1fe), "easier than four times");
        assert!(permitted(100, 0x1d00_ffff, 0x1d00_ffff));
        assert!(!permitted(100, 0x1d00_ffff, 0x1d00_fffe));
    }
}
