//! The notes' format: one JSON document in one Fernet token, under PBKDF2 of a password and a salt.

use super::{Document, FILE, FORMAT, VERSION, file};
use crate::LedgerError;
use crate::keys::{random, seal};
use pumasi_crypto::fernet::{self, FernetKey};
use pumasi_crypto::password::{PBKDF2_ROUNDS, Password};
use pumasi_crypto::{Provider, b64};
use pumasi_units::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Longest file that is read, in bytes.
pub const MAX_EXPORT_BYTES: usize = 512 * 1024 * 1024;
const KDF: &str = "PBKDF2-HMAC-SHA256";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    format: String,
    version: u32,
    kdf: Kdf,
    token: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kdf {
    name: String,
    rounds: u32,
    salt: String,
}

pub(super) fn check_size(len: usize) -> Result<(), LedgerError> {
    let limit = MAX_EXPORT_BYTES;
    if len > limit { Err(LedgerError::TooLarge { what: FILE, len, limit }) } else { Ok(()) }
}

impl Document {
    /// Encrypts the document under a password, which need not be the ledger's. Costs one PBKDF2.
    ///
    /// # Errors
    /// What the provider says.
    pub async fn to_sealed<P: Provider>(
        &self,
        provider: &P,
        password: &Password,
        now: Timestamp,
    ) -> Result<Vec<u8>, LedgerError> {
        let json = Zeroizing::new(self.to_json()?);
        let salt: [u8; 16] = random(provider)?;
        let key = FernetKey::from_bytes(*password.derive(provider, &salt, PBKDF2_ROUNDS).await?);
        let sealed = Sealed {
            format: FORMAT.into(),
            version: VERSION,
            kdf: Kdf { name: KDF.into(), rounds: PBKDF2_ROUNDS, salt: b64::encode(salt) },
            token: fernet::to_text(&seal(provider, &key, &json, now)?),
        };
        serde_json::to_vec(&sealed).map_err(|e| crate::tx::record(FILE, &e))
    }

    /// Opens an encrypted document and checks it as [`from_json`](Self::from_json) does.
    ///
    /// # Errors
    /// [`LedgerError::WrongPassword`] (also when the token was changed: the two cannot be told apart),
    /// [`LedgerError::File`], [`LedgerError::TooLarge`].
    pub async fn from_sealed<P: Provider>(
        provider: &P,
        bytes: &[u8],
        password: &Password,
    ) -> Result<Self, LedgerError> {
        check_size(bytes.len())?;
        let sealed: Sealed = serde_json::from_slice(bytes).map_err(|e| file(e.to_string()))?;
        if sealed.format != FORMAT || sealed.version != VERSION || sealed.kdf.name != KDF {
            return Err(file("not an export of a version that this program knows".into()));
        }
        let salt = b64::decode("salt", &sealed.kdf.salt)?;
        let token = fernet::from_text(&sealed.token)?;
        let key = FernetKey::from_bytes(*password.derive(provider, &salt, sealed.kdf.rounds).await?);
        let json = key.open(&token).map_err(|_| LedgerError::WrongPassword)?;
        Self::from_json(&json)
    }
}
