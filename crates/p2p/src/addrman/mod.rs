//! The address book (Core's `AddrMan`): thousands of addresses in two tables of buckets.
//!
//! *New* holds what others have told us, *tried* what has worked. The bucket of an address depends on a secret key and
//! on network groups: of the address in tried, and of who told us in new. So a network neighbourhood reaches 8 of 256
//! tried buckets, and one that floods us with addresses reaches 64 of 1024 new ones, however many it owns.

mod entry;
mod place;
mod save;
mod select;

use crate::log::{Category, LogLine};
use crate::random::Random;
use crate::{AddressEntry, NetAddr, NetworkKind, PeerAddress, Time};
use bitcoin::p2p::ServiceFlags;
use entry::{BUCKET_SIZE, NEW_BUCKETS, TRIED_BUCKETS};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

pub use entry::BookEntry;
pub use save::BookError;

/// Most places that one address can have in the new table.
const NEW_BUCKETS_PER_ADDRESS: u32 = 8;
/// Most addresses that wait for a place in the tried table.
const MAX_COLLISIONS: usize = 10;
/// An entry of the tried table that worked so recently is not replaced.
const REPLACEMENT: Duration = Duration::from_secs(4 * 60 * 60);
/// After so long an entry that could not be tested is replaced.
const TEST_WINDOW: Duration = Duration::from_secs(40 * 60);

type Id = u64;

/// The address book.
#[derive(Debug)]
pub struct AddressBook {
    key: [u8; 32],
    random: Random,
    entries: HashMap<Id, BookEntry>,
    by_address: HashMap<PeerAddress, Id>,
    /// All entries; drawing moves them around.
    order: Vec<Id>,
    new: Vec<Option<Id>>,
    tried: Vec<Option<Id>>,
    /// Entries of each network in the new and in the tried table.
    counts: BTreeMap<NetworkKind, (usize, usize)>,
    collisions: BTreeSet<Id>,
    /// When a connection last succeeded at all: failures of before may be our own.
    last_good: Time,
    next_id: Id,
    log: Vec<LogLine>,
}

/// Where an entry is: for `getrawaddrman`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    /// Tried or new table.
    pub tried: bool,
    /// Bucket.
    pub bucket: usize,
    /// Place in the bucket.
    pub position: usize,
}

impl AddressBook {
    /// An empty book; the seed must be random and secret.
    pub fn new(seed: [u8; 32]) -> Self {
        let mut random = Random::new(seed);
        Self {
            key: random.bytes(),
            random,
            entries: HashMap::new(),
            by_address: HashMap::new(),
            order: Vec::new(),
            new: vec![None; NEW_BUCKETS * BUCKET_SIZE],
            tried: vec![None; TRIED_BUCKETS * BUCKET_SIZE],
            counts: BTreeMap::new(),
            collisions: BTreeSet::new(),
            last_good: Time::from_secs(1),
            next_id: 0,
            log: Vec::new(),
        }
    }

