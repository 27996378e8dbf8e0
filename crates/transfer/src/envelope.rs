//! From payload to signed and sealed bytes, and back (spec: `docs/spec/envelope.md`, `docs/spec/transfer.md` §2).
//!
//! The async half of this crate that knows keys. The machines take only [`Verified`] messages, which nothing but
//! [`open_message`] and [`Verified::request`] can make.

use crate::limits::{MAX_JWS_BYTES, MAX_MESSAGE_BYTES};
use crate::message::{Bye, Invalid, Kind, Payload, Query, Received, Request, Transfer, TransferResult};
use pumasi_crypto::hash::{Digest, sha256};
use pumasi_crypto::jose::{self, Jwe, Jws, VerifiedJws};
use pumasi_crypto::{CryptoError, Provider, RsaPublicKey};
use pumasi_identity::Did;
use pumasi_ledger::Head;
use pumasi_units::Unit;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What the holder of an identity signs and opens with.
pub struct Keys<P: Provider> {
    /// The platform's cryptography.
    pub provider: P,
    /// Who this is.
    pub did: Did,
    /// The DID's own key.
    pub identity: P::Ed25519Key,
    /// The key that signs transfers.
    pub signing: P::RsaSigningKey,
    /// Its id in the profile.
    pub signing_kid: String,
    /// Digest of the profile that names these keys.
    pub profile: Digest,
    /// The keys that open transfers, the newest first; old ones stay, so that late transfers open.
    pub unwrap: Vec<(String, P::RsaUnwrapKey)>,
}

/// What is to be known of a peer to exchange transfers with it: the keys of its newest profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Who it is.
    pub did: Did,
    /// Digest of the profile.
    pub profile: Digest,
    /// The key that its transfers are signed with.
    pub signing: RsaPublicKey,
    /// The id of that key.
    pub signing_kid: String,
    /// The key that transfers for it are sealed with.
    pub unwrap: RsaPublicKey,
    /// The id of that key.
    pub unwrap_kid: String,
    /// Whether the owner knows it. From anyone else no transfer is accepted.
    pub contact: bool,
}

/// A message whose signature, type, sender and recipient hold. Time and circumstances are the machines' to judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<T> {
    payload: T,
    id: Digest,
    document: String,
}

impl<T> Verified<T> {
    /// What it says.
    #[must_use]
    pub fn payload(&self) -> &T {
        &self.payload
    }

    /// SHA-256 of its JWS signing input.
    #[must_use]
    pub fn id(&self) -> Digest {
        self.id
    }

    /// The compact JWS, as received.
    #[must_use]
    pub fn document(&self) -> &str {
        &self.document
    }
}

impl<T: Payload + DeserializeOwned> Verified<T> {
    fn new(jws: &VerifiedJws) -> Result<Self, OpenError> {
        let payload: T = jws.payload().map_err(OpenError::Crypto)?;
        let found = payload.header().kind;
        if found != T::KIND {
            return Err(Invalid::Kind { expected: T::KIND, found }.into());
        }
        payload.check_content()?;
        Ok(Self { payload, id: jws.jws().id(), document: jws.jws().as_str().to_owned() })
    }
}

impl Verified<Request> {
    /// Checks a request: it is signed by the DID that it names, so nothing else is needed.
    ///
    /// # Errors
    /// [`OpenError`] when it is not well-formed or not signed by its sender.
    pub fn request(document: &str) -> Result<Self, OpenError> {
        let jws = Jws::parse(document, MAX_JWS_BYTES)?;
        if Kind::from_typ(jws.typ()) != Some(Kind::Request) {
            return Err(OpenError::Type(cut(jws.typ())));
        }
        let from: Request = jws.peek()?;
        verify_statement(jws, &from.from)
    }
}

/// A message from the link, opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// For a payee.
    Transfer(Verified<Transfer>),
    /// For a payer.
    Received(Verified<Received>),
    /// For a payer.
    Result(Verified<TransferResult>),
    /// For a payee.
    Bye(Verified<Bye>),
    /// For a payee.
    Query(Verified<Query>),
}

