//! What one DID says of another, and the sets of the DHT in which it is found (spec: `docs/spec/trust.md` §1, §2).

use crate::lie::{self, Lie, LieError};
use pumasi_crypto::hash::{Digest, sha256};
use pumasi_crypto::jose::Jws;
use pumasi_crypto::{CryptoError, Provider, stamp};
use pumasi_identity::{Did, MAX_SEQUENCE};
use pumasi_signaling::EntryFacts;
use pumasi_units::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// The `typ` of a vouch's JWS.
pub const VOUCH_TYP: &str = "pumasi/1/vouch";
/// The longest vouch, in bytes.
pub const MAX_VOUCH: usize = 2_048;
/// The longest entry of the DHT about a person, in bytes: a vouch, or a proof of a lie. A request that carries one ends
/// at 8 KiB (`docs/spec/overlay.md` §7).
pub const MAX_ENTRY: usize = 7_936;
/// The longest life of a vouch and of a kept proof, in milliseconds: 90 days.
pub const MAX_LIFE: Millis = 90 * 24 * 60 * 60 * 1_000;
/// The shortest life of a vouch, in milliseconds: one minute.
pub const MIN_LIFE: Millis = 60 * 1_000;
/// The longest note, in characters.
pub const MAX_NOTE: usize = 140;
/// How far another clock may be ahead of ours, in milliseconds: five minutes.
pub const CLOCK_SKEW: Millis = 5 * 60 * 1_000;
/// The zero bits that a vouch's stamp must give at least.
pub const MIN_WORK: u8 = 16;
/// The hardest stamp that is made, in bits.
const MAX_WORK: u8 = 24;

/// What can be said of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Claim {
    /// I know them in person, and this is their DID.
    Person,
    /// They paid me as agreed.
    PaidWell,
    /// This is the shop that it says it is.
    Shop,
}

/// What one DID says of another. Without a claim it takes back what was said before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouch {
    /// Who says it, and signs.
    pub from: Did,
    /// Of whom.
    pub about: Did,
    /// What, in order and none twice. Empty: all is taken back.
    pub claims: Vec<Claim>,
    /// In their own words; anyone can read it.
    pub note: Option<String>,
    /// Higher than that of what they said of the same DID before. Milliseconds since the epoch will do.
    pub sequence: u64,
    /// When it was said.
    pub created: Timestamp,
    /// Until when it stands. Of a revocation: at least as long as what it revokes.
    pub expires: Timestamp,
}

