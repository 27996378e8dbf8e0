//! What goes over a stream of the overlay: a box as the request, and one of these as the answer.

use crate::inbox::MAX_CONTENT;
use pumasi_crypto::{b64, jcs, json};
use serde::{Deserialize, Serialize};

/// The longest request, in bytes: a box.
pub const MAX_REQUEST: usize = MAX_CONTENT;
/// The longest answer, in bytes of JSON.
pub const MAX_ANSWER: usize = 4_096;

/// Why a message is not taken. Nothing of it was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum StreamRefusal {
    /// The box does not open here, or what is in it is not good.
    #[error("not for whoever is there, or not well-formed")]
    Unreadable,
    /// Its time is over.
    #[error("expired")]
    Expired,
    /// They know nobody of this DID, and have no room for more from strangers.
    #[error("no room for messages of strangers")]
    Full,
    /// They do not want messages of this DID.
    #[error("not wanted")]
    Unwanted,
    /// Too much at once; later it may be taken.
    #[error("too much at once")]
    Busy,
}

/// The answer to a box: canonical JSON of one member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// The message is kept. Holds the box of the acknowledgement, in base64url.
    Ack(String),
    /// It is not.
    Refused(StreamRefusal),
    /// The acknowledgement that was sent is kept.
    Taken {},
}

impl Answer {
    /// The answer that holds a box.
    #[must_use]
    pub fn ack(sealed: &[u8]) -> Self {
        Self::Ack(b64::encode(sealed))
    }

    /// The box of an acknowledgement.
    #[must_use]
    pub fn sealed(&self) -> Option<Vec<u8>> {
        match self {
            Self::Ack(text) => b64::decode("ack", text).ok(),
            _ => None,
        }
    }

    /// The bytes to send.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        jcs::to_vec(self).unwrap_or_default() // texts have JSON
    }

    /// Reads an answer; `None` when it is none.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        json::from_slice("answer", bytes, MAX_ANSWER).ok()
    }
}
