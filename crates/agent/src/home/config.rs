//! `config.toml`: where the overlay is entered and how a way through a router is found.

#[cfg(not(target_arch = "wasm32"))]
use crate::home::{HomeError, files};
use serde::{Deserialize, Serialize};
#[cfg(not(target_arch = "wasm32"))]
use std::path::Path;

/// Largest configuration file, in bytes.
#[cfg(not(target_arch = "wasm32"))]
const MAX_CONFIG: u64 = 64 * 1024;

/// The configuration of one identity. All of it is optional.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// Addresses of bootstrap nodes, as multiaddr: `/ip4/127.0.0.1/tcp/8468`.
    pub bootstrap: Vec<String>,
    /// ICE servers.
    pub ice: IceServers,
    /// What the overlay of a listening peer binds to; by default a random port on every interface.
    pub listen: Vec<String>,
    /// Who is told where this peer is while it listens. Absent: contacts; everyone where it is a shop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence: Option<Visibility>,
    /// Gateways to the DHT, as `https:` addresses, for who is no part of it: a page. Two or more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gateways: Vec<String>,
    /// Directories of shops, as `https:` addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub directories: Vec<String>,
    /// What a shop lets people do whom it does not know. Absent: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strangers: Option<StrangerRules>,
}

/// Who can find out where this peer is while it listens, and so reach it without a detour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Visibility {
    /// Everyone who knows the DID: for shops.
    Public,
    /// Contacts; to everyone else it cannot even be told that somebody is there.
    #[default]
    Contacts,
    /// Nobody. Offers come by the mailbox, or the endpoint where there is one.
    Off,
}

/// `[strangers]`: who proves a DID that nobody here knows may become a contact that nobody has verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StrangerRules {
    /// How much each of them may owe, such as `50,000 KRW`.
    pub limit: String,
    /// How many of them are kept in the address book.
    #[serde(default = "most_strangers")]
    pub most: usize,
    /// How many new ones an hour.
    #[serde(default = "strangers_per_hour")]
    pub per_hour: u32,
}

fn most_strangers() -> usize {
    1_000
}

fn strangers_per_hour() -> u32 {
    120
}

impl StrangerRules {
    /// These, with this limit and the usual bounds.
    #[must_use]
    pub fn with_limit(limit: String) -> Self {
        Self { limit, most: most_strangers(), per_hour: strangers_per_hour() }
    }
}

/// STUN and TURN servers (RFC 7064, RFC 7065).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct IceServers {
    /// `stun:host:port`.
    pub stun: Vec<String>,
    /// Relays.
    pub turn: Vec<TurnEntry>,
    /// Use the relays only, so that the other side of a payment never sees this machine's address. Offers go by the mailbox alone
    /// then, both ways, and no presence is told. Messages, topics and contents go from node to node all the same, and say where.
    pub relay_only: bool,
    /// Offer the loopback addresses too; for two identities on one machine.
    pub loopback: bool,
    /// Use no servers that nodes of the network offer.
    pub only_these: bool,
}

/// A TURN server and how to log on to it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TurnEntry {
    /// `turn:host:port?transport=udp`, `…=tcp`, or `turns:host:port`.
    pub url: String,
    /// The account.
    pub username: String,
    /// Its password.
    pub credential: String,
}

impl std::fmt::Debug for TurnEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TurnEntry").field("url", &self.url).field("username", &self.username).finish_non_exhaustive()
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl Config {
    /// Reads the file; an absent one is the default.
    ///
    /// # Errors
    /// [`HomeError::Config`] with the line that is wrong.
    pub fn read(folder: &Path) -> Result<Self, HomeError> {
        let path = folder.join("config.toml");
        let Some(bytes) = files::read_bounded(&path, MAX_CONFIG)? else { return Ok(Self::default()) };
        let wrong = |reason: String| HomeError::Config { path: path.clone(), reason };
        let text = String::from_utf8(bytes).map_err(|_| wrong("not UTF-8".into()))?;
        toml::from_str(&text).map_err(|error| wrong(error.to_string()))
    }

    /// Writes the file.
    ///
    /// # Errors
    /// [`HomeError::Io`].
    pub fn write(&self, folder: &Path) -> Result<(), HomeError> {
        let text = toml::to_string_pretty(self).expect("a configuration is plain data");
        files::write_private(&folder.join("config.toml"), text.as_bytes())
    }
}
