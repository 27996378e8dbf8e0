//! What a node says of itself to those that join through it: what it offers beside keeping records, and where
//! (spec: `docs/spec/overlay.md` §12). Sans-I/O; the time is told.

use crate::presence::NodeName;
use pumasi_crypto::b64;
use pumasi_crypto::ed25519::{EphemeralSigner, verify};
use pumasi_units::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// Longest statement, in bytes.
pub const MAX_NODE_INFO: usize = 4_096;
/// The longest that one is good for, in milliseconds: a day.
pub const MAX_NODE_INFO_LIFE: Millis = 24 * 60 * 60 * 1_000;
/// Addresses, and entries of each kind of offer.
const MAX_ENTRIES: usize = 8;
/// Longest address of an offer, in bytes.
const MAX_ENTRY: usize = 256;
/// How far a clock may be off, in milliseconds.
const SKEW: Millis = 5 * 60 * 1_000;
/// Longest name of a program and its version, in bytes.
const MAX_VERSION: usize = 64;
const CONTEXT: &[u8] = b"pumasi/node-info/1\0";

/// What a node offers beside keeping records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offers {
    /// It relays, within these bounds. Absent when it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay: Option<RelayOffer>,
    /// `https:` addresses of gateways to the overlay, for browsers: its own first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gateways: Vec<String>,
    /// `turn:` and `turns:` addresses (RFC 7065) of TURN servers for media and data channels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turn: Vec<String>,
    /// `https:` addresses of directories.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub directories: Vec<String>,
}

/// How much a relay carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayOffer {
    /// Bytes over one circuit, both directions together.
    pub bytes: u64,
    /// How long one circuit stays open, in seconds.
    pub seconds: u64,
    /// Circuits of one peer.
    pub circuits: u64,
}

/// A statement of a node about itself, signed by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeInfo {
    /// The Ed25519 key of the node that says it.
    pub node: [u8; 32],
    /// Which program, and which version of it.
    pub version: String,
    /// Where others reach it, as multiaddrs that nobody has looked at.
    pub addresses: Vec<String>,
    /// What it offers.
    pub offers: Offers,
    /// When it was said.
    pub created: Timestamp,
    /// Until when it is good.
    pub expires: Timestamp,
}

/// Why a statement is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NodeInfoError {
    /// Longer than [`MAX_NODE_INFO`].
    #[error("node info: {0} bytes; the limit is {MAX_NODE_INFO}")]
    TooLong(usize),
    /// Not of the form.
    #[error("node info: {0}")]
    Malformed(String),
    /// Of another node than the one that was asked.
    #[error("node info: of another node")]
    OtherNode,
    /// Not signed by the node.
    #[error("node info: bad signature")]
    Signature,
    /// Before its time, after it, or longer than [`MAX_NODE_INFO_LIFE`].
    #[error("node info: {0}")]
    Time(&'static str),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    /// The statement as it was signed, as JSON.
    info: String,
    /// Ed25519 over the context and the bytes of `info`, in base64url.
    signature: String,
}

/// The statement itself. Members may be added; a reader passes over those that it does not know.
#[derive(Serialize, Deserialize)]
struct Statement {
    node: String,
    version: String,
    #[serde(default)]
    addresses: Vec<String>,
    #[serde(default)]
    offers: Offers,
    created: u64,
    expires: u64,
}

fn signed(info: &str) -> Vec<u8> {
    [CONTEXT, info.as_bytes()].concat()
}

impl NodeInfo {
    /// Signs what a node says from now on, for a day. What is over the bounds is left out.
    ///
    /// # Panics
    /// Never: the statement is plain data.
    #[must_use]
    pub fn sign(key: &EphemeralSigner, addresses: &[String], offers: &Offers, now: Timestamp) -> Vec<u8> {
        let bounded = |entries: &[String]| -> Vec<String> {
            entries.iter().filter(|entry| entry.len() <= MAX_ENTRY).take(MAX_ENTRIES).cloned().collect()
        };
        let mut statement = Statement {
            node: NodeName::from_ed25519(key.public()).to_string(),
            version: concat!("pumasi/", env!("CARGO_PKG_VERSION")).to_owned(),
            addresses: bounded(addresses),
            offers: Offers {
                relay: offers.relay,
                gateways: bounded(&offers.gateways),
                turn: bounded(&offers.turn),
                directories: bounded(&offers.directories),
            },
            created: now.0,
            expires: (now + MAX_NODE_INFO_LIFE).0,
        };
        loop {
            let info = serde_json::to_string(&statement).expect("plain data");
            let signature = b64::encode(key.sign(&signed(&info)));
            let envelope = Envelope { info, signature };
            let bytes = serde_json::to_vec(&envelope).expect("plain data");
            if bytes.len() <= MAX_NODE_INFO {
                return bytes;
            }
            // Who is asked can be reached: its addresses are the least of what it has to say.
            let offers = &mut statement.offers;
            let longest = [&mut statement.addresses, &mut offers.directories, &mut offers.turn, &mut offers.gateways];
            if let Some(longest) =
                longest.into_iter().max_by_key(|entries| entries.iter().map(String::len).sum::<usize>())
            {
                longest.pop();
            }
        }
    }

