//! Who someone is: the DID, the self-signed profile, the private keys, the contact, and how two people who meet pair.
//!
//! Sans-I/O: bytes, time and the platform's cryptography come in as arguments. Specs: `docs/spec/identity.md`,
//! `docs/spec/pairing.md`.

mod contact;
mod did;
mod keys;
mod multikey;
mod profile;
mod safety_number;

pub mod data_integrity;
pub mod pairing;

pub use contact::{Contact, KeyChange, ProfileChange, RollbackError, Trust};
pub use did::{Did, DidError};
pub use keys::{KeyError, KeyFiles, MAX_FILES, PlainKeys, PrivateKeys};
pub use profile::{
    CLOCK_SKEW, MAX_ENDPOINT, MAX_LIFETIME, MAX_NAME, MAX_PROFILE, MAX_SEQUENCE, MAX_SERVICE_WORD, MAX_SERVICES,
    ProfileDraft, ProfileError, Service, SignedProfile,
};
pub use safety_number::{SafetyNumber, safety_number};
