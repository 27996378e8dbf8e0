//! `SubtleCrypto` with Rust's types: bytes in, bytes out, and one error for each way to fail.

use crate::CryptoError;
use js_sys::{Array, ArrayBuffer, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Crypto, CryptoKey, CryptoKeyPair, SubtleCrypto};
use zeroize::Zeroizing;

/// An `AlgorithmIdentifier`: the name and parameters of an operation.
pub(super) struct Algorithm(Object);

impl Algorithm {
    pub(super) fn new(name: &str) -> Self {
        Self(Object::new()).value("name", &name.into())
    }

    pub(super) fn sha256(name: &str) -> Self {
        Self::new(name).value("hash", &"SHA-256".into())
    }

    /// An RSA key is imported and made for one scheme and one hash.
    pub(super) fn rsa(name: &str) -> Self {
        Self::sha256(name)
    }

    pub(super) fn value(self, name: &str, value: &JsValue) -> Self {
        Reflect::set(&self.0, &name.into(), value).expect("a new object takes any property");
        self
    }

    pub(super) fn number(self, name: &str, value: usize) -> Self {
        // Sizes and rounds: far below 2^53.
        self.value(name, &JsValue::from_f64(value as f64))
    }

    pub(super) fn bytes(self, name: &str, value: &[u8]) -> Self {
        self.value(name, &Uint8Array::from(value))
    }
}

/// The browser's `crypto`, in a page or a worker.
pub(super) fn crypto() -> Result<Crypto, CryptoError> {
    let crypto = Reflect::get(&js_sys::global(), &"crypto".into()).map_err(|_| CryptoError::Platform("WebCrypto"))?;
    crypto.dyn_into().map_err(|_| CryptoError::Platform("WebCrypto"))
}

/// `crypto.subtle`, which a page has only when it came over HTTPS or from this machine.
pub(super) fn subtle() -> Result<Subtle, CryptoError> {
    let subtle = Reflect::get(crypto()?.as_ref(), &"subtle".into()).map_err(|_| CryptoError::Platform("WebCrypto"))?;
    subtle.dyn_into().map(Subtle).map_err(|_| CryptoError::Platform("WebCrypto outside a secure context"))
}

pub(super) struct Subtle(SubtleCrypto);

impl Subtle {
    /// Imports a key, non-extractable. Without a usage (`""`) it is the public half of an agreement.
    pub(super) async fn import(
        &self,
        format: &str,
        bytes: &[u8],
        algorithm: &Algorithm,
        usage: &str,
    ) -> Result<CryptoKey, CryptoError> {
        const FAILED: CryptoError = CryptoError::Malformed("key to import");
        let data = Uint8Array::from(bytes);
        let promise = self.0.import_key_with_object(format, &data, &algorithm.0, false, &usages(usage));
        let key = wait(promise, FAILED).await;
        wipe(&data);
        Ok(key?.unchecked_into())
    }

    /// Makes a key pair and gives the private key's PKCS#8.
    pub(super) async fn generate_pkcs8(
        &self,
        algorithm: &Algorithm,
        usage: &str,
    ) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        const FAILED: CryptoError = CryptoError::Platform("RSA key generation");
        let pair = wait(self.0.generate_key_with_object(&algorithm.0, true, &usages(usage)), FAILED).await?;
        let private = pair.unchecked_into::<CryptoKeyPair>().get_private_key();
        let pkcs8 = wait(self.0.export_key("pkcs8", &private), FAILED).await?;
        Ok(Zeroizing::new(take_bytes(pkcs8)))
    }

    pub(super) async fn sign(
        &self,
        algorithm: &Algorithm,
        key: &CryptoKey,
        message: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        let promise = self.0.sign_with_object_and_js_u8_array(&algorithm.0, key, &Uint8Array::from(message));
        wait(promise, CryptoError::Platform("signing")).await.map(take_bytes)
    }

    pub(super) async fn verify(
        &self,
        algorithm: &Algorithm,
        key: &CryptoKey,
        signature: &[u8],
        message: &[u8],
    ) -> Result<bool, CryptoError> {
        let (signature, message) = (Uint8Array::from(signature), Uint8Array::from(message));
        let promise =
            self.0.verify_with_object_and_js_u8_array_and_js_u8_array(&algorithm.0, key, &signature, &message);
        Ok(wait(promise, CryptoError::Platform("verifying")).await?.is_truthy())
    }

    pub(super) async fn encrypt(
        &self,
        algorithm: &Algorithm,
        key: &CryptoKey,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        let data = Uint8Array::from(plaintext);
        let promise = self.0.encrypt_with_object_and_js_u8_array(&algorithm.0, key, &data);
        let sealed = wait(promise, CryptoError::Platform("encrypting")).await;
        wipe(&data);
        sealed.map(take_bytes)
    }

    /// Decrypts; when the browser cannot, the error is `refused`.
    pub(super) async fn decrypt(
        &self,
        algorithm: &Algorithm,
        key: &CryptoKey,
        sealed: &[u8],
        refused: CryptoError,
    ) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let promise = self.0.decrypt_with_object_and_js_u8_array(&algorithm.0, key, &Uint8Array::from(sealed));
        wait(promise, refused).await.map(take_bytes).map(Zeroizing::new)
    }

    /// Derives 32 bytes; when the browser cannot, the error is `refused`.
    pub(super) async fn derive_bits(
        &self,
        algorithm: &Algorithm,
        key: &CryptoKey,
        refused: CryptoError,
    ) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
        let bits = wait(self.0.derive_bits_with_object(&algorithm.0, key, 256), refused).await?;
        let bytes = Zeroizing::new(take_bytes(bits));
        bytes.as_slice().try_into().map(Zeroizing::new).map_err(|_| CryptoError::Platform("deriving a key"))
    }
}

fn usages(usage: &str) -> Array {
    if usage.is_empty() { Array::new() } else { Array::of1(&usage.into()) }
}

/// Awaits a promise. What WebCrypto throws for a wrong input is `OperationError` or `DataError`, and tells no more on
/// purpose; everything else (no such algorithm, a key for another use) is the platform's failure.
async fn wait(promise: Result<Promise, JsValue>, refused: CryptoError) -> Result<JsValue, CryptoError> {
    let outcome = match promise {
        Ok(promise) => JsFuture::from(promise).await,
        Err(thrown) => Err(thrown),
    };
    outcome.map_err(|thrown| {
        let name = Reflect::get(&thrown, &"name".into()).ok().and_then(|name| name.as_string());
        match name.as_deref() {
            Some("OperationError" | "DataError") => refused,
            _ => CryptoError::Platform("WebCrypto"),
        }
    })
}

/// Moves bytes out of the browser's heap, leaving zeros there.
fn take_bytes(buffer: JsValue) -> Vec<u8> {
    let array = Uint8Array::new(buffer.unchecked_ref::<ArrayBuffer>());
    let bytes = array.to_vec();
    wipe(&array);
    bytes
}

fn wipe(array: &Uint8Array) {
    array.fill(0, 0, array.length());
}
