//! A payer on `aiortc` that knows `docs/spec/` only pays a shop of ours: profile by a gateway, offer by HTTPS, WebRTC, and
//! both sides' proof.
#![allow(clippy::print_stdout, reason = "a test that is skipped says so by name")]

mod common;

use common::python::{python, script};
use common::{Running, pumasi};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const TEST: &str = "a_payer_in_python_pays_a_shop_of_ours_and_both_hold_the_proof";

fn command(home: &Path, args: &[&str]) -> Command {
    let mut command = pumasi();
    command.args(args).env("PUMASI_HOME", home.join("shop")).env("PUMASI_PASSWORD", "가게의 비밀번호");
    command.env("PUMASI_TLS", home.join("tls"));
    command
}

fn json(home: &Path, args: &[&str]) -> Value {
    let output = command(home, args).arg("--json").output().expect("the binary under test starts");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    serde_json::from_str(text.lines().last().expect("a line")).expect("JSON")
}

#[test]
fn a_payer_in_python_pays_a_shop_of_ours_and_both_hold_the_proof() {
    let Some(python) = python(TEST) else { return };
    let help = pumasi().args(["listen", "--help"]).output().expect("the binary under test starts");
    if !String::from_utf8_lossy(&help.stdout).contains("--endpoint") {
        println!("SKIPPED {TEST}: this `pumasi listen` has no endpoint");
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let home = folder.path();
    let made = json(home, &["tls", "dev"]);
    let file = |name: &str| made[name].as_str().expect("a path").to_owned();
    json(home, &["init", "--name", "가게"]);
    let did = json(home, &["id", "show"])["did"].as_str().expect("a DID").to_owned();

    let node = ["bootstrap", "--json", "--listen", "127.0.0.1:0", "--gateway", "127.0.0.1:0", "--tls-dev", "--data"];
    let mut bootstrap = command(home, &node);
    bootstrap.arg(home.join("node"));
    let bootstrap = Running::start(bootstrap);
    let address = bootstrap.wait_for("listening")["addresses"][0].as_str().expect("an address").to_owned();
    let gateway = format!("https://{}", bootstrap.wait_for("gateway")["address"].as_str().expect("an address"));

    let mut listen = command(home, &["listen", "--json", "--loopback", "--bootstrap", &address]);
    listen.args(["--endpoint", "127.0.0.1:0", "--shop", "--stranger-limit", "50,000 KRW"]);
    listen.args(["--tls-cert", &file("certificate"), "--tls-key", &file("key")]);
    let mut shop = Running::start(listen);
    shop.wait_for("listening");

    let pay = |amount: &str| {
        let mut payer = Command::new(&python);
        payer
            .arg("-B")
            .arg(script("payer.py"))
            .args([file("authority"), gateway.clone(), did.clone()])
            .args([amount, "KRW"]);
        let output = payer.output().expect("Python starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).expect("one object of JSON")
    };
    let paid = pay("12000");
    assert_eq!(paid["outcome"]["status"], "accepted", "{paid}");
    assert_eq!(paid["told"], serde_json::json!(["received", "result"]), "{paid}");
    assert_eq!(paid["balance"]["amount"], "12000", "{paid}");
    let refused = pay("50001");
    assert_eq!(refused["outcome"]["code"], "over-limit", "{refused}");
    shop.kill();

    let ledger = json(home, &["ledger", "export", "--format", "json"]);
    let of_kind = |kind: &str| {
        let entries = ledger["entries"].as_array().expect("entries").iter();
        entries.filter(|entry| entry["body"]["kind"] == kind).count()
    };
    assert_eq!((of_kind("incoming"), of_kind("countersigned")), (1, 1), "{ledger}");
    json(home, &["ledger", "audit"]);
}
