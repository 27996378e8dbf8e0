//! `pumasi:request:<base64url>`: a signed request as a link, or as the content of a QR code.

use crate::envelope::{OpenError, Verified};
use crate::limits::MAX_LINK_BYTES;
use crate::message::Request;
use pumasi_crypto::b64;

/// What the link begins with.
pub const LINK_PREFIX: &str = "pumasi:request:";

/// Why a text is not a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// Does not begin with [`LINK_PREFIX`].
    #[error("request link: does not begin with {LINK_PREFIX}")]
    Prefix,
    /// Longer than a link may be.
    #[error("request link: {len} bytes, the limit is {MAX_LINK_BYTES}")]
    TooLong {
        /// Its length.
        len: usize,
    },
    /// Not base64url, or what is inside is not a request that its sender signed. It may be cut off.
    #[error("request link: {0}")]
    Request(#[from] OpenError),
}

impl Verified<Request> {
    /// The link: [`LINK_PREFIX`] and the compact JWS in base64url.
    #[must_use]
    pub fn to_link(&self) -> String {
        format!("{LINK_PREFIX}{}", b64::encode(self.document()))
    }

    /// Reads a link and checks the signature of the request in it.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn from_link(link: &str) -> Result<Self, LinkError> {
        if link.len() > MAX_LINK_BYTES {
            return Err(LinkError::TooLong { len: link.len() });
        }
        let encoded = link.trim().strip_prefix(LINK_PREFIX).ok_or(LinkError::Prefix)?;
        let document = b64::decode("request link", encoded).map_err(OpenError::Crypto)?;
        let document = std::str::from_utf8(&document).map_err(|_| OpenError::NotText)?;
        Ok(Self::request(document)?)
    }
}
