//! The records that one node holds: which may come in, which must go. Sans-I/O; the time is told.

use crate::record::{Namespace, Refusal, Valid};
use crate::{Limits, RecordKey};
use libp2p::PeerId;
use pumasi_crypto::hash::sha256;
use pumasi_units::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// XOR of the hashes of the node's id and of the key (Kademlia's metric). It names the record too: the hash has no
/// collisions that anyone can make.
pub(crate) type Distance = [u8; 32];

/// Where an id or a key lies in the key space.
pub(crate) fn place_of(bytes: &[u8]) -> [u8; 32] {
    sha256(&[bytes]).0
}

/// The distance of a key from a place.
pub(crate) fn distance(place: &[u8; 32], key: &[u8]) -> Distance {
    let mut distance = place_of(key);
    distance.iter_mut().zip(place).for_each(|(byte, own)| *byte ^= own);
    distance
}

/// Who gave us a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Giver {
    /// This node publishes it.
    Own,
    /// The peer at the other end of the connection. What a message says about its publisher can be forged.
    Peer(PeerId),
}

#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) key: RecordKey,
    pub(crate) value: Vec<u8>,
    pub(crate) valid: Valid,
    pub(crate) giver: Giver,
    /// An own one that a peer has given as well: others count on this node to keep it.
    pub(crate) given: bool,
}

/// What an admission changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// The same bytes were held already.
    Same,
    /// It is new under its key, or newer than what was there. The keys had to go for it.
    Stored { gone: Vec<RecordKey> },
}

pub(crate) struct Table {
    own: [u8; 32],
    limits: Limits,
    shelves: BTreeMap<Namespace, Shelf>,
    per_peer: HashMap<PeerId, usize>,
}

#[derive(Default)]
struct Shelf {
    held: BTreeMap<Distance, Held>,
    by_expiry: BTreeSet<(Timestamp, Distance)>,
}

impl Table {
    pub(crate) fn new(node: PeerId, limits: Limits) -> Self {
        Self { own: place_of(&node.to_bytes()), limits, shelves: BTreeMap::new(), per_peer: HashMap::new() }
    }

    fn distance(&self, key: &RecordKey) -> Distance {
        distance(&self.own, &key.to_bytes())
    }

    fn capacity(&self, space: Namespace) -> usize {
        match space {
            Namespace::Profile => self.limits.profiles,
            Namespace::Mailbox => self.limits.mailboxes,
            Namespace::Presence => self.limits.presences,
        }
    }

    /// The record under this key, unless its time is over.
    pub(crate) fn get(&self, key: &RecordKey, now: Timestamp) -> Option<&Held> {
        let held = self.shelves.get(&key.space())?.held.get(&self.distance(key))?;
        (held.valid.expires > now).then_some(held)
    }

    /// Whether these very bytes are held. Notes who gives them now.
    pub(crate) fn again(&mut self, key: &RecordKey, value: &[u8], giver: Giver, now: Timestamp) -> bool {
        let distance = self.distance(key);
        let held = self.shelves.get_mut(&key.space()).and_then(|shelf| shelf.held.get_mut(&distance));
        let Some(held) = held.filter(|held| held.value == value && held.valid.expires > now) else { return false };
        match (held.giver, giver) {
            (Giver::Own, Giver::Peer(_)) => held.given = true,
            (Giver::Peer(peer), Giver::Own) => {
                (held.giver, held.given) = (Giver::Own, true);
                self.uncount(peer);
            }
            _ => {}
        }
        true
    }

    /// One record fewer is held from a peer.
    fn uncount(&mut self, peer: PeerId) {
        if let Some(count) = self.per_peer.get_mut(&peer) {
            *count -= 1;
            if *count == 0 {
                self.per_peer.remove(&peer);
            }
        }
    }

