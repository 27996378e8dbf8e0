//! One identity without a network: its keys, contacts and ledger.
//!
//! The online half ([`Agent`](crate::Agent)) takes a wallet and gives it back when it stops.

mod audit;
mod contacts;
mod copies;
mod create;
mod payments;
mod secrets;

pub use contacts::Found;
pub use create::NewIdentity;
pub use payments::{Direction, Payment, State};

use crate::clock;
use crate::error::AgentError;
use crate::home::{Config, HomeError, Lock, files};
use pumasi_crypto::native::NativeProvider;
use pumasi_crypto::password::Password;
use pumasi_identity::{Did, PrivateKeys, ProfileDraft, SignedProfile};
use pumasi_ledger::store::Space;
use pumasi_ledger::{HeadMarker, Ledger};
use pumasi_store::SqliteStore;
use pumasi_units::Millis;
use std::path::{Path, PathBuf};

/// The ledger as it is on this machine.
pub type Books = Ledger<SqliteStore, NativeProvider>;

const DAY: Millis = 24 * 60 * 60 * 1_000;
/// For how long a profile is signed.
const PROFILE_LIFETIME: Millis = 60 * DAY;
/// A profile with less than this left is signed anew.
const PROFILE_RENEWAL: Millis = 30 * DAY;
/// The file of the head marker.
const MARKER: &str = "head";
/// Largest head marker, in bytes.
const MAX_MARKER: u64 = 4 * 1024;

/// An open identity.
pub struct Wallet {
    folder: PathBuf,
    /// Absent when it was opened for reading, beside a process that writes.
    lock: Option<Lock>,
    config: Config,
    provider: NativeProvider,
    keys: PrivateKeys<NativeProvider>,
    profile: SignedProfile,
    ledger: Books,
}

impl Wallet {
    /// Opens the identity of a folder for writing; `doing` is told to whoever wants the folder meanwhile.
    ///
    /// # Errors
    /// [`HomeError::Empty`], [`HomeError::Held`], [`AgentError::WrongPassword`], and what the ledger says.
    pub async fn open(folder: &Path, password: &Password, doing: &str) -> Result<Self, AgentError> {
        check_inhabited(folder)?;
        let lock = Lock::take(folder, doing)?;
        let mut wallet = Self::unlock(folder, password, Some(lock)).await?;
        wallet.check_marker().await?;
        wallet.renew_profile().await?;
        Ok(wallet)
    }

    /// Opens it for reading only. Another process may be writing.
    ///
    /// # Errors
    /// As [`Wallet::open`], but never [`HomeError::Held`].
    pub async fn open_read_only(folder: &Path, password: &Password) -> Result<Self, AgentError> {
        check_inhabited(folder)?;
        Self::unlock(folder, password, None).await
    }

    async fn unlock(folder: &Path, password: &Password, lock: Option<Lock>) -> Result<Self, AgentError> {
        let config = Config::read(folder)?;
        let provider = NativeProvider;
        let path = folder.join("ledger.db");
        let store = if lock.is_some() { SqliteStore::open(&path) } else { SqliteStore::open_read_only(&path) };
        let files = secrets::read_keys(folder)?;
        // Two slow derivations, one for the keys and one for the ledger; the machine has more than one core.
        let opening = {
            let (store, password) = (store?, password.clone());
            tokio::spawn(async move { Ledger::open(store, provider, &password).await })
        };
        let mut keys = files.unlock(&provider, password).await;
        let ledger = opening.await.expect("opening a ledger does not panic")?;
        if lock.is_some() {
            secrets::finish_password_change(folder, &ledger, password).await?;
            if keys.is_err() {
                keys = secrets::read_keys(folder)?.unlock(&provider, password).await;
            }
        }
        let keys = keys?;
        let profile = ledger
            .get(Space::Profile, keys.did().public())
            .await?
            .ok_or(AgentError::Incomplete { what: "the profile of this identity" })?;
        if ledger.owner() != *keys.did() {
            return Err(AgentError::OtherOwner { ledger: ledger.owner(), keys: *keys.did() });
        }
        Ok(Self { folder: folder.to_owned(), lock, config, provider, keys, profile, ledger })
    }

    /// Who this is.
    #[must_use]
    pub fn did(&self) -> Did {
        *self.keys.did()
    }

    /// The profile that others see.
    #[must_use]
    pub fn profile(&self) -> &SignedProfile {
        &self.profile
    }

    /// The private keys, as handles.
    #[must_use]
    pub fn keys(&self) -> &PrivateKeys<NativeProvider> {
        &self.keys
    }

    /// The platform's cryptography.
    #[must_use]
    pub fn provider(&self) -> &NativeProvider {
        &self.provider
    }

    /// The ledger.
    #[must_use]
    pub fn ledger(&self) -> &Books {
        &self.ledger
    }

    /// The configuration, as it was when the folder was opened.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether it can be written.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.lock.is_some()
    }

    /// Signs the next profile and keeps it, together with the one before as evidence for what that one signed.
    pub(crate) async fn sign_profile(&mut self, name: Option<String>) -> Result<(), AgentError> {
        let now = clock::now();
        let draft = ProfileDraft {
            sequence: self.profile.sequence() + 1,
            created: now,
            expires: now + PROFILE_LIFETIME,
            name,
            services: self.profile.services().to_vec(),
        };
        let profile = SignedProfile::sign(&self.provider, &self.keys, draft).await?;
        let mut tx = self.ledger.begin().await?;
        keep_profile(&mut tx, &profile)?;
        self.ledger.commit(tx).await?;
        self.profile = profile;
        Ok(())
    }

    async fn renew_profile(&mut self) -> Result<(), AgentError> {
        if self.profile.expires().since(clock::now()) >= PROFILE_RENEWAL {
            return Ok(());
        }
        self.sign_profile(self.profile.name().map(str::to_owned)).await
    }

    /// Refuses a ledger that was put back from an older copy without saying so.
    async fn check_marker(&self) -> Result<(), AgentError> {
        match read_marker(&self.folder)? {
            Some(marker) => Ok(self.ledger.check_marker(&marker).await?),
            None => Ok(()),
        }
    }

    /// Writes the head marker beside the ledger. It may lag behind; it must never be ahead.
    ///
    /// # Errors
    /// [`HomeError::Io`].
    pub fn write_marker(&self) -> Result<(), AgentError> {
        if self.lock.is_some() {
            let marker = serde_json::to_vec(&self.ledger.marker()).expect("a marker is plain data");
            files::write_private(&self.folder.join(MARKER), &marker)?;
        }
        Ok(())
    }
}

/// The head marker of a folder, where there is one.
fn read_marker(folder: &Path) -> Result<Option<HeadMarker>, HomeError> {
    let path = folder.join(MARKER);
    let Some(bytes) = files::read_bounded(&path, MAX_MARKER)? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| HomeError::Config { path, reason: error.to_string() })
}

/// Keeps a profile twice: as the newest of its DID, and as evidence under its digest.
pub(crate) fn keep_profile(tx: &mut pumasi_ledger::Tx, profile: &SignedProfile) -> Result<(), AgentError> {
    tx.put(Space::Profile, profile.did().public(), profile)?;
    tx.put(Space::Document, &profile.digest().0, profile)?;
    Ok(())
}

fn check_inhabited(folder: &Path) -> Result<(), HomeError> {
    if folder.join("ledger.db").exists() { Ok(()) } else { Err(HomeError::Empty(folder.to_owned())) }
}
