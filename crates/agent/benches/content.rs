//! A file from one and from two providers of the overlay, beside plain HTTPS to `curl`, over loopback in one run.
//!
//! ```sh
//! cargo bench -p pumasi-agent --bench content
//! PUMASI_BENCH_MIB=64 cargo bench -p pumasi-agent --bench content --profile dev
//! ```
//!
//! Everything shares this machine: what is read, sealed, hashed, sent, hashed again, opened and written. HTTPS sends what it reads, and
//! `curl` writes what comes; nobody checks the file.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its figures, and ends at what goes wrong")]

#[path = "../tests/common/mod.rs"]
mod common;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use common::bootstrap;
use pumasi_agent::content::{ContentNode, FetchOptions, ShareEvent, Sharing, Source, fetch, fresh_secret};
use pumasi_agent::net::{Entry, NetOptions};
use pumasi_content::{Link, Secret};
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::mpsc;

/// MiB of the file, where `PUMASI_BENCH_MIB` says nothing else.
const MIB: usize = 512;
const ROUNDS: usize = 3;
const PATIENCE: Duration = Duration::from_secs(600);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, Box::pin(run())).await.expect("the bench ends in time") });
}

async fn run() {
    let folder = tempfile::tempdir().unwrap();
    let (_bootstrap, net) = bootstrap(folder.path()).await;
    let path = folder.path().join("file");
    write(&path);

    let started = Instant::now();
    let plain = Source::open(&path, None, |_, _| {}).unwrap();
    let hashing = rate(started.elapsed());
    let link = plain.link().unwrap();
    let secret = fresh_secret().unwrap();
    let started = Instant::now();
    let sealed = Source::open(&path, Some(secret.clone()), |_, _| {}).unwrap();
    let sealing = rate(started.elapsed());
    let private = sealed.link().unwrap();

    let (mut https, mut one, mut two, mut closed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let first = share(folder.path(), &net, vec![plain, sealed]).await;
    for _ in 0..ROUNDS {
        https.extend(curl(folder.path(), &path).await);
        one.push(timed(folder.path(), &net, &link).await);
        closed.push(timed(folder.path(), &net, &private).await);
    }
    let again = |secret: Option<Secret>| Source::open(&path, secret, |_, _| {}).unwrap();
    let second = share(folder.path(), &net, vec![again(None)]).await;
    for _ in 0..ROUNDS {
        two.push(timed(folder.path(), &net, &link).await);
    }
    first.stop().await;
    second.stop().await;

    println!("{} MiB over loopback, MB/s, median of {ROUNDS}; slowest – fastest in brackets\n", mib());
    println!("reading and hashing the file, as `share` does first   {hashing:7.0}");
    println!("reading, sealing and hashing it, as `share --private` {sealing:7.0}");
    row("HTTPS (HTTP/1.1, TLS 1.3), to a file with curl", &mut https);
    row("fetch from one provider, each chunk proven", &mut one);
    row("fetch from two providers", &mut two);
    row("private fetch from one provider", &mut closed);
}

fn row(what: &str, rates: &mut [f64]) {
    rates.sort_by(f64::total_cmp);
    match rates {
        [] => println!("{what:<53} not measured: no curl"),
        _ => println!("{what:<53} {:7.0}  ({:.0} – {:.0})", rates[rates.len() / 2], rates[0], rates[rates.len() - 1]),
    }
}

fn mib() -> usize {
    std::env::var("PUMASI_BENCH_MIB").ok().and_then(|text| text.parse().ok()).unwrap_or(MIB)
}

fn rate(took: Duration) -> f64 {
    (mib() << 20) as f64 / 1e6 / took.as_secs_f64()
}

fn write(path: &Path) {
    let mut file = File::create(path).unwrap();
    let mut block: Vec<u8> = (0..1_u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for n in 0..mib() as u64 {
        block[..8].copy_from_slice(&n.to_be_bytes());
        file.write_all(&block).unwrap();
    }
}

async fn share(folder: &Path, net: &NetOptions, sources: Vec<Source>) -> Sharing {
    let node = ContentNode::enter(&folder.join("nobody"), net, Entry::Server).await.unwrap();
    let mut sharing = Sharing::start(node).await.unwrap();
    for source in sources {
        let (events, mut told) = mpsc::channel(16);
        sharing.offer(source, events);
        while !matches!(told.recv().await.unwrap(), ShareEvent::Announced { nodes: 1.. }) {}
    }
    sharing
}

/// From the first question to the last chunk on the disk; what `fetch` measures.
async fn timed(folder: &Path, net: &NetOptions, link: &Link) -> f64 {
    let node = ContentNode::enter(&folder.join("nobody"), net, Entry::Client).await.unwrap();
    let (events, mut told) = mpsc::channel(64);
    tokio::spawn(async move { while told.recv().await.is_some() {} });
    let target = folder.join("copy");
    let fetched = fetch(&node, link, &target, &FetchOptions::default(), &events, None).await.unwrap();
    node.leave().await;
    fs::remove_file(target).unwrap();
    rate(fetched.took)
}

/// The same file from an HTTPS server of ours to curl; `None` without curl.
async fn curl(folder: &Path, path: &Path) -> Option<f64> {
    let made = pumasi_tls::dev::make(&folder.join("tls"), &[], SystemTime::now().into()).unwrap();
    let mut options = pumasi_tls::Options::new("127.0.0.1:0".parse().unwrap());
    options.identity = Some(pumasi_tls::Identity::Files { chain: made.chain.clone(), key: made.key.clone() });
    let file = path.to_owned();
    let router = Router::new().route("/file", get(move || std::future::ready(stream(file.clone()))));
    let server = pumasi_tls::Server::bind(options).await.unwrap();
    let running = server.serve(router);
    let url = format!("https://localhost:{}/file", running.address().port());
    let (authority, target) = (made.authority.clone(), folder.join("curl"));
    let started = Instant::now();
    let status = tokio::task::spawn_blocking(move || {
        let mut curl = std::process::Command::new("curl");
        curl.arg("--silent").arg("--cacert").arg(authority).arg("--output").arg(target).arg(url).status()
    });
    let took = match status.await.unwrap() {
        Ok(status) => {
            assert!(status.success(), "curl: {status}");
            Some(rate(started.elapsed()))
        }
        Err(_) => None,
    };
    running.stop(Duration::from_secs(1)).await;
    took
}

/// The file in pieces of the size of our chunks.
fn stream(path: std::path::PathBuf) -> Body {
    let (sender, pieces) = mpsc::channel::<Result<Vec<u8>, std::io::Error>>(8);
    tokio::task::spawn_blocking(move || {
        let mut file = File::open(path).unwrap();
        loop {
            let mut piece = vec![0; 256 * 1024];
            let read = file.read(&mut piece).unwrap();
            piece.truncate(read);
            if read == 0 || sender.blocking_send(Ok(piece)).is_err() {
                return;
            }
        }
    });
    Body::from_stream(futures::stream::unfold(pieces, |mut pieces| async move {
        let piece = pieces.recv().await?;
        Some((piece, pieces))
    }))
}
