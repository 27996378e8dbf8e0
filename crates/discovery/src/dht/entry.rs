//! One shop under one category: signed by its DID, stamped for this very place and time.

use super::category::{canonical, place, shard};
use crate::bounds::{CLOCK_SKEW, MAX_DIFFICULTY, MAX_SEQUENCE, MIN_LIFE};
use crate::listing::{FieldError, Listing};
use pumasi_crypto::hash::{Digest, sha256};
use pumasi_crypto::jose::Jws;
use pumasi_crypto::{CryptoError, Provider, stamp};
use pumasi_identity::Did;
use pumasi_units::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// The `typ` of an entry's JWS.
pub const LISTED_TYP: &str = "pumasi/1/listed";
/// The longest entry, in bytes.
pub const MAX_ENTRY: usize = 2_048;
/// The longest life of an entry, in milliseconds: 7 days.
pub const MAX_LIFE: Millis = 7 * 24 * 60 * 60 * 1_000;
/// The zero bits that a stamp must give at least: 10 to 30 ms natively. More of them keep a shop in a place that is full.
pub const MIN_WORK: u8 = 16;

/// Why an entry is not kept and not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// Longer than [`MAX_ENTRY`].
    #[error("listing: {len} bytes, the limit is {MAX_ENTRY}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// Not an entry.
    #[error("listing: not a JWS of a listed shop ({0})")]
    Malformed(&'static str),
    /// Not signed by the DID that it is about.
    #[error("listing: not signed by the key of its DID")]
    Signature,
    /// A field is out of its bounds.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// It does not live between one minute and seven days.
    #[error("expires: it lives from {created} to {expires}; from {MIN_LIFE} ms to {MAX_LIFE} ms are allowed")]
    Lifetime {
        /// When it says it was made.
        created: Timestamp,
        /// When it wants to end.
        expires: Timestamp,
    },
    /// Made in the future.
    #[error("created: {created} is after now ({now}); {CLOCK_SKEW} ms are allowed")]
    Future {
        /// When it says it was made.
        created: Timestamp,
        /// The reader's clock.
        now: Timestamp,
    },
    /// Its time is over.
    #[error("expires: it ended at {expires}")]
    Expired {
        /// When it ended.
        expires: Timestamp,
    },
    /// Too little work.
    #[error("stamp: {found} zero bits, {MIN_WORK} are wanted")]
    Stamp {
        /// The bits that it has.
        found: u8,
    },
    /// Kept where it does not belong: of another category or another shard.
    #[error("listing: it belongs under another key")]
    OtherPlace,
    /// The platform's cryptography failed.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

impl EntryError {
    /// Whether a node that keeps the rules can have given it: its clock runs a little behind or ahead of ours.
    #[must_use]
    pub fn is_of_time(&self) -> bool {
        matches!(self, Self::Future { .. } | Self::Expired { .. })
    }
}

/// What a shop says under one category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shop {
    /// Whose it is, and who signs.
    pub did: Did,
    /// The canonical category that it is kept under.
    pub category: String,
    /// Higher than that of every entry before. Milliseconds since the epoch will do.
    pub sequence: u64,
    /// When it was made.
    pub created: Timestamp,
    /// Until when it stands.
    pub expires: Timestamp,
    /// What the shop says of itself. It names no bootstrap nodes: who reads it is in the network already.
    pub listing: Listing,
}

/// The payload, flat. `stamp` is the last member of the canonical form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    did: Did,
    category: String,
    sequence: u64,
    created: Timestamp,
    expires: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    description: String,
    categories: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service_endpoint: Option<String>,
    stamp: String,
}

impl Shop {
    fn check(&self) -> Result<(), EntryError> {
        self.listing.check_words()?;
        self.listing.check_endpoint()?;
        if !(1..=MAX_SEQUENCE).contains(&self.sequence) {
            return Err(FieldError::new("sequence", format!("{}; from 1 to {MAX_SEQUENCE}", self.sequence)).into());
        }
        if !self.listing.categories.iter().any(|category| canonical(category) == self.category) {
            return Err(FieldError::new("category", "not one of the categories").into());
        }
        let (created, expires) = (self.created, self.expires);
        if !(MIN_LIFE..=MAX_LIFE).contains(&expires.since(created)) || expires.0 > MAX_SEQUENCE {
            return Err(EntryError::Lifetime { created, expires });
        }
        Ok(())
    }

    /// Where it is kept.
    #[must_use]
    pub fn place(&self) -> [u8; 32] {
        place(&self.category, shard(&self.did))
    }

    /// Signs with the DID's key, after finding a stamp of so many bits.
    ///
    /// # Errors
    /// What a node would refuse it for, [`EntryError::Signature`] when the key is not the DID's, and what the provider
    /// says.
    pub async fn sign<P: Provider>(
        self,
        provider: &P,
        key: &P::Ed25519Key,
        work: u8,
    ) -> Result<SignedListing, EntryError> {
        self.check()?;
        let kid = self.did.key_id();
        let payload = Payload {
            did: self.did,
            category: self.category,
            sequence: self.sequence,
            created: self.created,
            expires: self.expires,
            name: self.listing.name,
            description: self.listing.description,
            categories: self.listing.categories,
            service_endpoint: self.listing.service_endpoint,
            stamp: String::new(),
        };
        let too_hard =
            || FieldError::new("stamp", format!("{work} zero bits, more than {MAX_DIFFICULTY} are not made"));
        let work = Some(work).filter(|work| *work <= MAX_DIFFICULTY).ok_or_else(too_hard)?;
        let jws = stamp::sign(provider, key, &kid, LISTED_TYP, &payload, work).await?.ok_or_else(too_hard)?;
        SignedListing::read(jws.as_str().as_bytes())
    }
}

