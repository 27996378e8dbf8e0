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
