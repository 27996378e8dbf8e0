//! The directory under load: nothing fails, memory stays flat, and what was acknowledged survives a kill.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "clippy does not see that this is test code")]

use pumasi_crypto::{NativeProvider, Provider as _, pkcs8};
use pumasi_discovery::client::{Directory, Found};
use pumasi_discovery::{Action, Listing, Operation, SignedOperation};
use pumasi_fetch::{Client, Options};
use pumasi_identity::Did;
use pumasi_units::Timestamp;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const CONNECTIONS: u64 = 32;
const KILLS: u64 = 5;
/// What anonymous memory may grow by between the first third of the load and its end, in KiB.
const MAX_GROWTH: u64 = 24 * 1024;

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp(u64::try_from(since.as_millis()).unwrap())
}

struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start(folder: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_pumasi"))
            .args(["discovery", "--json", "--listen", "127.0.0.1:0", "--difficulty", "0", "--data"])
            .arg(folder)
            .args(["--reads", "0", "--writes", "0", "--writes-per-did", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let listening: serde_json::Value = serde_json::from_str(&line).unwrap();
        Self { process, url: listening["url"].as_str().unwrap().to_owned() }
    }

    /// Anonymous memory, in KiB; `None` where the system does not tell.
    fn memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
        line.split_whitespace().next()?.parse().ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Somebody new, and the operation that lists them.
async fn newcomer(number: u64) -> SignedOperation {
    let mut seed = [9; 32];
    seed[..8].copy_from_slice(&number.to_be_bytes());
    let key = NativeProvider.import_ed25519(&pkcs8::from_ed25519_seed(&seed)).await.unwrap();
    let did = Did::from_ed25519(NativeProvider.ed25519_public(&key));
    let district = ["강남구", "종로구", "해운대구", "수성구"][usize::try_from(number % 4).unwrap()];
    let listing = Listing {
        name: Some(format!("{number}호점")),
        description: format!("{district}의 작은 가게, 커피와 김치찌개 {number}"),
        categories: vec![["식당", "카페", "미용실"][usize::try_from(number % 3).unwrap()].to_owned()],
        bootstrap_nodes: vec!["/ip4/203.0.113.7/tcp/8468".to_owned()],
        service_endpoint: Some("https://shop.example".to_owned()),
    };
    let (created, action) = (now(), Action::Register(listing));
    let operation = Operation { did, sequence: 1, created, expires: created + 3_600_000, action };
    operation.sign(&NativeProvider, &key, 0).await.unwrap()
}

fn directory(url: &str) -> Directory {
    // A client of its own each: a connection of its own.
    Directory::new(Client::new(Options { timeout: Duration::from_secs(30), ..Options::default() }).unwrap(), url)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mixed_load_fails_nowhere_and_memory_stays_flat() {
    let seconds = std::env::var("PUMASI_LOAD_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(9);
    let load = Duration::from_secs(seconds);
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let stop = Arc::new(AtomicBool::new(false));
    let numbers = Arc::new(AtomicU64::new(0));
    let mut clients = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (directory, stop, numbers) = (directory(&server.url), Arc::clone(&stop), Arc::clone(&numbers));
        clients.spawn(async move {
            let (mut searches, mut registrations) = (0_u64, 0_u64);
            while !stop.load(Ordering::Relaxed) {
                let number = numbers.fetch_add(1, Ordering::Relaxed);
                if number % 4 == 0 {
                    directory.submit(&newcomer(number).await).await.expect("a registration is taken");
                    registrations += 1;
                } else {
                    let query = ["강남구 식당에서", "카페", "김치찌개", "미용", "없는 말"]
                        [usize::try_from(number % 5).unwrap()];
                    let Found { forged, .. } =
                        directory.search(query, None, now()).await.expect("a search is answered");
                    assert_eq!(forged, []);
                    searches += 1;
                }
            }
            (searches, registrations)
        });
    }
    tokio::time::sleep(load / 3).await;
    let early = server.memory();
    tokio::time::sleep(load * 2 / 3).await;
    let late = server.memory();
    stop.store(true, Ordering::Relaxed);
    let done = clients.join_all().await;
    let searches: u64 = done.iter().map(|(searches, _)| searches).sum();
    let registrations: u64 = done.iter().map(|(_, registrations)| registrations).sum();
    println!(
        "{CONNECTIONS} connections for {seconds} s: {searches} searches, {registrations} registrations, no error; \
         anonymous memory {early:?} KiB after a third, {late:?} KiB at the end"
    );
    assert!(searches > 0 && registrations > 0);
    if let Some((early, late)) = early.zip(late) {
        assert!(late < early + MAX_GROWTH, "memory grew from {early} to {late} KiB");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_under_load_loses_no_acknowledged_registration() {
    let folder = tempfile::tempdir().unwrap();
    let acknowledged: Arc<Mutex<Vec<Did>>> = Arc::default();
    let numbers = Arc::new(AtomicU64::new(0));
    for kill in 0..KILLS {
        let mut server = Server::start(folder.path());
        let mut clients = JoinSet::new();
        for _ in 0..16 {
            let (directory, acknowledged, numbers) =
                (directory(&server.url), Arc::clone(&acknowledged), Arc::clone(&numbers));
            clients.spawn(async move {
                loop {
                    let operation = newcomer(numbers.fetch_add(1, Ordering::Relaxed)).await;
                    if directory.submit(&operation).await.is_err() {
                        return;
                    }
                    acknowledged.lock().unwrap().push(operation.did());
                }
            });
        }
        tokio::time::sleep(Duration::from_millis(400 + 170 * kill)).await;
        server.process.kill().unwrap();
        server.process.wait().unwrap();
        clients.join_all().await;
    }
    let server = Server::start(folder.path());
    let directory = directory(&server.url);
    let acknowledged = std::mem::take(&mut *acknowledged.lock().unwrap());
    let begun = Instant::now();
    for did in &acknowledged {
        let entry = directory.entry(did, now()).await.expect("the directory answers");
        assert!(matches!(&entry, Some(Ok(_))), "{did} was acknowledged, and is gone: {entry:?}");
    }
    println!("{KILLS} kills, {} acknowledged registrations, all there ({:?})", acknowledged.len(), begun.elapsed());
    assert!(acknowledged.len() > 50, "the load was too small to show anything: {}", acknowledged.len());
}
