//! What peers may do beyond others: `-whitelist=` by their address, `-whitebind=` by ours.

use std::net::IpAddr;

use pumasi_p2p::{NetAddr, Permissions, Subnet};

use crate::conf::{Args, ConfError};

/// The names of permissions, in Bitcoin Core's words.
const NAMES: [&str; 11] =
    ["bloomfilter", "bloom", "noban", "forcerelay", "relay", "mempool", "download", "addr", "all", "in", "out"];

/// One `-whitelist=` or `-whitebind=`.
struct Line<'a> {
    /// `None` when there is no `@` at all.
    names: Option<Vec<&'a str>>,
    range: &'a str,
}

impl<'a> Line<'a> {
    fn read(line: &'a str) -> Self {
        match line.split_once('@') {
            Some((names, range)) => {
                Self { names: Some(names.split(',').filter(|name| !name.is_empty()).collect()), range }
            }
            None => Self { names: None, range: line },
        }
    }

    fn has(&self, name: &str) -> bool {
        self.names.as_ref().is_some_and(|names| names.contains(&name))
    }

    fn is_direction_only(&self) -> bool {
        let directed = self.has("in") || self.has("out");
        directed && self.names.as_ref().is_some_and(|names| names.iter().all(|name| matches!(*name, "in" | "out")))
    }

    /// Whether it counts for connections in this direction; without one for those that come in.
    fn counts(&self, inbound: bool) -> bool {
        if self.has("in") || self.has("out") { self.has(if inbound { "in" } else { "out" }) } else { inbound }
    }

    fn add_to(&self, to: &mut Permissions, args: &Args) {
        let has = |name| self.has("all") || self.has(name);
        to.bloom_filter |= has("bloomfilter") || has("bloom");
        to.relay |= has("relay") || has("forcerelay");
        to.force_relay |= has("forcerelay");
        to.download |= has("download") || has("noban");
        to.no_ban |= has("noban");
        to.mempool |= has("mempool");
        to.addr |= has("addr");
        if self.names.is_none() {
            to.no_ban = true;
            to.download = true;
            to.mempool = true;
            let force = args.flag("whitelistforcerelay", false);
            to.force_relay |= force;
            to.relay |= force || args.flag("whitelistrelay", true);
        }
    }
}

/// Refuses lines that cannot be read.
///
/// # Errors
/// The first of them, in Bitcoin Core's words.
pub(super) fn check(args: &Args) -> Result<(), ConfError> {
    for (option, direction) in [("whitelist", true), ("whitebind", false)] {
        for text in args.all(option) {
            let line = Line::read(text);
            if let Some(name) = line.names.iter().flatten().find(|name| !NAMES.contains(name)) {
                return Err(ConfError::Value(format!("Invalid P2P permission: '{name}'")));
            }
            if line.is_direction_only() {
                return Err(ConfError::Value(format!("Only direction was set, no permissions: '{text}'")));
            }
            if direction && line.range.parse::<Subnet>().is_err() {
                return Err(ConfError::Value(format!("Invalid netmask specified in -whitelist: '{text}'")));
            }
        }
    }
    Ok(())
}

/// What a connection may do: `bind` are the names that `-whitebind=` gives at our address.
pub(super) fn of(args: &Args, ip: IpAddr, inbound: bool, bind: Option<&str>) -> Permissions {
    let mut permissions = Permissions::default();
    let address = NetAddr::from(ip.to_canonical());
    for line in args.all("whitelist").into_iter().map(Line::read) {
        if line.counts(inbound) && line.range.parse::<Subnet>().is_ok_and(|range| range.contains(&address)) {
            line.add_to(&mut permissions, args);
        }
    }
    if let Some(names) = bind {
        let names: Vec<&str> = names.split(',').filter(|name| !name.is_empty()).collect();
        let line = Line { names: (!names.is_empty()).then_some(names), range: "" };
        line.add_to(&mut permissions, args);
    }
    permissions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str], inbound: bool, bind: Option<&str>) -> Vec<&'static str> {
        let args = Args::parse(&list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).unwrap();
        check(&args).unwrap();
        of(&args, "127.0.0.1".parse().unwrap(), inbound, bind).names()
    }

    /// What Bitcoin Core's p2p_permissions.py expects.
    #[test]
    fn permissions_are_those_of_bitcoin_core() {
        assert_eq!(names(&["-whitelist=127.0.0.1"], true, None), ["noban", "relay", "mempool", "download"]);
        assert!(names(&["-whitelist=@127.0.0.1", "-whitelistforcerelay=1"], true, None).is_empty());
        assert_eq!(names(&["-whitelist=127.0.0.1", "-whitelistrelay=0"], true, None), ["noban", "mempool", "download"]);
        assert_eq!(
            names(&["-whitelist=noban@127.0.0.1"], true, Some("bloomfilter,forcerelay")),
            ["bloomfilter", "noban", "forcerelay", "relay", "download"]
        );
        assert_eq!(names(&["-whitelist=noban,out@127.0.0.1"], false, None), ["noban", "download"]);
        assert!(names(&["-whitelist=noban@127.0.0.1"], false, None).is_empty());
    }

    #[test]
    fn lines_that_cannot_be_read_are_refused() {
        for (line, text) in [
            ("-whitelist=in,out@127.0.0.1", "Only direction was set, no permissions"),
            ("-whitelist=oopsie@127.0.0.1", "Invalid P2P permission"),
            ("-whitelist=noban@127.0.0.1:230", "Invalid netmask specified in"),
        ] {
            let error = check(&Args::parse(&[line.to_owned()]).unwrap()).unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
    }
}
