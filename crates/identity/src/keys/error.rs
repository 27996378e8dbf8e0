use pumasi_crypto::CryptoError;

/// Why private keys cannot be made, locked or unlocked. Never carries key material.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The password does not open the keys. A damaged file looks the same. Nothing was changed.
    #[error("keys: the password does not open {file}")]
    WrongPassword {
        /// The first file that it does not open.
        file: String,
    },
    /// An empty password protects nothing.
    #[error("keys: the password is empty")]
    EmptyPassword,
    /// A file that must be there is not.
    #[error("keys: {file} is missing")]
    Missing {
        /// Its name; `<n>` stands for any number.
        file: &'static str,
    },
    /// A name that is not one of a key file.
    #[error("keys: {file:?} is not the name of a key file")]
    UnknownName {
        /// The name, cut to 64 characters.
        file: String,
    },
    /// More files than an identity ever has.
    #[error("keys: {count} files, the limit is {limit}")]
    TooMany {
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A file holds something else than the key that its name promises.
    #[error("keys: {file} does not hold what its name says")]
    Damaged {
        /// Its name.
        file: String,
        /// What was found.
        source: CryptoError,
    },
    /// The platform refused (no entropy, no WebCrypto).
    #[error("keys: the platform refused")]
    Crypto(#[from] CryptoError),
}
