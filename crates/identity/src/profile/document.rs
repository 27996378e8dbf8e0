//! The wire form: a W3C DID document (DID Core 1.0) with three members of our own, `sequence`, `created`, `expires`.

use super::draft::{MAX_SERVICES, ProfileDraft, Service};
use super::{ProfileError, ProfileKeys, jwk::Jwk};
use crate::{Did, data_integrity, multikey};
use pumasi_crypto::RsaPublicKey;
use pumasi_units::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Terms that none of the W3C contexts defines (`sequence`, `expires`, …) are ours, version 1.
const VOCABULARY: &str = "urn:pumasi:profile:1#";

/// Member order does not matter here: what is signed and sent is the canonical form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Document {
    #[serde(rename = "@context")]
    context: Value,
    id: Did,
    sequence: u64,
    created: String,
    expires: String,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    name: Option<String>,
    verification_method: Vec<Method>,
    authentication: Vec<String>,
    assertion_method: Vec<String>,
    key_agreement: Vec<String>,
    service: Vec<Endpoint>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub(super) proof: Option<Proof>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
enum Method {
    Multikey {
        id: String,
        controller: Did,
        #[serde(rename = "publicKeyMultibase")]
        key: String,
    },
    JsonWebKey {
        id: String,
        controller: Did,
        #[serde(rename = "publicKeyJwk")]
        key: Jwk,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Endpoint {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "serviceEndpoint")]
    endpoint: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Proof {
    #[serde(rename = "@context")]
    context: Value,
    #[serde(rename = "type")]
    kind: String,
    cryptosuite: String,
    created: String,
    verification_method: String,
    proof_purpose: String,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub(super) proof_value: Option<String>,
}

/// A member that may be absent may not be `null`: one content, one form.
fn present<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl Document {
    /// The document without a proof.
    pub(super) fn new(keys: &ProfileKeys, draft: &ProfileDraft) -> Self {
        let did = keys.did;
        let [ed25519, x25519, signing, unwrap] = [
            did.key_id(),
            x25519_id(&did, &keys.x25519),
            signing_id(&did, &keys.signing),
            unwrap_id(&did, &keys.unwrap),
        ];
        let multikey = |id: &str, key| Method::Multikey { id: id.to_owned(), controller: did, key };
        let rsa = |id: &str, key| Method::JsonWebKey { id: id.to_owned(), controller: did, key };
        Self {
            context: context(),
            id: did,
            sequence: draft.sequence,
            created: draft.created.to_string(),
            expires: draft.expires.to_string(),
            name: draft.name.clone(),
            verification_method: vec![
                multikey(&ed25519, did.multibase()),
                multikey(&x25519, multikey::encode_x25519(&keys.x25519)),
                rsa(&signing, Jwk::signing(&keys.signing)),
                rsa(&unwrap, Jwk::unwrap(&keys.unwrap)),
            ],
            authentication: vec![ed25519.clone()],
            assertion_method: vec![ed25519, signing],
            key_agreement: vec![x25519, unwrap],
            service: draft.services.iter().map(|service| endpoint(&did, service)).collect(),
            proof: None,
        }
    }

    /// The proof without its value, which has to be signed.
    pub(super) fn unsigned_proof(&self) -> Proof {
        Proof {
            context: self.context.clone(),
            kind: data_integrity::TYPE.to_owned(),
            cryptosuite: data_integrity::CRYPTOSUITE.to_owned(),
            created: self.created.clone(),
            verification_method: self.id.key_id(),
            proof_purpose: "assertionMethod".to_owned(),
            proof_value: None,
        }
    }

    /// Reads back the keys and the draft that this document was made of.
    ///
    /// The document is then made anew from them and compared, so each member has one possible form and none is left
    /// unchecked: ids, controllers, the purposes of the keys, the proof's members other than its value.
    pub(super) fn read(&self) -> Result<(ProfileKeys, ProfileDraft), ProfileError> {
        let [
            Method::Multikey { .. },
            Method::Multikey { key: x25519, .. },
            Method::JsonWebKey { key: signing, .. },
            Method::JsonWebKey { key: unwrap, .. },
        ] = &self.verification_method[..]
        else {
            return Err(ProfileError::Field { field: "verificationMethod" });
        };
        let x25519 = multikey::decode_x25519(x25519).ok_or(ProfileError::Field { field: "publicKeyMultibase" })?;
        let rsa = |key: &Jwk| key.public().map_err(|_| ProfileError::Field { field: "publicKeyJwk" });
        let keys = ProfileKeys { did: self.id, x25519, signing: rsa(signing)?, unwrap: rsa(unwrap)? };
        if keys.signing == keys.unwrap {
            // One RSA key for two purposes lets a signature be asked for as a decryption.
            return Err(ProfileError::Field { field: "publicKeyJwk" });
        }
        super::draft::at_most("service (count)", self.service.len() as u64, MAX_SERVICES as u64)?;
        let prefix = format!("{}#", self.id);
        let services = self.service.iter().map(|endpoint| read_endpoint(&prefix, endpoint));
        let draft = ProfileDraft {
            sequence: self.sequence,
            created: instant("created", &self.created)?,
            expires: instant("expires", &self.expires)?,
            name: self.name.clone(),
            services: services.collect::<Result<_, _>>()?,
        };
        draft.check()?;
        self.compare(&Self::new(&keys, &draft))?;
        Ok((keys, draft))
    }

    fn compare(&self, made: &Self) -> Result<(), ProfileError> {
        let proof = self.proof.as_ref().map(|proof| Proof { proof_value: None, ..proof.clone() });
        for (same, field) in [
            (self.context == made.context, "@context"),
            (self.created == made.created, "created"),
            (self.expires == made.expires, "expires"),
            (self.verification_method == made.verification_method, "verificationMethod"),
            (self.authentication == made.authentication, "authentication"),
            (self.assertion_method == made.assertion_method, "assertionMethod"),
            (self.key_agreement == made.key_agreement, "keyAgreement"),
            (self.service == made.service, "service"),
            (proof == Some(made.unsigned_proof()), "proof"),
        ] {
            if !same {
                return Err(ProfileError::Field { field });
            }
        }
        Ok(())
    }
}

/// The id of the RSA key that signs, which is the `kid` of what it signed.
pub(crate) fn signing_id(did: &Did, key: &RsaPublicKey) -> String {
    format!("{did}#{}", Jwk::signing(key).thumbprint())
}

/// The id of the RSA key that unwraps, which is the `kid` of what was encrypted for it.
pub(crate) fn unwrap_id(did: &Did, key: &RsaPublicKey) -> String {
    format!("{did}#{}", Jwk::unwrap(key).thumbprint())
}

pub(crate) fn x25519_id(did: &Did, key: &[u8; 32]) -> String {
    format!("{did}#{}", multikey::encode_x25519(key))
}

fn endpoint(did: &Did, service: &Service) -> Endpoint {
    Endpoint { id: format!("{did}#{}", service.name), kind: service.kind.clone(), endpoint: service.endpoint.clone() }
}

fn read_endpoint(prefix: &str, endpoint: &Endpoint) -> Result<Service, ProfileError> {
    let name = endpoint.id.strip_prefix(prefix).ok_or(ProfileError::Field { field: "service id" })?;
    Ok(Service { name: name.to_owned(), kind: endpoint.kind.clone(), endpoint: endpoint.endpoint.clone() })
}

fn instant(field: &'static str, text: &str) -> Result<Timestamp, ProfileError> {
    Timestamp::parse_rfc3339(text).ok_or(ProfileError::Field { field })
}

fn context() -> Value {
    json!([
        "https://www.w3.org/ns/did/v1",
        "https://w3id.org/security/multikey/v1",
        "https://w3id.org/security/jwk/v1",
        "https://w3id.org/security/data-integrity/v2",
        { "@vocab": VOCABULARY },
    ])
}
