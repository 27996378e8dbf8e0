use super::{Node, Purpose, Reply};
use crate::record::Valid;
use crate::store::{now, wire_expiry};
use crate::table::Giver;
use crate::{Lookup, OverlayError, RecordKey};
use libp2p::PeerId;
use libp2p::kad::{PeerRecord, QueryId, QueryStats, Quorum, Record};
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
}

impl Gathering {
    pub(super) fn has_answer(&self) -> bool {
        self.best.is_some()
    }

    /// Weighs one valid answer; `peer` is `None` for this node's own store.
    fn weigh(&mut self, peer: Option<PeerId>, valid: Valid, value: Vec<u8>) {
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
        } else if self.best.as_ref().is_some_and(|(best, _)| valid.sequence < best.sequence) {
            self.stale.extend(peer);
        }
    }
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
        };
        let id = self.kad().get_record(key.to_bytes().into());
        self.track(id, Purpose::Lookup(gathering));
    }

    pub(super) fn on_found(&mut self, id: QueryId, found: PeerRecord) {
        let Some(Purpose::Lookup(gathering)) = self.queries.get_mut(&id).map(|query| &mut query.purpose) else {
            return;
        };
        let value = found.record.value;
        // The key in the answer is not looked at: the value has to be valid under the key that was asked for.
        match gathering.key.validate(&value, now()) {
            Ok(valid) => gathering.weigh(found.peer, valid, value),
            Err(refusal) => {
                tracing::debug!(peer = ?found.peer, %refusal, "a peer answered with a bad record");
                gathering.invalid += 1;
            }
        }
        if gathering.agreed.len() >= self.limits.agree
            && let Some(mut query) = self.kad().query_mut(&id)
        {
            query.finish();
        }
    }

    /// Answers, and sends the newest record to those that hold an older one, this node included.
    pub(super) fn on_gathered(&mut self, gathering: Gathering, stats: &QueryStats) {
        let Gathering { key, reply, started, best, agreed, stale, invalid } = gathering;
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
            if !stale.is_empty() && self.is_busy().is_none() {
                let record = Record {
                    key: key.to_bytes().into(),
                    value: value.clone(),
                    publisher: None,
                    expires: Some(wire_expiry(valid, now())),
                };
                let id = self.kad().put_record_to(record, stale.clone().into_iter(), Quorum::All);
                self.track(id, Purpose::Repair);
            }
        }
        let lookup = Lookup {
            value: best.map(|(_, value)| value),
            asked,
            answered,
            agreed: agreed.len(),
            stale: stale.len(),
            invalid,
            took: started.elapsed(),
        };
        let _ = reply.send(Ok(lookup));
    }
}
