//! [`NativeProvider`]: the platform's cryptography on `aws-lc-rs`.
//!
//! Every future is ready at its first poll: the work is done on the calling thread. Most of it takes under two
//! milliseconds; making an RSA key (up to seconds) and PBKDF2 (a fraction of one) belong on a blocking thread.

use crate::{CryptoError, Provider, RsaBits, RsaPublicKey, pkcs8};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey as AgreementPublicKey, X25519, agree};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{
    KeyPair as RsaKeyPair, KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
    PrivateDecryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _, RSA_PSS_2048_8192_SHA256, RSA_PSS_SHA256, UnparsedPublicKey};
use aws_lc_rs::{pbkdf2, rand};
use std::num::NonZeroU32;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The platform's cryptography, natively. It has no state.
#[derive(Debug, Clone, Copy, Default)]
pub struct NativeProvider;

/// A private key of an identity, shared between clones and freed with the last. Its memory is wiped by `aws-lc`.
pub struct NativeKey<K, Public> {
    key: Arc<K>,
    public: Public,
}

impl<K, Public: Clone> Clone for NativeKey<K, Public> {
    fn clone(&self) -> Self {
        Self { key: Arc::clone(&self.key), public: self.public.clone() }
    }
}

impl<K, Public> NativeKey<K, Public> {
    fn new(key: K, public: Public) -> Self {
        Self { key: Arc::new(key), public }
    }
}

impl Provider for NativeProvider {
    type Ed25519Key = NativeKey<Ed25519KeyPair, [u8; 32]>;
    type X25519Key = NativeKey<PrivateKey, [u8; 32]>;
    type RsaSigningKey = NativeKey<RsaKeyPair, RsaPublicKey>;
    type RsaUnwrapKey = NativeKey<OaepPrivateDecryptingKey, RsaPublicKey>;

    fn random(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        rand::fill(out).map_err(|_| CryptoError::Platform("random"))
    }

