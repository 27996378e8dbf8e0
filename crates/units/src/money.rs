use crate::Unit;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// The largest amount, in smallest parts: 10^18, which leaves room to add a few in 64 signed bits.
pub const MAX_MINOR: u64 = 1_000_000_000_000_000_000;

/// A whole number of a unit's smallest part.
///
/// JSON: `{"amount":"12000","unit":"KRW"}` (the amount is a string, so that no reader rounds it).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Money {
    minor: u64,
    unit: Unit,
}

/// Why a text is not an amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MoneyError {
    /// Not `<number> <unit>`.
    #[error("amount: {0:?} is not a number and a unit, such as 12,000 KRW")]
    Malformed(String),
    /// The unit part is not a unit.
    #[error(transparent)]
    Unit(#[from] crate::UnitError),
    /// More decimals than the unit has.
    #[error("amount: {unit} has {allowed} decimals, {given} were given")]
    TooPrecise {
        /// The unit.
        unit: Unit,
        /// Decimals the unit has.
        allowed: u8,
        /// Decimals in the text.
        given: usize,
    },
    /// Above [`MAX_MINOR`].
    #[error("amount: above the limit of {MAX_MINOR} smallest parts")]
    TooLarge,
    /// A payment of nothing.
    #[error("amount: zero; the least is one smallest part")]
    Zero,
}

impl Money {
    /// An amount of `minor` smallest parts.
    ///
    /// # Errors
    /// [`MoneyError::TooLarge`] above [`MAX_MINOR`]. Zero is allowed here (a balance can be zero).
    pub fn new(minor: u64, unit: Unit) -> Result<Self, MoneyError> {
        if minor > MAX_MINOR { Err(MoneyError::TooLarge) } else { Ok(Self { minor, unit }) }
    }

    /// The count of smallest parts.
    #[must_use]
    pub fn minor(&self) -> u64 {
        self.minor
    }

    /// The unit.
    #[must_use]
    pub fn unit(&self) -> &Unit {
        &self.unit
    }
}

/// Reads amounts as people write them: `12,000 KRW`, `12000KRW`, `0.00012 BTC`, `₩12,000`, `12,000원`.
impl FromStr for Money {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let malformed = || MoneyError::Malformed(text.chars().take(64).collect());
        let trimmed = text.trim();
        let (number, unit) = if let Some(rest) = trimmed.strip_prefix('₩') {
            (rest, Unit::krw())
        } else if let Some(rest) = trimmed.strip_suffix('원') {
            (rest, Unit::krw())
        } else {
            let split = trimmed.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(malformed)?;
            let (number, unit) = trimmed.split_at(split);
            (number, unit.trim().parse()?)
        };
        let number = number.trim();
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if number.contains('.') && fraction.is_empty() {
            return Err(malformed());
        }
        let whole = ungroup(whole).ok_or_else(malformed)?;
        if !fraction.bytes().all(|b| b.is_ascii_digit()) {
            return Err(malformed());
        }
        let allowed = unit.decimals();
        if fraction.len() > usize::from(allowed) {
            return Err(MoneyError::TooPrecise { unit, allowed, given: fraction.len() });
        }
        let digits = format!("{whole}{fraction:0<width$}", width = usize::from(allowed));
        let minor = digits.parse().map_err(|_| MoneyError::TooLarge)?;
        Self::new(minor, unit)
    }
}

/// Takes thousands separators out; they must stand where thousands are.
fn ungroup(whole: &str) -> Option<String> {
    let mut groups = whole.split(',');
    let first = groups.next()?;
    let grouped = whole.contains(',');
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !digits(first) || (grouped && first.len() > 3) {
        return None;
    }
    let mut out = first.to_owned();
    for group in groups {
        if group.len() != 3 || !digits(group) {
            return None;
        }
        out.push_str(group);
    }
    Some(out)
}

/// `12,000 KRW`, `0.00012000 BTC`: separators in the whole part, and all of the unit's decimals.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = 10_u64.pow(u32::from(self.unit.decimals()));
        let whole = (self.minor / scale).to_string();
        for (i, digit) in whole.chars().enumerate() {
            if i > 0 && (whole.len() - i).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        if scale > 1 {
            write!(f, ".{:0width$}", self.minor % scale, width = usize::from(self.unit.decimals()))?;
        }
        write!(f, " {}", self.unit)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    amount: String,
    unit: Unit,
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Wire { amount: self.minor.to_string(), unit: self.unit.clone() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let Wire { amount, unit } = Wire::deserialize(deserializer)?;
        let canonical = amount == "0" || (!amount.starts_with('0') && amount.bytes().all(|b| b.is_ascii_digit()));
        if !canonical {
            return Err(D::Error::custom("amount: not a decimal number without leading zeros"));
        }
        let minor = amount.parse().map_err(|_| D::Error::custom("amount: too large"))?;
        Self::new(minor, unit).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(u64, String), MoneyError> {
        text.parse::<Money>().map(|m| (m.minor(), m.unit().to_string()))
    }

    #[test]
    fn reads_amounts_as_people_write_them() {
        for text in ["12,000 KRW", "12000KRW", " 12000 KRW ", "₩12,000", "12,000원", "12000 원"] {
            assert_eq!(read(text), Ok((12_000, "KRW".into())), "{text}");
        }
        assert_eq!(read("0.00012 BTC"), Ok((12_000, "BTC".into())));
        assert_eq!(read("1,234.5 USD"), Ok((123_450, "USD".into())));
        assert_eq!(read("3 hours@did:key:z6Mk"), Ok((3, "hours@did:key:z6Mk".into())));
    }

    #[test]
    fn refuses_what_could_be_read_two_ways() {
        for text in
            ["12.000 KRW", "1,2 USD", "1,0000 KRW", "-5 KRW", "5", "KRW", "1. USD", "１２ KRW", "1e3 KRW", ",100 KRW"]
        {
            assert!(read(text).is_err(), "{text}");
        }
        assert_eq!(read("1000000000000000001 KRW"), Err(MoneyError::TooLarge));
        assert_eq!(read("99999999999999999999999 KRW"), Err(MoneyError::TooLarge));
    }

    #[test]
    fn shows_separators_and_every_decimal_and_reads_back_what_it_shows() {
        for (minor, unit, shown) in [
            (12_000, "KRW", "12,000 KRW"),
            (0, "KRW", "0 KRW"),
            (999, "KRW", "999 KRW"),
            (123_456_789, "USD", "1,234,567.89 USD"),
            (12_000, "BTC", "0.00012000 BTC"),
            (MAX_MINOR, "KRW", "1,000,000,000,000,000,000 KRW"),
        ] {
            let money = Money::new(minor, unit.parse().unwrap()).unwrap();
            assert_eq!(money.to_string(), shown);
            assert_eq!(shown.parse::<Money>().unwrap(), money);
        }
    }

    #[test]
    fn json_carries_the_amount_as_a_canonical_string() {
        let json = |text| serde_json::from_str::<Money>(text);
        assert_eq!(json(r#"{"amount":"12000","unit":"KRW"}"#).unwrap().to_string(), "12,000 KRW");
        for bad in [
            r#"{"amount":12000,"unit":"KRW"}"#,
            r#"{"amount":"012","unit":"KRW"}"#,
            r#"{"amount":"+1","unit":"KRW"}"#,
            r#"{"amount":"1","unit":"krw"}"#,
            r#"{"amount":"1","unit":"KRW","x":1}"#,
            r#"{"amount":"","unit":"KRW"}"#,
        ] {
            assert!(json(bad).is_err(), "{bad}");
        }
    }
}
