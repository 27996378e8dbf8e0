//! Copies of an identity outside its place: exports that others read, and backups that only the password opens.

use super::{Wallet, secrets};
use crate::clock;
use crate::error::AgentError;
use crate::home::{Config, Home, Place};
use crate::platform::PlatformProvider;
use pumasi_crypto::password::Password;
use pumasi_identity::{Did, KeyFiles, SignedProfile};
use pumasi_ledger::Ledger;
use pumasi_ledger::export::{Document, Names};
use pumasi_ledger::memory::MemoryStore;
use pumasi_ledger::store::Space;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{BufRead, Read as _, Write};

const FORMAT: &str = "pumasi-backup";
const VERSION: u32 = 1;
/// Longest first line of a backup, in bytes: 32 key files and the configuration.
const MAX_OPENING: u64 = 1024 * 1024;

/// The first line of a backup; the ledger's own backup follows.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Opening {
    format: String,
    version: u32,
    /// Name and text of each encrypted key file.
    keys: BTreeMap<String, String>,
    config: Config,
}

impl Wallet {
    /// Every entry, checked, and how people are called.
    ///
    /// # Errors
    /// What is wrong with the ledger; an audit names it all.
    pub async fn export(&self) -> Result<(Document, Names), AgentError> {
        let names = self.contacts().await?.into_iter().map(|contact| (contact.did, contact.name)).collect();
        Ok((self.ledger.export().await?, names))
    }

    /// Writes everything (keys, ledger, contacts, configuration) out, so that the password of now opens it.
    ///
    /// # Errors
    /// What the writer and the ledger say.
    pub async fn write_backup(&self, out: &mut impl Write) -> Result<(), AgentError> {
        let keys = secrets::texts(&self.home.read_keys().await?);
        let opening = Opening { format: FORMAT.into(), version: VERSION, keys, config: self.config.clone() };
        let mut bytes = serde_json::to_vec(&opening).expect("an opening is plain data");
        bytes.push(b'\n');
        out.write_all(&bytes).map_err(|error| AgentError::NotKept { reason: error.to_string() })?;
        Ok(self.ledger.backup(out).await?)
    }

    /// Makes the identity of a backup in a place that holds none, or whose ledger is lost. A head marker that is still
    /// there is heeded: the new generation is above it.
    ///
    /// # Errors
    /// [`HomeError::Occupied`](crate::home::HomeError::Occupied), [`AgentError::WrongPassword`],
    /// [`AgentError::NotABackup`]; the place has no identity then.
    pub async fn restore_from(
        place: &Place,
        input: &mut impl BufRead,
        password: &Password,
    ) -> Result<Self, AgentError> {
        let home = Home::create(place, "restore").await?;
        let opening = read_opening(input)?;
        let key_files = KeyFiles::from_texts(opening.keys)?;
        let keys = key_files.unlock(&PlatformProvider, password).await?;
        let marker = home.read_marker().await?;
        let store = home.new_store().await?;
        let ledger = Ledger::restore(store, PlatformProvider, input, password, marker.as_ref(), clock::now()).await?;
        if ledger.owner() != *keys.did() {
            return Err(AgentError::OtherOwner { ledger: ledger.owner(), keys: *keys.did() });
        }
        let profile: Option<SignedProfile> = ledger.get(Space::Profile, keys.did().public()).await?;
        let profile = profile.ok_or(AgentError::Incomplete { what: "the profile of this identity" })?;
        drop(ledger);
        home.write_keys(&key_files).await?;
        home.write_config(&opening.config).await?;
        Self::settle(&home, &profile).await?;
        let wallet = Self::unlock(home, password).await?;
        wallet.write_marker().await?;
        Ok(wallet)
    }
}

impl Wallet {
    /// Whose identity a backup holds; only its password says so.
    ///
    /// # Errors
    /// [`AgentError::NotABackup`], [`AgentError::WrongPassword`].
    pub async fn owner_of_backup(input: &mut impl BufRead, password: &Password) -> Result<Did, AgentError> {
        let opening = read_opening(input)?;
        Ok(*KeyFiles::from_texts(opening.keys)?.unlock(&PlatformProvider, password).await?.did())
    }

