//! Copies of an identity outside its folder: exports that others read, and backups that only the password opens.

use super::{Wallet, create, keep_profile, secrets};
use crate::clock;
use crate::error::AgentError;
use crate::home::{Config, HomeError, Lock, files};
use pumasi_crypto::native::NativeProvider;
use pumasi_crypto::password::Password;
use pumasi_identity::KeyFiles;
use pumasi_ledger::export::{Document, Names};
use pumasi_ledger::{HeadMarker, Ledger};
use pumasi_store::SqliteStore;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::path::Path;

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
        let Self { folder, lock, provider, profile, ledger, .. } = self;
        let unfinished = folder.join("ledger.new");
        create::remove_database(&unfinished)?;
        let imported =
            Ledger::import(SqliteStore::open(&unfinished)?, provider, document, password, clock::now()).await?;
        let mut tx = imported.begin().await?;
        keep_profile(&mut tx, &profile)?;
        imported.commit(tx).await?;
        drop((imported, ledger)); // closes both files
        let path = folder.join("ledger.db");
        std::fs::rename(&unfinished, &path).map_err(HomeError::io("rename", &unfinished))?;
        remove_marker(&folder)?; // it is the empty ledger's
        let wallet = Self::unlock(&folder, password, lock).await?;
        wallet.write_marker()?;
        Ok(wallet)
    }

    /// Writes everything (keys, ledger, contacts, configuration) into one file, which the password of now opens.
    ///
    /// # Errors
    /// [`HomeError::Io`], and what the ledger says.
    pub async fn backup(&self, path: &Path) -> Result<(), AgentError> {
        let keys = secrets::texts(&secrets::read_keys(&self.folder)?);
        let opening = Opening { format: FORMAT.into(), version: VERSION, keys, config: self.config.clone() };
        let mut bytes = serde_json::to_vec(&opening).expect("an opening is plain data");
        bytes.push(b'\n');
        let beside = path.with_extension("new");
        {
            let mut out = BufWriter::new(files::create_private(&beside)?);
            out.write_all(&bytes).map_err(HomeError::io("write", &beside))?;
            self.ledger.backup(&mut out).await?;
            let file = out.into_inner().map_err(|error| HomeError::io("write", &beside)(error.into_error()))?;
            file.sync_all().map_err(HomeError::io("write", &beside))?;
        }
        std::fs::rename(&beside, path).map_err(HomeError::io("rename", &beside))?;
        Ok(())
    }

    /// Makes the identity of a backup in a folder that holds none, or whose ledger is lost. A head marker that is still
    /// there is heeded: the new generation is above it.
    ///
    /// # Errors
    /// [`HomeError::Occupied`], [`AgentError::WrongPassword`], [`AgentError::NotABackup`]; the folder has no identity then.
    pub async fn restore(folder: &Path, backup: &Path, password: &Password) -> Result<Self, AgentError> {
        files::create_private_folder(folder)?;
        let lock = Lock::take(folder, "restore")?;
        if folder.join("ledger.db").exists() {
            return Err(HomeError::Occupied(folder.to_owned()).into());
        }
        let mut input = BufReader::new(File::open(backup).map_err(HomeError::io("open", backup))?);
        let opening = read_opening(&mut input)?;
        let key_files = KeyFiles::from_texts(opening.keys)?;
        let keys = key_files.unlock(&NativeProvider, password).await?;
        let unfinished = folder.join("ledger.new");
        create::remove_database(&unfinished)?;
        let marker: Option<HeadMarker> = super::read_marker(folder)?;
        let store = SqliteStore::open(&unfinished)?;
        let ledger =
            Ledger::restore(store, NativeProvider, &mut input, password, marker.as_ref(), clock::now()).await?;
        if ledger.owner() != *keys.did() {
            return Err(AgentError::OtherOwner { ledger: ledger.owner(), keys: *keys.did() });
        }
        drop(ledger);
        secrets::write_keys(folder, &key_files)?;
        opening.config.write(folder)?;
        let path = folder.join("ledger.db");
        std::fs::rename(&unfinished, &path).map_err(HomeError::io("rename", &unfinished))?;
        let wallet = Self::unlock(folder, password, Some(lock)).await?;
        wallet.write_marker()?;
        Ok(wallet)
    }
}

fn read_opening(input: &mut BufReader<File>) -> Result<Opening, AgentError> {
    let mut line = String::new();
    input.take(MAX_OPENING).read_line(&mut line).map_err(|_| AgentError::NotABackup)?;
    let opening: Opening = serde_json::from_str(&line).map_err(|_| AgentError::NotABackup)?;
    if opening.format == FORMAT && opening.version == VERSION { Ok(opening) } else { Err(AgentError::NotABackup) }
}

fn remove_marker(folder: &Path) -> Result<(), HomeError> {
    let path = folder.join(super::MARKER);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(HomeError::io("remove", &path)(error)),
        _ => Ok(()),
    }
}
