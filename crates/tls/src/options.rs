use crate::{AcmeOptions, TlsError};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How to listen.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the certificate comes from. Without one the listener speaks plain HTTP.
    pub identity: Option<Identity>,
    /// A proxy on this machine or in this private network does the TLS and names the client in `X-Forwarded-For`. Plain
    /// HTTP is then allowed on any address, and limits go by the client that the proxy names.
    pub behind_proxy: bool,
    /// What strangers can make us hold.
    pub limits: Limits,
}

impl Options {
    /// Plain HTTP on a loopback address, or anything else once the fields are set.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self { listen, identity: None, behind_proxy: false, limits: Limits::default() }
    }

    /// Checks what can be checked before listening.
    ///
    /// # Errors
    /// [`TlsError::PlainOutside`]; [`TlsError::Option`] for bad ACME options.
    pub fn check(&self) -> Result<(), TlsError> {
        match &self.identity {
            None if !self.behind_proxy && !self.listen.ip().is_loopback() => {
                Err(TlsError::PlainOutside { address: self.listen })
            }
            Some(Identity::Acme(acme)) => acme.check(),
            None | Some(Identity::Files { .. }) => Ok(()),
        }
    }
}

/// Where the certificate comes from.
#[derive(Debug, Clone)]
pub enum Identity {
    /// Two PEM files. They are read again when they change, so that whatever renews them needs to tell nobody.
    Files {
        /// The certificate and those between it and its authority, the leaf first.
        chain: PathBuf,
        /// The private key: PKCS#8, SEC1 or PKCS#1.
        key: PathBuf,
    },
    /// From an authority that speaks ACME (RFC 8555), proven by TLS-ALPN-01 (RFC 8737) on this very listener.
    Acme(AcmeOptions),
}

/// What strangers can make a listener hold, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Open connections. More wait in the system's queue.
    pub connections: usize,
    /// Open connections of one source. More are closed at once.
    pub connections_per_source: usize,
    /// For the TLS handshake.
    pub handshake: Duration,
    /// For the whole head of a request, and between two requests on one connection.
    pub head: Duration,
    /// From the head of a request to the head of its response; the request's body is read in that time too.
    pub request: Duration,
    /// Without a byte in or out, in whatever phase. Longer than [`request`](Self::request), or it never applies.
    pub idle: Duration,
    /// Header fields of a request.
    pub headers: usize,
    /// Bytes that the head of a request may have.
    pub head_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_024,
            connections_per_source: 64,
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(15),
            request: Duration::from_secs(45),
            idle: Duration::from_secs(60),
            headers: 64,
            head_bytes: 16 * 1_024,
        }
    }
}
