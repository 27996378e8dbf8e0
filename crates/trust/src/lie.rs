//! Two things that one DID has signed and that cannot both hold: a proof for anyone, with nothing else at hand (spec:
//! `docs/spec/trust.md` §3).

use crate::vouch::MAX_ENTRY;
use miniz_oxide::{deflate, inflate};
use pumasi_crypto::jose::Jws;
use pumasi_crypto::{Provider, json};
use pumasi_identity::{Did, SignedProfile};
use pumasi_units::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The first byte of a kept proof; a vouch is text.
pub const KEPT: u8 = 1;
/// The longest proof before it is deflated, in bytes: two transfers and the profiles that they were signed under.
pub const MAX_PROOF: usize = 40 * 1024;
/// Profiles that one proof may need: a fork may have been signed under two.
const MAX_PROFILES: usize = 2;
/// The longest signed statement in a proof, in bytes.
const MAX_STATEMENT: usize = 8 * 1024;
const LEVEL: u8 = 9;

/// Statements of which one DID may sign no two different ones for one slot: the `typ`, and the members that make the slot.
/// The kinds of this list are those whose sequence only one process of a DID gives out.
const SLOTS: [(&str, [&str; 2]); 2] =
    [("pumasi/1/vouch", ["about", "sequence"]), ("pumasi/1/listed", ["category", "sequence"])];

/// Which lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LieKind {
    /// Two histories of one ledger.
    Fork,
    /// Two profiles with one sequence.
    Profiles,
    /// Two statements for one slot: what is said to one reader is not what is said to another.
    Statements,
}

/// What it is proven with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Proof {
    /// Two messages about one place of the signer's chain, with the profiles that transfers among them were signed under.
    Fork {
        /// Compact JWS.
        first: String,
        /// Compact JWS.
        second: String,
        /// At most two.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        profiles: Vec<SignedProfile>,
    },
    /// Two profiles with one sequence.
    Profiles {
        /// One of them.
        first: Box<SignedProfile>,
        /// The other.
        second: Box<SignedProfile>,
    },
    /// Two statements for one slot.
    Statements {
        /// Compact JWS.
        first: String,
        /// Compact JWS.
        second: String,
    },
}

/// A proof that somebody lied, not checked yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lie {
    /// Who signed both.
    pub by: Did,
    /// What they signed.
    pub proof: Proof,
}

