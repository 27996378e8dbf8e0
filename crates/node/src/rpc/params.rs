//! The parameters of a call, read as the types that methods need.

use bitcoin::hashes::Hash;
use bitcoin::{Amount, BlockHash, Txid};

use super::error::RpcError;
use crate::json::Json;

/// Satoshi in a bitcoin.
const COIN: u64 = 100_000_000;

/// The values of a call, in the order of the method's parameters.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(Vec<Json>);

impl Params {
    pub(super) fn new(values: Vec<Json>) -> Self {
        Self(values)
    }

    /// All values.
    pub(super) fn into_json(self) -> Json {
        Json::Array(self.0)
    }

    /// The value at a position, unless it is missing or null.
    pub(crate) fn get(&self, index: usize) -> Option<&Json> {
        self.0.get(index).filter(|value| !value.is_null())
    }

    /// A text.
    pub(crate) fn text(&self, index: usize) -> Option<&str> {
        self.get(index).and_then(Json::as_str)
    }

    /// A text that the method's table requires.
    pub(crate) fn required_text(&self, index: usize) -> &str {
        self.text(index).unwrap_or_default()
    }

    /// An integer.
    pub(crate) fn integer(&self, index: usize) -> Result<Option<i64>, RpcError> {
        self.get(index).map(integer).transpose()
    }

    /// A yes or no.
    pub(crate) fn flag(&self, index: usize, default: bool) -> bool {
        match self.get(index) {
            Some(Json::Bool(value)) => *value,
            _ => default,
        }
    }

    /// A verbosity: a number, or a yes for 1 and a no for 0.
    pub(crate) fn verbosity(&self, index: usize, default: i64) -> Result<i64, RpcError> {
        match self.get(index) {
            None => Ok(default),
            Some(Json::Bool(value)) => Ok(i64::from(*value)),
            Some(value) => integer(value),
        }
    }

    /// A block's hash.
    pub(crate) fn block_hash(&self, index: usize, name: &str) -> Result<BlockHash, RpcError> {
        hash(self.required_text(index), name).map(BlockHash::from_byte_array)
    }

    /// A transaction's id.
    pub(crate) fn txid(&self, index: usize, name: &str) -> Result<Txid, RpcError> {
        hash(self.required_text(index), name).map(Txid::from_byte_array)
    }

    /// The items of an array.
    pub(crate) fn array(&self, index: usize) -> &[Json] {
        match self.get(index) {
            Some(Json::Array(values)) => values,
            _ => &[],
        }
    }
}

/// Reads an integer; Core's words when it is none.
pub(crate) fn integer(value: &Json) -> Result<i64, RpcError> {
    match value {
        Json::Number(text) => text.parse().map_err(|_| RpcError::parse_number()),
        other => Err(RpcError::type_error(format!(
            "JSON value of type {} is not of expected type number",
            other.type_name()
        ))),
    }
}

impl RpcError {
    fn parse_number() -> Self {
        Self::misc("JSON integer out of range")
    }
}

/// The places of a descriptor's range: up to a number, or from one to another.
pub(crate) fn range(value: &Json) -> Result<(u32, u32), RpcError> {
    /// Places of one call.
    const MOST: i64 = 1_000_000;
    let refuse = |text: &str| Err(RpcError::invalid_parameter(text));
    let (begin, end) = match value {
        Json::Array(ends) => match ends.as_slice() {
            [begin, end] => (integer(begin)?, integer(end)?),
            _ => return refuse("Range must have exactly two elements"),
        },
        end => (0, integer(end)?),
    };
    if begin > end && matches!(value, Json::Array(_)) {
        return refuse("Range specified as [begin,end] must not have begin after end");
    }
    if begin < 0 {
        return refuse("Range should be greater or equal than 0");
    }
    if !(0..=i64::from(i32::MAX)).contains(&end) {
        return refuse("End of range is too high");
    }
    if end >= begin + MOST {
        return refuse("Range is too large");
    }
    let place = |place: i64| u32::try_from(place).map_err(|_| RpcError::parse_number());
    Ok((place(begin)?, place(end)?))
}

