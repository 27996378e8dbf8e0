use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A protobuf `PublicKey` of type Ed25519 under the identity multihash (libp2p peer ids §"Peer Ids"): what stands before the
/// 32 bytes of the key.
const PREFIX: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
/// `12D3Koo…` is always 52 characters.
const LEN: usize = 52;

/// The name of a node of the overlay: its Ed25519 public key, written as libp2p's peer id `12D3Koo…`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName([u8; 32]);

/// Why a text is not the name of a node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("node: {0:?} is not the peer id of an Ed25519 key (12D3Koo…, {LEN} characters)")]
pub struct NodeNameError(String);

impl NodeName {
    /// The name of the node that has this Ed25519 public key.
    #[must_use]
    pub fn from_ed25519(public: [u8; 32]) -> Self {
        Self(public)
    }

    /// The Ed25519 public key.
    #[must_use]
    pub fn public(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for NodeName {
    type Err = NodeNameError;

    fn from_str(text: &str) -> Result<Self, NodeNameError> {
        let malformed = || NodeNameError(text.chars().take(64).collect());
        if text.len() != LEN {
            return Err(malformed());
        }
        let bytes = bs58::decode(text).into_vec().map_err(|_| malformed())?;
        let key = bytes.strip_prefix(&PREFIX).ok_or_else(malformed)?;
        key.try_into().map(Self).map_err(|_| malformed())
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bs58::encode([PREFIX.as_slice(), &self.0].concat()).into_string())
    }
}

impl fmt::Debug for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for NodeName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for NodeName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_key_has_one_name(key: [u8; 32]) {
            let text = NodeName::from_ed25519(key).to_string();
            prop_assert!(text.starts_with("12D3Koo"));
            prop_assert_eq!(text.parse::<NodeName>(), Ok(NodeName::from_ed25519(key)));
        }
    }

    #[test]
    fn what_is_no_name_of_a_node_is_refused() {
        // The peer id of an RSA key, too short, not base58, a DID's text.
        let bad = [
            "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N",
            "12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH",
            "12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH0",
            "z6Mkon3Necd6NkkyfoGoHxid2znGc59LU3K7mubaRcFbLfLXLfLX",
            "",
        ];
        for bad in bad {
            assert!(bad.parse::<NodeName>().is_err(), "{bad}");
        }
    }
}
