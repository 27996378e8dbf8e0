use pumasi_crypto::hash::{Digest, sha256};
use pumasi_crypto::{CryptoError, ed25519};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Multicodec `ed25519-pub` (0xed) as an unsigned varint.
const ED25519_PUB: [u8; 2] = [0xed, 0x01];
const PREFIX: &str = "did:key:z";
/// A `did:key` of an Ed25519 key is always 56 characters.
const DID_LEN: usize = 56;

/// A `did:key` of an Ed25519 key (W3C CCG did:key v0.7): `did:key:z6Mk…`, 56 characters.
///
/// The key is the identity: whoever can sign for it is it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Did([u8; 32]);

/// Why a text is not a DID that Pumasi knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DidError {
    /// Not `did:key:z6Mk…` with 56 characters.
    #[error("DID: {0:?} is not a did:key of an Ed25519 key (did:key:z6Mk…, 56 characters)")]
    Malformed(String),
}

impl Did {
    /// The DID of this Ed25519 public key.
    #[must_use]
    pub fn from_ed25519(public: [u8; 32]) -> Self {
        Self(public)
    }

    /// The Ed25519 public key.
    #[must_use]
    pub fn public(&self) -> &[u8; 32] {
        &self.0
    }

    /// The multibase text of the key (`z6Mk…`), which is also the fragment of its verification method.
    #[must_use]
    pub fn multibase(&self) -> String {
        let mut bytes = ED25519_PUB.to_vec();
        bytes.extend_from_slice(&self.0);
        format!("z{}", bs58::encode(bytes).into_string())
    }

    /// The id of the DID's own verification method: `did:key:z6Mk…#z6Mk…`.
    #[must_use]
    pub fn key_id(&self) -> String {
        format!("{self}#{}", self.multibase())
    }

    /// A short form for people who already know the whole: the last six characters.
    #[must_use]
    pub fn short(&self) -> String {
        let text = self.multibase();
        format!("…{}", &text[text.len() - 6..])
    }

    /// Where the DHT holds the profile: SHA-256 of the DID's text.
    #[must_use]
    pub fn dht_key(&self) -> Digest {
        sha256(&[self.to_string().as_bytes()])
    }

    /// Checks that this DID signed the message.
    ///
    /// # Errors
    /// [`CryptoError::Unverified`], whatever the cause.
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), CryptoError> {
        ed25519::verify(&self.0, message, signature)
    }
}

impl FromStr for Did {
    type Err = DidError;

    fn from_str(text: &str) -> Result<Self, DidError> {
        let malformed = || DidError::Malformed(text.chars().take(64).collect());
        if text.len() != DID_LEN {
            return Err(malformed());
        }
        let key = text.strip_prefix(PREFIX).ok_or_else(malformed)?;
        let bytes = bs58::decode(key).into_vec().map_err(|_| malformed())?;
        let key = bytes.strip_prefix(&ED25519_PUB).ok_or_else(malformed)?;
        key.try_into().map(Self).map_err(|_| malformed())
    }
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "did:key:{}", self.multibase())
    }
}

impl fmt::Debug for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Did {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Did {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_did_key_specification_round_trips() {
        let text = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
        let did: Did = text.parse().unwrap();
        assert_eq!(did.to_string(), text);
        assert_eq!(Did::from_ed25519(*did.public()), did);
    }

    #[test]
    fn refuses_other_methods_other_keys_and_other_lengths() {
        for text in [
            "",
            "did:key:z",
            "did:web:example.org",
            "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme",
            "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2do0",
            "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doKK",
        ] {
            assert!(text.parse::<Did>().is_err(), "{text}");
        }
    }
}
