//! A hundred nodes on loopback sockets, beside as many of the Python `kademlia` library: puts and gets, stale reads after an
//! overwrite, and overwrites by somebody else. Also what one connected peer costs a node.
//!
//! ```sh
//! ulimit -n 65536
//! PUMASI_PYTHON=… cargo bench -p pumasi-overlay --bench kademlia
//! ```
//!
//! `PUMASI_NODES` chooses another number of nodes. Without a Python that has `kademlia` (`testing/foreign/requirements.txt`) its column says SKIPPED.
#![allow(dead_code, reason = "shared with the tests")]
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a benchmark prints what it measured"
)]

#[path = "../tests/it/common.rs"]
mod common;
#[path = "../tests/it/rogue.rs"]
mod rogue;
#[path = "../tests/sim/tally.rs"]
mod tally;

use common::{MINUTE, address, mail, now};
use pumasi_overlay::{Address, Overlay, OverlayConfig, RecordKey};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rogue::Rogue;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tally::Usage;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const KEYS: usize = 100;
const GETS: usize = 2_000;
const BYTES: usize = 400;
/// What is measured, and how many at a time. At first the nodes are not connected yet with those that they are to ask.
const PHASES: [(&str, usize); 3] = [("right after joining, 1 at a time", 1), ("1 at a time", 1), ("16 at a time", 16)];
const SEED: u64 = 3;
/// Peers that connect to one node, to see what they cost it.
const GUESTS: usize = 200;

#[derive(Debug, Deserialize)]
struct Speed {
    puts_per_s: f64,
    put_p95_ms: f64,
    put_cpu_ms: f64,
    gets_per_s: f64,
    get_p95_ms: f64,
    get_cpu_ms: f64,
}

#[derive(Debug, Deserialize)]
struct Figures {
    #[serde(flatten)]
    speeds: BTreeMap<String, Speed>,
    stale: usize,
    forged: usize,
    keys: usize,
}

