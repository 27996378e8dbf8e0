//! Moving entries between the tables.

use super::entry::BUCKET_SIZE;
use super::{AddressBook, BookEntry, Id, MAX_COLLISIONS, REPLACEMENT, TEST_WINDOW};
use crate::{AddressEntry, NetAddr, PeerAddress, Time};
use std::time::Duration;

impl AddressBook {
    pub(super) fn create(&mut self, info: AddressEntry, source: NetAddr) -> Id {
        let id = self.next_id;
        self.next_id += 1;
        let entry = BookEntry {
            info,
            source,
            last_try: Time::NEVER,
            last_success: Time::NEVER,
            attempts: 0,
            in_tried: false,
            last_counted: Time::NEVER,
            references: 0,
            order: self.order.len(),
        };
        self.order.push(id);
        self.by_address.insert(entry.info.address, id);
        self.entries.insert(id, entry);
        *self.count(&info.address, false) += 1;
        id
    }

    /// Forgets an entry that has no place any more.
    fn delete(&mut self, id: Id) {
        let Some(entry) = self.entries.remove(&id) else { return };
        self.swap_order(entry.order, self.order.len() - 1);
        self.order.pop();
        self.by_address.remove(&entry.info.address);
        *self.count(&entry.info.address, false) -= 1;
    }

    pub(super) fn swap_order(&mut self, one: usize, two: usize) {
        self.order.swap(one, two);
        for place in [one, two] {
            if let Some(entry) = self.entries.get_mut(&self.order[place]) {
                entry.order = place;
            }
        }
    }

    /// Empties a place of the new table.
    fn clear_new(&mut self, place: usize) {
        let Some(id) = self.new[place].take() else { return };
        let entry = self.entries.get_mut(&id).expect("the tables name known entries");
        entry.references -= 1;
        let address = entry.info.address;
        self.note(format!("Removed {address} from new[{}][{}]", place / BUCKET_SIZE, place % BUCKET_SIZE));
        if self.entries[&id].references == 0 {
            self.delete(id);
        }
    }

    /// Gives an entry a place in the new table, if the place is free or its holder is worth less.
    pub(super) fn place_new(&mut self, id: Id, source: &NetAddr, now: Time) -> bool {
        let entry = &self.entries[&id];
        let (address, references) = (entry.info.address, entry.references);
        let bucket = entry.new_bucket(&self.key, source);
        let position = entry.position(&self.key, true, bucket);
        let place = bucket * BUCKET_SIZE + position;
        let free = match self.new[place] {
            Some(holder) if holder == id => return false,
            Some(holder) => {
                let holder = &self.entries[&holder];
                holder.is_terrible(now) || (holder.references > 1 && references == 0)
            }
            None => true,
        };
        if !free {
            if references == 0 {
                self.delete(id);
            }
            return false;
        }
        self.clear_new(place);
        self.new[place] = Some(id);
        self.entries.get_mut(&id).expect("checked above").references += 1;
        self.note(format!("Added {address} to new[{bucket}][{position}]"));
        true
    }

    pub(super) fn mark_good(&mut self, address: &PeerAddress, test_before_evict: bool, now: Time) -> bool {
        self.last_good = now;
        let Some(id) = self.find(address) else { return false };
        let key = self.key;
        let entry = self.entries.get_mut(&id).expect("the index names known entries");
        entry.last_success = now;
        entry.last_try = now;
        entry.attempts = 0;
        if entry.in_tried || entry.references == 0 {
            return false;
        }
        let bucket = entry.tried_bucket(&key);
        let position = entry.position(&key, false, bucket);
        if let Some(holder) = self.tried[bucket * BUCKET_SIZE + position].filter(|_| test_before_evict) {
            if self.collisions.len() < MAX_COLLISIONS {
                self.collisions.insert(id);
            }
            self.note(format!(
                "Collision with {} while attempting to move {address} to tried table. Collisions={}",
                self.entries[&holder].info.address,
                self.collisions.len()
            ));
            return false;
        }
        self.make_tried(id, bucket, position);
        self.note(format!("Moved {address} to tried[{bucket}][{position}]"));
        true
    }

    /// Moves an entry from new to tried. Who was there goes back to new.
    fn make_tried(&mut self, id: Id, bucket: usize, position: usize) {
        for place in &mut self.new {
            if *place == Some(id) {
                *place = None;
            }
        }
        let entry = self.entries.get_mut(&id).expect("the caller names a known entry");
        entry.references = 0;
        entry.in_tried = true;
        let address = entry.info.address;
        *self.count(&address, false) -= 1;
        *self.count(&address, true) += 1;
        let place = bucket * BUCKET_SIZE + position;
        if let Some(old) = self.tried[place].replace(id) {
            let key = self.key;
            let entry = self.entries.get_mut(&old).expect("the tables name known entries");
            entry.in_tried = false;
            entry.references = 1;
            let (source, address) = (entry.source, entry.info.address);
            let new_bucket = entry.new_bucket(&key, &source);
            let new_position = entry.position(&key, true, new_bucket);
            *self.count(&address, true) -= 1;
            *self.count(&address, false) += 1;
            let new_place = new_bucket * BUCKET_SIZE + new_position;
            self.clear_new(new_place);
            self.new[new_place] = Some(old);
            self.note(format!(
                "Moved {address} from tried[{bucket}][{position}] to new[{new_bucket}][{new_position}] to make space"
            ));
        }
    }

    /// Decides about addresses that wait for a place in tried: who holds it stays if it still works.
    pub fn resolve_collisions(&mut self, now: Time) {
        for id in self.collisions.clone() {
            let Some(entry) = self.entries.get(&id).filter(|entry| !entry.in_tried) else {
                self.collisions.remove(&id);
                continue;
            };
            let (address, success) = (entry.info.address, entry.last_success);
            let bucket = entry.tried_bucket(&self.key);
            let place = bucket * BUCKET_SIZE + entry.position(&self.key, false, bucket);
            let Some(holder) = self.tried[place].map(|holder| &self.entries[&holder]) else {
                self.mark_good(&address, false, now);
                self.collisions.remove(&id);
                continue;
            };
            let held_by = holder.info.address;
            let (since_success, since_try) = (now.since(holder.last_success), now.since(holder.last_try));
            let window = REPLACEMENT.as_micros() as i64;
            let replace = if since_success < window {
                None
            } else if since_try < window {
                if since_try <= Duration::from_secs(60).as_micros() as i64 {
                    continue;
                }
                Some(format!("Replacing {held_by} with {address} in tried table"))
            } else if now.is_past(success, TEST_WINDOW) {
                Some(format!("Unable to test; replacing {held_by} with {address} in tried table anyway"))
            } else {
                continue;
            };
            if let Some(text) = replace {
                self.note(text);
                self.mark_good(&address, false, now);
            }
            self.collisions.remove(&id);
        }
    }
}
