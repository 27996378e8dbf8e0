//! Someone whose keys we hold, and how sure we are whose they are.

use crate::{Did, SignedProfile};
use pumasi_units::Timestamp;
use serde::{Deserialize, Serialize};

/// How we came to believe that this DID is the person we mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Trust {
    /// Found by a search or a link and taken at its word. Compare the safety number.
    FirstUse {
        /// When it was first seen.
        at: Timestamp,
    },
    /// Met and compared the emoji.
    Paired {
        /// When.
        at: Timestamp,
    },
    /// Compared the safety number.
    Compared {
        /// When.
        at: Timestamp,
    },
}

impl Trust {
    /// Whether two people compared something, rather than one taking a DID at its word.
    #[must_use]
    pub fn is_checked(&self) -> bool {
        !matches!(self, Self::FirstUse { .. })
    }
}

/// Someone we know. Kept in the ledger; the DID and the keys are pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// Who it is.
    pub did: Did,
    /// What we call them: ours to choose.
    pub name: String,
    /// The newest profile we have seen.
    pub profile: SignedProfile,
    /// How sure we are.
    pub trust: Trust,
    /// Since when we know them.
    pub since: Timestamp,
    /// The last change of keys, until the user has seen it.
    pub changed: Option<KeyChange>,
}

/// Which keys of a contact are new, and since when we know. The DID signed them, so it is the same person or whoever has
/// taken that person's DID key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyChange {
    /// When we saw it.
    pub at: Timestamp,
    /// The sequence of the profile that brought them.
    pub sequence: u64,
    /// The RSA key that signs is new.
    pub signing: bool,
    /// The RSA key that unwraps is new.
    pub unwrap: bool,
    /// The X25519 key is new.
    pub agreement: bool,
}

/// What a newer profile brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProfileChange {
    /// The profile that we had already.
    Same,
    /// A later expiry, other services or another name; the keys are the same.
    Renewed,
    /// New keys. Tell the user.
    Keys(KeyChange),
}

/// Why a profile does not replace the one that we have. The contact is unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RollbackError {
    /// An older profile, perhaps with keys that were given up.
    #[error("profile of {did}: sequence {offered} is older than {known}, which we have")]
    Older {
        /// Whose profile.
        did: Did,
        /// The sequence that we have.
        known: u64,
        /// The sequence of the one offered.
        offered: u64,
    },
    /// Two different profiles with one sequence. The owner, or a thief of the DID key, signed both.
    #[error("profile of {did}: there are two with sequence {sequence}")]
    Forked {
        /// Whose profile.
        did: Did,
        /// The sequence of both.
        sequence: u64,
    },
    /// Another person's profile.
    #[error("profile of {offered} offered for {did}")]
    OtherDid {
        /// The contact's DID.
        did: Did,
        /// The DID of the profile.
        offered: Did,
    },
}

impl Contact {
    /// A stranger, taken at their word. Named as the profile says, or by the DID's short form.
    #[must_use]
    pub fn first_use(profile: SignedProfile, now: Timestamp) -> Self {
        Self::new(profile, Trust::FirstUse { at: now }, now)
    }

    /// Someone with whom pairing was completed.
    #[must_use]
    pub fn paired(profile: SignedProfile, now: Timestamp) -> Self {
        Self::new(profile, Trust::Paired { at: now }, now)
    }

    fn new(profile: SignedProfile, trust: Trust, now: Timestamp) -> Self {
        let did = *profile.did();
        let name = profile.name().map_or_else(|| did.short(), str::to_owned);
        Self { did, name, profile, trust, since: now, changed: None }
    }

    /// Takes a newer profile of the same DID.
    ///
    /// # Errors
    /// [`RollbackError`]; the contact is unchanged.
    pub fn update_profile(&mut self, offered: SignedProfile, now: Timestamp) -> Result<ProfileChange, RollbackError> {
        let (did, known) = (self.did, &self.profile);
        if *offered.did() != did {
            return Err(RollbackError::OtherDid { did, offered: *offered.did() });
        }
        if offered.sequence() < known.sequence() {
            return Err(RollbackError::Older { did, known: known.sequence(), offered: offered.sequence() });
        }
        if offered.sequence() == known.sequence() {
            let same = offered.digest() == known.digest();
            return if same {
                Ok(ProfileChange::Same)
            } else {
                Err(RollbackError::Forked { did, sequence: known.sequence() })
            };
        }
        let change = KeyChange {
            at: now,
            sequence: offered.sequence(),
            signing: offered.rsa_signing() != known.rsa_signing(),
            unwrap: offered.rsa_unwrap() != known.rsa_unwrap(),
            agreement: offered.x25519() != known.x25519(),
        };
        self.profile = offered;
        if change.signing || change.unwrap || change.agreement {
            self.changed = Some(change);
            Ok(ProfileChange::Keys(change))
        } else {
            Ok(ProfileChange::Renewed)
        }
    }

    /// The user has compared the safety number: the DID is the right one.
    pub fn compared(&mut self, now: Timestamp) {
        self.trust = Trust::Compared { at: now };
        self.changed = None;
    }

    /// The user has completed pairing with this contact.
    pub fn paired_again(&mut self, now: Timestamp) {
        self.trust = Trust::Paired { at: now };
        self.changed = None;
    }

    /// The user has been told of the change of keys.
    pub fn change_seen(&mut self) {
        self.changed = None;
    }
}
