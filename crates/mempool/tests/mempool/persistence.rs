//! The mempool across a restart.

use bitcoin::consensus::encode::serialize;
use proptest::prelude::*;
use pumasi_mempool::{Config, LoadError, LoadOptions, LoadReport, Mempool};

use crate::chain::{NOW, TestChain, accept, chain_of, setup, spend};
use crate::figures;

const KEY: Option<[u8; 8]> = Some([1, 2, 3, 4, 5, 6, 7, 8]);

fn filled() -> (Mempool, TestChain) {
    let (mut pool, mut chain) = setup();
    for tx in chain_of(chain.fund(), 5, 1000) {
        accept(&mut pool, &chain, &tx).unwrap();
    }
    let other = spend(&[chain.fund()], 3, 1000);
    accept(&mut pool, &chain, &other).unwrap();
    pool.prioritise(other.compute_txid(), 777);
    pool.prioritise(chain.coinbase(1).outpoint.txid, -5);
    pool.add_unbroadcast(other.compute_txid());
    (pool, chain)
}

fn load(bytes: &[u8], chain: &TestChain, now: i64) -> (Mempool, Result<LoadReport, LoadError>) {
    let mut pool = Mempool::new(Config::default());
    let report = pool.load(bytes, chain, now, LoadOptions::default());
    (pool, report)
}

#[test]
fn a_restart_loses_nothing() {
    let (pool, chain) = filled();
    for key in [KEY, None] {
        let (loaded, report) = load(&pool.dump(key), &chain, NOW + 100);
        assert_eq!(report.unwrap(), LoadReport { accepted: 6, unbroadcast: 1, ..LoadReport::default() });
        assert_eq!(loaded.hashes_by_mining_order(), pool.hashes_by_mining_order());
        assert_eq!(loaded.prioritised().collect::<Vec<_>>(), pool.prioritised().collect::<Vec<_>>());
        assert_eq!(loaded.unbroadcast(), pool.unbroadcast());
        assert!(loaded.iter().all(|entry| entry.time() == NOW));
        figures::check(&loaded, &chain);
    }
}

#[test]
fn the_file_is_laid_out_as_bitcoin_core_lays_it_out() {
    let (mut pool, mut chain) = setup();
    let tx = spend(&[chain.fund()], 1, 1000);
    accept(&mut pool, &chain, &tx).unwrap();
    let mut expected = 1_u64.to_le_bytes().to_vec();
    expected.extend(1_u64.to_le_bytes());
    expected.extend(serialize(&*tx));
    expected.extend(NOW.to_le_bytes());
    expected.extend(0_i64.to_le_bytes());
    expected.extend([0, 0]);
    assert_eq!(pool.dump(None), expected);

    let scrambled = pool.dump(KEY);
    assert_eq!(scrambled[..17], [2, 0, 0, 0, 0, 0, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]);
    // The key repeats from the start of the file: byte 17 meets its second byte.
    assert_eq!(scrambled[17], 1 ^ 2);
    assert_eq!(scrambled[18], 3);
    assert_eq!(scrambled.len(), expected.len() + 9);
}

#[test]
fn what_waited_too_long_or_is_confirmed_does_not_come_back() {
    let (mut pool, mut chain) = filled();
    let bytes = pool.dump(KEY);
    let (_, report) = load(&bytes, &chain, NOW + 336 * 3600);
    assert_eq!(report.unwrap(), LoadReport { expired: 6, unbroadcast: 1, ..LoadReport::default() });
    let report = pool.load(&bytes, &chain, NOW, LoadOptions { apply_fee_deltas: false, ..LoadOptions::default() });
    assert_eq!(report.unwrap(), LoadReport { already_there: 6, unbroadcast: 1, ..LoadReport::default() });
    let first = pool.hashes_by_mining_order()[0];
    let confirmed = pool.get(&first).unwrap();
    chain.connect(&[confirmed]);
    let (loaded, report) = load(&bytes, &chain, NOW);
    assert_eq!(report.unwrap().failed, 1);
    assert_eq!(loaded.len(), 5);
}

#[test]
fn another_format_is_named() {
    let (_, chain) = setup();
    let error = load(&3_u64.to_le_bytes(), &chain, NOW).1.unwrap_err();
    assert_eq!(error.to_string(), "mempool file has version 3, known are 1 and 2");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_damaged_file_is_an_error_or_a_smaller_mempool(cut in 0..2000usize, at in 0..2000usize, to: u8) {
        let (pool, chain) = filled();
        let mut bytes = pool.dump(None);
        let at = at % bytes.len();
        bytes[at] = to;
        bytes.truncate(bytes.len().saturating_sub(cut % 3 * cut));
        let (loaded, _) = load(&bytes, &chain, NOW);
        prop_assert!(loaded.len() <= 6);
        figures::check(&loaded, &chain);
    }
}
