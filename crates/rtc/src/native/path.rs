//! Which path is used, told by the datagrams that pass: the engine decides, this only watches.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::sockets::Sockets;
use super::stun::{self, Binding, TransactionId};
use crate::{CandidateKind, PathEnd, PathReport, Transport, Tried};

/// The most unanswered checks that are remembered.
const MAX_CHECKS: usize = 64;

/// The most pairs whose checks are remembered.
const MAX_PAIRS: usize = 256;

/// The most pairs that are told of.
const MAX_TRIED: usize = 48;

/// Both sides check the path every 3 s; one that was not proved for two and a bit is stale.
const STALE: Duration = Duration::from_secs(7);

type Pair = (SocketAddr, SocketAddr);

#[derive(Debug, Clone, Copy)]
struct Proof {
    at: Instant,
    rtt: Duration,
    mapped: Option<SocketAddr>,
}

/// Watches the connectivity checks and the data of one connection.
#[derive(Debug, Default)]
pub(crate) struct PathWatch {
    checks: VecDeque<(TransactionId, Instant)>,
    proofs: HashMap<Pair, Proof>,
    used: Option<Pair>,
    /// How many checks were sent over which pair.
    tried: Vec<(Pair, u32)>,
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

    /// Where data goes that the engine sends to `destination`: there, or, when nothing has answered from there for a while,
    /// to the address that has answered since. A peer whose NAT has got another address goes on checking from the new one
    /// and sees nothing amiss; the engine, when it is not the one who decides, would keep to the old one for a minute.
    pub(crate) fn route(
        &self,
        source: SocketAddr,
        destination: SocketAddr,
        datagram: &[u8],
        now: Instant,
    ) -> SocketAddr {
        let proved = |proof: &Proof| now.saturating_duration_since(proof.at);
        let Some(own) = self.proofs.get(&(source, destination)).filter(|proof| proved(proof) > STALE) else {
            return destination;
        };
        if stun::is_stun(datagram) {
            return destination;
        }
        let others = self.proofs.iter().filter(|((local, _), proof)| *local == source && proof.at > own.at);
        let newest = others.max_by_key(|(_, proof)| proof.at).filter(|(_, proof)| proved(proof) <= STALE);
        newest.map_or(destination, |((_, remote), _)| *remote)
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
            let pair = (source, destination);
            let room = self.tried.len() < MAX_PAIRS;
            match self.tried.iter_mut().find(|(tried, _)| *tried == pair) {
                Some((_, checks)) => *checks += 1,
                None if room => self.tried.push((pair, 1)),
                None => {}
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
            self.proofs.insert(pair, Proof { at: Instant::now(), rtt: asked.elapsed(), mapped });
        }
        self.used == Some(pair)
    }

    /// What was tried so far; what answered comes last.
    pub(crate) fn tried(&self, sockets: &Sockets) -> Vec<Tried> {
        let mut tried: Vec<Tried> = self
            .tried
            .iter()
            .map(|(pair, checks)| {
                let (local, remote) = *pair;
                let relay = sockets.relay_transport(local);
                Tried {
                    local: PathEnd {
                        kind: if relay.is_some() { CandidateKind::Relay } else { CandidateKind::Host },
                        address: local,
                    },
                    remote: self.remote_end(remote),
                    transport: relay.unwrap_or(Transport::Udp),
                    checks: *checks,
                    answered: self.proofs.contains_key(pair),
                }
            })
            .collect();
        tried.sort_by_key(|tried| (tried.answered, tried.way()));
        tried.truncate(MAX_TRIED);
        tried
    }

    fn remote_end(&self, address: SocketAddr) -> PathEnd {
        let known = self.remote.iter().find(|end| end.address == address);
        known.copied().unwrap_or(PathEnd { kind: CandidateKind::PeerReflexive, address })
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
        Some(PathReport {
            local: PathEnd { kind: local_kind, address: local },
            remote: self.remote_end(remote),
            transport: relay.unwrap_or(Transport::Udp),
            rtt: proof.map(|proof| proof.rtt),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn what_was_tried_is_told_with_what_came_of_it() {
        let mut watch = PathWatch::new(Vec::new());
        let (ours, near, far) = (address("10.0.0.1:1"), address("192.0.2.1:2"), address("198.51.100.1:3"));
        watch.remote = vec![
            PathEnd { kind: CandidateKind::Relay, address: far },
            PathEnd { kind: CandidateKind::Host, address: near },
        ];
        let now = Instant::now();
        for (number, to) in [(1, far), (2, near), (3, near)] {
            watch.sent(ours, to, &stun::binding_request([number; 12]), now);
        }
        let mut answer = stun::binding_request([1; 12]).to_vec();
        answer[0] = 1;
        watch.received(far, ours, &answer);

        let tried = watch.tried(&Sockets::default());
        let told: Vec<_> = tried.iter().map(|it| (it.way(), it.remote.address, it.checks, it.answered)).collect();
        assert_eq!(told, [(crate::Way::Direct, near, 2, false), (crate::Way::Relayed, far, 1, true)]);
    }

    #[test]
    fn data_follows_a_peer_whose_address_has_changed_and_comes_back() {
        let mut watch = PathWatch::new(Vec::new());
        let (ours, old, new) = (address("10.0.0.1:1"), address("192.0.2.1:2"), address("192.0.2.9:3"));
        let data = [23; 20];
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let proof = |at| Proof { at, rtt: Duration::ZERO, mapped: None };
        watch.proofs.insert((ours, old), proof(start));
        assert_eq!(watch.route(ours, old, &data, start + 8 * second), old, "there is no other");

        watch.proofs.insert((ours, new), proof(start + 5 * second));
        assert_eq!(watch.route(ours, old, &data, start + 6 * second), old, "it is not stale yet");
        assert_eq!(watch.route(ours, old, &data, start + 8 * second), new);
        assert_eq!(
            watch.route(ours, old, &stun::binding_request([0; 12]), start + 8 * second),
            old,
            "checks are the engine's"
        );
        assert_eq!(watch.route(ours, old, &data, start + 13 * second), old, "both are stale");
        let elsewhere = address("10.0.0.2:1");
        assert_eq!(watch.route(elsewhere, old, &data, start + 8 * second), old, "from another address of ours");

        watch.proofs.insert((ours, old), proof(start + 9 * second));
        assert_eq!(watch.route(ours, old, &data, start + 10 * second), old);
    }

    #[test]
    fn only_so_much_is_remembered_and_told() {
        let mut watch = PathWatch::new(Vec::new());
        for port in 1..2_000 {
            let to = SocketAddr::new("192.0.2.1".parse().unwrap(), port);
            watch.sent(address("10.0.0.1:1"), to, &stun::binding_request([0; 12]), Instant::now());
        }
        assert_eq!((watch.tried.len(), watch.tried(&Sockets::default()).len()), (MAX_PAIRS, MAX_TRIED));
    }
}
