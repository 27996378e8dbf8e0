//! Opening a channel, a round trip of 4 kB, and bulk, on loopback; beside aiortc when there is a Python with it.
//!
//! ```sh
//! PUMASI_PYTHON=… cargo bench -p pumasi-rtc
//! ```
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pumasi_rtc::framing::MAX_MESSAGE;
use pumasi_rtc::{DataLink, IceConfig, Link, Observer};

const OPENS: usize = 40;
const ROUNDS: usize = 2_000;
const BULK: usize = 256;

#[derive(Debug)]
struct Figures {
    open_ms: f64,
    round_ms: f64,
    bulk_mb_s: f64,
}

async fn pair(config: &IceConfig) -> (Link, Link) {
    let offering = pumasi_rtc::offer(config, Observer::silent()).await.expect("loopback is there");
    let answered = pumasi_rtc::answer(config, offering.sdp(), Observer::silent()).await;
    let (answering, sdp) = answered.expect("our own offer is good");
    let connecting = offering.accept(&sdp).expect("our own answer is good");
    let (offerer, answerer) = tokio::join!(connecting.open(), answering.open());
    (offerer.expect("the channel opens"), answerer.expect("the channel opens"))
}

async fn ours() -> Figures {
    let loopback = "127.0.0.1".parse().expect("an address");
    let config = IceConfig { include_loopback: true, bind: vec![loopback], ..IceConfig::default() };
    let mut opens = Vec::new();
    for _ in 0..OPENS {
        let began = Instant::now();
        let (offerer, answerer) = pair(&config).await;
        opens.push(began.elapsed());
        drop((offerer, answerer));
    }

    let (mut offerer, mut answerer) = pair(&config).await;
    let echoing = tokio::spawn(async move {
        for _ in 0..ROUNDS {
            let message = answerer.recv().await.expect("the link is up");
            answerer.send(message).await.expect("the link is up");
        }
        answerer
    });
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        offerer.send(vec![7; 4096]).await.expect("the link is up");
        offerer.recv().await.expect("the link is up");
        rounds.push(began.elapsed());
    }
    let mut answerer = echoing.await.expect("the echo ends well");

    let began = Instant::now();
    let sending = tokio::spawn(async move {
        for _ in 0..BULK {
            offerer.send(vec![7; MAX_MESSAGE]).await.expect("the link is up");
        }
        offerer
    });
    for _ in 0..BULK {
        answerer.recv().await.expect("the link is up");
    }
    let bulk = began.elapsed();
    drop(sending.await.expect("the sender ends well"));
    let bytes = (BULK * MAX_MESSAGE) as f64;
    Figures { open_ms: median(opens), round_ms: median(rounds), bulk_mb_s: bytes / bulk.as_secs_f64() / 1e6 }
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}

/// The same by aiortc; `None`, and a word, when it is not there.
fn aiortc() -> Option<Figures> {
    let root =
        Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("cargo names the folder of the package")).join("../..");
    let python = std::env::var_os("PUMASI_PYTHON").map_or(root.join("target/foreign/venv/bin/python"), Into::into);
    let script = root.join("testing/foreign/rtc/peer.py");
    let output = Command::new(python).arg(script).arg("bench").stderr(Stdio::null()).output().ok()?;
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    let figure = |name: &str| said[name].as_f64();
    Some(Figures { open_ms: figure("open_ms")?, round_ms: figure("round_ms")?, bulk_mb_s: figure("bulk_mb_s")? })
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let ours = runtime.block_on(ours());
    let print = |name: &str, it: &Figures| {
        println!(
            "{name:<8} open {:>8.2} ms   4 kB round trip {:>7.3} ms   bulk {:>7.1} MB/s",
            it.open_ms, it.round_ms, it.bulk_mb_s
        );
    };
    print("ours", &ours);
    match aiortc() {
        Some(theirs) => {
            print("aiortc", &theirs);
            println!(
                "ratio    open {:>7.1} ×    4 kB round trip {:>6.1} ×    bulk {:>6.1} ×",
                theirs.open_ms / ours.open_ms,
                theirs.round_ms / ours.round_ms,
                ours.bulk_mb_s / theirs.bulk_mb_s
            );
        }
        None => println!("SKIPPED aiortc: no Python with aiortc (PUMASI_PYTHON)"),
    }
}
