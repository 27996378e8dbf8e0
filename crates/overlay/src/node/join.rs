use super::{Node, Purpose, Reply};
use crate::address::peer_of;
use crate::{Address, Limits};
use libp2p::swarm::DialError;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::{Multiaddr, PeerId};
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

/// The longest pause between attempts, in units of the first.
const MAX_PAUSE: u32 = 60;
/// Failures that are remembered for the report.
const FAILURES: usize = 32;

/// The way into the network and back.
pub(super) struct Joining {
    /// Bootstrap nodes and remembered peers, with their node id if it is known.
    seeds: Vec<(Option<PeerId>, Vec<Multiaddr>)>,
    pause: Duration,
    refresh: Duration,
    attempts: u32,
    next_attempt: Instant,
    next_lookup: Instant,
    looking: bool,
    joined: bool,
    waiters: Vec<Reply<()>>,
    failures: BTreeMap<String, String>,
}

impl Joining {
    pub(super) fn new(bootstrap: &[Address], known: &[Address], limits: &Limits, now: Instant) -> Self {
        let mut by_peer: HashMap<PeerId, Vec<Multiaddr>> = HashMap::new();
        let mut seeds = Vec::new();
        for Address(address) in bootstrap.iter().chain(known) {
            match peer_of(address) {
                Some(peer) => by_peer.entry(peer).or_default().push(address.clone()),
                None => seeds.push((None, vec![address.clone()])),
            }
        }
        seeds.extend(by_peer.into_iter().map(|(peer, addresses)| (Some(peer), addresses)));
        Self {
            seeds,
            pause: limits.rejoin,
            refresh: limits.refresh,
            attempts: 0,
            next_attempt: now,
            next_lookup: now,
            looking: false,
            joined: false,
            waiters: Vec::new(),
            failures: BTreeMap::new(),
        }
    }

    pub(super) fn is_joined(&self) -> bool {
        self.joined
    }

    pub(super) fn has_seeds(&self) -> bool {
        !self.seeds.is_empty()
    }

    pub(super) fn failures(&self) -> Vec<String> {
        self.failures.iter().map(|(address, error)| format!("{address}: {error}")).collect()
    }

    /// Answers once the node has joined; at once when it knows nobody to join.
    pub(super) fn wait(&mut self, reply: Reply<()>) {
        self.waiters.retain(|waiter| !waiter.is_closed());
        if self.joined || self.seeds.is_empty() {
            let _ = reply.send(Ok(()));
        } else {
            self.waiters.push(reply);
        }
    }

    pub(super) fn failed(&mut self, peer: Option<PeerId>, error: &DialError) {
        if self.joined {
            return;
        }
        let mut note = |address: String, error: String| {
            if self.failures.len() < FAILURES || self.failures.contains_key(&address) {
                self.failures.insert(address, error);
            }
        };
        match error {
            DialError::Transport(errors) => {
                errors.iter().for_each(|(at, error)| note(at.to_string(), innermost(error)))
            }
            DialError::WrongPeerId { obtained, address } => {
                note(address.to_string(), format!("another node answered: {obtained}"));
            }
            DialError::LocalPeerId { .. } | DialError::DialPeerConditionFalse(_) => {}
            other => note(peer.map_or_else(|| "dial".to_owned(), |peer| peer.to_string()), other.to_string()),
        }
    }

    /// Doubles from the first pause up to sixty times it.
    fn backoff(&mut self, now: Instant) {
        let factor = 1_u32.checked_shl(self.attempts).unwrap_or(MAX_PAUSE).min(MAX_PAUSE);
        self.attempts = self.attempts.saturating_add(1);
        self.next_attempt = now + self.pause * factor;
    }

    fn succeed(&mut self, now: Instant) {
        self.joined = true;
        self.attempts = 0;
        self.next_lookup = now + self.refresh;
        self.failures.clear();
        for waiter in self.waiters.drain(..) {
            let _ = waiter.send(Ok(()));
        }
    }
}

/// What the system said, without the names of the layers around it.
pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

impl Node {
    pub(super) fn joining_tick(&mut self, now: Instant) {
        let connected = self.swarm.connected_peers().next().is_some();
        if !connected && self.joining.joined {
            tracing::info!("every connection is lost; joining again");
            self.joining.joined = false;
            self.joining.next_attempt = now;
            self.joining.next_lookup = now;
        }
        if !self.joining.joined && now >= self.joining.next_attempt {
            self.joining.backoff(now);
            self.joining.next_lookup = now;
            if !connected {
                self.dial_seeds();
                self.dial_local_nodes();
            }
        }
        if !self.joining.looking && now >= self.joining.next_lookup && self.routable() > 0 && self.is_busy().is_none() {
            self.joining.looking = true;
            let own = *self.swarm.local_peer_id();
            let id = self.kad().get_closest_peers(own);
            self.track(id, Purpose::Join);
        }
    }

    /// Dials all at once: the first that answers is enough, and a dead one costs no time. Nor does a dial that hangs: QUIC
    /// takes five seconds to notice that nobody listens, and a node that has come back over TCP since is reached beside it.
    fn dial_seeds(&mut self) {
        for (peer, addresses) in self.joining.seeds.clone() {
            let dials = match peer {
                Some(peer) => {
                    vec![DialOpts::peer_id(peer).condition(PeerCondition::Disconnected).addresses(addresses).build()]
                }
                None => addresses.into_iter().map(|at| DialOpts::unknown_peer_id().address(at).build()).collect(),
            };
            for dial in dials {
                if let Err(error) = self.swarm.dial(dial) {
                    self.joining.failed(peer, &error);
                }
            }
        }
    }

    pub(super) fn on_self_lookup(&mut self, peers: usize, now: Instant) {
        self.joining.looking = false;
        if peers == 0 {
            // Nobody in the routing table answered: the next attempt starts from the seeds.
            self.joining.joined = false;
            self.joining.next_lookup = self.joining.next_attempt.max(now + self.joining.pause);
            return;
        }
        let again = self.joining.joined;
        self.joining.succeed(now);
        if again && self.is_busy().is_none() {
            // The own id keeps the near part of the routing table fresh, any id the far one.
            let id = self.kad().get_closest_peers(PeerId::random());
            self.track(id, Purpose::Refresh);
        }
        if !again {
            tracing::info!(peers, "joined the network");
            self.republish();
            self.republish_entries();
        }
    }
}
