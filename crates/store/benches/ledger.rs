//! Append and open at 1,000 and 100,000 entries, beside what the notes' single Fernet file costs in the same run.
//!
//! Entries are of the size of real ones: a signed document of 900 bytes in each.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use futures::executor::block_on;
use pumasi_crypto::NativeProvider;
use pumasi_crypto::fernet::{self, FernetKey};
use pumasi_crypto::hash::{Digest, sha256};
use pumasi_crypto::password::Password;
use pumasi_identity::Did;
use pumasi_ledger::export::Document;
use pumasi_ledger::{Body, Ledger, Store as _};
use pumasi_store::SqliteStore;
use pumasi_units::{MAX_MINOR, Money, Timestamp, Unit};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

const NOW: Timestamp = Timestamp(1_795_247_280_000);
/// Appends that are timed one by one.
const APPENDS: u64 = 256;
/// Appends under way together.
const TOGETHER: u64 = 64;

type Open = Ledger<SqliteStore, NativeProvider>;

fn peer() -> Did {
    Did::from_ed25519([7; 32])
}

fn payment(number: u64) -> Body {
    let money = Money::new(1, Unit::krw()).expect("one won is an amount");
    let (memo, document, profile) = ("점심".into(), "x".repeat(900), Digest::default());
    Body::Incoming { id: sha256(&[&number.to_be_bytes()]), peer: peer(), money, memo, document, profile }
}

async fn append(ledger: &Open, count: u64) {
    let mut tx = ledger.begin().await.expect("the ledger is whole");
    for _ in 0..count {
        let number = tx.head().sequence;
        tx.append(payment(number), NOW).expect("the limit is far");
    }
    ledger.commit(tx).await.expect("the disk has room");
}

/// CPU time of this thread where the system tells (Linux), else the wall's.
fn cpu() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    stat.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let (cpu_before, wall) = (cpu(), Instant::now());
    let value = work();
    let spent = cpu().zip(cpu_before).map_or_else(|| wall.elapsed(), |(after, before)| after - before);
    (spent, value)
}

struct Figures {
    append: Duration,
    together: Duration,
    open: Duration,
    rewrite: Duration,
    reload: Duration,
    file: u64,
}

/// Opens the ledger, or makes it, and fills it up.
async fn grown(path: &Path, entries: u64, password: &Password) -> Open {
    let store = SqliteStore::open(path).expect("the folder is writable");
    let ledger = if store.header().await.is_ok_and(|header| header.is_some()) {
        Ledger::open(store, NativeProvider, password).await.expect("the password opens it")
    } else {
        let ledger = Ledger::create(store, NativeProvider, peer(), password, NOW).await.expect("it is empty");
        let mut tx = ledger.begin().await.expect("it is whole");
        let limit = Money::new(MAX_MINOR, Unit::krw()).expect("the largest amount");
        tx.append(Body::Limit { peer: peer(), limit }, NOW).expect("a limit is an entry");
        ledger.commit(tx).await.expect("the disk has room");
        ledger
    };
    while ledger.head().sequence < entries {
        append(&ledger, (entries - ledger.head().sequence).min(500)).await;
    }
    ledger
}

/// Each append waits until it is durable before the next begins.
async fn append_alone(ledger: &Open) -> Duration {
    let started = Instant::now();
    for _ in 0..APPENDS {
        append(ledger, 1).await;
    }
    started.elapsed() / APPENDS as u32
}

/// Many transactions under way at once.
async fn append_together(ledger: &Open) -> Duration {
    let started = Instant::now();
    let rounds = APPENDS / TOGETHER;
    for _ in 0..rounds {
        let mut commits = Vec::new();
        for _ in 0..TOGETHER {
            let mut tx = ledger.begin().await.expect("it is whole");
            tx.append(payment(tx.head().sequence), NOW).expect("the limit is far");
            commits.push(ledger.submit(tx));
        }
        for commit in commits {
            commit.await.expect("the disk has room");
        }
    }
    started.elapsed() / (rounds * TOGETHER) as u32
}

fn measure(path: &Path, entries: u64, password: &Password) -> Figures {
    let ledger = block_on(grown(path, entries, password));
    let document = block_on(ledger.export()).expect("the chain is whole");
    let append = block_on(append_alone(&ledger));
    let together = block_on(append_together(&ledger));
    drop(ledger);
    let (open, _) = timed(|| {
        let store = SqliteStore::open(path).expect("it is there");
        block_on(Ledger::open(store, NativeProvider, password)).expect("the password opens it")
    });

    // The notes' way: the whole ledger as JSON in one token, written anew for each entry.
    let key = FernetKey::from_bytes([3; 32]);
    let file = path.with_extension("fernet");
    let started = Instant::now();
    let token = fernet::to_text(&key.seal(&document.to_json().expect("it is JSON"), 0, [0; 16]));
    let mut out = File::create(&file).expect("the folder is writable");
    out.write_all(token.as_bytes()).and_then(|()| out.sync_all()).expect("the disk has room");
    let rewrite = started.elapsed();
    let (reload, _) = timed(|| {
        let text = fs::read_to_string(&file).expect("it was written");
        let json = key.open(&fernet::from_text(&text).expect("a token")).expect("its key");
        Document::from_json(&json).expect("the chain is whole")
    });
    let file = fs::metadata(file).expect("it was written").len();
    Figures { append, together, open, rewrite, reload, file }
}

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("ledger");
    let password = Password::new("bench");
    let pbkdf2 = timed(|| {
        block_on(password.derive(&NativeProvider, &[0; 16], pumasi_crypto::password::PBKDF2_ROUNDS)).expect("derives")
    });
    println!("PBKDF2, part of every open: {:.0?}", pbkdf2.0);
    println!(
        "entries | append durable | {TOGETHER} together, each | rewrite Fernet file | ratio | open, CPU | reload Fernet file, CPU | its size"
    );
    let mut appends = Vec::new();
    for entries in [1_000, 100_000] {
        let Figures { append, together, open, rewrite, reload, file } = measure(&path, entries, &password);
        let ratio = rewrite.as_secs_f64() / append.as_secs_f64();
        let megabytes = file as f64 / 1e6;
        println!(
            "{entries:>7} | {append:.0?} | {together:.0?} | {rewrite:.0?} | {ratio:.1}x | {open:.0?} | {reload:.0?} | {megabytes:.1} MB"
        );
        appends.push(append);
    }
    println!("append at 100,000 entries / at 1,000: {:.2}", appends[1].as_secs_f64() / appends[0].as_secs_f64());
}
