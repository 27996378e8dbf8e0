//! Tokens, certificates and the gateway, on the real binary.

mod common;

use common::{Running, pumasi};
use pumasi_fetch::{Client, Options};
use pumasi_http::{GatewayError, Gateways};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

fn command(home: &Path, args: &[&str]) -> Command {
    let mut command = pumasi();
    command.args(args).env("PUMASI_HOME", home.join("me")).env("PUMASI_PASSWORD", "one").env("TZ", "UTC");
    command.env("PUMASI_TLS", home.join("tls")).env("PUMASI_LANG", "en");
    command
}

fn run(home: &Path, args: &[&str]) -> Output {
    command(home, args).output().expect("the binary under test starts")
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn json(home: &Path, args: &[&str]) -> Value {
    let args = [args, &["--json"]].concat();
    let output = run(home, &args);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output));
    serde_json::from_slice(&output.stdout).expect("one line of JSON")
}

#[test]
fn a_token_is_issued_listed_without_its_secret_and_revoked() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert_eq!(run(home, &["token", "list"]).status.code(), Some(10), "no identity yet");
    json(home, &["init", "--name", "가게"]);

    let issued = json(home, &["token", "issue", "--name", "page", "--expires", "90d"]);
    let token = issued["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with(&format!("pumasi_{}_", issued["id"].as_str().unwrap())), "{issued}");
    let said = text(&run(home, &["token", "issue", "--name", "other"]));
    assert!(said.lines().last().unwrap().starts_with("pumasi_"), "{said}");
    let listed = run(home, &["token", "list"]);
    assert!(text(&listed).contains("page") && text(&listed).contains("no end"), "{}", text(&listed));
    assert!(!text(&listed).contains(&token[16..]), "{}", text(&listed));
    assert_eq!(json(home, &["token", "list"]).as_array().unwrap().len(), 2);

    let twice = run(home, &["token", "issue", "--name", "page"]);
    assert!(twice.status.code() == Some(1) && text(&twice).contains("in use"), "{}", text(&twice));
    assert_eq!(run(home, &["token", "issue", "--name", "x", "--expires", "soon"]).status.code(), Some(2));
    assert_eq!(json(home, &["token", "revoke", "page"])["name"], "page");
    assert_eq!(run(home, &["token", "revoke", "page"]).status.code(), Some(10));
    assert_eq!(json(home, &["token", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_bootstrap_node_serves_its_gateway_with_the_certificate_of_this_machine() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let made = json(home, &["tls", "dev", "--host", "shop.test"]);
    assert_eq!(made["new_authority"], true);
    let said = text(&run(home, &["tls", "dev"]));
    assert!(said.contains("shop.test") && said.contains("the one of before"), "{said}");

    let data = home.join("node");
    let mut node = command(
        home,
        &["bootstrap", "--listen", "127.0.0.1:0", "--gateway", "127.0.0.1:0", "--tls-dev", "--json", "--data"],
    );
    node.arg(&data).args(["--gateway-url", "https://node.example:8469"]);
    let node = Running::start(node);
    let listening = node.wait_for("listening");
    let up = node.wait_for("gateway");
    assert_eq!(up["url"], "https://node.example:8469");
    let url = format!("https://{}", up["address"].as_str().unwrap());

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let roots = vec![std::fs::read_to_string(made["authority"].as_str().unwrap()).unwrap()];
    let client = |roots| Client::new(Options { timeout: Duration::from_secs(20), roots }).unwrap();
    let info = runtime.block_on(Gateways::node(&client(roots), &url)).unwrap();
    assert_eq!(info.node, listening["node"].as_str().unwrap());
    assert_eq!(info.gateways, ["https://node.example:8469"]);
    let stranger = runtime.block_on(Gateways::node(&client(Vec::new()), &url));
    assert!(matches!(stranger, Err(GatewayError::Fetch(_))), "{stranger:?}");
}

#[test]
fn a_gateway_without_encryption_is_for_this_machine_or_behind_a_proxy() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let data = home.join("node");
    let data = data.to_str().unwrap();
    let args = ["bootstrap", "--listen", "127.0.0.1:0", "--gateway", "192.0.2.1:8469", "--data", data];
    let refused = run(home, &args);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused).contains("--behind-proxy"), "{}", text(&refused));
    let half = [&args[..], &["--tls-cert", "a.pem"]].concat();
    assert_eq!(run(home, &half).status.code(), Some(2));
    let both = [&args[..], &["--tls-dev", "--acme", "shop.example"]].concat();
    assert_eq!(run(home, &both).status.code(), Some(2));
}
