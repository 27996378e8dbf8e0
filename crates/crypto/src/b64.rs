//! Base64url without padding (RFC 4648 §5), strict in both directions.

use crate::CryptoError;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Encodes without padding.
#[must_use]
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes; padding, line breaks, and trailing bits that are not zero are refused.
///
/// # Errors
/// [`CryptoError::Malformed`] with `field`, the name to show.
pub fn decode(field: &'static str, text: impl AsRef<[u8]>) -> Result<Vec<u8>, CryptoError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| CryptoError::Malformed(field))
}
