//! Choosing addresses to dial and to tell others.

use super::entry::{BUCKET_SIZE, NEW_BUCKETS, TRIED_BUCKETS};
use super::{AddressBook, BookEntry};
use crate::{AddressEntry, NetworkKind, Time};

/// After so many draws any entry of a wanted network is taken: chance grows by 1.2 each, so it comes to that only when
/// few entries are of a wanted network.
const MAX_DRAWS: u32 = 10_000;

impl AddressBook {
    /// Draws an address to dial: from new or tried with the same probability, recent failures less likely. `None` when
    /// there is none of these networks.
    pub fn select(&mut self, new_only: bool, networks: &[NetworkKind], now: Time) -> Option<BookEntry> {
        let (new, tried) = networks.iter().fold((0, 0), |(new, tried), network| {
            let (more_new, more_tried) = self.counts(Some(*network));
            (new + more_new, tried + more_tried)
        });
        let search_tried = match (new, if new_only { 0 } else { tried }) {
            (0, 0) => return None,
            (_, 0) => false,
            (0, _) => true,
            _ => self.random.bool(),
        };
        let buckets = if search_tried { TRIED_BUCKETS } else { NEW_BUCKETS };
        let mut factor = 1.0;
        for _ in 0..MAX_DRAWS {
            let bucket = self.random.index(buckets);
            let start = self.random.index(BUCKET_SIZE);
            let table = if search_tried { &self.tried } else { &self.new };
            let found = (0..BUCKET_SIZE)
                .filter_map(|step| table[bucket * BUCKET_SIZE + (start + step) % BUCKET_SIZE])
                .map(|id| &self.entries[&id])
                .find(|entry| networks.contains(&entry.info.address.addr.network()));
            let Some(entry) = found else { continue };
            let entry = entry.clone();
            let threshold = factor * entry.chance(now) * f64::from(1 << 30);
            if (self.random.below(1 << 30) as f64) < threshold {
                let table = if search_tried { "tried" } else { "new" };
                self.note(format!("Selected {} from {table}", entry.info.address));
                return Some(entry);
            }
            factor *= 1.2;
        }
        None
    }

    /// Draws the holder of a place in tried that another address waits for.
    pub fn select_tried_collision(&mut self) -> Option<BookEntry> {
        let index = self.random.index(self.collisions.len());
        let id = *self.collisions.iter().nth(index)?;
        let Some(entry) = self.entries.get(&id) else {
            self.collisions.remove(&id);
            return None;
        };
        let bucket = entry.tried_bucket(&self.key);
        let place = bucket * BUCKET_SIZE + entry.position(&self.key, false, bucket);
        self.tried[place].map(|holder| self.entries[&holder].clone())
    }

    /// Draws addresses to tell: at most `max` and at most `percent` of all (0 for no limit), without terrible ones.
    pub fn addresses(
        &mut self,
        max: usize,
        percent: usize,
        network: Option<NetworkKind>,
        now: Time,
    ) -> Vec<AddressEntry> {
        let mut count = self.order.len();
        if percent != 0 {
            count = count * percent.min(100) / 100;
        }
        if max != 0 {
            count = count.min(max);
        }
        let mut drawn = Vec::with_capacity(count);
        for index in 0..self.order.len() {
            if drawn.len() >= count {
                break;
            }
            let other = index + self.random.index(self.order.len() - index);
            self.swap_order(index, other);
            let entry = &self.entries[&self.order[index]];
            let wanted = network.is_none_or(|network| entry.info.address.addr.network() == network);
            if wanted && !entry.is_terrible(now) {
                drawn.push(entry.info);
            }
        }
        self.note(format!("GetAddr returned {} random addresses", drawn.len()));
        drawn
    }
}
