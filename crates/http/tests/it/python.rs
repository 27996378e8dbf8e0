//! A payer in Python that knows `docs/spec/` only, over TLS.

use crate::common::{MOMENT, Person, now, serve_tls};
use crate::signaling::shop;
use axum::Router;
use axum::extract::Path;
use axum::http::header;
use axum::routing::get;
use pumasi_http::tokens::{RANDOM, TokenFile, Tokens};
use pumasi_http::{GatewayConfig, Place, Records, SignalingConfig, gateway_router, signaling_router};
use pumasi_overlay::{Overlay, OverlayConfig};
use serde_json::{Value, json};
use std::path::PathBuf;
use tokio::process::Command;
use zeroize::Zeroizing;

const TEST: &str = "a_payer_in_python_is_answered_and_finds_out_the_gateway_that_lies";

/// A Python with `cryptography`.
async fn python() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = std::env::var_os("PUMASI_PYTHON").map_or(root.join("target/foreign/venv/bin/python"), Into::into);
    let found = Command::new(&python).args(["-c", "import cryptography"]).output().await;
    if found.is_ok_and(|found| found.status.success()) {
        return Some(python);
    }
    println!("SKIPPED {TEST}: no Python with cryptography (PUMASI_PYTHON)");
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payer_in_python_is_answered_and_finds_out_the_gateway_that_lies() {
    let Some(python) = python().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = TokenFile::in_folder(folder.path());
    let (_, token) = file.issue("python", None, now(), &Zeroizing::new([3; RANDOM])).unwrap();
    let shop = shop().await;
    let payee: &Person = shop.person();
    let did = payee.did().to_string();
    let profile = payee.profile(4).await;
    let config = SignalingConfig { tokens: Some(Tokens::new(file)), ..SignalingConfig::default() };
    let (_endpoint, endpoint) = serve_tls(folder.path(), signaling_router(std::sync::Arc::clone(&shop), config)).await;

    let listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    let overlay = Overlay::start(OverlayConfig { listen, ..OverlayConfig::peer([1; 32], Vec::new()) }).await.unwrap();
    let record = profile.json().as_bytes().to_vec();
    overlay.give([0; 32], Place::Profile(payee.did()).key(), record).await.unwrap();
    assert!(overlay.get(Place::Profile(payee.did()).key()).await.unwrap().is_some());
    assert_eq!(Records::get(&overlay, &Place::Mailbox([1; 32])).await, Ok(None));
    let (_honest, honest) = serve_tls(folder.path(), gateway_router(overlay, GatewayConfig::default())).await;
    let forged = profile.json().replace("shop.example", "evil.example");
    let route = get(move |Path(_): Path<(String, String)>| async move {
        ([(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")], forged)
    });
    let (_lying, lying) = serve_tls(folder.path(), Router::new().route("/v1/records/{kind}/{key}", route)).await;

    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testing/foreign/web/https.py");
    let mut command = Command::new(python);
    command.arg("-B").arg(script).arg(folder.path().join("authority.pem"));
    command.args([&endpoint, &did, token.as_str(), &honest, &lying]).kill_on_drop(true);
    let output = tokio::time::timeout(MOMENT * 3, command.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = json!({
        "no token": "401 token-missing",
        "answer": "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n",
        "again": "409 replayed",
        "for somebody else": "403 recipient",
        "by somebody else": "403 sender",
        "old": "403 expired",
        "candidates": 204,
        "honest": 4,
        "lying": "lied",
        "endpoint": ["https://shop.example:8443"],
        "node": ["addresses", "gateways", "node", "offers", "records", "time", "version"],
    });
    assert_eq!(seen, expected);
}
