//! The ledger in formats that other programs read, and what is read back.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "a test that is skipped says so")]

mod support;

use futures::executor::block_on;
use pumasi_crypto::NativeProvider;
use pumasi_crypto::password::Password;
use pumasi_ledger::export::{Document, Names};
use pumasi_ledger::memory::MemoryStore;
use pumasi_ledger::{Body, Ledger, LedgerError};
use pumasi_units::{Money, Unit};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::*;

const EXPORT_PASSWORD: &str = "내보내기 암호";

/// What somebody does to an export.
type Change = dyn Fn(&mut Value);

/// Alice's ledger: she owes Bob 700 KRW, and Bob owes her three hours.
async fn document() -> (Document, Names) {
    let alice = Side::create(1, MemoryStore::new()).await;
    let bob = Side::create(2, MemoryStore::new()).await;
    alice.limit(&bob.person, 50_000).await;
    bob.limit(&alice.person, 50_000).await;
    pay(&alice, &bob, 1_000, "김치, \"배추\" 열 포기\n=SUM(A1)").await;
    pay(&bob, &alice, 300, "=1+1").await;
    let hours: Unit = format!("hours@{}", alice.person.did).parse().unwrap();
    let money = Money::new(3, hours).unwrap();
    let mut tx = alice.ledger.begin().await.unwrap();
    tx.append(Body::Limit { peer: bob.person.did, limit: money.clone() }, START).unwrap();
    let (id, document, profile) = (Default::default(), "x".into(), Default::default());
    let body = Body::Incoming { id, peer: bob.person.did, money, memo: String::new(), document, profile };
    tx.append(body, START).unwrap();
    alice.ledger.commit(tx).await.unwrap();
    send(&alice, &bob.person, 9_999, "pending: not counted").await;
    (alice.ledger.export().await.unwrap(), Names::from([(bob.person.did, "밥 \"Bob\"".into())]))
}

#[test]
fn a_sealed_export_opens_with_its_password_only_and_founds_an_equal_ledger() {
    block_on(async {
        let (document, _) = document().await;
        let (right, wrong) = (Password::new(EXPORT_PASSWORD), Password::new("내보내기 암호!"));
        let file = document.to_sealed(&NativeProvider, &right, START).await.unwrap();
        assert!(!String::from_utf8_lossy(&file).contains("did:key"), "nothing is readable");
        assert_eq!(Document::from_sealed(&NativeProvider, &file, &wrong).await, Err(LedgerError::WrongPassword));
        let read = Document::from_sealed(&NativeProvider, &file, &right).await.unwrap();
        assert_eq!(read, document);

        let ledger = Ledger::import(MemoryStore::new(), NativeProvider, read, &password(), START).await.unwrap();
        let restored = document.head().sequence + 1;
        assert_eq!((ledger.head().sequence, ledger.generation()), (restored, 2));
        assert_eq!(ledger.entry(restored).await.unwrap().unwrap().body, Body::Restored { generation: 2 });
        assert_eq!(ledger.entries(1, 1_000).await.unwrap()[..document.entries().len()], *document.entries());
        let bob = Person::new(2).did;
        assert_eq!(ledger.account(&bob, &Unit::krw()).balance(), -700);
        assert_eq!(ledger.account(&bob, &Unit::krw()).pending_out(), 9_999);
        assert!(
            ledger.audit(&Checker, &[]).await.unwrap().findings.iter().all(|f| f.to_string().contains("signature"))
        );
    });
}

#[test]
fn what_does_not_fit_together_is_not_imported() {
    block_on(async {
        let (document, _) = document().await;
        let json: Value = serde_json::from_slice(&document.to_json().unwrap()).unwrap();
        assert_eq!(Document::from_json(json.to_string().as_bytes()).as_ref(), Ok(&document));
        let changed = |change: &Change| {
            let mut json = json.clone();
            change(&mut json);
            Document::from_json(json.to_string().as_bytes()).unwrap_err().to_string()
        };
        let entries = |json: &mut Value| json["entries"].as_array_mut().unwrap().len();
        let cases: [(&Change, &str); 8] = [
            (&|j| j["entries"][3]["body"]["peer"] = j["owner"].clone(), "entry 4: its hash is not the hash"),
            (&|j| j["entries"][3]["body"]["extra"] = 1.into(), "entry 4: its hash is not the hash"),
            (&|j| drop(j["entries"].as_array_mut().unwrap().remove(4)), "entry 6 does not follow entry 4"),
            (&|j| j["entries"].as_array_mut().unwrap().swap(2, 3), "entry 4 does not follow entry 2"),
            (&|j| drop(j["entries"].as_array_mut().unwrap().pop()), "the head says entry 9, the last one is 8"),
            (&|j| j["owner"] = Person::new(3).did.to_string().into(), "the first entry names another owner"),
            (&|j| j["version"] = 2.into(), "not an export of a version"),
            (&|j| j["unknown"] = true.into(), "unknown field"),
        ];
        assert_eq!(entries(&mut json.clone()), 9);
        for (change, sentence) in cases {
            let refused = changed(change);
            assert!(refused.contains(sentence), "{refused}");
        }
        assert!(Document::from_json(b"[]").is_err() && Document::from_json(b"").is_err());
    });
}