impl Incoming {
    /// Which message it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Transfer(_) => Kind::Transfer,
            Self::Received(_) => Kind::Received,
            Self::Result(_) => Kind::Result,
            Self::Bye(_) => Kind::Bye,
            Self::Query(_) => Kind::Query,
        }
    }

    /// The transfer that it is, or is about.
    #[must_use]
    pub fn transfer(&self) -> Digest {
        match self {
            Self::Transfer(message) => message.id,
            Self::Received(message) => message.payload.transfer,
            Self::Result(message) => message.payload.transfer,
            Self::Bye(message) => message.payload.transfer,
            Self::Query(message) => message.payload.transfer,
        }
    }
}

/// What a refusal quotes of a transfer whose signature could not be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// The transfer.
    pub transfer: Digest,
    /// The payer's head that it quotes.
    pub prev: Head,
    /// Its unit.
    pub unit: Unit,
}

/// Why bytes from the link are not a message. Nothing was stored, nothing is answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Longer than any message may be.
    #[error("message: {len} bytes, the limit is {MAX_MESSAGE_BYTES}")]
    TooLong {
        /// Its length.
        len: usize,
    },
    /// Not UTF-8.
    #[error("message: not text")]
    NotText,
    /// `typ` names no message that may come this way (a transfer must be sealed, a request comes as a link).
    #[error("message: {0:?} has no place here")]
    Type(String),
    /// Sealed for a key that we do not have.
    #[error("transfer: sealed for the key {kid:?}, which is not ours")]
    UnknownKey {
        /// The key's id.
        kid: String,
    },
    /// Signed under another profile of the sender than the one we know: get its newest, then open it again. When that
    /// one does not fit either, [`Desk::refuse_unread`](crate::Desk::refuse_unread) tells the payer.
    #[error("transfer: signed under the profile {wanted}, which is not the sender's newest that we know")]
    UnknownProfile {
        /// Digest of the profile that it names.
        wanted: Digest,
        /// What a refusal needs of it.
        unread: Box<Unread>,
    },
    /// A field is not as the protocol has it.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Malformed, or not signed by whom it should.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

/// Opens a message that came over the link of `peer`: unseals, checks signature, type, sender and recipient.
///
/// Reads no clock and no store, so a driver may open several at a time.
///
/// # Errors
/// [`OpenError`].
pub async fn open_message<P: Provider>(keys: &Keys<P>, peer: &Peer, bytes: &[u8]) -> Result<Incoming, OpenError> {
    if bytes.len() > MAX_MESSAGE_BYTES {
        return Err(OpenError::TooLong { len: bytes.len() });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| OpenError::NotText)?;
    if text.starts_with('{') {
        return open_transfer(keys, peer, text).await.map(Incoming::Transfer);
    }
    let jws = Jws::parse(text, MAX_JWS_BYTES)?;
    let incoming = match Kind::from_typ(jws.typ()) {
        Some(Kind::Received) => Incoming::Received(open_statement(jws, keys.did, peer.did)?),
        Some(Kind::Result) => Incoming::Result(open_statement(jws, keys.did, peer.did)?),
        Some(Kind::Bye) => Incoming::Bye(open_statement(jws, keys.did, peer.did)?),
        Some(Kind::Query) => Incoming::Query(open_statement(jws, keys.did, peer.did)?),
        Some(Kind::Request | Kind::Transfer) | None => return Err(OpenError::Type(cut(jws.typ()))),
    };
    Ok(incoming)
}

