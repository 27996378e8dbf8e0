//! Searches and registrations, beside the same directory in Flask + gunicorn (`testing/foreign/directory/flask_directory.py`),
//! with the same entries, queries and clients, in one run. What counts is the CPU time of the server's processes.
//!
//! `PUMASI_PYTHON` names a Python with flask, gunicorn and cryptography. `BENCH_ENTRIES` (100,000) and `BENCH_SECONDS` (8).

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use futures::future::join_all;
use pumasi_crypto::{NativeProvider, Provider as _, pkcs8};
use pumasi_discovery::server::{self, Config, Limits, now};
use pumasi_discovery::store::{SqliteStore, Store as _};
use pumasi_discovery::wire::Registration;
use pumasi_discovery::{Action, Listing, Operation, SignedOperation};
use pumasi_identity::Did;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

const DIFFICULTY: u8 = 4;
const CONNECTIONS: usize = 16;
const CATEGORIES: [&str; 16] = [
    "식당",
    "카페",
    "미용실",
    "편의점",
    "빵집",
    "서점",
    "꽃집",
    "약국",
    "세탁소",
    "학원",
    "치과",
    "한식",
    "분식",
    "중국집",
    "술집",
    "Coffee",
];
const PLACES: [&str; 20] = [
    "강남구",
    "종로구",
    "마포구",
    "용산구",
    "송파구",
    "해운대구",
    "수영구",
    "중구",
    "수성구",
    "달서구",
    "유성구",
    "광산구",
    "남구",
    "연수구",
    "분당구",
    "수지구",
    "덕진구",
    "제주시",
    "서귀포시",
    "세종시",
];
const GOODS: [&str; 16] = [
    "김치찌개",
    "제육볶음",
    "커피",
    "비빔밥",
    "케이크",
    "크루아상",
    "파마",
    "염색",
    "소설책",
    "장미",
    "감기약",
    "드라이클리닝",
    "수학",
    "스케일링",
    "짜장면",
    "막걸리",
];
const QUERIES: [&str; 20] = [
    "식당",
    "강남구 식당",
    "카페",
    "해운대구 카페",
    "김치찌개",
    "식당에서",
    "미용실 파마",
    "서점",
    "종로구 막걸리",
    "빵집",
    "coffee",
    "분당구 학원 수학",
    "약국",
    "제주시 한식",
    "짜장면",
    "마포구",
    "꽃집 장미",
    "용산구 치과",
    "cof",
    "식",
];

fn variable(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

async fn registration(number: u64) -> SignedOperation {
    let mut seed = [3; 32];
    seed[..8].copy_from_slice(&number.to_be_bytes());
    let key = NativeProvider.import_ed25519(&pkcs8::from_ed25519_seed(&seed)).await.expect("a seed is a key");
    let did = Did::from_ed25519(NativeProvider.ed25519_public(&key));
    let mut state = number;
    let mut pick = |from: &'static [&'static str]| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        from[usize::try_from(state >> 33).unwrap_or(0) % from.len()]
    };
    let (place, category, one, two) = (pick(&PLACES), pick(&CATEGORIES), pick(&GOODS), pick(&GOODS));
    let listing = Listing {
        name: Some(format!("{one} {number}호")),
        description: format!("{place}에서 {one}, {two}을 만나요. 주차장이 있고 예약을 받아요."),
        categories: vec![category.to_owned()],
        bootstrap_nodes: vec!["/ip4/203.0.113.7/tcp/8468".to_owned(), "https://node.example:8443".to_owned()],
        service_endpoint: Some(format!("https://shop{number}.example:8443")),
    };
    let (created, action) = (now(), Action::Register(listing));
    let operation = Operation { did, sequence: created.0, created, expires: created + 86_400_000, action };
    operation.sign(&NativeProvider, &key, DIFFICULTY).await.expect("a listing within its bounds")
}

fn body(operation: &SignedOperation) -> String {
    let listing = operation.operation().action.listing().expect("it lists").clone().into();
    let body = Registration { did: operation.did().to_string(), listing, proof: operation.as_str().to_owned() };
    serde_json::to_string(&body).expect("plain data")
}

