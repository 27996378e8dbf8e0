/// Why a cryptographic operation gave nothing. Never carries key material or plaintext.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CryptoError {
    /// A signature, tag or padding did not verify. Which of them, and why, is not told on purpose.
    #[error("{0}: does not verify")]
    Unverified(&'static str),
    /// The bytes are not of the form that the named thing has.
    #[error("{0}: malformed")]
    Malformed(&'static str),
    /// Longer or shorter than allowed.
    #[error("{what}: {len} bytes, the limit is {limit}")]
    Length {
        /// What has the wrong length.
        what: &'static str,
        /// Its length in bytes.
        len: usize,
        /// The limit, or the only length allowed.
        limit: usize,
    },
    /// An algorithm outside the closed list.
    #[error("{field}: {value:?} is not an accepted algorithm")]
    Algorithm {
        /// The header or field that names it.
        field: &'static str,
        /// What it says, cut to 32 characters.
        value: String,
    },
    /// So few rounds of PBKDF2 that the lock is weak, or so many that opening it would take minutes.
    #[error("PBKDF2: {rounds} rounds, from {min} to {max} are accepted")]
    Rounds {
        /// The rounds asked for.
        rounds: u32,
        /// The fewest allowed here.
        min: u32,
        /// The most allowed.
        max: u32,
    },
    /// The platform refused (no entropy, no WebCrypto, a key of another kind).
    #[error("the platform's cryptography failed at {0}")]
    Platform(&'static str),
}