async fn open_transfer<P: Provider>(keys: &Keys<P>, peer: &Peer, text: &str) -> Result<Verified<Transfer>, OpenError> {
    let sealed = Jwe::parse(text, MAX_MESSAGE_BYTES)?;
    let kid = sealed.recipient_kid();
    let (_, key) =
        keys.unwrap.iter().find(|(own, _)| own == kid).ok_or_else(|| OpenError::UnknownKey { kid: kid.to_owned() })?;
    let plain = sealed.decrypt(&keys.provider, key).await?;
    let jws = Jws::parse(std::str::from_utf8(&plain).map_err(|_| OpenError::NotText)?, MAX_JWS_BYTES)?;
    if Kind::from_typ(jws.typ()) != Some(Kind::Transfer) {
        return Err(OpenError::Type(cut(jws.typ())));
    }
    let unverified: Transfer = jws.peek()?;
    check_parties(&unverified, keys.did, peer.did)?;
    if unverified.profile != peer.profile {
        let unread = Unread { transfer: jws.id(), prev: unverified.prev, unit: unverified.money.unit().clone() };
        return Err(OpenError::UnknownProfile { wanted: unverified.profile, unread: Box::new(unread) });
    }
    if jws.kid() != peer.signing_kid {
        return Err(Invalid::Mismatch { field: "kid" }.into());
    }
    let jws = jws.verify_ps256(&keys.provider, &peer.signing).await?;
    Verified::new(&jws)
}

fn open_statement<T: Payload + DeserializeOwned>(jws: Jws, me: Did, peer: Did) -> Result<Verified<T>, OpenError> {
    let message: Verified<T> = verify_statement(jws, &peer)?;
    check_parties(&message.payload, me, peer)?;
    Ok(message)
}

fn verify_statement<T: Payload + DeserializeOwned>(jws: Jws, signer: &Did) -> Result<Verified<T>, OpenError> {
    if jws.kid() != signer.key_id() {
        return Err(Invalid::Mismatch { field: "kid" }.into());
    }
    Verified::new(&jws.verify_eddsa(signer.public())?)
}

fn check_parties(payload: &impl Payload, me: Did, peer: Did) -> Result<(), Invalid> {
    let header = payload.header();
    if header.from != peer {
        return Err(Invalid::Sender { found: header.from });
    }
    if header.to == Some(me) { Ok(()) } else { Err(Invalid::Recipient) }
}

/// What a peer wrote, short enough to show.
fn cut(text: &str) -> String {
    text.chars().take(32).collect()
}

/// A payload, signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// SHA-256 of the JWS signing input.
    pub id: Digest,
    /// The compact JWS.
    pub document: String,
}

impl From<Jws> for Signed {
    fn from(jws: Jws) -> Self {
        Self { id: jws.id(), document: jws.as_str().to_owned() }
    }
}

/// Signs a statement or a request with the DID's key.
///
/// # Errors
/// What the provider says.
pub async fn sign_statement<P: Provider, T: Payload + Serialize>(
    keys: &Keys<P>,
    payload: &T,
) -> Result<Signed, CryptoError> {
    let jws = jose::sign_eddsa(&keys.provider, &keys.identity, &keys.did.key_id(), T::KIND.typ(), payload).await?;
    Ok(jws.into())
}

/// Signs a transfer with the RSA key and seals it for the payee: the JWS to keep, and the JWE to send.
///
/// # Errors
/// What the provider says.
pub async fn seal_transfer<P: Provider>(
    keys: &Keys<P>,
    to: &Peer,
    transfer: &Transfer,
) -> Result<(Signed, String), CryptoError> {
    let typ = Transfer::KIND.typ();
    let jws = jose::sign_ps256(&keys.provider, &keys.signing, &keys.signing_kid, typ, transfer).await?;
    let sealed = jose::encrypt(&keys.provider, &to.unwrap, &to.unwrap_kid, jws.as_str().as_bytes()).await?;
    Ok((jws.into(), sealed))
}

/// The id of a message that we signed ourselves and kept; `None` when the record was changed.
pub(crate) fn document_id(document: &str) -> Option<Digest> {
    Jws::parse(document, MAX_JWS_BYTES).ok().map(|jws| jws.id())
}

/// What a sealed transfer is recognised by without opening it: equal bytes are a repeat.
#[must_use]
pub(crate) fn fingerprint(bytes: &[u8]) -> Digest {
    sha256(&[bytes])
}
