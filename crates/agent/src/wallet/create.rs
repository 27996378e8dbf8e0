//! A new identity in an empty folder.

use super::{PROFILE_LIFETIME, Wallet, keep_profile, secrets};
use crate::clock;
use crate::error::AgentError;
use crate::home::{Config, HomeError, Lock, files};
use pumasi_crypto::RsaBits;
use pumasi_crypto::native::NativeProvider;
use pumasi_crypto::password::Password;
use pumasi_identity::{PlainKeys, ProfileDraft, SignedProfile};
use pumasi_ledger::Ledger;
use pumasi_store::SqliteStore;
use std::path::Path;

/// What is chosen for a new identity.
#[derive(Debug, Clone, Default)]
pub struct NewIdentity {
    /// The name that others see when they meet it.
    pub name: Option<String>,
    /// Size of the RSA keys.
    pub rsa: RsaBits,
    /// What `config.toml` begins with.
    pub config: Config,
}

impl Wallet {
    /// Makes an identity in a folder that holds none. The keys come last onto the disk but for the ledger's profile, so a
    /// crash leaves either a whole identity or a folder in which it can be made again.
    ///
    /// # Errors
    /// [`HomeError::Occupied`] when there is one; nothing was changed then.
    pub async fn create(folder: &Path, password: &Password, new: NewIdentity) -> Result<Self, AgentError> {
        files::create_private_folder(folder)?;
        let lock = Lock::take(folder, "init")?;
        if folder.join("ledger.db").exists() {
            return Err(HomeError::Occupied(folder.to_owned()).into());
        }
        let provider = NativeProvider;
        let now = clock::now();
        let plain = PlainKeys::generate(&provider, new.rsa).await?;
        let key_files = plain.seal(&provider, password).await?;
        let keys = plain.import(&provider).await?;
        let draft = ProfileDraft {
            sequence: 1,
            created: now,
            expires: now + PROFILE_LIFETIME,
            name: new.name,
            services: vec![],
        };
        let profile = SignedProfile::sign(&provider, &keys, draft).await?;

        secrets::write_keys(folder, &key_files)?;
        new.config.write(folder)?;
        // The ledger is made under another name: its presence is what says that the identity is whole.
        let unfinished = folder.join("ledger.new");
        remove_database(&unfinished)?;
        let store = SqliteStore::open(&unfinished)?;
        let ledger = Ledger::create(store, provider, *keys.did(), password, now).await?;
        let mut tx = ledger.begin().await?;
        keep_profile(&mut tx, &profile)?;
        ledger.commit(tx).await?;
        drop(ledger); // closes the file, which folds the write-ahead log into it
        let path = folder.join("ledger.db");
        std::fs::rename(&unfinished, &path).map_err(HomeError::io("rename", &unfinished))?;

        let wallet = Self::unlock(folder, password, Some(lock)).await?;
        wallet.write_marker()?;
        Ok(wallet)
    }
}

/// Removes a database that a crash left unfinished, and SQLite's files beside it.
pub(super) fn remove_database(path: &Path) -> Result<(), HomeError> {
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
