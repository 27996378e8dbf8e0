//! What the DHT and the directories found, as one list: one entry of each DID, in an order that the reader decides.

use super::category::Query;
use super::entry::SignedListing;
use crate::entry::VerifiedEntry;
use crate::listing::Listing;
use crate::text::{Indexed, Plan};
use pumasi_crypto::hash::Digest;
use pumasi_identity::Did;
use pumasi_units::Timestamp;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Shops that one search keeps, at most.
pub const MAX_SHOPS: usize = 2_048;

/// Where an entry was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In the DHT, under this canonical category.
    Dht(String),
    /// In the directory at this address.
    Directory(String),
}

/// Who gave an entry of a shop, and how new it was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Where.
    pub place: Place,
    /// The sequence that it had there; lower than the shop's where the source is behind.
    pub sequence: u64,
}

/// One shop: the newest that any source has of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShopFound {
    /// Who.
    pub did: Did,
    /// What it says of itself.
    pub listing: Listing,
    /// Of the entry that counts.
    pub sequence: u64,
    /// Until when that stands.
    pub expires: Timestamp,
    /// Since when a directory lists it, by the words that the DID signed then: the oldest of them. Entries of the DHT are
    /// a week old at most.
    pub since: Option<Timestamp>,
    /// The greatest work of its entries in the DHT, in zero bits; 0 when none was there.
    pub work: u8,
    /// Who gave it, by place.
    pub sources: Vec<Source>,
    /// How well the query fits its words: 0 in a category, 1 in the name, 2 in the description; `None` where another
    /// language or a synonym fits.
    pub text: Option<u8>,
    /// The id of the entry that counts, which decides between two of one sequence: the order of answers does not matter.
    id: Digest,
}

/// The shops that fit, and how many of the category did not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Near {
    /// Those that fit, by DID.
    pub shops: Vec<ShopFound>,
    /// How many have none of the words that a shop must have besides.
    pub elsewhere: usize,
}

/// Puts answers together as they come.
#[derive(Debug, Clone)]
pub struct Merge {
    query: Plan,
    near: Plan,
    shops: BTreeMap<Did, ShopFound>,
}

impl Merge {
    /// For the answers to a query; `typed` is what the person wrote.
    #[must_use]
    pub fn new(query: &Query, typed: &str) -> Self {
        // What a person wrote is within the bounds, or there were no query.
        let typed = Plan::new(typed).unwrap_or_else(|_| query.near.clone());
        Self { query: typed, near: query.near.clone(), shops: BTreeMap::new() }
    }

    /// An entry from the DHT, checked.
    pub fn dht(&mut self, entry: &SignedListing) {
        let shop = entry.shop();
        let place = Place::Dht(shop.category.clone());
        let found = ShopFound {
            did: shop.did,
            listing: shop.listing.clone(),
            sequence: shop.sequence,
            expires: shop.expires,
            since: None,
            work: entry.work(),
            sources: vec![Source { place, sequence: shop.sequence }],
            text: None,
            id: entry.id(),
        };
        self.add(found);
    }

    /// An entry of a directory, checked. `since` is when the DID signed the words that the directory still lists.
    pub fn directory(&mut self, url: &str, entry: &VerifiedEntry, since: Timestamp) {
        let found = ShopFound {
            did: entry.did(),
            listing: entry.listing().clone(),
            sequence: entry.sequence(),
            expires: entry.expires(),
            since: Some(since),
            work: 0,
            sources: vec![Source { place: Place::Directory(url.to_owned()), sequence: entry.sequence() }],
            text: None,
            id: entry.id(),
        };
        self.add(found);
    }

    fn add(&mut self, found: ShopFound) {
        if self.shops.len() >= MAX_SHOPS && !self.shops.contains_key(&found.did) {
            return;
        }
        let Some(known) = self.shops.get_mut(&found.did) else {
            self.shops.insert(found.did, found);
            return;
        };
        let age = |shop: &ShopFound| (shop.sequence, shop.expires, shop.id);
        let (mut newer, older) = if age(&found) > age(known) { (found, known.clone()) } else { (known.clone(), found) };
        newer.work = newer.work.max(older.work);
        newer.since = [newer.since, older.since].into_iter().flatten().min();
        for source in older.sources {
            match newer.sources.iter_mut().find(|known| known.place == source.place) {
                Some(known) => known.sequence = known.sequence.max(source.sequence),
                None => newer.sources.push(source),
            }
        }
        newer.sources.sort_by(|a, b| a.place.cmp(&b.place));
        *known = newer;
    }

    /// What fits.
    #[must_use]
    pub fn finish(self) -> Near {
        let mut near = Near::default();
        for (_, mut shop) in self.shops {
            let indexed = Indexed::of(&shop.listing);
            if self.near.words.is_empty() || self.near.rank(&indexed).is_some() {
                shop.text = self.query.rank(&indexed);
                near.shops.push(shop);
            } else {
                near.elsewhere += 1;
            }
        }
        near
    }
}

/// What decides which shop is shown first; the least first. Nothing of it is for the shop to choose but its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// How the reader stands to it, 0 the best: the reader's own reasons.
    pub standing: u8,
    since: (bool, Option<Timestamp>),
    work: Reverse<u8>,
    text: u8,
    did: Did,
}

impl Rank {
    /// The rank of a shop; `since` is the oldest that the reader knows of its being listed.
    #[must_use]
    pub fn of(shop: &ShopFound, standing: u8, since: Option<Timestamp>) -> Self {
        let text = shop.text.unwrap_or(u8::MAX);
        Self { standing, since: (since.is_none(), since), work: Reverse(shop.work), text, did: shop.did }
    }
}
