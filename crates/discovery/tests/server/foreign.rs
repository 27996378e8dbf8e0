//! Python: a shop and a customer by the specification alone, and schemathesis against the description of the API.

use super::common::{HOUR, Server, Shop, easy, restaurant, workspace};
use pumasi_discovery::server::now;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Stdio;
use tokio::process::Command;

/// A Python that has a module; `None`, and a word on the terminal, when there is none.
async fn python(test: &str, module: &str) -> Option<PathBuf> {
    let venv = workspace().join("target/foreign/venv/bin/python");
    let python = std::env::var_os("PUMASI_PYTHON").map_or(venv, PathBuf::from);
    let has = Command::new(&python).args(["-c", &format!("import {module}")]).stderr(Stdio::null()).status().await;
    if has.is_ok_and(|status| status.success()) {
        return Some(python);
    }
    println!("SKIPPED {test}: no Python with {module} (PUMASI_PYTHON)");
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn python_registers_searches_and_verifies_by_the_specification() {
    let test = "python_registers_searches_and_verifies_by_the_specification";
    let Some(python) = python(test, "cryptography").await else { return };
    let server = Server::start(easy()).await;
    let ours = Shop::new(1).await;
    server.client().register(&ours.author(), restaurant(), HOUR, now()).await.unwrap();
    let script = workspace().join("testing/foreign/directory/peer.py");
    let run = Command::new(python).arg(script).arg(&server.url).arg(ours.did.to_string()).output().await.unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let seen: Value = serde_json::from_slice(&run.stdout).unwrap();
    let status = |text: &str| json!({ "status": text });
    assert_eq!(
        seen,
        json!({
            "register": [200, status("DID registered successfully")],
            "replay": 409,
            "forged": "urn:pumasi:directory:mismatch",
            "stranger": "urn:pumasi:directory:mismatch",
            "lazy": true,
            "found": true,
            "heartbeat": status("Heartbeat received"),
            "sequence": 2,
            "update": status("DID updated successfully"),
            "categories": ["카페"],
            "log": true,
            "delete": status("DID deleted successfully"),
            "gone": 404,
            "other": "https://shop.example:8443",
            "broken": "refused",
            "document": true,
        })
    );
}

/// Thousands of requests made from the description, good and bad: every answer is one that the description has.
#[tokio::test(flavor = "multi_thread")]
async fn slow_schemathesis_finds_no_violation() {
    let Some(python) = python("slow_schemathesis_finds_no_violation", "schemathesis").await else { return };
    let server = Server::start(easy()).await;
    for number in 1..5 {
        let shop = Shop::new(number).await;
        server.client().register(&shop.author(), restaurant(), HOUR, now()).await.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    // What a schema cannot say: a body that fits it is still no proof, and a text that fits it no DID.
    let run = Command::new(python)
        .args(["-m", "schemathesis.cli", "run", "--seed", "1", "--max-examples", "60", "--no-color"])
        .args(["--exclude-checks", "positive_data_acceptance"])
        .arg(format!("{}/openapi.json", server.url))
        .current_dir(folder.path())
        .output()
        .await
        .unwrap();
    let told = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{told}\n{}", String::from_utf8_lossy(&run.stderr));
    println!("{}", told.lines().rev().take(12).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n"));
}
