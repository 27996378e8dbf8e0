//! Keys, signatures and envelopes.
//!
//! What must be synchronous because a state machine or a DHT node does it for each record (hashing, checking an
//! Ed25519 signature, Fernet tokens) is plain functions here. What touches a private key, RSA, or a password goes
//! through the async [`Provider`], so that the same callers run on `aws-lc-rs` and on WebCrypto.

mod error;
mod platform;
mod provider;
mod rsa;

pub mod b64;
pub mod ed25519;
pub mod fernet;
pub mod hash;
pub mod jcs;
pub mod jose;
pub mod json;
pub mod password;
pub mod pem;
pub mod pkcs8;
pub mod sealed;
pub mod stamp;
pub mod x25519;

#[cfg(not(target_arch = "wasm32"))]
pub mod native;
#[cfg(target_arch = "wasm32")]
pub mod web;

pub use error::CryptoError;
pub use platform::{MaybeSend, MaybeSync};
pub use provider::Provider;
pub use rsa::{RsaBits, RsaPublicKey};

#[cfg(not(target_arch = "wasm32"))]
pub use native::NativeProvider;
#[cfg(target_arch = "wasm32")]
pub use web::WebProvider;
