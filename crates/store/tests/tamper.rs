//! Somebody has the file and changes it, with every tool but the password. Each change is noticed and named.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../ledger/tests/support/mod.rs"]
mod support;

use futures::executor::block_on;
use pumasi_crypto::NativeProvider;
use pumasi_ledger::{AuditReport, Body, Finding, Head, Ledger, LedgerError, Outcome, Part, Quote, Space};
use pumasi_store::SqliteStore;
use pumasi_units::Unit;
use std::fs;
use std::path::{Path, PathBuf};
use support::*;
use tempfile::TempDir;

type Open = Ledger<SqliteStore, NativeProvider>;

/// Alice's ledger after some trade with Bob, closed.
struct Scene {
    folder: TempDir,
    bob: Person,
    head: Head,
}

/// Entries of Alice's: 1 opened, 2 limit, 3–4 and 5–6 sent, 7–8 received, 9–10 sent.
async fn scene() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let alice = Side::create(1, SqliteStore::open(&folder.path().join("ledger")).unwrap()).await;
    let bob = Side::create(2, SqliteStore::open(&folder.path().join("bob")).unwrap()).await;
    alice.limit(&bob.person, 50_000).await;
    bob.limit(&alice.person, 50_000).await;
    pay(&alice, &bob, 1_000, "하나").await;
    pay(&alice, &bob, 2_000, "둘").await;
    pay(&bob, &alice, 500, "셋").await;
    pay(&alice, &bob, 4_000, "넷").await;
    let head = alice.ledger.durable_head();
    assert_eq!(head.sequence, 10);
    Scene { folder, bob: bob.person, head }
}

impl Scene {
    fn path(&self) -> PathBuf {
        self.folder.path().join("ledger")
    }

    fn sql(&self, sql: &str) {
        let connection = rusqlite::Connection::open(self.path()).unwrap();
        connection.execute_batch(sql).unwrap();
    }

    async fn open(&self) -> Open {
        open(&self.path()).await
    }

    /// Opens the changed file, checks that it cannot be written, and audits it.
    async fn audit_damaged(&self) -> Vec<Finding> {
        let ledger = self.open().await;
        let refused = ledger.begin().await.err();
        assert!(matches!(refused, Some(LedgerError::Damaged(_))), "{refused:?}");
        audit(&ledger).await.findings
    }
}

async fn open(path: &Path) -> Open {
    Ledger::open(SqliteStore::open(path).unwrap(), NativeProvider, &password()).await.unwrap()
}

async fn audit(ledger: &Open) -> AuditReport {
    ledger.audit(&Checker, &[]).await.unwrap()
}

#[test]
fn an_honest_ledger_has_no_findings() {
    block_on(async {
        let scene = scene().await;
        let report = audit(&scene.open().await).await;
        assert_eq!((report.findings, report.head, report.entries), (vec![], scene.head, 10));
        assert_eq!(report.documents, 9, "two for each of three sent, three for the one received");
        let bob = audit(&open(&scene.folder.path().join("bob")).await).await;
        assert_eq!((bob.findings, bob.documents), (vec![], 11));
    });
}

#[test]
fn a_cut_tail_is_missing_by_the_heads_word() {
    block_on(async {
        let scene = scene().await;
        scene.sql("DELETE FROM entry WHERE sequence > 7");
        assert_eq!(scene.audit_damaged().await, [Finding::TailMissing { expected: 10, found: 7 }]);
        // The count beside the head is not encrypted; setting it back as well does not help.
        scene.sql("UPDATE ledger SET sequence = 7");
        let findings = scene.audit_damaged().await;
        assert_eq!(findings, [Finding::HeadChanged, Finding::TailMissing { expected: 10, found: 7 }]);
        assert_eq!(findings[1].to_string(), "the head says 10 entries, 7 are there: 3 at the end are missing");
    });
}

