//! RFC 8785 (JSON Canonicalization Scheme): the bytes that signatures and hashes are made over.

use crate::CryptoError;
use serde::Serialize;
use serde_json::Value;

/// The largest whole number that every JSON reader keeps exact: 2^53 - 1 (RFC 7493 §2.2).
const MAX_INTEGER: u64 = (1 << 53) - 1;
const REFUSED: CryptoError = CryptoError::Malformed("JSON to canonicalise");

/// The canonical bytes of a value. A float that is not finite becomes `null`, as everywhere in `serde_json`.
///
/// # Errors
/// [`CryptoError::Malformed`] for what JSON cannot hold (a map with keys that are not text) or cannot hold exactly (a
/// whole number beyond 2^53 - 1: the canonical form would round it, and so give two values one hash).
pub fn to_vec(value: &impl Serialize) -> Result<Vec<u8>, CryptoError> {
    let tree = serde_json::to_value(value).map_err(|_| REFUSED)?;
    if !is_exact(&tree) {
        return Err(REFUSED);
    }
    serde_json_canonicalizer::to_vec(&tree).map_err(|_| REFUSED)
}

fn is_exact(tree: &Value) -> bool {
    match tree {
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (None, None) => true,
            (Some(natural), _) => natural <= MAX_INTEGER,
            (None, Some(negative)) => negative.unsigned_abs() <= MAX_INTEGER,
        },
        Value::Array(items) => items.iter().all(is_exact),
        Value::Object(members) => members.values().all(is_exact),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::{REFUSED, to_vec};
    use serde_json::json;
    use std::collections::BTreeMap;

    #[test]
    fn numbers_that_would_be_rounded_are_refused() {
        let limit = (1_i64 << 53) - 1;
        assert_eq!(to_vec(&json!({"a": [limit, -limit]})).unwrap(), b"{\"a\":[9007199254740991,-9007199254740991]}");
        for number in [json!(limit + 1), json!(-limit - 1), json!(u64::MAX), json!(i64::MIN)] {
            assert_eq!(to_vec(&json!({"a": [{"b": number}]})), Err(REFUSED), "{number}");
        }
        assert_eq!(to_vec(&i128::MAX), Err(REFUSED));
    }

    #[test]
    fn what_json_cannot_hold_is_refused() {
        assert_eq!(to_vec(&BTreeMap::from([(vec![1], 2)])), Err(REFUSED));
    }
}
