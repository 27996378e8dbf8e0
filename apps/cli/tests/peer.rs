//! `pumasi peer` and the bootstrap node that it joins through, as real processes.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says when it is skipped")]

mod common;

use common::{PATIENCE, Running, pumasi};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

fn bootstrap(folder: &Path, name: &str, more: &[&str]) -> (Running, String) {
    let mut command = pumasi();
    command.args(["bootstrap", "--json", "--data"]).arg(folder.join(name)).args(more);
    let node = Running::start(command);
    let address = node.wait_for("listening")["addresses"][0].as_str().unwrap().to_owned();
    (node, address)
}

fn peer(folder: &Path, name: &str, more: &[&str]) -> Running {
    let mut command = pumasi();
    let quiet = ["peer", "--json", "--listen", "127.0.0.1:0", "--no-mdns", "--no-port-mapping", "--data"];
    command.args(quiet).arg(folder.join(name)).args(more).env_remove("PUMASI_BOOTSTRAP");
    Running::start(command)
}

fn wait(node: &Running, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    node.find(PATIENCE, wanted).unwrap_or_else(|| panic!("not {what} within {PATIENCE:?}"))
}

fn is(event: &str) -> impl Fn(&Value) -> bool + '_ {
    move |line| line["event"] == event
}

fn joined(line: &Value) -> bool {
    line["event"] == "joined" && line["joined"] == true
}

fn measured(line: &Value) -> bool {
    line["event"] == "serving" && line["why"] == "measured"
}

/// What a page of figures says under a name.
fn figure(url: &str, name: &str) -> u64 {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    let line =
        page.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap_or_else(|| panic!("{name}: {page}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_peer_joins_is_measured_hears_the_offers_and_tells_when_its_link_is_down() {
    let folder = tempfile::tempdir().unwrap();
    let fixed = ["--listen", "127.0.0.1:0", "--relay", "--relay-bytes", "1MB", "--metrics", "127.0.0.1:0"];
    let more = ["--directory-url", "https://directory.example"];
    let (mut node, address) = bootstrap(folder.path(), "bootstrap", &[&fixed[..], &more].concat());
    let metrics = node.wait_for("metrics")["url"].as_str().unwrap().to_owned();
    let list = folder.path().join("nodes");
    std::fs::write(&list, format!("# one that is there\n{address}\n\n")).unwrap();

    let mut peer = peer(folder.path(), "peer", &["--bootstrap-file", list.to_str().unwrap()]);

    let own = peer.wait_for("listening")["node"].clone();
    let seen =
        peer.find_all(PATIENCE, &[("told of offers", &is("offers")), ("joined", &joined), ("measured", &measured)]);
    let offers = &seen[0];
    assert_eq!(offers["offers"]["directories"][0], "https://directory.example", "{offers}");
    assert_eq!(offers["offers"]["relay"]["bytes"], 1 << 20, "{offers}");
    assert_eq!(figure(&metrics, "pumasi_overlay_connected_peers"), 1);
    assert_eq!(figure(&metrics, "pumasi_relay_serving"), 1);
    assert!(figure(&metrics, "pumasi_overlay_received_bytes_total") > 0);

    // It says goodbye: the peer knows at once, and says on which side it sees the cause.
    node.terminate();
    assert_eq!(node.exit_code(), Some(0));
    wait(&node, "stopped", |line| line["event"] == "stopped");
    let down = wait(&peer, "dark", |line| line["event"] == "link" && line["link"] != "up");
    assert!(["last-peer-gone", "no-network"].contains(&down["link"].as_str().unwrap()), "{down}");

    // Back at the same place, with the same name, and the peer returns by itself.
    let place: Vec<&str> = address.split('/').collect();
    let listen = format!("{}:{}", place[2], place[4]);
    let (node, again) = bootstrap(folder.path(), "bootstrap", &["--listen", &listen]);
    assert_eq!(again, address);
    wait(&node, "visited", |line| line["event"] == "connection" && line["node"] == own);
    wait(&peer, "back", |line| line["event"] == "link" && line["link"] == "up");

    peer.terminate();
    assert_eq!(peer.exit_code(), Some(0));
}

#[test]
fn peers_find_back_to_each_other_when_no_bootstrap_node_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let (mut node, address) = bootstrap(folder.path(), "bootstrap", &["--listen", "127.0.0.1:0"]);
    let stays = peer(folder.path(), "stays", &["--bootstrap", &address]);
    let name = stays.wait_for("listening")["node"].clone();
    wait(&stays, "measured", measured);
    let mut leaves = peer(folder.path(), "leaves", &["--bootstrap", &address]);
    let near = |line: &Value| line["event"] == "connection" && line["node"] == name;
    leaves.find_all(PATIENCE, &[("near the other", &near), ("measured", &measured)]);
    leaves.terminate();
    assert_eq!(leaves.exit_code(), Some(0));
    node.terminate();
    assert_eq!(node.exit_code(), Some(0));

    let back = peer(folder.path(), "leaves", &[]);

    back.find_all(PATIENCE, &[("back", &near), ("joined", &joined)]);
}

#[test]
fn figures_are_not_for_strangers() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = pumasi();
    command
        .args(["peer", "--listen", "127.0.0.1:0", "--metrics", "0.0.0.0:0", "--data"])
        .arg(folder.path().join("peer"));
    let output = command.output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("127.0.0.1:9468"));
}
