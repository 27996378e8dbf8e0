//! [`WebProvider`]: the platform's cryptography on WebCrypto (W3C Web Cryptography Level 2), in a page or a worker.
//!
//! Private keys become non-extractable `CryptoKey`s: a script that takes over the page can use them while it runs, and
//! cannot carry them away. Their bytes pass through the module's memory once, when they are imported or made.

mod subtle;

use crate::provider::oaep_capacity;
use crate::{CryptoError, Provider, RsaBits, RsaPublicKey, ed25519::EphemeralSigner, pkcs8, x25519::EphemeralSecret};
use subtle::{Algorithm, subtle};
use web_sys::CryptoKey;
use zeroize::Zeroizing;

const PSS: &str = "RSA-PSS";
const OAEP: &str = "RSA-OAEP";
const GCM: &str = "AES-GCM";
const GCM_TAG: usize = 16;

/// The platform's cryptography in a browser. It has no state.
#[derive(Debug, Clone, Copy, Default)]
pub struct WebProvider;

/// A private key of an identity that the browser holds and does not give out.
#[derive(Clone)]
pub struct WebKey<Public> {
    key: CryptoKey,
    public: Public,
}

impl Provider for WebProvider {
    type Ed25519Key = WebKey<[u8; 32]>;
    type X25519Key = WebKey<[u8; 32]>;
    type RsaSigningKey = WebKey<RsaPublicKey>;
    type RsaUnwrapKey = WebKey<RsaPublicKey>;

    fn random(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        let crypto = subtle::crypto()?;
        // Web Cryptography §10.1.1: at most 65,536 bytes in one call.
        for part in out.chunks_mut(65_536) {
            crypto.get_random_values_with_u8_array(part).map_err(|_| CryptoError::Platform("random"))?;
        }
        Ok(())
    }

