use bitcoin::hashes::Hash as _;
use bitcoin::{Amount, BlockHash, ScriptBuf};
use pumasi_chain::testing::{BlockMaker, anyone_can_spend, spend};
use pumasi_p2p::light::LightEvent;

use super::*;

fn open(folder: &Path) -> (Light, FilterSync) {
    Light::open(folder, &Params::regtest(), |_| true).unwrap()
}

fn watch(script: ScriptBuf) -> Watch {
    Watch { scripts: vec![script], since: 0 }
}

/// A chain of three blocks: the second pays to the script of `anyone_can_spend(7)`, the third spends that.
fn blocks() -> Vec<std::sync::Arc<Block>> {
    let mut maker = BlockMaker::new(&Params::regtest());
    let (first, one) = maker.make(maker.genesis(), Vec::new());
    let coin = (OutPoint::new(one.txdata[0].compute_txid(), 0), one.txdata[0].output[0].value);
    let pays = spend(&[coin], 1, Amount::ZERO, 7);
    let (second, two) = maker.make(first, vec![(pays.clone(), Amount::ZERO)]);
    let coin = (OutPoint::new(pays.compute_txid(), 0), pays.output[0].value);
    let (_, three) = maker.make(second, vec![(spend(&[coin], 1, Amount::ZERO, 99), Amount::ZERO)]);
    vec![one, two, three]
}

fn found(light: &Light) -> Vec<u32> {
    light.found().keys().map(|place| place.height).collect()
}

#[test]
fn what_was_found_survives_and_a_reorganisation_takes_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = blocks();
    let (mut light, mut sync) = open(folder.path());
    light.watch("seven", watch(anyone_can_spend(7)), &mut sync).unwrap();
    let tip = blocks[2].block_hash();
    let headers = vec![FilterHeader::all_zeros(); 3];
    light.follow(LightEvent::Headers { start: 1, headers, tip }).unwrap();
    for (height, block) in (1..).zip(&blocks) {
        light.follow(LightEvent::Block { height, block: Box::new((**block).clone()) }).unwrap();
    }
    light.follow(LightEvent::Scanned { height: 3 }).unwrap();
    assert_eq!((found(&light), light.balance()), (vec![2, 3], Amount::ZERO), "paid and spent");
    light.save().unwrap();
    drop(light);

    let (mut light, sync) = open(folder.path());
    assert_eq!((sync.height(), sync.scanned()), (3, 3));
    assert_eq!((found(&light), light.watches().len()), (vec![2, 3], 1));
    let hash = blocks[1].block_hash();
    light.follow(LightEvent::Rewound { height: 2, tip: hash }).unwrap();
    assert_eq!((found(&light), light.balance()), (vec![2], blocks[1].txdata[1].output[0].value), "not spent any more");
    light.save().unwrap();
    drop(light);

    let (light, sync) = open(folder.path());
    assert_eq!((sync.height(), sync.scanned(), found(&light)), (2, 2, vec![2]));
}

#[test]
fn a_lie_takes_back_headers_and_not_what_was_found() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = blocks();
    let (mut light, mut sync) = open(folder.path());
    light.watch("seven", watch(anyone_can_spend(7)), &mut sync).unwrap();
    let tip = blocks[2].block_hash();
    let headers = vec![FilterHeader::all_zeros(); 3];
    light.follow(LightEvent::Headers { start: 1, headers, tip }).unwrap();
    light.follow(LightEvent::Block { height: 2, block: Box::new((*blocks[1]).clone()) }).unwrap();
    light.follow(LightEvent::Scanned { height: 3 }).unwrap();
    light.follow(LightEvent::Distrusted { height: 1, tip: blocks[0].block_hash() }).unwrap();
    light.save().unwrap();
    drop(light);
    let (light, sync) = open(folder.path());
    assert_eq!((sync.height(), sync.scanned(), found(&light)), (1, 1, vec![2]));
}

#[test]
fn what_is_watched_no_longer_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = blocks();
    let (mut light, mut sync) = open(folder.path());
    light.watch("seven", watch(anyone_can_spend(7)), &mut sync).unwrap();
    light.watch("again", watch(anyone_can_spend(7)), &mut sync).unwrap();
    light.watch("change", watch(anyone_can_spend(99)), &mut sync).unwrap();
    for (height, block) in (1..).zip(&blocks) {
        light.follow(LightEvent::Block { height, block: Box::new((**block).clone()) }).unwrap();
    }
    assert!(light.unwatch("seven", &mut sync).unwrap());
    assert_eq!(found(&light), [2, 3], "it is still watched under another name");
    assert!(light.unwatch("again", &mut sync).unwrap());
    assert_eq!(found(&light), [3], "the third pays to the other one");
    assert!(!light.unwatch("seven", &mut sync).unwrap());
    drop(light);
    assert_eq!(found(&open(folder.path()).0), [3]);
}

#[test]
fn headers_of_blocks_that_are_gone_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let (mut light, _) = open(folder.path());
    let tip = BlockHash::from_byte_array([9; 32]);
    light.follow(LightEvent::Headers { start: 1, headers: vec![FilterHeader::all_zeros()], tip }).unwrap();
    light.save().unwrap();
    drop(light);
    let (_, sync) = Light::open(folder.path(), &Params::regtest(), |hash| *hash != tip).unwrap();
    assert_eq!(sync.height(), 0);
}
