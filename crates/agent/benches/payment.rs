//! A payment between two running peers on loopback: beside the bare RSA limit, and beside the same in Python.
//!
//! ```sh
//! PUMASI_PYTHON=… cargo bench -p pumasi-agent --bench payment
//! ```
//!
//! Both peers, and both ledgers, share this machine; so do the threads of the RSA limit.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its figures, and ends at what goes wrong")]

#[path = "../tests/common/mod.rs"]
mod common;

use common::{bootstrap, krw, pair, person, start};
use futures::StreamExt as _;
use pumasi_agent::net::{Entry, NetOptions};
use pumasi_agent::{Agent, Change, Event, Wallet};
use pumasi_crypto::native::NativeProvider;
use pumasi_crypto::{Provider as _, RsaBits};
use pumasi_identity::Did;
use pumasi_rtc::{IceConfig, Observer};
use pumasi_transfer::Order;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::sync::broadcast::Receiver;

/// Cold starts of both peers.
const COLD: usize = 11;
/// Payments one after another; channels opened.
const SINGLE: usize = 40;
/// Rounds of many payments, each with its own RSA limit.
const ROUNDS: usize = 3;
/// Payments in a round.
const MANY: usize = 2_000;
/// Payments of a round that are not settled at the same time.
const WINDOW: usize = 256;
/// For how long the RSA limit is measured.
const RSA_TIME: Duration = Duration::from_secs(1);
/// For how long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(PATIENCE * 10, Box::pin(run())).await.expect("the bench ends in time");
    });
}

async fn run() {
    let folder = tempfile::tempdir().unwrap();
    let (_bootstrap, net) = bootstrap(folder.path()).await;
    let (alice, bob) = (person(folder.path(), "alice").await, person(folder.path(), "bob").await);
    pair(&net, &alice, &bob, krw(1_000_000_000)).await;

    let sync = syncs(folder.path());
    let (mut people, cold) = cold(People { net, alice, bob }).await;
    let (single, rounds);
    (people, single, rounds) = running(people).await;
    for wallet in [&people.alice, &people.bob] {
        assert!(wallet.audit().await.unwrap().is_clean(), "fast is nothing without right");
    }
    let channel = channels().await;
    let python = python().await;

    println!("medians of {COLD} cold starts and {SINGLE} single payments; fastest – slowest in brackets\n");
    row("sync of 4 kB on this disk", &sync);
    row("DID → channel, cold (DHT, mailbox, ICE, DTLS, proof)", &cold.channel);
    row("channel open → both ledgers durable, first payment", &cold.payment);
    row("pay → both ledgers durable, cold, whole", &cold.whole);
    row("pay → both ledgers durable, on an open channel", &single);
    row("channel alone, SDP handed over in the process", &channel);

    println!("\n{MANY} payments on one channel, {WINDOW} not settled at a time; grouped commits");
    println!("limit: one PSS signature and one OAEP unwrapping each (RSA 2048), on as many threads as there are cores");
    println!("  transfers/s | RSA limit/s | ratio | CPU per transfer | of it RSA | RSA / CPU");
    for Round { rate, limit, cpu, rsa_cpu } in &rounds {
        let ratio = 100.0 * rate / limit;
        print!("  {rate:>11.0} | {limit:>11.0} | {ratio:>4.0}% |");
        let share = 100.0 * rsa_cpu / cpu;
        println!("      {:>8.2} ms | {:>6.2} ms | {share:>8.0}%", cpu * 1e3, rsa_cpu * 1e3);
    }

    let Some(python) = python else {
        println!("\nSKIPPED beside Python: none with aiortc and cryptography (PUMASI_PYTHON)");
        return;
    };
    let best = rounds.iter().map(|round| round.rate).fold(0.0, f64::max);
    println!("\nbeside Python (cryptography, aiortc)                     | Python      | ours        | ratio");
    let (theirs, ours) = (python.median_payment(), median(&single));
    beside("channel alone, SDP handed over in the process", python.channel, median(&channel));
    beside("one payment on an open channel", theirs, ours);
    beside("channel and one payment", python.channel + theirs, median(&channel) + ours);
    beside("channel and one payment; ours cold, through the DHT", python.channel + theirs, median(&cold.whole));
    beside("each of many payments", python.mean_payment(), 1.0 / best);
}

/// Two people and where they meet.
struct People {
    net: NetOptions,
    alice: Wallet,
    bob: Wallet,
}

