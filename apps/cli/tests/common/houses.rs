//! Houses behind routers, in network namespaces: a hub that is the internet, and around it routers with NAT, each with
//! one machine behind it. Root only, since only root may make namespaces.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// An internet in which every address counts as public.
pub(crate) struct Internet {
    name: String,
    houses: u8,
}

/// A machine behind a router.
pub(crate) struct House {
    /// The namespace of the router.
    pub(crate) router: String,
    /// The namespace of the machine.
    pub(crate) machine: String,
    /// The router's address on the internet.
    pub(crate) outside: String,
}

/// Whether houses can be built here; otherwise says so, for whoever counts the tests.
pub(crate) fn possible(test: &str) -> bool {
    let works = |program: &str, argument: &str| {
        let run = Command::new(program).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status();
        run.is_ok_and(|status| status.success())
    };
    let probe = format!("pumasi-probe-{}", std::process::id());
    let may = works("nft", "--version") && ip(&["netns", "add", &probe]);
    if may {
        ip(&["netns", "del", &probe]);
    } else {
        println!("SKIPPED {test}: only root with `ip` and `nft` may make network namespaces");
    }
    may
}

impl Internet {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("pi{}n{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        must(&["netns", "add", &name]);
        inside(&name, "ip", &["link", "set", "lo", "up"]);
        inside(&name, "sysctl", &["-qw", "net.ipv4.ip_forward=1"]);
        Self { name, houses: 0 }
    }

    /// The namespace of a machine that everybody reaches.
    pub(crate) fn hub(&self) -> &str {
        &self.name
    }

    /// The address of that machine.
    pub(crate) fn address(&self) -> &'static str {
        "11.1.0.1"
    }

    /// Builds a house. Its router lets in what answers something that went out, and drops the rest.
    pub(crate) fn house(&mut self) -> House {
        self.houses += 1;
        let n = self.houses;
        let (hub, router, machine) = (&self.name, format!("{}r{n}", self.name), format!("{}m{n}", self.name));
        let (outside, inside_router, inside_machine) =
            (format!("11.{n}.0.2"), format!("192.168.{n}.1"), format!("192.168.{n}.2"));
        for name in [&router, &machine] {
            must(&["netns", "add", name]);
            inside(name, "ip", &["link", "set", "lo", "up"]);
        }
        cable(hub, &format!("h{n}"), &format!("11.{n}.0.1/24"), &router, "wan", &format!("{outside}/24"));
        cable(&router, "lan", &format!("{inside_router}/24"), &machine, "eth", &format!("{inside_machine}/24"));
        inside(&router, "ip", &["route", "add", "default", "via", &format!("11.{n}.0.1")]);
        inside(&machine, "ip", &["route", "add", "default", "via", &inside_router]);
        inside(&router, "sysctl", &["-qw", "net.ipv4.ip_forward=1"]);
        for rule in [
            "add table inet house",
            "add chain inet house after { type nat hook postrouting priority srcnat; }",
            "add rule inet house after oifname wan masquerade",
            "add chain inet house input { type filter hook input priority filter; }",
            "add rule inet house input iifname wan ct state new drop",
            "add chain inet house forward { type filter hook forward priority filter; }",
            "add rule inet house forward ct status dnat accept",
            "add rule inet house forward iifname wan ct state new drop",
        ] {
            inside(&router, "nft", &[rule]);
        }
        House { router, machine, outside }
    }
}

impl Drop for Internet {
    fn drop(&mut self) {
        for n in 1..=self.houses {
            ip(&["netns", "del", &format!("{}m{n}", self.name)]);
            ip(&["netns", "del", &format!("{}r{n}", self.name)]);
        }
        ip(&["netns", "del", &self.name]);
    }
}

/// A command that runs in a namespace.
pub(crate) fn command_in(namespace: &str, program: impl AsRef<Path>) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace]).arg(program.as_ref());
    command
}

/// Joins two namespaces.
fn cable(a: &str, a_name: &str, a_address: &str, b: &str, b_name: &str, b_address: &str) {
    must(&["-n", a, "link", "add", a_name, "type", "veth", "peer", "name", b_name, "netns", b]);
    for (namespace, name, address) in [(a, a_name, a_address), (b, b_name, b_address)] {
        inside(namespace, "ip", &["address", "add", address, "dev", name]);
        inside(namespace, "ip", &["link", "set", name, "up"]);
    }
}

/// Runs something in a namespace, and fails the test when it fails.
pub(crate) fn inside(namespace: &str, program: &str, arguments: &[&str]) {
    let output = command_in(namespace, program).args(arguments).output().expect("ip is installed");
    assert!(
        output.status.success(),
        "{namespace}: {program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn must(arguments: &[&str]) {
    assert!(ip(arguments), "ip {arguments:?}");
}

fn ip(arguments: &[&str]) -> bool {
    let run = Command::new("ip").args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    run.is_ok_and(|status| status.success())
}
