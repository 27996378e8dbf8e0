//! A node of the overlay for sharing and fetching alone.

use crate::AgentError;
use crate::home::Config;
use crate::net::{Entry, NetOptions, enter_as, fresh_seed, remember_peers};
use pumasi_content::provider::{EntryError, MAX_ADDRESS, MAX_ADDRESSES, ProviderEntry};
use pumasi_crypto::ed25519::EphemeralSigner;
use pumasi_overlay::{Overlay, OverlayError};
use pumasi_units::{Millis, Timestamp};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroize as _;

/// How long entering the overlay may take.
const JOIN: Duration = Duration::from_secs(15);

/// A running node whose key nobody can connect with a person. Clones are handles to the same node.
#[derive(Clone)]
pub struct ContentNode {
    overlay: Overlay,
    signer: Arc<EphemeralSigner>,
    folder: PathBuf,
    loopback: bool,
}

impl ContentNode {
    /// Enters the overlay, as the configuration and the remembered peers in a folder say. No password is needed, and the
    /// folder need not be there.
    ///
    /// # Errors
    /// [`AgentError::NoBootstrap`], [`AgentError::Home`], and what the overlay says.
    pub async fn enter(folder: &Path, options: &NetOptions, entry: Entry) -> Result<Self, AgentError> {
        let config = Config::read(folder)?;
        let mut seed = fresh_seed()?;
        let signer = Arc::new(EphemeralSigner::from_seed(&seed));
        let entered = enter_as(seed, folder, &config, options, entry, JOIN).await;
        seed.zeroize();
        let loopback = options.loopback || config.ice.loopback;
        Ok(Self { overlay: entered?, signer, folder: folder.to_owned(), loopback })
    }

    /// The node.
    #[must_use]
    pub fn overlay(&self) -> &Overlay {
        &self.overlay
    }

    /// Its Ed25519 public key.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.signer.public()
    }

    /// Where others reach it, as far as it knows: at most as many addresses as an entry holds.
    ///
    /// # Errors
    /// What the overlay says.
    pub async fn addresses(&self) -> Result<Vec<String>, OverlayError> {
        let told = self.overlay.status().await?.reach.addresses;
        let texts = told.iter().map(ToString::to_string);
        // Loopback leads others to themselves.
        let loopback = |text: &str| text.starts_with("/ip4/127.") || text.starts_with("/ip6/::1/");
        let good = |text: &String| text.len() <= MAX_ADDRESS && (self.loopback || !loopback(text));
        Ok(texts.filter(good).take(MAX_ADDRESSES).collect())
    }

    /// An entry that says that this node has what lies under a key.
    pub(super) fn entry(
        &self,
        key: &[u8; 32],
        addresses: Vec<String>,
        now: Timestamp,
        life: Millis,
    ) -> Result<Vec<u8>, EntryError> {
        let sign = |bytes: &[u8]| self.signer.sign(bytes);
        ProviderEntry::sign(key, &self.public(), addresses, now, now + life, super::random_u32(), sign)
    }

    /// Leaves the overlay, and keeps the way back where there is a folder.
    pub async fn leave(self) {
        if self.folder.is_dir()
            && let Err(error) = remember_peers(&self.folder, &self.overlay).await
        {
            tracing::debug!(%error, "no peers remembered");
        }
        if let Err(error) = self.overlay.shutdown().await {
            tracing::debug!(%error, "the overlay did not stop cleanly");
        }
    }
}
