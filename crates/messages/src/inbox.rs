//! What waits in the DHT for somebody who is not there (spec: `docs/spec/messages.md` §5).
//!
//! Each pair has, for each direction and each day, one slot that nobody else can find. In it are 31 places for messages, and
//! one for the word of how far the other direction was read.

use crate::CLOCK_SKEW;
use crate::topic::MAX_SEQUENCE;
use pumasi_crypto::{b64, ed25519, hash, jcs, json, sealed};
use pumasi_identity::Did;
use pumasi_signaling::{EntryFacts, SEAL_OVERHEAD, Slot};
use pumasi_units::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The longest entry, in bytes of JSON.
pub const MAX_ENTRY: usize = 4_096;
/// The longest life of an entry: seven days.
pub const MAX_LIFE: Millis = 7 * DAY;
/// Places for messages in a slot.
pub const PLACES: u8 = 31;
/// The place of the acknowledgement, after those of the messages.
pub const ACK_PLACE: u8 = PLACES;
/// The longest content that [`seal`] takes, in bytes: what is in it is boxed and padded already.
pub const MAX_CONTENT: usize = (MAX_ENTRY - ENVELOPE) / 4 * 3 - SEAL_OVERHEAD;
/// The longest text in a [`boxed`](crate::direct) content, before the box.
pub(crate) const MAX_BOXED: usize = MAX_CONTENT - sealed::OVERHEAD;

/// What an entry is longer than its body: names, braces, numbers, the key and the signature.
const ENVELOPE: usize = 240;
const VERSION: u8 = 1;
const DAY: Millis = 24 * 3_600_000;

/// Why an entry is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InboxError {
    /// Longer than [`MAX_ENTRY`].
    #[error("inbox entry: {len} bytes, the limit is {MAX_ENTRY}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// What is to be sealed is longer than [`MAX_CONTENT`].
    #[error("content of an inbox entry: {len} bytes, the limit is {MAX_CONTENT}")]
    ContentTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// Not the canonical JSON of an entry.
    #[error("inbox entry: not the canonical JSON of an entry, version {VERSION}")]
    Malformed,
    /// It lies in a set that is not its own.
    #[error("inbox entry: its key belongs elsewhere")]
    WrongKey,
    /// A place that a slot does not have.
    #[error("inbox entry: place {place}; a slot has 0 to {ACK_PLACE}")]
    Place {
        /// The place.
        place: u8,
    },
    /// Not signed by the slot's key.
    #[error("inbox entry: the signature does not verify")]
    Signature,
    /// Its time is over.
    #[error("inbox entry: expired at {0}")]
    Expired(Timestamp),
    /// It wants to live longer than [`MAX_LIFE`], or was made in the future.
    #[error("inbox entry: made {made}, expires {expires}; it may live {MAX_LIFE} ms, from now")]
    Lifetime {
        /// When it says it was made: its sequence.
        made: Timestamp,
        /// When it wants to end.
        expires: Timestamp,
    },
    /// The content does not open in this slot.
    #[error("inbox entry: does not open in this slot")]
    Sealed,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    body: String,
    expires: Timestamp,
    key: String,
    place: u8,
    sequence: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    signature: String,
    v: u8,
}

/// The slots in which one writes to the other.
pub struct InboxSlots {
    secret: Zeroizing<[u8; 32]>,
    me: Did,
    them: Did,
}

/// Which day it is, counted from the Unix epoch.
#[must_use]
pub fn day(now: Timestamp) -> u64 {
    now.0 / DAY
}

impl InboxSlots {
    /// The slots of two people whose X25519 keys agree on `shared`. Both sides get the same ones, mirrored.
    #[must_use]
    pub fn new(shared: &[u8; 32], me: Did, them: Did) -> Self {
        Self { secret: Zeroizing::new(*shared), me, them }
    }

    /// Where I write on this day.
    #[must_use]
    pub fn outgoing(&self, day: u64) -> Slot {
        self.slot(&self.me, &self.them, day)
    }

    /// Where the other writes on this day.
    #[must_use]
    pub fn incoming(&self, day: u64) -> Slot {
        self.slot(&self.them, &self.me, day)
    }

    fn slot(&self, from: &Did, to: &Did, day: u64) -> Slot {
        let label = [b"inbox".as_slice(), from.public(), to.public(), &day.to_be_bytes()].concat();
        Slot::derive(&self.secret, &label)
    }
}

/// The days in which something can lie that is still alive, the oldest first.
#[must_use]
pub fn days_alive(now: Timestamp) -> std::ops::RangeInclusive<u64> {
    day(now - (MAX_LIFE + CLOCK_SKEW))..=day(now + CLOCK_SKEW)
}

/// The days in which something new can turn up: today, and a neighbour near midnight.
#[must_use]
pub fn days_open(now: Timestamp) -> std::ops::RangeInclusive<u64> {
    // An entry is on its way for a while, and clocks differ.
    day(now - 3 * CLOCK_SKEW)..=day(now + CLOCK_SKEW)
}

