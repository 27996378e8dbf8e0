use super::{Node, Purpose, Reply};
use crate::record::Valid;
use crate::score::Offence;
use crate::store::{now, wire_expiry};
use crate::table::Giver;
use crate::{Lookup, NodeId, OverlayError, RecordKey};
use libp2p::PeerId;
use libp2p::kad::{self, KBucketKey, PeerRecord, QueryId, QueryStats, Record};
use std::time::Instant;

/// The answers to one lookup so far. libp2p checks none of them.
pub(super) struct Gathering {
    key: RecordKey,
    reply: Reply<Lookup>,
    started: Instant,
    best: Option<(Valid, Vec<u8>)>,
    /// Peers that hold the best, and those that hold something older.
    agreed: Vec<PeerId>,
    stale: Vec<PeerId>,
    invalid: usize,
    /// Of the peer that gave the best first.
    hops: usize,
    liars: Vec<NodeId>,
    /// As many as end a lookup agree, near the key.
    sure: bool,
}

impl Gathering {
    pub(super) fn key(&self) -> RecordKey {
        self.key
    }

    /// When it was asked for, whatever was tried since.
    pub(super) fn started(&self) -> Instant {
        self.started
    }

    /// Whether enough of those who should know say the same.
    pub(super) fn is_sure(&self) -> bool {
        self.sure
    }

    /// Weighs one valid answer; `peer` is `None` for this node's own store.
    fn weigh(&mut self, peer: Option<PeerId>, hops: usize, valid: Valid, value: Vec<u8>) {
        // A lookup that began anew asks some twice: what they say last counts.
        if let Some(peer) = peer {
            self.agreed.retain(|other| *other != peer);
            self.stale.retain(|other| *other != peer);
        }
        let better = match &self.best {
            None => true,
            Some((best, bytes)) if *bytes == value => {
                debug_assert_eq!(*best, valid, "the same bytes say the same");
                self.agreed.extend(peer);
                return;
            }
            // Of two with one sequence the first stays: their signer contradicts itself, and no rule can choose.
            Some((best, _)) => valid.sequence > best.sequence,
        };
        if better {
            self.stale.append(&mut self.agreed);
            self.agreed.extend(peer);
            self.best = Some((valid, value));
            self.hops = hops;
        } else if self.best.as_ref().is_some_and(|(best, _)| valid.sequence < best.sequence) {
            self.stale.extend(peer);
        }
    }
}

/// Where a key lies among the nodes.
fn target(key: RecordKey) -> KBucketKey<kad::RecordKey> {
    KBucketKey::from(kad::RecordKey::from(key.to_bytes()))
}

impl Node {
    pub(super) fn look_up(&mut self, key: RecordKey, reply: Reply<Lookup>) {
        if let Some(busy) = self.is_busy() {
            let _ = reply.send(Err(busy));
            return;
        }
        let gathering = Gathering {
            key,
            reply,
            started: Instant::now(),
            best: None,
            agreed: Vec::new(),
            stale: Vec::new(),
            invalid: 0,
            hops: 0,
            liars: Vec::new(),
            sure: false,
        };
        let id = self.kad().get_record(key.to_bytes().into());
        self.track(id, Purpose::Lookup(gathering));
    }

    pub(super) fn on_found(&mut self, id: QueryId, found: PeerRecord) {
        let trails = &self.swarm.behaviour().kad.trails;
        let hops = found.peer.map_or(0, |peer| trails.hops(&id, &peer));
        let Some(Purpose::Lookup(gathering)) = self.queries.get_mut(&id).map(|query| &mut query.purpose) else {
            return;
        };
        let value = found.record.value;
        // The key in the answer is not looked at: the value has to be valid under the key that was asked for.
        match gathering.key.validate(&value, now()) {
            Ok(valid) => gathering.weigh(found.peer, hops, valid, value),
            Err(refusal) => {
                tracing::debug!(peer = ?found.peer, %refusal, "a peer answered with a bad record");
                gathering.invalid += 1;
                let key = gathering.key;
                // Once for a lookup, however often it begins anew.
                if let Some(peer) = found.peer
                    && refusal.is_fault(|now| key.validate(&value, now), now())
                    && !gathering.liars.contains(&NodeId(peer))
                {
                    gathering.liars.push(NodeId(peer));
                    self.store().blame(peer, Offence::InvalidAnswer);
                }
                return;
            }
        }
        if gathering.agreed.len() < self.limits.agree {
            return;
        }
        // Those on the way to the key have nothing to keep under it: who of them answers may well lie.
        if self.swarm.behaviour_mut().kad.near(&target(gathering.key), &gathering.agreed) < self.limits.agree {
            return;
        }
        gathering.sure = true;
        if let Some(mut query) = self.kad().query_mut(&id) {
            query.finish();
        }
    }

    /// Answers, and sends the newest record to those that hold an older one, this node included, and to those of `lacking`,
    /// the nearest nodes that had none, that are nearer to it than one that has: they came after it was put.
    pub(super) fn on_gathered(
        &mut self,
        gathering: Gathering,
        lacking: impl Iterator<Item = PeerId>,
        stats: &QueryStats,
    ) {
        let Gathering { key, reply, started, best, agreed, stale, invalid, hops, liars, sure: _ } = gathering;
        let (asked, answered) = (stats.num_requests() as usize, stats.num_successes() as usize);
        if best.is_none() && answered == 0 && self.swarm.connected_peers().next().is_none() {
            let _ = reply.send(Err(OverlayError::Offline));
            return;
        }
        if let Some((valid, value)) = &best {
            let held = self.store().held(&key);
            if let (Some(from), Some((held, _))) = (agreed.first(), held)
                && held.sequence < valid.sequence
                && let Err(refusal) = self.store().admit(key, value.clone(), Giver::Peer(*from))
            {
                tracing::debug!(%refusal, "this node's older copy stays");
            }
            let target = target(key);
            let distance = |peer: &PeerId| KBucketKey::from(*peer).distance(&target);
            let farthest = agreed.iter().map(distance).max();
            let newcomers = lacking.filter(|peer| Some(distance(peer)) < farthest);
            let wanting: Vec<PeerId> = stale.iter().copied().chain(newcomers).collect();
            if !wanting.is_empty() && self.is_busy().is_none() {
                let record = Record {
                    key: key.to_bytes().into(),
                    value: value.clone(),
                    publisher: None,
                    expires: Some(wire_expiry(valid, now())),
                };
                let id = self.put_to(record, wanting);
                self.track(id, Purpose::Repair);
            }
        }
        let lookup = Lookup {
            value: best.map(|(_, value)| value),
            asked,
            answered,
            agreed: agreed.len(),
            stale: stale.len(),
            older: stale.into_iter().map(NodeId).collect(),
            invalid,
            hops,
            liars,
            took: started.elapsed(),
        };
        let _ = reply.send(Ok(lookup));
    }
}
