use super::{TopicName, history::MAX_HISTORY_AGE};
use crate::{CLOCK_SKEW, Signed, SignedError, Statement, Text};
use pumasi_crypto::Provider;
use pumasi_identity::Did;
use pumasi_units::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// The longest text of a topic message, in bytes of UTF-8.
pub const MAX_TEXT: usize = 4_096;
/// The longest topic message, in bytes of compact JWS. A text full of quotation marks, which JSON doubles, may reach it
/// before [`MAX_TEXT`].
pub const MAX_TOPIC_MESSAGE: usize = 8_192;
/// The `typ` of a topic message's JWS.
pub const TOPIC_TYP: &str = "pumasi/1/topic";
/// How old a message may be that is still passed on: five minutes.
pub const MAX_AGE: Millis = 300_000;
/// The highest sequence: what every JSON reader keeps exact (RFC 7493 §2.2).
pub const MAX_SEQUENCE: u64 = (1 << 53) - 1;

/// Why a topic message is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TopicError {
    /// Its form, its size or its signature.
    #[error(transparent)]
    Signed(#[from] SignedError),
    /// Said in another topic.
    #[error("topic message: said in {said}, not in {here}")]
    OtherTopic {
        /// Where it was said.
        said: TopicName,
        /// Where it turned up.
        here: TopicName,
    },
    /// A sequence that no message may have.
    #[error("topic message: sequence {sequence}; from 1 to {MAX_SEQUENCE} are allowed")]
    Sequence {
        /// What it says.
        sequence: u64,
    },
    /// Made in the future.
    #[error("topic message: issued {issued}, in the future")]
    Early {
        /// When it says it was made.
        issued: Timestamp,
    },
    /// Too old.
    #[error("topic message: issued {issued}, too long ago")]
    Late {
        /// When it says it was made.
        issued: Timestamp,
    },
}

/// What somebody says in a topic, before it is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicMessage {
    /// Who says it, and signs it.
    pub from: Did,
    /// When, in milliseconds since the epoch.
    pub issued: Timestamp,
    /// Higher than in every message that `from` has said in this topic before: the time will do, or one more than the last.
    pub sequence: u64,
    /// What.
    pub text: Text<MAX_TEXT>,
    /// Where.
    pub topic: TopicName,
}

impl Statement for TopicMessage {
    const WHAT: &'static str = "topic message";
    const TYP: &'static str = TOPIC_TYP;
    const MAX: usize = MAX_TOPIC_MESSAGE;
    fn signer(&self) -> &Did {
        &self.from
    }
}

/// A topic message whose signature holds.
pub type SignedTopicMessage = Signed<TopicMessage>;

impl TopicMessage {
    /// Signs with the DID key of `from`.
    ///
    /// # Errors
    /// [`SignedError`].
    pub async fn sign<P: Provider>(self, provider: &P, key: &P::Ed25519Key) -> Result<SignedTopicMessage, SignedError> {
        Signed::sign(&self, provider, key).await
    }
}

impl SignedTopicMessage {
    /// Checks a message that was found in a topic, to be passed on: not older than [`MAX_AGE`].
    ///
    /// # Errors
    /// The [`TopicError`] that says what is wrong with it.
    pub fn verify(bytes: &[u8], topic: &TopicName, now: Timestamp) -> Result<Self, TopicError> {
        Self::verify_aged(bytes, topic, now, MAX_AGE)
    }

    /// Checks a message of somebody's history: not older than [`MAX_HISTORY_AGE`].
    ///
    /// # Errors
    /// The [`TopicError`] that says what is wrong with it.
    pub fn verify_old(bytes: &[u8], topic: &TopicName, now: Timestamp) -> Result<Self, TopicError> {
        Self::verify_aged(bytes, topic, now, MAX_HISTORY_AGE)
    }

    fn verify_aged(bytes: &[u8], topic: &TopicName, now: Timestamp, age: Millis) -> Result<Self, TopicError> {
        let signed = Self::check_bytes(bytes)?;
        let TopicMessage { issued, sequence, topic: said, .. } = signed.value();
        if said != topic {
            return Err(TopicError::OtherTopic { said: said.clone(), here: topic.clone() });
        }
        if !(1..=MAX_SEQUENCE).contains(sequence) {
            return Err(TopicError::Sequence { sequence: *sequence });
        }
        if *issued > now + CLOCK_SKEW {
            return Err(TopicError::Early { issued: *issued });
        }
        if now.since(*issued) > age {
            return Err(TopicError::Late { issued: *issued });
        }
        Ok(signed)
    }
}
