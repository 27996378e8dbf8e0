//! Proof of work: targets, and how they follow from the chain.

use bitcoin::block::Header;
use bitcoin::{CompactTarget, Target, Work};

use crate::error::BlockError;
use crate::params::Params;
use crate::tree::{BlockId, HeaderTree};
use crate::uint256::Uint256;

/// The target that a header claims; `None` when it is negative, zero, too large for 256 bits, or easier than the
/// network allows.
pub fn derive_target(bits: CompactTarget, params: &Params) -> Option<Target> {
    let target = Uint256::from_compact(bits)?;
    let allowed = target != Uint256::ZERO && target <= params.pow_limit.into();
    allowed.then(|| Target::from_be_bytes(target.to_be_bytes()))
}

/// Whether a header's hash is at most the target that it claims.
///
/// # Errors
/// `high-hash`.
pub fn check_proof_of_work(header: &Header, params: &Params) -> Result<(), BlockError> {
    let met = derive_target(header.bits, params).is_some_and(|target| target.is_met_by(header.block_hash()));
    if met { Ok(()) } else { Err(BlockError::header("high-hash", "proof of work failed")) }
}

/// The target that the child of `parent` must claim, when the child's timestamp is `time`.
pub fn next_work_required(tree: &HeaderTree, parent: BlockId, time: u32, params: &Params) -> CompactTarget {
    let last = &tree[parent];
    let interval = params.difficulty_adjustment_interval();
    if (last.height + 1).is_multiple_of(interval) {
        let first = tree.ancestor(parent, last.height + 1 - interval).expect("the chain holds the whole period");
        return retarget(tree, parent, i64::from(tree[first].header.time), params);
    }
    if !params.allow_min_difficulty_blocks {
        return last.header.bits;
    }
    // On test networks a block that is twenty minutes late must have the easiest target, and the others have that of
    // the last block that was not late.
    let easiest = Uint256::from(params.pow_limit).to_compact();
    if i64::from(time) > i64::from(last.header.time) + 2 * params.pow_target_spacing {
        return easiest;
    }
    let mut entry = last;
    while let Some(parent) = entry.parent
        && !entry.height.is_multiple_of(interval)
        && entry.header.bits == easiest
    {
        entry = &tree[parent];
    }
    entry.header.bits
}

/// The target of a new period, from the time that the old one took.
fn retarget(tree: &HeaderTree, last: BlockId, first_time: i64, params: &Params) -> CompactTarget {
    let entry = &tree[last];
    if params.no_retargeting {
        return entry.header.bits;
    }
    let base = if params.enforce_bip94 {
        // The first block of a period always has the true difficulty: it may not be a late one.
        let first = entry.height + 1 - params.difficulty_adjustment_interval();
        tree[tree.ancestor(last, first).expect("the chain holds the whole period")].header.bits
    } else {
        entry.header.bits
    };
    next_target(base, i64::from(entry.header.time) - first_time, params)
}

/// The target after a period of `timespan` seconds under the target `bits`.
pub fn next_target(bits: CompactTarget, timespan: i64, params: &Params) -> CompactTarget {
    let timespan = timespan.clamp(params.pow_target_timespan / 4, params.pow_target_timespan * 4);
    scaled(bits, timespan, params).to_compact()
}

/// `bits * timespan / wished timespan`, at most the network's limit.
fn scaled(bits: CompactTarget, timespan: i64, params: &Params) -> Uint256 {
    let wished = Uint256::from(params.pow_target_timespan.unsigned_abs());
    let target = Uint256::from_compact(bits).unwrap_or(Uint256::ZERO);
    let scaled = target.mul_small(timespan.unsigned_abs()).div(wished).unwrap_or(Uint256::ZERO);
    scaled.min(params.pow_limit.into())
}