fn main() {
    let count = std::env::var("PUMASI_NODES").ok().and_then(|text| text.parse().ok()).unwrap_or(100);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if std::env::args().any(|argument| argument == "hub") {
        runtime.block_on(hub());
        return;
    }
    let theirs = python(count);
    let ours = runtime.block_on(ours(count));
    println!("{count} nodes each");
    report(&ours, theirs.as_ref());
    println!("{}", runtime.block_on(guests()));
}
/// A row of the table: what it is, where it comes from, and whether more is better.
type Row = (&'static str, fn(&Speed) -> f64, bool);

fn report(ours: &Figures, theirs: Option<&Figures>) {
    println!("| | ours | Python kademlia | ratio |\n|---|---|---|---|");
    let line = |what: &str, ours: f64, theirs: Option<f64>, more_is_better: bool| {
        let ratio = |theirs: f64| if more_is_better { ours / theirs } else { theirs / ours };
        let [theirs, ratio] =
            [theirs, theirs.map(ratio)].map(|value| value.map_or("SKIPPED".to_owned(), |value| format!("{value:.1}")));
        println!("| {what} | {ours:.1} | {theirs} | {ratio} |");
    };
    for (phase, _) in PHASES {
        let (mine, their) = (&ours.speeds[phase], theirs.map(|theirs| &theirs.speeds[phase]));
        let rows: [Row; 6] = [
            ("puts a second", |speed| speed.puts_per_s, true),
            ("put, p95 ms", |speed| speed.put_p95_ms, false),
            ("CPU of a put, ms, all nodes", |speed| speed.put_cpu_ms, false),
            ("gets a second", |speed| speed.gets_per_s, true),
            ("get, p95 ms", |speed| speed.get_p95_ms, false),
            ("CPU of a get, ms, all nodes", |speed| speed.get_cpu_ms, false),
        ];
        for (what, of, more) in rows {
            line(&format!("{what}, {phase}"), of(mine), their.map(of), more);
        }
    }
    let share = |count: usize, figures: &Figures| format!("{count} of {}", figures.keys);
    let cell = |of: fn(&Figures) -> usize| theirs.map_or("SKIPPED".to_owned(), |theirs| share(of(theirs), theirs));
    println!("| stale reads after an overwrite | {} | {} | |", share(ours.stale, ours), cell(|f| f.stale));
    println!("| overwrites by somebody else | {} | {} | |", share(ours.forged, ours), cell(|f| f.forged));
}

fn python(count: usize) -> Option<Figures> {
    let python = std::env::var_os("PUMASI_PYTHON").unwrap_or_else(|| "python3".into());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testing/foreign/overlay/kademlia_bench.py");
    let ask = serde_json::json!({
        "seed": SEED, "nodes": count, "keys": KEYS, "gets": GETS, "bytes": BYTES, "phases": PHASES
    });
    let output = Command::new(python).arg("-B").arg(script).arg(ask.to_string()).stderr(Stdio::null()).output().ok()?;
    serde_json::from_slice(&output.stdout).ok()
}

async fn node(rng: &mut StdRng, entrances: Vec<Address>) -> Overlay {
    let listen = vec![address("/ip4/127.0.0.1/tcp/0")];
    let node = Overlay::start(OverlayConfig { listen, ..OverlayConfig::peer(rng.random(), entrances) }).await;
    let node = node.expect("ports are free");
    node.join(Duration::from_secs(60)).await.expect("the entrance answers");
    node
}

struct Record {
    key: RecordKey,
    versions: Vec<Vec<u8>>,
}

async fn ours(count: usize) -> Figures {
    let mut rng = StdRng::seed_from_u64(SEED);
    let mut nodes = vec![node(&mut rng, Vec::new()).await];
    while nodes.len() < count {
        let entrance = nodes.choose(&mut rng).unwrap().status().await.unwrap().listen;
        nodes.push(node(&mut rng, entrance).await);
    }
    let made = now();
    let records: Vec<Record> = (0..KEYS as u32)
        .map(|slot| {
            let versions = (0..=PHASES.len() as u64).map(|later| mail(slot, made + later, 10 * MINUTE, &text(later)));
            let (keys, versions): (Vec<_>, Vec<_>) = versions.unzip();
            Record { key: keys[0], versions }
        })
        .collect();

    let mut speeds = BTreeMap::new();
    // Gets of what was put before that did not bring the newest.
    let late = Arc::new(AtomicUsize::new(0));
    for (version, (phase, at_once)) in PHASES.into_iter().enumerate() {
        let puts: Vec<_> = records
            .iter()
            .map(|record| {
                let (node, key, value) = (pick(&nodes, &mut rng), record.key, record.versions[version].clone());
                async move { node.put(key, value).await.map(|put| assert!(put.stored > 0)).expect("a good record") }
            })
            .collect();
        let (puts_per_s, put_p95_ms, put_cpu_ms) = timed(puts, at_once).await;
        let gets: Vec<_> = (0..GETS)
            .map(|_| {
                let (node, record) = (pick(&nodes, &mut rng), records.choose(&mut rng).unwrap());
                let (key, value) = (record.key, record.versions[version].clone());
                let late = Arc::clone(&late);
                async move {
                    if node.get(key).await.ok().flatten() != Some(value) {
                        late.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
            .collect();
        let (gets_per_s, get_p95_ms, get_cpu_ms) = timed(gets, at_once).await;
        let speed = Speed { puts_per_s, put_p95_ms, put_cpu_ms, gets_per_s, get_p95_ms, get_cpu_ms };
        speeds.insert(phase.to_owned(), speed);
    }

    println!("ours: {} of {} gets did not bring the newest", late.load(Ordering::Relaxed), GETS * PHASES.len());

    let mut stale = 0;
    for record in &records {
        let newest = record.versions.last().unwrap();
        let put = pick(&nodes, &mut rng).put(record.key, newest.clone()).await.expect("a newer one");
        let read = pick(&nodes, &mut rng).lookup(record.key).await.unwrap();
        if read.value.as_ref() != Some(newest) {
            stale += 1;
            let value = read.value.map(|value| value.len());
            println!(
                "stale: {put:?}; then {value:?} bytes, agreed {}, stale {}, asked {}, answered {}, {:?}",
                read.agreed, read.stale, read.asked, read.answered, read.took
            );
        }
    }
    let mut forged = 0;
    let mut rogue = Rogue::connect(&nodes[0].status().await.unwrap().listen[0]).await;
    for record in &records {
        let newest = record.versions.last().unwrap();
        let mut other = newest.clone();
        let middle = other.len() / 2;
        other[middle] ^= 1;
        let told = rogue.put_at_the_nearest(record.key.to_bytes(), other).await;
        let read = pick(&nodes, &mut rng).get(record.key).await.unwrap();
        forged += usize::from(told.is_ok() || read.as_ref() != Some(newest));
    }
    Figures { speeds, stale, forged, keys: KEYS }
}

fn text(version: u64) -> String {
    format!("{version}{}", "x".repeat(BYTES - 150))
}

fn pick(nodes: &[Overlay], rng: &mut StdRng) -> Overlay {
    nodes.choose(rng).unwrap().clone()
}

/// How many a second, the 95% time in ms, and the CPU time of one in ms.
async fn timed<F: Future<Output = ()> + Send + 'static>(jobs: Vec<F>, at_once: usize) -> (f64, f64, f64) {
    let count = jobs.len() as f64;
    let gate = Arc::new(Semaphore::new(at_once));
    let (began, cpu) = (Instant::now(), Usage::cpu());
    let mut running = JoinSet::new();
    for job in jobs {
        let turn = Arc::clone(&gate).acquire_owned().await.unwrap();
        running.spawn(async move {
            let began = Instant::now();
            job.await;
            drop(turn);
            began.elapsed().as_secs_f64() * 1e3
        });
    }
    let mut took = Vec::new();
    while let Some(one) = running.join_next().await {
        took.push(one.expect("the answer is as it should be"));
    }
    took.sort_by(f64::total_cmp);
    let p95 = took[((took.len() - 1) as f64 * 0.95).round() as usize];
    let cpu = (Usage::cpu() - cpu).as_secs_f64() * 1e3 / count;
    (count / began.elapsed().as_secs_f64(), p95, cpu)
}

/// A node in a process of its own, which tells its memory when asked.
async fn hub() {
    let mut rng = StdRng::seed_from_u64(SEED);
    let node = node(&mut rng, Vec::new()).await;
    println!("{}", node.status().await.unwrap().listen[0]);
    for _ in std::io::stdin().lines() {
        let connected = node.status().await.unwrap().connected.len();
        println!("{connected} {}", Usage::memory());
        std::io::stdout().flush().unwrap();
    }
}

async fn guests() -> String {
    let mut hub = Command::new(std::env::current_exe().unwrap())
        .arg("hub")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this very program");
    let mut lines = BufReader::new(hub.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut input = hub.stdin.take().unwrap();
    let at = address(&lines.next().expect("an address"));
    let mut ask = || {
        writeln!(input).unwrap();
        let line = lines.next().expect("an answer");
        let (connected, memory) = line.split_once(' ').unwrap();
        (connected.parse::<usize>().unwrap(), memory.parse::<usize>().unwrap())
    };
    let mut rng = StdRng::seed_from_u64(SEED + 1);
    let mut held = Vec::new();
    // The first ones warm up what is allocated once.
    for _ in 0..20 {
        held.push(node(&mut rng, vec![at.clone()]).await);
    }
    let (few, before) = ask();
    for _ in 0..GUESTS {
        let guest = Overlay::start(OverlayConfig::client(rng.random(), vec![at.clone()])).await.unwrap();
        guest.join(Duration::from_secs(60)).await.expect("the hub answers");
        held.push(guest);
    }
    let (many, after) = ask();
    hub.kill().ok();
    hub.wait().ok();
    format!(
        "memory of a node per connected peer: {:.1} kB ({few} → {many} peers, {:.1} → {:.1} MB)",
        after.saturating_sub(before) as f64 / 1e3 / (many - few).max(1) as f64,
        before as f64 / 1e6,
        after as f64 / 1e6,
    )
}