/// Seconds, by what they were spent on.
#[derive(Default)]
struct Cold {
    channel: Vec<f64>,
    payment: Vec<f64>,
    whole: Vec<f64>,
}

/// Both peers start anew for each payment; the clock runs from `pay` on.
async fn cold(mut people: People) -> (People, Cold) {
    let mut times = Cold::default();
    for _ in 0..COLD {
        let (payee, People { net, alice, bob }) = (people.bob.did(), people);
        let mut bob = start(bob, &net, Entry::Server).await;
        assert!(bob.published(PATIENCE).await, "the payee's profile is in the DHT");
        let alice = start(alice, &net, Entry::Client).await;
        let mut events = alice.events();
        let began = Instant::now();
        alice.pay(Order::new(payee, krw(1), "점심")).await.unwrap();
        next(&mut events, |event| matches!(event, Event::Connected { .. })).await;
        let connected = began.elapsed();
        next(&mut events, is_accepted).await;
        let whole = began.elapsed();
        times.channel.push(connected.as_secs_f64());
        times.payment.push((whole - connected).as_secs_f64());
        times.whole.push(whole.as_secs_f64());
        people = People { net, alice: alice.stop().await.unwrap(), bob: bob.stop().await.unwrap() };
    }
    (people, times)
}

/// What a round of many payments came to.
struct Round {
    rate: f64,
    limit: f64,
    /// Seconds of CPU for each transfer, of both peers.
    cpu: f64,
    /// Seconds of CPU for its two RSA private operations.
    rsa_cpu: f64,
}

async fn running(people: People) -> (People, Vec<f64>, Vec<Round>) {
    let (payee, People { net, alice, bob }) = (people.bob.did(), people);
    let bob = start(bob, &net, Entry::Server).await;
    let alice = start(alice, &net, Entry::Client).await;
    many(&alice, payee, 10).await;
    let mut single = Vec::new();
    for _ in 0..SINGLE {
        let mut events = alice.events();
        let began = Instant::now();
        alice.pay(Order::new(payee, krw(1), "점심")).await.unwrap();
        next(&mut events, is_accepted).await;
        single.push(began.elapsed().as_secs_f64());
    }
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let before = rsa_limit().await;
        let cpu = cpu_seconds();
        let rate = MANY as f64 / many(&alice, payee, MANY).await.as_secs_f64();
        let cpu = (cpu_seconds() - cpu) / MANY as f64;
        let after = rsa_limit().await;
        let (limit, rsa_cpu) = (f64::midpoint(before.0, after.0), f64::midpoint(before.1, after.1));
        rounds.push(Round { rate, limit, cpu, rsa_cpu });
    }
    let people = People { net, alice: alice.stop().await.unwrap(), bob: bob.stop().await.unwrap() };
    (people, single, rounds)
}

/// Time until `count` payments are accepted, with [`WINDOW`] of them not settled.
async fn many(alice: &Agent, payee: Did, count: usize) -> Duration {
    let (mut events, room) = (alice.events(), Semaphore::new(WINDOW));
    let began = Instant::now();
    let order = futures::stream::iter(0..count).for_each_concurrent(WINDOW, |_| async {
        room.acquire().await.unwrap().forget();
        alice.pay(Order::new(payee, krw(1), "점심")).await.unwrap();
    });
    let settle = async {
        for _ in 0..count {
            next(&mut events, is_accepted).await;
            room.add_permits(1);
        }
    };
    tokio::join!(order, settle);
    began.elapsed()
}

fn is_accepted(event: &Event) -> bool {
    matches!(event, Event::Payment { change: Change::Accepted { .. }, .. })
}

/// Waits for an event; when it does not come, what else did is told.
async fn next(events: &mut Receiver<Event>, wanted: impl Fn(&Event) -> bool) {
    let (mut payments, mut others) = (0, Vec::new());
    let found = async {
        loop {
            match events.recv().await.unwrap() {
                event if wanted(&event) => return,
                Event::Payment { .. } => payments += 1,
                event => others.push(event),
            }
        }
    };
    let found = tokio::time::timeout(PATIENCE, found).await;
    assert!(found.is_ok(), "not in time; instead {payments} changes of payments, and {others:?}");
}

