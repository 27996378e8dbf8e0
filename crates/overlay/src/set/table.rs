//! The entries that one node holds: which may come in, which must go. Sans-I/O; the time is told.

use super::key::{SetKey, SetSpace};
use crate::Limits;
use crate::record::Refusal;
use crate::table::{Distance, Giver, distance};
use libp2p::PeerId;
use pumasi_signaling::EntryFacts;
use pumasi_units::{Millis, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Which entry under a key.
pub(crate) type Name = [u8; 32];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) value: Vec<u8>,
    pub(crate) facts: EntryFacts,
    pub(crate) giver: Giver,
}

/// What an admission changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// The same bytes were held already.
    Same,
    /// It is new under its name, or later than what was there. The others had to go for it.
    Stored { gone: Vec<(SetKey, Name)> },
}

/// Everything under one key.
struct Bag {
    key: SetKey,
    entries: BTreeMap<Name, Entry>,
    /// When anybody last gave one of them: who was given them needs not pass them on.
    given: Timestamp,
}

#[derive(Default)]
struct Shelf {
    bags: BTreeMap<Distance, Bag>,
    by_expiry: BTreeSet<(Timestamp, Distance, Name)>,
}

pub(crate) struct SetTable {
    own: [u8; 32],
    limits: Limits,
    shelves: BTreeMap<SetSpace, Shelf>,
    per_peer: HashMap<PeerId, usize>,
}

impl SetTable {
    pub(crate) fn new(node: PeerId, limits: Limits) -> Self {
        let own = crate::table::place_of(&node.to_bytes());
        Self { own, limits, shelves: BTreeMap::new(), per_peer: HashMap::new() }
    }

    fn distance(&self, key: &SetKey) -> Distance {
        distance(&self.own, &key.to_bytes())
    }

    fn bag(&self, key: &SetKey) -> Option<&Bag> {
        self.shelves.get(&key.space())?.bags.get(&self.distance(key))
    }

    /// What is held under this name, whether or not its time is over.
    pub(crate) fn get(&self, key: &SetKey, name: &Name) -> Option<&Entry> {
        self.bag(key)?.entries.get(name)
    }

    /// Whether these bytes are held, so that they need no second check.
    pub(crate) fn holds(&self, key: &SetKey, value: &[u8], now: Timestamp) -> bool {
        self.entries(key, now).any(|entry| entry.value == value)
    }

    /// Everything under a key whose time is not over.
    pub(crate) fn entries(&self, key: &SetKey, now: Timestamp) -> impl Iterator<Item = &Entry> {
        let entries = self.bag(key).into_iter().flat_map(|bag| bag.entries.values());
        entries.filter(move |entry| entry.facts.expires > now)
    }

    /// Entries of all kinds.
    pub(crate) fn len(&self) -> usize {
        self.shelves.values().map(|shelf| shelf.by_expiry.len()).sum()
    }

    /// Takes an entry whose signature has been checked, if nothing that is held stands against it.
    ///
    /// # Errors
    /// [`Refusal::Rollback`], [`Refusal::Conflict`], [`Refusal::PeerFull`], [`Refusal::KeyFull`], [`Refusal::Full`]. Then
    /// nothing changed, except that expired entries have gone.
    pub(crate) fn admit(&mut self, key: SetKey, entry: Entry, now: Timestamp) -> Result<Admitted, Refusal> {
        let (at, name) = (self.distance(&key), entry.facts.name);
        let mut gone = self.expire(now);
        let old = self.get(&key, &name);
        if let Some(old) = old {
            let (sequence, held) = (entry.facts.sequence, old.facts.sequence);
            if old.value == entry.value {
                self.touch(&key, now);
                return Ok(Admitted::Same);
            } else if sequence < held {
                return Err(Refusal::Rollback { sequence, held });
            } else if sequence == held {
                return Err(Refusal::Conflict { sequence });
            }
        }
        let replaces = old.map(|old| old.giver);
        self.check_share(entry.giver, replaces)?;
        if replaces.is_none() {
            gone.extend(self.make_room_under(&key, &entry)?);
            gone.extend(self.make_room(&key, at, entry.giver)?);
        }
        self.take(key.space(), &at, &name);
        if let Giver::Peer(peer) = entry.giver {
            *self.per_peer.entry(peer).or_default() += 1;
        }
        let shelf = self.shelves.entry(key.space()).or_default();
        shelf.by_expiry.insert((entry.facts.expires, at, name));
        let bag = shelf.bags.entry(at).or_insert_with(|| Bag { key, entries: BTreeMap::new(), given: now });
        bag.given = now;
        bag.entries.insert(name, entry);
        Ok(Admitted::Stored { gone })
    }

