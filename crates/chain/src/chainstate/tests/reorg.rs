use super::*;
use crate::stats::CoinsHash;

#[test]
fn the_first_of_two_equal_chains_stays_and_a_longer_one_wins() {
    let mut rig = Rig::regtest();
    let genesis = rig.maker.genesis();
    let (_, first) = rig.grow(genesis, 3);
    let (tip, second) = rig.grow(genesis, 3);
    assert_eq!(rig.tip(), first[2].block_hash());
    rig.chain.drain_events();
    let (_, more) = rig.grow(tip, 1);
    assert_eq!(rig.tip(), more[0].block_hash());

    let events: Vec<(char, BlockHash)> = rig
        .chain
        .drain_events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Disconnected { block, .. } => Some(('-', block.block_hash())),
            Event::Connected { block, .. } => Some(('+', block.block_hash())),
            Event::TipChanged { fork, .. } => Some(('f', rig.chain.tree()[fork].hash)),
            _ => None,
        })
        .collect();
    let hash = |block: &Arc<Block>| block.block_hash();
    let expected = [
        ('-', hash(&first[2])),
        ('-', hash(&first[1])),
        ('-', hash(&first[0])),
        ('+', hash(&second[0])),
        ('+', hash(&second[1])),
        ('+', hash(&second[2])),
        ('+', hash(&more[0])),
        ('f', Params::regtest().genesis_hash()),
    ];
    assert_eq!(events, expected);
}

#[test]
fn a_reorganisation_of_many_blocks_ends_with_the_coins_of_the_new_chain() {
    let mut rig = Rig::regtest();
    let (trunk, blocks) = rig.grow(rig.maker.genesis(), 150);
    let mut tip = trunk;
    for block in &blocks[..40] {
        let (id, block) = rig.maker.make(tip, vec![spending(block, 10)]);
        rig.process(&block).unwrap();
        tip = id;
    }
    let mut other = Rig::regtest();
    blocks.iter().for_each(|block| {
        other.process(block).unwrap();
    });
    let mut branch = trunk;
    for i in 0..200 {
        let txs = if i < 49 { vec![spending(&blocks[48 - i], 5)] } else { vec![] };
        let (id, block) = rig.maker.make(branch, txs);
        rig.process(&block).unwrap();
        other.process(&block).unwrap();
        branch = id;
    }
    assert_eq!(rig.tip(), other.tip());
    assert_eq!(rig.chain.active().height(), 350);
    let hash = |rig: &mut Rig| rig.chain.coin_stats(CoinsHash::MuHash).unwrap();
    let (a, b) = (hash(&mut rig), hash(&mut other));
    assert_eq!((a.hash, a.coins, a.total), (b.hash, b.coins, b.total));
}

#[test]
fn a_driver_can_stop_between_blocks() {
    let mut rig = Rig::regtest();
    let (_, blocks) = rig.maker.run(rig.maker.genesis(), 10);
    for block in &blocks {
        rig.chain.accept_block(block, Source::REQUESTED, NOW).unwrap();
    }
    for height in 1..=10 {
        assert_eq!(rig.chain.activate_step(NOW).unwrap(), Progress::More);
        assert_eq!(rig.chain.active().height(), height);
    }
    assert_eq!(rig.chain.activate_step(NOW).unwrap(), Progress::Done);
}

#[test]
fn tips_are_described_as_core_does() {
    let mut rig = Rig::regtest();
    let genesis = rig.maker.genesis();
    let (_, main) = rig.grow(genesis, 4);
    let (_, fork) = rig.maker.run(genesis, 3);
    fork.iter().for_each(|block| {
        rig.process(block).unwrap();
    });
    let (_, headers) = rig.maker.run(genesis, 2);
    rig.chain.accept_headers(&[headers[0].header, headers[1].header], true, NOW).unwrap();
    rig.chain.invalidate(rig.id(&main[3]), NOW).unwrap();
    rig.chain.activate_best_chain(NOW).unwrap();
    let tips: Vec<(u32, u32, &str)> = rig
        .chain
        .tips()
        .iter()
        .map(|tip| (rig.chain.tree()[tip.id].height, tip.branch_length, tip.status.name()))
        .collect();
    assert_eq!(tips, [(4, 1, "invalid"), (3, 0, "active"), (3, 3, "valid-headers"), (2, 2, "headers-only")]);
}

#[test]
fn assumed_valid_scripts_are_not_checked_when_deep_enough() {
    let bad_script = |rig: &mut Rig, tip, block: &Block| {
        let (mut tx, fee) = spending(block, 0);
        tx.input[0].script_sig = bitcoin::ScriptBuf::from_bytes(vec![0x6a]);
        rig.maker.make(tip, vec![(tx, fee)])
    };
    let recent = Some("block too recent relative to best header");
    let beside_it = Some("block not in assumevalid chain");
    for (above, on_chain, expected) in [(2200, true, None), (100, true, recent), (2200, false, beside_it)] {
        let mut params = Params::regtest();
        let mut maker = Rig::regtest();
        let (tip, blocks) = maker.maker.run(maker.maker.genesis(), 101);
        let (bad_id, bad) = bad_script(&mut maker, tip, &blocks[0]);
        let (_, rest) = maker.maker.run(bad_id, above);
        let (_, beside) = maker.maker.run(tip, 60);
        params.assume_valid = if on_chain { rest[50].block_hash() } else { beside[50].block_hash() };
        let mut rig = Rig { chain: ChainState::open(params, MemoryStore::default(), options(), NOW).unwrap(), ..maker };
        let all = || blocks.iter().chain([&bad]).chain(&rest);
        let headers: Vec<_> = all().map(|block| block.header).collect();
        rig.chain.accept_headers(&headers, true, NOW).unwrap();
        let headers: Vec<_> = beside.iter().map(|block| block.header).collect();
        rig.chain.accept_headers(&headers, true, NOW).unwrap();
        // Two weeks of work are 2016 blocks of ten minutes.
        blocks.iter().for_each(|block| {
            rig.process(block).unwrap();
        });
        let events = rig.chain.drain_events();
        let mut reasons = events.iter().filter_map(|event| match event {
            Event::ScriptChecks { reason, .. } => Some(*reason),
            _ => None,
        });
        assert_eq!(reasons.next_back(), Some(if on_chain { expected } else { None }), "{above} blocks above");
        assert_eq!(rig.reason(&bad) == "ok", expected.is_none(), "{above} blocks above, {on_chain}");
    }
}
