//! A folder of the file system.

use crate::error::AgentError;
use crate::home::{Config, HomeError, Lock, Place, files};
use pumasi_identity::{KeyFiles, MAX_FILES};
use pumasi_ledger::HeadMarker;
use pumasi_store::SqliteStore;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Largest key file, in bytes: an RSA key of 4096 bits takes 3.5 kB.
const MAX_KEY_FILE: u64 = 16 * 1024;
/// The file of the head marker.
const MARKER: &str = "head";
/// Largest head marker, in bytes.
const MAX_MARKER: u64 = 4 * 1024;
/// The ledger. Its presence says that the identity is whole.
const LEDGER: &str = "ledger.db";
/// A ledger that is being made.
const UNFINISHED: &str = "ledger.new";

/// An identity's folder.
pub(crate) struct Home {
    folder: PathBuf,
    /// Absent when it was opened for reading, beside a process that writes.
    lock: Option<Lock>,
}

impl Home {
    /// Makes the folder for a new identity.
    pub(crate) async fn create(place: &Place, doing: &str) -> Result<Self, HomeError> {
        files::create_private_folder(place)?;
        let lock = Lock::take(place, doing)?;
        if place.join(LEDGER).exists() {
            return Err(HomeError::Occupied(place.to_owned()));
        }
        Ok(Self { folder: place.to_owned(), lock: Some(lock) })
    }

    /// Takes the folder of an identity, for writing.
    pub(crate) async fn open(place: &Place, doing: &str) -> Result<Self, HomeError> {
        check_inhabited(place)?;
        Ok(Self { folder: place.to_owned(), lock: Some(Lock::take(place, doing)?) })
    }

    /// Looks into it beside whoever writes.
    pub(crate) fn read_only(place: &Place) -> Result<Self, HomeError> {
        check_inhabited(place)?;
        Ok(Self { folder: place.to_owned(), lock: None })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn is_writable(&self) -> bool {
        self.lock.is_some()
    }

    pub(crate) async fn config(&self) -> Result<Config, HomeError> {
        Config::read(&self.folder)
    }

    pub(crate) async fn write_config(&self, config: &Config) -> Result<(), HomeError> {
        config.write(&self.folder)
    }

    /// The ledger's store.
    pub(crate) async fn store(&self) -> Result<SqliteStore, AgentError> {
        let path = self.folder.join(LEDGER);
        let opened = if self.lock.is_some() { SqliteStore::open(&path) } else { SqliteStore::open_read_only(&path) };
        Ok(opened?)
    }

    /// An empty store for a ledger that is being made. Dropping it closes the file, which folds the write-ahead log into it.
    pub(crate) async fn new_store(&self) -> Result<SqliteStore, AgentError> {
        let unfinished = self.folder.join(UNFINISHED);
        remove_database(&unfinished)?;
        Ok(SqliteStore::open(&unfinished)?)
    }

    /// The ledger that was made becomes the ledger; the identity is whole.
    pub(crate) async fn adopt_store(&self) -> Result<(), HomeError> {
        let unfinished = self.folder.join(UNFINISHED);
        std::fs::rename(&unfinished, self.folder.join(LEDGER)).map_err(HomeError::io("rename", &unfinished))
    }

    /// The encrypted keys.
    pub(crate) async fn read_keys(&self) -> Result<KeyFiles, AgentError> {
        let folder = self.folder.join("keys");
        let listing = std::fs::read_dir(&folder).map_err(HomeError::io("read", &folder))?;
        let mut texts = Vec::new();
        for file in listing.take(4 * MAX_FILES) {
            let path = file.map_err(HomeError::io("read", &folder))?.path();
            if path.extension().is_none_or(|extension| extension != "pem") {
                continue; // an unfinished write, or something of the owner's
            }
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            let bytes = files::read_bounded(&path, MAX_KEY_FILE)?.unwrap_or_default();
            texts.push((name, String::from_utf8_lossy(&bytes).into_owned()));
        }
        Ok(KeyFiles::from_texts(texts)?)
    }

    /// Writes key files, each whole or not at all.
    pub(crate) async fn write_keys(&self, keys: &KeyFiles) -> Result<(), HomeError> {
        let folder = self.folder.join("keys");
        files::create_private_folder(&folder)?;
        for (name, text) in keys.texts() {
            files::write_private(&folder.join(name), text.as_bytes())?;
        }
        Ok(())
    }

    /// Removes the key files that these have replaced.
    pub(crate) async fn remove_other_keys(&self, keys: &KeyFiles) -> Result<(), AgentError> {
        let keep: BTreeMap<String, &str> = keys.texts().collect();
        for (name, _) in self.read_keys().await?.texts() {
            if !keep.contains_key(&name) {
                let path = self.folder.join("keys").join(&name);
                std::fs::remove_file(&path).map_err(HomeError::io("remove", &path))?;
            }
        }
        Ok(())
    }

    /// The head marker, where there is one.
    pub(crate) async fn read_marker(&self) -> Result<Option<HeadMarker>, HomeError> {
        let path = self.folder.join(MARKER);
        let Some(bytes) = files::read_bounded(&path, MAX_MARKER)? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| HomeError::Config { path, reason: error.to_string() })
    }

    pub(crate) async fn write_marker(&self, marker: &HeadMarker) -> Result<(), HomeError> {
        let text = serde_json::to_vec(marker).expect("a marker is plain data");
        files::write_private(&self.folder.join(MARKER), &text)
    }

    pub(crate) async fn remove_marker(&self) -> Result<(), HomeError> {
        let path = self.folder.join(MARKER);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(HomeError::io("remove", &path)(error)),
            _ => Ok(()),
        }
    }
}

fn check_inhabited(folder: &Path) -> Result<(), HomeError> {
    if folder.join(LEDGER).exists() { Ok(()) } else { Err(HomeError::Empty(folder.to_owned())) }
}

/// Removes a database that a crash left unfinished, and SQLite's files beside it.
fn remove_database(path: &Path) -> Result<(), HomeError> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match std::fs::remove_file(&name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(HomeError::io("remove", Path::new(&name))(error));
            }
            _ => {}
        }
    }
    Ok(())
}