/// An entry whose signature holds and whose fields are in their bounds. It can only be made by signing or checking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedListing {
    shop: Shop,
    id: Digest,
    jws: String,
}

impl SignedListing {
    /// Checks what is kept under an id: form, signature, bounds, time, work, and that it belongs there.
    ///
    /// # Errors
    /// The [`EntryError`] that says what is wrong with it.
    pub fn verify(id: &[u8; 32], bytes: &[u8], now: Timestamp) -> Result<Self, EntryError> {
        let signed = Self::kept(id, bytes)?;
        let Shop { created, expires, .. } = signed.shop;
        if created.since(now) > CLOCK_SKEW {
            return Err(EntryError::Future { created, now });
        }
        if expires <= now {
            return Err(EntryError::Expired { expires });
        }
        Ok(signed)
    }

    /// As [`verify`](Self::verify), whatever the time.
    pub(super) fn kept(id: &[u8; 32], bytes: &[u8]) -> Result<Self, EntryError> {
        let signed = Self::read(bytes)?;
        if signed.shop.place() == *id { Ok(signed) } else { Err(EntryError::OtherPlace) }
    }

    /// Everything that does not depend on the place and the time.
    fn read(bytes: &[u8]) -> Result<Self, EntryError> {
        if bytes.len() > MAX_ENTRY {
            return Err(EntryError::TooLong { len: bytes.len() });
        }
        let compact = std::str::from_utf8(bytes).map_err(|_| EntryError::Malformed("not text"))?;
        let jws = Jws::parse(compact, MAX_ENTRY).map_err(|_| EntryError::Malformed("not a compact JWS"))?;
        if jws.typ() != LISTED_TYP {
            return Err(EntryError::Malformed("its typ is not pumasi/1/listed"));
        }
        // The stamp first: it is a hash, where a signature costs a hundred times as much.
        let found = stamp::zero_bits(&jws.id());
        if found < MIN_WORK {
            return Err(EntryError::Stamp { found });
        }
        let malformed = |_| EntryError::Malformed("its payload has other fields");
        let did = jws.peek::<Payload>().map_err(malformed)?.did;
        if jws.kid() != did.key_id() {
            return Err(EntryError::Signature);
        }
        let verified = jws.verify_eddsa(did.public()).map_err(|_| EntryError::Signature)?;
        let payload: Payload = verified.payload().map_err(malformed)?;
        if !stamp::is_well_formed(&payload.stamp) {
            return Err(FieldError::new("stamp", "not at most 16 of 0-9, A-Z, a-z, - and _").into());
        }
        let shop = Shop {
            did,
            category: payload.category,
            sequence: payload.sequence,
            created: payload.created,
            expires: payload.expires,
            listing: Listing {
                name: payload.name,
                description: payload.description,
                categories: payload.categories,
                bootstrap_nodes: Vec::new(),
                service_endpoint: payload.service_endpoint,
            },
        };
        shop.check()?;
        let jws = verified.into_jws();
        Ok(Self { shop, id: jws.id(), jws: jws.as_str().to_owned() })
    }

    /// What it says.
    #[must_use]
    pub fn shop(&self) -> &Shop {
        &self.shop
    }

    /// SHA-256 of its signing input.
    #[must_use]
    pub fn id(&self) -> Digest {
        self.id
    }

    /// The zero bits that its stamp gives.
    #[must_use]
    pub fn work(&self) -> u8 {
        stamp::zero_bits(&self.id)
    }

    /// The compact JWS: the entry as it is kept.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.jws
    }

    /// Which entry it is under its key: one of each DID, the later in place of the earlier.
    #[must_use]
    pub fn name(&self) -> [u8; 32] {
        sha256(&[b"pumasi/listed/name/1", self.shop.did.public()]).0
    }
}

/// Signs one entry for each category of a listing, each with `work` zero bits; synonyms share one. What the listing says of
/// bootstrap nodes is left out.
///
/// # Errors
/// As [`Shop::sign`].
pub async fn sign_all<P: Provider>(
    provider: &P,
    key: &P::Ed25519Key,
    did: Did,
    listing: &Listing,
    now: Timestamp,
    life: Millis,
    work: u8,
) -> Result<Vec<SignedListing>, EntryError> {
    let listing = Listing { bootstrap_nodes: Vec::new(), ..listing.clone() };
    let mut categories: Vec<String> = listing.categories.iter().map(|category| canonical(category)).collect();
    categories.sort_unstable();
    categories.dedup();
    let mut entries = Vec::with_capacity(categories.len());
    for category in categories {
        let listing = listing.clone();
        let shop = Shop { did, category, sequence: now.0, created: now, expires: now + life, listing };
        entries.push(shop.sign(provider, key, work).await?);
    }
    Ok(entries)
}