#[test]
fn a_hole_is_named_with_its_ends() {
    block_on(async {
        let scene = scene().await;
        scene.sql("DELETE FROM entry WHERE sequence IN (5, 6)");
        let report = audit(&scene.open().await).await;
        assert_eq!(report.findings[0], Finding::Gap { first: 5, last: 6 });
        assert_eq!(report.entries, 8);
    });
}

#[test]
fn one_flipped_bit_anywhere_in_an_entry_is_found() {
    block_on(async {
        let scene = scene().await;
        let pristine = fs::read(scene.path()).unwrap();
        for byte in [0, 8, 20, 26, 200] {
            let connection = rusqlite::Connection::open(scene.path()).unwrap();
            let token = connection.query_row("SELECT token FROM entry WHERE sequence = 4", (), |row| row.get(0));
            let mut token: Vec<u8> = token.unwrap();
            token[byte] ^= 0x10;
            connection.execute("UPDATE entry SET token = ?1 WHERE sequence = 4", [token]).unwrap();
            drop(connection);
            let findings = audit(&scene.open().await).await.findings;
            assert!(findings.contains(&Finding::Changed { entry: 4 }), "byte {byte}: {findings:?}");
            restore_file(&scene.path(), &pristine);
        }
        assert!(audit(&scene.open().await).await.is_clean());
    });
}

/// Puts the bytes of a closed ledger back.
fn restore_file(path: &Path, bytes: &[u8]) {
    for companion in ["-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(companion);
        drop(fs::remove_file(name));
    }
    fs::write(path, bytes).unwrap();
}

#[test]
fn swapped_entries_are_both_named() {
    block_on(async {
        let scene = scene().await;
        scene.sql(
            "UPDATE entry SET sequence = 100 WHERE sequence = 4;
             UPDATE entry SET sequence = 4 WHERE sequence = 6;
             UPDATE entry SET sequence = 6 WHERE sequence = 100",
        );
        let findings = audit(&scene.open().await).await.findings;
        assert!(findings.contains(&Finding::Misplaced { place: 4, holds: 6 }), "{findings:?}");
        assert!(findings.contains(&Finding::Misplaced { place: 6, holds: 4 }), "{findings:?}");
        let read = scene.open().await.entries(1, 10).await;
        assert!(matches!(read, Err(LedgerError::Damaged(_))), "reading checks, too");
    });
}

#[test]
fn a_copied_entry_after_the_head_and_a_changed_head_are_named() {
    block_on(async {
        let scene = scene().await;
        scene.sql("INSERT INTO entry (sequence, token) SELECT 11, token FROM entry WHERE sequence = 10");
        let findings = scene.audit_damaged().await;
        assert_eq!(findings[0], Finding::BeyondHead { entry: 11, head: 10 });
        scene.sql("DELETE FROM entry WHERE sequence = 11; UPDATE ledger SET head = (SELECT token FROM entry LIMIT 1)");
        assert_eq!(scene.audit_damaged().await[0], Finding::HeadChanged);
    });
}

#[test]
fn records_do_not_open_in_another_place() {
    block_on(async {
        let scene = scene().await;
        let ledger = scene.open().await;
        let mut tx = ledger.begin().await.unwrap();
        tx.put(Space::Contact, b"bob", &"friend").unwrap();
        tx.put(Space::Contact, b"eve", &"foe").unwrap();
        ledger.commit(tx).await.unwrap();
        drop(ledger);
        scene.sql(
            "CREATE TEMP TABLE t AS SELECT key, token FROM cell WHERE space = 2;
             UPDATE cell SET token = (SELECT token FROM t WHERE t.key <> cell.key) WHERE space = 2",
        );
        let ledger = scene.open().await;
        assert!(matches!(ledger.get::<String>(Space::Contact, b"bob").await, Err(LedgerError::Record { .. })));
    });
}

