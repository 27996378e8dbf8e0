//! The storage fails before or after any commit, and the process is killed at any moment.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../ledger/tests/support/mod.rs"]
mod support;

use futures::executor::block_on;
use pumasi_crypto::NativeProvider;
use pumasi_crypto::hash::{Digest, sha256};
use pumasi_ledger::memory::MemoryStore;
use pumasi_ledger::store::{Batch, Header, StoreError, StoredCell, StoredEntry, Tag};
use pumasi_ledger::{Body, Ledger, LedgerError, Space, Store};
use pumasi_store::SqliteStore;
use pumasi_units::Unit;
use std::future::{Future, ready};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::*;

/// Fails one commit: before it is made, or after it was made and before it is told.
struct Faulty {
    store: MemoryStore,
    commits: Arc<AtomicUsize>,
    fail_at: usize,
    after: bool,
}

impl Store for Faulty {
    fn header(&self) -> impl Future<Output = Result<Option<Header>, StoreError>> + Send {
        self.store.header()
    }

    fn commit(&self, batch: Batch) -> impl Future<Output = Result<(), StoreError>> + Send + 'static + use<> {
        let fails = self.commits.fetch_add(1, Ordering::SeqCst) == self.fail_at;
        let commit = (!fails || self.after).then(|| self.store.commit(batch));
        async move {
            match commit {
                Some(commit) => commit.await?,
                None => ready(()).await,
            }
            if fails { Err(StoreError::Failed("the disk is gone".into())) } else { Ok(()) }
        }
    }

    fn entries(&self, from: u64, limit: u32) -> impl Future<Output = Result<Vec<StoredEntry>, StoreError>> + Send {
        self.store.entries(from, limit)
    }

    fn find(
        &self,
        tag: Tag,
        from: u64,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<StoredEntry>, StoreError>> + Send {
        self.store.find(tag, from, limit)
    }

    fn cell(&self, space: Space, key: Tag) -> impl Future<Output = Result<Option<Vec<u8>>, StoreError>> + Send {
        self.store.cell(space, key)
    }

    fn cells(
        &self,
        space: Space,
        after: Option<Tag>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<StoredCell>, StoreError>> + Send {
        self.store.cells(space, after, limit)
    }
}

fn incoming(peer: &Person, number: u64) -> Body {
    let id = sha256(&[&number.to_be_bytes()]);
    let (memo, document, profile) = (String::new(), String::new(), Digest::default());
    Body::Incoming { id, peer: peer.did, money: won(1), memo, document, profile }
}

#[test]
fn whichever_commit_fails_what_was_told_is_there_and_nothing_is_there_twice() {
    block_on(async {
        let bob = Person::new(2);
        for fail_at in 1..8 {
            for after in [false, true] {
                let store = MemoryStore::new();
                let faulty = Faulty { store: store.clone(), commits: Arc::default(), fail_at, after };
                let alice = Side::create(1, faulty).await;
                let mut told = 0;
                // Each payment is tried again until it is known to be there, as the payee's machine does.
                let mut tx = alice.ledger.begin().await.unwrap();
                tx.append(Body::Limit { peer: bob.did, limit: won(1_000) }, START).unwrap();
                if alice.ledger.commit(tx).await.is_err() && !after {
                    alice.limit(&bob, 1_000).await;
                }
                for number in 0..6 {
                    loop {
                        let mut tx = alice.ledger.begin().await.unwrap();
                        tx.append(incoming(&bob, number), START).unwrap();
                        match alice.ledger.commit(tx).await {
                            Ok(_) | Err(LedgerError::Duplicate { .. }) => break,
                            Err(LedgerError::Store(StoreError::Failed(_))) => {}
                            Err(other) => panic!("{other}"),
                        }
                    }
                    told += 1;
                    assert_eq!(alice.ledger.begin().await.unwrap().balance(&bob.did, &Unit::krw()), told);
                }
                let reopened = Ledger::open(store, NativeProvider, &password()).await.unwrap();
                assert_eq!((reopened.balance(&bob.did, &Unit::krw()), reopened.damage()), (6, None));
                assert_eq!(reopened.head().sequence, 8, "fail at {fail_at}, after {after}");
            }
        }
    });
}

#[test]
fn when_one_of_several_under_way_fails_those_after_it_fail_too_and_the_ledger_goes_on() {
    block_on(async {
        let bob = Person::new(2);
        let faulty = Faulty { store: MemoryStore::new(), commits: Arc::default(), fail_at: 3, after: false };
        let alice = Side::create(1, faulty).await;
        alice.limit(&bob, 1_000).await;
        let mut commits = Vec::new();
        for number in 0..4 {
            let mut tx = alice.ledger.begin().await.unwrap();
            tx.append(incoming(&bob, number), START).unwrap();
            commits.push(alice.ledger.submit(tx));
        }
        let outcomes = futures::future::join_all(commits).await;
        assert!(
            matches!(
                &outcomes[..],
                [
                    Ok(_),
                    Err(LedgerError::Store(StoreError::Failed(_))),
                    Err(LedgerError::Conflict { tip: 3, .. }),
                    Err(LedgerError::Conflict { tip: 3, .. })
                ]
            ),
            "{outcomes:?}"
        );
        let tx = alice.ledger.begin().await.unwrap();
        assert_eq!((tx.head().sequence, tx.balance(&bob.did, &Unit::krw())), (3, 1));
    });
}

/// How often the writing process is killed.
const KILLS: u64 = 30;

#[test]
fn what_was_acknowledged_survives_kill_9() {
    if let Ok(path) = std::env::var("PUMASI_CRASH_LEDGER") {
        return block_on(write_until_killed(Path::new(&path)));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let bob = Person::new(2);
    block_on(async {
        let alice = Side::create(1, SqliteStore::open(&path).unwrap()).await;
        alice.limit(&bob, 1_000_000_000).await;
    });
    let mut acknowledged = 2;
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "what_was_acknowledged_survives_kill_9", "--nocapture"])
            .env("PUMASI_CRASH_LEDGER", &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Killed after a different number of acknowledgements each time, with commits under way.
        let mut left = kill * 7 % 23 + 1;
        for line in lines.map_while(Result::ok) {
            let Some(sequence) = line.strip_prefix("durable ") else { continue };
            acknowledged = acknowledged.max(sequence.parse().unwrap());
            match left.checked_sub(1) {
                Some(0) => {
                    child.kill().unwrap();
                    left = 0;
                }
                Some(fewer) => left = fewer,
                None => {}
            }
        }
        child.wait().unwrap();
    }
    block_on(async {
        let store = SqliteStore::open(&path).unwrap();
        let ledger = Ledger::open(store, NativeProvider, &password()).await.unwrap();
        let head = ledger.head();
        assert!(acknowledged > KILLS && head.sequence >= acknowledged, "{} of {acknowledged}", head.sequence);
        assert_eq!(ledger.damage(), None);
        let document = ledger.export().await.expect("the chain is whole");
        assert_eq!(document.head(), head);
        // One won each, after the opening and the limit.
        assert_eq!(ledger.balance(&bob.did, &Unit::krw()), i128::from(head.sequence - 2));
    });
}

/// The child: commits in groups of four and tells what is durable, until it is killed.
async fn write_until_killed(path: &Path) {
    let bob = Person::new(2);
    let ledger = Ledger::open(SqliteStore::open(path).unwrap(), NativeProvider, &password()).await.unwrap();
    let mut out = std::io::stdout();
    for _ in 0..5_000 {
        let mut commits = Vec::new();
        for _ in 0..4 {
            let mut tx = ledger.begin().await.unwrap();
            let number = tx.head().sequence;
            tx.append(incoming(&bob, number), START).unwrap();
            commits.push(ledger.submit(tx));
        }
        for commit in commits {
            let head = commit.await.unwrap();
            writeln!(out, "durable {}", head.sequence).unwrap();
            out.flush().unwrap();
        }
    }
}
