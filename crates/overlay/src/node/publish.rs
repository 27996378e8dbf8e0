use super::{Node, Purpose, Reply};
use crate::store::{now, wire_expiry};
use crate::table::Giver;
use crate::{OverlayError, Published, RecordKey};
use libp2p::PeerId;
use libp2p::kad::{QueryId, Quorum, Record};
use std::time::Instant;

/// A record on its way to the peers nearest to its key. Nobody waits for a republished one.
pub(super) struct Publishing {
    key: RecordKey,
    started: Instant,
    asked: usize,
    reply: Option<Reply<Published>>,
}

impl Publishing {
    pub(super) fn key(&self) -> RecordKey {
        self.key
    }

    pub(super) fn asked(&self) -> usize {
        self.asked
    }

    pub(super) fn finish(self, stored: usize) {
        let Self { key, started, asked, reply } = self;
        let took = started.elapsed();
        tracing::debug!(%key, asked, stored, ?took, "published");
        if let Some(reply) = reply {
            let result = match (asked, stored) {
                (0, _) => Err(OverlayError::Offline),
                (asked, 0) => Err(OverlayError::NotStored { asked }),
                (asked, stored) => Ok(Published { asked, stored, took }),
            };
            let _ = reply.send(result);
        }
    }
}

impl Node {
    pub(super) fn publish(&mut self, key: RecordKey, value: Vec<u8>, reply: Reply<Published>) {
        let limit = self.limits.own_records;
        let mine = self.owned.len();
        let checked = if let Some(busy) = self.is_busy() {
            Err(busy)
        } else if mine >= limit && !self.owned.contains_key(&key) && !self.forget_ended() {
            Err(OverlayError::Busy { what: "own records", limit })
        } else {
            self.store().admit(key, value.clone(), Giver::Own).map_err(OverlayError::Refused)
        };
        if let Err(error) = checked {
            let _ = reply.send(Err(error));
            return;
        }
        self.owned.insert(key, value);
        self.send_out(key, Some(reply));
    }

    /// Takes a record for somebody outside: kept as a peer's would be, sent on, and never published again from here.
    pub(super) fn give(&mut self, key: RecordKey, value: Vec<u8>, giver: PeerId, reply: Reply<Published>) {
        let checked = match self.is_busy() {
            Some(busy) => Err(busy),
            None => self.store().admit(key, value, Giver::Peer(giver)).map_err(OverlayError::Refused),
        };
        match checked {
            Ok(()) => self.send_out(key, Some(reply)),
            Err(error) => {
                let _ = reply.send(Err(error));
            }
        }
    }

    /// Puts every own record again, to reach the nodes that came since.
    pub(super) fn republish(&mut self) {
        self.forget_ended();
        let keys: Vec<RecordKey> = self.owned.keys().copied().collect();
        for key in keys {
            if self.is_busy().is_none() {
                self.send_out(key, None);
            }
        }
    }

    /// Forgets own records that have expired, or that another process of the same owner has replaced by a newer one.
    /// Tells whether there were any.
    fn forget_ended(&mut self) -> bool {
        let before = self.owned.len();
        let mut owned = std::mem::take(&mut self.owned);
        owned.retain(|key, value| self.store().held(key).is_some_and(|(_, held)| held == *value));
        self.owned = owned;
        self.owned.len() < before
    }

    fn send_out(&mut self, key: RecordKey, reply: Option<Reply<Published>>) {
        let publishing = Publishing { key, started: Instant::now(), asked: 0, reply };
        if self.routable() == 0 {
            publishing.finish(0);
            return;
        }
        let id = self.kad().get_closest_peers(key.to_bytes());
        self.track(id, Purpose::Nearest(publishing));
    }

    pub(super) fn on_nearest(&mut self, mut publishing: Publishing, mut peers: Vec<PeerId>) {
        let own = *self.swarm.local_peer_id();
        peers.retain(|peer| *peer != own);
        publishing.asked = peers.len();
        let held = self.store().held(&publishing.key);
        let (Some((valid, value)), false) = (held, peers.is_empty()) else {
            publishing.finish(0);
            return;
        };
        let record = Record {
            key: publishing.key.to_bytes().into(),
            value,
            publisher: None,
            expires: Some(wire_expiry(&valid, now())),
        };
        // All of them: less would end the put before the others have been counted. See `finish_stalled`.
        let id = self.put_to(record, peers);
        self.track(id, Purpose::Storing(publishing));
    }

    /// Sends a record to these peers.
    pub(super) fn put_to(&mut self, record: Record, peers: Vec<PeerId>) -> QueryId {
        let id = self.kad().put_record_to(record, peers.iter().copied(), Quorum::All);
        self.swarm.behaviour_mut().kad.trails.follow_put(id, peers.into_iter());
        id
    }
}
