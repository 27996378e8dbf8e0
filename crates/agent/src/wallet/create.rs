//! A new identity in an empty folder.

use super::{PROFILE_LIFETIME, Wallet, keep_profile};
use crate::clock;
use crate::error::AgentError;
use crate::home::{Config, Home, Place};
use crate::platform::PlatformProvider;
use pumasi_crypto::RsaBits;
use pumasi_crypto::password::Password;
use pumasi_identity::{PlainKeys, ProfileDraft, SignedProfile};
use pumasi_ledger::Ledger;

/// What is chosen for a new identity.
#[derive(Debug, Clone, Default)]
pub struct NewIdentity {
    /// The name that others see when they meet it.
    pub name: Option<String>,
    /// Size of the RSA keys.
    pub rsa: RsaBits,
    /// What the configuration begins with.
    pub config: Config,
}

impl Wallet {
    /// Makes an identity in a place that holds none. The keys come last onto the disk but for the ledger's profile, so a
    /// crash leaves either a whole identity or a place in which it can be made again.
    ///
    /// # Errors
    /// [`HomeError::Occupied`](crate::home::HomeError::Occupied) when there is one; nothing was changed then.
    pub async fn create(place: &Place, password: &Password, new: NewIdentity) -> Result<Self, AgentError> {
        let home = Home::create(place, "init").await?;
        let provider = PlatformProvider;
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

        home.write_keys(&key_files).await?;
        home.write_config(&new.config).await?;
        // The ledger is made apart: its being there is what says that the identity is whole.
        let ledger = Ledger::create(home.new_store().await?, provider, *keys.did(), password, now).await?;
        let mut tx = ledger.begin().await?;
        keep_profile(&mut tx, &profile)?;
        ledger.commit(tx).await?;
        drop(ledger);
        Self::settle(&home, &profile).await?;

        let wallet = Self::unlock(home, password).await?;
        wallet.write_marker().await?;
        Ok(wallet)
    }

    /// The identity is whole: its ledger takes its place.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) async fn settle(home: &Home, _: &SignedProfile) -> Result<(), AgentError> {
        Ok(home.adopt_store().await?)
    }

    /// The identity is whole: it is listed.
    #[cfg(target_arch = "wasm32")]
    pub(super) async fn settle(home: &Home, profile: &SignedProfile) -> Result<(), AgentError> {
        home.list(*profile.did(), profile.name()).await
    }
}
