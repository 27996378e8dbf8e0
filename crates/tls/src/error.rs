use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Why a listener does not serve, or its certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// Plain HTTP was asked for where strangers are.
    #[error("{address} is not a loopback address: name a certificate, or say that a proxy in front of it does the TLS")]
    PlainOutside {
        /// Where it would have listened.
        address: SocketAddr,
    },
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{}: {reason}", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// An option that cannot be followed.
    #[error("{field}: {reason}")]
    Option {
        /// Which option.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The certificate authority, on the way to a certificate.
    #[error("ACME: {0}")]
    Acme(String),
    /// A certificate could not be made.
    #[error("certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// The TLS library refused its configuration.
    #[error("TLS: {0}")]
    Rustls(#[from] rustls::Error),
}

impl TlsError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        |source| Self::Io { path: path.to_owned(), source }
    }

    pub(crate) fn file(path: &Path, reason: impl ToString) -> Self {
        Self::File { path: path.to_owned(), reason: reason.to_string() }
    }
}
