//! A real browser resolves a profile through real gateways, one of which lies and one of which serves an old record.
//!
//! Starts them, tells of them at a fixed address, and runs `tests/web.rs` in headless Chromium.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "clippy does not see that this is test code")]

#[path = "it/common.rs"]
#[allow(dead_code, reason = "shared with the other tests")]
mod common;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::middleware;
use axum::routing::{get, post};
use common::{MOMENT, Person, client, now, serve};
use pumasi_http::{GatewayConfig, Gateways, Place, Records, gateway_router};
use pumasi_overlay::{Overlay, OverlayConfig};
use pumasi_tls::{Options, Running, Server};
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::process::Command;

/// As in `web.rs`.
const BOARD: &str = "127.0.0.1:48469";
/// Building for the browser, on a machine that has done nothing of it yet, and running.
const PATIENCE: Duration = Duration::from_secs(1_100);
const TEST: &str = "a_browser_names_the_gateway_that_lies_and_the_one_that_lags";

fn has(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

/// Pages of any origin may read it, as with a real gateway.
fn open(router: Router) -> Router {
    router.layer(middleware::map_response(|mut response: axum::response::Response| async move {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type"));
        *response.status_mut() = match response.status() {
            axum::http::StatusCode::METHOD_NOT_ALLOWED => axum::http::StatusCode::OK,
            status => status,
        };
        response
    }))
}

async fn gives(bytes: Vec<u8>) -> (Running, String) {
    let route = get(move |Path(_): Path<(String, String)>| async move { bytes });
    serve(open(Router::new().route("/v1/records/{kind}/{key}", route))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_names_the_gateway_that_lies_and_the_one_that_lags() {
    for program in ["chromium", "chromedriver"] {
        if !has(program) {
            println!("SKIPPED {TEST}: no {program} on this machine");
            return;
        }
    }
    let address: SocketAddr = BOARD.parse().unwrap();
    let Ok(board) = Server::bind(Options::new(address)).await else {
        println!("SKIPPED {TEST}: {BOARD} is taken");
        return;
    };

    let person = Person::new().await;
    let (old, new) = (person.profile(1).await, person.profile(2).await);
    let (mut honest, mut running) = (Vec::new(), Vec::new());
    let mut bootstrap = Vec::new();
    for seed in 1..=2 {
        let listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
        let config = OverlayConfig { listen, ..OverlayConfig::peer([seed; 32], bootstrap.clone()) };
        let overlay = Overlay::start(config).await.unwrap();
        overlay.join(MOMENT).await.unwrap();
        bootstrap = overlay.status().await.unwrap().listen;
        let (gateway, url) = serve(gateway_router(overlay, GatewayConfig::default())).await;
        honest.push(url);
        running.push(gateway);
    }
    let place = Place::Profile(person.did());
    let put = Gateways::new(client(), &honest[..1], now).unwrap();
    put.put(&place, new.json().as_bytes().to_vec()).await.unwrap();
    let forged = new.json().replace("shop.example", "evil.example");
    let (_a, lying) = gives(forged.into_bytes()).await;
    let (_b, lagging) = gives(old.json().as_bytes().to_vec()).await;

    let seen = Arc::new(Mutex::new(None));
    let told = json!({ "did": person.did(), "sequence": 2, "honest": honest, "lying": lying, "lagging": lagging });
    let noted = Arc::clone(&seen);
    let note = move |body: Bytes| async move { *noted.lock().unwrap() = Some(body) };
    let text = told.to_string();
    let router = Router::new().route("/", get(|| async move { text })).route("/seen", post(note));
    let _board = board.serve(open(router));

    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["xtask", "wasm-test", "-p", "pumasi-http"]).current_dir(root);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    let seen = seen.lock().unwrap().take().expect("the page has asked");
    println!("{}", String::from_utf8_lossy(&seen));
    drop(running);
}
