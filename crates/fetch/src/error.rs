//! What can go wrong on the way.

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// Nothing was sent: the address is not one.
    #[error("{url:?} is no https address")]
    Url {
        /// The address, shortened.
        url: String,
    },
    /// Nothing was sent: plain HTTP is for this machine only.
    #[error("{host} must be asked over https; http is for this machine only")]
    Insecure {
        /// The host of the address.
        host: String,
    },
    /// Nothing was sent: a part of the request is too long.
    #[error("{what}: {len} bytes, the limit is {limit}")]
    TooLarge {
        /// Which part.
        what: &'static str,
        /// Its length in bytes.
        len: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Nothing was sent: a header that HTTP does not allow.
    #[error("header {name}: not allowed in HTTP")]
    Header {
        /// Its name.
        name: String,
    },
    /// A certificate among [`Options::roots`](crate::Options::roots) cannot be read.
    #[error("a certificate of a trusted authority cannot be read: {0}")]
    Root(String),
    /// The host cannot be reached, or its certificate is not trusted. A browser does not tell which.
    #[error("{host} cannot be reached: {reason}")]
    Unreachable {
        /// The host of the address.
        host: String,
        /// What the platform says.
        reason: String,
    },
    /// No whole answer in time.
    #[error("{host} did not answer in {seconds} s")]
    Timeout {
        /// The host of the address.
        host: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The answer is longer than the request allows. The rest of it was not read.
    #[error("the answer of {host} is over {limit} bytes")]
    Limit {
        /// The host of the address.
        host: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// The platform cannot make requests here.
    #[error("requests cannot be made here: {0}")]
    Platform(String),
}