#[test]
fn csv_quotes_what_others_wrote_and_starts_no_formula() {
    let (document, names) = block_on(document());
    let csv = document.to_csv(&names);
    let lines: Vec<&str> = csv.split("\r\n").collect();
    assert_eq!(lines[0], "entry,time,direction,peer,name,amount,unit,memo,status,transfer");
    let bob = Person::new(2).did;
    let sent = format!(
        "3,2026-11-21T07:48:03Z,sent,{bob},\"밥 \"\"Bob\"\"\",1000,KRW,\"김치, \"\"배추\"\" 열 포기\n=SUM(A1)\",accepted,"
    );
    assert!(lines[1].starts_with(&sent), "{}", lines[1]);
    assert!(lines[2].contains(",received,") && lines[2].contains(",300,KRW,\"'=1+1\",accepted,"), "{}", lines[2]);
    assert!(lines[3].contains(",3,hours@did:key:") && lines[4].contains(",9999,KRW,") && lines[4].contains("pending"));
    assert_eq!(lines.len(), 6, "four lines, a heading, and nothing after the last");
}

#[test]
fn beancount_adds_up_what_was_accepted() {
    let (document, names) = block_on(document());
    let text = document.to_beancount(&names);
    let bob = Person::new(2).did.multibase().replacen('z', "Z", 1);
    for line in [
        "2026-11-21 * \"밥 \\\"Bob\\\"\" \"김치, \\\"배추\\\" 열 포기 =SUM(A1)\"".to_owned(),
        format!("  Liabilities:Pumasi:{bob}  -1000 KRW"),
        "  Expenses:Pumasi:Sent  1000 KRW".to_owned(),
        format!("2026-11-22 balance Liabilities:Pumasi:{bob}  -1000 KRW"),
        format!("2026-11-22 balance Assets:Pumasi:{bob}  300 KRW"),
    ] {
        assert!(text.lines().any(|have| have == line), "{line}\n{text}");
    }
    assert!(!text.contains("9999"), "what is pending does not count");

    let Some(python) = python("beancount_adds_up_what_was_accepted", "beancount") else { return };
    let folder = tempfile::tempdir().unwrap();
    let check = |text: &str| {
        let path = folder.path().join("ledger.beancount");
        fs::write(&path, text).unwrap();
        let script = "import sys; from beancount import loader; print(*loader.load_file(sys.argv[1])[1], sep='\\n')";
        let output = Command::new(&python).args(["-c", script]).arg(path).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(check(&text), "", "bean-check finds nothing");
    let asserted = |minor: u64| format!("balance Assets:Pumasi:{bob}  {minor} KRW");
    let wrong = text.replace(&asserted(300), &asserted(301));
    assert!(check(&wrong).contains("Balance failed"), "and would find it");
}

/// The foreign Python, when it is there and has the module.
fn python(test: &str, module: &str) -> Option<PathBuf> {
    let workspace = Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("../..");
    let default = || workspace.join("target/foreign/venv/bin/python");
    let python = std::env::var_os("PUMASI_PYTHON").map_or_else(default, PathBuf::from);
    let has_module = Command::new(&python).args(["-c", &format!("import {module}")]).output();
    if has_module.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    println!("SKIPPED {test}: no Python with {module} (set PUMASI_PYTHON)");
    None
}

fn run(python: &Path, script: &str, arguments: &[&str]) -> Value {
    let script =
        Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("../../testing/foreign/ledger").join(script);
    let command = Command::new(python).arg(script).args(arguments).env("PUMASI_PASSWORD", EXPORT_PASSWORD).output();
    let output = command.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn python_opens_what_we_export() {
    let Some(python) = python("python_opens_what_we_export", "cryptography") else { return };
    block_on(async {
        let (document, _) = document().await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("export.json");
        let file = document.to_sealed(&NativeProvider, &Password::new(EXPORT_PASSWORD), START).await.unwrap();
        fs::write(&path, file).unwrap();
        let read = run(&python, "open_export.py", &[path.to_str().unwrap()]);
        assert_eq!(read, serde_json::from_slice::<Value>(&document.to_json().unwrap()).unwrap());
        assert!(read.to_string().contains("김치"));
    });
}

#[test]
fn we_import_what_python_writes() {
    let Some(python) = python("we_import_what_python_writes", "cryptography") else { return };
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("export.json");
        let (owner, peer) = (Person::new(1).did, Person::new(2).did);
        run(&python, "write_export.py", &[path.to_str().unwrap(), &owner.to_string(), &peer.to_string()]);
        let file = fs::read(&path).unwrap();
        let document = Document::from_sealed(&NativeProvider, &file, &Password::new(EXPORT_PASSWORD)).await.unwrap();
        let ledger = Ledger::import(MemoryStore::new(), NativeProvider, document, &password(), START).await.unwrap();
        assert_eq!((ledger.owner(), ledger.balance(&peer, &Unit::krw())), (owner, 12_000));
        let entry = ledger.entry(3).await.unwrap().unwrap();
        assert!(matches!(entry.body, Body::Incoming { memo, .. } if memo == "김장 품앗이 — \"배추\" 열 포기 🥬"));
    });
}
