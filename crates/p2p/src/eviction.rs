//! Which inbound connection goes when a new one comes and all slots are taken (Core's `node/eviction.cpp`).
//!
//! A few are protected by each of several properties that are hard to forge. To push out all honest peers an attacker
//! would have to be better in all of them at once.

use crate::{NetworkKind, PeerId, Time};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// What decides about an inbound connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    pub(crate) peer: PeerId,
    pub(crate) connected: Time,
    /// Shortest round trip in microseconds; the largest number before the first.
    pub(crate) min_ping: i64,
    pub(crate) last_block: Time,
    pub(crate) last_tx: Time,
    pub(crate) relevant_services: bool,
    pub(crate) relays_txs: bool,
    pub(crate) bloom_filter: bool,
    /// Keyed hash of the network group: nobody can tell which are protected.
    pub(crate) keyed_group: u64,
    pub(crate) prefer_evict: bool,
    pub(crate) is_local: bool,
    pub(crate) network: NetworkKind,
}

/// Sorts and protects up to `count` at the end, as far as the predicate holds for them.
fn protect(
    candidates: &mut Vec<Candidate>,
    order: impl Fn(&Candidate, &Candidate) -> Ordering,
    count: usize,
    protects: impl Fn(&Candidate) -> bool,
) {
    candidates.sort_by(order);
    let first = candidates.len() - count.min(candidates.len());
    let mut index = 0;
    candidates.retain(|candidate| {
        index += 1;
        index <= first || !protects(candidate)
    });
}

fn by_block_time(a: &Candidate, b: &Candidate) -> Ordering {
    (a.last_block.cmp(&b.last_block))
        .then(a.relevant_services.cmp(&b.relevant_services))
        .then(b.connected.cmp(&a.connected))
}

fn by_tx_time(a: &Candidate, b: &Candidate) -> Ordering {
    (a.last_tx.cmp(&b.last_tx))
        .then(a.relays_txs.cmp(&b.relays_txs))
        .then(b.bloom_filter.cmp(&a.bloom_filter))
        .then(b.connected.cmp(&a.connected))
}

/// Protects half of the rest: those who are connected longest, with up to half of these places kept for networks whose
/// peers are few and slow.
fn protect_by_ratio(candidates: &mut Vec<Candidate>) {
    let initial = candidates.len();
    let total = initial / 2;
    let for_networks = total / 2;
    // `None` stands for this machine.
    let mut networks: Vec<(Option<NetworkKind>, usize)> =
        [Some(NetworkKind::Cjdns), Some(NetworkKind::I2p), None, Some(NetworkKind::Onion)]
            .into_iter()
            .map(|network| (network, candidates.iter().filter(|one| is_of(one, network)).count()))
            .collect();
    networks.sort_by_key(|(_, count)| *count);
    let mut protected = 0;
    while protected < for_networks {
        let present = networks.iter().filter(|(_, count)| *count > 0).count();
        if present == 0 {
            break;
        }
        let each = ((for_networks - protected) / present).max(1);
        let before = protected;
        for (network, count) in networks.iter_mut().filter(|(_, count)| *count > 0) {
            let length = candidates.len();
            let order = |a: &Candidate, b: &Candidate| {
                (is_of(a, *network).cmp(&is_of(b, *network))).then(b.connected.cmp(&a.connected))
            };
            protect(candidates, order, each, |one| is_of(one, *network));
            let gone = length - candidates.len();
            protected += gone;
            *count -= gone;
            if protected >= for_networks {
                break;
            }
        }
        if protected == before {
            break;
        }
    }
    protect(candidates, |a, b| b.connected.cmp(&a.connected), total - protected, |_| true);
}

fn is_of(candidate: &Candidate, network: Option<NetworkKind>) -> bool {
    network.map_or(candidate.is_local, |network| candidate.network == network)
}

/// Chooses whom to disconnect among inbound peers that may be; `None` when all are protected.
pub(crate) fn select(mut candidates: Vec<Candidate>) -> Option<PeerId> {
    protect(&mut candidates, |a, b| a.keyed_group.cmp(&b.keyed_group), 4, |_| true);
    protect(&mut candidates, |a, b| b.min_ping.cmp(&a.min_ping), 8, |_| true);
    protect(&mut candidates, by_tx_time, 4, |_| true);
    protect(
        &mut candidates,
        |a, b| b.relays_txs.cmp(&a.relays_txs).then(by_block_time(a, b)),
        8,
        |one| !one.relays_txs && one.relevant_services,
    );
    protect(&mut candidates, by_block_time, 4, |_| true);
    protect_by_ratio(&mut candidates);
    if candidates.iter().any(|one| one.prefer_evict) {
        candidates.retain(|one| one.prefer_evict);
    }
    // The group with the most connections, and of these with the youngest member. They are sorted by age already.
    let mut groups = BTreeMap::<u64, Vec<Candidate>>::new();
    for candidate in candidates {
        groups.entry(candidate.keyed_group).or_default().push(candidate);
    }
    let largest = groups.values().max_by_key(|group| (group.len(), group[0].connected))?;
    Some(largest[0].peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(number: u64) -> Candidate {
        Candidate {
            peer: PeerId(number),
            connected: Time::from_secs(1_000 + number as i64),
            min_ping: i64::MAX,
            last_block: Time::NEVER,
            last_tx: Time::NEVER,
            relevant_services: false,
            relays_txs: true,
            bloom_filter: false,
            keyed_group: number,
            prefer_evict: false,
            is_local: false,
            network: NetworkKind::Ipv4,
        }
    }

    #[test]
    fn few_peers_are_all_protected() {
        assert_eq!(select((0..20).map(candidate).collect()), None);
    }

    #[test]
    fn a_neighbourhood_that_fills_the_slots_loses_its_youngest() {
        let mut peers: Vec<_> = (0..60).map(candidate).collect();
        // Sixty honest ones of as many groups, then a hundred of one group.
        peers.extend((60..160).map(|number| Candidate { keyed_group: 7_777, ..candidate(number) }));
        let evicted = select(peers).unwrap();
        assert!((100..160).contains(&evicted.0), "{evicted}");
    }

    #[test]
    fn useful_peers_stay_however_young() {
        let mut peers: Vec<_> = (0..120).map(candidate).collect();
        peers.iter_mut().rev().take(4).for_each(|one| one.last_block = Time::from_secs(5_000));
        peers.iter_mut().rev().skip(4).take(4).for_each(|one| one.last_tx = Time::from_secs(5_000));
        peers.iter_mut().rev().skip(8).take(8).for_each(|one| one.min_ping = 1_000);
        let useful: Vec<_> = peers.iter().rev().take(16).map(|one| one.peer).collect();
        while let Some(evicted) = select(peers.clone()) {
            assert!(!useful.contains(&evicted), "{evicted} was useful");
            peers.retain(|one| one.peer != evicted);
        }
    }

    #[test]
    fn the_discouraged_go_first() {
        let mut peers: Vec<_> = (0..120).map(candidate).collect();
        peers[80].prefer_evict = true;
        assert_eq!(select(peers), Some(PeerId(80)));
    }
}
