//! Rules of headers that need the headers before them.

use bitcoin::block::Header;

use crate::error::{BlockError, BlockResult};
use crate::params::{Buried, MAX_FUTURE_BLOCK_TIME, MAX_TIMEWARP, Params};
use crate::pow::next_work_required;
use crate::tree::{BlockId, HeaderTree};

/// The rules of a header as the child of `parent`, in Core's order; [`crate::pow::check_proof_of_work`] comes before.
/// `now` is the node's time in seconds.
///
/// # Errors
/// The reject reason of the first rule that is broken.
pub fn contextual_check_header(
    header: &Header,
    tree: &HeaderTree,
    parent: BlockId,
    params: &Params,
    now: i64,
) -> Result<(), BlockError> {
    check_difficulty(header, tree, parent, params)?;
    check_median_time(header, tree, parent)?;
    check_timewarp(header, tree, parent, params)?;
    check_future_time(header, now)?;
    check_version(header, tree[parent].height + 1, params)
}

/// The target is the one that follows from the chain.
fn check_difficulty(header: &Header, tree: &HeaderTree, parent: BlockId, params: &Params) -> Result<(), BlockError> {
    if header.bits == next_work_required(tree, parent, header.time, params) {
        Ok(())
    } else {
        Err(BlockError::header("bad-diffbits", "incorrect proof of work"))
    }
}

/// The timestamp is later than the median of the last eleven.
fn check_median_time(header: &Header, tree: &HeaderTree, parent: BlockId) -> Result<(), BlockError> {
    if header.time > tree.median_time_past(parent) {
        Ok(())
    } else {
        Err(BlockError::header("time-too-old", "block's timestamp is too early"))
    }
}

/// The first block of a period is at most ten minutes older than its parent (BIP94).
fn check_timewarp(header: &Header, tree: &HeaderTree, parent: BlockId, params: &Params) -> Result<(), BlockError> {
    let before = &tree[parent];
    let first_of_period = (before.height + 1).is_multiple_of(params.difficulty_adjustment_interval());
    let too_early = i64::from(header.time) < i64::from(before.header.time) - MAX_TIMEWARP;
    if params.enforce_bip94 && first_of_period && too_early {
        let debug = "block's timestamp is too early on diff adjustment block";
        return Err(BlockError::header("time-timewarp-attack", debug));
    }
    Ok(())
}

/// The timestamp is at most two hours ahead of our clock. Not a verdict for ever: time will tell.
fn check_future_time(header: &Header, now: i64) -> Result<(), BlockError> {
    if i64::from(header.time) > now.saturating_add(MAX_FUTURE_BLOCK_TIME) {
        let debug = "block timestamp too far in the future";
        return Err(BlockError::new(BlockResult::TimeFuture, "time-too-new", debug));
    }
    Ok(())
}

