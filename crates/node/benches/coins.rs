//! The store of coins: commits and gets through our store and its cache, beside the same database used directly and a map
//! in memory, in the same run.
//!
//! ```sh
//! cargo bench -p pumasi-node --bench coins
//! ```
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its figures, and ends at what goes wrong")]

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bitcoin::hashes::{Hash as _, sha256};
use bitcoin::{Amount, OutPoint, ScriptBuf, TxOut, Txid};
use fjall::{Database, KeyspaceCreateOptions, PersistMode};
use pumasi_chain::{Batch, Coin, CoinsCache, CoinsView, Params, Store};
use pumasi_node::storage::{DiskStore, StoreOptions};

/// Coins in the store.
const COINS: u32 = 600_000;
/// Coins of one commit.
const COMMIT: u32 = 100_000;
/// Coins that are read, all over the store.
const GETS: u32 = 200_000;
/// Coins that one block spends and makes.
const BLOCK: u32 = 4_000;
/// Bytes of the database's own cache.
const CACHE: u64 = 64 << 20;

fn outpoint(number: u32) -> OutPoint {
    OutPoint::new(Txid::from_byte_array(sha256::Hash::hash(&number.to_le_bytes()).to_byte_array()), number % 3)
}

fn coin(number: u32) -> Coin {
    let script = [&[0, 20][..], &sha256::Hash::hash(&number.to_be_bytes()).to_byte_array()[..20]].concat();
    let output =
        TxOut { value: Amount::from_sat(u64::from(number) * 1_000), script_pubkey: ScriptBuf::from_bytes(script) };
    Coin { output, height: number / 2_000, coinbase: number.is_multiple_of(2_000) }
}

/// The same numbers in another order.
fn scattered(count: u32, among: u32) -> impl Iterator<Item = u32> {
    (0..count).map(move |at| (u64::from(at) * 2_654_435_761 % u64::from(among)) as u32)
}

fn key(outpoint: &OutPoint) -> [u8; 36] {
    let mut key = [0; 36];
    key[..32].copy_from_slice(outpoint.txid.as_ref());
    key[32..].copy_from_slice(&outpoint.vout.to_be_bytes());
    key
}

fn rate(count: u32, time: Duration) -> f64 {
    f64::from(count) / time.as_secs_f64()
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let coins: Vec<(OutPoint, Coin)> = (0..COINS).map(|number| (outpoint(number), coin(number))).collect();

    let mut store = DiskStore::open(&StoreOptions {
        database: folder.path().join("ours"),
        blocks: folder.path().to_path_buf(),
        magic: Params::regtest().magic.to_bytes(),
        cache_size: CACHE,
        small_files: false,
        masked: false,
    })
    .unwrap();
    let start = Instant::now();
    for part in coins.chunks(COMMIT as usize) {
        let changes = part.iter().map(|(outpoint, coin)| (outpoint, Some(coin))).collect();
        store.commit(Batch { coins: changes, ..Batch::default() }).unwrap();
    }
    let ours = rate(COINS, start.elapsed());

    let raw = Database::builder(folder.path().join("raw"))
        .cache_size(CACHE)
        .manual_journal_persist(true)
        .worker_threads(1)
        .open()
        .unwrap();
    let space = raw.keyspace("coins", KeyspaceCreateOptions::default).unwrap();
    let start = Instant::now();
    for part in coins.chunks(COMMIT as usize) {
        let mut batch = raw.batch().durability(Some(PersistMode::SyncData));
        for (outpoint, coin) in part {
            let mut bytes = Vec::with_capacity(48);
            coin.encode(&mut bytes);
            batch.insert(&space, key(outpoint), bytes);
        }
        batch.commit().unwrap();
    }
    let direct = rate(COINS, start.elapsed());
    println!("commits of {COMMIT} coins, {COINS} in all, each synced to the disk:");
    println!("  through the store {ours:9.0} coins/s; the database alone {direct:9.0}: {:.0}%", 100.0 * ours / direct);

    let map: HashMap<OutPoint, Coin> = coins.iter().cloned().collect();
    let wanted: Vec<OutPoint> = scattered(GETS, COINS).map(outpoint).collect();
    let start = Instant::now();
    assert!(wanted.iter().all(|outpoint| store.coin(outpoint).unwrap().is_some()));
    let ours = rate(GETS, start.elapsed());
    let start = Instant::now();
    assert!(wanted.iter().all(|outpoint| space.get(key(outpoint)).unwrap().is_some()));
    let direct = rate(GETS, start.elapsed());
    let start = Instant::now();
    assert!(wanted.iter().all(|outpoint| map.contains_key(outpoint)));
    let memory = rate(GETS, start.elapsed());
    println!("gets of {GETS} coins all over the store:");
    println!("  through the store {ours:9.0} coins/s; the database alone {direct:9.0}: {:.0}%", 100.0 * ours / direct);
    println!("  a map in memory   {memory:9.0} coins/s");

    let mut cache = CoinsCache::new([1, 2]);
    let start = Instant::now();
    assert!(wanted.iter().all(|outpoint| cache.fetch(&store, outpoint).unwrap().is_some()));
    let cold = rate(GETS, start.elapsed());
    let start = Instant::now();
    assert!(wanted.iter().all(|outpoint| cache.fetch(&store, outpoint).unwrap().is_some()));
    let warm = rate(GETS, start.elapsed());
    println!(
        "gets through the write-back cache: empty {cold:.0} coins/s, full {warm:.0} ({:.0}% of the map)",
        100.0 * warm / memory
    );

    let (mut next, start) = (COINS, Instant::now());
    let rounds = GETS / BLOCK;
    for round in 0..rounds {
        for number in scattered(BLOCK, BLOCK) {
            assert!(cache.spend(&store, &outpoint(round * BLOCK + number)).unwrap().is_some());
        }
        for _ in 0..BLOCK {
            cache.add(outpoint(next), coin(next), false);
            next += 1;
        }
    }
    let blocks = start.elapsed();
    let start = Instant::now();
    store.commit(Batch { coins: cache.changes(), ..Batch::default() }).unwrap();
    cache.written(true);
    println!(
        "{rounds} blocks that spend and make {BLOCK} coins each: {:.0} spends and adds/s; then one commit of {:.2?}",
        rate(2 * rounds * BLOCK, blocks),
        start.elapsed()
    );
}
