use bitcoin::{ScriptBuf, Sequence};

use super::*;
use crate::error::BlockResult;
use crate::testing::anyone_can_spend;

/// A chain of 110 empty blocks, so that the first ten coinbases can be spent.
fn mature() -> (Rig, BlockId, Vec<Arc<Block>>) {
    let mut rig = Rig::regtest();
    let (tip, blocks) = rig.grow(rig.maker.genesis(), 110);
    (rig, tip, blocks)
}

#[test]
fn a_miner_takes_no_more_than_subsidy_and_fees() {
    let (mut rig, tip, blocks) = mature();
    let tx = spending(&blocks[0], 1000);
    let exact = |block: &mut Block| {
        assert_eq!(block.txdata[0].output[0].value.to_sat(), 5_000_001_000);
    };
    let (_, good) = rig.maker.make_changed(tip, vec![tx.clone()], exact);
    let greedy = |block: &mut Block| block.txdata[0].output[0].value += Amount::from_sat(1);
    let (_, bad) = rig.maker.make_changed(tip, vec![tx], greedy);
    let error = rig.verdict(&bad).unwrap_err();
    assert_eq!(error.to_string(), "bad-cb-amount, coinbase pays too much (actual=5000001001 vs limit=5000001000)");
    assert_eq!(error.result(), BlockResult::Consensus);
    assert_eq!(rig.reason(&good), "ok");
    assert_eq!(rig.reason(&bad), "duplicate-invalid");
}

#[test]
fn coins_are_spent_once_in_a_block_in_a_chain_and_when_there_are_any() {
    let (mut rig, tip, blocks) = mature();
    let missing = "bad-txns-inputs-missingorspent";
    let twice = vec![spending(&blocks[0], 0), spending(&blocks[0], 10)];
    let (_, block) = rig.maker.make(tip, twice);
    assert_eq!(rig.reason(&block), missing);
    let (next, block) = rig.maker.make(tip, vec![spending(&blocks[0], 0)]);
    assert_eq!(rig.reason(&block), "ok");
    let (_, block) = rig.maker.make(next, vec![spending(&blocks[0], 5)]);
    let error = rig.verdict(&block).unwrap_err();
    let txid = block.txdata[1].compute_txid();
    assert_eq!(error.to_string(), format!("{missing}, CheckTxInputs: inputs missing/spent in transaction {txid}"));
    let out_of_order = {
        let (first, fee) = spending(&blocks[1], 0);
        let second = spend(&[(OutPoint::new(first.compute_txid(), 0), first.output[0].value)], 1, Amount::ZERO, 5);
        vec![(second, Amount::ZERO), (first, fee)]
    };
    let (_, block) = rig.maker.make(next, out_of_order.clone());
    assert_eq!(rig.reason(&block), missing);
    let (_, block) = rig.maker.make(next, out_of_order.into_iter().rev().collect());
    assert_eq!(rig.reason(&block), "ok");
}

#[test]
fn a_young_coinbase_is_not_spent() {
    let (mut rig, tip, blocks) = mature();
    let (_, block) = rig.maker.make(tip, vec![spending(&blocks[11], 0)]);
    assert_eq!(rig.reason(&block), "bad-txns-premature-spend-of-coinbase");
    let (_, block) = rig.maker.make(tip, vec![spending(&blocks[10], 0)]);
    assert_eq!(rig.reason(&block), "ok");
}

#[test]
fn more_out_than_in_is_refused() {
    let (mut rig, tip, blocks) = mature();
    let (mut tx, _) = spending(&blocks[0], 0);
    tx.output[0].value += Amount::from_sat(1);
    let (_, block) = rig.maker.make(tip, vec![(tx, Amount::ZERO)]);
    assert_eq!(rig.reason(&block), "bad-txns-in-belowout");
}

#[test]
fn relative_locks_hold_in_blocks() {
    let (mut rig, tip, blocks) = mature();
    let locked = |steps: u32| {
        let (mut tx, fee) = spending(&blocks[4], 0);
        tx.input[0].sequence = Sequence(steps);
        vec![(tx, fee)]
    };
    // The coin is at height 5, the block at 111.
    let (_, block) = rig.maker.make(tip, locked(107));
    assert_eq!(rig.reason(&block), "bad-txns-nonfinal");
    let (_, block) = rig.maker.make(tip, locked(106));
    assert_eq!(rig.reason(&block), "ok");
}