/// Why a vouch is not kept and does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VouchError {
    /// Too long.
    #[error("vouch: {len} bytes, the limit is {limit}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// Not a vouch.
    #[error("vouch: not a JWS of a vouch ({0})")]
    Malformed(&'static str),
    /// Not signed by the DID that says it.
    #[error("vouch: not signed by the key of the DID that vouches")]
    Signature,
    /// A field is out of its bounds.
    #[error("{field}: {problem}")]
    Field {
        /// The field, by its name on the wire.
        field: &'static str,
        /// What is wrong with it, with the limit.
        problem: String,
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
    /// Kept under somebody else.
    #[error("vouch: it is about somebody else")]
    OtherPlace,
    /// A proof of a lie that proves none.
    #[error(transparent)]
    Lie(#[from] LieError),
    /// The platform's cryptography failed.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

impl VouchError {
    /// Whether a node that keeps the rules can have given it: its clock runs a little behind or ahead of ours.
    #[must_use]
    pub fn is_of_time(&self) -> bool {
        matches!(self, Self::Future { .. } | Self::Expired { .. })
    }
}

/// The payload, flat. `stamp` is the last member of the canonical form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    about: Did,
    claims: Vec<Claim>,
    created: Timestamp,
    expires: Timestamp,
    from: Did,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    sequence: u64,
    stamp: String,
}

fn field(field: &'static str, problem: impl Into<String>) -> VouchError {
    VouchError::Field { field, problem: problem.into() }
}

impl Vouch {
    /// Whether it takes back what was said before.
    #[must_use]
    pub fn is_revocation(&self) -> bool {
        self.claims.is_empty()
    }

    fn check(&self) -> Result<(), VouchError> {
        if self.from == self.about {
            return Err(field("about", "nobody vouches for themselves"));
        }
        if self.claims.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(field("claims", "not in order, or one is there twice"));
        }
        if let Some(note) = &self.note {
            let length = note.chars().count();
            let hidden = |c: char| {
                c.is_control()
                    || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
            };
            if length > MAX_NOTE {
                return Err(field("note", format!("{length} characters, the limit is {MAX_NOTE}")));
            }
            if note.trim().is_empty() || note.chars().any(hidden) {
                return Err(field("note", "empty, or with control characters"));
            }
        }
        if !(1..=MAX_SEQUENCE).contains(&self.sequence) {
            return Err(field("sequence", format!("{}; from 1 to {MAX_SEQUENCE}", self.sequence)));
        }
        let life = self.expires.since(self.created);
        if !(MIN_LIFE..=MAX_LIFE).contains(&life) || self.expires.0 > MAX_SEQUENCE {
            return Err(field("expires", format!("it lives {life} ms; from {MIN_LIFE} to {MAX_LIFE} are allowed")));
        }
        Ok(())
    }

    /// Signs with the key of the DID that vouches, after finding a stamp of so many bits ([`MIN_WORK`] at least).
    ///
    /// # Errors
    /// What a node would refuse it for, [`VouchError::Signature`] when the key is not the DID's, and what the provider
    /// says.
    pub async fn sign<P: Provider>(
        self,
        provider: &P,
        key: &P::Ed25519Key,
        work: u8,
    ) -> Result<SignedVouch, VouchError> {
        self.check()?;
        let kid = self.from.key_id();
        let payload = Payload {
            about: self.about,
            claims: self.claims,
            created: self.created,
            expires: self.expires,
            from: self.from,
            note: self.note,
            sequence: self.sequence,
            stamp: String::new(),
        };
        let too_hard = || field("stamp", format!("{work} zero bits, more than {MAX_WORK} are not made"));
        let work = Some(work).filter(|work| *work <= MAX_WORK).ok_or_else(too_hard)?;
        let jws = stamp::sign(provider, key, &kid, VOUCH_TYP, &payload, work).await?.ok_or_else(too_hard)?;
        SignedVouch::read(jws.as_str())
    }
}

/// A vouch whose signature holds and whose fields are in their bounds. It can only be made by signing or checking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedVouch {
    vouch: Vouch,
    id: Digest,
    jws: String,
}

impl SignedVouch {
    /// Checks form, signature, bounds, work, and that it stands now.
    ///
    /// # Errors
    /// The [`VouchError`] that says what is wrong with it.
    pub fn verify(compact: &str, now: Timestamp) -> Result<Self, VouchError> {
        let signed = Self::read(compact)?;
        signed.stands(now)?;
        Ok(signed)
    }

    /// Checks that it was made before now, but for the clock, and has not ended.
    ///
    /// # Errors
    /// [`VouchError::Future`] and [`VouchError::Expired`].
    pub fn stands(&self, now: Timestamp) -> Result<(), VouchError> {
        let Vouch { created, expires, .. } = self.vouch;
        if created.since(now) > CLOCK_SKEW {
            return Err(VouchError::Future { created, now });
        }
        if expires <= now {
            return Err(VouchError::Expired { expires });
        }
        Ok(())
    }

    /// Everything that does not depend on the time.
    fn read(compact: &str) -> Result<Self, VouchError> {
        if compact.len() > MAX_VOUCH {
            return Err(VouchError::TooLong { len: compact.len(), limit: MAX_VOUCH });
        }
        let jws = Jws::parse(compact, MAX_VOUCH).map_err(|_| VouchError::Malformed("not a compact JWS"))?;
        if jws.typ() != VOUCH_TYP {
            return Err(VouchError::Malformed("its typ is not pumasi/1/vouch"));
        }
        // The stamp first: it is a hash, where a signature costs a hundred times as much.
        let found = stamp::zero_bits(&jws.id());
        if found < MIN_WORK {
            return Err(VouchError::Stamp { found });
        }
        let malformed = |_| VouchError::Malformed("its payload has other fields");
        let from = jws.peek::<Payload>().map_err(malformed)?.from;
        if jws.kid() != from.key_id() {
            return Err(VouchError::Signature);
        }
        let verified = jws.verify_eddsa(from.public()).map_err(|_| VouchError::Signature)?;
        let Payload { about, claims, created, expires, note, sequence, stamp, .. } =
            verified.payload().map_err(malformed)?;
        if !stamp::is_well_formed(&stamp) {
            return Err(field("stamp", "not at most 16 of 0-9, A-Z, a-z, - and _"));
        }
        let vouch = Vouch { from, about, claims, note, sequence, created, expires };
        vouch.check()?;
        let jws = verified.into_jws();
        Ok(Self { vouch, id: jws.id(), jws: jws.as_str().to_owned() })
    }