    /// Every record, of which some may have expired.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Held> {
        self.shelves.values().flat_map(|shelf| shelf.held.values())
    }

    pub(crate) fn len(&self, space: Namespace) -> usize {
        self.shelves.get(&space).map_or(0, |shelf| shelf.held.len())
    }

    /// Takes a record whose signature has been checked, if nothing that is held stands against it.
    ///
    /// # Errors
    /// [`Refusal::Rollback`], [`Refusal::Conflict`], [`Refusal::PeerFull`], [`Refusal::Full`]. Then nothing changed,
    /// except that expired records have gone.
    pub(crate) fn admit(&mut self, record: Held, now: Timestamp) -> Result<Admitted, Refusal> {
        let distance = self.distance(&record.key);
        let mut gone = self.expire(now);
        let (space, sequence) = (record.key.space(), record.valid.sequence);
        let old = self.shelves.get(&space).and_then(|shelf| shelf.held.get(&distance));
        if let Some(old) = old {
            let held = old.valid.sequence;
            if old.value == record.value {
                return Ok(Admitted::Same);
            } else if sequence < held {
                return Err(Refusal::Rollback { sequence, held });
            } else if sequence == held {
                return Err(Refusal::Conflict { sequence });
            }
        }
        let replaces = old.map(|old| old.giver);
        self.check_share(record.giver, replaces)?;
        if replaces.is_none() {
            gone.extend(self.make_room(space, &distance, record.giver)?);
        }
        self.take(space, &distance);
        if let Giver::Peer(peer) = record.giver {
            *self.per_peer.entry(peer).or_default() += 1;
        }
        let shelf = self.shelves.entry(space).or_default();
        shelf.by_expiry.insert((record.valid.expires, distance));
        shelf.held.insert(distance, record);
        Ok(Admitted::Stored { gone })
    }

    /// A peer may renew what it gave; anything else counts against its share.
    fn check_share(&self, giver: Giver, replaces: Option<Giver>) -> Result<(), Refusal> {
        let limit = self.limits.records_per_peer;
        match giver {
            Giver::Peer(peer) if replaces != Some(giver) && self.held_from(&peer) >= limit => {
                Err(Refusal::PeerFull { limit })
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn held_from(&self, peer: &PeerId) -> usize {
        self.per_peer.get(peer).copied().unwrap_or(0)
    }

    /// Frees one place: the farthest record goes, unless the new one is farther still. Own records stay.
    fn make_room(&mut self, space: Namespace, new: &Distance, giver: Giver) -> Result<Option<RecordKey>, Refusal> {
        let limit = self.capacity(space);
        let Some(shelf) = self.shelves.get(&space).filter(|shelf| shelf.held.len() >= limit) else {
            return Ok(None);
        };
        let farthest = shelf.held.iter().rev().find(|(_, held)| held.giver != Giver::Own).map(|(at, _)| *at);
        match farthest {
            Some(at) if at > *new || giver == Giver::Own => Ok(self.take(space, &at).map(|held| held.key)),
            _ => Err(Refusal::Full { limit }),
        }
    }

    /// Removes what has expired.
    pub(crate) fn expire(&mut self, now: Timestamp) -> Vec<RecordKey> {
        let mut gone = Vec::new();
        for space in Namespace::ALL {
            while let Some(&(expires, at)) = self.shelves.get(&space).and_then(|shelf| shelf.by_expiry.first()) {
                if expires > now {
                    break;
                }
                gone.extend(self.take(space, &at).map(|held| held.key));
            }
        }
        gone
    }

    pub(crate) fn remove(&mut self, key: &RecordKey) {
        let distance = self.distance(key);
        self.take(key.space(), &distance);
    }

    fn take(&mut self, space: Namespace, at: &Distance) -> Option<Held> {
        let shelf = self.shelves.get_mut(&space)?;
        let held = shelf.held.remove(at)?;
        shelf.by_expiry.remove(&(held.valid.expires, *at));
        if let Giver::Peer(peer) = held.giver {
            self.uncount(peer);
        }
        Some(held)
    }
}

#[cfg(test)]
mod tests;