    async fn rsa_generate(&self, bits: RsaBits) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        const FAILED: CryptoError = CryptoError::Platform("RSA key generation");
        let size = match bits {
            RsaBits::B2048 => KeySize::Rsa2048,
            RsaBits::B3072 => KeySize::Rsa3072,
            RsaBits::B4096 => KeySize::Rsa4096,
        };
        let pair = RsaKeyPair::generate(size).map_err(|_| FAILED)?;
        let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| FAILED)?;
        Ok(Zeroizing::new(der.as_ref().to_vec()))
    }

    async fn import_ed25519(&self, der: &[u8]) -> Result<Self::Ed25519Key, CryptoError> {
        let seed = pkcs8::ed25519_seed(der)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_| CryptoError::Platform("Ed25519 import"))?;
        let public = pair.public_key().as_ref().try_into().expect("an Ed25519 public key is 32 bytes");
        Ok(NativeKey::new(pair, public))
    }

    async fn import_x25519(&self, der: &[u8]) -> Result<Self::X25519Key, CryptoError> {
        const FAILED: CryptoError = CryptoError::Platform("X25519 import");
        let secret = pkcs8::x25519_secret(der)?;
        let key = PrivateKey::from_private_key(&X25519, &*secret).map_err(|_| FAILED)?;
        let public = key.compute_public_key().map_err(|_| FAILED)?;
        let public = public.as_ref().try_into().expect("an X25519 public key is 32 bytes");
        Ok(NativeKey::new(key, public))
    }

    async fn import_rsa_signing(&self, der: &[u8]) -> Result<Self::RsaSigningKey, CryptoError> {
        let public = pkcs8::rsa_public(der)?;
        let pair = RsaKeyPair::from_pkcs8(der).map_err(|_| CryptoError::Malformed("RSA private key"))?;
        Ok(NativeKey::new(pair, public))
    }

    async fn import_rsa_unwrap(&self, der: &[u8]) -> Result<Self::RsaUnwrapKey, CryptoError> {
        let public = pkcs8::rsa_public(der)?;
        let key = PrivateDecryptingKey::from_pkcs8(der).map_err(|_| CryptoError::Malformed("RSA private key"))?;
        let key = OaepPrivateDecryptingKey::new(key).map_err(|_| CryptoError::Platform("RSA-OAEP import"))?;
        Ok(NativeKey::new(key, public))
    }

    fn ed25519_public(&self, key: &Self::Ed25519Key) -> [u8; 32] {
        key.public
    }

    fn x25519_public(&self, key: &Self::X25519Key) -> [u8; 32] {
        key.public
    }

    fn rsa_signing_public(&self, key: &Self::RsaSigningKey) -> RsaPublicKey {
        key.public.clone()
    }

    fn rsa_unwrap_public(&self, key: &Self::RsaUnwrapKey) -> RsaPublicKey {
        key.public.clone()
    }

    async fn ed25519_sign(&self, key: &Self::Ed25519Key, message: &[u8]) -> Result<[u8; 64], CryptoError> {
        let signature = key.key.try_sign(message).map_err(|_| CryptoError::Platform("Ed25519 signing"))?;
        Ok(signature.as_ref().try_into().expect("an Ed25519 signature is 64 bytes"))
    }

    async fn x25519_agree(&self, key: &Self::X25519Key, public: &[u8; 32]) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
        // aws-lc fails when the result is all zeros, which is what every public key of small order gives (RFC 7748 §6.1).
        const REFUSED: CryptoError = CryptoError::Unverified("X25519 public key");
        agree(&key.key, AgreementPublicKey::new(&X25519, public), REFUSED, |shared| {
            Ok(Zeroizing::new(shared.try_into().expect("an X25519 secret is 32 bytes")))
        })
    }

    async fn rsa_pss_sign(&self, key: &Self::RsaSigningKey, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let mut signature = vec![0; key.public.bits().bytes()];
        key.key
            .sign(&RSA_PSS_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| CryptoError::Platform("RSA signing"))?;
        Ok(signature)
    }

    async fn rsa_pss_verify(&self, key: &RsaPublicKey, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key.spki())
            .verify(message, signature)
            .map_err(|_| CryptoError::Unverified("RSA signature"))
    }

    async fn rsa_oaep_wrap(&self, key: &RsaPublicKey, plaintext: &[u8]) -> Result<Vec<u8>, CryptoError> {
        const FAILED: CryptoError = CryptoError::Platform("RSA-OAEP wrapping");
        let limit = crate::provider::oaep_capacity(key.bits());
        if plaintext.len() > limit {
            return Err(CryptoError::Length { what: "key to wrap", len: plaintext.len(), limit });
        }
        let key = PublicEncryptingKey::from_der(key.spki()).map_err(|_| FAILED)?;
        let key = OaepPublicEncryptingKey::new(key).map_err(|_| FAILED)?;
        let mut wrapped = vec![0; key.ciphertext_size()];
        key.encrypt(&OAEP_SHA256_MGF1SHA256, plaintext, &mut wrapped, None).map_err(|_| FAILED)?;
        Ok(wrapped)
    }

    async fn rsa_oaep_unwrap(
        &self,
        key: &Self::RsaUnwrapKey,
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let mut room = Zeroizing::new(vec![0; key.key.min_output_size()]);
        let plaintext = key
            .key
            .decrypt(&OAEP_SHA256_MGF1SHA256, ciphertext, &mut room, None)
            .map_err(|_| CryptoError::Unverified("wrapped key"))?;
        Ok(Zeroizing::new(plaintext.to_vec()))
    }

    async fn aes256gcm_seal(
        &self,
        key: &[u8; 32],
        nonce: &[u8; 12],
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        let mut sealed = Vec::with_capacity(plaintext.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(plaintext);
        aes_key(key)
            .seal_in_place_append_tag(Nonce::from(nonce), Aad::from(aad), &mut sealed)
            .map_err(|_| CryptoError::Platform("AES-GCM sealing"))?;
        Ok(sealed)
    }

    async fn aes256gcm_open(
        &self,
        key: &[u8; 32],
        nonce: &[u8; 12],
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let mut room = Zeroizing::new(sealed.to_vec());
        let len = aes_key(key)
            .open_in_place(Nonce::from(nonce), Aad::from(aad), &mut room)
            .map_err(|_| CryptoError::Unverified("AES-GCM tag"))?
            .len();
        room.truncate(len);
        Ok(room)
    }

    async fn pbkdf2_sha256(
        &self,
        password: &[u8],
        salt: &[u8],
        rounds: u32,
    ) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
        let rounds = NonZeroU32::new(rounds).ok_or(CryptoError::Platform("PBKDF2 with no rounds"))?;
        let mut key = Zeroizing::new([0; 32]);
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, password, &mut *key);
        Ok(key)
    }
}

fn aes_key(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("AES-256 takes any 32 bytes"))
}
