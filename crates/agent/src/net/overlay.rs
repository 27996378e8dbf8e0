//! Entering the overlay, and coming back to it through peers met before.

use super::ice::{Entry, NetOptions};
use crate::error::AgentError;
use crate::home::{Config, HomeError, files};
use crate::wallet::Wallet;
use pumasi_crypto::hash::hkdf_sha256;
use pumasi_overlay::{Address, Limits, Mode, Overlay, OverlayConfig, OverlayError};
use std::path::Path;
use std::time::Duration;

/// Largest file of remembered peers, in bytes.
const MAX_PEERS: u64 = 64 * 1024;
/// Most peers remembered.
const REMEMBERED: usize = 64;

/// Records that a peer publishes itself: beside profile and signals, where it is, to each of its contacts.
const OWN_RECORDS: usize = 1_024;

/// Starts the overlay of a wallet and waits until it has joined.
pub(crate) async fn enter(
    wallet: &Wallet,
    options: &NetOptions,
    entry: Entry,
    patience: Duration,
) -> Result<Overlay, AgentError> {
    // A node of its own for each session: the overlay must not be able to tell whose it is.
    enter_as(fresh_seed()?, wallet.folder(), wallet.config(), options, entry, patience).await
}

/// Starts a node with this key, where a folder and its configuration say, and waits until it has joined.
pub(crate) async fn enter_as(
    seed: [u8; 32],
    folder: &Path,
    config: &Config,
    options: &NetOptions,
    entry: Entry,
    patience: Duration,
) -> Result<Overlay, AgentError> {
    let named = if options.bootstrap.is_empty() { &config.bootstrap } else { &options.bootstrap };
    let bootstrap = parse_all(named)?;
    let remembered = remembered_peers(folder)?;
    let mdns = options.mdns && entry == Entry::Server;
    if bootstrap.is_empty() && remembered.is_empty() && !mdns {
        return Err(AgentError::NoBootstrap);
    }
    let mut overlay = match entry {
        Entry::Client => OverlayConfig::client(seed, bootstrap),
        // It keeps records for others while they reach it; where they do not, they reach it over relays.
        Entry::Server => OverlayConfig {
            mode: Mode::Auto,
            mdns,
            port_mapping: options.port_mapping,
            ..OverlayConfig::peer(seed, bootstrap)
        },
    };
    let configured = Some(&config.listen).filter(|listen| !listen.is_empty());
    if let (Entry::Server, Some(listen)) = (entry, options.listen.as_ref().or(configured)) {
        overlay.listen = parse_all(listen)?;
    }
    overlay.known_peers = remembered;
    overlay.limits.own_records = OWN_RECORDS;
    let overlay = Overlay::start(overlay).await?;
    if let Err(error) = overlay.join(patience).await {
        // The node would go on trying; the one who asked has to know.
        let _ = overlay.shutdown().await;
        return Err(error.into());
    }
    Ok(overlay)
}

/// A node of the overlay that belongs to nobody's wallet: a bootstrap node, or a peer that helps to carry the network.
#[derive(Debug, Clone)]
pub struct NodeOptions {
    /// Where it listens, as multiaddrs.
    pub listen: Vec<String>,
    /// Nodes to join through, beside those that it remembers.
    pub join: Vec<String>,
    /// Addresses under which others reach it, as its operator knows.
    pub announce: Vec<String>,
    /// Whether it serves.
    pub mode: Mode,
    /// For the internet: private and loopback addresses that strangers name are never dialled.
    pub public_only: bool,
    /// Whether it relays between others.
    pub relay: bool,
    /// Whether nodes of the local network are looked for.
    pub mdns: bool,
    /// Whether the router is asked to open ports.
    pub port_mapping: bool,
    /// What strangers can make it keep and do.
    pub limits: Limits,
}

impl Default for NodeOptions {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            join: Vec::new(),
            announce: Vec::new(),
            mode: Mode::Server,
            public_only: false,
            relay: false,
            mdns: false,
            port_mapping: false,
            limits: Limits::default(),
        }
    }
}

/// Starts a node with a fixed identity, and records and peers that survive a restart.
///
/// # Errors
/// [`HomeError`] for its folder, and what the overlay says.
pub async fn start_node(folder: &Path, options: NodeOptions) -> Result<Overlay, AgentError> {
    files::create_private_folder(folder)?;
    let path = folder.join("node.seed");
    let seed = match files::read_bounded(&path, 32)? {
        Some(bytes) => bytes.try_into().map_err(|_| HomeError::Config { path, reason: "not 32 bytes".into() })?,
        None => {
            let seed = fresh_seed()?;
            files::write_private(&path, &seed)?;
            seed
        }
    };
    let listen = if options.mode == Mode::Client { Vec::new() } else { parse_all(&options.listen)? };
    let config = OverlayConfig {
        listen,
        announce: parse_all(&options.announce)?,
        mode: options.mode,
        store: (options.mode != Mode::Client).then(|| folder.join("records.db")),
        known_peers: remembered_peers(folder)?,
        private_addresses: !options.public_only,
        relay: options.relay,
        mdns: options.mdns,
        port_mapping: options.port_mapping,
        limits: options.limits,
        ..OverlayConfig::client(seed, parse_all(&options.join)?)
    };
    Ok(Overlay::start(config).await?)
}

/// Starts a bootstrap node that offers nothing else.
///
/// # Errors
/// As [`start_node`].
pub async fn start_bootstrap(
    folder: &Path,
    listen: Vec<String>,
    join: &[String],
    public_only: bool,
) -> Result<Overlay, AgentError> {
    start_node(folder, NodeOptions { listen, join: join.to_vec(), public_only, ..NodeOptions::default() }).await
}

/// Keeps the peers that the overlay is connected with, as the way back when no bootstrap node is left.
///
/// # Errors
/// [`HomeError::Io`], and what the overlay says.
pub async fn remember_peers(folder: &Path, overlay: &Overlay) -> Result<(), AgentError> {
    let peers: Vec<String> = overlay.known_peers().await?.iter().take(REMEMBERED).map(ToString::to_string).collect();
    if peers.is_empty() {
        return Ok(()); // what was remembered before is better than nothing
    }
    let text = serde_json::to_vec_pretty(&peers).expect("a list of texts");
    Ok(files::write_private(&folder.join("peers.json"), &text)?)
}

/// Peers of an earlier session. A file that cannot be read is passed over: it is a help, not a need.
fn remembered_peers(folder: &Path) -> Result<Vec<Address>, AgentError> {
    let Some(bytes) = files::read_bounded(&folder.join("peers.json"), MAX_PEERS)? else { return Ok(Vec::new()) };
    let texts: Vec<String> = serde_json::from_slice(&bytes).unwrap_or_default();
    Ok(texts.iter().filter_map(|text| text.parse().ok()).take(REMEMBERED).collect())
}

fn parse_all(texts: &[String]) -> Result<Vec<Address>, AgentError> {
    let parse = |text: &String| {
        text.parse::<Address>().map_err(|error| AgentError::Address { text: text.clone(), reason: error.to_string() })
    };
    texts.iter().map(parse).collect()
}

pub(crate) fn fresh_seed() -> Result<[u8; 32], AgentError> {
    use pumasi_crypto::Provider as _;
    let mut random = [0; 32];
    pumasi_crypto::native::NativeProvider.random(&mut random)?;
    let mut seed = [0; 32];
    hkdf_sha256(b"pumasi/overlay/node/1", &random, b"", &mut seed);
    Ok(seed)
}

impl From<OverlayError> for AgentError {
    fn from(error: OverlayError) -> Self {
        Self::Overlay(error)
    }
}
