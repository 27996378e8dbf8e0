//! Standardness, as a transaction meets it on its way in.

use std::sync::Arc;

use bitcoin::{ScriptBuf, Transaction, Witness};
use pumasi_chain::TxResult;
use pumasi_mempool::{Config, Mempool};

use crate::chain::{Spend, TestChain, Utxo, accept, reason, setup, spend};

fn key() -> Vec<u8> {
    [&[33, 2][..], &[7; 32]].concat()
}

fn multisig(keys: usize) -> ScriptBuf {
    ScriptBuf::from_bytes([&[0x51][..], &key().repeat(keys), &[0x50 + keys as u8, 0xae]].concat())
}

fn data(bytes: usize) -> ScriptBuf {
    let mut script = vec![0x6a, 0x4e];
    script.extend((bytes as u32).to_le_bytes());
    script.extend(vec![0; bytes]);
    ScriptBuf::from_bytes(script)
}

fn config(change: impl FnOnce(&mut Config)) -> (Mempool, TestChain) {
    let mut config = Config::default();
    change(&mut config);
    (Mempool::new(config), TestChain::new(150))
}

#[test]
fn versions_1_to_3_are_standard() {
    let (mut pool, mut chain) = setup();
    for version in [1, 2, 3] {
        let tx = Spend::new(&[chain.fund()], 1, 1000).version(version).arc();
        accept(&mut pool, &chain, &tx).unwrap();
    }
    for version in [0, 4, -1, i32::MAX] {
        let tx = Spend::new(&[chain.fund()], 1, 1000).version(version).arc();
        assert_eq!(reason(&mut pool, &chain, &tx), "version");
    }
    let (mut pool, mut chain) = config(|config| config.require_standard = false);
    let tx = Spend::new(&[chain.fund()], 1, 1000).version(4).arc();
    accept(&mut pool, &chain, &tx).unwrap();
}

#[test]
fn input_scripts_are_short_and_only_push() {
    let (mut pool, mut chain) = setup();
    let with = |chain: &mut TestChain, script: Vec<u8>| {
        let mut tx = Spend::new(&[chain.fund()], 1, 1000).build();
        tx.input[0].script_sig = ScriptBuf::from_bytes(script);
        Arc::new(tx)
    };
    let tx = with(&mut chain, vec![0x51; 1651]);
    assert_eq!(reason(&mut pool, &chain, &tx), "scriptsig-size");
    let tx = with(&mut chain, vec![0x61]);
    assert_eq!(reason(&mut pool, &chain, &tx), "scriptsig-not-pushonly");
    let tx = with(&mut chain, vec![0x51; 1650]);
    assert!(reason(&mut pool, &chain, &tx).starts_with("mempool-script-verify-flag-failed"));
}

#[test]
fn outputs_pay_to_known_scripts() {
    let (mut pool, mut chain) = setup();
    let pay = |chain: &mut TestChain, script| Spend::new(&[chain.fund()], 1, 20_000).pay(script, 10_000).arc();
    let tx = pay(&mut chain, ScriptBuf::from_bytes(vec![0x51]));
    assert_eq!(reason(&mut pool, &chain, &tx), "scriptpubkey");
    let tx = pay(&mut chain, multisig(4));
    assert_eq!(reason(&mut pool, &chain, &tx), "scriptpubkey");
    let tx = pay(&mut chain, multisig(3));
    accept(&mut pool, &chain, &tx).unwrap();
    let (mut pool, mut chain) = config(|config| config.permit_bare_multisig = false);
    let tx = pay(&mut chain, multisig(3));
    assert_eq!(reason(&mut pool, &chain, &tx), "bare-multisig");
}

#[test]
fn data_outputs_share_one_limit() {
    let pay = |chain: &mut TestChain, sizes: &[usize]| {
        let spend = Spend::new(&[chain.fund()], 1, 200_000);
        sizes.iter().fold(spend, |spend, &size| spend.pay(data(size - 6), 0)).arc()
    };
    let (mut pool, mut chain) = config(|config| config.max_datacarrier_bytes = Some(83));
    let tx = pay(&mut chain, &[40, 43]);
    accept(&mut pool, &chain, &tx).unwrap();
    let tx = pay(&mut chain, &[40, 44]);
    assert_eq!(reason(&mut pool, &chain, &tx), "datacarrier");
    let (mut pool, mut chain) = config(|config| config.max_datacarrier_bytes = None);
    let tx = pay(&mut chain, &[7]);
    assert_eq!(reason(&mut pool, &chain, &tx), "datacarrier");
    // By default the weight of the transaction is the only limit.
    let (mut pool, mut chain) = setup();
    let tx = pay(&mut chain, &[50_000, 49_000]);
    accept(&mut pool, &chain, &tx).unwrap();
}

