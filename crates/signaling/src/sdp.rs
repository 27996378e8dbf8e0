use crate::SignalError;
use miniz_oxide::{deflate, inflate};
use pumasi_crypto::b64;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// The longest session description, in bytes of text.
pub const MAX_SDP: usize = 3_072;
/// How hard to compress: the descriptions are short, so as hard as there is.
const LEVEL: u8 = 9;

/// A session description (RFC 8866) of at most [`MAX_SDP`] bytes. On the wire it is raw DEFLATE (RFC 1951) in base64url.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sdp(String);

impl Sdp {
    /// Takes a description.
    ///
    /// # Errors
    /// [`SignalError::SdpTooLong`].
    pub fn new(text: impl Into<String>) -> Result<Self, SignalError> {
        let text = text.into();
        if text.len() > MAX_SDP {
            return Err(SignalError::SdpTooLong { len: text.len() });
        }
        Ok(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Serialize for Sdp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&b64::encode(deflate::compress_to_vec(self.0.as_bytes(), LEVEL)))
    }
}

impl<'de> Deserialize<'de> for Sdp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let packed = b64::decode("sdp", text).map_err(D::Error::custom)?;
        // Stops at the limit, so that a small text cannot grow to gigabytes here.
        let bytes = inflate::decompress_to_vec_with_limit(&packed, MAX_SDP)
            .map_err(|_| D::Error::custom("sdp: not DEFLATE, or longer than allowed"))?;
        String::from_utf8(bytes).map(Self).map_err(|_| D::Error::custom("sdp: not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_at_the_limit_passes_and_a_longer_one_does_not() {
        let longest = Sdp::new("a".repeat(MAX_SDP)).unwrap();
        let wire = serde_json::to_string(&longest).unwrap();
        assert_eq!(serde_json::from_str::<Sdp>(&wire).unwrap(), longest);
        assert_eq!(Sdp::new("a".repeat(MAX_SDP + 1)), Err(SignalError::SdpTooLong { len: MAX_SDP + 1 }));
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = b64::encode(deflate::compress_to_vec(&vec![0; 2_000_000], LEVEL));
        assert!(serde_json::from_str::<Sdp>(&format!("{bomb:?}")).is_err());
    }
}
