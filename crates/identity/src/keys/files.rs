//! Private keys as they lie in a folder: encrypted PEM, one file each.

use super::{KeyError, KeyName, MAX_FILES, PlainKeys, PrivateKeys};
use pumasi_crypto::password::{DerivedKeys, Password};
use pumasi_crypto::{CryptoError, Provider, RsaBits, pem};
use std::collections::BTreeMap;

/// The key files of one identity: `did.pem`, `agreement.pem`, `signing-<n>.pem`, `unwrap-<n>.pem`, each an
/// `ENCRYPTED PRIVATE KEY` that OpenSSL opens. Reading and writing the folder is the driver's work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFiles(pub(super) BTreeMap<KeyName, String>);

impl KeyFiles {
    /// Puts together what was read from a folder: names and texts of its `*.pem`.
    ///
    /// # Errors
    /// [`KeyError::UnknownName`], [`KeyError::TooMany`], [`KeyError::Missing`]. The texts are looked at by
    /// [`unlock`](Self::unlock).
    pub fn from_texts(texts: impl IntoIterator<Item = (String, String)>) -> Result<Self, KeyError> {
        let mut files = BTreeMap::new();
        for (name, text) in texts {
            files.insert(name.parse()?, text);
            if files.len() > MAX_FILES {
                return Err(KeyError::TooMany { count: files.len(), limit: MAX_FILES });
            }
        }
        for (name, file) in [(KeyName::Did, "did.pem"), (KeyName::Agreement, "agreement.pem")] {
            if !files.contains_key(&name) {
                return Err(KeyError::Missing { file });
            }
        }
        Ok(Self(files))
    }

    /// Names and texts, to be written. Each file may be replaced alone (write beside it, then rename).
    pub fn texts(&self) -> impl Iterator<Item = (String, &str)> {
        self.0.iter().map(|(name, text)| (name.to_string(), text.as_str()))
    }

    /// Decrypts the keys and hands them to the provider. One PBKDF2, a fraction of a second.
    ///
    /// # Errors
    /// [`KeyError::WrongPassword`], [`KeyError::Damaged`], [`KeyError::Missing`].
    pub async fn unlock<P: Provider>(&self, provider: &P, password: &Password) -> Result<PrivateKeys<P>, KeyError> {
        self.decrypt(provider, password).await?.import(provider).await
    }

    /// The files with a new pair of RSA keys of this size, which count from the next profile on.
    ///
    /// Write the new files, publish a profile with a higher sequence, then delete the `signing-<n>.pem` that is no
    /// longer listed. Until then an older program state still opens: the password and the DID are the same.
    ///
    /// # Errors
    /// As [`unlock`](Self::unlock); the files at hand are unchanged.
    pub async fn rotate_rsa<P: Provider>(
        &self,
        provider: &P,
        password: &Password,
        bits: RsaBits,
    ) -> Result<Self, KeyError> {
        let mut plain = self.decrypt(provider, password).await?;
        plain.rotate(provider, bits).await?;
        plain.seal(provider, password).await
    }

    /// The files under a new password and salt. They replace the old ones together: a folder that holds some of each
    /// opens with neither password.
    ///
    /// # Errors
    /// As [`unlock`](Self::unlock), and [`KeyError::EmptyPassword`].
    pub async fn change_password<P: Provider>(
        &self,
        provider: &P,
        old: &Password,
        new: &Password,
    ) -> Result<Self, KeyError> {
        if new.is_empty() {
            return Err(KeyError::EmptyPassword);
        }
        self.decrypt(provider, old).await?.seal(provider, new).await
    }

    async fn decrypt<P: Provider>(&self, provider: &P, password: &Password) -> Result<PlainKeys, KeyError> {
        let mut derived = DerivedKeys::new(password.clone());
        let mut keys = BTreeMap::new();
        for (name, text) in &self.0 {
            let der = pem::decrypt(provider, &mut derived, text).await.map_err(|error| match error {
                CryptoError::Unverified(_) => KeyError::WrongPassword { file: name.to_string() },
                source => KeyError::Damaged { file: name.to_string(), source },
            })?;
            keys.insert(*name, der);
        }
        Ok(PlainKeys(keys))
    }
}