#[test]
fn a_ledger_put_back_from_an_old_copy_refuses_to_write_by_the_marker() {
    block_on(async {
        let scene = scene().await;
        let old_copy = fs::read(scene.path()).unwrap();
        let ledger = scene.open().await;
        let behind = ledger.marker();
        let mut tx = ledger.begin().await.unwrap();
        tx.append(Body::Limit { peer: scene.bob.did, limit: won(1) }, START).unwrap();
        ledger.commit(tx).await.unwrap();
        let marker = ledger.marker();
        ledger.check_marker(&marker).await.unwrap();
        ledger.check_marker(&behind).await.expect("a marker that was not written yet is no sign of anything");
        drop(ledger);

        restore_file(&scene.path(), &old_copy);
        let ledger = scene.open().await;
        assert_eq!(ledger.damage(), None, "the old copy is whole in itself");
        let text = serde_json::to_string(&marker).unwrap();
        let refused = ledger.check_marker(&serde_json::from_str(&text).unwrap()).await;
        let expected = Finding::OldCopy { head: scene.head, generation: 1, marked: marker.head, marked_generation: 1 };
        assert_eq!(refused, Err(LedgerError::Damaged(Box::new(expected.clone()))));
        assert!(ledger.begin().await.is_err());
        assert_eq!(audit(&ledger).await.findings, [expected]);

        // A marker that somebody made to hide it.
        let mut forged = marker;
        forged.head = scene.head;
        let ledger = scene.open().await;
        let refused = ledger.check_marker(&forged).await;
        assert_eq!(refused, Err(LedgerError::Damaged(Box::new(Finding::MarkerChanged))));
    });
}

#[test]
fn where_the_marker_went_too_a_peers_receipt_tells() {
    block_on(async {
        let scene = scene().await;
        let old_copy = fs::read(scene.path()).unwrap();
        let lost = {
            let ledger = scene.open().await;
            let mut tx = ledger.begin().await.unwrap();
            tx.append(Body::Limit { peer: scene.bob.did, limit: won(1) }, START).unwrap();
            ledger.commit(tx).await.unwrap()
        };
        restore_file(&scene.path(), &old_copy);
        let ledger = scene.open().await;
        let shown = Quote { witness: scene.bob.did, head: lost };
        let report = ledger.audit(&Checker, &[shown]).await.unwrap();
        let (witness, have) = (scene.bob.did, 10);
        assert_eq!(report.findings, [Finding::RolledBack { witness, entry: None, quoted: lost, have }]);

        // It goes on from the old copy: another entry 11 than the one that Bob knows.
        let mut tx = ledger.begin().await.unwrap();
        let entry = tx.append(Body::Limit { peer: scene.bob.did, limit: won(2) }, START).unwrap();
        ledger.commit(tx).await.unwrap();
        let report = ledger.audit(&Checker, &[shown]).await.unwrap();
        assert_eq!(report.findings, [Finding::Rewritten { witness, entry: None, quoted: lost, mine: entry.hash }]);
    });
}

/// Somebody with the password (or a bug) writes what is not so: the signatures tell.
async fn scene_with(body: impl AsyncFnOnce(&Side<SqliteStore>, &Side<SqliteStore>)) -> Vec<Finding> {
    let folder = tempfile::tempdir().unwrap();
    let alice = Side::create(1, SqliteStore::open(&folder.path().join("ledger")).unwrap()).await;
    let bob = Side::create(2, SqliteStore::open(&folder.path().join("bob")).unwrap()).await;
    alice.limit(&bob.person, 50_000).await;
    bob.limit(&alice.person, 50_000).await;
    body(&alice, &bob).await;
    audit(&alice.ledger).await.findings
}

#[test]
fn swapped_receipts_are_named_with_the_transfer_that_each_is_about() {
    let mut ids = Vec::new();
    let findings = block_on(scene_with(async |alice, bob| {
        let one = send(alice, &bob.person, 100, "").await;
        let two = send(alice, &bob.person, 200, "").await;
        let first = accept(bob, &alice.person, &one, 100, "").await;
        let second = accept(bob, &alice.person, &two, 200, "").await;
        settle(alice, &bob.person, &one.0, &second).await;
        settle(alice, &bob.person, &two.0, &first).await;
        ids = vec![one.0, two.0];
    }));
    let other = |entry, expected, found| Finding::OtherTransfer { entry, part: Part::Result, expected, found };
    assert_eq!(findings, [other(5, ids[0], ids[1]), other(6, ids[1], ids[0])]);
}

