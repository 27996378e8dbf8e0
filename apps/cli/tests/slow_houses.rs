//! Peers in houses behind routers, as real processes in network namespaces: hole punching, and ports that a real UPnP,
//! PCP and NAT-PMP daemon opens. Root only.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says when it is skipped")]

mod common;
#[path = "common/houses.rs"]
mod houses;

use common::Running;
use houses::{House, Internet, command_in, inside, possible};
use serde_json::Value;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// For what has to be measured, reserved and punched on a loaded machine.
const LONG: Duration = Duration::from_secs(120);

fn pumasi_in(namespace: &str, data: &Path, arguments: &[&str]) -> Running {
    let mut command = command_in(namespace, env!("CARGO_BIN_EXE_pumasi"));
    command.env("PUMASI_LANG", "en").env("HOME", data).args(arguments).args(["--json", "--data"]).arg(data);
    Running::start(command)
}

/// A bootstrap node on the internet, which relays; with the address to join through.
fn bootstrap(internet: &Internet, folder: &Path) -> (Running, String) {
    let tcp = format!("/ip4/{}/tcp/8468", internet.address());
    let quic = format!("/ip4/{}/udp/8468/quic-v1", internet.address());
    let arguments = ["bootstrap", "--relay", "--announce", &tcp, "--announce", &quic, "--metrics", "127.0.0.1:9468"];
    let node = pumasi_in(internet.hub(), &folder.join("hub"), &arguments);
    let name = node.wait_for("listening")["node"].as_str().unwrap().to_owned();
    (node, format!("{quic}/p2p/{name}"))
}

fn wait(node: &Running, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    node.find(LONG, wanted).unwrap_or_else(|| panic!("not {what} within {LONG:?}"))
}