    /// Reads what a node said. `node` is whom it was asked; `None` takes any node's word for itself.
    ///
    /// # Errors
    /// [`NodeInfoError`].
    pub fn verify(bytes: &[u8], node: Option<&[u8; 32]>, now: Timestamp) -> Result<Self, NodeInfoError> {
        if bytes.len() > MAX_NODE_INFO {
            return Err(NodeInfoError::TooLong(bytes.len()));
        }
        let malformed = |error: serde_json::Error| NodeInfoError::Malformed(error.to_string());
        let bad = |what: &str| NodeInfoError::Malformed(what.to_owned());
        let envelope: Envelope = serde_json::from_slice(bytes).map_err(malformed)?;
        let said: Statement = serde_json::from_str(&envelope.info).map_err(malformed)?;
        let name: Result<NodeName, _> = said.node.parse();
        let key = *name.map_err(|_| bad("node: not the name of a node with an Ed25519 key"))?.public();
        if node.is_some_and(|node| *node != key) {
            return Err(NodeInfoError::OtherNode);
        }
        let signature = b64::decode("signature", &envelope.signature).ok().and_then(|bytes| bytes.try_into().ok());
        let signature: [u8; 64] = signature.ok_or_else(|| bad("signature: not 64 bytes in base64url"))?;
        verify(&key, &signed(&envelope.info), &signature).map_err(|_| NodeInfoError::Signature)?;
        let (created, expires) = (Timestamp(said.created), Timestamp(said.expires));
        if created > now + SKEW {
            return Err(NodeInfoError::Time("from the future"));
        }
        if expires <= now || expires < created {
            return Err(NodeInfoError::Time("expired"));
        }
        if expires.since(created) > MAX_NODE_INFO_LIFE {
            return Err(NodeInfoError::Time("good for more than a day"));
        }
        let lists = [&said.addresses, &said.offers.gateways, &said.offers.turn, &said.offers.directories];
        if lists.iter().any(|list| list.len() > MAX_ENTRIES) {
            return Err(bad("more than 8 entries of a kind"));
        }
        if said.version.len() > MAX_VERSION {
            return Err(bad("version: longer than 64 bytes"));
        }
        if lists.iter().any(|list| list.iter().any(|entry| entry.len() > MAX_ENTRY)) {
            return Err(bad("an entry of more than 256 bytes"));
        }
        let https = [&said.offers.gateways, &said.offers.directories];
        if https.iter().any(|list| list.iter().any(|url| !url.starts_with("https://"))) {
            return Err(bad("a gateway or a directory that is no https address"));
        }
        if said.offers.turn.iter().any(|url| !url.starts_with("turn:") && !url.starts_with("turns:")) {
            return Err(bad("a TURN server that is no turn address"));
        }
        let Statement { version, addresses, offers, .. } = said;
        Ok(Self { node: key, version, addresses, offers, created, expires })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn key(seed: u8) -> EphemeralSigner {
        EphemeralSigner::from_seed(&[seed; 32])
    }

    fn offers() -> Offers {
        Offers {
            relay: Some(RelayOffer { bytes: 64 << 20, seconds: 1_800, circuits: 8 }),
            gateways: vec!["https://node.example:8469".to_owned()],
            turn: vec!["turn:node.example:3478?transport=udp".to_owned()],
            directories: vec!["https://directory.example".to_owned()],
        }
    }

    #[test]
    fn what_a_node_signs_is_what_another_reads() {
        let address = "/ip4/192.0.2.7/tcp/8468".to_owned();
        let bytes = NodeInfo::sign(&key(7), std::slice::from_ref(&address), &offers(), NOW);
        let node = key(7).public();
        let read = NodeInfo::verify(&bytes, Some(&node), NOW).unwrap();
        assert_eq!((read.node, read.addresses, read.offers), (node, vec![address], offers()));
    }

    #[test]
    fn nobody_speaks_for_another_node_and_nothing_is_changed_on_the_way() {
        let bytes = NodeInfo::sign(&key(7), &[], &offers(), NOW);
        let other = key(8).public();
        assert_eq!(NodeInfo::verify(&bytes, Some(&other), NOW), Err(NodeInfoError::OtherNode));
        let text = String::from_utf8(bytes).unwrap();
        let changed = text.replace("node.example:8469", "evil.example:8469");
        assert_ne!(changed, text);
        assert_eq!(NodeInfo::verify(changed.as_bytes(), None, NOW), Err(NodeInfoError::Signature));
        let name = |key| NodeName::from_ed25519(key).to_string();
        let stolen = text.replace(&name(key(7).public()), &name(other));
        assert_eq!(NodeInfo::verify(stolen.as_bytes(), None, NOW), Err(NodeInfoError::Signature));
    }

    #[test]
    fn an_old_word_and_one_of_tomorrow_do_not_count() {
        let bytes = NodeInfo::sign(&key(7), &[], &offers(), NOW);
        let late = NOW + MAX_NODE_INFO_LIFE;
        assert_eq!(NodeInfo::verify(&bytes, None, late), Err(NodeInfoError::Time("expired")));
        let early = Timestamp(NOW.0 - SKEW - 1);
        assert_eq!(NodeInfo::verify(&bytes, None, early), Err(NodeInfoError::Time("from the future")));
    }

    #[test]
    fn too_much_to_say_is_cut_to_the_bound_and_still_signed() {
        let long = |n: usize| format!("https://{}.example/{n}", "x".repeat(220));
        let many =
            Offers { gateways: (0..20).map(long).collect(), directories: (0..20).map(long).collect(), ..offers() };
        let bytes = NodeInfo::sign(&key(7), &[], &many, NOW);
        let read = NodeInfo::verify(&bytes, None, NOW).unwrap();
        assert!(bytes.len() <= MAX_NODE_INFO);
        assert!(!read.offers.gateways.is_empty() && read.offers.relay.is_some());
    }
}
