//! A peer on js-libp2p that knows `docs/spec/` only joins through a real `pumasi bootstrap`, finds and verifies the profile of a
//! real `pumasi listen`, and keeps one for others. (Topics: `crates/overlay/tests/slow_js_peer.rs`.)
#![allow(clippy::print_stdout, reason = "these are tests")]

mod common;

use common::{PATIENCE, Running, World};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;

const TEST: &str = "a_peer_in_javascript_joins_real_processes_and_finds_a_profile";

/// The peer, if there is a Node and js-libp2p; else the test is told as skipped.
fn peer() -> Option<Running> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let modules =
        std::env::var_os("PUMASI_NODE_MODULES").map_or(root.join("target/foreign/node/node_modules"), PathBuf::from);
    let node = Command::new("node").arg("--version").output().is_ok_and(|output| output.status.success());
    if !node || !modules.join("libp2p").is_dir() {
        println!("SKIPPED {TEST}: no Node, or no libp2p in {} (PUMASI_NODE_MODULES)", modules.display());
        return None;
    }
    let mut command = Command::new("node");
    command.arg(root.join("testing/foreign/overlay/peer.mjs")).env("PUMASI_NODE_MODULES", modules);
    Some(Running::start(command))
}

/// One request and its answer.
fn ask(js: &mut Running, request: &Value) -> Value {
    js.type_line(&request.to_string());
    let answer = js.find(PATIENCE, |line| line["event"] == request["do"] || line["event"] == "failed");
    let answer = answer.expect("an answer");
    assert_eq!(answer["event"], request["do"], "{answer}");
    answer
}

#[test]
fn a_peer_in_javascript_joins_real_processes_and_finds_a_profile() {
    let Some(mut js) = peer() else { return };
    let world = World::new();
    let mina = world.person("mina");
    let did = mina.json(&["id", "show"])["did"].clone();
    let _listening = mina.listen();

    js.wait_for("started");
    let joined = ask(&mut js, &json!({"do": "join", "address": world.address()}));
    assert!(joined["routable"].as_u64() >= Some(1), "{joined}");
    let found = ask(&mut js, &json!({"do": "find", "did": did}));
    assert_eq!((&found["id"], &found["name"], &found["sequence"]), (&did, &json!("mina"), &json!(1)), "{found}");

    // It is a node like any other: what is published from now on is put there too.
    let bora = world.person("bora");
    let _listening = bora.listen();
    let did = bora.json(&["id", "show"])["did"].clone();
    assert_eq!(ask(&mut js, &json!({"do": "kept", "did": did}))["sequence"], 1);
}
