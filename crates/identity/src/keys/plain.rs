//! Private keys as bytes: only while they are made, locked, or imported.

use super::{KeyError, KeyFiles, KeyName, MAX_FILES, PrivateKeys};
use crate::Did;
use pumasi_crypto::password::{DerivedKeys, Password};
use pumasi_crypto::pem::{self, Pbes2};
use pumasi_crypto::{CryptoError, Provider, RsaBits, pkcs8};
use std::collections::BTreeMap;
use std::fmt;
use zeroize::Zeroizing;

/// Unencrypted private keys (PKCS#8 DER), wiped when dropped. They go to [`seal`](Self::seal) and nowhere else.
pub struct PlainKeys(pub(super) BTreeMap<KeyName, Zeroizing<Vec<u8>>>);

impl PlainKeys {
    /// Makes the keys of a new identity: Ed25519, X25519, and two RSA keys of this size. The RSA keys take from a tenth
    /// of a second (2048) to seconds (4096).
    ///
    /// # Errors
    /// [`KeyError::Crypto`] when the platform refuses.
    pub async fn generate<P: Provider>(provider: &P, bits: RsaBits) -> Result<Self, KeyError> {
        let mut secret = Zeroizing::new([0; 32]);
        provider.random(&mut *secret)?;
        let did = pkcs8::from_ed25519_seed(&secret);
        provider.random(&mut *secret)?;
        let agreement = pkcs8::from_x25519_secret(&secret);
        let mut keys = Self(BTreeMap::from([(KeyName::Did, did), (KeyName::Agreement, agreement)]));
        keys.add_rsa(provider, bits, 1).await?;
        Ok(keys)
    }

    /// Encrypts each key into its file. All share one salt, so that unlocking costs one PBKDF2.
    ///
    /// # Errors
    /// [`KeyError::EmptyPassword`], [`KeyError::Crypto`].
    pub async fn seal<P: Provider>(&self, provider: &P, password: &Password) -> Result<KeyFiles, KeyError> {
        if password.is_empty() {
            return Err(KeyError::EmptyPassword);
        }
        let mut salt = [0; 16];
        provider.random(&mut salt)?;
        let mut derived = DerivedKeys::new(password.clone());
        let mut files = BTreeMap::new();
        for (name, der) in &self.0 {
            let pbes2 = Pbes2::with_salt(provider, salt)?;
            files.insert(*name, pem::encrypt(provider, &mut derived, der, &pbes2).await?);
        }
        Ok(KeyFiles(files))
    }

    /// Hands the keys to the provider.
    ///
    /// # Errors
    /// [`KeyError::Damaged`] when a key is not what its name says.
    pub async fn import<P: Provider>(&self, provider: &P) -> Result<PrivateKeys<P>, KeyError> {
        let der = |name| self.0.get(&name).map(|der| der.as_slice());
        let (did_der, agreement_der) = (der(KeyName::Did), der(KeyName::Agreement));
        let did_der = did_der.ok_or(KeyError::Missing { file: "did.pem" })?;
        let agreement_der = agreement_der.ok_or(KeyError::Missing { file: "agreement.pem" })?;
        let (signing_name, signing_der) = self.newest_signing().ok_or(KeyError::Missing { file: "signing-<n>.pem" })?;

        let ed25519 = provider.import_ed25519(did_der).await.map_err(damaged(KeyName::Did))?;
        let did = Did::from_ed25519(provider.ed25519_public(&ed25519));
        let x25519 = provider.import_x25519(agreement_der).await.map_err(damaged(KeyName::Agreement))?;
        let signing = provider.import_rsa_signing(signing_der).await.map_err(damaged(signing_name))?;
        let mut unwrap = Vec::new();
        for (name, der) in self.0.iter().filter(|(name, _)| matches!(name, KeyName::Unwrap(_))).rev() {
            let key = provider.import_rsa_unwrap(der).await.map_err(damaged(*name))?;
            let kid = crate::profile::unwrap_id(&did, &provider.rsa_unwrap_public(&key));
            unwrap.push((kid, key));
        }
        if unwrap.is_empty() {
            return Err(KeyError::Missing { file: "unwrap-<n>.pem" });
        }
        Ok(PrivateKeys { did, ed25519, x25519, signing, unwrap })
    }

    /// Adds a new pair of RSA keys, and drops the signing keys before it: nothing is ever signed with those again. The
    /// keys that unwrap stay, except the oldest when there are too many.
    pub(super) async fn rotate<P: Provider>(&mut self, provider: &P, bits: RsaBits) -> Result<(), KeyError> {
        let newest = self.0.keys().filter_map(|name| match name {
            KeyName::Signing(n) | KeyName::Unwrap(n) => Some(*n),
            KeyName::Did | KeyName::Agreement => None,
        });
        let next = newest.max().unwrap_or(0).checked_add(1).ok_or(CryptoError::Platform("key generation 2^32"))?;
        self.0.retain(|name, _| !matches!(name, KeyName::Signing(_)));
        self.add_rsa(provider, bits, next).await?;
        while self.0.len() > MAX_FILES {
            let oldest = self.0.keys().copied().find(|name| matches!(name, KeyName::Unwrap(_)));
            self.0.remove(&oldest.expect("all but three files are keys that unwrap"));
        }
        Ok(())
    }

    async fn add_rsa<P: Provider>(&mut self, provider: &P, bits: RsaBits, generation: u32) -> Result<(), KeyError> {
        self.0.insert(KeyName::Signing(generation), provider.rsa_generate(bits).await?);
        self.0.insert(KeyName::Unwrap(generation), provider.rsa_generate(bits).await?);
        Ok(())
    }

    fn newest_signing(&self) -> Option<(KeyName, &[u8])> {
        let mut signing = self.0.iter().rev().filter(|(name, _)| matches!(name, KeyName::Signing(_)));
        signing.next().map(|(name, der)| (*name, der.as_slice()))
    }
}

fn damaged(name: KeyName) -> impl FnOnce(CryptoError) -> KeyError {
    move |source| KeyError::Damaged { file: name.to_string(), source }
}

/// Names only.
impl fmt::Debug for PlainKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}
