//! Who has a content: the entries under `SetKey::provider` in the DHT.
//!
//! An entry names a node, not a person: it is signed with the node's own key, and no DID is in it. It lies under
//! [`ContentId::providers_key`](crate::ContentId::providers_key), from which the address of the content does not follow.

use pumasi_crypto::hash::sha256;
use pumasi_crypto::{b64, ed25519, jcs, json};
use pumasi_signaling::EntryFacts;
use pumasi_units::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// The longest entry, in bytes of JSON.
pub const MAX_ENTRY: usize = 2_048;
/// The longest life of an entry: four hours.
pub const MAX_LIFE: Millis = 4 * 60 * 60 * 1_000;
/// Most addresses in an entry.
pub const MAX_ADDRESSES: usize = 8;
/// The longest of these, in bytes.
pub const MAX_ADDRESS: usize = 256;
/// Zero bits that the stamp of an entry must give.
pub const MIN_WORK: u32 = 10;
/// Zero bits that we look for: it takes about 65,000 hashes.
pub const WORK: u32 = 16;
/// How far ahead of ours the clock of a provider may be: two minutes.
const CLOCK_SKEW: Millis = 120_000;
const VERSION: u8 = 1;
/// The largest whole number that every JSON reader keeps exact.
const MAX_NUMBER: u64 = (1 << 53) - 1;

/// Why an entry is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// Longer than [`MAX_ENTRY`].
    #[error("provider entry: {0} bytes; the limit is {MAX_ENTRY}")]
    TooLong(usize),
    /// Not the canonical JSON of an entry.
    #[error("provider entry: not the canonical JSON of an entry, version {VERSION}")]
    Malformed,
    /// Too many addresses, or one that is none.
    #[error("provider entry: addresses: 0 to {MAX_ADDRESSES} of 1 to {MAX_ADDRESS} bytes, beginning with /")]
    Addresses,
    /// Its time is over, it lives for too long, or it was made in the future.
    #[error("provider entry: made {made}, expires {expires}; it may live {MAX_LIFE} ms, from now")]
    Times {
        /// When it says it was made.
        made: Timestamp,
        /// When it ends.
        expires: Timestamp,
    },
    /// The stamp gives too few zero bits.
    #[error("provider entry: its stamp gives {0} zero bits; {MIN_WORK} are wanted")]
    Work(u32),
    /// Not signed by the node for this key.
    #[error("provider entry: the signature does not verify")]
    Signature,
}

/// A node that says that it has a content: canonical JSON (RFC 8785) of at most [`MAX_ENTRY`] bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderEntry {
    v: u8,
    node: String,
    addresses: Vec<String>,
    made: Timestamp,
    expires: Timestamp,
    stamp: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    signature: String,
}

impl ProviderEntry {
    /// Makes an entry for the DHT key `id`: finds a stamp, starting at `start` (any number), and has it signed with the
    /// node's Ed25519 key, whose public half is `node`.
    ///
    /// # Errors
    /// [`EntryError::Addresses`], [`EntryError::Times`].
    pub fn sign(
        id: &[u8; 32],
        node: &[u8; 32],
        addresses: Vec<String>,
        made: Timestamp,
        expires: Timestamp,
        start: u32,
        sign: impl FnOnce(&[u8]) -> [u8; 64],
    ) -> Result<Vec<u8>, EntryError> {
        let enough = |stamp: &u64| work(id, node, made, *stamp) >= WORK;
        let stamp = (u64::from(start)..MAX_NUMBER).find(enough).expect("one in 65,536 numbers will do");
        let mut entry =
            Self { v: VERSION, node: b64::encode(node), addresses, made, expires, stamp, signature: String::new() };
        entry.check(made)?;
        entry.signature = b64::encode(sign(&entry.signed_bytes(id)?));
        let bytes = entry.canonical()?;
        if bytes.len() > MAX_ENTRY { Err(EntryError::TooLong(bytes.len())) } else { Ok(bytes) }
    }

