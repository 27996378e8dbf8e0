//! `docs/spec/presence.md` says what this program does: its examples are ours, and Python reads and makes presences by the
//! page alone.

use crate::person::{NOW, Person};
use crate::presence::{node, of, sign};
use futures::executor::block_on;
use pumasi_crypto::b64;
use pumasi_crypto::hash::sha256;
use pumasi_signaling::MAX_LIFETIME;
use pumasi_signaling::presence::{self, Audience, PairPresence, Presence, SignedPresence};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PAGE: &str = include_str!("../../../../docs/spec/presence.md");
const ADDRESSES: [&str; 2] = [
    "/ip4/192.0.2.7/udp/8468/quic-v1",
    "/ip4/198.51.100.9/tcp/8468/p2p/12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5/p2p-circuit",
];

fn block(info: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("\n```{info}\n")).unwrap_or_else(|| panic!("a block {info:?}"));
    rest.split_once("```").expect("the fence is closed").0.trim_end()
}

fn pair(me: &Person, them: &Person) -> PairPresence {
    block_on(PairPresence::new(&me.provider, &me.agreement, me.did, them.did, them.x25519())).unwrap()
}

/// What A says to everyone, and the record in which it says it to B, with its key.
fn example(a: &Person, b: &Person) -> (SignedPresence, [u8; 32], Vec<u8>) {
    let public = sign(a, of(a, Audience::Everyone, &ADDRESSES)).unwrap();
    let confided = Presence { expires: NOW + MAX_LIFETIME, ..of(a, Audience::Contact(b.did), &ADDRESSES) };
    let random: [u8; 64] = std::array::from_fn(|at| if at < 32 { 3 } else { 4 });
    let (slot, record) = pair(a, b).seal(&sign(a, confided).unwrap(), NOW, random).unwrap();
    (public, slot, record)
}

#[test]
fn the_examples_on_the_page_are_ours() {
    let (a, b) = (Person::new(1), Person::new(2));
    let (public, slot, record) = example(&a, &b);
    let payload = b64::decode("payload", public.as_str().split('.').nth(1).unwrap()).unwrap();
    assert_eq!(block("json statement"), String::from_utf8(payload).unwrap());
    assert!(block("json statement").contains(&node(9).to_string()));
    assert_eq!(block("text jws"), public.as_str());
    let lines = [
        format!("key of A's presence      {}", b64::encode(presence::key(&a.did).0)),
        format!("record key, A to B       {}", b64::encode(slot)),
        format!("SHA-256 of the record    {}", sha256(&[&record])),
    ];
    assert_eq!(block("text derived"), lines.join("\n"));
}

fn workspace() -> PathBuf {
    Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).ancestors().nth(2).unwrap().to_owned()
}

#[test]
fn python_reads_ours_and_we_read_what_python_made_by_the_page_alone() {
    let python = std::env::var_os("PUMASI_PYTHON")
        .map_or_else(|| workspace().join("target/foreign/venv/bin/python"), PathBuf::from);
    let has = Command::new(&python).args(["-c", "import cryptography"]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        println!("SKIPPED: {} has no cryptography", python.display());
        return;
    }
    let (a, b) = (Person::new(1), Person::new(2));
    let (public, slot, record) = example(&a, &b);
    let request = json!({
        "now": NOW, "did": a.did, "public": public.as_str(), "seed": 2, "agreement": b64::encode(a.x25519()),
        "slot": b64::encode(slot), "sealed": String::from_utf8(record).unwrap(),
    });
    let script = workspace().join("testing/foreign/web/presence.py");
    let mut child = Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(request.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "Python did not read ours");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&answer["read"], &answer["told"]), (&json!(ADDRESSES), &json!(ADDRESSES)));
    assert_eq!(answer["place"], b64::encode(presence::key(&a.did).0));
    assert_eq!(answer["did"], b.did.to_string());

    let made = answer["public"].as_str().unwrap();
    let valid = presence::validate(&presence::key(&b.did).0, made.as_bytes(), NOW).unwrap();
    assert_eq!(valid.sequence, NOW.0);
    let reader = pair(&a, &b);
    let slots = reader.to_read(NOW);
    let slot = slots.iter().find(|slot| answer["slot"] == b64::encode(slot.record_key())).expect("where we look");
    let sealed = answer["sealed"].as_str().unwrap().as_bytes();
    let told = block_on(reader.open(&a.provider, &a.agreement, slot, sealed, NOW)).unwrap();
    assert_eq!(told.presence().addresses.as_slice(), ["/ip4/192.0.2.8/tcp/4001"]);
}
