//! A peer on go-libp2p that knows `docs/spec/` only, over real sockets: keeps a profile for others all alone, joins, finds and
//! verifies one over TCP and over QUIC, and talks in a topic, both ways, where a forged message of its own goes no further.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a test may panic, and tells its figures"
)]

#[path = "it/common.rs"]
#[allow(dead_code, reason = "shared with the other tests")]
mod common;
#[path = "it/foreign.rs"]
mod foreign;
#[path = "it/rule.rs"]
mod rule;

use common::{Person, address, listening, now, peer, start, until};
use foreign::{Foreign, forge, hear};
use pumasi_crypto::{NativeProvider, RsaBits};
use pumasi_identity::PlainKeys;
use pumasi_messages::Text;
use pumasi_messages::topic::{TopicMessage, TopicName};
use pumasi_overlay::{Address, Gossip, Overlay, Rule, SetKey, TopicId, Verdict};
use rule::rule;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const TEST: &str = "a_peer_in_go_keeps_and_finds_profiles_and_talks_in_a_topic";
const TOPIC: &str = "global-chat";
/// The daemon of go-libp2p is a file in hivemind, which cannot be imported without what it depends on.
const CHECK: &str = "import cryptography, importlib.util, sys
sys.exit(sys.platform != 'linux' or importlib.util.find_spec('hivemind') is None)";

/// The peer, if there is a Python with `cryptography` and the daemon of go-libp2p; else the test is told as skipped.
fn go(folder: &Path) -> Option<Foreign> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let venv = root.join("target/foreign/venv/bin/python");
    let python = std::env::var_os("PUMASI_PYTHON").map_or(venv, PathBuf::from);
    let script = root.join("testing/foreign/go/node.py");
    let check = Command::new(&python).args(["-c", CHECK]).stderr(Stdio::null()).status();
    if !check.is_ok_and(|status| status.success()) {
        println!("SKIPPED {TEST}: no Python with cryptography and hivemind on Linux (PUMASI_PYTHON)");
        return None;
    }
    // For the sockets between the two processes of the peer.
    Some(Foreign::start(Command::new(python).arg(script).env("TMPDIR", folder)))
}

/// One of ours that knows the Go peer only stores a profile there and goes; another reads it there.
async fn alone(go: &mut Foreign, at: &Address) {
    let person = Person::new().await;
    let publisher = start(peer(3, std::slice::from_ref(at))).await;
    let profile = person.profile(7).await;
    let put = publisher.put(person.key(), profile.clone()).await.unwrap();
    assert_eq!((put.asked, put.stored), (1, 1));
    publisher.shutdown().await.unwrap();

    let reader = start(peer(4, std::slice::from_ref(at))).await;
    assert_eq!(reader.get(person.key()).await.unwrap(), Some(profile));
    let kept = go.ask(&json!({"do": "kept", "did": person.did()}));
    assert!(kept["sequence"] == 7 && kept["told"].as_u64() >= Some(1), "{kept}");
    reader.shutdown().await.unwrap();
}

/// One of ours in the topic, and how often its rule rejected a message.
struct Member {
    gossip: Gossip,
    rejected: Arc<AtomicUsize>,
}

impl Member {
    async fn of(node: &Overlay, name: &TopicName) -> Self {
        let rejected = Arc::new(AtomicUsize::new(0));
        let (counter, rule) = (Arc::clone(&rejected), rule(name.clone(), now));
        let counted: Rule = Arc::new(move |from, bytes| {
            let verdict = rule(from, bytes);
            counter.fetch_add(usize::from(verdict == Verdict::Reject), Ordering::Relaxed);
            verdict
        });
        Self { gossip: node.subscribe(TopicId(name.id().0), counted).await.unwrap(), rejected }
    }

    /// Who said this; what was said before it is passed over.
    async fn hears(&mut self, name: &TopicName, text: &str, patience: Duration) -> Option<Value> {
        while let Some(heard) = hear(&mut self.gossip, name, patience).await {
            if heard.value().text.as_str() == text {
                return Some(json!(heard.value().from));
            }
        }
        None
    }

    fn rejected(&self) -> usize {
        self.rejected.load(Ordering::Relaxed)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_in_go_keeps_and_finds_profiles_and_talks_in_a_topic() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut go) = go(folder.path()) else { return };
    let its = go.wait_for("started");
    alone(&mut go, &address(its["address"].as_str().unwrap())).await;