#[test]
fn a_peer_that_forks_its_ledger_is_named_with_both_entries() {
    let mut bob_did = None;
    let findings = block_on(scene_with(async |alice, bob| {
        // Two transfers after the same entry of Bob's: he told two stories.
        let prev = bob.ledger.head();
        for (minor, memo) in [(100, "one"), (100, "two")] {
            let document = bob.person.transfer(&alice.person, &won(minor), memo, prev);
            let sent = (jws_id(&document), document, prev);
            accept(alice, &bob.person, &sent, minor, memo).await;
        }
        bob_did = Some(bob.person.did);
    }));
    assert_eq!(findings, [Finding::Fork { peer: bob_did.unwrap(), sequence: 3, first: 3, second: 4 }]);
}

#[test]
fn forged_documents_wrong_signers_and_other_amounts_are_named() {
    let findings = block_on(scene_with(async |alice, bob| {
        let eve = Person::new(9);
        let prev = bob.ledger.head();
        // Signed by Eve, said to be from Bob.
        let document = eve.transfer(&alice.person, &won(10), "", prev);
        accept(alice, &bob.person, &(jws_id(&document), document, prev), 10, "").await;
        // Another amount than the signed one.
        let document = bob.person.transfer(&alice.person, &won(10), "", prev);
        accept(alice, &bob.person, &(jws_id(&document), document, prev), 1_000, "").await;
        // A changed signature.
        let mut document = bob.person.transfer(&alice.person, &won(10), "", prev);
        document.truncate(document.len() - 4);
        document.push_str("AAAA");
        accept(alice, &bob.person, &(jws_id(&document), document, prev), 10, "").await;
    }));
    assert!(matches!(findings[0], Finding::WrongSigner { entry: 3, part: Part::Transfer, .. }), "{findings:?}");
    assert!(matches!(findings[1], Finding::Contradicts { entry: 4, field: "amount", .. }), "{findings:?}");
    assert!(matches!(findings[2], Finding::BadSignature { entry: 5, part: Part::Transfer, .. }), "{findings:?}");
    assert_eq!(findings.len(), 3);
}

#[test]
fn a_balance_that_the_peer_signed_otherwise_is_named_unless_transfers_crossed() {
    let findings = block_on(scene_with(async |alice, bob| {
        let sent = send(alice, &bob.person, 100, "").await;
        accept(bob, &alice.person, &sent, 100, "").await;
        let lie = bob.person.result(&alice.person, &sent.0, &Outcome::Accepted, [bob.ledger.head(), sent.2], 5_000);
        settle(alice, &bob.person, &sent.0, &lie).await;
    }));
    let [Finding::BalanceDiffers { entry: 4, unit, mine: -100, theirs: -5_000, .. }] = &findings[..] else {
        panic!("{findings:?}");
    };
    assert_eq!(*unit, Unit::krw());

    // Both pay at once: each signs a balance that the other's payment is not in yet.
    let findings = block_on(scene_with(async |alice, bob| {
        let to_bob = send(alice, &bob.person, 100, "").await;
        let to_alice = send(bob, &alice.person, 70, "").await;
        let from_bob = accept(bob, &alice.person, &to_bob, 100, "").await;
        let from_alice = accept(alice, &bob.person, &to_alice, 70, "").await;
        settle(alice, &bob.person, &to_bob.0, &from_bob).await;
        let bye = settle(bob, &alice.person, &to_alice.0, &from_alice).await;
        let (id, peer) = (to_alice.0, bob.person.did);
        alice.append(Body::Countersigned { id, peer, result: from_alice, document: bye }).await;
    }));
    assert_eq!(findings, []);
}