/// A kept proof: what goes into the DHT, deflated.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    by: Did,
    proof: Proof,
    until: Timestamp,
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LieError {
    /// Too long to be kept.
    #[error("proof: {len} bytes, the limit is {limit}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// Not a proof.
    #[error("proof: it cannot be read ({0})")]
    Malformed(&'static str),
    /// One of the two is not signed by whom it accuses.
    #[error("proof: what it shows is not signed by the one it accuses")]
    Signature,
    /// Both can hold: nobody lied.
    #[error("proof: the two do not contradict each other")]
    NoContradiction,
}

impl Lie {
    /// Which lie it says it is.
    #[must_use]
    pub fn kind(&self) -> LieKind {
        match self.proof {
            Proof::Fork { .. } => LieKind::Fork,
            Proof::Profiles { .. } => LieKind::Profiles,
            Proof::Statements { .. } => LieKind::Statements,
        }
    }

    /// Two profiles, if they contradict each other.
    #[must_use]
    pub fn of_profiles(first: SignedProfile, second: SignedProfile) -> Option<ProvenLie> {
        let (first, second) = (Box::new(first), Box::new(second));
        let lie = Self { by: *first.did(), proof: Proof::Profiles { first, second } };
        lie.check_simple().is_ok().then_some(ProvenLie(lie))
    }

    /// Two statements of one DID, if they contradict each other.
    #[must_use]
    pub fn of_statements(by: Did, first: &str, second: &str) -> Option<ProvenLie> {
        let lie = Self { by, proof: Proof::Statements { first: first.to_owned(), second: second.to_owned() } };
        lie.check_simple().is_ok().then_some(ProvenLie(lie))
    }

    /// Checks every signature, and that the two contradict each other.
    ///
    /// # Errors
    /// [`LieError`]: nobody is shown to have lied.
    pub async fn verify<P: Provider>(self, provider: &P) -> Result<ProvenLie, LieError> {
        match &self.proof {
            Proof::Fork { first, second, profiles } => {
                if profiles.len() > MAX_PROFILES {
                    return Err(LieError::Malformed("more than two profiles"));
                }
                let signed = |_| LieError::Signature;
                let first = pumasi_transfer::Claim::of(provider, &self.by, first, profiles).await.map_err(signed)?;
                let second = pumasi_transfer::Claim::of(provider, &self.by, second, profiles).await.map_err(signed)?;
                if !first.contradicts(&second) {
                    return Err(LieError::NoContradiction);
                }
            }
            Proof::Profiles { .. } | Proof::Statements { .. } => self.check_simple()?,
        }
        Ok(ProvenLie(self))
    }

    /// The kinds that need no more than Ed25519.
    fn check_simple(&self) -> Result<(), LieError> {
        match &self.proof {
            Proof::Fork { .. } => Err(LieError::Malformed("a fork")),
            Proof::Profiles { first, second } => {
                if [first, second].iter().any(|profile| *profile.did() != self.by) {
                    return Err(LieError::Signature);
                }
                let contradiction = first.sequence() == second.sequence() && first.digest() != second.digest();
                if contradiction { Ok(()) } else { Err(LieError::NoContradiction) }
            }
            Proof::Statements { first, second } => {
                let (first, second) = (self.statement(first)?, self.statement(second)?);
                let contradiction = first.slot == second.slot && first.id != second.id;
                if contradiction { Ok(()) } else { Err(LieError::NoContradiction) }
            }
        }
    }

    fn statement(&self, document: &str) -> Result<Statement, LieError> {
        let malformed = |_| LieError::Malformed("not a compact JWS");
        let jws = Jws::parse(document, MAX_STATEMENT).map_err(malformed)?;
        if jws.kid() != self.by.key_id() {
            return Err(LieError::Signature);
        }
        let known = SLOTS.iter().find(|(typ, _)| *typ == jws.typ());
        let (typ, members) = known.ok_or(LieError::Malformed("a statement that has no slot"))?;
        let jws = jws.verify_eddsa(self.by.public()).map_err(|_| LieError::Signature)?;
        let said: Value = jws.payload().map_err(malformed)?;
        let slot = members.map(|member| said.get(member).cloned());
        if slot.iter().any(Option::is_none) {
            return Err(LieError::Malformed("a statement without its slot"));
        }
        Ok(Statement { slot: (typ, slot), id: jws.jws().id() })
    }

    /// As it is kept in the DHT until a time: [`KEPT`], then the deflated JSON of `by`, `proof` and `until`.
    ///
    /// # Errors
    /// [`LieError::TooLong`] when it does not fit; then it can only be handed over directly.
    ///
    /// # Panics
    /// Never: a proof is plain data.
    pub fn encode(&self, until: Timestamp) -> Result<Vec<u8>, LieError> {
        let kept = Kept { by: self.by, proof: self.proof.clone(), until };
        let text = serde_json::to_vec(&kept).expect("a proof is plain data");
        if text.len() > MAX_PROOF {
            return Err(LieError::TooLong { len: text.len(), limit: MAX_PROOF });
        }
        let bytes = [&[KEPT], deflate::compress_to_vec(&text, LEVEL).as_slice()].concat();
        if bytes.len() > MAX_ENTRY {
            return Err(LieError::TooLong { len: bytes.len(), limit: MAX_ENTRY });
        }
        Ok(bytes)
    }

    /// Reads a kept proof. Nothing of it is checked but the signatures of profiles.
    ///
    /// # Errors
    /// [`LieError::TooLong`], [`LieError::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<(Self, Timestamp), LieError> {
        if bytes.len() > MAX_ENTRY {
            return Err(LieError::TooLong { len: bytes.len(), limit: MAX_ENTRY });
        }
        let Some((&KEPT, packed)) = bytes.split_first() else { return Err(LieError::Malformed("its first byte")) };
        let text = inflate::decompress_to_vec_with_limit(packed, MAX_PROOF)
            .map_err(|_| LieError::Malformed("not deflated, or too long"))?;
        let Kept { by, proof, until } =
            json::from_slice("proof", &text, MAX_PROOF).map_err(|_| LieError::Malformed("its members"))?;
        Ok((Self { by, proof }, until))
    }
}

/// What one statement takes up.
struct Statement {
    slot: (&'static &'static str, [Option<Value>; 2]),
    id: pumasi_crypto::hash::Digest,
}

/// A lie that was checked. There is no other way to make one than to check it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenLie(Lie);

impl ProvenLie {
    /// Who lied.
    #[must_use]
    pub fn by(&self) -> Did {
        self.0.by
    }

    /// How.
    #[must_use]
    pub fn kind(&self) -> LieKind {
        self.0.kind()
    }

    /// The proof, to hand on.
    #[must_use]
    pub fn lie(&self) -> &Lie {
        &self.0
    }
}