#[test]
fn two_dust_outputs_are_too_many_even_where_one_is_not() {
    let (mut pool, mut chain) = setup();
    let hash = ScriptBuf::from_bytes([&[0x00, 0x14][..], &[7; 20]].concat());
    let pay = |chain: &mut TestChain, sat: u64, fee| {
        Spend::new(&[chain.fund()], 1, fee).pay(hash.clone(), sat).pay(hash.clone(), sat).arc()
    };
    let tx = pay(&mut chain, 293, 0);
    assert_eq!(reason(&mut pool, &chain, &tx), "dust");
    let tx = pay(&mut chain, 294, 1000);
    accept(&mut pool, &chain, &tx).unwrap();
}

#[test]
fn less_than_65_bytes_are_refused_on_every_network() {
    let (mut pool, mut chain) = config(|config| config.require_standard = false);
    let tiny = |chain: &mut TestChain, script: &[u8]| {
        let mut tx = Spend::new(&[chain.fund()], 1, 1000).build();
        tx.output[0].script_pubkey = ScriptBuf::from_bytes(script.to_vec());
        Arc::new(tx)
    };
    let tx = tiny(&mut chain, &[0x6a, 0x02, 1, 2]);
    assert_eq!(tx.base_size(), 64);
    assert_eq!(reason(&mut pool, &chain, &tx), "tx-size-small");
    let tx = tiny(&mut chain, &[0x6a, 0x03, 1, 2, 3]);
    accept(&mut pool, &chain, &tx).unwrap();
}

#[test]
fn inputs_spend_known_scripts() {
    let (mut pool, mut chain) = setup();
    let unknown = chain.add_coin(ScriptBuf::from_bytes(vec![0x51]), 100_000);
    let future = chain.add_coin(ScriptBuf::from_bytes(vec![0x60, 2, 1, 2]), 100_000);
    let without_witness = |utxo: Utxo| -> Arc<Transaction> {
        let mut tx = Spend::new(&[utxo], 1, 1000).build();
        tx.input[0].witness = Witness::new();
        Arc::new(tx)
    };
    let rejected = accept(&mut pool, &chain, &without_witness(unknown)).unwrap_err();
    assert_eq!(rejected.kind, TxResult::InputsNotStandard);
    assert_eq!(rejected.to_string(), "bad-txns-nonstandard-inputs, input 0 script unknown");
    let text = reason(&mut pool, &chain, &without_witness(future));
    assert_eq!(text, "bad-txns-nonstandard-inputs, input 0 witness program is undefined");
    let anchor = chain.add_coin(ScriptBuf::from_bytes(vec![0x51, 2, 0x4e, 0x73]), 100_000);
    assert_eq!(reason(&mut pool, &chain, &spend(&[anchor], 1, 1000)), "bad-witness-nonstandard");
    accept(&mut pool, &chain, &without_witness(anchor)).unwrap();
}

#[test]
fn a_transaction_has_at_most_16000_weighted_signature_operations() {
    let (mut pool, mut chain) = setup();
    let script = ScriptBuf::from_bytes([key(), vec![0xac]].concat());
    let tx = |chain: &mut TestChain, checks: usize| {
        let spend = Spend::new(&[chain.fund()], 1, 1_000_000);
        (0..checks / 20).fold(spend, |spend, _| spend.pay(multisig(1), 10_000)).pay(script.clone(), 10_000).arc()
    };
    // A bare multisig counts for twenty.
    let small = tx(&mut chain, 200 * 20 - 20);
    let accepted = accept(&mut pool, &chain, &small).unwrap();
    let sigops = pool.entry(&accepted.txid).unwrap().sigop_cost();
    assert_eq!(sigops, (199 * 20 + 1) * 4);
    assert_eq!(accepted.vsize, (sigops * 20 + 3) / 4, "they weigh more than its bytes");
    let large = tx(&mut chain, 200 * 20);
    assert_eq!(reason(&mut pool, &chain, &large), "bad-txns-too-many-sigops, 16004");
}