#[test]
fn scripts_are_checked_and_the_failure_is_named() {
    let (mut rig, tip, blocks) = mature();
    let (mut tx, fee) = spending(&blocks[0], 0);
    tx.input[0].script_sig = ScriptBuf::from_bytes(vec![0x6a]);
    let (_, block) = rig.maker.make(tip, vec![(tx, fee)]);
    let error = rig.verdict(&block).unwrap_err();
    assert_eq!(error.reason(), "block-script-verify-flag-failed (OP_RETURN was encountered)");
    let (txid, wtxid) = (block.txdata[1].compute_txid(), block.txdata[1].compute_wtxid());
    let spent = coinbase_of(&blocks[0]).0;
    assert_eq!(error.debug(), format!("input 0 of {txid} (wtxid {wtxid}), spending {spent}"));
}

#[test]
fn sigops_of_spent_scripts_count() {
    let (mut rig, tip, blocks) = mature();
    // P2SH of a script with 15 * 20 counted as accurate 15 * 16... one OP_CHECKMULTISIG after OP_16 counts 16.
    let redeem = ScriptBuf::from_bytes([&[0x60u8, 0xae][..]; 200].concat());
    let (mut tx, fee) = spending(&blocks[0], 0);
    tx.output = vec![bitcoin::TxOut { value: Amount::from_sat(1000), script_pubkey: redeem.to_p2sh() }; 10];
    let fund = (tx.clone(), Amount::from_int_btc(50) - Amount::from_sat(10_000) + fee);
    let (next, block) = rig.maker.make(tip, vec![fund]);
    assert_eq!(rig.reason(&block), "ok");
    let coins: Vec<_> = (0..7).map(|vout| (OutPoint::new(tx.compute_txid(), vout), Amount::from_sat(1000))).collect();
    let mut spender = spend(&coins, 1, Amount::ZERO, 3);
    for input in &mut spender.input {
        let push = bitcoin::script::PushBytesBuf::try_from(redeem.to_bytes()).unwrap();
        input.script_sig = ScriptBuf::builder().push_slice(push).into_script();
    }
    // 7 * 200 * 16 = 22400 operations of cost 4.
    let (_, block) = rig.maker.make(next, vec![(spender, Amount::ZERO)]);
    let error = rig.verdict(&block).unwrap_err();
    assert_eq!(error.to_string(), "bad-blk-sigops, too many sigops");
}

#[test]
fn transactions_are_not_repeated_while_they_have_coins() {
    let mut params = Params::regtest();
    params.bip34_height = 1_000_000;
    let mut rig = Rig::new(params);
    let genesis = rig.maker.genesis();
    let same = |block: &mut Block| {
        block.txdata[0].output[0].script_pubkey = anyone_can_spend(7);
        block.txdata[0].lock_time = bitcoin::absolute::LockTime::ZERO;
        block.txdata[0].input[0].script_sig = ScriptBuf::from_bytes(vec![1, 1]);
    };
    let (first, block) = rig.maker.make_changed(genesis, vec![], same);
    assert_eq!(rig.reason(&block), "ok");
    let (_, repeat) = rig.maker.make_changed(first, vec![], same);
    assert_eq!(repeat.txdata[0].compute_txid(), block.txdata[0].compute_txid());
    let error = rig.verdict(&repeat).unwrap_err();
    assert_eq!(error.to_string(), "bad-txns-BIP30, tried to overwrite transaction");
}

#[test]
fn nothing_is_built_on_an_invalid_block() {
    let (mut rig, tip, _) = mature();
    let greedy = |block: &mut Block| block.txdata[0].output[0].value += Amount::from_sat(1);
    let (bad_id, bad) = rig.maker.make_changed(tip, vec![], greedy);
    let (_, child) = rig.maker.make(bad_id, vec![]);
    assert_eq!(rig.reason(&bad), "bad-cb-amount");
    let error = rig.verdict(&child).unwrap_err();
    assert_eq!((error.reason(), error.result()), ("bad-prevblk", BlockResult::InvalidPrev));
    let error = rig.chain.accept_headers(&[bad.header], true, NOW).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("duplicate-invalid, block {} was previously marked invalid", bad.block_hash())
    );
    assert_eq!(error.result(), BlockResult::CachedInvalid);
}

#[test]
fn a_body_that_fits_its_header_and_breaks_a_rule_of_its_place_marks_it() {
    let (mut rig, tip, _) = mature();
    let other_height = |block: &mut Block| block.txdata[0].input[0].script_sig = ScriptBuf::from_bytes(vec![1, 1]);
    let (id, bad) = rig.maker.make_changed(tip, vec![], other_height);
    assert_eq!(rig.reason(&bad), "bad-cb-height");
    assert!(rig.chain.tree()[rig.id(&bad)].status.failed);
    let (_, child) = rig.maker.make(id, vec![]);
    assert_eq!(rig.reason(&child), "bad-prevblk");
}