    /// Reads an entry that lies under this key, and checks everything.
    ///
    /// # Errors
    /// The first [`EntryError`] found, the cheap ones first.
    pub fn parse(id: &[u8; 32], bytes: &[u8], now: Timestamp) -> Result<Self, EntryError> {
        if bytes.len() > MAX_ENTRY {
            return Err(EntryError::TooLong(bytes.len()));
        }
        let entry: Self = json::from_slice("provider entry", bytes, MAX_ENTRY).map_err(|_| EntryError::Malformed)?;
        // Only one spelling: two nodes never hold different bytes of one entry.
        if entry.v != VERSION || entry.canonical()? != bytes {
            return Err(EntryError::Malformed);
        }
        entry.check(now)?;
        let node = fixed::<32>(&entry.node)?;
        let bits = work(id, &node, entry.made, entry.stamp);
        if bits < MIN_WORK {
            return Err(EntryError::Work(bits));
        }
        let signature = fixed::<64>(&entry.signature)?;
        ed25519::verify(&node, &entry.signed_bytes(id)?, &signature).map_err(|_| EntryError::Signature)?;
        Ok(entry)
    }

    /// The Ed25519 public key of the node.
    ///
    /// # Panics
    /// Never: it was read.
    #[must_use]
    pub fn node(&self) -> [u8; 32] {
        fixed(&self.node).expect("an entry is checked when it is made")
    }

    /// Where the node says that it is reached, as multiaddr. May be empty: then the overlay has to find it.
    #[must_use]
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    fn check(&self, now: Timestamp) -> Result<(), EntryError> {
        let good = |text: &String| {
            (1..=MAX_ADDRESS).contains(&text.len())
                && text.starts_with('/')
                && text.bytes().all(|b| b.is_ascii_graphic())
        };
        if self.addresses.len() > MAX_ADDRESSES || !self.addresses.iter().all(good) {
            return Err(EntryError::Addresses);
        }
        let (made, expires) = (self.made, self.expires);
        if expires <= now || made > now + CLOCK_SKEW || expires <= made || expires.since(made) > MAX_LIFE {
            return Err(EntryError::Times { made, expires });
        }
        Ok(())
    }

    /// What is signed: the key in the DHT is part of it, so that an entry holds nowhere else.
    fn signed_bytes(&self, id: &[u8; 32]) -> Result<Vec<u8>, EntryError> {
        let unsigned = Self { signature: String::new(), ..self.clone() }.canonical()?;
        Ok([b"pumasi/content/1/provider".as_slice(), id, &unsigned].concat())
    }

    fn canonical(&self) -> Result<Vec<u8>, EntryError> {
        jcs::to_vec(self).map_err(|_| EntryError::Malformed)
    }
}

/// Zero bits at the beginning of the hash over key, node, time and stamp. A place in a full list is kept by who did more
/// work, so to crowd others out costs more than to be there.
fn work(id: &[u8; 32], node: &[u8; 32], made: Timestamp, stamp: u64) -> u32 {
    let hash = sha256(&[b"pumasi/content/1/stamp", id, node, &made.0.to_be_bytes(), &stamp.to_be_bytes()]);
    let (first, _) = hash.0.split_first_chunk().expect("32 bytes have a first eight");
    u64::from_be_bytes(*first).leading_zeros()
}

fn fixed<const N: usize>(text: &str) -> Result<[u8; N], EntryError> {
    b64::decode("field", text).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(EntryError::Malformed)
}

/// What a DHT node asks of an entry before it keeps it, and a reader again. Says nothing of whether the node has the
/// content: that shows when it is asked.
///
/// One entry of a node stays, the one made last; where there are too many, those with the most work.
///
/// # Errors
/// The first [`EntryError`] found, the cheap ones first, in words.
pub fn validate(id: &[u8; 32], bytes: &[u8], now: Timestamp) -> Result<EntryFacts, String> {
    let entry = ProviderEntry::parse(id, bytes, now).map_err(|error| error.to_string())?;
    let node = entry.node();
    let rank = u64::from(work(id, &node, entry.made, entry.stamp));
    Ok(EntryFacts { name: node, sequence: entry.made.0, expires: entry.expires, rank })
}
