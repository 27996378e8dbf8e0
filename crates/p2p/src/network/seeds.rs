//! Where addresses come from when we know too few: DNS seeds, seed nodes, built-in addresses.

use super::Network;
use super::dial::is_due;
use crate::config::Config;
use crate::output::Output;
use crate::random::Random;
use crate::{AddressEntry, ConnectionKind, NetAddr, NetworkKind, PeerAddress, Time};
use bitcoin::p2p::ServiceFlags;
use std::collections::VecDeque;
use std::time::Duration;

/// With so many full-relay peers no seeds are needed.
const ENOUGH_PEERS: usize = 2;
/// DNS seeds that are asked at once.
const SEEDS_AT_ONCE: usize = 3;
/// The wait before it when we know few addresses, …
const SEED_WAIT_FEW: Duration = Duration::from_secs(11);
/// … and when we know many.
const SEED_WAIT_MANY: Duration = Duration::from_secs(5 * 60);
const MANY_ADDRESSES: usize = 1_000;
/// Addresses taken from one DNS seed.
const MAX_FROM_SEED: usize = 32;
/// Time for other sources before the built-in addresses are used.
const FIXED_SEED_WAIT: Duration = Duration::from_secs(60);
/// Time between seed nodes.
const NEXT_SEED_NODE: Duration = Duration::from_secs(10);
/// Services that a DNS seed is asked for: its names begin with them.
const SEED_SERVICES: u64 = 1 | 1 << 3;

/// Sources that are left.
#[derive(Debug)]
pub(super) struct Seeds {
    dns: VecDeque<String>,
    /// Real time until the next DNS seeds are asked.
    until_dns: Duration,
    found: usize,
    nodes: Vec<String>,
    last_seed_node: Time,
    ask_at_once: bool,
    addr_fetches: VecDeque<String>,
    fixed_done: bool,
    started: Time,
}

impl Seeds {
    pub(super) fn new(config: &Config, random: &mut Random, now: Time) -> Self {
        let mut dns = if config.dns_seed { config.params.dns_seeds.clone() } else { Vec::new() };
        let mut nodes = config.seed_nodes.clone();
        random.shuffle(&mut dns);
        random.shuffle(&mut nodes);
        Self {
            dns: dns.into(),
            until_dns: Duration::ZERO,
            found: 0,
            nodes,
            last_seed_node: now,
            ask_at_once: true,
            addr_fetches: VecDeque::new(),
            fixed_done: !config.fixed_seeds,
            started: now,
        }
    }
}

impl Network {
    /// A seed was looked up. Its addresses count as seen a few days ago; a seed without any is asked as a node.
    pub fn seed_resolved(&mut self, host: &str, addresses: &[NetAddr], now: Time) {
        let services = ServiceFlags::from(SEED_SERVICES);
        let port = self.config.params.default_port;
        let mut entries = Vec::new();
        for addr in addresses.iter().take(MAX_FROM_SEED) {
            let age = Duration::from_secs(3 * 24 * 60 * 60) + self.random.within(Duration::from_secs(4 * 24 * 60 * 60));
            let time = u32::try_from((now - age).secs()).unwrap_or(0);
            entries.push(AddressEntry { address: PeerAddress::new(*addr, port), services, time });
        }
        if entries.is_empty() {
            let name = host.split_once('.').map_or(host, |(_, name)| name);
            self.connections.seeds.addr_fetches.push_back(name.to_owned());
            return;
        }
        self.connections.seeds.found += entries.len();
        // All of a seed count as told by one source, so that one seed reaches few buckets.
        let source = entries[0].address.addr;
        self.book.add(&entries, &source, Duration::ZERO, now);
        if self.connections.seeds.dns.is_empty() {
            let found = self.connections.seeds.found;
            self.info(format!("{found} addresses found from DNS seeds"));
        }
    }

    fn full_relay_ready(&self) -> usize {
        self.peers.values().filter(|peer| peer.ready && peer.kind == ConnectionKind::FullRelay).count()
    }

