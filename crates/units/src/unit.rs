use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Longest text of a unit, in bytes: a name of 16 and the DID of its issuer.
const MAX_UNIT_BYTES: usize = 128;
/// Longest name of an issued unit, in bytes.
const MAX_NAME_BYTES: usize = 16;

/// ISO 4217 codes with a number of decimals other than two (ISO 4217:2015 list one).
const OTHER_DECIMALS: &[(&str, u8)] = &[
    ("BIF", 0),
    ("CLP", 0),
    ("DJF", 0),
    ("GNF", 0),
    ("ISK", 0),
    ("JPY", 0),
    ("KMF", 0),
    ("KRW", 0),
    ("PYG", 0),
    ("RWF", 0),
    ("UGX", 0),
    ("UYI", 0),
    ("VND", 0),
    ("VUV", 0),
    ("XAF", 0),
    ("XOF", 0),
    ("XPF", 0),
    ("BHD", 3),
    ("IQD", 3),
    ("JOD", 3),
    ("KWD", 3),
    ("LYD", 3),
    ("OMR", 3),
    ("TND", 3),
    ("CLF", 4),
    ("UYW", 4),
];

/// What an amount counts.
///
/// On the wire and on screen it is its text: `KRW`, `BTC`, or `hours@did:key:z6Mk…` for a unit that a DID issues.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unit(String);

/// Why a text is not a unit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnitError {
    /// Neither three capital letters nor `name@did:key:…`.
    #[error("unit: {0:?} is neither an ISO 4217 code, BTC, nor name@did:key:…")]
    Malformed(String),
    /// Longer than a unit may be.
    #[error("unit: {0} bytes, the limit is {MAX_UNIT_BYTES}")]
    TooLong(usize),
}

impl Unit {
    /// Bitcoin, counted in satoshi.
    #[must_use]
    pub fn btc() -> Self {
        Self("BTC".into())
    }

    /// South Korean won, which has no smaller part.
    #[must_use]
    pub fn krw() -> Self {
        Self("KRW".into())
    }

    /// The text of the unit, as it goes on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How many decimals people write: 0 for KRW, 2 for USD, 8 for BTC, 0 for issued units.
    #[must_use]
    pub fn decimals(&self) -> u8 {
        if self.0 == "BTC" {
            return 8;
        }
        if self.issuer().is_some() {
            return 0;
        }
        OTHER_DECIMALS.iter().find(|(code, _)| *code == self.0).map_or(2, |(_, decimals)| *decimals)
    }

    /// Whether value in this unit is settled on the Bitcoin chain rather than owed by its signer.
    #[must_use]
    pub fn is_bitcoin(&self) -> bool {
        self.0 == "BTC"
    }

    /// The DID that issues this unit, where it is not a currency.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.0.split_once('@').map(|(_, did)| did)
    }
}

impl FromStr for Unit {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        if text.len() > MAX_UNIT_BYTES {
            return Err(UnitError::TooLong(text.len()));
        }
        let well_formed = match text.split_once('@') {
            None => text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase()),
            Some((name, did)) => {
                (1..=MAX_NAME_BYTES).contains(&name.len())
                    && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                    && did
                        .strip_prefix("did:key:z")
                        .is_some_and(|key| !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric()))
            }
        };
        if well_formed { Ok(Self(text.to_owned())) } else { Err(UnitError::Malformed(text.to_owned())) }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Unit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Unit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
