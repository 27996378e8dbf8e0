//! Connecting a block of 4,000 signed inputs, beside its bare signature checks; and what of it is not signatures.
//!
//! ```sh
//! cargo bench -p pumasi-chain --bench connect
//! ```
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its figures, and ends at what goes wrong")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use bitcoin::hashes::Hash;
use bitcoin::secp256k1::{All, Message, PublicKey, Secp256k1, SecretKey, ecdsa::Signature};
use bitcoin::sighash::{EcdsaSighashType, SighashCache};
use bitcoin::{Amount, Block, OutPoint, ScriptBuf, Transaction, TxOut, Txid, Witness, ecdsa};
use pumasi_chain::block::{Finished, check_block, txids};
use pumasi_chain::stats::CoinsHash;
use pumasi_chain::testing::{BlockMaker, options, spend};
use pumasi_chain::{
    Batch, BlockUndo, ChainState, Coin, CoinsCache, MemoryStore, Params, Place, ScriptChecks, Scripts, Source, Store,
    connect_block, disconnect_block, filter, mine,
};
use pumasi_script::{CacheUse, Interpreter};

/// Inputs of the block, each signed.
const INPUTS: usize = 4_000;
/// Empty blocks before those with transactions, of which there are half as many.
const BLOCKS: u32 = 4_000;
/// The clock.
const NOW: i64 = 2_000_000_000;
/// Rounds, of which the quickest counts.
const ROUNDS: usize = 5;

/// A block, the coins that it spends, and its signatures.
struct Case {
    name: &'static str,
    params: Params,
    maker: BlockMaker,
    block: Block,
    txids: Vec<Txid>,
    store: MemoryStore,
    signatures: Vec<(Message, Signature, PublicKey)>,
}

fn main() {
    let secp = Secp256k1::new();
    for (name, per_tx) in [("4,000 transactions of one input", 1), ("40 transactions of 100 inputs", 100)] {
        measure(&Case::new(&secp, name, per_tx), &secp);
    }
    grow();
    large();
}

/// Small blocks, from arrival to the tip, with what the chain holds in memory.
fn grow() {
    let params = Params::regtest();
    let mut maker = BlockMaker::new(&params);
    let (mut tip, mut blocks) = maker.run(maker.genesis(), BLOCKS);
    for i in 0..BLOCKS as usize / 2 {
        let coinbase = &blocks[i].txdata[0];
        let coin = (OutPoint::new(coinbase.compute_txid(), 0), coinbase.output[0].value);
        let first = spend(&[coin], 20, Amount::ZERO, 1);
        let chained = (0..20).map(|vout| {
            let outpoint = OutPoint::new(first.compute_txid(), vout);
            spend(&[(outpoint, first.output[0].value)], 2, Amount::ZERO, vout)
        });
        let transactions: Vec<Transaction> = std::iter::once(first.clone()).chain(chained).collect();
        let (id, block) = maker.make(tip, transactions.into_iter().map(|tx| (tx, Amount::ZERO)).collect());
        blocks.push(block);
        tip = id;
    }
    let transactions: usize = blocks.iter().map(|block| block.txdata.len()).sum();
    let mut chain = ChainState::open(params, MemoryStore::default(), options(), NOW).unwrap();
    let start = Instant::now();
    for block in &blocks {
        chain.process_block(block, Source::REQUESTED, NOW).unwrap();
        chain.drain_events();
    }
    let time = start.elapsed();
    println!("{} blocks of {transactions} transactions without signatures: {time:.2?}", blocks.len());
    println!("  {:8.2} us per transaction", time.as_secs_f64() * 1e6 / transactions as f64);
    let start = Instant::now();
    let id = chain.active().at(chain.active().height() / 2).unwrap();
    chain.invalidate(id, NOW).unwrap();
    let undone = start.elapsed();
    println!("  {undone:.2?} to take half of the blocks back");
    let start = Instant::now();
    let stats = chain.coin_stats(CoinsHash::MuHash).unwrap();
    let per_coin = start.elapsed().as_secs_f64() * 1e6 / stats.coins as f64;
    println!("  {per_coin:.2} us per coin for the muhash of {} coins", stats.coins);
}

/// Blocks of a megabyte in one output, as a reorganisation of a week has them in Core's tests.
fn large() {
    let params = Params::regtest();
    let mut maker = BlockMaker::new(&params);
    let (mut tip, base) = maker.run(maker.genesis(), 200);
    let mut blocks = Vec::new();
    for coinbase in base.iter().take(100) {
        let coinbase = &coinbase.txdata[0];
        let coin = (OutPoint::new(coinbase.compute_txid(), 0), coinbase.output[0].value);
        let mut tx = spend(&[coin], 1, Amount::ZERO, 1);
        let mut script = vec![0x6a];
        script.resize(998_000, 0x51);
        tx.output[0].script_pubkey = ScriptBuf::from_bytes(script);
        let (id, block) = maker.make(tip, vec![(tx, Amount::ZERO)]);
        blocks.push(block);
        tip = id;
    }
    let mut chain = ChainState::open(params, MemoryStore::default(), options(), NOW).unwrap();
    for block in &base {
        chain.process_block(block, Source::REQUESTED, NOW).unwrap();
    }
    chain.drain_events();
    let start = Instant::now();
    for block in &blocks {
        chain.process_block(block, Source::REQUESTED, NOW).unwrap();
        chain.drain_events();
    }
    let per_block = start.elapsed() / blocks.len() as u32;
    println!("blocks of a megabyte in one output: {per_block:.2?} each from arrival to the tip");
    let start = Instant::now();
    let id = chain.active().at(201).unwrap();
    chain.invalidate(id, NOW).unwrap();
    println!("  {:.2?} each to be taken back", start.elapsed() / blocks.len() as u32);
}