    /// Notes that an entry under this key was given again.
    pub(crate) fn touch(&mut self, key: &SetKey, now: Timestamp) {
        let at = self.distance(key);
        if let Some(bag) = self.shelves.get_mut(&key.space()).and_then(|shelf| shelf.bags.get_mut(&at)) {
            bag.given = now;
        }
    }

    /// A peer may renew what it gave; anything else counts against its share.
    fn check_share(&self, giver: Giver, replaces: Option<Giver>) -> Result<(), Refusal> {
        let limit = self.limits.entries_per_peer;
        match giver {
            Giver::Peer(peer) if replaces != Some(giver) && self.per_peer.get(&peer).copied().unwrap_or(0) >= limit => {
                Err(Refusal::PeerFull { limit })
            }
            _ => Ok(()),
        }
    }

    /// Frees a place under a full key: what ranks lowest goes, unless the new one ranks no higher. Own entries stay.
    fn make_room_under(&mut self, key: &SetKey, new: &Entry) -> Result<Option<(SetKey, Name)>, Refusal> {
        let limit = key.rule().per_key;
        let Some(bag) = self.bag(key).filter(|bag| bag.entries.len() >= limit) else { return Ok(None) };
        let others = bag.entries.iter().filter(|(_, held)| held.giver != Giver::Own);
        let lowest = others.map(|(name, held)| (held.facts.rank, held.facts.expires, *name)).min();
        match lowest {
            Some((rank, _, name)) if rank < new.facts.rank || new.giver == Giver::Own => {
                let at = self.distance(key);
                Ok(self.take(key.space(), &at, &name).map(|key| (key, name)))
            }
            _ => Err(Refusal::KeyFull { limit }),
        }
    }

    /// Frees a place in a full namespace: one under the farthest key, unless the new key is farther still.
    fn make_room(&mut self, key: &SetKey, new: Distance, giver: Giver) -> Result<Option<(SetKey, Name)>, Refusal> {
        let limit = self.limits.entries;
        let space = key.space();
        let Some(shelf) = self.shelves.get(&space).filter(|shelf| shelf.by_expiry.len() >= limit) else {
            return Ok(None);
        };
        let mut foreign = shelf.bags.iter().rev().flat_map(|(at, bag)| {
            let others = bag.entries.iter().filter(|(_, held)| held.giver != Giver::Own);
            others.min_by_key(|(_, held)| held.facts.rank).map(|(name, _)| (*at, *name))
        });
        match foreign.next() {
            Some((at, name)) if at > new || giver == Giver::Own => {
                Ok(self.take(space, &at, &name).map(|key| (key, name)))
            }
            _ => Err(Refusal::Full { limit }),
        }
    }

    /// Removes what has expired.
    pub(crate) fn expire(&mut self, now: Timestamp) -> Vec<(SetKey, Name)> {
        let mut gone = Vec::new();
        for space in SetSpace::ALL {
            while let Some(&(expires, at, name)) = self.shelves.get(&space).and_then(|shelf| shelf.by_expiry.first()) {
                if expires > now {
                    break;
                }
                gone.extend(self.take(space, &at, &name).map(|key| (key, name)));
            }
        }
        gone
    }

    pub(crate) fn remove(&mut self, key: &SetKey, name: &Name) {
        let at = self.distance(key);
        self.take(key.space(), &at, name);
    }

    fn take(&mut self, space: SetSpace, at: &Distance, name: &Name) -> Option<SetKey> {
        let shelf = self.shelves.get_mut(&space)?;
        let bag = shelf.bags.get_mut(at)?;
        let entry = bag.entries.remove(name)?;
        let key = bag.key;
        if bag.entries.is_empty() {
            shelf.bags.remove(at);
        }
        shelf.by_expiry.remove(&(entry.facts.expires, *at, *name));
        if let Giver::Peer(peer) = entry.giver
            && let Some(count) = self.per_peer.get_mut(&peer)
        {
            *count -= 1;
            if *count == 0 {
                self.per_peer.remove(&peer);
            }
        }
        Some(key)
    }

    /// Keys whose entries are due to be passed on, of which nobody gave one for `quiet` milliseconds; they count as given
    /// from now on.
    pub(crate) fn due(&mut self, quiet: Millis, most: usize, now: Timestamp) -> Vec<SetKey> {
        let replicated = self.shelves.iter_mut().filter(|(space, _)| space.rule().replicates);
        let due = replicated.flat_map(|(_, shelf)| shelf.bags.values_mut()).filter(|bag| now.since(bag.given) >= quiet);
        due.take(most)
            .map(|bag| {
                bag.given = now;
                bag.key
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
