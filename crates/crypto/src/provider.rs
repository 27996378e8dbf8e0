use crate::{CryptoError, MaybeSend, MaybeSync, RsaBits, RsaPublicKey};
use std::future::Future;
use zeroize::Zeroizing;

/// The platform's cryptography: `NativeProvider` (aws-lc-rs) or `WebProvider` (WebCrypto).
///
/// Keys are handles; in a browser they are non-extractable `CryptoKey`s. A handle is cheap to clone.
pub trait Provider: Clone + MaybeSend + MaybeSync + 'static {
    /// An identity's Ed25519 key, the one behind its DID.
    type Ed25519Key: Clone + MaybeSend + MaybeSync;
    /// An identity's X25519 key.
    type X25519Key: Clone + MaybeSend + MaybeSync;
    /// An RSA key that signs (PS256) and does nothing else.
    type RsaSigningKey: Clone + MaybeSend + MaybeSync;
    /// An RSA key that unwraps (RSA-OAEP-256) and does nothing else.
    type RsaUnwrapKey: Clone + MaybeSend + MaybeSync;

    /// Fills `out` from the platform's random generator.
    ///
    /// # Errors
    /// [`CryptoError::Platform`] when there is no entropy.
    fn random(&self, out: &mut [u8]) -> Result<(), CryptoError>;

    /// Makes an RSA private key: PKCS#8 DER (unencrypted, so encrypt it before it leaves memory).
    fn rsa_generate(&self, bits: RsaBits) -> impl Future<Output = Result<Zeroizing<Vec<u8>>, CryptoError>> + MaybeSend;

    /// Imports a private key from PKCS#8 DER.
    fn import_ed25519(&self, pkcs8: &[u8]) -> impl Future<Output = Result<Self::Ed25519Key, CryptoError>> + MaybeSend;
    /// Imports a private key from PKCS#8 DER.
    fn import_x25519(&self, pkcs8: &[u8]) -> impl Future<Output = Result<Self::X25519Key, CryptoError>> + MaybeSend;
    /// Imports a private key from PKCS#8 DER.
    fn import_rsa_signing(
        &self,
        pkcs8: &[u8],
    ) -> impl Future<Output = Result<Self::RsaSigningKey, CryptoError>> + MaybeSend;
    /// Imports a private key from PKCS#8 DER.
    fn import_rsa_unwrap(
        &self,
        pkcs8: &[u8],
    ) -> impl Future<Output = Result<Self::RsaUnwrapKey, CryptoError>> + MaybeSend;

    /// The public half.
    fn ed25519_public(&self, key: &Self::Ed25519Key) -> [u8; 32];
    /// The public half.
    fn x25519_public(&self, key: &Self::X25519Key) -> [u8; 32];
    /// The public half.
    fn rsa_signing_public(&self, key: &Self::RsaSigningKey) -> RsaPublicKey;
    /// The public half.
    fn rsa_unwrap_public(&self, key: &Self::RsaUnwrapKey) -> RsaPublicKey;

    /// Signs with Ed25519 (RFC 8032).
    fn ed25519_sign(
        &self,
        key: &Self::Ed25519Key,
        message: &[u8],
    ) -> impl Future<Output = Result<[u8; 64], CryptoError>> + MaybeSend;
    /// Agrees on a shared secret with X25519; a public key of small order is an error.
    fn x25519_agree(
        &self,
        key: &Self::X25519Key,
        public: &[u8; 32],
    ) -> impl Future<Output = Result<Zeroizing<[u8; 32]>, CryptoError>> + MaybeSend;

    /// RSASSA-PSS with SHA-256, MGF1-SHA-256 and a salt of 32 bytes (PS256, RFC 7518 §3.5).
    fn rsa_pss_sign(
        &self,
        key: &Self::RsaSigningKey,
        message: &[u8],
    ) -> impl Future<Output = Result<Vec<u8>, CryptoError>> + MaybeSend;
    /// Checks PS256.
    fn rsa_pss_verify(
        &self,
        key: &RsaPublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> impl Future<Output = Result<(), CryptoError>> + MaybeSend;
    /// RSA-OAEP with SHA-256 and MGF1-SHA-256 (RSA-OAEP-256, RFC 7518 §4.3).
    fn rsa_oaep_wrap(
        &self,
        key: &RsaPublicKey,
        plaintext: &[u8],
    ) -> impl Future<Output = Result<Vec<u8>, CryptoError>> + MaybeSend;
    /// Opens RSA-OAEP-256. Every failure is the same [`CryptoError::Unverified`].
    fn rsa_oaep_unwrap(
        &self,
        key: &Self::RsaUnwrapKey,
        ciphertext: &[u8],
    ) -> impl Future<Output = Result<Zeroizing<Vec<u8>>, CryptoError>> + MaybeSend;

    /// AES-256-GCM; the 16-byte tag is at the end of the result.
    fn aes256gcm_seal(
        &self,
        key: &[u8; 32],
        nonce: &[u8; 12],
        aad: &[u8],
        plaintext: &[u8],
    ) -> impl Future<Output = Result<Vec<u8>, CryptoError>> + MaybeSend;
    /// Opens AES-256-GCM.
    fn aes256gcm_open(
        &self,
        key: &[u8; 32],
        nonce: &[u8; 12],
        aad: &[u8],
        sealed: &[u8],
    ) -> impl Future<Output = Result<Zeroizing<Vec<u8>>, CryptoError>> + MaybeSend;

    /// PBKDF2-HMAC-SHA256 (RFC 8018) into 32 bytes, over the password's bytes as given (callers normalise to NFC).
    fn pbkdf2_sha256(
        &self,
        password: &[u8],
        salt: &[u8],
        rounds: u32,
    ) -> impl Future<Output = Result<Zeroizing<[u8; 32]>, CryptoError>> + MaybeSend;
}

/// The longest plaintext that RSA-OAEP-256 takes, in bytes (RFC 8017 §7.1.1).
pub(crate) fn oaep_capacity(bits: RsaBits) -> usize {
    bits.bytes() - 2 * 32 - 2
}
