//! An internet in network namespaces: one link that everybody can see, and NATs in front of some hosts.
//!
//! No address of it exists outside: 203.0.113.0/24 is for documentation, and counts as public, so that the product treats
//! it as it would the internet.

pub(crate) mod matrix;

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// How a host is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Access {
    /// An address of its own on the internet.
    Open,
    /// One outside port for each inside port, open to everybody.
    FullCone,
    /// One outside port for each inside port, open to those that were written to.
    PortRestricted,
    /// Another outside port for each peer.
    Symmetric,
    /// Port-restricted, and no datagram passes.
    NoUdp,
    /// Open, and one datagram of twenty is lost each way.
    Lossy,
}

impl Access {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::FullCone => "full-cone",
            Self::PortRestricted => "port-restricted",
            Self::Symmetric => "symmetric",
            Self::NoUdp => "no-udp",
            Self::Lossy => "lossy",
        }
    }

    fn has_nat(self) -> bool {
        !matches!(self, Self::Open | Self::Lossy)
    }

    /// The rules of its NAT, or of the host itself.
    fn rules(self, wan: &str) -> String {
        // A router drops what nobody inside has asked for; were it answered or remembered, no hole could be punched.
        let closed = r#"chain input { type filter hook input priority 0; iifname "wan*" ct state new drop; }"#;
        let nat = |body: &str| {
            format!(
                "table ip pumasi {{ {closed}\n chain post {{ type nat hook postrouting priority 100; {body} }}\n }}\n"
            )
        };
        match self {
            Self::Open => String::new(),
            Self::FullCone => format!(
                "table ip pumasi {{
                    chain pre {{ type nat hook prerouting priority -100; iifname \"wan\" udp dport 1024-65535 dnat to 10.77.0.2; }}
                    chain post {{ type nat hook postrouting priority 100; oifname \"wan\" snat to {wan}; }}
                }}"
            ),
            Self::PortRestricted => nat(r#"oifname "wan*" masquerade;"#),
            Self::Symmetric => nat(r#"oifname "wan*" masquerade random,fully-random;"#),
            Self::NoUdp => format!(
                "{}table ip blocked {{ chain forward {{ type filter hook forward priority 0; meta l4proto udp drop; }}\n }}",
                nat(r#"oifname "wan*" masquerade;"#)
            ),
            Self::Lossy => "table ip lossy {
                chain input { type filter hook input priority 0; meta l4proto udp numgen random mod 100 < 5 drop; }
                chain output { type filter hook output priority 0; meta l4proto udp numgen random mod 100 < 5 drop; }
            }"
            .to_owned(),
        }
    }
}

/// A host, and the address at which the internet sees it.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    /// The namespace in which programs run.
    pub(crate) namespace: String,
    /// The namespace of its NAT.
    nat: Option<String>,
    pub(crate) outside: String,
}

/// The internet. Dropping it takes everything away.
pub(crate) struct Internet {
    prefix: String,
    namespaces: Vec<String>,
    hosts: u8,
}

impl Internet {
    /// Makes it, or says what is missing. The name tells those of one process apart.
    pub(crate) fn new(name: &str) -> Result<Self, String> {
        for program in ["ip", "nft"] {
            let found = Command::new(program).arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status();
            found.map_err(|_| format!("{program} not installed"))?;
        }
        sweep();
        let mut internet =
            Self { prefix: format!("pumasi{}-{name}", std::process::id()), namespaces: Vec::new(), hosts: 0 };
        let wan = internet.namespace("internet").map_err(|error| format!("no network namespaces: {error}"))?;
        run(&["ip", "-n", &wan, "link", "add", "wan", "type", "bridge"])?;
        run(&["ip", "-n", &wan, "addr", "add", "203.0.113.1/24", "dev", "wan"])?;
        run(&["ip", "-n", &wan, "link", "set", "wan", "up"])?;
        // Without this, a machine with Docker would filter what crosses the bridge.
        let _ = run(&["ip", "netns", "exec", &wan, "sysctl", "-q", "-w", "net.bridge.bridge-nf-call-iptables=0"]);
        Ok(internet)
    }

    fn namespace(&mut self, name: &str) -> Result<String, String> {
        let name = format!("{}-{name}", self.prefix);
        run(&["ip", "netns", "add", &name])?;
        self.namespaces.push(name.clone());
        run(&["ip", "-n", &name, "link", "set", "lo", "up"])?;
        Ok(name)
    }

    /// Puts an interface of a namespace on the internet; gives its address.
    fn plug_in(&mut self, namespace: &str, interface: &str) -> Result<String, String> {
        self.hosts += 1;
        let (number, wan) = (self.hosts + 9, format!("{}-internet", self.prefix));
        let (port, address) = (format!("port{number}"), format!("203.0.113.{number}"));
        run(&["ip", "-n", &wan, "link", "add", &port, "type", "veth", "peer", "name", interface, "netns", namespace])?;
        run(&["ip", "-n", &wan, "link", "set", &port, "master", "wan", "up"])?;
        run(&["ip", "-n", namespace, "addr", "add", &format!("{address}/24"), "dev", interface])?;
        run(&["ip", "-n", namespace, "link", "set", interface, "up"])?;
        // Packets to addresses that nobody has must go somewhere, and be lost there.
        run(&["ip", "-n", namespace, "route", "replace", "default", "via", "203.0.113.1"])?;
        Ok(address)
    }

    /// Adds a host.
    pub(crate) fn host(&mut self, name: &str, access: Access) -> Result<Host, String> {
        let namespace = self.namespace(name)?;
        if !access.has_nat() {
            let outside = self.plug_in(&namespace, "wan")?;
            rules(&namespace, &access.rules(&outside))?;
            return Ok(Host { namespace, nat: None, outside });
        }
        let nat = self.namespace(&format!("{name}-nat"))?;
        let outside = self.plug_in(&nat, "wan")?;
        run(&["ip", "-n", &nat, "link", "add", "lan", "type", "veth", "peer", "name", "eth", "netns", &namespace])?;
        run(&["ip", "-n", &nat, "addr", "add", "10.77.0.1/24", "dev", "lan"])?;
        run(&["ip", "-n", &nat, "link", "set", "lan", "up"])?;
        run(&["ip", "-n", &namespace, "addr", "add", "10.77.0.2/24", "dev", "eth"])?;
        run(&["ip", "-n", &namespace, "link", "set", "eth", "up"])?;
        run(&["ip", "-n", &namespace, "route", "add", "default", "via", "10.77.0.1"])?;
        run(&["ip", "netns", "exec", &nat, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1"])?;
        rules(&nat, &access.rules(&outside))?;
        Ok(Host { namespace, nat: Some(nat), outside })
    }

    /// A host, or its NAT, gets another uplink, with another address, and loses the one it had.
    pub(crate) fn change_uplink(&mut self, host: &Host) -> Result<String, String> {
        let nat = host.nat.as_ref().unwrap_or(&host.namespace);
        let outside = self.plug_in(nat, "wan2")?;
        // With the address goes what the NAT remembers of it; and nobody answers for it any more.
        run(&["ip", "-n", nat, "addr", "flush", "dev", "wan"])?;
        run(&["ip", "-n", nat, "link", "set", "wan", "down"])?;
        run(&["ip", "-n", nat, "route", "replace", "default", "via", "203.0.113.1", "dev", "wan2"])?;
        Ok(outside)
    }

    /// A host's cable is pulled out.
    pub(crate) fn pull_out(&self, host: &Host) -> Result<(), String> {
        let interface = if host.nat.is_some() { "eth" } else { "wan" };
        run(&["ip", "-n", &host.namespace, "link", "set", interface, "down"]).map(drop)
    }
}

impl Drop for Internet {
    fn drop(&mut self) {
        for namespace in &self.namespaces {
            let _ = run(&["ip", "netns", "del", namespace]);
        }
    }
}

/// Takes away what a test has left that was killed.
fn sweep() {
    for line in run(&["ip", "netns", "list"]).unwrap_or_default().lines() {
        let name = line.split_whitespace().next().unwrap_or_default();
        let owner = name.strip_prefix("pumasi").and_then(|rest| rest.split_once('-')).map(|(pid, _)| pid);
        if owner.is_some_and(|pid| pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists()) {
            let _ = run(&["ip", "netns", "del", name]);
        }
    }
}

/// A program in a namespace.
pub(crate) fn within(namespace: &str, program: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace, program]);
    command
}

fn rules(namespace: &str, rules: &str) -> Result<(), String> {
    use std::io::Write as _;
    if rules.is_empty() {
        return Ok(());
    }
    let mut nft = within(namespace, "nft");
    let mut nft = nft.args(["-f", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(text)?;
    nft.stdin.take().ok_or("no pipe")?.write_all(rules.as_bytes()).map_err(text)?;
    told("nft", nft.wait_with_output().map_err(text)?).map(drop)
}

fn run(words: &[&str]) -> Result<String, String> {
    told(&words.join(" "), Command::new(words[0]).args(&words[1..]).output().map_err(text)?)
}

fn told(what: &str, output: Output) -> Result<String, String> {
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!("{what}: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}

fn text(error: std::io::Error) -> String {
    error.to_string()
}
