//! Dialling: added nodes, reconnections, and the timers of all that dials (Core's `ThreadOpenConnections` and its kin).

use super::Network;
use super::outbound::Outbound;
use super::seeds::Seeds;
use crate::config::Config;
use crate::host::Host;
use crate::output::{DialId, DialTarget, Output};
use crate::random::Random;
use crate::{ConnectionKind, PeerAddress, PeerId, Time};
use bitcoin::p2p::ServiceFlags;
use std::collections::VecDeque;
use std::time::Duration;

/// Outbound connections for everything, …
pub(super) const MAX_FULL_RELAY: usize = 8;
/// … for blocks only, …
pub(super) const MAX_BLOCK_RELAY: usize = 2;
/// … and to test addresses.
const MAX_FEELERS: usize = 1;
/// Added nodes that are connected at a time.
const MAX_ADDED: usize = 8;
/// Time between looks at outbound peers that are too many.
const EXTRA_PEER_CHECK: Duration = Duration::from_secs(45);
/// An added node that did not answer is tried again after this.
const ADDED_RETRY: Duration = Duration::from_secs(60);

/// An attempt to connect that is under way.
#[derive(Debug)]
pub(super) struct PendingDial {
    pub(super) target: DialTarget,
    pub(super) kind: ConnectionKind,
    pub(super) v2: bool,
    pub(super) services: ServiceFlags,
    pub(super) count_failure: bool,
}

impl PendingDial {
    pub(super) fn shown(&self) -> String {
        match &self.target {
            DialTarget::Address(address) => address.to_string(),
            DialTarget::Name(name) => name.clone(),
        }
    }
}

/// An added node (RPC `getaddednodeinfo`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedNode {
    /// As it was given.
    pub name: String,
    /// Whether to try v2.
    pub v2: bool,
    /// Its connection, if there is one: address, and whether it came from there.
    pub connected: Option<(PeerAddress, bool)>,
}

/// Why a node was not added or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddNodeError {
    /// It is there already.
    #[error("Error: Node already added")]
    AlreadyAdded,
    /// It was never added.
    #[error("Error: Node could not be removed. It has not been added previously.")]
    NotAdded,
    /// All slots of this kind are taken.
    #[error("Error: Already at capacity for specified connection type.")]
    AtCapacity,
}

#[derive(Debug)]
struct Added {
    name: String,
    v2: bool,
    /// Real time until the next attempt.
    wait: Duration,
}

/// What drives dialling. Its clock is real time, which `setmocktime` does not touch; only what Core does by node time
/// has a [`Time`].
#[derive(Debug)]
pub(super) struct Connections {
    added: Vec<Added>,
    reconnections: VecDeque<PendingDial>,
    pub(super) seeds: Seeds,
    pub(super) outbound: Outbound,
    until_peer_check: Duration,
    until_rebroadcast: Duration,
    until_save: Duration,
}

impl Connections {
    pub(super) fn new(config: &Config, random: &mut Random, now: Time) -> Self {
        let v2 = config.services.has(ServiceFlags::P2P_V2);
        let added = |name: &String| Added { name: name.clone(), v2, wait: Duration::ZERO };
        // `-connect` is a list of nodes to keep, without any other dialling.
        let kept = config.connect.iter().flatten().chain(&config.added_nodes);
        Self {
            added: kept.map(added).collect(),
            reconnections: VecDeque::new(),
            seeds: Seeds::new(config, random, now),
            outbound: Outbound::new(random, now),
            until_peer_check: EXTRA_PEER_CHECK,
            until_rebroadcast: rebroadcast_gap(random),
            until_save: SAVE_INTERVAL,
        }
    }
}

/// Time between savings of the address book.
const SAVE_INTERVAL: Duration = Duration::from_secs(15 * 60);

/// Own transactions are announced again at times that nobody can foresee.
fn rebroadcast_gap(random: &mut Random) -> Duration {
    Duration::from_secs(10 * 60) + random.within(Duration::from_secs(5 * 60))
}