#[test]
fn an_invalid_chain_is_tried_and_left_and_its_headers_with_it() {
    let (mut rig, tip, blocks) = mature();
    let fork = rig.maker.tree().ancestor(tip, 105).unwrap();
    let (good_id, good) = rig.maker.make(fork, vec![]);
    let greedy = |block: &mut Block| block.txdata[0].output[0].value += Amount::from_sat(1);
    let (bad_id, bad) = rig.maker.make_changed(good_id, vec![], greedy);
    let (_, rest) = rig.maker.run(bad_id, 10);
    assert!(!rig.chain.large_work_invalid_chain());
    let headers: Vec<_> = [&good, &bad].into_iter().chain(&rest).map(|block| block.header).collect();
    rig.chain.accept_headers(&headers, true, NOW).unwrap();
    assert_eq!(rig.chain.best_header(), rig.id(&rest[9]));
    for block in rest.iter().rev().chain([&bad]) {
        rig.process(block).unwrap();
    }
    rig.chain.drain_events();
    rig.process(&good).unwrap();

    assert_eq!(rig.tip(), blocks[109].block_hash());
    assert!(rest.iter().all(|block| rig.chain.tree()[rig.id(block)].status.failed));
    assert!(!rig.chain.tree()[rig.id(&good)].status.failed);
    assert_eq!(rig.chain.best_header(), rig.chain.active().tip());
    assert_eq!(rig.chain.best_invalid(), Some(rig.id(&rest[9])));
    assert!(rig.chain.large_work_invalid_chain(), "117 blocks against 110");
    let names: Vec<&str> = rig.chain.tips().iter().map(|tip| tip.status.name()).collect();
    assert_eq!(names, ["invalid", "active"]);
}

#[test]
fn the_user_can_invalidate_and_reconsider() {
    let (mut rig, tip, blocks) = mature();
    let fork = rig.maker.tree().ancestor(tip, 100).unwrap();
    let (_, branch) = rig.maker.run(fork, 5);
    for block in &branch {
        rig.process(block).unwrap();
    }
    let cut = rig.id(&blocks[102]);
    rig.chain.invalidate(cut, NOW).unwrap();
    assert_eq!(rig.tip(), blocks[101].block_hash(), "taken back to the parent");
    rig.chain.activate_best_chain(NOW).unwrap();
    assert_eq!(rig.tip(), branch[4].block_hash(), "the branch is better now");
    assert_eq!(rig.reason(&blocks[109]), "duplicate-invalid");
    assert_eq!(rig.chain.best_header(), rig.id(&branch[4]));

    rig.chain.reconsider(rig.id(&blocks[109]));
    rig.chain.activate_best_chain(NOW).unwrap();
    assert_eq!(rig.tip(), blocks[109].block_hash());
    assert_eq!(rig.chain.best_header(), rig.id(&blocks[109]));
    let genesis = rig.chain.active().at(0).unwrap();
    rig.chain.invalidate(genesis, NOW).unwrap();
    assert_eq!(rig.tip(), blocks[109].block_hash(), "the genesis block stays");
}

#[test]
fn a_block_beside_the_chain_can_be_invalidated() {
    let (mut rig, tip, blocks) = mature();
    let fork = rig.maker.tree().ancestor(tip, 108).unwrap();
    let (_, branch) = rig.maker.run(fork, 2);
    branch.iter().for_each(|block| {
        rig.process(block).unwrap();
    });
    rig.chain.invalidate(rig.id(&branch[0]), NOW).unwrap();
    rig.chain.activate_best_chain(NOW).unwrap();
    assert_eq!(rig.tip(), blocks[109].block_hash());
    assert!(rig.chain.tree()[rig.id(&branch[1])].status.failed);
}

#[test]
fn a_precious_block_wins_over_equals_until_the_chain_grows() {
    let (mut rig, tip, blocks) = mature();
    let fork = rig.maker.tree().ancestor(tip, 109).unwrap();
    let (branch_id, branch) = rig.maker.make(fork, vec![]);
    rig.process(&branch).unwrap();
    assert_eq!(rig.tip(), blocks[109].block_hash(), "first seen");
    for wanted in [&branch, &blocks[109], &branch] {
        rig.chain.precious(rig.id(wanted));
        rig.chain.activate_best_chain(NOW).unwrap();
        assert_eq!(rig.tip(), wanted.block_hash());
    }
    let lower = rig.id(&blocks[50]);
    rig.chain.precious(lower);
    rig.chain.activate_best_chain(NOW).unwrap();
    assert_eq!(rig.tip(), branch.block_hash(), "less work is never preferred");
    let (_, next) = rig.maker.make(branch_id, vec![]);
    rig.process(&next).unwrap();
    rig.chain.precious(rig.id(&blocks[109]));
    rig.chain.activate_best_chain(NOW).unwrap();
    assert_eq!(rig.tip(), next.block_hash());
}
