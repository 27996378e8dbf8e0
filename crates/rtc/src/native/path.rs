//! Which path is used, told by the datagrams that pass: the engine decides, this only watches.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::sockets::Sockets;
use super::stun::{self, Binding, TransactionId};
use crate::{CandidateKind, PathEnd, PathReport, Transport};

/// The most unanswered checks that are remembered.
const MAX_CHECKS: usize = 64;

/// The most pairs whose checks are remembered.
const MAX_PAIRS: usize = 256;

type Pair = (SocketAddr, SocketAddr);

#[derive(Debug, Clone, Copy)]
struct Proof {
    rtt: Duration,
    mapped: Option<SocketAddr>,
}

/// Watches the connectivity checks and the data of one connection.
#[derive(Debug, Default)]
pub(crate) struct PathWatch {
    checks: VecDeque<(TransactionId, Instant)>,
    proofs: HashMap<Pair, Proof>,
    used: Option<Pair>,
    /// Outside addresses that STUN servers told us.
    pub(crate) reflexive: Vec<SocketAddr>,
    /// The peer's candidates.
    pub(crate) remote: Vec<PathEnd>,
}

impl PathWatch {
    /// Has seen nothing yet but what STUN servers told us of our NATs.
    pub(crate) fn new(reflexive: Vec<SocketAddr>) -> Self {
        PathWatch { reflexive, ..PathWatch::default() }
    }

    /// A datagram goes out. `true` when data takes another path than before.
    pub(crate) fn sent(&mut self, source: SocketAddr, destination: SocketAddr, datagram: &[u8], now: Instant) -> bool {
        if !stun::is_stun(datagram) {
            return self.used.replace((source, destination)) != Some((source, destination));
        }
        if let Some(Binding::Request(id)) = stun::read(datagram) {
            self.checks.push_back((id, now));
            if self.checks.len() > MAX_CHECKS {
                self.checks.pop_front();
            }
        }
        false
    }

    /// A datagram came in. `true` when it says something new about the path in use.
    pub(crate) fn received(&mut self, source: SocketAddr, destination: SocketAddr, datagram: &[u8]) -> bool {
        if !stun::is_stun(datagram) {
            return false;
        }
        let Some(Binding::Success(id, mapped)) = stun::read(datagram) else { return false };
        let Some(at) = self.checks.iter().position(|(check, _)| *check == id) else { return false };
        let Some((_, asked)) = self.checks.remove(at) else { return false };
        let pair = (destination, source);
        if self.proofs.len() < MAX_PAIRS || self.proofs.contains_key(&pair) {
            self.proofs.insert(pair, Proof { rtt: asked.elapsed(), mapped });
        }
        self.used == Some(pair)
    }

    /// Our end of the path in use.
    pub(crate) fn local(&self) -> Option<SocketAddr> {
        self.used.map(|(local, _)| local)
    }

    /// The path in use; `None` before any data was sent.
    pub(crate) fn report(&self, sockets: &Sockets) -> Option<PathReport> {
        let (local, remote) = self.used?;
        let proof = self.proofs.get(&(local, remote));
        let relay = sockets.relay_transport(local);
        let local_kind = match (relay, proof.and_then(|proof| proof.mapped)) {
            (Some(_), _) => CandidateKind::Relay,
            (None, Some(mapped)) if mapped != local && self.reflexive.contains(&mapped) => {
                CandidateKind::ServerReflexive
            }
            (None, Some(mapped)) if mapped != local => CandidateKind::PeerReflexive,
            (None, _) => CandidateKind::Host,
        };
        let known = self.remote.iter().find(|end| end.address == remote);
        Some(PathReport {
            local: PathEnd { kind: local_kind, address: local },
            remote: known.copied().unwrap_or(PathEnd { kind: CandidateKind::PeerReflexive, address: remote }),
            transport: relay.unwrap_or(Transport::Udp),
            rtt: proof.map(|proof| proof.rtt),
        })
    }
}