/// A server in processes of its own.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start(mut command: Command, address: SocketAddr) -> Self {
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the server starts");
        Self { process, address }
    }

    async fn ready(&self) {
        for _ in 0..300 {
            if let Ok(mut connection) = Connection::open(self.address).await
                && connection.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await == Some(200)
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the server does not answer within 30 s");
    }

    /// CPU time of the process and its children, in seconds.
    fn cpu(&self) -> f64 {
        let own = self.process.id();
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let mut ticks = 0;
        for process in processes {
            let Ok(stat) = std::fs::read_to_string(process.path().join("stat")) else { continue };
            let Some((id, rest)) = stat.split_once(' ') else { continue };
            let fields: Vec<&str> = rest.rsplit(") ").next().unwrap_or_default().split(' ').collect();
            let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u32>().ok()).unwrap_or(0);
            if id.parse() == Ok(own) || number(1) == own {
                ticks += number(11) + number(12);
            }
        }
        // Linux counts in hundredths of a second (USER_HZ) everywhere.
        f64::from(ticks) / 100.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Asked first, so that a master ends its workers.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        for _ in 0..50 {
            if self.process.try_wait().is_ok_and(|ended| ended.is_some()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One connection that is kept, with as little as HTTP/1.1 needs.
struct Connection {
    stream: BufReader<TcpStream>,
    line: String,
    body: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), line: String::new(), body: Vec::new() })
    }

    /// The status of the answer; `None` when the connection ended.
    async fn send(&mut self, request: &str) -> Option<u16> {
        self.stream.write_all(request.as_bytes()).await.ok()?;
        let (mut status, mut length) = (None, 0);
        loop {
            self.line.clear();
            if self.stream.read_line(&mut self.line).await.ok()? == 0 {
                return None;
            }
            let line = self.line.trim_end();
            if status.is_none() {
                status = line.split(' ').nth(1)?.parse().ok();
            } else if line.is_empty() {
                break;
            } else if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().ok()?;
            }
        }
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body).await.ok()?;
        status
    }
}

struct Figure {
    done: usize,
    cpu: f64,
    wall: Duration,
}

/// Sends requests on all connections until there are no more, or the time is over.
async fn drive(server: &Server, requests: Arc<Vec<String>>, repeat: bool, time: Duration) -> Figure {
    let next = Arc::new(AtomicUsize::new(0));
    let (cpu, begun) = (server.cpu(), Instant::now());
    let clients = (0..CONNECTIONS).map(|_| {
        let (requests, next, address) = (Arc::clone(&requests), Arc::clone(&next), server.address);
        tokio::spawn(async move {
            let mut connection = Connection::open(address).await.expect("it listens");
            let mut done = 0;
            while begun.elapsed() < time {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at >= requests.len() && !repeat {
                    break;
                }
                match connection.send(&requests[at % requests.len()]).await {
                    Some(200) => done += 1,
                    Some(status) => panic!("{status}: {}", String::from_utf8_lossy(&connection.body)),
                    None => connection = Connection::open(address).await.expect("it listens"),
                }
            }
            done
        })
    });
    let done = join_all(clients).await.into_iter().map(|client| client.expect("no client panics")).sum();
    Figure { done, cpu: server.cpu() - cpu, wall: begun.elapsed() }
}

fn searches() -> Arc<Vec<String>> {
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let request = |query: &&str| format!("GET /search?query={} HTTP/1.1\r\nHost: x\r\n\r\n", encode(query));
    Arc::new(QUERIES.iter().map(request).collect())
}

fn posts(bodies: &[String]) -> Arc<Vec<String>> {
    let request = |body: &String| {
        format!(
            "POST /register HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    Arc::new(bodies.iter().map(request).collect())
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a port");
    listener.local_addr().expect("it is bound")
}

/// This program as the server.
fn serve(folder: &str, address: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let store = SqliteStore::open(Path::new(folder)).expect("the folder is ours");
        let limits = Limits { reads: 0, writes: 0, writes_per_did: 0 };
        let router = server::router(store, Config { difficulty: DIFFICULTY, limits, ..Config::default() });
        let listener = tokio::net::TcpListener::bind(address).await.expect("the port is free");
        let (_stop, stopping) = tokio::sync::watch::channel(false);
        server::serve(listener, router, stopping).await.expect("the socket works");
    });
}

fn python() -> Option<PathBuf> {
    let python = PathBuf::from(std::env::var_os("PUMASI_PYTHON")?);
    let has = Command::new(&python).args(["-c", "import flask, gunicorn, cryptography"]).stderr(Stdio::null()).status();
    has.is_ok_and(|status| status.success()).then_some(python)
}