    let bootstrap = start(peer(1, &[])).await;
    let (tcp, quic) = (listening(&bootstrap, "tcp").await, listening(&bootstrap, "quic-v1").await);
    let ours = start(peer(2, std::slice::from_ref(&tcp))).await;
    let person = Person::new().await;
    ours.put(person.key(), person.profile(1).await).await.unwrap();

    let joined = go.ask(&json!({"do": "join", "address": tcp.to_string()}));
    assert_eq!(
        (&joined["answered"], &joined["known"]),
        (&json!(2), &json!(2)),
        "both of ours, one by the other: {joined}"
    );
    until(&bootstrap, "routing to the Go peer", |status| status.routable == 2).await;
    until(&ours, "routing to the Go peer", |status| status.routable == 2).await;
    let did = json!(person.did());
    let found = go.ask(&json!({"do": "find", "did": did}));
    assert_eq!((&found["id"], &found["sequence"]), (&did, &json!(1)), "{found}");
    let found = go.ask(&json!({"do": "find_over_quic", "address": quic.to_string(), "did": did}));
    assert_eq!((&found["id"], &found["sequence"], &found["quic"]), (&did, &json!(1), &json!(true)), "{found}");

    // It is a node like any other: what is published from now on is put there too.
    let other = Person::new().await;
    let put = ours.put(other.key(), other.profile(2).await).await.unwrap();
    assert_eq!((put.asked, put.stored), (2, 2));
    assert_eq!(go.ask(&json!({"do": "kept", "did": other.did()}))["sequence"], 2);

    // It talks with the bootstrap node only, which passes on to the other.
    let name: TopicName = TOPIC.parse().unwrap();
    let (mut near, mut far) = (Member::of(&bootstrap, &name).await, Member::of(&ours, &name).await);
    let joined = go.ask(&json!({"do": "topic", "name": TOPIC, "neighbour": tcp.to_string()}));
    assert_eq!(joined["kept"], 2, "both of ours keep what it says of itself: {joined}");
    let listed = ours.list(SetKey::member(name.id().0)).await.unwrap();
    assert_eq!((listed.entries.len(), listed.invalid), (1, 0));
    // Until the subscriptions have come around, a message reaches nobody.
    let mut heard = None;
    for number in 1..=30 {
        let text = format!("안녕하세요 {number}");
        go.ask(&json!({"do": "say", "name": TOPIC, "text": text}));
        heard = far.hears(&name, &text, Duration::from_secs(2)).await;
        if heard.is_some() {
            break;
        }
    }
    assert_eq!(heard.expect("what it says is heard"), joined["did"]);

    go.ask(&json!({"do": "say", "name": TOPIC, "text": "아닌데요", "forged": true}));
    go.ask(&json!({"do": "say", "name": TOPIC, "text": "맞아요"}));
    assert!(near.hears(&name, "맞아요", Duration::from_secs(20)).await.is_some());
    assert!(far.hears(&name, "맞아요", Duration::from_secs(20)).await.is_some());
    assert_eq!((near.rejected(), far.rejected()), (1, 0), "the forged one is not passed on");
    assert_eq!(bootstrap.status().await.unwrap().offences, 1);

    let provider = NativeProvider;
    let keys = PlainKeys::generate(&provider, RsaBits::B2048).await.unwrap().import(&provider).await.unwrap();
    let said = TopicMessage {
        from: *keys.did(),
        issued: now(),
        sequence: now().0,
        text: Text::new("어서 오세요").unwrap(),
        topic: name.clone(),
    };
    let said = said.sign(&provider, keys.did_key()).await.unwrap();
    assert!(far.gossip.publish(said.as_str().as_bytes().to_vec()).await.unwrap() >= 1);
    let there = go.wait_for("heard");
    assert_eq!(
        (&there["from"], &there["text"]),
        (&json!(keys.did()), &json!("어서 오세요")),
        "passed on to it: {there}"
    );

    // Its own rule is no less strict than ours.
    near.gossip.publish(forge(&said)).await.unwrap();
    assert_eq!(go.wait_for("refused")["why"], "the signature does not verify");
}