    /// What it says.
    #[must_use]
    pub fn vouch(&self) -> &Vouch {
        &self.vouch
    }

    /// SHA-256 of its signing input.
    #[must_use]
    pub fn id(&self) -> Digest {
        self.id
    }

    /// The compact JWS.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.jws
    }
}

/// What lies in a set about a person, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// Somebody says something of them.
    Vouch(Box<SignedVouch>),
    /// They said two things that cannot both hold; whether that is so is checked by [`Lie::verify`].
    Lie {
        /// What they signed.
        lie: Box<Lie>,
        /// Until when the proof is kept. It proves the same afterwards.
        until: Timestamp,
    },
}

/// Under which id of the namespace of vouches the statements about a DID are kept.
#[must_use]
pub fn place(about: &Did) -> [u8; 32] {
    sha256(&[b"pumasi/vouch/place/1", about.public()]).0
}

/// Reads what is kept under an id, whatever the time: a vouch about the DID that it belongs to, or a proof that this DID
/// lied.
///
/// # Errors
/// The [`VouchError`] that says what is wrong with it.
pub fn read(id: &[u8; 32], bytes: &[u8]) -> Result<About, VouchError> {
    if bytes.len() > MAX_ENTRY {
        return Err(VouchError::TooLong { len: bytes.len(), limit: MAX_ENTRY });
    }
    let (about, read) = if bytes.first() == Some(&lie::KEPT) {
        let (lie, until) = Lie::decode(bytes)?;
        (lie.by, About::Lie { lie: Box::new(lie), until })
    } else {
        let text = std::str::from_utf8(bytes).map_err(|_| VouchError::Malformed("not text"))?;
        let vouch = SignedVouch::read(text)?;
        (vouch.vouch.about, About::Vouch(Box::new(vouch)))
    };
    if place(&about) == *id { Ok(read) } else { Err(VouchError::OtherPlace) }
}

/// Whether the bytes are an entry that belongs under `id`: what a node checks before it keeps them, and what it does with
/// them. That it has not ended, and does not live for too long from now, is checked by the node for every kind alike.
///
/// Of each voucher there is one vouch, the later in place of the earlier; of each kind of lie one proof, which ranks above
/// every vouch.
///
/// # Errors
/// What is wrong with it.
pub fn validate(id: &[u8; 32], bytes: &[u8], _now: Timestamp) -> Result<EntryFacts, String> {
    match read(id, bytes).map_err(|error| error.to_string())? {
        About::Vouch(signed) => {
            let Vouch { from, sequence, expires, .. } = &signed.vouch;
            let name = sha256(&[b"pumasi/vouch/by/1", from.public()]).0;
            let rank = stamp::zero_bits(&signed.id).into();
            Ok(EntryFacts { name, sequence: *sequence, expires: *expires, rank })
        }
        About::Lie { lie, until } => {
            let name = sha256(&[b"pumasi/vouch/lie/1", &[lie.kind() as u8]]).0;
            check_at_once(*lie)?;
            Ok(EntryFacts { name, sequence: until.0, expires: until, rank: u64::MAX })
        }
    }
}

/// Checks a proof where there is no time to wait.
#[cfg(not(target_arch = "wasm32"))]
fn check_at_once(lie: Lie) -> Result<(), String> {
    use std::task::{Context, Poll, Waker};
    let mut checking = std::pin::pin!(lie.verify(&pumasi_crypto::NativeProvider));
    // Natively nothing in it waits for anything: it is ready at the first look.
    match checking.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(checked) => checked.map(drop).map_err(|error| error.to_string()),
        Poll::Pending => Err("proof: it cannot be checked at once".to_owned()),
    }
}

/// A page keeps nothing for others.
#[cfg(target_arch = "wasm32")]
fn check_at_once(_: Lie) -> Result<(), String> {
    Err("proof: not checked in a browser".to_owned())
}
