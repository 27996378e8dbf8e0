use crate::{CLOCK_SKEW, Signed, SignedError, Statement, Text};
use pumasi_crypto::{Provider, b64, hash::Digest};
use pumasi_identity::Did;
use pumasi_units::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// The longest text of a direct message, in bytes of UTF-8: what fits into an inbox entry of the DHT, sealed.
pub const MAX_TEXT: usize = 2_000;
/// The longest signed statement between two people, in bytes of compact JWS.
pub const MAX_STATEMENT: usize = 4_096;
/// The `typ` of a direct message's JWS.
pub const DIRECT_TYP: &str = "pumasi/1/direct";
/// The `typ` of an acknowledgement's JWS.
pub const ACK_TYP: &str = "pumasi/1/direct-ack";
/// The longest life of a direct message: seven days.
pub const MAX_DIRECT_LIFE: Millis = 7 * 24 * 3_600_000;
/// Most messages that one acknowledgement names.
pub const MAX_ACKED: usize = 32;

/// Why a direct message or an acknowledgement is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DirectError {
    /// Its form, its size or its signature.
    #[error(transparent)]
    Signed(#[from] SignedError),
    /// A box that is none, or not for us.
    #[error("direct message: does not open")]
    Sealed,
    /// Packed it is longer than a box may hold.
    #[error("direct message: {len} bytes when it is packed, the limit is {limit}; shorten it")]
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The limit.
        limit: usize,
    },
    /// Signed by another person than the one it came from.
    #[error("direct message: from {from}, not from whom it is said to be")]
    WrongSender {
        /// Who signed it.
        from: Did,
    },
    /// Meant for someone else.
    #[error("direct message: for {to}, not for us")]
    WrongRecipient {
        /// Whom it is for.
        to: Did,
    },
    /// Its time is over.
    #[error("direct message: expired at {0}")]
    Expired(Timestamp),
    /// It wants to live longer than [`MAX_DIRECT_LIFE`], or was made in the future.
    #[error("direct message: issued {issued}, expires {expires}; it may live {MAX_DIRECT_LIFE} ms, from now")]
    Lifetime {
        /// When it says it was made.
        issued: Timestamp,
        /// When it wants to end.
        expires: Timestamp,
    },
    /// Numbers that contradict each other.
    #[error("direct message: its numbers contradict each other")]
    Numbers,
    /// An acknowledgement of more than [`MAX_ACKED`] messages.
    #[error("acknowledgement: {len} messages, the limit is {MAX_ACKED}")]
    Acked {
        /// How many.
        len: usize,
    },
}

/// What one person says to another, before it is signed and sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectMessage {
    /// The sender's X25519 key: what the acknowledgement is sealed for.
    #[serde(with = "key")]
    pub agreement: [u8; 32],
    /// When it is void.
    pub expires: Timestamp,
    /// Who signs it.
    pub from: Did,
    /// When it was made.
    pub issued: Timestamp,
    /// Its number in the stream, from 1 without gaps.
    pub number: u64,
    /// The lowest number that the sender still tries to deliver. What is below it and did not come will not come.
    pub oldest: u64,
    /// When the numbering began; a later one begins anew.
    pub stream: Timestamp,
    /// What is said.
    pub text: Text<MAX_TEXT>,
    /// Whom it is for.
    pub to: Did,
}

/// What the recipient signs: which of the last messages it has, and which its owner has seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectAck {
    /// Ids of messages that are kept and were not read yet.
    pub delivered: Vec<Digest>,
    /// Who has them, and signs it.
    pub from: Did,
    /// When it was made.
    pub issued: Timestamp,
    /// Ids of messages that were read.
    pub read: Vec<Digest>,
    /// Who said them.
    pub to: Did,
}

impl Statement for DirectMessage {
    const WHAT: &'static str = "direct message";
    const TYP: &'static str = DIRECT_TYP;
    const MAX: usize = MAX_STATEMENT;
    fn signer(&self) -> &Did {
        &self.from
    }
}

impl Statement for DirectAck {
    const WHAT: &'static str = "acknowledgement";
    const TYP: &'static str = ACK_TYP;
    const MAX: usize = MAX_STATEMENT;
    fn signer(&self) -> &Did {
        &self.from
    }
}

/// A direct message whose signature holds.
pub type SignedDirect = Signed<DirectMessage>;
/// An acknowledgement whose signature holds.
pub type SignedAck = Signed<DirectAck>;

impl DirectMessage {
    /// Signs with the DID key of `from`.
    ///
    /// # Errors
    /// [`DirectError::Signed`]; [`DirectError::TooLong`] when it would not fit into a box.
    pub async fn sign<P: Provider>(&self, provider: &P, key: &P::Ed25519Key) -> Result<SignedDirect, DirectError> {
        let signed = Signed::sign(self, provider, key).await?;
        super::seal::pack(signed.as_str())?;
        Ok(signed)
    }
}

impl DirectAck {
    /// Signs with the DID key of `from`.
    ///
    /// # Errors
    /// [`DirectError::Signed`].
    pub async fn sign<P: Provider>(&self, provider: &P, key: &P::Ed25519Key) -> Result<SignedAck, DirectError> {
        Ok(Signed::sign(self, provider, key).await?)
    }
}

impl SignedDirect {
    /// Checks what was sealed for me: recipient, times, numbers. Who it is from is in it.
    ///
    /// # Errors
    /// The [`DirectError`] that says what is wrong with it.
    pub fn verify(compact: &str, to: &Did, now: Timestamp) -> Result<Self, DirectError> {
        let signed = Self::check(compact)?;
        let DirectMessage { expires, issued, number, oldest, stream, .. } = *signed.value();
        if signed.value().to != *to {
            return Err(DirectError::WrongRecipient { to: signed.value().to });
        }
        if expires <= now {
            return Err(DirectError::Expired(expires));
        }
        if issued > now + CLOCK_SKEW || expires <= issued || expires.since(issued) > MAX_DIRECT_LIFE {
            return Err(DirectError::Lifetime { issued, expires });
        }
        if oldest == 0 || oldest > number || number > crate::topic::MAX_SEQUENCE || stream > issued {
            return Err(DirectError::Numbers);
        }
        Ok(signed)
    }
}

impl SignedAck {
    /// Checks an acknowledgement of `from` for me.
    ///
    /// # Errors
    /// The [`DirectError`] that says what is wrong with it.
    pub fn verify(compact: &str, to: &Did) -> Result<Self, DirectError> {
        let signed = Self::check(compact)?;
        let ack = signed.value();
        if ack.to != *to {
            return Err(DirectError::WrongRecipient { to: ack.to });
        }
        let len = ack.delivered.len() + ack.read.len();
        if len > MAX_ACKED { Err(DirectError::Acked { len }) } else { Ok(signed) }
    }
}

/// 32 bytes as base64url.
mod key {
    use super::b64;
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(key: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&b64::encode(key))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = b64::decode("agreement", text).map_err(D::Error::custom)?;
        bytes.try_into().map_err(|_| D::Error::custom("agreement: not 32 bytes"))
    }
}
