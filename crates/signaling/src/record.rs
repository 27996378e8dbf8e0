use crate::slot::{CLOCK_SKEW, SEAL_OVERHEAD, Slot, record_key};
use pumasi_crypto::{b64, ed25519, jcs, json};
use pumasi_units::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The longest mailbox record, in bytes of JSON.
pub const MAX_RECORD: usize = 4_096;
/// The longest life of a record: 15 minutes.
pub const MAX_LIFETIME: Millis = 900_000;
/// The longest content that [`MailboxRecord::seal`] takes, in bytes.
pub const MAX_CONTENT: usize = (MAX_RECORD - ENVELOPE) / 4 * 3 - SEAL_OVERHEAD;
/// What a record is longer than its body: names, braces, two numbers of 16 digits, the key and the signature.
const ENVELOPE: usize = 256;
const VERSION: u8 = 1;

/// Why a mailbox record is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Longer than [`MAX_RECORD`].
    #[error("mailbox record: {len} bytes, the limit is {MAX_RECORD}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// What is to be sealed is longer than [`MAX_CONTENT`].
    #[error("content of a mailbox record: {len} bytes, the limit is {MAX_CONTENT}")]
    ContentTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// Not the canonical JSON of a record.
    #[error("mailbox record: not the canonical JSON of a record, version {VERSION}")]
    Malformed,
    /// It lies under a key that is not its own.
    #[error("mailbox record: its key belongs elsewhere")]
    WrongKey,
    /// Not signed by the slot's key.
    #[error("mailbox record: the signature does not verify")]
    Signature,
    /// Its time is over.
    #[error("mailbox record: expired at {expires}")]
    Expired {
        /// When it ended.
        expires: Timestamp,
    },
    /// It wants to live longer than [`MAX_LIFETIME`], or was made in the future.
    #[error("mailbox record: made {made}, expires {expires}; it may live {MAX_LIFETIME} ms, from now")]
    Lifetime {
        /// When it says it was made: its sequence.
        made: Timestamp,
        /// When it wants to end.
        expires: Timestamp,
    },
    /// The content does not open in this slot.
    #[error("mailbox record: does not open in this slot")]
    Sealed,
}

/// What a DHT node keeps beside a record that it has found good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Valid {
    /// The time at which it was made, in milliseconds since the epoch. Of two records the higher one stays.
    pub sequence: u64,
    /// When to forget it.
    pub expires: Timestamp,
}

/// One sealed, signed, short-lived record of a mailbox slot, as it lies in the DHT: canonical JSON (RFC 8785) of at
/// most [`MAX_RECORD`] bytes.
///
/// The sequence is the time of making, so that whoever writes next, even after a restart, is higher, and nobody can
/// block a slot with a number from far ahead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailboxRecord {
    v: u8,
    key: String,
    sequence: u64,
    expires: Timestamp,
    body: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    signature: String,
}

impl MailboxRecord {
    /// Seals and signs `content` for a slot. `salt` must be fresh and random; `made` becomes the sequence.
    ///
    /// # Errors
    /// [`RecordError::ContentTooLong`]; [`RecordError::Lifetime`] when `expires` is not within [`MAX_LIFETIME`] of `made`.
    pub fn seal(
        slot: &Slot,
        made: Timestamp,
        expires: Timestamp,
        salt: &[u8; 32],
        content: &[u8],
    ) -> Result<Vec<u8>, RecordError> {
        if content.len() > MAX_CONTENT {
            return Err(RecordError::ContentTooLong { len: content.len() });
        }
        if expires <= made || expires.since(made) > MAX_LIFETIME {
            return Err(RecordError::Lifetime { made, expires });
        }
        let body = slot.seal(salt, &bound(&slot.record_key(), made.0, expires), content);
        let mut record = Self {
            v: VERSION,
            key: b64::encode(slot.public()),
            sequence: made.0,
            expires,
            body: b64::encode(body),
            signature: String::new(),
        };
        record.signature = b64::encode(slot.sign(&record.canonical()?));
        record.canonical()
    }

    /// What a DHT node asks of a record before it stores it, and a reader again after reading. Says nothing of who
    /// wrote it for whom, and needs no secret.
    ///
    /// # Errors
    /// The first [`RecordError`] found, the cheap ones first.
    pub fn validate(key: &[u8; 32], bytes: &[u8], now: Timestamp) -> Result<Valid, RecordError> {
        Self::parse(key, bytes, now).map(|record| Valid { sequence: record.sequence, expires: record.expires })
    }

    /// Validates what was read from a slot, and opens it.
    ///
    /// # Errors
    /// As [`validate`](Self::validate), and [`RecordError::Sealed`].
    pub fn open(slot: &Slot, bytes: &[u8], now: Timestamp) -> Result<Zeroizing<Vec<u8>>, RecordError> {
        let key = slot.record_key();
        let record = Self::parse(&key, bytes, now)?;
        let body = b64::decode("body", &record.body).map_err(|_| RecordError::Malformed)?;
        slot.open(&bound(&key, record.sequence, record.expires), &body)
    }

    fn parse(key: &[u8; 32], bytes: &[u8], now: Timestamp) -> Result<Self, RecordError> {
        if bytes.len() > MAX_RECORD {
            return Err(RecordError::TooLong { len: bytes.len() });
        }
        let record: Self = json::from_slice("mailbox record", bytes, MAX_RECORD).map_err(|_| RecordError::Malformed)?;
        // Only one spelling: two nodes never hold different bytes of one record.
        if record.v != VERSION || record.canonical()? != bytes {
            return Err(RecordError::Malformed);
        }
        record.check_times(now)?;
        let public = fixed::<32>(&record.key)?;
        if record_key(&public) != *key {
            return Err(RecordError::WrongKey);
        }
        let signature = fixed::<64>(&record.signature)?;
        b64::decode("body", &record.body).map_err(|_| RecordError::Malformed)?;
        let signed = Self { signature: String::new(), ..record.clone() }.canonical()?;
        ed25519::verify(&public, &signed, &signature).map_err(|_| RecordError::Signature)?;
        Ok(record)
    }

    fn check_times(&self, now: Timestamp) -> Result<(), RecordError> {
        let (made, expires) = (Timestamp(self.sequence), self.expires);
        if expires <= now {
            return Err(RecordError::Expired { expires });
        }
        if made > now + CLOCK_SKEW || expires <= made || expires.since(made) > MAX_LIFETIME {
            return Err(RecordError::Lifetime { made, expires });
        }
        Ok(())
    }

    fn canonical(&self) -> Result<Vec<u8>, RecordError> {
        jcs::to_vec(self).map_err(|_| RecordError::Malformed)
    }
}

/// What the sealed body belongs to: a body copied into another record does not open.
fn bound(key: &[u8; 32], sequence: u64, expires: Timestamp) -> Vec<u8> {
    [key.as_slice(), &sequence.to_be_bytes(), &expires.0.to_be_bytes()].concat()
}

fn fixed<const N: usize>(text: &str) -> Result<[u8; N], RecordError> {
    b64::decode("field", text).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(RecordError::Malformed)
}
