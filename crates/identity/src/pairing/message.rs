//! What the two sides send each other, and in which step.

use super::{AbortReason, PairingError, Role};
use pumasi_crypto::{CryptoError, b64, hash::Digest, jcs, json};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Bytes in a message: a profile, escaped, and a little more.
pub const MAX_MESSAGE: usize = 12_000;

/// The place of a message in the exchange: its number, and the mailbox slot that holds it. Each step is said once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Step {
    /// The inviter commits to a key and a profile that it does not show yet.
    Commit = 1,
    /// The acceptor shows its key and profile.
    Key = 2,
    /// The inviter shows what it committed to.
    Reveal = 3,
    /// The acceptor's person has confirmed the emoji.
    AcceptorConfirm = 4,
    /// The inviter's person has confirmed the emoji.
    InviterConfirm = 5,
    /// The acceptor gives up.
    AcceptorAbort = 6,
    /// The inviter gives up.
    InviterAbort = 7,
}

impl Step {
    /// All steps, in order.
    pub const ALL: [Self; 7] = [
        Self::Commit,
        Self::Key,
        Self::Reveal,
        Self::AcceptorConfirm,
        Self::InviterConfirm,
        Self::AcceptorAbort,
        Self::InviterAbort,
    ];

    /// Its number, 1–7.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Who says it.
    #[must_use]
    pub fn sender(self) -> Role {
        match self {
            Self::Commit | Self::Reveal | Self::InviterConfirm | Self::InviterAbort => Role::Inviter,
            Self::Key | Self::AcceptorConfirm | Self::AcceptorAbort => Role::Acceptor,
        }
    }
}

/// A number that tells one pairing from another, chosen by the inviter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Session(pub(super) [u8; 16]);

/// An X25519 public key for this exchange only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PublicKey(pub(super) [u8; 32]);

/// HMAC-SHA256 over both profiles' digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag(pub(super) [u8; 32]);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub(super) enum Message {
    #[serde(rename = "pairing/1/commit")]
    Commit { session: Session, commitment: Digest },
    #[serde(rename = "pairing/1/key")]
    Key { session: Session, key: PublicKey, profile: String },
    #[serde(rename = "pairing/1/reveal")]
    Reveal { session: Session, key: PublicKey, profile: String },
    #[serde(rename = "pairing/1/confirm")]
    Confirm { session: Session, from: Role, mac: Tag },
    #[serde(rename = "pairing/1/abort")]
    Abort { session: Session, from: Role, reason: AbortReason },
}

impl Message {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, PairingError> {
        json::from_slice("pairing message", bytes, MAX_MESSAGE).map_err(|error| match error {
            CryptoError::Length { len, limit, .. } => PairingError::TooLong { len, limit },
            _ => PairingError::Malformed,
        })
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        jcs::to_vec(self).expect("texts only, so there is a canonical form")
    }

    pub(super) fn session(&self) -> Session {
        match self {
            Self::Commit { session, .. }
            | Self::Key { session, .. }
            | Self::Reveal { session, .. }
            | Self::Confirm { session, .. }
            | Self::Abort { session, .. } => *session,
        }
    }

    pub(super) fn step(&self) -> Step {
        match self {
            Self::Commit { .. } => Step::Commit,
            Self::Key { .. } => Step::Key,
            Self::Reveal { .. } => Step::Reveal,
            Self::Confirm { from: Role::Acceptor, .. } => Step::AcceptorConfirm,
            Self::Confirm { from: Role::Inviter, .. } => Step::InviterConfirm,
            Self::Abort { from: Role::Acceptor, .. } => Step::AcceptorAbort,
            Self::Abort { from: Role::Inviter, .. } => Step::InviterAbort,
        }
    }
}

/// Fixed-size byte strings are base64url without padding on the wire.
macro_rules! base64url {
    ($name:ident, $len:literal) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&b64::encode(self.0))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let bytes = b64::decode(stringify!($name), String::deserialize(deserializer)?);
                let bytes = bytes.map_err(D::Error::custom)?.try_into();
                bytes.map(Self).map_err(|_| D::Error::custom(concat!("not ", $len, " bytes")))
            }
        }
    };
}

base64url!(Session, 16);
base64url!(PublicKey, 32);
base64url!(Tag, 32);
