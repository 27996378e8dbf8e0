//! Shops in the DHT: found under a category without anybody who runs an index (spec: `docs/spec/find.md`).
//!
//! A shop signs one entry for each of its categories and puts it into a set of the overlay, under a key that is hashed
//! from the category and a shard of its DID. Whoever looks for the category asks every shard. The nodes that keep the
//! entries check them ([`validate`]), and so does whoever reads them ([`SignedListing::verify`]).
//!
//! Sans-I/O, and without the features of the crate.

mod category;
mod entry;
mod search;

use pumasi_signaling::EntryFacts;
use pumasi_units::Timestamp;

pub use category::{MAX_ASKED, Query, SHARDS, canonical, place, shard, synonyms};
pub use entry::{EntryError, LISTED_TYP, MAX_ENTRY, MAX_LIFE, MIN_WORK, Shop, SignedListing, sign_all};
pub use search::{MAX_SHOPS, Merge, Near, Place, Rank, ShopFound, Source};

/// Whether the bytes are an entry that belongs under `id`: what a node checks before it keeps them, and what it does with
/// them. That it has not ended, and does not live for too long from now, is checked by the node for every kind alike.
///
/// # Errors
/// What is wrong with it.
pub fn validate(id: &[u8; 32], bytes: &[u8], _now: Timestamp) -> Result<EntryFacts, String> {
    let signed = SignedListing::kept(id, bytes).map_err(|error| error.to_string())?;
    let (name, rank) = (signed.name(), u64::from(signed.work()));
    Ok(EntryFacts { name, sequence: signed.shop().sequence, expires: signed.shop().expires, rank })
}