/// Subtracts real time from a countdown; `true` when it is over.
pub(super) fn is_due(countdown: &mut Duration, elapsed: Duration) -> bool {
    *countdown = countdown.saturating_sub(elapsed);
    countdown.is_zero()
}

impl Network {
    pub(super) fn automatic(&self) -> bool {
        self.config.connect.is_none()
    }

    /// Slots for inbound connections: what the outbound ones leave.
    pub(super) fn max_inbound(&self) -> usize {
        let max = self.config.max_connections;
        max - max.min(MAX_FULL_RELAY + MAX_BLOCK_RELAY + MAX_FEELERS)
    }

    pub(super) fn max_full_relay(&self) -> usize {
        MAX_FULL_RELAY.min(self.config.max_connections)
    }

    pub(super) fn max_block_relay(&self) -> usize {
        MAX_BLOCK_RELAY.min(self.config.max_connections - self.max_full_relay())
    }

    pub(super) fn count_kind(&self, kind: ConnectionKind) -> usize {
        let pending = self.pending.values().filter(|dial| dial.kind == kind).count();
        self.peers.values().filter(|peer| peer.kind == kind && !peer.disconnect).count() + pending
    }

    /// Lets `elapsed` real time pass: dials, looks after slots, asks seeds. Call it every 500 ms. (RPC `mockscheduler`
    /// adds to the elapsed time.)
    pub fn tick(&mut self, elapsed: Duration, now: Time, host: &mut dyn Host) {
        if is_due(&mut self.connections.until_peer_check, elapsed) {
            self.connections.until_peer_check = EXTRA_PEER_CHECK;
            self.check_stale_tip_and_extra_peers(now, host);
        }
        if is_due(&mut self.connections.until_rebroadcast, elapsed) {
            self.connections.until_rebroadcast = rebroadcast_gap(&mut self.random);
            self.reattempt_broadcast(host);
        }
        if is_due(&mut self.connections.until_save, elapsed) {
            self.connections.until_save = SAVE_INTERVAL;
            self.outputs.push_back(Output::SaveAddresses);
        }
        if !self.network_active {
            return;
        }
        while let Some(dial) = self.connections.reconnections.pop_front() {
            self.dial(dial, now);
        }
        self.dial_added(elapsed, now);
        self.ask_dns_seeds(elapsed);
        if self.automatic() {
            self.use_fixed_seeds(now);
            self.ask_seed_nodes(now);
            self.dial_automatically(now);
        }
        self.flush_book_log();
    }

    /// Asks the driver to dial, unless it would be in vain.
    pub(super) fn dial(&mut self, dial: PendingDial, now: Time) -> bool {
        if !self.network_active {
            return false;
        }
        if let DialTarget::Address(address) = &dial.target {
            let banned = self.bans.is_discouraged(&address.addr) || self.bans.is_banned(&address.addr, now);
            let local = self.config.local_addresses.contains(address);
            if local || banned || self.is_connected_to(address) {
                return false;
            }
        } else if self.peers.values().any(|peer| peer.name == dial.shown()) {
            return false;
        }
        let version = if dial.v2 { "v2" } else { "v1" };
        let (shown, kind) = (dial.shown(), dial.kind.name());
        self.net(format!("trying {version} connection ({kind}) to {shown}, lastseen=0.0hrs"));
        let id = DialId(self.next_dial);
        self.next_dial += 1;
        self.outputs.push_back(Output::Dial { id, target: dial.target.clone() });
        self.pending.insert(id, dial);
        true
    }

    /// A name as it was given: as an address, if it is one.
    pub(super) fn dial_name(&mut self, name: &str, kind: ConnectionKind, v2: bool, now: Time) -> bool {
        let target = DialTarget::Name(name.to_owned());
        self.dial(PendingDial { target, kind, v2, services: ServiceFlags::NONE, count_failure: false }, now)
    }

    pub(super) fn queue_v1_reconnection(&mut self, id: PeerId) {
        let peer = self.peer(id);
        let target = peer.destination.clone().map_or(DialTarget::Address(peer.address), DialTarget::Name);
        let (kind, services) = (peer.kind, peer.expected_services);
        self.connections.reconnections.push_back(PendingDial {
            target,
            kind,
            v2: false,
            services,
            count_failure: false,
        });
    }

