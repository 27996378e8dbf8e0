use bitcoin::block::Version;
use bitcoin::{BlockHash, hashes::Hash};

use super::*;
use crate::tree::Status;

const VOTE: i32 = TOP_BITS | 1 << 28;

/// Core's `VersionBitsTester`: a chain that grows to a height, with a time and a version.
struct Tester {
    tree: HeaderTree,
    tip: Option<BlockId>,
    cache: VersionBitsCache,
    vote: VersionBits,
}

impl Tester {
    fn new(start_time: i64, timeout: i64, min_activation_height: u32) -> Self {
        let vote = VersionBits {
            deployment: Deployment::TestDummy,
            bit: 28,
            start_time,
            timeout,
            min_activation_height,
            period: 1000,
            threshold: 900,
        };
        Self { tree: HeaderTree::default(), tip: None, cache: VersionBitsCache::default(), vote }
    }

    fn mine(&mut self, height: u32, time: u32, version: i32) -> &mut Self {
        while self.tree.len() < height as usize {
            let mut header = Params::regtest().genesis.header;
            header.prev_blockhash = self.tip.map_or(BlockHash::all_zeros(), |id| self.tree[id].hash);
            header.version = Version::from_consensus(version);
            (header.time, header.nonce) = (time, self.tree.len() as u32);
            self.tip = Some(self.tree.insert(header, Status::HEADER).unwrap());
        }
        self
    }

    fn expect(&mut self, state: ThresholdState, since: u32) -> &mut Self {
        // With and without what the cache remembers.
        let mut fresh = VersionBitsCache::default();
        for cache in [&mut self.cache, &mut fresh] {
            assert_eq!(cache.state_after(&self.tree, self.tip, &self.vote), state, "at {}", self.tree.len());
            let states = cache.deployments.entry(Deployment::TestDummy).or_default();
            assert_eq!(super::since(&self.tree, self.tip, &mut &self.vote, states), since);
        }
        self
    }
}

use ThresholdState::{Active, Defined, Failed, LockedIn, Started};

/// Core's `versionbits_tests.cpp`: DEFINED -> STARTED -> FAILED by timeout.
#[test]
fn a_vote_fails_when_its_time_runs_out() {
    Tester::new(10_000, 20_000, 0)
        .expect(Defined, 0)
        .mine(1, 1, VOTE)
        .expect(Defined, 0)
        .mine(11, 11, VOTE)
        .expect(Defined, 0)
        .mine(989, 989, VOTE)
        .expect(Defined, 0)
        .mine(999, 20_000, VOTE)
        .expect(Defined, 0)
        .mine(1000, 20_000, 0)
        .expect(Started, 1000)
        .mine(1999, 30_001, 0)
        .expect(Started, 1000)
        .mine(2000, 30_002, 0)
        .expect(Failed, 2000)
        .mine(2001, 30_003, VOTE)
        .expect(Failed, 2000)
        .mine(3000, 30_006, VOTE)
        .expect(Failed, 2000);
}

/// Core's `versionbits_tests.cpp`: a vote that just misses, and one that just makes it.
#[test]
fn a_vote_locks_in_with_exactly_its_threshold() {
    Tester::new(10_000, 20_000, 0)
        .mine(1000, 10_000, VOTE)
        .expect(Started, 1000)
        .mine(1050, 10_010, 0)
        .mine(1950, 10_020, VOTE)
        .expect(Started, 1000)
        .mine(1999, 10_030, 0)
        .expect(Started, 1000)
        // 50 against, 900 for, 50 against: just enough.
        .mine(2000, 10_040, 0)
        .expect(LockedIn, 2000)
        .mine(2999, 30_000, 0)
        .expect(LockedIn, 2000)
        .mine(3000, 30_000, 0)
        .expect(Active, 3000)
        .mine(14_333, 40_000, 0)
        .expect(Active, 3000);
    Tester::new(10_000, 20_000, 0)
        .mine(1000, 10_000, VOTE)
        .mine(1101, 10_010, 0)
        .mine(2000, 10_020, VOTE)
        .expect(Started, 1000)
        // A lock-in in the period that ends after the timeout still counts.
        .mine(2100, 20_000, 0)
        .mine(3000, 20_000, VOTE)
        .expect(LockedIn, 3000);
}