    /// Asks DNS seeds, all when we know nobody, else a few at a time until there are peers.
    pub(super) fn ask_dns_seeds(&mut self, elapsed: Duration) {
        if self.connections.seeds.dns.is_empty() {
            return;
        }
        let at_once = if self.config.force_dns_seed || self.book.is_empty() {
            self.connections.seeds.dns.len()
        } else {
            if self.connections.seeds.until_dns.is_zero() {
                let many = self.book.len() >= MANY_ADDRESSES;
                self.connections.seeds.until_dns = if many { SEED_WAIT_MANY } else { SEED_WAIT_FEW };
                let seconds = self.connections.seeds.until_dns.as_secs();
                self.info(format!("Waiting {seconds} seconds before querying DNS seeds."));
            }
            if self.full_relay_ready() >= ENOUGH_PEERS {
                self.info("P2P peers available. Skipped DNS seeding.".to_owned());
                self.connections.seeds.dns.clear();
                return;
            }
            if !is_due(&mut self.connections.seeds.until_dns, elapsed) {
                return;
            }
            SEEDS_AT_ONCE
        };
        for _ in 0..at_once {
            let Some(seed) = self.connections.seeds.dns.pop_front() else { break };
            self.info(format!("Loading addresses from DNS seed {seed}"));
            self.outputs.push_back(Output::ResolveSeed { host: format!("x{SEED_SERVICES:x}.{seed}") });
        }
    }

    /// Uses the built-in addresses, when nothing else has given any of a network.
    pub(super) fn use_fixed_seeds(&mut self, now: Time) {
        if self.connections.seeds.fixed_done {
            return;
        }
        let empty = |network: &&NetworkKind| self.book.counts(Some(**network)) == (0, 0);
        let networks: Vec<_> = self.config.reachable.iter().filter(empty).copied().collect();
        if networks.is_empty() {
            return;
        }
        if now.is_past(self.connections.seeds.started, FIXED_SEED_WAIT) {
            self.info(
                "Adding fixed seeds as 60 seconds have passed and addrman is empty for at least one reachable network"
                    .to_owned(),
            );
        } else if !self.config.dns_seed && self.config.seed_nodes.is_empty() && self.has_no_added_nodes() {
            self.info("Adding fixed seeds as -dnsseed=0 (or IPv4/IPv6 connections are disabled via -onlynet) and neither -addnode nor -seednode are provided".to_owned());
        } else {
            return;
        }
        self.connections.seeds.fixed_done = true;
        let services = ServiceFlags::NETWORK | ServiceFlags::WITNESS;
        let seeds = self.config.params.fixed_seeds.clone();
        let wanted = seeds.into_iter().filter(|address| networks.contains(&address.addr.network()));
        let mut entries = Vec::new();
        for address in wanted {
            let age = self.random.within(Duration::from_secs(7 * 24 * 60 * 60));
            let week_ago = now - Duration::from_secs(7 * 24 * 60 * 60) - age;
            entries.push(AddressEntry { address, services, time: u32::try_from(week_ago.secs()).unwrap_or(0) });
        }
        // Each is its own source: they are no neighbourhood of one another.
        for entry in &entries {
            self.book.add(&[*entry], &entry.address.addr, Duration::ZERO, now);
        }
        self.info(format!("Added {} fixed seeds from reachable networks.", entries.len()));
    }

    /// Asks the next seed node when we know nobody, and again every ten seconds while peers are few.
    pub(super) fn ask_seed_nodes(&mut self, now: Time) {
        let few = self.full_relay_ready() < ENOUGH_PEERS;
        let seeds = &mut self.connections.seeds;
        let first = std::mem::take(&mut seeds.ask_at_once) && self.book.is_empty();
        let later = few && now.is_past(seeds.last_seed_node, NEXT_SEED_NODE);
        if later {
            seeds.last_seed_node = now;
        }
        if (first || later)
            && let Some(name) = seeds.nodes.pop()
        {
            seeds.addr_fetches.push_back(name.clone());
            self.info(if self.book.is_empty() {
                format!("Empty addrman, adding seednode ({name}) to addrfetch")
            } else {
                let seconds = NEXT_SEED_NODE.as_secs();
                format!(
                    "Couldn't connect to peers from addrman after {seconds} seconds. Adding seednode ({name}) to addrfetch"
                )
            });
        }
        if let Some(name) = self.connections.seeds.addr_fetches.pop_front() {
            let v2 = self.services.has(ServiceFlags::P2P_V2);
            self.dial_name(&name, ConnectionKind::AddrFetch, v2, now);
        }
    }
}