#[test]
fn backup_and_restore_begin_a_new_generation_and_keep_everything() {
    block_on(async {
        let scene = scene().await;
        let mut backup = Vec::new();
        let ledger = scene.open().await;
        let mut tx = ledger.begin().await.unwrap();
        tx.put(Space::Contact, b"bob", &"밥").unwrap();
        ledger.commit(tx).await.unwrap();
        ledger.backup(&mut backup).await.unwrap();
        let mut tx = ledger.begin().await.unwrap();
        tx.append(Body::Limit { peer: scene.bob.did, limit: won(1) }, START).unwrap();
        ledger.commit(tx).await.unwrap();
        let (marker, live) = (ledger.marker(), ledger.head());
        drop(ledger);

        let restore = async |name: &str, file: &[u8]| {
            let store = SqliteStore::open(&scene.folder.path().join(name)).unwrap();
            Ledger::restore(store, NativeProvider, &mut &*file, &password(), Some(&marker), START).await
        };
        let restored = restore("restored", &backup).await.unwrap();
        assert_eq!((restored.generation(), restored.head().sequence), (2, 11));
        assert_eq!(restored.entry(11).await.unwrap().unwrap().body, Body::Restored { generation: 2 });
        assert_eq!(restored.get::<String>(Space::Contact, b"bob").await.unwrap().as_deref(), Some("밥"));
        assert_eq!(restored.balance(&scene.bob.did, &Unit::krw()), -6_500);
        assert!(audit(&restored).await.is_clean());
        // From here on the lost ledger, should it turn up again, is the old one.
        let new_marker = restored.marker();
        let old = scene.open().await;
        assert_eq!(old.head(), live);
        assert!(matches!(old.check_marker(&new_marker).await, Err(LedgerError::Damaged(_))));
        assert!(old.begin().await.is_err());
        // Over a ledger that is there, nothing is restored.
        let (taken, password) = (SqliteStore::open(&scene.path()).unwrap(), password());
        let over = Ledger::restore(taken, NativeProvider, &mut &*backup, &password, None, START).await;
        assert_eq!(over.err(), Some(LedgerError::Exists));

        // Cut, or changed, or with a line from elsewhere: not restored.
        let text = String::from_utf8(backup.clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let without = |skip: usize| {
            let kept = lines.iter().enumerate().filter(|(n, _)| *n != skip).map(|(_, line)| *line);
            kept.collect::<Vec<_>>().join("\n") + "\n"
        };
        for (name, file) in [
            ("cut", text[..text.len() / 2].to_owned()),
            ("no-end", without(lines.len() - 1)),
            ("no-cell", without(lines.len() - 2)),
            ("no-entry", without(5)),
            ("empty", String::new()),
            ("text", "hello\n".to_owned()),
        ] {
            assert!(restore(name, file.as_bytes()).await.is_err(), "{name}");
        }
    });
}

#[test]
fn an_authentic_but_older_account_record_is_named() {
    block_on(async {
        let scene = scene().await;
        let connection = rusqlite::Connection::open(scene.path()).unwrap();
        let old: Vec<u8> = connection.query_row("SELECT token FROM cell WHERE space = 1", (), |r| r.get(0)).unwrap();
        drop(connection);
        let ledger = scene.open().await;
        let mut tx = ledger.begin().await.unwrap();
        tx.append(Body::Limit { peer: scene.bob.did, limit: won(60_000) }, START).unwrap();
        ledger.commit(tx).await.unwrap();
        drop(ledger);
        let connection = rusqlite::Connection::open(scene.path()).unwrap();
        connection.execute("UPDATE cell SET token = ?1 WHERE space = 1", [old]).unwrap();
        drop(connection);
        let findings = audit(&scene.open().await).await.findings;
        let (peer, unit) = (scene.bob.did, Unit::krw());
        assert_eq!(findings, [Finding::AccountChanged { peer, unit, kept: -6_500, replayed: -6_500 }]);
    });
}
