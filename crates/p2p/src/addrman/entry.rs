//! What is known about one address, and where its place in the tables is.

use crate::{AddressEntry, NetAddr, Time};
use bitcoin::hashes::{Hash, sha256d};
use std::time::Duration;

pub(super) const TRIED_BUCKETS: usize = 256;
pub(super) const NEW_BUCKETS: usize = 1024;
pub(super) const BUCKET_SIZE: usize = 64;
/// Tried buckets over which the addresses of one network group are spread.
const TRIED_BUCKETS_PER_GROUP: u64 = 8;
/// New buckets over which the addresses that one network group tells us are spread.
const NEW_BUCKETS_PER_SOURCE_GROUP: u64 = 64;

/// An address that nobody has seen for so long is terrible.
const HORIZON: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Failures before a new address that never worked is given up.
const RETRIES: u32 = 3;
/// Successive failures before an address that once worked is given up, …
const MAX_FAILURES: u32 = 10;
/// … if it has not worked for so long.
const MIN_FAIL: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// An entry of the address book.
#[derive(Debug, Clone, PartialEq)]
pub struct BookEntry {
    /// The address with the services and the time that are said about it.
    pub info: AddressEntry,
    /// Who told us first.
    pub source: NetAddr,
    /// When a connection was last tried.
    pub last_try: Time,
    /// When one last succeeded.
    pub last_success: Time,
    /// Failures since.
    pub attempts: u32,
    /// Whether it is in the tried table.
    pub in_tried: bool,
    /// When a failure was last counted.
    pub(super) last_counted: Time,
    /// Places that it has in the new table.
    pub(super) references: u32,
    /// Its place in the list from which entries are drawn.
    pub(super) order: usize,
}

impl BookEntry {
    /// When the address was last seen alive by somebody.
    pub(super) fn seen(&self) -> Time {
        Time::from_secs(i64::from(self.info.time))
    }

    /// Whether it is not worth a place.
    pub(super) fn is_terrible(&self, now: Time) -> bool {
        if !now.is_past(self.last_try, Duration::from_secs(60)) {
            return false;
        }
        let from_the_future = self.seen() > now + Duration::from_secs(600);
        let forgotten = now.is_past(self.seen(), HORIZON);
        let never_worked = self.last_success.is_never() && self.attempts >= RETRIES;
        let dead = now.is_past(self.last_success, MIN_FAIL) && self.attempts >= MAX_FAILURES;
        from_the_future || forgotten || never_worked || dead
    }

    /// Relative probability of being chosen.
    pub(super) fn chance(&self, now: Time) -> f64 {
        let recent = if now.is_past(self.last_try, Duration::from_secs(600)) { 1.0 } else { 0.01 };
        recent * 0.66_f64.powi(self.attempts.min(8) as i32)
    }

    pub(super) fn tried_bucket(&self, key: &[u8; 32]) -> usize {
        let within_group = hash(key, &[&self.info.address.key()]) % TRIED_BUCKETS_PER_GROUP;
        let bucket = hash(key, &[&self.info.address.addr.group(), &within_group.to_le_bytes()]);
        bucket as usize % TRIED_BUCKETS
    }

    pub(super) fn new_bucket(&self, key: &[u8; 32], source: &NetAddr) -> usize {
        let source = source.group();
        let within_group = hash(key, &[&self.info.address.addr.group(), &source]) % NEW_BUCKETS_PER_SOURCE_GROUP;
        hash(key, &[&source, &within_group.to_le_bytes()]) as usize % NEW_BUCKETS
    }

    pub(super) fn position(&self, key: &[u8; 32], new: bool, bucket: usize) -> usize {
        let table: &[u8] = if new { b"N" } else { b"K" };
        let hash = hash(key, &[table, &(bucket as u64).to_le_bytes(), &self.info.address.key()]);
        hash as usize % BUCKET_SIZE
    }
}

/// A keyed hash: without the key nobody can aim at a bucket. Each part is preceded by its length.
fn hash(key: &[u8; 32], parts: &[&[u8]]) -> u64 {
    let mut input = key.to_vec();
    for part in parts {
        input.push(part.len() as u8);
        input.extend_from_slice(part);
    }
    let digest = sha256d::Hash::hash(&input).to_byte_array();
    u64::from_le_bytes(*digest.first_chunk().expect("a digest has 32 bytes"))
}
