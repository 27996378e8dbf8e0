//! One identity without a network: its keys, contacts and ledger.
//!
//! The online half ([`Agent`](crate::Agent)) takes a wallet and gives it back when it stops.

mod audit;
mod contacts;
mod copies;
mod create;
mod payments;
mod secrets;
mod trust;

pub use contacts::Found;
pub use create::NewIdentity;
pub use payments::{Direction, Payment, State};

use crate::clock;
use crate::error::AgentError;
use crate::home::{Config, Home, Place};
use crate::platform::PlatformProvider;
use pumasi_crypto::password::Password;
use pumasi_identity::{Did, PrivateKeys, ProfileDraft, Service, SignedProfile};
use pumasi_ledger::Ledger;
use pumasi_ledger::store::Space;
use pumasi_units::Millis;
use serde::Serialize;
use serde::de::DeserializeOwned;
#[cfg(not(target_arch = "wasm32"))]
use std::path::Path;

pub use crate::platform::Books;

const DAY: Millis = 24 * 60 * 60 * 1_000;
/// For how long a profile is signed.
const PROFILE_LIFETIME: Millis = 60 * DAY;
/// A profile with less than this left is signed anew.
const PROFILE_RENEWAL: Millis = 30 * DAY;

/// An open identity.
pub struct Wallet {
    home: Home,
    config: Config,
    provider: PlatformProvider,
    keys: PrivateKeys<PlatformProvider>,
    profile: SignedProfile,
    ledger: Books,
}

impl Wallet {
    /// Opens the identity of a place for writing; `doing` is told to whoever wants the place meanwhile.
    ///
    /// # Errors
    /// [`HomeError::Empty`](crate::home::HomeError::Empty), [`HomeError::Held`](crate::home::HomeError::Held),
    /// [`AgentError::WrongPassword`], and what the ledger says.
    pub async fn open(place: &Place, password: &Password, doing: &str) -> Result<Self, AgentError> {
        let mut wallet = Self::unlock(Home::open(place, doing).await?, password).await?;
        wallet.check_marker().await?;
        wallet.renew_profile().await?;
        Ok(wallet)
    }

    /// Opens it for reading only. Another process may be writing.
    ///
    /// # Errors
    /// As [`Wallet::open`], but never [`HomeError::Held`](crate::home::HomeError::Held).
    #[cfg(not(target_arch = "wasm32"))]
    pub async fn open_read_only(place: &Place, password: &Password) -> Result<Self, AgentError> {
        Self::unlock(Home::read_only(place)?, password).await
    }

    async fn unlock(home: Home, password: &Password) -> Result<Self, AgentError> {
        let config = home.config().await?;
        let provider = PlatformProvider;
        let store = home.store().await?;
        let files = home.read_keys().await?;
        // Two slow derivations, one for the keys and one for the ledger; the machine has more than one core.
        let opening = {
            let password = password.clone();
            pumasi_rt::spawn(async move { Ledger::open(store, provider, &password).await })
        };
        let mut keys = files.unlock(&provider, password).await;
        let ledger = opening.await.expect("opening a ledger does not panic")?;
        if home.is_writable() {
            secrets::finish_password_change(&home, &ledger, password).await?;
            if keys.is_err() {
                keys = home.read_keys().await?.unlock(&provider, password).await;
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
        Ok(Self { home, config, provider, keys, profile, ledger })
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
    pub fn keys(&self) -> &PrivateKeys<PlatformProvider> {
        &self.keys
    }

    /// The platform's cryptography.
    #[must_use]
    pub fn provider(&self) -> &PlatformProvider {
        &self.provider
    }

    /// The ledger.
    #[must_use]
    pub fn ledger(&self) -> &Books {
        &self.ledger
    }

    /// The configuration, as it was when the wallet was opened.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The folder.
    #[must_use]
    #[cfg(not(target_arch = "wasm32"))]
    pub fn folder(&self) -> &Path {
        self.home.folder()
    }

    /// The database.
    #[must_use]
    #[cfg(target_arch = "wasm32")]
    pub fn place(&self) -> &Place {
        self.home.place()
    }

    /// Whether it can be written.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.home.is_writable()
    }

    /// Signs the next profile and keeps it, together with the one before as evidence for what that one signed.
    pub(crate) async fn sign_profile(&mut self, name: Option<String>) -> Result<(), AgentError> {
        self.sign(name, self.profile.services().to_vec()).await
    }

    async fn sign(&mut self, name: Option<String>, services: Vec<Service>) -> Result<(), AgentError> {
        let now = clock::now();
        let draft = ProfileDraft {
            sequence: self.profile.sequence() + 1,
            created: now,
            expires: now + PROFILE_LIFETIME,
            name,
            services,
        };
        let profile = SignedProfile::sign(&self.provider, &self.keys, draft).await?;
        let mut tx = self.ledger.begin().await?;
        keep_profile(&mut tx, &profile)?;
        self.ledger.commit(tx).await?;
        self.profile = profile;
        Ok(())
    }

    /// Takes another configuration.
    ///
    /// # Errors
    /// What the place says; the configuration is as it was.
    pub async fn set_config(&mut self, config: Config) -> Result<(), AgentError> {
        self.home.write_config(&config).await?;
        self.config = config;
        Ok(())
    }

    /// A choice of the owner, kept in the ledger's store under a name.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn setting<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, AgentError> {
        Ok(self.ledger.get(Space::Setting, name.as_bytes()).await?)
    }

    /// Keeps a choice of the owner.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn set_setting<T: Serialize>(&self, name: &str, value: &T) -> Result<(), AgentError> {
        let mut tx = self.ledger.begin().await?;
        tx.put(Space::Setting, name.as_bytes(), value)?;
        self.ledger.commit(tx).await?;
        Ok(())
    }

    /// Publishes where others find something of mine: signs a profile with exactly these services, if it has others now.
    /// Says whether it had.
    ///
    /// # Errors
    /// [`AgentError::Profile`] when one is out of bounds, and what the ledger says.
    pub async fn set_services(&mut self, services: Vec<Service>) -> Result<bool, AgentError> {
        if self.profile.services() == services {
            return Ok(false);
        }
        self.sign(self.profile.name().map(str::to_owned), services).await?;
        Ok(true)
    }

    async fn renew_profile(&mut self) -> Result<(), AgentError> {
        if self.profile.expires().since(clock::now()) >= PROFILE_RENEWAL {
            return Ok(());
        }
        self.sign_profile(self.profile.name().map(str::to_owned)).await
    }

    /// Refuses a ledger that was put back from an older copy without saying so.
    async fn check_marker(&self) -> Result<(), AgentError> {
        match self.home.read_marker().await? {
            Some(marker) => Ok(self.ledger.check_marker(&marker).await?),
            None => Ok(()),
        }
    }

    /// Writes the head marker beside the ledger. It may lag behind; it must never be ahead.
    ///
    /// # Errors
    /// What the place says.
    pub async fn write_marker(&self) -> Result<(), AgentError> {
        if self.home.is_writable() {
            self.home.write_marker(&self.ledger.marker()).await?;
        }
        Ok(())
    }
}

/// Keeps a profile twice: as the newest of its DID, and as evidence under its digest.
pub(crate) fn keep_profile(tx: &mut pumasi_ledger::Tx, profile: &SignedProfile) -> Result<(), AgentError> {
    tx.put(Space::Profile, profile.did().public(), profile)?;
    tx.put(Space::Document, &profile.digest().0, profile)?;
    Ok(())
}