/// Seals and signs an entry for a place of a slot. `salt` must be fresh and random; `made` becomes the sequence.
///
/// # Errors
/// [`InboxError::ContentTooLong`], [`InboxError::Place`]; [`InboxError::Lifetime`] when `expires` is not within
/// [`MAX_LIFE`] of `made`.
pub fn seal(
    slot: &Slot,
    place: u8,
    made: Timestamp,
    expires: Timestamp,
    salt: &[u8; 32],
    content: &[u8],
) -> Result<Vec<u8>, InboxError> {
    if content.len() > MAX_CONTENT {
        return Err(InboxError::ContentTooLong { len: content.len() });
    }
    if place > ACK_PLACE {
        return Err(InboxError::Place { place });
    }
    if expires <= made || expires.since(made) > MAX_LIFE {
        return Err(InboxError::Lifetime { made, expires });
    }
    let body = slot.seal(salt, &bound(&slot.record_key(), place, made.0, expires), content);
    let mut entry = Entry {
        body: b64::encode(body),
        expires,
        key: b64::encode(slot.public()),
        place,
        sequence: made.0,
        signature: String::new(),
        v: VERSION,
    };
    entry.signature = b64::encode(slot.sign(&canonical(&entry)?));
    canonical(&entry)
}

/// Checks what was read from a slot, and opens it: its place, and its content.
///
/// # Errors
/// As [`validate`], and [`InboxError::Sealed`].
pub fn open(slot: &Slot, bytes: &[u8], now: Timestamp) -> Result<(u8, Zeroizing<Vec<u8>>), InboxError> {
    let id = slot.record_key();
    let entry = parse(&id, bytes, now)?;
    let body = b64::decode("body", &entry.body).map_err(|_| InboxError::Malformed)?;
    let opened = slot.open(&bound(&id, entry.place, entry.sequence, entry.expires), &body);
    Ok((entry.place, opened.map_err(|_| InboxError::Sealed)?))
}

/// What a node of the DHT asks of an entry in the set of the slot `id` before it keeps it. Says nothing of who wrote it for
/// whom, and needs no secret. A slot has 32 places, and so at most 32 entries.
///
/// # Errors
/// The words of the first [`InboxError`] found, the cheap ones first.
pub fn validate(id: &[u8; 32], bytes: &[u8], now: Timestamp) -> Result<EntryFacts, String> {
    let entry = parse(id, bytes, now).map_err(|error| error.to_string())?;
    let mut name = [0; 32];
    name[0] = entry.place;
    Ok(EntryFacts { name, sequence: entry.sequence, expires: entry.expires, rank: 0 })
}

fn parse(id: &[u8; 32], bytes: &[u8], now: Timestamp) -> Result<Entry, InboxError> {
    if bytes.len() > MAX_ENTRY {
        return Err(InboxError::TooLong { len: bytes.len() });
    }
    let entry: Entry = json::from_slice("inbox entry", bytes, MAX_ENTRY).map_err(|_| InboxError::Malformed)?;
    // Only one spelling: two nodes never hold different bytes of one entry.
    if entry.v != VERSION || canonical(&entry)? != bytes {
        return Err(InboxError::Malformed);
    }
    if entry.place > ACK_PLACE {
        return Err(InboxError::Place { place: entry.place });
    }
    let (made, expires) = (Timestamp(entry.sequence), entry.expires);
    if expires <= now {
        return Err(InboxError::Expired(expires));
    }
    let in_time = made <= now + CLOCK_SKEW && made < expires && expires.since(made) <= MAX_LIFE;
    if !in_time || entry.sequence > MAX_SEQUENCE {
        return Err(InboxError::Lifetime { made, expires });
    }
    let public = fixed::<32>(&entry.key)?;
    if hash::sha256(&[&public]).0 != *id {
        return Err(InboxError::WrongKey);
    }
    let signature = fixed::<64>(&entry.signature)?;
    b64::decode("body", &entry.body).map_err(|_| InboxError::Malformed)?;
    let signed = canonical(&Entry { signature: String::new(), ..entry.clone() })?;
    ed25519::verify(&public, &signed, &signature).map_err(|_| InboxError::Signature)?;
    Ok(entry)
}

fn canonical(entry: &Entry) -> Result<Vec<u8>, InboxError> {
    jcs::to_vec(entry).map_err(|_| InboxError::Malformed)
}

/// What the sealed body belongs to: a body copied into another entry does not open.
fn bound(id: &[u8; 32], place: u8, sequence: u64, expires: Timestamp) -> Vec<u8> {
    [id.as_slice(), &[place], &sequence.to_be_bytes(), &expires.0.to_be_bytes()].concat()
}

fn fixed<const N: usize>(text: &str) -> Result<[u8; N], InboxError> {
    b64::decode("field", text).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(InboxError::Malformed)
}