/// Whether a chain may go from one target to the other at this height. Says nothing about times, so that it can be
/// asked of headers whose ancestors are not known.
pub fn permitted_difficulty_transition(params: &Params, height: u32, old: CompactTarget, new: CompactTarget) -> bool {
    if params.allow_min_difficulty_blocks {
        return true;
    }
    if !height.is_multiple_of(params.difficulty_adjustment_interval()) {
        return old == new;
    }
    // Compare after rounding to the compact form, as the true target was.
    let rounded = |timespan| Uint256::from_compact(scaled(old, timespan, params).to_compact());
    let claimed = Uint256::from_compact(new);
    claimed <= rounded(params.pow_target_timespan * 4) && claimed >= rounded(params.pow_target_timespan / 4)
}

/// Seconds that the network, at the difficulty of `tip`, needs for the work between `from` and `to`. Negative when
/// `to` has less work than `from`; as large as can be when it does not fit.
pub fn proof_equivalent_time(tree: &HeaderTree, to: BlockId, from: BlockId, tip: BlockId, params: &Params) -> i64 {
    let (to, from) = (Uint256::from(tree[to].work), Uint256::from(tree[from].work));
    let (difference, sign) = if to > from { (to.sub(from), 1) } else { (from.sub(to), -1) };
    let proof = Uint256::from(tree[tip].header.work());
    let time = difference.mul_small(params.pow_target_spacing.unsigned_abs()).div(proof);
    let seconds = time.and_then(Uint256::to_u64).and_then(|time| i64::try_from(time).ok()).unwrap_or(i64::MAX);
    sign * seconds
}

