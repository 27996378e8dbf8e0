use super::*;
use crate::error::BlockResult;
use crate::pow::check_proof_of_work;

#[test]
fn a_chain_begins_with_the_genesis_block_whose_coinbase_is_no_coin() {
    let rig = Rig::regtest();
    let genesis = Params::regtest().genesis;
    assert_eq!(rig.tip(), genesis.block_hash());
    assert_eq!(rig.chain.coin(&coinbase_of(&genesis).0).unwrap(), None);
    assert_eq!(rig.chain.best_block().unwrap(), Some(genesis.block_hash()));
    assert_eq!(rig.chain.read_block(rig.chain.active().tip()).unwrap(), Some(genesis));
}

#[test]
fn blocks_connect_and_make_coins() {
    let mut rig = Rig::regtest();
    let (tip, blocks) = rig.grow(rig.maker.genesis(), 101);
    assert_eq!(rig.tip(), blocks[100].block_hash());
    let (tx, fee) = spending(&blocks[0], 1000);
    let (spent, made) = (coinbase_of(&blocks[0]).0, OutPoint::new(tx.compute_txid(), 0));
    let (_, block) = rig.maker.make(tip, vec![(tx, fee)]);
    rig.chain.drain_events();
    let source = Source { requested: false, min_pow_checked: true };
    rig.chain.update_initial_download(i64::from(block.header.time));
    rig.chain.process_block(&block, source, NOW).unwrap();

    assert_eq!(rig.chain.coin(&spent).unwrap(), None);
    assert_eq!(rig.chain.coin(&made).unwrap().unwrap().height, 102);
    let events = rig.chain.drain_events();
    let [
        Event::NewPowValidBlock { .. },
        Event::HeaderTip { .. },
        Event::BlockChecked { result: Ok(()), .. },
        Event::Connected { undo, txids, .. },
        Event::TipChanged { .. },
    ] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!(undo.transactions[0][0].output.value, Amount::from_int_btc(50));
    assert_eq!(txids[1], made.txid);
    assert_eq!(rig.chain.tip().chain_tx_count, 1 + 101 + 2);
}

#[test]
fn headers_alone_move_the_best_header_and_not_the_tip() {
    let mut rig = Rig::regtest();
    let (_, blocks) = rig.maker.run(rig.maker.genesis(), 5);
    let headers: Vec<_> = blocks.iter().map(|block| block.header).collect();
    let last = rig.chain.accept_headers(&headers, true, NOW).unwrap().unwrap();
    assert_eq!(rig.chain.best_header(), last);
    assert_eq!(rig.chain.active().height(), 0);
    assert!(matches!(rig.chain.drain_events()[..], [Event::HeaderTip { id }] if id == last));
    assert_eq!(rig.chain.accept_headers(&headers, true, NOW).unwrap(), Some(last), "known headers are fine");
    assert!(rig.chain.drain_events().is_empty());
}

#[test]
fn headers_are_refused_with_cores_reasons() {
    let mut rig = Rig::regtest();
    let (_, blocks) = rig.maker.run(rig.maker.genesis(), 3);
    let mut reason = |header, min_pow_checked| {
        let error = rig.chain.accept_headers(&[header], min_pow_checked, NOW).unwrap_err();
        (error.reason().to_owned(), error.result())
    };
    let expect = |reason: &str, result| (reason.to_owned(), result);
    assert_eq!(reason(blocks[1].header, true), expect("prev-blk-not-found", BlockResult::MissingPrev));
    assert_eq!(reason(blocks[0].header, false), expect("too-little-chainwork", BlockResult::HeaderLowWork));
    let mut unsolved = blocks[0].header;
    while check_proof_of_work(&unsolved, &Params::regtest()).is_ok() {
        unsolved.nonce += 1;
    }
    assert_eq!(reason(unsolved, true), expect("high-hash", BlockResult::InvalidHeader));

    let hash = unsolved.block_hash();
    let messages: Vec<String> = rig.chain.drain_events().iter().map(|event| event.log_message().unwrap()).collect();
    assert_eq!(
        messages,
        [
            format!("header {} has prev block not found: {}", blocks[1].block_hash(), blocks[0].block_hash()),
            format!(
                "AcceptBlockHeader: not adding new block header {}, missing anti-dos proof-of-work validation",
                blocks[0].block_hash()
            ),
            format!("AcceptBlockHeader: Consensus::CheckBlockHeader: {hash}, high-hash, proof of work failed"),
        ]
    );
}

#[test]
fn blocks_that_arrive_in_any_order_are_connected_in_theirs() {
    let mut rig = Rig::regtest();
    let (_, blocks) = rig.maker.run(rig.maker.genesis(), 40);
    let headers: Vec<_> = blocks.iter().map(|block| block.header).collect();
    rig.chain.accept_headers(&headers, true, NOW).unwrap();
    for block in blocks.iter().rev() {
        assert_eq!(rig.chain.active().height(), 0);
        rig.process(block).unwrap();
    }
    assert_eq!(rig.tip(), blocks[39].block_hash());
}

