//! What the page is made of, beside the screens: the peer behind them.
#![cfg(target_arch = "wasm32")]

pub mod backend;

use js_sys::Reflect;
use pumasi_fetch::{Client, Options, Request};
use pumasi_ui::backend::Settings;
use serde::Deserialize;
use std::time::Duration;

/// How long the page waits for its settings before it opens without them.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest file of settings, in bytes.
const MAX_SETTINGS: usize = 16 * 1024;

/// `config.json`, beside the page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Served {
    directories: Vec<String>,
    gateways: Vec<String>,
}

/// The settings that come with the page: `config.json` beside it. A page without one opens all the same, and asks nobody
/// until its owner says whom.
pub async fn defaults() -> Settings {
    let served = read().await.unwrap_or_default();
    Settings { directories: served.directories, gateways: served.gateways }
}

async fn read() -> Option<Served> {
    let document = Reflect::get(&js_sys::global(), &"document".into()).ok()?;
    let base = Reflect::get(&document, &"baseURI".into()).ok()?.as_string()?;
    let base = base.split(['?', '#']).next()?;
    let folder = &base[..=base.rfind('/')?];
    let client = Client::new(Options { timeout: PATIENCE, ..Options::default() }).ok()?;
    let answer = client.send(Request::get(format!("{folder}config.json")).limit(MAX_SETTINGS)).await.ok()?;
    if answer.is_success() { serde_json::from_slice(&answer.body).ok() } else { None }
}
