//! A peer on js-libp2p that knows `docs/spec/` only, over real sockets: joins, finds and verifies a profile, keeps one for
//! others, finds in the DHT who is in a topic, and talks there, both ways. (`apps/cli/tests/slow_js_node.rs` has it join a
//! `pumasi bootstrap`.)
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

use common::{Person, listening, now, peer, start};
use foreign::{Foreign, forge, hear};
use pumasi_crypto::{NativeProvider, RsaBits};
use pumasi_identity::PlainKeys;
use pumasi_messages::Text;
use pumasi_messages::member::Membership;
use pumasi_messages::topic::{TopicMessage, TopicName};
use pumasi_overlay::{SetKey, TopicId};
use rule::rule;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const TEST: &str = "a_peer_in_javascript_joins_finds_a_profile_and_talks_in_a_topic";
const TOPIC: &str = "global-chat";

/// The peer, if there is a Node and js-libp2p; else the test is told as skipped.
fn js() -> Option<Foreign> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let modules =
        std::env::var_os("PUMASI_NODE_MODULES").map_or(root.join("target/foreign/node/node_modules"), PathBuf::from);
    let node = Command::new("node").arg("--version").output().is_ok_and(|output| output.status.success());
    if !node || !modules.join("libp2p").is_dir() {
        println!("SKIPPED {TEST}: no Node, or no libp2p in {} (PUMASI_NODE_MODULES)", modules.display());
        return None;
    }
    let mut command = Command::new("node");
    command.arg(root.join("testing/foreign/overlay/peer.mjs")).env("PUMASI_NODE_MODULES", modules);
    Some(Foreign::start(&mut command))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_in_javascript_joins_finds_a_profile_and_talks_in_a_topic() {
    let Some(mut js) = js() else { return };
    let bootstrap = start(peer(1, &[])).await;
    let at = listening(&bootstrap, "tcp").await;
    let ours = start(peer(2, std::slice::from_ref(&at))).await;
    let person = Person::new().await;
    ours.put(person.key(), person.profile(1).await).await.unwrap();

    js.wait_for("started");
    let joined = js.ask(&json!({"do": "join", "address": at.to_string()}));
    assert!(joined["routable"].as_u64() >= Some(1), "{joined}");
    let did = json!(person.did());
    let found = js.ask(&json!({"do": "find", "did": did}));
    assert_eq!((&found["id"], &found["sequence"]), (&did, &json!(1)), "{found}");

    // It is a node like any other: what is published from now on is put there too.
    let other = Person::new().await;
    let put = ours.put(other.key(), other.profile(1).await).await.unwrap();
    assert_eq!(js.ask(&json!({"do": "kept", "did": other.did()}))["sequence"], 1);
    println!("a profile put at {} of {} nodes, one of them js-libp2p", put.stored, put.asked);

    // Somebody of ours is in a topic.
    let provider = NativeProvider;
    let keys = PlainKeys::generate(&provider, RsaBits::B2048).await.unwrap().import(&provider).await.unwrap();
    let name: TopicName = TOPIC.parse().unwrap();
    let mut gossip = ours.subscribe(TopicId(name.id().0), rule(name.clone(), now)).await.unwrap();
    let addresses = vec![listening(&ours, "tcp").await.to_string()];
    let member = Membership::new(*keys.did(), name.id(), ours.node_id().to_string(), addresses, now());
    let entry = member.sign(&provider, keys.did_key()).await.unwrap();
    ours.add(SetKey::member(name.id().0), entry.as_str().as_bytes().to_vec()).await.unwrap();

    let joined = js.ask(&json!({"do": "topic", "name": TOPIC}));
    assert_eq!(joined["members"], json!([keys.did()]), "found in the DHT, and only them: {joined}");
    assert!(joined["kept"].as_u64() >= Some(1), "our nodes keep what it says of itself: {joined}");
    let listed = ours.list(SetKey::member(name.id().0)).await.unwrap();
    assert_eq!((listed.entries.len(), listed.invalid), (2, 0));

    // Until the subscriptions have come around, a message reaches nobody.
    let mut heard = None;
    for number in 1..=30 {
        js.ask(&json!({"do": "say", "name": TOPIC, "text": format!("안녕하세요 {number}")}));
        heard = hear(&mut gossip, &name, Duration::from_secs(2)).await;
        if heard.is_some() {
            break;
        }
    }
    let heard = heard.expect("what it says is heard");
    assert_eq!(json!(heard.value().from), joined["did"]);
    assert!(heard.value().text.as_str().starts_with("안녕하세요"));

    let said = TopicMessage {
        from: *keys.did(),
        issued: now(),
        sequence: now().0,
        text: Text::new("어서 오세요").unwrap(),
        topic: name.clone(),
    };
    let said = said.sign(&provider, keys.did_key()).await.unwrap();
    assert!(gossip.publish(said.as_str().as_bytes().to_vec()).await.unwrap() >= 1);
    let there = js.wait_for("heard");
    assert_eq!((&there["from"], &there["text"]), (&json!(keys.did()), &json!("어서 오세요")), "{there}");

    // Its own rule is no less strict than ours.
    gossip.publish(forge(&said)).await.unwrap();
    assert_eq!(js.wait_for("refused")["why"], "the signature does not verify");
}