#[test]
fn a_vote_that_is_locked_in_waits_for_its_height() {
    Tester::new(0, VersionBits::NO_TIMEOUT, 4000)
        .mine(1000, 10, VOTE)
        .expect(Started, 1000)
        .mine(2000, 20, VOTE)
        .expect(LockedIn, 2000)
        .mine(3999, 30, 0)
        .expect(LockedIn, 2000)
        .mine(4000, 40, 0)
        .expect(Active, 4000);
}

#[test]
fn always_and_never_need_no_votes() {
    Tester::new(VersionBits::ALWAYS_ACTIVE, VersionBits::NO_TIMEOUT, 0)
        .expect(Active, 0)
        .mine(2000, 10, 0)
        .expect(Active, 0);
    Tester::new(VersionBits::NEVER_ACTIVE, VersionBits::NO_TIMEOUT, 0).mine(2000, 10, VOTE).expect(Failed, 0);
}

#[test]
fn statistics_count_the_period_up_to_the_block() {
    let mut tester = Tester::new(0, VersionBits::NO_TIMEOUT, 0);
    tester.mine(1000, 10, VOTE).mine(1010, 10, VOTE).mine(1012, 10, 0);
    let tip = tester.tip.unwrap();
    let info = tester.cache.info(&tester.tree, tip, &tester.vote);
    assert_eq!((info.current, info.next, info.since, info.active_since), (Started, Started, 1000, None));
    let expected = Statistics { period: 1000, threshold: 900, elapsed: 12, count: 10, possible: true };
    assert_eq!(info.statistics, Some(expected));
    assert_eq!(info.signalling.len(), 12);
    assert!(info.signalling[..10].iter().all(|&voted| voted) && !info.signalling[11]);
    tester.mine(1111, 10, 0);
    let tip = tester.tip.unwrap();
    assert!(!tester.cache.info(&tester.tree, tip, &tester.vote).statistics.unwrap().possible);
}

#[test]
fn blocks_vote_while_a_vote_is_open() {
    let mut params = Params::regtest();
    let mut tester = Tester::new(0, VersionBits::NO_TIMEOUT, 0);
    tester.mine(143, 10, VOTE);
    assert_eq!(tester.cache.block_version(&tester.tree, tester.tip, &params), TOP_BITS);
    tester.mine(144, 10, VOTE);
    assert_eq!(tester.cache.block_version(&tester.tree, tester.tip, &params), VOTE);
    tester.mine(3 * 144, 10, VOTE);
    assert_eq!(tester.cache.block_version(&tester.tree, tester.tip, &params), TOP_BITS, "active");
    params.deployments.clear();
    assert_eq!(VersionBitsCache::default().block_version(&tester.tree, tester.tip, &params), TOP_BITS);
}

#[test]
fn votes_for_rules_that_we_do_not_know_are_seen() {
    let params = Params::regtest();
    let mut tester = Tester::new(0, VersionBits::NO_TIMEOUT, 0);
    let unknown = TOP_BITS | 1 << 27;
    let warnings = |tester: &mut Tester| {
        let tip = tester.tip.unwrap();
        tester.cache.unknown_activations(&tester.tree, tip, &params)
    };
    tester.mine(144, 10, TOP_BITS).mine(2 * 144, 10, unknown);
    assert_eq!(warnings(&mut tester), [(27, false)]);
    tester.mine(3 * 144, 10, TOP_BITS);
    assert_eq!(warnings(&mut tester), [(27, true)]);
    // The vote that we know is none of these.
    let mut known = Tester::new(0, VersionBits::NO_TIMEOUT, 0);
    known.mine(3 * 144, 10, VOTE);
    assert_eq!(warnings(&mut known), []);
}
