//! Who is in a topic: an entry in a set of the DHT, signed by the member's DID, short-lived and renewed while they stay.

use crate::topic::{MAX_SEQUENCE, TopicId};
use crate::{CLOCK_SKEW, Signed, SignedError, Statement};
use pumasi_crypto::Provider;
use pumasi_crypto::hash::sha256;
use pumasi_identity::Did;
use pumasi_signaling::EntryFacts;
use pumasi_units::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// The longest entry, in bytes of compact JWS.
pub const MAX_ENTRY: usize = 2_048;
/// The longest life of an entry: 30 minutes.
pub const MAX_LIFE: Millis = 1_800_000;
/// An entry with less than this left is made anew: whoever asks meanwhile always finds one.
pub const RENEWAL: Millis = 600_000;
/// Most addresses in an entry.
pub const MAX_ADDRESSES: usize = 6;
/// The longest address, in bytes.
pub const MAX_ADDRESS: usize = 192;
/// The `typ` of an entry's JWS.
pub const MEMBER_TYP: &str = "pumasi/1/member";
const MAX_NODE: usize = 64;
const DAY: Millis = 24 * 3_600_000;

/// Why an entry is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MemberError {
    /// Its form, its size or its signature.
    #[error(transparent)]
    Signed(#[from] SignedError),
    /// It lies in another topic's set.
    #[error("membership: of the topic {0}, not of this one")]
    OtherTopic(TopicId),
    /// A node id or an address that is none, or too many.
    #[error("membership: {0}")]
    Field(&'static str),
    /// Its time is over.
    #[error("membership: expired at {0}")]
    Expired(Timestamp),
    /// It wants to live longer than [`MAX_LIFE`], or was made in the future.
    #[error("membership: made {made}, expires {expires}; it may live {MAX_LIFE} ms, from now")]
    Lifetime {
        /// When it says it was made: its sequence.
        made: Timestamp,
        /// When it wants to end.
        expires: Timestamp,
    },
}

/// Says that somebody is in a topic and at which node, or that they have left it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Membership {
    /// Where the node can be reached, as multiaddrs; those that work for others first.
    pub addresses: Vec<String>,
    /// When it is void.
    pub expires: Timestamp,
    /// Who is, and signs it.
    pub from: Did,
    /// Whether they have left. The entry stands where the one before it stood until both are over.
    pub left: bool,
    /// The node at which they are: the text of its peer id.
    pub node: String,
    /// When it was made, in milliseconds since the epoch. Of two entries of one DID the higher one stays.
    pub sequence: u64,
    /// In which topic.
    pub topic: TopicId,
}

impl Statement for Membership {
    const WHAT: &'static str = "membership";
    const TYP: &'static str = MEMBER_TYP;
    const MAX: usize = MAX_ENTRY;
    fn signer(&self) -> &Did {
        &self.from
    }
}

/// A membership whose signature holds.
pub type SignedMembership = Signed<Membership>;

impl Membership {
    /// An entry of mine that lives as long as one may. Addresses that are too long or too many are left out.
    #[must_use]
    pub fn new(from: Did, topic: TopicId, node: String, addresses: Vec<String>, now: Timestamp) -> Self {
        let addresses = addresses.into_iter().filter(|it| is_address(it)).take(MAX_ADDRESSES).collect();
        Self { addresses, expires: now + MAX_LIFE, from, left: false, node, sequence: now.0, topic }
    }

    /// The entry that takes this one back.
    #[must_use]
    pub fn leave(&self, now: Timestamp) -> Self {
        let sequence = now.0.max(self.sequence + 1);
        let expires = self.expires.max(Timestamp(sequence) + 1);
        Self { addresses: Vec::new(), left: true, sequence, expires, ..self.clone() }
    }

    /// Whether it is time for the next one.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.expires.since(now) < RENEWAL
    }

    /// Signs with the DID key of `from`.
    ///
    /// # Errors
    /// [`SignedError`].
    pub async fn sign<P: Provider>(&self, provider: &P, key: &P::Ed25519Key) -> Result<SignedMembership, SignedError> {
        Signed::sign(self, provider, key).await
    }
}

impl SignedMembership {
    /// Checks an entry that lies in the set of a topic.
    ///
    /// # Errors
    /// The [`MemberError`] that says what is wrong with it.
    pub fn verify(topic: &TopicId, bytes: &[u8], now: Timestamp) -> Result<Self, MemberError> {
        let signed = Self::check_bytes(bytes)?;
        let it = signed.value();
        if it.topic != *topic {
            return Err(MemberError::OtherTopic(it.topic));
        }
        if it.node.is_empty() || it.node.len() > MAX_NODE || !it.node.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(MemberError::Field("its node is no peer id of at most 64 characters"));
        }
        if it.addresses.len() > MAX_ADDRESSES || !it.addresses.iter().all(|address| is_address(address)) {
            return Err(MemberError::Field("more than 6 addresses, or one that is none or has more than 192 bytes"));
        }
        if it.expires <= now {
            return Err(MemberError::Expired(it.expires));
        }
        let (made, expires) = (Timestamp(it.sequence), it.expires);
        let in_time = made <= now + CLOCK_SKEW && made < expires && expires.since(made) <= MAX_LIFE;
        if !in_time || it.sequence > MAX_SEQUENCE {
            return Err(MemberError::Lifetime { made, expires });
        }
        Ok(signed)
    }
}

fn lot(it: &Membership) -> u64 {
    let day = it.expires.0 / DAY;
    let hash = sha256(&[b"pumasi/member/1\0", &it.topic.0, it.from.public(), &day.to_be_bytes()]);
    u64::from_be_bytes(hash.0[..8].try_into().unwrap_or_default())
}

fn is_address(text: &str) -> bool {
    text.starts_with('/') && text.len() <= MAX_ADDRESS && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What a node of the DHT asks of an entry in the set of the topic `id` before it keeps it.
///
/// One DID has one entry. Where there are more members than a node keeps, those stay whose DID hashes high with the topic
/// and the day: a sample that nobody is in for certain, and out of which nobody is pushed by whoever comes last. In the
/// set of one person ([`TopicId::of_person`]) that person comes first.
///
/// # Errors
/// The words of the [`MemberError`] that says what is wrong with it.
pub fn validate(id: &[u8; 32], bytes: &[u8], now: Timestamp) -> Result<EntryFacts, String> {
    let signed = SignedMembership::verify(&TopicId(*id), bytes, now).map_err(|error| error.to_string())?;
    let it = signed.value();
    let rank = if it.topic == TopicId::of_person(&it.from) { u64::MAX } else { lot(it) };
    Ok(EntryFacts { name: *it.from.public(), sequence: it.sequence, expires: it.expires, rank })
}