/// Pairs of RSA private operations (a signature, an unwrapping) per second on every core, and the CPU seconds of a pair.
async fn rsa_limit() -> (f64, f64) {
    let provider = NativeProvider;
    let der = provider.rsa_generate(RsaBits::B2048).await.unwrap();
    let signing = provider.import_rsa_signing(&der).await.unwrap();
    let unwrap = provider.import_rsa_unwrap(&der).await.unwrap();
    let wrapped = provider.rsa_oaep_wrap(&provider.rsa_unwrap_public(&unwrap), &[7; 32]).await.unwrap();
    let runtime = Handle::current();
    let measured = move || {
        let (began, cpu) = (Instant::now(), cpu_seconds());
        let pairs: u64 = std::thread::scope(|scope| {
            let cores = std::thread::available_parallelism().map_or(1, Into::into);
            let work = || {
                let mut pairs = 0;
                while began.elapsed() < RSA_TIME {
                    runtime.block_on(async {
                        provider.rsa_pss_sign(&signing, &[7; 700]).await.unwrap();
                        provider.rsa_oaep_unwrap(&unwrap, &wrapped).await.unwrap();
                    });
                    pairs += 1;
                }
                pairs
            };
            let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        (pairs as f64 / began.elapsed().as_secs_f64(), (cpu_seconds() - cpu) / pairs as f64)
    };
    tokio::task::spawn_blocking(measured).await.unwrap()
}

/// CPU seconds of this process, all threads, user and system (Linux; elsewhere not a number). A tick is 10 ms.
fn cpu_seconds() -> f64 {
    let Ok(stat) = fs::read_to_string("/proc/self/stat") else { return f64::NAN };
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse().unwrap_or(f64::NAN)).sum::<f64>() / 100.0
}

/// What the disk makes anything durable wait.
fn syncs(folder: &Path) -> Vec<f64> {
    let mut file = File::create(folder.join("sync")).unwrap();
    let mut once = || {
        let began = Instant::now();
        file.write_all(&[7; 4096]).and_then(|()| file.sync_data()).unwrap();
        began.elapsed().as_secs_f64()
    };
    (0..SINGLE).map(|_| once()).collect()
}

/// Opens channels as the Python script does: both ends in this process, the SDP handed over.
async fn channels() -> Vec<f64> {
    let bind = vec!["127.0.0.1".parse().unwrap()];
    let config = IceConfig { include_loopback: true, bind, ..IceConfig::default() };
    let mut times = Vec::new();
    for _ in 0..SINGLE {
        let began = Instant::now();
        let offering = pumasi_rtc::offer(&config, Observer::silent()).await.unwrap();
        let (answering, sdp) = pumasi_rtc::answer(&config, offering.sdp(), Observer::silent()).await.unwrap();
        let connecting = offering.accept(&sdp).unwrap();
        let (offerer, answerer) = tokio::join!(connecting.open(), answering.open());
        times.push(began.elapsed().as_secs_f64());
        drop((offerer.unwrap(), answerer.unwrap()));
    }
    times
}

/// What the script says, in seconds.
#[derive(serde::Deserialize)]
struct Python {
    channel: f64,
    payments: Vec<f64>,
}

impl Python {
    fn median_payment(&self) -> f64 {
        median(&self.payments)
    }

    fn mean_payment(&self) -> f64 {
        self.payments.iter().sum::<f64>() / self.payments.len() as f64
    }
}

/// The same by Python; `None` when it is not there.
async fn python() -> Option<Python> {
    let root = Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("../..");
    let python = std::env::var_os("PUMASI_PYTHON").map_or(root.join("target/foreign/venv/bin/python"), PathBuf::from);
    let mut command = Command::new(python);
    command.arg(root.join("testing/foreign/payment/pay.py")).arg(SINGLE.to_string()).stderr(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().ok()?;
    serde_json::from_slice(&output.stdout).ok()
}

fn sorted(times: &[f64]) -> Vec<f64> {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times
}

fn median(times: &[f64]) -> f64 {
    sorted(times)[times.len() / 2]
}

fn row(what: &str, times: &[f64]) {
    let times: Vec<f64> = sorted(times).iter().map(|seconds| seconds * 1e3).collect();
    let (least, most) = (times[0], times[times.len() - 1]);
    println!("  {what:<54} {:>9.2} ms   [{least:.2} – {most:.2}]", times[times.len() / 2]);
}

fn beside(what: &str, theirs: f64, ours: f64) {
    println!("  {what:<54} | {:>8.2} ms | {:>8.2} ms | {:>5.1} ×", theirs * 1e3, ours * 1e3, theirs / ours);
}
