use crate::bounds::{CLOCK_SKEW, MAX_AGE, MAX_DIFFICULTY, MAX_LIFE, MAX_OPERATION, MAX_SEQUENCE, MAX_STAMP, MIN_LIFE};
use crate::listing::{FieldError, Listing};
use pumasi_crypto::hash::Digest;
use pumasi_crypto::jose::Jws;
use pumasi_crypto::{CryptoError, Provider, b64, stamp};
use pumasi_identity::Did;
use pumasi_units::Timestamp;
use serde::{Deserialize, Serialize};

/// The `typ` of an operation's JWS.
pub const OPERATION_TYP: &str = "pumasi/1/listing";

/// Why an operation is refused, whoever looks at it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OperationError {
    /// Longer than [`MAX_OPERATION`].
    #[error("proof: {len} bytes, the limit is {MAX_OPERATION}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// Not an operation.
    #[error("proof: not a JWS of a listing's operation ({0})")]
    Malformed(&'static str),
    /// Not signed by the DID that it is about.
    #[error("proof: not signed by the key of its DID")]
    Signature,
    /// A field is out of its bounds.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// It does not live between one minute and thirty days.
    #[error("expires: it lives from {created} to {expires}; from {MIN_LIFE} ms to {MAX_LIFE} ms are allowed")]
    Lifetime {
        /// When it says it was made.
        created: Timestamp,
        /// When it wants to end.
        expires: Timestamp,
    },
    /// Made too long ago, or in the future.
    #[error("created: {created} is not now ({now}); {MAX_AGE} ms before and {CLOCK_SKEW} ms after are allowed")]
    NotNow {
        /// When it says it was made.
        created: Timestamp,
        /// The directory's clock.
        now: Timestamp,
    },
    /// Its time is over.
    #[error("expires: it ended at {expires}")]
    Expired {
        /// When it ended.
        expires: Timestamp,
    },
    /// Too little work.
    #[error("stamp: {found} zero bits, {wanted} are wanted")]
    Stamp {
        /// The bits that it has.
        found: u8,
        /// The bits that are wanted.
        wanted: u8,
    },
    /// A directory wants more work than is reasonable.
    #[error("stamp: the directory wants {wanted} zero bits, more than {MAX_DIFFICULTY} are not made")]
    TooHard {
        /// The bits that are wanted.
        wanted: u8,
    },
    /// The platform's cryptography failed.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

/// What an operation does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Lists the DID, or lists it anew.
    Register(Listing),
    /// Changes what is listed.
    Update(Listing),
    /// Says that the shop is still there: the listing with this id lives on until the heartbeat's `expires`.
    Heartbeat {
        /// The id of the listing's JWS (SHA-256 of its signing input), so that no older listing can be kept alive by it.
        listing: Digest,
    },
    /// Takes the DID out of the directory.
    Delete,
}

impl Action {
    /// The name on the wire.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Register(_) => "register",
            Self::Update(_) => "update",
            Self::Heartbeat { .. } => "heartbeat",
            Self::Delete => "delete",
        }
    }

    /// What it lists.
    #[must_use]
    pub fn listing(&self) -> Option<&Listing> {
        match self {
            Self::Register(listing) | Self::Update(listing) => Some(listing),
            Self::Heartbeat { .. } | Self::Delete => None,
        }
    }
}

/// One write to a directory, before it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Who is listed, and signs.
    pub did: Did,
    /// Higher than that of every operation of this DID before. Milliseconds since the epoch will do.
    pub sequence: u64,
    /// When it was made.
    pub created: Timestamp,
    /// Until when the listing stands; for a deletion, until when it is remembered.
    pub expires: Timestamp,
    /// What it does.
    pub action: Action,
}

/// The payload, flat.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    action: String,
    did: Did,
    sequence: u64,
    nonce: String,
    created: Timestamp,
    expires: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    listing: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    categories: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bootstrap_nodes: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service_endpoint: Option<String>,
    stamp: String,
}

impl Operation {
    /// Signs with the DID's key, after finding a stamp of so many bits.
    ///
    /// # Errors
    /// [`OperationError::Field`] and [`OperationError::Lifetime`] for what a directory would refuse,
    /// [`OperationError::TooHard`], [`OperationError::Signature`] when the key is not the DID's, and what the provider says.
    pub async fn sign<P: Provider>(
        self,
        provider: &P,
        key: &P::Ed25519Key,
        difficulty: u8,
    ) -> Result<SignedOperation, OperationError> {
        if difficulty > MAX_DIFFICULTY {
            return Err(OperationError::TooHard { wanted: difficulty });
        }
        let mut nonce = [0; 16];
        provider.random(&mut nonce)?;
        let kid = self.did.key_id();
        let payload = self.payload(b64::encode(nonce));
        let jws = stamp::sign(provider, key, &kid, OPERATION_TYP, &payload, difficulty).await?;
        let jws = jws.ok_or(OperationError::TooHard { wanted: difficulty })?;
        let signed = SignedOperation::verify(jws.as_str())?;
        signed.check_stamp(difficulty)?;
        Ok(signed)
    }

    fn payload(self, nonce: String) -> Payload {
        let action = self.action.name().to_owned();
        let mut payload = Payload {
            action,
            did: self.did,
            sequence: self.sequence,
            nonce,
            created: self.created,
            expires: self.expires,
            listing: None,
            name: None,
            description: None,
            categories: None,
            bootstrap_nodes: None,
            service_endpoint: None,
            stamp: String::new(),
        };
        match self.action {
            Action::Register(listing) | Action::Update(listing) => {
                payload.name = listing.name;
                payload.description = Some(listing.description);
                payload.categories = Some(listing.categories);
                payload.bootstrap_nodes = Some(listing.bootstrap_nodes);
                payload.service_endpoint = listing.service_endpoint;
            }
            Action::Heartbeat { listing } => payload.listing = Some(listing),
            Action::Delete => {}
        }
        payload
    }
}