fn tell(name: &str, what: &str, figure: &Figure) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "figures for a table")]
    let done = figure.done as f64;
    let per_cpu = done / figure.cpu.max(0.01);
    println!(
        "| {name} | {what} | {} | {:.1} | {:.0} | {per_cpu:.0} |",
        figure.done,
        figure.cpu,
        done / figure.wall.as_secs_f64()
    );
    per_cpu
}

fn main() {
    if let Ok(folder) = std::env::var("BENCH_SERVE") {
        let address = std::env::var("BENCH_ADDRESS").expect("given with the folder");
        return serve(&folder, &address);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(bench());
}

async fn bench() {
    let entries = variable("BENCH_ENTRIES", 100_000);
    let time = Duration::from_secs(variable("BENCH_SECONDS", 8));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("registrations.jsonl");
    let ours = folder.path().join("ours");
    std::fs::create_dir(&ours).expect("the folder is ours");

    let mut lines = std::io::BufWriter::new(std::fs::File::create(&file).expect("the folder is ours"));
    let store = SqliteStore::open(&ours).expect("the folder is ours");
    let begun = Instant::now();
    let mut number = 0;
    while number < entries {
        let part = (number..(number + 500).min(entries)).map(registration);
        let operations = join_all(part).await;
        number += 500;
        for operation in &operations {
            writeln!(lines, "{}", body(operation)).expect("the disk has room");
        }
        let applied = operations.into_iter().map(|operation| store.apply(operation, now()));
        for applied in join_all(applied).await {
            applied.expect("the store works").expect("they are new");
        }
    }
    drop(lines);
    drop(store);
    println!("{entries} entries signed and stored in {:.0} s\n", begun.elapsed().as_secs_f64());
    println!("| directory | what | done | CPU s | per second | per CPU second |\n|---|---|---|---|---|---|");

    let address = free_address();
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.env("BENCH_SERVE", &ours).env("BENCH_ADDRESS", address.to_string());
    let server = Server::start(command, address);
    server.ready().await;
    drive(&server, searches(), true, Duration::from_secs(1)).await;
    let our_searches = tell("Pumasi", "search", &drive(&server, searches(), true, time).await);
    let bodies = new_bodies(entries + 1_000_000, variable("BENCH_REGISTRATIONS", 20_000)).await;
    let our_writes = tell("Pumasi", "register", &drive(&server, posts(&bodies), false, time).await);
    drop(server);

    let Some(python) = python() else {
        println!("SKIPPED flask: no Python with flask, gunicorn and cryptography (PUMASI_PYTHON)");
        return;
    };
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testing/foreign/directory");
    let database = folder.path().join("flask.db");
    let loaded = Command::new(&python)
        .arg(scripts.join("flask_directory.py"))
        .arg(&file)
        .env("DIRECTORY_DB", &database)
        .status();
    assert!(loaded.is_ok_and(|status| status.success()), "the Flask directory takes the entries");
    for order in ["bm25", "rowid"] {
        let address = free_address();
        let mut command = Command::new(&python);
        command
            .args([
                "-m",
                "gunicorn",
                "--workers",
                "2",
                "--worker-class",
                "gthread",
                "--threads",
                "16",
                "--keep-alive",
                "30",
            ])
            .args(["--bind", &address.to_string(), "flask_directory:app"])
            .current_dir(&scripts)
            .env("DIRECTORY_DB", &database)
            .env("DIRECTORY_ORDER", order)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("DIRECTORY_DIFFICULTY", DIFFICULTY.to_string());
        let server = Server::start(command, address);
        server.ready().await;
        drive(&server, searches(), true, Duration::from_secs(1)).await;
        let name = format!("Flask, by {order}");
        let theirs = tell(&name, "search", &drive(&server, searches(), true, time).await);
        println!("| | ratio | | | | **{:.1}×** |", our_searches / theirs);
        if order == "bm25" {
            let bodies = new_bodies(entries + 2_000_000, variable("BENCH_REGISTRATIONS", 20_000) / 2).await;
            let theirs = tell(&name, "register", &drive(&server, posts(&bodies), false, time).await);
            println!("| | ratio | | | | **{:.1}×** |", our_writes / theirs);
        }
    }
}

/// Registrations of newcomers, made now: a directory takes none that is ten minutes old.
async fn new_bodies(from: u64, count: u64) -> Vec<String> {
    let operations = join_all((from..from + count).map(registration)).await;
    operations.iter().map(body).collect()
}