#[test]
fn a_body_that_does_not_fit_leaves_no_mark_and_the_true_one_is_taken() {
    let mut rig = Rig::regtest();
    let (tip, blocks) = rig.grow(rig.maker.genesis(), 101);
    let spends = vec![spending(&blocks[0], 0)];
    let (_, good) = rig.maker.make(tip, spends);

    let mut repeated = Block::clone(&good);
    repeated.txdata.push(repeated.txdata[1].clone());
    assert_eq!(rig.reason(&Arc::new(repeated.clone())), "bad-txnmrklroot");
    let mut witness = Block::clone(&good);
    witness.txdata[1].input[0].witness.push([1]);
    assert_eq!(rig.reason(&Arc::new(witness)), "bad-witness-merkle-match");
    let mut reserved = Block::clone(&good);
    reserved.txdata[0].input[0].witness.push([1]);
    assert_eq!(rig.reason(&Arc::new(reserved)), "bad-witness-nonce-size");

    assert!(!rig.chain.tree()[rig.id(&good)].status.failed);
    assert_eq!(rig.reason(&good), "ok");
    assert_eq!(rig.tip(), good.block_hash());
}

#[test]
fn a_repeated_transaction_that_keeps_the_root_is_mutated_and_not_invalid() {
    let mut rig = Rig::regtest();
    let (tip, blocks) = rig.grow(rig.maker.genesis(), 103);
    let spends = vec![spending(&blocks[0], 0), spending(&blocks[1], 0)];
    let (_, good) = rig.maker.make(tip, spends);
    let mut doubled = Block::clone(&good);
    doubled.txdata.push(doubled.txdata[2].clone());
    assert_eq!(doubled.block_hash(), good.block_hash());
    let error = rig.verdict(&Arc::new(doubled)).unwrap_err();
    assert_eq!((error.reason(), error.result()), ("bad-txns-duplicate", BlockResult::Mutated));
    assert_eq!(rig.reason(&good), "ok");
}

#[test]
fn unrequested_blocks_are_kept_only_when_they_may_be_of_use() {
    let mut rig = Rig::regtest();
    let genesis = rig.maker.genesis();
    rig.grow(genesis, 3);
    let source = Source { requested: false, min_pow_checked: true };
    let (_, weak) = rig.maker.make(genesis, vec![]);
    assert!(!rig.chain.process_block(&weak, source, NOW).unwrap().new);
    assert!(rig.process(&weak).unwrap().new, "asked for");
    assert!(!rig.process(&weak).unwrap().new, "known");
    let (_, equal) = rig.maker.run(genesis, 3);
    let headers: Vec<_> = equal.iter().map(|block| block.header).collect();
    rig.chain.accept_headers(&headers, true, NOW).unwrap();
    assert!(!rig.chain.process_block(&equal[1], source, NOW).unwrap().new, "less work than the tip");
    assert!(rig.chain.process_block(&equal[2], source, NOW).unwrap().new, "as much work as the tip");

    let (_, far) = rig.maker.run(genesis, 300);
    let headers: Vec<_> = far.iter().map(|block| block.header).collect();
    rig.chain.accept_headers(&headers, true, NOW).unwrap();
    // The tip is at 3: up to 288 blocks above it are taken.
    assert!(!rig.chain.process_block(&far[291], source, NOW).unwrap().new);
    assert!(rig.chain.process_block(&far[290], source, NOW).unwrap().new);
}

#[test]
fn too_little_work_is_not_stored_unless_asked_for() {
    let mut params = Params::regtest();
    params.minimum_chain_work = bitcoin::Work::from_be_bytes([1; 32]);
    let mut rig = Rig::new(params);
    let (_, block) = rig.maker.make(rig.maker.genesis(), vec![]);
    let source = Source { requested: false, min_pow_checked: true };
    assert!(!rig.chain.process_block(&block, source, NOW).unwrap().new);
    assert!(rig.chain.is_initial_block_download());
}

#[test]
fn the_node_has_caught_up_once_its_tip_is_recent() {
    let mut rig = Rig::regtest();
    assert!(rig.chain.is_initial_block_download());
    let (_, block) = rig.maker.make(rig.maker.genesis(), vec![]);
    let time = i64::from(block.header.time);
    rig.chain.process_block(&block, Source::REQUESTED, time + 24 * 3600 + 1).unwrap();
    assert!(rig.chain.is_initial_block_download());
    let (_, second) = rig.maker.make(rig.maker.tree().id(&block.block_hash()).unwrap(), vec![]);
    rig.chain.process_block(&second, Source::REQUESTED, time + 24 * 3600).unwrap();
    assert!(!rig.chain.is_initial_block_download());
}

#[test]
fn a_block_can_be_tested_without_being_taken() {
    let mut rig = Rig::regtest();
    let (tip, blocks) = rig.grow(rig.maker.genesis(), 101);
    let spends = vec![spending(&blocks[0], 0)];
    let (id, good) = rig.maker.make(tip, spends);
    let before = rig.chain.cache_size();
    rig.chain.test_block(&good, crate::block::Finished::YES, NOW).unwrap();
    assert_eq!(rig.chain.cache_size(), before);
    assert_eq!(rig.chain.tree().id(&good.block_hash()), None);
    let (_, far) = rig.maker.make(id, vec![]);
    let error = rig.chain.test_block(&far, crate::block::Finished::YES, NOW).unwrap_err();
    assert_eq!(error.to_string(), "inconclusive-not-best-prevblk");
}
