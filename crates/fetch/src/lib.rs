//! One bounded HTTPS request, native or in a browser.
//!
//! Directories, gateways and signalling endpoints are run by strangers. So a request has a deadline, an answer has a
//! limit that is kept while it is read, redirects are not followed, nothing is cached and no cookie is sent. Addresses
//! are `https:`; plain `http:` is for this machine alone.
//!
//! What an answer means, and whether it is true, is for the caller to check: TLS names a host, not a person.

mod error;
mod message;

#[cfg(not(target_arch = "wasm32"))]
#[path = "native.rs"]
mod platform;
#[cfg(target_arch = "wasm32")]
#[path = "web.rs"]
mod platform;

pub use error::FetchError;
pub use message::{Method, Request, Response};

use std::time::Duration;

/// Longest body that is sent, in bytes.
pub const MAX_REQUEST: usize = 256 * 1024;
/// The limit of an answer's body when the request names none, in bytes.
pub const DEFAULT_LIMIT: usize = 256 * 1024;
/// Longest address, in bytes.
pub const MAX_URL: usize = 2_048;

/// How requests are made.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long one request may take, from the first packet to the last byte of the answer.
    pub timeout: Duration,
    /// Certificates (PEM) of authorities that are trusted beside those of the system, such as the one that
    /// `pumasi tls dev` makes. A browser has its own store and takes none.
    pub roots: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(15), roots: Vec::new() }
    }
}

/// Makes requests. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Client(platform::Client);

impl Client {
    /// A client.
    ///
    /// # Errors
    /// [`FetchError::Root`] when a certificate of [`Options::roots`] cannot be read.
    pub fn new(options: Options) -> Result<Self, FetchError> {
        platform::Client::new(options).map(Self)
    }

    /// Asks, and reads the answer whole. An answer with a status such as 404 is an answer, not an error.
    ///
    /// # Errors
    /// [`FetchError`]: whether anything was received by the other side cannot be known, unless it says so.
    pub async fn send(&self, request: Request) -> Result<Response, FetchError> {
        request.check()?;
        self.0.send(request).await
    }
}
