use crate::slot::CLOCK_SKEW;
use crate::{Candidates, MAX_CONTENT, MAX_SDP, Nonce, RecordError, Sdp};
use pumasi_crypto::jose::{self, Jws};
use pumasi_crypto::{CryptoError, Provider, hash::Digest, sealed};
use pumasi_identity::Did;
use pumasi_units::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// The longest signed signal, in bytes of compact JWS: what fits into a mailbox record, sealed.
pub const MAX_SIGNAL: usize = MAX_CONTENT - sealed::OVERHEAD;
/// The longest life of a signal: five minutes.
pub const MAX_SIGNAL_LIFE: Millis = 300_000;
/// The `typ` of a signal's JWS.
pub const SIGNAL_TYP: &str = "pumasi/1/signal";

/// Why a signal is refused. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignalError {
    /// A session description longer than [`MAX_SDP`].
    #[error("SDP: {len} bytes, the limit is {MAX_SDP}")]
    SdpTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// Not a candidate of ICE, too long, or too many at once.
    #[error("candidates: {reason}")]
    Candidates {
        /// What is wrong, with the limit.
        reason: String,
    },
    /// A signal longer than [`MAX_SIGNAL`].
    #[error("signal: {len} bytes, the limit is {MAX_SIGNAL}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// Not a signal.
    #[error("signal: malformed")]
    Malformed,
    /// Not signed by the DID that it names as sender.
    #[error("signal: not signed by its sender")]
    Signature,
    /// Signed by another person than the one this mailbox is shared with.
    #[error("signal: from {from}, who is not the owner of this mailbox")]
    WrongSender {
        /// Who signed it.
        from: Did,
    },
    /// Meant for someone else.
    #[error("signal: for {to}, not for us")]
    WrongRecipient {
        /// Whom it is for.
        to: Did,
    },
    /// Its time is over.
    #[error("signal: expired at {expires}")]
    Expired {
        /// When it ended.
        expires: Timestamp,
    },
    /// It wants to live longer than [`MAX_SIGNAL_LIFE`], or was made in the future.
    #[error("signal: issued {issued}, expires {expires}; it may live {MAX_SIGNAL_LIFE} ms, from now")]
    Lifetime {
        /// When it says it was made.
        issued: Timestamp,
        /// When it wants to end.
        expires: Timestamp,
    },
    /// Seen before, or older than what we remember.
    #[error("signal: {id} was here before")]
    Replayed {
        /// Its id.
        id: Digest,
    },
    /// An offer made before the one that we are answering.
    #[error("signal: older than the offer being answered")]
    Stale,
    /// Later candidates, in a mailbox.
    #[error("signal: candidates are not taken here")]
    OutOfPlace,
    /// An answer or reject to an offer that is not the one standing.
    #[error("signal: about the offer {offer}, which does not stand")]
    OtherOffer {
        /// The offer that it names.
        offer: Digest,
    },
    /// The mailbox record around it.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The platform's cryptography failed.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

/// Why an offer is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum RejectReason {
    /// Connected to someone else, or too many at once.
    #[error("busy")]
    Busy,
    /// We know each other's keys, but not as contacts any more.
    #[error("not a contact")]
    NotAContact,
    /// Nothing that the offerer's description and ours have in common.
    #[error("no common way to connect")]
    Incompatible,
    /// The offer does not stand any more: its maker gave up, or started anew.
    #[error("the offer does not stand any more")]
    Gone,
}

/// What a signal says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Content {
    /// Asks for a connection.
    Offer {
        /// How to reach the offerer.
        sdp: Sdp,
    },
    /// Takes it.
    Answer {
        /// The id of the offer's JWS.
        offer: Digest,
        /// How to reach the answerer.
        sdp: Sdp,
    },
    /// Ends an offer: the other's, or one's own.
    Reject {
        /// The id of the offer's JWS.
        offer: Digest,
        /// Why.
        reason: RejectReason,
    },
    /// More ways to reach the one who says it, found since the description was sent (trickle ICE, RFC 8838).
    Candidates {
        /// The id of the offer's JWS, whoever of the two made that offer.
        offer: Digest,
        /// Those found since the last time.
        candidates: Candidates,
        /// Whether these are the last.
        end: bool,
    },
}

/// One message of the signalling, before it is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signal {
    /// Who signs it.
    pub from: Did,
    /// Whom it is for.
    pub to: Did,
    /// The session that the offerer opened.
    pub session: Nonce,
    /// Tells this message from every other.
    pub nonce: Nonce,
    /// When it was made, in milliseconds since the epoch.
    pub issued: Timestamp,
    /// When it is void.
    pub expires: Timestamp,
    /// What it says.
    pub content: Content,
}

impl Signal {
    /// Signs with the sender's DID key.
    ///
    /// # Errors
    /// [`SignalError::TooLong`]; [`SignalError::Signature`] when the key is not the sender's; what the provider says.
    pub async fn sign<P: Provider>(self, provider: &P, key: &P::Ed25519Key) -> Result<SignedSignal, SignalError> {
        let jws = jose::sign_eddsa(provider, key, &self.from.key_id(), SIGNAL_TYP, &self).await?;
        SignedSignal::check(jws.as_str())
    }
}

/// A signal whose signature holds. It can only be made by signing or by checking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedSignal {
    signal: Signal,
    jws: Jws,
}

impl SignedSignal {
    /// Checks what a peer sent: signature, sender, recipient, times.
    ///
    /// # Errors
    /// The [`SignalError`] that says what is wrong with it.
    pub fn verify(compact: &str, from: &Did, to: &Did, now: Timestamp) -> Result<Self, SignalError> {
        let signed = Self::check(compact)?;
        let signal = &signed.signal;
        let (issued, expires) = (signal.issued, signal.expires);
        if signal.from != *from {
            return Err(SignalError::WrongSender { from: signal.from });
        }
        if signal.to != *to {
            return Err(SignalError::WrongRecipient { to: signal.to });
        }
        if expires <= now {
            return Err(SignalError::Expired { expires });
        }
        if issued > now + CLOCK_SKEW || expires <= issued || expires.since(issued) > MAX_SIGNAL_LIFE {
            return Err(SignalError::Lifetime { issued, expires });
        }
        Ok(signed)
    }

    fn check(compact: &str) -> Result<Self, SignalError> {
        if compact.len() > MAX_SIGNAL {
            return Err(SignalError::TooLong { len: compact.len() });
        }
        let jws = Jws::parse(compact, MAX_SIGNAL).map_err(|_| SignalError::Malformed)?;
        let from = jws.peek::<Signal>().map_err(|_| SignalError::Malformed)?.from;
        if jws.typ() != SIGNAL_TYP || jws.kid() != from.key_id() {
            return Err(SignalError::Malformed);
        }
        let verified = jws.verify_eddsa(from.public()).map_err(|_| SignalError::Signature)?;
        let signal = verified.payload().map_err(|_| SignalError::Malformed)?;
        Ok(Self { signal, jws: verified.into_jws() })
    }

    /// What it says.
    #[must_use]
    pub fn signal(&self) -> &Signal {
        &self.signal
    }

    /// The id of the JWS: what an answer names the offer by.
    #[must_use]
    pub fn id(&self) -> Digest {
        self.jws.id()
    }

    /// The compact JWS.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.jws.as_str()
    }
}
