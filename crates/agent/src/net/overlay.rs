//! Entering the overlay, and coming back to it through peers met before.

use crate::error::AgentError;
use crate::home::{HomeError, files};
use crate::wallet::Wallet;
use pumasi_crypto::hash::hkdf_sha256;
use pumasi_overlay::{Address, Mode, Overlay, OverlayConfig, OverlayError};
use pumasi_rtc::{IceConfig, IcePolicy, TurnServer};
use std::path::Path;
use std::time::Duration;

/// Largest file of remembered peers, in bytes.
const MAX_PEERS: u64 = 64 * 1024;
/// Most peers remembered.
const REMEMBERED: usize = 64;

/// Where and how the network is entered, beside what `config.toml` says.
#[derive(Debug, Clone, Default)]
pub struct NetOptions {
    /// Bootstrap nodes, in place of those of the configuration.
    pub bootstrap: Vec<String>,
    /// Offer loopback addresses too.
    pub loopback: bool,
}

/// How a peer takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// For as long as one command takes: asks, and keeps nothing for others.
    Client,
    /// Reachable, and keeps records for others.
    Server,
}

/// Starts the overlay of a wallet and waits until it has joined.
pub(crate) async fn enter(
    wallet: &Wallet,
    options: &NetOptions,
    entry: Entry,
    patience: Duration,
) -> Result<Overlay, AgentError> {
    let config = wallet.config();
    let named = if options.bootstrap.is_empty() { &config.bootstrap } else { &options.bootstrap };
    let bootstrap = parse_all(named)?;
    let remembered = remembered_peers(wallet.folder())?;
    if bootstrap.is_empty() && remembered.is_empty() {
        return Err(AgentError::NoBootstrap);
    }
    // A node of its own for each session: the overlay must not be able to tell whose it is.
    let seed = fresh_seed()?;
    let mut overlay = match entry {
        Entry::Client => OverlayConfig::client(seed, bootstrap),
        Entry::Server => OverlayConfig::peer(seed, bootstrap),
    };
    if entry == Entry::Server && !config.listen.is_empty() {
        overlay.listen = parse_all(&config.listen)?;
    }
    overlay.known_peers = remembered;
    let overlay = Overlay::start(overlay).await?;
    if let Err(error) = overlay.join(patience).await {
        // The node would go on trying; the one who asked has to know.
        let _ = overlay.shutdown().await;
        return Err(error.into());
    }
    Ok(overlay)
}

/// Starts a bootstrap node: a fixed identity and records that survive a restart. With `public_only`, private and loopback
/// addresses that strangers name are never dialled.
///
/// # Errors
/// [`HomeError`] for its folder, and what the overlay says.
pub async fn start_bootstrap(
    folder: &Path,
    listen: Vec<String>,
    join: &[String],
    public_only: bool,
) -> Result<Overlay, AgentError> {
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
    let config = OverlayConfig {
        listen: parse_all(&listen)?,
        mode: Mode::Server,
        store: Some(folder.join("records.db")),
        known_peers: remembered_peers(folder)?,
        private_addresses: !public_only,
        ..OverlayConfig::client(seed, parse_all(join)?)
    };
    Ok(Overlay::start(config).await?)
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

fn fresh_seed() -> Result<[u8; 32], AgentError> {
    use pumasi_crypto::Provider as _;
    let mut random = [0; 32];
    pumasi_crypto::native::NativeProvider.random(&mut random)?;
    let mut seed = [0; 32];
    hkdf_sha256(b"pumasi/overlay/node/1", &random, b"", &mut seed);
    Ok(seed)
}

/// How links find their way, by the configuration.
pub(crate) fn ice(wallet: &Wallet, options: &NetOptions) -> Result<IceConfig, AgentError> {
    let servers = &wallet.config().ice;
    let bad =
        |url: &str, error: pumasi_rtc::UriError| AgentError::Address { text: url.into(), reason: error.to_string() };
    let mut ice = IceConfig { include_loopback: options.loopback || servers.loopback, ..IceConfig::default() };
    for url in &servers.stun {
        ice.stun.push(url.parse().map_err(|error| bad(url, error))?);
    }
    for turn in &servers.turn {
        ice.turn.push(TurnServer::new(&turn.url, &turn.username, &turn.credential).map_err(|e| bad(&turn.url, e))?);
    }
    if servers.relay_only {
        ice.policy = IcePolicy::RelayOnly;
    }
    Ok(ice)
}

impl From<OverlayError> for AgentError {
    fn from(error: OverlayError) -> Self {
        Self::Overlay(error)
    }
}