/// The version is at least that of the last soft fork that counted versions (BIP34, BIP66, BIP65).
fn check_version(header: &Header, height: u32, params: &Params) -> Result<(), BlockError> {
    let version = header.version.to_consensus();
    let outdated = [(2, Buried::HeightInCoinbase), (3, Buried::DerSig), (4, Buried::Cltv)]
        .into_iter()
        .any(|(least, fork)| version < least && params.active_at(fork, height));
    if outdated {
        let reason = format!("bad-version(0x{version:08x})");
        return Err(BlockError::header(reason, format!("rejected nVersion=0x{version:08x} block")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bitcoin::block::Version;
    use bitcoin::{CompactTarget, Network};

    use super::*;
    use crate::tree::Status;

    const SPACING: u32 = 600;

    /// A chain of headers above the genesis block, ten minutes apart.
    fn chain(params: &Params, length: u32) -> (HeaderTree, BlockId) {
        let mut tree = HeaderTree::default();
        let mut tip = tree.insert(params.genesis.header, Status::HEADER).unwrap();
        for _ in 0..length {
            let header = child(&tree, tip);
            tip = tree.insert(header, Status::HEADER).unwrap();
        }
        (tree, tip)
    }

    fn child(tree: &HeaderTree, parent: BlockId) -> Header {
        let before = &tree[parent];
        Header {
            version: Version::from_consensus(0x2000_0000),
            prev_blockhash: before.hash,
            time: before.header.time + SPACING,
            ..before.header
        }
    }

    fn reason(header: &Header, tree: &HeaderTree, parent: BlockId, params: &Params) -> String {
        let now = i64::from(tree[parent].header.time) + 600;
        contextual_check_header(header, tree, parent, params, now)
            .map_or_else(|error| error.reason().to_owned(), |()| "ok".to_owned())
    }

    #[test]
    fn the_target_must_be_the_one_that_the_chain_asks_for() {
        let params = Params::regtest();
        let (tree, tip) = chain(&params, 20);
        let mut header = child(&tree, tip);
        assert_eq!(reason(&header, &tree, tip, &params), "ok");
        header.bits = CompactTarget::from_consensus(0x207f_fffe);
        assert_eq!(reason(&header, &tree, tip, &params), "bad-diffbits");
    }

    #[test]
    fn the_time_must_be_later_than_the_median() {
        let params = Params::regtest();
        let (tree, tip) = chain(&params, 20);
        let mut header = child(&tree, tip);
        header.time = tree.median_time_past(tip);
        assert_eq!(reason(&header, &tree, tip, &params), "time-too-old");
        header.time += 1;
        assert_eq!(reason(&header, &tree, tip, &params), "ok");
    }

    #[test]
    fn the_first_block_of_a_period_cannot_warp_time() {
        let mut params = Params::regtest();
        params.enforce_bip94 = true;
        let (tree, tip) = chain(&params, 143);
        let mut header = child(&tree, tip);
        header.time = tree[tip].header.time - 601;
        assert_eq!(reason(&header, &tree, tip, &params), "time-timewarp-attack");
        header.time += 1;
        assert_eq!(reason(&header, &tree, tip, &params), "ok");
        header.time -= 1;
        params.enforce_bip94 = false;
        assert_eq!(reason(&header, &tree, tip, &params), "ok");
        params.enforce_bip94 = true;
        let before = tree[tip].parent.unwrap();
        header = child(&tree, before);
        header.time = tree[before].header.time - 601;
        assert_eq!(reason(&header, &tree, before, &params), "ok", "not the first of its period");
    }

    #[test]
    fn the_time_is_at_most_two_hours_ahead() {
        let params = Params::regtest();
        let (tree, tip) = chain(&params, 20);
        let header = child(&tree, tip);
        let at = |now| contextual_check_header(&header, &tree, tip, &params, now);
        assert!(at(i64::from(header.time) - 7200).is_ok());
        let error = at(i64::from(header.time) - 7201).unwrap_err();
        assert_eq!((error.reason(), error.result()), ("time-too-new", BlockResult::TimeFuture));
    }

    #[test]
    fn versions_grow_with_the_soft_forks() {
        let mut params = Params::new(Network::Regtest).unwrap();
        (params.bip34_height, params.bip66_height, params.bip65_height) = (10, 20, 30);
        for (height, least) in [(9, 1), (10, 2), (20, 3), (30, 4)] {
            let (tree, tip) = chain(&params, height - 1);
            let mut header = child(&tree, tip);
            header.version = Version::from_consensus(least);
            assert_eq!(reason(&header, &tree, tip, &params), "ok");
            header.version = Version::from_consensus(least - 1);
            let expected = if least == 1 { "ok".to_owned() } else { format!("bad-version(0x{:08x})", least - 1) };
            assert_eq!(reason(&header, &tree, tip, &params), expected);
        }
        let (tree, tip) = chain(&params, 40);
        let mut header = child(&tree, tip);
        header.version = Version::from_consensus(-1);
        let error = contextual_check_header(&header, &tree, tip, &params, i64::from(header.time)).unwrap_err();
        assert_eq!(error.to_string(), "bad-version(0xffffffff), rejected nVersion=0xffffffff block");
    }
}