/// Work that a run of headers claims, without a look at whether it was done.
pub fn claimed_work(headers: &[Header]) -> Work {
    let sum = headers.iter().fold(Uint256::ZERO, |sum, header| sum.saturating_add(header.work().into()));
    Work::from_be_bytes(sum.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use bitcoin::BlockHash;
    use bitcoin::hashes::Hash;
    use proptest::prelude::*;

    use super::*;
    use crate::tree::Status;

    fn bits(bits: u32) -> CompactTarget {
        CompactTarget::from_consensus(bits)
    }

    /// Core's `pow_tests.cpp`: main-chain periods, with the time that each took.
    #[test]
    fn targets_follow_from_the_time_that_a_period_took() {
        let params = Params::main();
        for (height, old, first, last, new, why) in [
            (32_256, 0x1d00_ffff, 1_261_130_161, 1_262_152_739, 0x1d00_d86a, "in between"),
            (2016, 0x1d00_ffff, 1_231_006_505, 1_233_061_996, 0x1d00_ffff, "at the limit of the network"),
            (68_544, 0x1c05_a3f4, 1_279_008_237, 1_279_297_671, 0x1c01_68fd, "a quarter at least"),
            (46_368, 0x1c38_7f6f, 1_263_163_443, 1_269_211_443, 0x1d00_e1fd, "four times at most"),
        ] {
            assert_eq!(next_target(bits(old), last - first, &params), bits(new), "{why}");
            assert!(permitted_difficulty_transition(&params, height, bits(old), bits(new)), "{why}");
        }
        assert!(!permitted_difficulty_transition(&params, 68_544, bits(0x1c05_a3f4), bits(0x1c01_68fc)));
        assert!(!permitted_difficulty_transition(&params, 46_368, bits(0x1c38_7f6f), bits(0x1d00_e1fe)));
        assert!(permitted_difficulty_transition(&params, 46_369, bits(0x1c38_7f6f), bits(0x1c38_7f6f)));
        assert!(!permitted_difficulty_transition(&params, 46_369, bits(0x1c38_7f6f), bits(0x1c38_7f6e)));
        assert!(permitted_difficulty_transition(&Params::testnet4(), 5, bits(0x1c38_7f6f), bits(1)));
    }

    #[test]
    fn targets_that_are_negative_too_large_too_easy_or_zero_are_none() {
        let params = Params::main();
        assert!(derive_target(bits(0x1d00_ffff), &params).is_some());
        for bad in [0x1d80_ffff, !0x0080_0000, 0x1d01_fffe, 0, 0x1d01_0000] {
            assert_eq!(derive_target(bits(bad), &params), None, "{bad:#x}");
        }
    }

    #[test]
    fn a_hash_above_the_target_is_refused() {
        let params = Params::main();
        let mut header = params.genesis.header;
        assert!(check_proof_of_work(&header, &params).is_ok());
        header.nonce += 1;
        assert_eq!(check_proof_of_work(&header, &params).unwrap_err().reason(), "high-hash");
    }

    /// A chain whose blocks have these targets and times.
    fn chain(blocks: impl IntoIterator<Item = (u32, u32)>) -> (HeaderTree, BlockId) {
        let mut tree = HeaderTree::default();
        let mut tip = None;
        for (target, time) in blocks {
            let mut header = Params::regtest().genesis.header;
            header.prev_blockhash = tip.map_or(BlockHash::all_zeros(), |id| tree[id].hash);
            (header.bits, header.time) = (bits(target), time);
            tip = Some(tree.insert(header, Status::HEADER).unwrap());
        }
        (tree, tip.unwrap())
    }

    #[test]
    fn late_blocks_of_test_networks_are_easy_and_the_next_is_not() {
        let params = Params::testnet4();
        let (tree, tip) = chain([(0x1c00_ffff, 0), (0x1c00_ffff, 600), (0x1d00_ffff, 1900)]);
        assert_eq!(next_work_required(&tree, tip, 1900 + 1200, &params), bits(0x1c00_ffff));
        assert_eq!(next_work_required(&tree, tip, 1900 + 1201, &params), bits(0x1d00_ffff));
        assert_eq!(next_work_required(&tree, tip, 1900 + 9999, &Params::main()), bits(0x1d00_ffff));
    }

    #[test]
    fn a_period_starts_from_its_last_block_but_with_bip94_from_its_first() {
        let period = |last| (0..2016).map(move |i| if i == 2015 { (last, 600 * i) } else { (0x1c00_ffff, 600 * i) });
        let (tree, tip) = chain(period(0x1d00_ffff));
        let took = 600 * 2015;
        let main = next_work_required(&tree, tip, 600 * 2016, &Params::main());
        assert_eq!(main, next_target(bits(0x1d00_ffff), took, &Params::main()));
        let testnet = next_work_required(&tree, tip, 600 * 2016, &Params::testnet4());
        assert_eq!(testnet, next_target(bits(0x1c00_ffff), took, &Params::testnet4()));
        assert_ne!(main, testnet);
    }

    #[test]
    fn regtest_never_changes_its_target() {
        let (tree, tip) = chain((0..144).map(|i| (0x207f_ffff, i)));
        assert_eq!(next_work_required(&tree, tip, 144, &Params::regtest()), bits(0x207f_ffff));
    }

    /// Core's `GetBlockProofEquivalentTime_test`.
    #[test]
    fn work_is_counted_in_the_time_that_it_takes() {
        let (tree, tip) = chain((0..1000).map(|i| (0x207f_ffff, 1_269_211_443 + 600 * i)));
        let at = |height| tree.ancestor(tip, height).unwrap();
        for (to, from) in [(0, 999), (999, 0), (5, 5), (500, 17)] {
            let time = proof_equivalent_time(&tree, at(to), at(from), tip, &Params::main());
            assert_eq!(time, 600 * (i64::from(to) - i64::from(from)));
        }
    }

    proptest! {
        #[test]
        fn a_new_target_is_always_a_permitted_one(mantissa in 0x8000u32..0x80_0000, size in 4u32..=0x1c, time in 0i64..5_000_000) {
            let (params, old) = (Params::main(), bits(size << 24 | mantissa));
            let new = next_target(old, time, &params);
            prop_assert!(permitted_difficulty_transition(&params, 2016, old, new));
            prop_assert!(derive_target(new, &params).is_some());
        }
    }
}