    /// Number of addresses.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether no address is known.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Numbers of addresses in the new and in the tried table, of one network or of all.
    pub fn counts(&self, network: Option<NetworkKind>) -> (usize, usize) {
        match network {
            Some(network) => self.counts.get(&network).copied().unwrap_or_default(),
            None => self.counts.values().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1)),
        }
    }

    fn count(&mut self, address: &PeerAddress, tried: bool) -> &mut usize {
        let (new_count, tried_count) = self.counts.entry(address.addr.network()).or_default();
        if tried { tried_count } else { new_count }
    }

    pub(crate) fn drain_log(&mut self) -> std::vec::Drain<'_, LogLine> {
        self.log.drain(..)
    }

    fn note(&mut self, text: String) {
        self.log.push(LogLine::debug(Category::AddrMan, text));
    }

    fn find(&self, address: &PeerAddress) -> Option<Id> {
        self.by_address.get(address).copied()
    }

    fn find_mut(&mut self, address: &PeerAddress) -> Option<&mut BookEntry> {
        let id = self.find(address)?;
        self.entries.get_mut(&id)
    }

    /// Takes addresses that `source` told us, as if seen `penalty` earlier. Returns whether any is new to a bucket.
    pub fn add(&mut self, addresses: &[AddressEntry], source: &NetAddr, penalty: Duration, now: Time) -> bool {
        let added = addresses.iter().filter(|info| self.add_one(info, source, penalty, now)).count();
        if added > 0 {
            let (new, tried) = self.counts(None);
            self.note(format!(
                "Added {added} addresses (of {}) from {source}: {tried} tried, {new} new",
                addresses.len()
            ));
        }
        added > 0
    }

    fn add_one(&mut self, info: &AddressEntry, source: &NetAddr, penalty: Duration, now: Time) -> bool {
        if !info.address.addr.is_routable() {
            return false;
        }
        // Nobody is punished for speaking of himself.
        let penalty = if info.address.addr == *source { Duration::ZERO } else { penalty };
        let seen = u32::try_from((Time::from_secs(i64::from(info.time)) - penalty).secs()).unwrap_or(0);
        let id = match self.find(&info.address) {
            Some(id) => {
                if !self.refresh(id, info, seen, now) {
                    return false;
                }
                id
            }
            None => self.create(AddressEntry { time: seen, ..*info }, *source),
        };
        self.place_new(id, source, now)
    }

    /// Learns more about a known address; returns whether it should get another place in the new table.
    fn refresh(&mut self, id: Id, info: &AddressEntry, seen: u32, now: Time) -> bool {
        let entry = self.entries.get_mut(&id).expect("the index names known entries");
        let online = !now.is_past(Time::from_secs(i64::from(info.time)), Duration::from_secs(24 * 60 * 60));
        let interval = if online { 60 * 60 } else { 24 * 60 * 60 };
        if i64::from(entry.info.time) < i64::from(seen) - interval {
            entry.info.time = seen;
        }
        entry.info.services |= info.services;
        let references = entry.references;
        if info.time <= entry.info.time || entry.in_tried || references == NEW_BUCKETS_PER_ADDRESS {
            return false;
        }
        // Each place makes the next one twice as hard to get.
        references == 0 || self.random.below(1 << references) == 0
    }

    /// A connection to the address has succeeded: it goes to the tried table, unless somebody is there.
    pub fn good(&mut self, address: &PeerAddress, now: Time) -> bool {
        self.mark_good(address, true, now)
    }

    /// A connection is being tried. `count_failure` says that a failure would be the address' fault.
    pub fn attempt(&mut self, address: &PeerAddress, count_failure: bool, now: Time) {
        let last_good = self.last_good;
        let Some(entry) = self.find_mut(address) else { return };
        entry.last_try = now;
        if count_failure && entry.last_counted < last_good {
            entry.last_counted = now;
            entry.attempts += 1;
        }
    }

    /// A connection that worked has ended.
    pub fn connected(&mut self, address: &PeerAddress, now: Time) {
        let Some(entry) = self.find_mut(address) else { return };
        if now.is_past(entry.seen(), Duration::from_secs(20 * 60)) {
            entry.info.time = u32::try_from(now.secs()).unwrap_or(u32::MAX);
        }
    }

    /// The peer itself has said what it offers.
    pub fn set_services(&mut self, address: &PeerAddress, services: ServiceFlags) {
        if let Some(entry) = self.find_mut(address) {
            entry.info.services = services;
        }
    }

    /// All entries with their places, each place once.
    pub fn positions(&self) -> Vec<(BookEntry, Position)> {
        let table = |tried: bool, table: &[Option<Id>]| {
            let found = table.iter().enumerate().filter_map(move |(index, id)| id.map(|id| (index, id)));
            let place = move |index| Position { tried, bucket: index / BUCKET_SIZE, position: index % BUCKET_SIZE };
            found.map(|(index, id)| (self.entries[&id].clone(), place(index))).collect::<Vec<_>>()
        };
        let mut all = table(false, &self.new);
        all.extend(table(true, &self.tried));
        all
    }
}

#[cfg(test)]
mod tests;
