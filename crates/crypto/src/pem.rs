//! Private keys in files: `ENCRYPTED PRIVATE KEY` (RFC 7468 §11), PBES2 (RFC 8018) with PBKDF2-HMAC-SHA256 and
//! AES-256-CBC. OpenSSL and Python `cryptography` open them.
//!
//! PBES2 has no authentication. A wrong password shows as bad padding or as bytes that are no private key; both are the
//! same [`CryptoError::Unverified`]. What a decrypted key is good for is checked by whoever knows the public half.

use crate::password::{DerivedKeys, MIN_ROUNDS_READ, PBKDF2_ROUNDS, check_rounds};
use crate::{CryptoError, Provider, pkcs8::MAX_LEN};
use aes::Aes256;
use cbc::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _, block_padding::Pkcs7};
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::{Decode as _, Encode as _, pem};
use pkcs8::pkcs5::pbes2::{EncryptionScheme, Kdf, Parameters, Pbkdf2Params, Pbkdf2Prf};
use pkcs8::{EncryptedPrivateKeyInfoRef, pkcs5};
use zeroize::Zeroizing;

const LABEL: &str = "ENCRYPTED PRIVATE KEY";
/// The longest PEM that is read, in characters: a 4096-bit RSA key takes 3,400.
pub const MAX_PEM: usize = 8_192;

/// What is random in an encrypted private key. Keys of one identity may share the salt, never the IV.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pbes2 {
    /// PBKDF2's salt.
    pub salt: [u8; 16],
    /// AES-CBC's initialisation vector.
    pub iv: [u8; 16],
    /// PBKDF2's rounds: at least [`PBKDF2_ROUNDS`] to encrypt.
    pub rounds: u32,
}

impl Pbes2 {
    /// A random IV with this salt, and [`PBKDF2_ROUNDS`] rounds.
    ///
    /// # Errors
    /// [`CryptoError::Platform`] when there is no entropy.
    pub fn with_salt<P: Provider>(provider: &P, salt: [u8; 16]) -> Result<Self, CryptoError> {
        let mut iv = [0; 16];
        provider.random(&mut iv)?;
        Ok(Self { salt, iv, rounds: PBKDF2_ROUNDS })
    }
}

/// Encrypts a private key (PKCS#8 DER) into PEM, ending with a line feed.
///
/// # Errors
/// [`CryptoError::Malformed`] when the bytes are no private key, [`CryptoError::Rounds`] for fewer than
/// [`PBKDF2_ROUNDS`], and what the provider says.
pub async fn encrypt<P: Provider>(
    provider: &P,
    keys: &mut DerivedKeys,
    pkcs8_der: &[u8],
    pbes2: &Pbes2,
) -> Result<String, CryptoError> {
    if !crate::pkcs8::is_private_key(pkcs8_der) {
        return Err(CryptoError::Malformed("private key"));
    }
    check_rounds(pbes2.rounds, PBKDF2_ROUNDS)?;
    let key = keys.get(provider, &pbes2.salt, pbes2.rounds).await?;
    let cipher = cbc::Encryptor::<Aes256>::new((&*key).into(), (&pbes2.iv).into());
    let encrypted = cipher.encrypt_padded_vec::<Pkcs7>(pkcs8_der);
    Ok(to_pem(&encrypted, pbes2).expect("a key of at most 4,096 bytes has a PEM form"))
}

fn to_pem(encrypted: &[u8], pbes2: &Pbes2) -> Result<String, pkcs8::Error> {
    let parameters = Parameters {
        kdf: Pbkdf2Params::hmac_sha256(pbes2.rounds, &pbes2.salt)?.into(),
        encryption: EncryptionScheme::Aes256Cbc { iv: pbes2.iv },
    };
    let info = EncryptedPrivateKeyInfoRef {
        encryption_algorithm: parameters.into(),
        encrypted_data: OctetStringRef::new(encrypted)?,
    };
    Ok(pem::encode_string(LABEL, pem::LineEnding::LF, &info.to_der()?).map_err(pkcs8::der::Error::from)?)
}

/// An encrypted private key as read from its file, before the password is known.
#[derive(Debug, Clone)]
pub struct EncryptedKey {
    salt: Vec<u8>,
    iv: [u8; 16],
    rounds: u32,
    encrypted: Vec<u8>,
}

impl EncryptedKey {
    /// Reads the PEM.
    ///
    /// # Errors
    /// [`CryptoError::Length`] above [`MAX_PEM`], [`CryptoError::Malformed`] when it is not an encrypted private key,
    /// [`CryptoError::Algorithm`] for another scheme than ours, [`CryptoError::Rounds`] outside the limits.
    pub fn from_pem(text: &str) -> Result<Self, CryptoError> {
        if text.len() > MAX_PEM {
            return Err(CryptoError::Length { what: "encrypted private key", len: text.len(), limit: MAX_PEM });
        }
        const MALFORMED: CryptoError = CryptoError::Malformed("encrypted private key");
        let (label, der) = pem::decode_vec(text.as_bytes()).map_err(|_| MALFORMED)?;
        if label != LABEL {
            return Err(MALFORMED);
        }
        let info = EncryptedPrivateKeyInfoRef::from_der(&der).map_err(|_| MALFORMED)?;
        let (kdf, iv) = match &info.encryption_algorithm {
            pkcs5::EncryptionScheme::Pbes2(Parameters {
                kdf: Kdf::Pbkdf2(kdf @ Pbkdf2Params { prf: Pbkdf2Prf::HmacWithSha256, key_length: None | Some(32), .. }),
                encryption: EncryptionScheme::Aes256Cbc { iv },
            }) => (kdf, *iv),
            other => {
                return Err(CryptoError::Algorithm { field: "encrypted private key", value: other.oid().to_string() });
            }
        };
        check_rounds(kdf.iteration_count, MIN_ROUNDS_READ)?;
        let encrypted = info.encrypted_data.as_bytes();
        if encrypted.is_empty() || !encrypted.len().is_multiple_of(16) || encrypted.len() > MAX_LEN + 16 {
            return Err(MALFORMED);
        }
        Ok(Self { salt: kdf.salt.as_bytes().to_vec(), iv, rounds: kdf.iteration_count, encrypted: encrypted.to_vec() })
    }

    /// Decrypts to PKCS#8 DER.
    ///
    /// # Errors
    /// [`CryptoError::Unverified`] for a wrong password (or a damaged file: they cannot be told apart).
    pub async fn decrypt<P: Provider>(
        &self,
        provider: &P,
        keys: &mut DerivedKeys,
    ) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let key = keys.get(provider, &self.salt, self.rounds).await?;
        let cipher = cbc::Decryptor::<Aes256>::new((&*key).into(), (&self.iv).into());
        match cipher.decrypt_padded_vec::<Pkcs7>(&self.encrypted).map(Zeroizing::new) {
            Ok(der) if crate::pkcs8::is_private_key(&der) => Ok(der),
            _ => Err(CryptoError::Unverified("password of the private key")),
        }
    }
}

/// Reads and decrypts a PEM to PKCS#8 DER.
///
/// # Errors
/// As [`EncryptedKey::from_pem`] and [`EncryptedKey::decrypt`].
pub async fn decrypt<P: Provider>(
    provider: &P,
    keys: &mut DerivedKeys,
    text: &str,
) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    EncryptedKey::from_pem(text)?.decrypt(provider, keys).await
}
