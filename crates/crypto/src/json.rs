//! Reading JSON that a peer wrote: bounded, and with every name at most once.
//!
//! RFC 8259 leaves the meaning of a repeated name open, so two programs may read two different payments in one signed
//! text. `serde` refuses a repeated field of a struct, not one inside a map or a `Value`; the walk here refuses both.

use crate::CryptoError;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::collections::HashSet;
use std::fmt;

/// Reads one JSON object of at most `max_len` bytes.
///
/// It must be an object: `serde` would also read a struct from an array of its values, which no other reader does.
///
/// # Errors
/// [`CryptoError::Length`] with `what` when it is longer, [`CryptoError::Malformed`] with `what` when it is not a JSON
/// object, repeats a name in an object, is nested more than 128 deep, or is not a `T`.
pub fn from_slice<T: DeserializeOwned>(what: &'static str, text: &[u8], max_len: usize) -> Result<T, CryptoError> {
    if text.len() > max_len {
        return Err(CryptoError::Length { what, len: text.len(), limit: max_len });
    }
    if text.trim_ascii_start().first() != Some(&b'{') {
        return Err(CryptoError::Malformed(what));
    }
    let mut walk = serde_json::Deserializer::from_slice(text);
    UniqueNames.deserialize(&mut walk).and_then(|()| walk.end()).map_err(|_| CryptoError::Malformed(what))?;
    serde_json::from_slice(text).map_err(|_| CryptoError::Malformed(what))
}

/// Walks a value without keeping it; an object that repeats a name is an error.
#[derive(Clone, Copy)]
struct UniqueNames;

impl<'de> DeserializeSeed<'de> for UniqueNames {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for UniqueNames {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON whose objects have each name once")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if !names.insert(name) {
                return Err(A::Error::custom("a name is repeated"));
            }
            members.next_value_seed(self)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::from_slice;
    use crate::CryptoError;
    use serde_json::Value;

    #[test]
    fn a_repeated_name_is_refused_at_any_depth() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"y":[{"x":{"a":1,"b":2,"a":3}}]}"#, r#"{"a":1,"\u0061":2}"#] {
            let read = from_slice::<Value>("message", text.as_bytes(), 100);
            assert_eq!(read, Err(CryptoError::Malformed("message")), "{text}");
        }
        let twice_apart = r#" {"x":{"a":null},"y":{"a":[true,-1,1.5,"s"]}} "#;
        assert!(from_slice::<Value>("message", twice_apart.as_bytes(), 100).is_ok());
    }

    #[test]
    fn the_limit_is_named_and_trailing_text_refused() {
        let error = from_slice::<Value>("message", b"{\"a\":1}", 6).unwrap_err();
        assert_eq!(error, CryptoError::Length { what: "message", len: 7, limit: 6 });
        assert!(from_slice::<Value>("message", b"{} 2", 100).is_err());
        let nested = [br#"{"a":"#.as_slice(), &[b'['; 4_000]].concat();
        assert_eq!(from_slice::<Value>("message", &nested, 5_000), Err(CryptoError::Malformed("message")));
    }

    #[test]
    fn a_struct_is_not_read_from_an_array() {
        #[derive(Debug, PartialEq, serde::Deserialize)]
        struct Point {
            x: u8,
        }
        assert_eq!(from_slice("message", br#"{"x":1}"#, 100), Ok(Point { x: 1 }));
        assert_eq!(from_slice::<Point>("message", b"[1]", 100), Err(CryptoError::Malformed("message")));
    }
}
