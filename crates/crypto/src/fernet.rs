//! Fernet tokens (the format of Python `cryptography`; spec: github.com/fernet/spec), without time to live.
//!
//! A token is `0x80 ‖ seconds (8, big-endian) ‖ IV (16) ‖ AES-128-CBC ‖ HMAC-SHA256 (32)`. The text form is padded
//! base64url; the store keeps the bytes.

use crate::{CryptoError, hash::hmac_sha256};
use aes::Aes128;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use cbc::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _, block_padding::Pkcs7};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, ZeroizeOnDrop, Zeroizing};

const VERSION: u8 = 0x80;
const HEADER: usize = 1 + 8 + 16;
const TAG: usize = 32;

/// A Fernet key: 16 bytes to sign, 16 to encrypt. Wiped when dropped.
#[derive(Clone, ZeroizeOnDrop)]
pub struct FernetKey([u8; 32]);

impl FernetKey {
    /// The key with these bytes: random ones, or what PBKDF2 derived.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads the text form (44 characters, padded base64url).
    ///
    /// # Errors
    /// [`CryptoError::Malformed`] when it is not 32 bytes in base64url.
    pub fn from_text(text: &str) -> Result<Self, CryptoError> {
        let mut bytes = URL_SAFE.decode(text).map_err(|_| CryptoError::Malformed("Fernet key"))?;
        let key = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| CryptoError::Malformed("Fernet key"));
        bytes.zeroize();
        key.map(Self)
    }

    /// The bytes, to wrap the key with another.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Encrypts. `seconds` is the Unix time to write into the token; `iv` must be random.
    #[must_use]
    pub fn seal(&self, plaintext: &[u8], seconds: u64, iv: [u8; 16]) -> Vec<u8> {
        let (signing, encryption) = self.halves();
        let mut token = Vec::with_capacity(HEADER + plaintext.len() + 16 + TAG);
        token.push(VERSION);
        token.extend_from_slice(&seconds.to_be_bytes());
        token.extend_from_slice(&iv);
        let cipher = cbc::Encryptor::<Aes128>::new(encryption.into(), &iv.into());
        token.extend_from_slice(&cipher.encrypt_padded_vec::<Pkcs7>(plaintext));
        let tag = hmac_sha256(signing, &[&token]);
        token.extend_from_slice(&tag.0);
        token
    }

    /// Decrypts, after the tag has been checked.
    ///
    /// # Errors
    /// [`CryptoError::Malformed`] when it is not a token, [`CryptoError::Unverified`] for another key or a changed byte.
    pub fn open(&self, token: &[u8]) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        if token.len() < HEADER + 16 + TAG || token[0] != VERSION || !(token.len() - HEADER - TAG).is_multiple_of(16) {
            return Err(CryptoError::Malformed("Fernet token"));
        }
        let (signing, encryption) = self.halves();
        let (body, tag) = token.split_at(token.len() - TAG);
        if !bool::from(hmac_sha256(signing, &[body]).0.ct_eq(tag)) {
            return Err(CryptoError::Unverified("Fernet token"));
        }
        let iv: &[u8; 16] = body[9..HEADER].try_into().expect("the header holds an IV of 16 bytes");
        cbc::Decryptor::<Aes128>::new(encryption.into(), iv.into())
            .decrypt_padded_vec::<Pkcs7>(&body[HEADER..])
            .map(Zeroizing::new)
            .map_err(|_| CryptoError::Unverified("Fernet token"))
    }

    fn halves(&self) -> (&[u8; 16], &[u8; 16]) {
        let (signing, encryption) = self.0.split_at(16);
        (signing.try_into().expect("half of 32 bytes"), encryption.try_into().expect("half of 32 bytes"))
    }
}

/// The text form of a token: padded base64url, as Python writes it.
#[must_use]
pub fn to_text(token: &[u8]) -> String {
    URL_SAFE.encode(token)
}

/// Reads the text form.
///
/// # Errors
/// [`CryptoError::Malformed`] when it is not padded base64url.
pub fn from_text(text: &str) -> Result<Vec<u8>, CryptoError> {
    URL_SAFE.decode(text.trim_ascii()).map_err(|_| CryptoError::Malformed("Fernet token"))
}