#[test]
fn slow_two_peers_behind_routers_meet_over_a_relay_and_punch_through() {
    const TEST: &str = "slow_two_peers_behind_routers_meet_over_a_relay_and_punch_through";
    if !possible(TEST) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut internet = Internet::new();
    let (first, second) = (internet.house(), internet.house());
    let (hub, address) = bootstrap(&internet, folder.path());
    let peer = |house: &House, name: &str, join: &str| {
        let arguments = ["peer", "--no-mdns", "--no-port-mapping", "--bootstrap", join];
        pumasi_in(&house.machine, &folder.path().join(name), &arguments)
    };

    let reached = peer(&first, "first", &address);
    let node = reached.wait_for("listening")["node"].clone();
    let refuted = |line: &Value| line["event"] == "serving" && line["why"] == "unreachable";
    let reserved = |line: &Value| line["event"] == "reserved";
    let seen = reached.find_all(LONG, &[("measured", &refuted), ("holding a slot", &reserved)]);
    let (serving, reserved) = (&seen[0], &seen[1]);
    assert_eq!(serving["server"], false, "{serving}");
    let circuits = reserved["relays"][0]["addresses"].as_array().unwrap();
    let circuit = circuits.iter().find_map(|at| at.as_str().filter(|at| at.contains("quic"))).unwrap();
    assert!(circuit.contains("/p2p-circuit/"), "{circuit}");

    // It knows nobody but the relay's circuit to the other.
    let caller = peer(&second, "second", circuit);
    let own = caller.wait_for("listening")["node"].clone();
    let punched = |line: &Value| line["event"] == "connection" && line["path"] == "punched";
    let through = wait(&caller, "punched", |line| punched(line) && line["node"] == node);
    assert!(through["address"].as_str().unwrap().contains(&first.outside), "{through}");
    let back = wait(&reached, "punched", |line| punched(line) && line["node"] == own);
    assert!(back["address"].as_str().unwrap().contains(&second.outside), "{back}");

    // The circuit is gone so soon that no look at the peers may show it; the relay has counted it.
    let page = command_in(internet.hub(), "curl").args(["-s", "http://127.0.0.1:9468/metrics"]).output().unwrap();
    let page = String::from_utf8(page.stdout).unwrap();
    let figure = |name: &str| -> u64 {
        let line = page.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap_or_else(|| panic!("{name}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert!(figure("pumasi_relay_circuits_total") >= 1 && figure("pumasi_relay_bytes_total") > 500, "{page}");
    drop(hub);
}

#[test]
fn slow_two_peers_of_one_house_find_each_other_without_any_bootstrap_node() {
    const TEST: &str = "slow_two_peers_of_one_house_find_each_other_without_any_bootstrap_node";
    if !possible(TEST) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut internet = Internet::new();
    let house = internet.house();
    let peer = |namespace: &str, name: &str, more: &[&str]| {
        let peer = pumasi_in(namespace, &folder.path().join(name), &[&["peer", "--no-port-mapping"], more].concat());
        let node = peer.wait_for("listening")["node"].clone();
        (peer, node)
    };
    // One of them on the router's side of the same wire.
    let (first, first_name) = peer(&house.router, "first", &[]);
    let (second, second_name) = peer(&house.machine, "second", &[]);
    let (silent, _) = peer(&house.machine, "silent", &["--no-mdns"]);

    for (peer, other) in [(&first, &second_name), (&second, &first_name)] {
        let found = |line: &Value| line["event"] == "connection" && line["node"] == *other;
        // Each measures the other; where nobody is on the internet, the house is what counts.
        let measured = |line: &Value| line["event"] == "serving" && line["server"] == true;
        let joined = |line: &Value| line["event"] == "joined" && line["joined"] == true;
        let seen = peer.find_all(LONG, &[("found", &found), ("measured", &measured), ("joined", &joined)]);
        assert_eq!(seen[0]["path"], "direct", "{}", seen[0]);
    }
    assert_eq!(silent.find(Duration::from_secs(2), |line| line["event"] == "connection"), None);
}

/// A router's daemon for port mapping.
struct Miniupnpd(Child);

impl Miniupnpd {
    fn start(house: &House, folder: &Path, natpmp: bool, upnp: bool) -> Option<Self> {
        let yes = |on| if on { "yes" } else { "no" };
        for rule in [
            "add chain inet house prerouting_miniupnpd",
            "add chain inet house postrouting_miniupnpd",
            "add chain inet house miniupnpd",
            "add chain inet house before { type nat hook prerouting priority dstnat; }",
            "add rule inet house before iifname wan jump prerouting_miniupnpd",
        ] {
            inside(&house.router, "nft", &[rule]);
        }
        let config = format!(
            "ext_ifname=wan\nlistening_ip=lan\nenable_natpmp={}\nenable_upnp={}\nport=0\n\
             upnp_table_name=house\nupnp_nat_table_name=house\nupnp_forward_chain=miniupnpd\n\
             upnp_nat_chain=prerouting_miniupnpd\nupnp_nat_postrouting_chain=postrouting_miniupnpd\n\
             uuid=00000000-0000-0000-0000-000000000001\nlease_file={}\nallow 1024-65535 0.0.0.0/0 1024-65535\n",
            yes(natpmp),
            yes(upnp),
            folder.join("leases").display(),
        );
        let file = folder.join("miniupnpd.conf");
        std::fs::write(&file, config).unwrap();
        let log = std::fs::File::create(folder.join("miniupnpd.log")).unwrap();
        let mut command = command_in(&house.router, "miniupnpd");
        command.args(["-d", "-f"]).arg(&file).arg("-P").arg(folder.join("pid"));
        Some(Self(command.stdout(log.try_clone().unwrap()).stderr(log).stdin(Stdio::null()).spawn().ok()?))
    }
}

impl Drop for Miniupnpd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A peer whose router opens its ports by one protocol is reached there, and says so.
fn the_router_opens_ports(test: &str, natpmp: bool, upnp: bool, by: &str) {
    let installed = Command::new("miniupnpd").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !possible(test) {
        return;
    }
    if installed.is_err() {
        println!("SKIPPED {test}: miniupnpd is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut internet = Internet::new();
    let house = internet.house();
    let (_hub, address) = bootstrap(&internet, folder.path());
    let _daemon = Miniupnpd::start(&house, folder.path(), natpmp, upnp).unwrap();
    std::thread::sleep(Duration::from_secs(1));

    let arguments = ["peer", "--no-mdns", "--bootstrap", &address];
    let peer = pumasi_in(&house.machine, &folder.path().join("peer"), &arguments);

    let ports = |line: &Value| line["event"] == "ports" && line["by"] == by;
    // Not believed but measured: the bootstrap node dialled it.
    let measured = |line: &Value| line["event"] == "serving" && line["server"] == true;
    let seen = peer.find_all(LONG, &[(by, &ports), ("measured", &measured)]);
    let (ports, serving) = (&seen[0], &seen[1]);
    let opened: Vec<&str> = ports["addresses"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(opened.iter().all(|at| at.contains(&house.outside)), "{ports}");
    assert!(opened.iter().any(|at| Some(*at) == serving["address"].as_str()), "{serving}, of {opened:?}");
}

#[test]
fn slow_a_router_opens_ports_by_pcp() {
    the_router_opens_ports("slow_a_router_opens_ports_by_pcp", true, false, "PCP");
}

#[test]
fn slow_a_router_opens_ports_by_upnp() {
    the_router_opens_ports("slow_a_router_opens_ports_by_upnp", false, true, "UPnP");
}
