//! A receipt as a file that anyone can check with nothing else: no ledger, no network, no acquaintance (spec:
//! `docs/spec/transfer.md` §8).

use crate::limits::{MAX_JWS_BYTES, MAX_MESSAGE_BYTES};
use crate::message::{Bye, Invalid, Kind, Payload, Transfer, TransferResult};
use pumasi_crypto::hash::Digest;
use pumasi_crypto::jose::{Jws, VerifiedJws};
use pumasi_crypto::{CryptoError, Provider, json};
use pumasi_identity::{Did, ProfileError, SignedProfile};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What stands in `format`.
const FORMAT: &str = "pumasi-receipt";
/// The version written, and the only one read.
const VERSION: u32 = 1;
/// Largest receipt, in bytes: three signed documents and a profile, with room for indentation.
pub const MAX_RECEIPT_BYTES: usize = 4 * MAX_MESSAGE_BYTES;

/// What a payer holds after a payment, and a payee can hold as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    format: String,
    version: u32,
    /// The transfer, signed by the payer (compact JWS, PS256).
    pub transfer: String,
    /// The result, signed by the payee's DID (compact JWS, EdDSA).
    pub result: String,
    /// The payer's countersignature (compact JWS, EdDSA), where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bye: Option<String>,
    /// The payer's profile whose key signed the transfer.
    pub profile: SignedProfile,
}

/// What a receipt proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The transfer's id.
    pub id: Digest,
    /// The payer's words.
    pub transfer: Transfer,
    /// The payee's words.
    pub result: TransferResult,
    /// Whether the payer has signed for the result.
    pub countersigned: bool,
}

/// Why a receipt proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// Not a receipt, or one of another version.
    #[error("receipt: not a Pumasi receipt of version {VERSION}")]
    Format,
    /// One of its documents is malformed or not signed by whom it should.
    #[error("receipt: the {part} does not verify")]
    Document {
        /// Which.
        part: Kind,
        /// Why.
        #[source]
        source: CryptoError,
    },
    /// A field is out of bounds.
    #[error("receipt: the {part} is not valid")]
    Invalid {
        /// Which.
        part: Kind,
        /// Which field, and why.
        #[source]
        source: Invalid,
    },
    /// Its parts are genuine, but do not belong together.
    #[error("receipt: its {part} belongs to something else ({field})")]
    Mismatch {
        /// Which part.
        part: Kind,
        /// By which field that is seen.
        field: &'static str,
    },
    /// The payer's profile is not one.
    #[error(transparent)]
    Profile(#[from] ProfileError),
}

impl Receipt {
    /// Puts a receipt together. It is checked by [`Receipt::verify`], not here.
    #[must_use]
    pub fn new(transfer: String, result: String, bye: Option<String>, profile: SignedProfile) -> Self {
        Self { format: FORMAT.into(), version: VERSION, transfer, result, bye, profile }
    }

    /// Reads a receipt of at most [`MAX_RECEIPT_BYTES`].
    ///
    /// # Errors
    /// [`ReceiptError::Format`] for anything else.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ReceiptError> {
        let receipt: Self = json::from_slice("receipt", bytes, MAX_RECEIPT_BYTES).map_err(|_| ReceiptError::Format)?;
        if receipt.format == FORMAT && receipt.version == VERSION { Ok(receipt) } else { Err(ReceiptError::Format) }
    }

    /// Checks every signature, and that the parts belong together.
    ///
    /// # Errors
    /// [`ReceiptError`]: which part, and what is wrong with it.
    pub async fn verify<P: Provider>(&self, provider: &P) -> Result<Proven, ReceiptError> {
        let (id, transfer) = verify_transfer(provider, &self.transfer, &self.profile).await?;
        let (result_id, result): (_, TransferResult) = verify_statement(&self.result, &transfer.to)?;
        let mismatch = |part, field| Err(ReceiptError::Mismatch { part, field });
        if result.transfer != id {
            return mismatch(Kind::Result, "transfer");
        }
        if result.to != transfer.from {
            return mismatch(Kind::Result, "to");
        }
        if result.payer_head != transfer.prev {
            return mismatch(Kind::Result, "payer_head");
        }
        if let Some(bye) = &self.bye {
            let (_, bye): (_, Bye) = verify_statement(bye, &transfer.from)?;
            if bye.transfer != id || bye.result != result_id {
                return mismatch(Kind::Bye, "result");
            }
        }
        Ok(Proven { id, transfer, result, countersigned: self.bye.is_some() })
    }
}

/// Digest of the profile that a kept transfer names, to look it up before the transfer is checked with it.
///
/// # Errors
/// [`ReceiptError::Document`] when it is not a transfer.
pub fn profile_of(document: &str) -> Result<Digest, ReceiptError> {
    let broken = |source| ReceiptError::Document { part: Kind::Transfer, source };
    let transfer: Transfer = Jws::parse(document, MAX_JWS_BYTES).map_err(broken)?.peek().map_err(broken)?;
    Ok(transfer.profile)
}

/// Checks a kept transfer with the profile that signed it, and gives its id.
///
/// # Errors
/// [`ReceiptError`].
pub async fn verify_transfer<P: Provider>(
    provider: &P,
    document: &str,
    profile: &SignedProfile,
) -> Result<(Digest, Transfer), ReceiptError> {
    let part = Kind::Transfer;
    let broken = |source| ReceiptError::Document { part, source };
    let jws = Jws::parse(document, MAX_JWS_BYTES).map_err(broken)?;
    if jws.kid() != profile.rsa_signing_kid() {
        return Err(ReceiptError::Mismatch { part, field: "kid" });
    }
    let jws = jws.verify_ps256(provider, profile.rsa_signing()).await.map_err(broken)?;
    let transfer: Transfer = read(&jws)?;
    if transfer.from != *profile.did() || transfer.profile != profile.digest() {
        return Err(ReceiptError::Mismatch { part, field: "profile" });
    }
    Ok((jws.jws().id(), transfer))
}

/// Checks a kept statement with the DID that signed it, and gives its id.
///
/// # Errors
/// [`ReceiptError`].
pub fn verify_statement<T: Payload + DeserializeOwned>(
    document: &str,
    signer: &Did,
) -> Result<(Digest, T), ReceiptError> {
    let part = T::KIND;
    let broken = |source| ReceiptError::Document { part, source };
    let jws = Jws::parse(document, MAX_JWS_BYTES).map_err(broken)?;
    if jws.kid() != signer.key_id() {
        return Err(ReceiptError::Mismatch { part, field: "kid" });
    }
    let jws = jws.verify_eddsa(signer.public()).map_err(broken)?;
    let payload: T = read(&jws)?;
    if payload.header().from != *signer {
        return Err(ReceiptError::Mismatch { part, field: "from" });
    }
    Ok((jws.jws().id(), payload))
}

/// The payload of the announced type, within its bounds.
fn read<T: Payload + DeserializeOwned>(jws: &VerifiedJws) -> Result<T, ReceiptError> {
    let part = T::KIND;
    let payload: T = jws.payload().map_err(|source| ReceiptError::Document { part, source })?;
    if jws.jws().typ() != part.typ() || payload.header().kind != part {
        return Err(ReceiptError::Mismatch { part, field: "type" });
    }
    payload.check_content().map_err(|source| ReceiptError::Invalid { part, source })?;
    Ok(payload)
}