    /// Restores a backup of this identity into memory, checks it whole, and throws it away. Gives the number of entries
    /// that it holds.
    ///
    /// # Errors
    /// [`AgentError::NotABackup`], [`AgentError::WrongPassword`], [`AgentError::OtherOwner`], and what is wrong with it.
    pub async fn prove_backup(&self, input: &mut impl BufRead, password: &Password) -> Result<u64, AgentError> {
        let opening = read_opening(input)?;
        let keys = KeyFiles::from_texts(opening.keys)?.unlock(&PlatformProvider, password).await?;
        let now = clock::now();
        let ledger = Ledger::restore(MemoryStore::new(), PlatformProvider, input, password, None, now).await?;
        for owner in [ledger.owner(), *keys.did()] {
            if owner != self.did() {
                return Err(AgentError::OtherOwner { ledger: owner, keys: self.did() });
            }
        }
        // The last entry says that it was restored.
        Ok(ledger.head().sequence - 1)
    }
}

fn read_opening(input: &mut impl BufRead) -> Result<Opening, AgentError> {
    let mut line = String::new();
    input.take(MAX_OPENING).read_line(&mut line).map_err(|_| AgentError::NotABackup)?;
    let opening: Opening = serde_json::from_str(&line).map_err(|_| AgentError::NotABackup)?;
    if opening.format == FORMAT && opening.version == VERSION { Ok(opening) } else { Err(AgentError::NotABackup) }
}

#[cfg(not(target_arch = "wasm32"))]
mod files {
    use crate::clock;
    use crate::error::AgentError;
    use crate::home::{HomeError, files};
    use crate::wallet::{Wallet, keep_profile};
    use pumasi_crypto::password::Password;
    use pumasi_ledger::Ledger;
    use pumasi_ledger::export::Document;
    use std::fs::File;
    use std::io::{BufReader, BufWriter};
    use std::path::Path;

    impl Wallet {
        /// Takes an exported ledger of this identity in place of its empty one. Contacts are not in an export.
        ///
        /// # Errors
        /// [`AgentError::NotEmpty`], [`AgentError::OtherOwner`]; nothing was changed.
        pub async fn import(self, document: Document, password: &Password) -> Result<Self, AgentError> {
            if self.ledger.head().sequence > 1 {
                return Err(AgentError::NotEmpty { entries: self.ledger.head().sequence });
            }
            if document.owner() != self.did() {
                return Err(AgentError::OtherOwner { ledger: document.owner(), keys: self.did() });
            }
            let Self { home, provider, profile, ledger, .. } = self;
            let store = home.new_store().await?;
            let imported = Ledger::import(store, provider, document, password, clock::now()).await?;
            let mut tx = imported.begin().await?;
            keep_profile(&mut tx, &profile)?;
            imported.commit(tx).await?;
            drop((imported, ledger)); // closes both files
            home.adopt_store().await?;
            home.remove_marker().await?; // it is the empty ledger's
            let wallet = Self::unlock(home, password).await?;
            wallet.write_marker().await?;
            Ok(wallet)
        }

        /// Writes everything (keys, ledger, contacts, configuration) into one file, which the password of now opens.
        ///
        /// # Errors
        /// [`HomeError::Io`], and what the ledger says.
        pub async fn backup(&self, path: &Path) -> Result<(), AgentError> {
            let beside = path.with_extension("new");
            {
                let mut out = BufWriter::new(files::create_private(&beside)?);
                self.write_backup(&mut out).await?;
                let file = out.into_inner().map_err(|error| HomeError::io("write", &beside)(error.into_error()))?;
                file.sync_all().map_err(HomeError::io("write", &beside))?;
            }
            std::fs::rename(&beside, path).map_err(HomeError::io("rename", &beside))?;
            Ok(())
        }

        /// As [`restore_from`](Self::restore_from), from a file.
        ///
        /// # Errors
        /// As [`restore_from`](Self::restore_from), and [`HomeError::Io`].
        pub async fn restore(folder: &Path, backup: &Path, password: &Password) -> Result<Self, AgentError> {
            let mut input = BufReader::new(File::open(backup).map_err(HomeError::io("open", backup))?);
            Self::restore_from(folder, &mut input, password).await
        }
    }
}