    async fn rsa_generate(&self, bits: RsaBits) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let algorithm = Algorithm::rsa(OAEP).number("modulusLength", bits.bits()).bytes("publicExponent", &[1, 0, 1]);
        subtle()?.generate_pkcs8(&algorithm, "decrypt").await
    }

    async fn import_ed25519(&self, der: &[u8]) -> Result<Self::Ed25519Key, CryptoError> {
        let public = EphemeralSigner::from_seed(&*pkcs8::ed25519_seed(der)?).public();
        let key = subtle()?.import("pkcs8", der, &Algorithm::new("Ed25519"), "sign").await?;
        Ok(WebKey { key, public })
    }

    async fn import_x25519(&self, der: &[u8]) -> Result<Self::X25519Key, CryptoError> {
        let public = EphemeralSecret::from_random(*pkcs8::x25519_secret(der)?).public();
        let key = subtle()?.import("pkcs8", der, &Algorithm::new("X25519"), "deriveBits").await?;
        Ok(WebKey { key, public })
    }

    async fn import_rsa_signing(&self, der: &[u8]) -> Result<Self::RsaSigningKey, CryptoError> {
        let public = pkcs8::rsa_public(der)?;
        let key = subtle()?.import("pkcs8", der, &Algorithm::rsa(PSS), "sign").await?;
        Ok(WebKey { key, public })
    }

    async fn import_rsa_unwrap(&self, der: &[u8]) -> Result<Self::RsaUnwrapKey, CryptoError> {
        let public = pkcs8::rsa_public(der)?;
        let key = subtle()?.import("pkcs8", der, &Algorithm::rsa(OAEP), "decrypt").await?;
        Ok(WebKey { key, public })
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
        let signature = subtle()?.sign(&Algorithm::new("Ed25519"), &key.key, message).await?;
        signature.try_into().map_err(|_| CryptoError::Platform("Ed25519 signing"))
    }

    async fn x25519_agree(&self, key: &Self::X25519Key, public: &[u8; 32]) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
        const REFUSED: CryptoError = CryptoError::Unverified("X25519 public key");
        let subtle = subtle()?;
        let public = subtle.import("raw", public, &Algorithm::new("X25519"), "").await?;
        let algorithm = Algorithm::new("X25519").value("public", &public);
        // A key of small order is an OperationError (Web Cryptography, X25519 "derive bits").
        subtle.derive_bits(&algorithm, &key.key, REFUSED).await
    }

    async fn rsa_pss_sign(&self, key: &Self::RsaSigningKey, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        subtle()?.sign(&Algorithm::new(PSS).number("saltLength", 32), &key.key, message).await
    }

    async fn rsa_pss_verify(&self, key: &RsaPublicKey, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let subtle = subtle()?;
        let key = subtle.import("spki", key.spki(), &Algorithm::rsa(PSS), "verify").await?;
        if subtle.verify(&Algorithm::new(PSS).number("saltLength", 32), &key, signature, message).await? {
            Ok(())
        } else {
            Err(CryptoError::Unverified("RSA signature"))
        }
    }

    async fn rsa_oaep_wrap(&self, key: &RsaPublicKey, plaintext: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let limit = oaep_capacity(key.bits());
        if plaintext.len() > limit {
            return Err(CryptoError::Length { what: "key to wrap", len: plaintext.len(), limit });
        }
        let subtle = subtle()?;
        let key = subtle.import("spki", key.spki(), &Algorithm::rsa(OAEP), "encrypt").await?;
        subtle.encrypt(&Algorithm::new(OAEP), &key, plaintext).await
    }

    async fn rsa_oaep_unwrap(
        &self,
        key: &Self::RsaUnwrapKey,
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        const REFUSED: CryptoError = CryptoError::Unverified("wrapped key");
        subtle()?.decrypt(&Algorithm::new(OAEP), &key.key, ciphertext, REFUSED).await
    }

    async fn aes256gcm_seal(
        &self,
        key: &[u8; 32],
        nonce: &[u8; 12],
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        let subtle = subtle()?;
        let key = subtle.import("raw", key, &Algorithm::new(GCM), "encrypt").await?;
        subtle.encrypt(&gcm(nonce, aad), &key, plaintext).await
    }

    async fn aes256gcm_open(
        &self,
        key: &[u8; 32],
        nonce: &[u8; 12],
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        const REFUSED: CryptoError = CryptoError::Unverified("AES-GCM tag");
        if sealed.len() < GCM_TAG {
            return Err(REFUSED);
        }
        let subtle = subtle()?;
        let key = subtle.import("raw", key, &Algorithm::new(GCM), "decrypt").await?;
        subtle.decrypt(&gcm(nonce, aad), &key, sealed, REFUSED).await
    }

    async fn pbkdf2_sha256(
        &self,
        password: &[u8],
        salt: &[u8],
        rounds: u32,
    ) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
        const FAILED: CryptoError = CryptoError::Platform("PBKDF2");
        let subtle = subtle()?;
        let key = subtle.import("raw", password, &Algorithm::new("PBKDF2"), "deriveBits").await?;
        let algorithm = Algorithm::sha256("PBKDF2").bytes("salt", salt).number("iterations", rounds as usize);
        subtle.derive_bits(&algorithm, &key, FAILED).await
    }
}

fn gcm(nonce: &[u8; 12], aad: &[u8]) -> Algorithm {
    Algorithm::new(GCM).bytes("iv", nonce).bytes("additionalData", aad).number("tagLength", GCM_TAG * 8)
}

#[cfg(test)]
mod tests {
    use super::WebProvider;
    use crate::{Provider as _, RsaBits, pkcs8};
    use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

    wasm_bindgen_test_configure!(run_in_browser);

    #[wasm_bindgen_test]
    async fn imported_private_keys_cannot_be_taken_out() {
        let rsa = WebProvider.rsa_generate(RsaBits::B2048).await.unwrap();
        let keys = [
            WebProvider.import_ed25519(&pkcs8::from_ed25519_seed(&[1; 32])).await.unwrap().key,
            WebProvider.import_x25519(&pkcs8::from_x25519_secret(&[1; 32])).await.unwrap().key,
            WebProvider.import_rsa_signing(&rsa).await.unwrap().key,
            WebProvider.import_rsa_unwrap(&rsa).await.unwrap().key,
        ];
        for key in keys {
            assert!(!key.extractable());
            assert_eq!((key.type_(), key.usages().length()), ("private".to_owned(), 1));
        }
    }
}