    pub(super) fn same_node(&self, one: &str, two: &str) -> bool {
        let port = self.config.params.default_port;
        one == two
            || matches!((PeerAddress::parse(one, port), PeerAddress::parse(two, port)), (Ok(one), Ok(two)) if one == two)
    }

    /// Whether this is an added node: those have connections of their own.
    pub(super) fn is_added(&self, name: &str) -> bool {
        self.connections.added.iter().any(|added| self.same_node(&added.name, name))
    }

    pub(super) fn has_no_added_nodes(&self) -> bool {
        self.connections.added.is_empty()
    }

    /// Keeps a connection to a node (RPC `addnode add`).
    ///
    /// # Errors
    ///
    /// When it is there already.
    pub fn add_node(&mut self, name: &str, v2: bool) -> Result<(), AddNodeError> {
        if self.is_added(name) {
            return Err(AddNodeError::AlreadyAdded);
        }
        self.connections.added.push(Added { name: name.to_owned(), v2, wait: Duration::ZERO });
        Ok(())
    }

    /// Keeps no connection to it any more; an existing one stays (RPC `addnode remove`).
    ///
    /// # Errors
    ///
    /// When it was never added.
    pub fn remove_node(&mut self, name: &str) -> Result<(), AddNodeError> {
        let before = self.connections.added.len();
        self.connections.added.retain(|added| added.name != name);
        if self.connections.added.len() < before { Ok(()) } else { Err(AddNodeError::NotAdded) }
    }

    /// The added nodes.
    pub fn added_nodes(&self) -> Vec<AddedNode> {
        let info = |added: &Added| {
            let address = PeerAddress::parse(&added.name, self.config.params.default_port).ok();
            let is_it = |peer: &&super::peer::Peer| peer.name == added.name || Some(peer.address) == address;
            let connected = self.peers.values().find(is_it).map(|peer| (peer.address, peer.is_inbound()));
            AddedNode { name: added.name.clone(), v2: added.v2, connected }
        };
        self.connections.added.iter().map(info).collect()
    }

    /// Dials a node once (RPC `addnode onetry`).
    pub fn connect_once(&mut self, name: &str, v2: bool, now: Time) {
        self.dial_name(name, ConnectionKind::Manual, v2, now);
    }

    /// Dials a node with a kind of connection that is else chosen automatically (RPC `addconnection`, for tests).
    ///
    /// # Errors
    ///
    /// When all slots of the kind are taken.
    pub fn add_connection(
        &mut self,
        name: &str,
        kind: ConnectionKind,
        v2: bool,
        now: Time,
    ) -> Result<(), AddNodeError> {
        let max = match kind {
            ConnectionKind::FullRelay => self.max_full_relay(),
            ConnectionKind::BlockRelay => self.max_block_relay(),
            ConnectionKind::AddrFetch | ConnectionKind::Feeler => usize::MAX,
            ConnectionKind::Inbound | ConnectionKind::Manual => 0,
        };
        if self.count_kind(kind) >= max {
            return Err(AddNodeError::AtCapacity);
        }
        self.dial_name(name, kind, v2, now);
        Ok(())
    }

    fn dial_added(&mut self, elapsed: Duration, now: Time) {
        let mut slots = MAX_ADDED.saturating_sub(self.count_kind(ConnectionKind::Manual));
        let connected: Vec<bool> = self.added_nodes().iter().map(|node| node.connected.is_some()).collect();
        let mut due = Vec::new();
        for (added, connected) in self.connections.added.iter_mut().zip(connected) {
            if !connected && is_due(&mut added.wait, elapsed) && slots > 0 {
                slots -= 1;
                added.wait = ADDED_RETRY;
                due.push((added.name.clone(), added.v2));
            }
        }
        for (name, v2) in due {
            let pending = self.pending.values().any(|dial| dial.shown() == name);
            if !pending {
                self.dial_name(&name, ConnectionKind::Manual, v2, now);
            }
        }
    }
}