impl Case {
    fn new(secp: &Secp256k1<All>, name: &'static str, per_tx: usize) -> Self {
        let key = SecretKey::from_slice(&[7; 32]).unwrap();
        let public = key.public_key(secp);
        let script_pubkey = ScriptBuf::new_p2wpkh(&bitcoin::CompressedPublicKey(public).wpubkey_hash());
        let value = Amount::from_sat(100_000);
        let coin = Coin { output: TxOut { value, script_pubkey: script_pubkey.clone() }, height: 0, coinbase: false };
        let points: Vec<OutPoint> =
            (0..INPUTS as u32).map(|i| OutPoint::new(Txid::hash(&i.to_le_bytes()), i % 3)).collect();
        let mut store = MemoryStore::default();
        let coins = points.iter().map(|outpoint| (outpoint, Some(&coin))).collect();
        store.commit(Batch { coins, ..Batch::default() }).unwrap();

        let mut signatures = Vec::new();
        let mut sign = |mut tx: Transaction| {
            let mut cache = SighashCache::new(&mut tx);
            for input in 0..per_tx {
                let kind = EcdsaSighashType::All;
                let sighash = cache.p2wpkh_signature_hash(input, &script_pubkey, value, kind).unwrap();
                let message = Message::from_digest(sighash.to_byte_array());
                let signature = secp.sign_ecdsa(&message, &key);
                signatures.push((message, signature, public));
                let own = ecdsa::Signature { signature, sighash_type: kind };
                *cache.witness_mut(input).unwrap() = Witness::p2wpkh(&own, &public);
            }
            (tx, Amount::ZERO)
        };
        let transactions = points
            .chunks(per_tx)
            .map(|points| {
                let coins: Vec<_> = points.iter().map(|outpoint| (*outpoint, value)).collect();
                sign(spend(&coins, 2, Amount::ZERO, 1))
            })
            .collect();
        let params = Params::regtest();
        let mut maker = BlockMaker::new(&params);
        let (_, block) = maker.make(maker.genesis(), transactions);
        let block = Arc::unwrap_or_clone(block);
        Self { name, params, maker, txids: txids(&block), block, store, signatures }
    }

    fn place(&self) -> Place<'_> {
        Place { tree: self.maker.tree(), parent: self.maker.genesis(), hash: self.block.block_hash() }
    }

    fn connect(&self, scripts: Scripts<'_>) -> (CoinsCache, BlockUndo) {
        let mut cache = CoinsCache::new([1, 2]);
        let coins = (&mut cache, &self.store);
        let undo = connect_block(&self.block, &self.txids, self.place(), &self.params, coins, scripts).unwrap();
        (cache, undo)
    }
}

fn measure(case: &Case, secp: &Secp256k1<All>) {
    println!("{} ({} kB)", case.name, case.block.total_size() / 1000);
    let raw = quickest(|| {
        for (message, signature, key) in &case.signatures {
            // As a script has it: the key is bytes.
            let key = PublicKey::from_slice(&key.serialize()).unwrap();
            secp.verify_ecdsa(message, signature, &key).unwrap();
        }
    });
    show("bare signatures", raw, raw);
    for threads in [1, 2] {
        let checks = ScriptChecks { verifier: Arc::new(Interpreter::new()), cache: None, threads };
        let time = quickest(|| drop(case.connect(Scripts::Check(&checks, CacheUse::Take))));
        show(&format!("connect, scripts on {threads}"), time, raw);
    }
    show("connect, no scripts", quickest(|| drop(case.connect(Scripts::Assume))), raw);
    let verifier = Interpreter::new();
    let check = || check_block(&case.block, &txids(&case.block), Finished::YES, &case.params, &verifier).unwrap();
    show("check_block with txids", quickest(check), raw);
    let (_, undo) = case.connect(Scripts::Assume);
    show("undo: encode", quickest(|| drop(undo.encode())), raw);
    let bytes = undo.encode();
    show("undo: decode", quickest(|| drop(BlockUndo::decode(&bytes).unwrap())), raw);
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let (mut cache, undo) = case.connect(Scripts::Assume);
        let start = Instant::now();
        let coins = (&mut cache, &case.store);
        disconnect_block(&case.block, &case.txids, undo, case.place(), coins).unwrap();
        best = best.min(start.elapsed());
    }
    show("disconnect", best, raw);
    show("block filter", quickest(|| drop(filter::block_filter(&case.block, &undo).unwrap())), raw);
    let mut copy = case.block.clone();
    copy.txdata[0].output.pop();
    show("witness commitment", quickest(|| mine::add_witness_commitment(&mut copy.clone())), raw);
}

fn quickest(mut act: impl FnMut()) -> Duration {
    let time = |_| {
        let start = Instant::now();
        act();
        start.elapsed()
    };
    (0..ROUNDS).map(time).min().unwrap()
}

fn show(what: &str, time: Duration, raw: Duration) {
    let share = 100.0 * time.as_secs_f64() / raw.as_secs_f64();
    println!("  {what:26} {:8.2} ms  {share:6.1} % of the signatures", time.as_secs_f64() * 1000.0);
}