/// Reads a hash as it is written, last byte first; the bytes are in the order in which they are hashed.
pub(crate) fn hash(text: &str, name: &str) -> Result<[u8; 32], RpcError> {
    if text.len() != 64 {
        return Err(RpcError::invalid_parameter(format!(
            "{name} must be of length 64 (not {}, for '{text}')",
            text.len()
        )));
    }
    let mut bytes: [u8; 32] = hex::decode(text)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| RpcError::invalid_parameter(format!("{name} must be hexadecimal string (not '{text}')")))?;
    bytes.reverse();
    Ok(bytes)
}

/// Reads an amount in BTC: a number or a text, exactly, with at most eight decimals.
pub(crate) fn amount(value: &Json) -> Result<Amount, RpcError> {
    let text = match value {
        Json::Number(text) | Json::String(text) => text,
        _ => return Err(RpcError::type_error("Amount is not a number or string")),
    };
    let (negative, digits) = text.strip_prefix('-').map_or((false, text.as_str()), |digits| (true, digits));
    let satoshi = satoshi(digits).ok_or_else(|| RpcError::type_error("Invalid amount"))?;
    if satoshi > 21_000_000 * COIN || (negative && satoshi > 0) {
        return Err(RpcError::type_error("Amount out of range"));
    }
    Ok(Amount::from_sat(satoshi))
}

/// Reads a decimal number, also with an exponent, as satoshi; `None` when it is negative or not a whole number of them.
fn satoshi(text: &str) -> Option<u64> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: String = [whole, fraction].concat();
    if whole.is_empty() || digits.len() > 40 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let mut scale = exponent.checked_add(8)?.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let mut value: u128 = digits.parse().ok()?;
    if value == 0 {
        return Some(0);
    }
    while scale > 0 {
        value = value.checked_mul(10)?;
        scale -= 1;
    }
    while scale < 0 {
        if !value.is_multiple_of(10) {
            return None;
        }
        value /= 10;
        scale += 1;
    }
    u64::try_from(value).ok()
}

/// An amount as JSON: a number with exactly eight decimals.
pub(crate) fn btc(satoshi: i64) -> Json {
    let sign = if satoshi < 0 { "-" } else { "" };
    let satoshi = satoshi.unsigned_abs();
    Json::Number(format!("{sign}{}.{:08}", satoshi / COIN, satoshi % COIN))
}

/// [`btc`] of an amount.
pub(crate) fn amount_json(amount: Amount) -> Json {
    btc(i64::try_from(amount.to_sat()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_both_ways() {
        for (text, expected) in [
            ("0.00000001", Some(1)),
            ("1", Some(COIN)),
            ("20999999.99999999", Some(2_099_999_999_999_999)),
            ("1e-8", Some(1)),
            ("0.1e1", Some(COIN)),
            ("0.000000001", None),
            ("-1", None),
            ("1.", Some(COIN)),
            ("abc", None),
            ("1e99999999999", None),
        ] {
            assert_eq!(satoshi(text), expected, "{text}");
        }
        assert_eq!(amount(&Json::from("0.5")).unwrap().to_sat(), COIN / 2);
        assert_eq!(amount(&Json::from(21_000_001)).unwrap_err().message, "Amount out of range");
        assert_eq!(btc(-5).to_string(), "-0.00000005");
        assert_eq!(btc(5_000_000_000).to_string(), "50.00000000");
    }

    #[test]
    fn hashes_are_read_last_byte_first() {
        let error = hash("00", "blockhash").unwrap_err();
        assert_eq!(error.message, "blockhash must be of length 64 (not 2, for '00')");
        let mut text = "0".repeat(63);
        text.push('1');
        assert_eq!(hash(&text, "blockhash").unwrap()[0], 1);
        text.replace_range(0..1, "Z");
        assert!(hash(&text, "blockhash").unwrap_err().message.contains("must be hexadecimal string"));
    }
}