impl Payload {
    fn into_operation(self) -> Result<Operation, OperationError> {
        let nonce = b64::decode("nonce", &self.nonce).map_err(|_| FieldError::new("nonce", "not base64url"))?;
        if nonce.len() != 16 {
            return Err(FieldError::new("nonce", format!("{} bytes, 16 are wanted", nonce.len())).into());
        }
        if !stamp::is_well_formed(&self.stamp) {
            return Err(FieldError::new("stamp", format!("not at most {MAX_STAMP} of 0-9, A-Z, a-z, - and _")).into());
        }
        if !(1..=MAX_SEQUENCE).contains(&self.sequence) {
            return Err(FieldError::new("sequence", format!("{}; from 1 to {MAX_SEQUENCE}", self.sequence)).into());
        }
        if !["register", "update", "heartbeat", "delete"].contains(&self.action.as_str()) {
            return Err(FieldError::new("action", "not register, update, heartbeat or delete").into());
        }
        let is_listing = self.name.is_some()
            || self.description.is_some()
            || self.categories.is_some()
            || self.bootstrap_nodes.is_some()
            || self.service_endpoint.is_some();
        let lists = matches!(self.action.as_str(), "register" | "update");
        let foreign = (!lists && is_listing) || (self.action != "heartbeat" && self.listing.is_some());
        if foreign {
            return Err(OperationError::Malformed("a field that its action does not have"));
        }
        let listing = || -> Result<Listing, FieldError> {
            let missing = |field| FieldError::new(field, "missing");
            let listing = Listing {
                name: self.name,
                description: self.description.ok_or_else(|| missing("description"))?,
                categories: self.categories.ok_or_else(|| missing("categories"))?,
                bootstrap_nodes: self.bootstrap_nodes.ok_or_else(|| missing("bootstrap_nodes"))?,
                service_endpoint: self.service_endpoint,
            };
            listing.check()?;
            Ok(listing)
        };
        let action = match self.action.as_str() {
            "register" => Action::Register(listing()?),
            "update" => Action::Update(listing()?),
            "heartbeat" => {
                Action::Heartbeat { listing: self.listing.ok_or_else(|| FieldError::new("listing", "missing"))? }
            }
            _ => Action::Delete,
        };
        let (created, expires) = (self.created, self.expires);
        let life = expires.since(created);
        if !(MIN_LIFE..=MAX_LIFE).contains(&life) || expires.0 > MAX_SEQUENCE {
            return Err(OperationError::Lifetime { created, expires });
        }
        Ok(Operation { did: self.did, sequence: self.sequence, created, expires, action })
    }
}

/// An operation whose signature holds and whose fields are in their bounds. It can only be made by signing or checking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedOperation {
    operation: Operation,
    id: Digest,
    jws: String,
}

impl SignedOperation {
    /// Checks what somebody sent: form, signature, bounds. Not its time, and not its stamp.
    ///
    /// # Errors
    /// The [`OperationError`] that says what is wrong with it.
    pub fn verify(compact: &str) -> Result<Self, OperationError> {
        if compact.len() > MAX_OPERATION {
            return Err(OperationError::TooLong { len: compact.len() });
        }
        let jws = Jws::parse(compact, MAX_OPERATION).map_err(|_| OperationError::Malformed("not a compact JWS"))?;
        let malformed = |_| OperationError::Malformed("its payload has other fields");
        if jws.typ() != OPERATION_TYP {
            return Err(OperationError::Malformed("its typ is not pumasi/1/listing"));
        }
        let did = jws.peek::<Payload>().map_err(malformed)?.did;
        if jws.kid() != did.key_id() {
            return Err(OperationError::Signature);
        }
        let verified = jws.verify_eddsa(did.public()).map_err(|_| OperationError::Signature)?;
        let operation = verified.payload::<Payload>().map_err(malformed)?.into_operation()?;
        let jws = verified.into_jws();
        Ok(Self { operation, id: jws.id(), jws: jws.as_str().to_owned() })
    }

    /// Checks that it was made now and has not ended: what a directory asks of whoever hands it in.
    ///
    /// # Errors
    /// [`OperationError::NotNow`], [`OperationError::Expired`].
    pub fn check_time(&self, now: Timestamp) -> Result<(), OperationError> {
        let Operation { created, expires, .. } = self.operation;
        if created > now + CLOCK_SKEW || now.since(created) > MAX_AGE {
            return Err(OperationError::NotNow { created, now });
        }
        if expires <= now {
            return Err(OperationError::Expired { expires });
        }
        Ok(())
    }

    /// Checks the work.
    ///
    /// # Errors
    /// [`OperationError::Stamp`].
    pub fn check_stamp(&self, wanted: u8) -> Result<(), OperationError> {
        let found = stamp::zero_bits(&self.id);
        if found < wanted { Err(OperationError::Stamp { found, wanted }) } else { Ok(()) }
    }

    /// What it says.
    #[must_use]
    pub fn operation(&self) -> &Operation {
        &self.operation
    }

    /// Whose it is.
    #[must_use]
    pub fn did(&self) -> Did {
        self.operation.did
    }

    /// SHA-256 of its signing input.
    #[must_use]
    pub fn id(&self) -> Digest {
        self.id
    }

    /// The compact JWS.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.jws
    }
}
