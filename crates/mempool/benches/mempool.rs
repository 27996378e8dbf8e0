//! How fast transactions come in, go out, and are chosen for a block.
//!
//! ```sh
//! cargo bench -p pumasi-mempool --bench mempool
//! ```
//!
//! On one core. Unless it says otherwise the scripts are trivial, so that the figures are the mempool's own.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its figures, and ends at what goes wrong")]
#![allow(dead_code, unreachable_pub, reason = "the chain of the tests has more than a bench needs")]

#[path = "../tests/mempool/chain.rs"]
mod chain;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bitcoin::{
    CompressedPublicKey, EcdsaSighashType, Transaction, Witness,
    secp256k1::{Message, Secp256k1, SecretKey},
    sighash::SighashCache,
};
use chain::{NOW, Spend, TestChain, Utxo, anyone, chain_of, spend};
use pumasi_mempool::{Config, DisconnectedTransactions, LoadOptions, Mempool, TemplateLimits};

/// Transactions of most measurements.
const COUNT: usize = 50_000;
/// Transactions with a signature each.
const SIGNED: usize = 10_000;
/// Transactions of a block.
const BLOCK: usize = 4_000;

fn main() {
    let mut chain = TestChain::new(1);
    let coins: Vec<Utxo> = (0..COUNT).map(|_| chain.add_coin(anyone(), 1_000_000)).collect();
    let all: Vec<_> = coins.iter().zip(0..).map(|(coin, n)| spend(&[*coin], 2, 1000 + n % 5000)).collect();

    let mut pool = accept_all("accept, independent", Config::default(), &chain, &all);
    println!("{:<32} {:>10.1} MB for {COUNT}", "usage", pool.usage() as f64 / 1e6);
    families(&mut chain);
    signatures(&mut chain);
    full(&chain, &all);
    replacements(&chain, &coins);

    let (template, time) = timed(|| pool.select(&TemplateLimits::default(), &chain));
    show("select for a block", template.transactions.len(), time);
    let (bytes, time) = timed(|| pool.dump(Some([7; 8])));
    show("dump", COUNT, time);
    let mut loaded = Mempool::new(Config::default());
    let (_, time) = timed(|| loaded.load(&bytes, &chain, NOW, LoadOptions::default()).unwrap());
    show("load", COUNT, time);

    let block: Vec<_> = template.transactions.iter().take(BLOCK).map(|item| Arc::clone(&item.tx)).collect();
    let transactions = chain.connect(&block);
    let ((), time) = timed(|| pool.remove_for_block(&transactions, NOW));
    show("remove for a block", block.len(), time);
    let mut disconnected = DisconnectedTransactions::new();
    assert!(disconnected.add_block(&chain.disconnect()).is_empty());
    let (_, time) = timed(|| pool.update_for_reorg(disconnected, &chain, NOW, true));
    show("put back after a reorganisation", block.len(), time);
    assert_eq!(pool.len(), COUNT);
    let (_, time) = timed(|| pool.trim(0));
    show("evict all", COUNT, time);
}

fn accept_all(what: &str, config: Config, chain: &TestChain, all: &[Arc<Transaction>]) -> Mempool {
    let mut pool = Mempool::new(config);
    let (accepted, time) = timed(|| all.iter().filter(|tx| pool.accept(Arc::clone(tx), chain, NOW).is_ok()).count());
    assert_eq!(accepted, all.len());
    show(what, accepted, time);
    pool
}

/// Chains of 25, the longest there are.
fn families(chain: &mut TestChain) {
    let coins: Vec<Utxo> = (0..COUNT / 25).map(|_| chain.add_coin(anyone(), 1_000_000)).collect();
    let all: Vec<_> = coins.iter().flat_map(|coin| chain_of(*coin, 25, 1000)).collect();
    let pool = accept_all("accept, chains of 25", Config::default(), chain, &all);
    let (template, time) = timed(|| pool.select(&TemplateLimits::default(), chain));
    show("select, chains of 25", template.transactions.len(), time);
}

/// P2WPKH: one signature each, beside the same signatures verified by the library alone.
fn signatures(chain: &mut TestChain) {
    let secp = Secp256k1::new();
    let secret = SecretKey::from_slice(&[7; 32]).unwrap();
    let public = secret.public_key(&secp);
    let script = bitcoin::ScriptBuf::new_p2wpkh(&CompressedPublicKey(public).wpubkey_hash());
    let mut checks = Vec::new();
    let mut all = Vec::new();
    for _ in 0..SIGNED {
        let coin = chain.add_coin(script.clone(), 1_000_000);
        let mut tx = Spend::new(&[coin], 2, 1000).build();
        let value = bitcoin::Amount::from_sat(coin.value);
        let hash = SighashCache::new(&tx).p2wpkh_signature_hash(0, &script, value, EcdsaSighashType::All).unwrap();
        let message = Message::from(hash);
        let signature = secp.sign_ecdsa_low_r(&message, &secret);
        checks.push((message, signature));
        tx.input[0].witness = Witness::p2wpkh(&bitcoin::ecdsa::Signature::sighash_all(signature), &public);
        all.push(Arc::new(tx));
    }
    accept_all("accept, one signature each", Config::default(), chain, &all);
    let bytes = public.serialize();
    let ((), time) = timed(|| {
        for (message, signature) in &checks {
            let key = bitcoin::secp256k1::PublicKey::from_slice(&bytes).unwrap();
            secp.verify_ecdsa(message, signature, &key).unwrap();
        }
    });
    show("  raw secp256k1, beside it", SIGNED, time);
}

/// A mempool that is full all the time: each that comes pushes another out.
fn full(chain: &TestChain, all: &[Arc<Transaction>]) {
    let config = Config { max_size_bytes: 5_000_000, ..Config::default() };
    let mut pool = Mempool::new(config);
    let sorted = {
        let mut sorted: Vec<_> = all.to_vec();
        sorted.sort_by_key(|tx| std::cmp::Reverse(tx.output[0].value));
        sorted
    };
    let (accepted, time) = timed(|| sorted.iter().filter(|tx| pool.accept(Arc::clone(tx), chain, NOW).is_ok()).count());
    show("accept into a full mempool", all.len(), time);
    println!("{:<32} {accepted:>10} accepted, {} kept", "", pool.len());
}

fn replacements(chain: &TestChain, coins: &[Utxo]) {
    let first: Vec<_> = coins.iter().take(BLOCK).map(|coin| spend(&[*coin], 2, 1000)).collect();
    let mut pool = accept_all("accept, to be replaced", Config::default(), chain, &first);
    let second: Vec<_> = coins.iter().take(BLOCK).map(|coin| spend(&[*coin], 2, 2000)).collect();
    let (replaced, time) = timed(|| {
        second.iter().map(|tx| pool.accept(Arc::clone(tx), chain, NOW).unwrap().replaced.len()).sum::<usize>()
    });
    show("replace", replaced, time);
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}

fn show(what: &str, count: usize, time: Duration) {
    let rate = count as f64 / time.as_secs_f64();
    println!("{what:<32} {rate:>10.0} transactions/s   ({count} in {:.1} ms)", time.as_secs_f64() * 1e3);
}
