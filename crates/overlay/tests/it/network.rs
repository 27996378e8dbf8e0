//! Fifty nodes in one process, over the in-memory transport: what is put by one is found by the others, also when
//! half of the nodes die at once.

use crate::common::{MINUTE, TEN_SECONDS, address, mail, now};
use pumasi_overlay::{Address, Limits, Lookup, Overlay, OverlayConfig, RecordKey};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{RngExt as _, SeedableRng as _};
use std::time::Duration;

/// Every pair of them connects sooner or later: a debug build spends some 30 ms of CPU on each handshake.
const NODES: usize = 50;
const RECORDS: u32 = 50;
const LOOKUPS: usize = 200;

async fn node(seed: [u8; 32], bootstrap: Vec<Address>) -> Overlay {
    let config = OverlayConfig {
        listen: vec![address("/memory/0")],
        limits: Limits { stall: Duration::from_secs(4), ..Limits::default() },
        ..OverlayConfig::peer(seed, bootstrap)
    };
    let node = Overlay::start(config).await.unwrap();
    node.join(TEN_SECONDS).await.unwrap();
    node
}

struct Tally {
    found: usize,
    lookups: Vec<Lookup>,
}

async fn look_up(rng: &mut StdRng, nodes: &[Overlay], records: &[(RecordKey, Vec<u8>)]) -> Tally {
    let mut tally = Tally { found: 0, lookups: Vec::new() };
    for _ in 0..LOOKUPS {
        let (node, (key, record)) = (nodes.choose(rng).unwrap(), records.choose(rng).unwrap());
        let lookup = node.lookup(*key).await.unwrap();
        tally.found += usize::from(lookup.value.as_ref() == Some(record));
        tally.lookups.push(lookup);
    }
    tally
}

fn print(what: &str, tally: &mut Tally) {
    tally.lookups.sort_by_key(|lookup| lookup.took);
    let at = |share: f64| tally.lookups[((tally.lookups.len() - 1) as f64 * share) as usize].took;
    let mean = |of: fn(&Lookup) -> usize| tally.lookups.iter().map(of).sum::<usize>() as f64 / LOOKUPS as f64;
    println!(
        "{what}: found {}/{LOOKUPS}; requests {:.1}, answers {:.1} a lookup; time median {:?}, 99% {:?}, longest {:?}",
        tally.found,
        mean(|lookup| lookup.asked),
        mean(|lookup| lookup.answered),
        at(0.5),
        at(0.99),
        at(1.0),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_finds_what_any_node_put_even_when_half_of_it_dies() {
    let seed: u64 = std::env::var("PUMASI_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_260_521);
    println!("PUMASI_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let started = std::time::Instant::now();
    let first = node(rng.random(), Vec::new()).await;
    let entrance = first.status().await.unwrap().listen;
    let mut nodes = vec![first];
    for _ in 1..NODES {
        nodes.push(node(rng.random(), entrance.clone()).await);
    }
    println!("{NODES} nodes joined in {:?}", started.elapsed());

    let (made, started) = (now(), std::time::Instant::now());
    let mut records = Vec::new();
    let mut stored = 0;
    for slot in 0..RECORDS {
        let (key, record) = mail(slot, made, 14 * MINUTE, "offer");
        stored += nodes.choose(&mut rng).unwrap().put(key, record.clone()).await.unwrap().stored;
        records.push((key, record));
    }
    println!("put: {:?} each, stored by {:.1}", started.elapsed() / RECORDS, stored as f64 / f64::from(RECORDS));

    let mut tally = look_up(&mut rng, &nodes, &records).await;
    print("all alive", &mut tally);
    assert!(tally.found * 100 >= LOOKUPS * 99, "seed {seed}");

    // Without a word to anyone, the entrance among them.
    nodes[1..].shuffle(&mut rng);
    let dying: Vec<Overlay> = nodes.drain(..NODES / 2).collect();
    for node in &dying {
        node.shutdown().await.unwrap();
    }
    let mut tally = look_up(&mut rng, &nodes, &records).await;
    print("half dead", &mut tally);
    assert!(tally.found * 100 >= LOOKUPS * 99, "seed {seed}");
}
