use super::KeyError;
use std::fmt;
use std::str::FromStr;

/// Which key a file holds. The order is that of the files in a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum KeyName {
    /// The Ed25519 key behind the DID: `did.pem`.
    Did,
    /// The X25519 key: `agreement.pem`.
    Agreement,
    /// An RSA key that signs, of this generation: `signing-<n>.pem`.
    Signing(u32),
    /// An RSA key that unwraps, of this generation: `unwrap-<n>.pem`.
    Unwrap(u32),
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Did => f.write_str("did.pem"),
            Self::Agreement => f.write_str("agreement.pem"),
            Self::Signing(generation) => write!(f, "signing-{generation}.pem"),
            Self::Unwrap(generation) => write!(f, "unwrap-{generation}.pem"),
        }
    }
}

impl FromStr for KeyName {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let generation = |prefix| {
            let number = text.strip_prefix(prefix)?.strip_suffix(".pem")?;
            number.parse().ok().filter(|n: &u32| *n > 0 && n.to_string() == number)
        };
        match text {
            "did.pem" => Ok(Self::Did),
            "agreement.pem" => Ok(Self::Agreement),
            _ => None
                .or_else(|| generation("signing-").map(Self::Signing))
                .or_else(|| generation("unwrap-").map(Self::Unwrap))
                .ok_or_else(|| KeyError::UnknownName { file: text.chars().take(64).collect() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_spelling() {
        for text in ["did.pem", "agreement.pem", "signing-1.pem", "unwrap-12.pem"] {
            assert_eq!(text.parse::<KeyName>().unwrap().to_string(), text);
        }
        for text in
            ["signing-01.pem", "signing-0.pem", "signing-+1.pem", "unwrap-.pem", "../did.pem", "Did.pem", "x.pem"]
        {
            assert!(text.parse::<KeyName>().is_err(), "{text}");
        }
    }
}
