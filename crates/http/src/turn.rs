//! STUN and TURN servers that a node offers, with credentials that are good for a while (`docs/spec/turn.md`).

use pumasi_crypto::json;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Longest offer, in bytes.
pub const MAX_TURN_OFFER: usize = 2048;
/// Most addresses of servers in an offer.
pub const MAX_TURN_URIS: usize = 8;
/// Longest user name, password or address in an offer, in bytes.
pub const MAX_TURN_TEXT: usize = 256;

/// The answer of `GET /v1/turn` and of the overlay's service `turn`, in the shape of draft-uberti-behave-turn-rest-00.
/// Members may be added; a reader passes over those it does not know.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct TurnOffer {
    /// The user name.
    pub username: String,
    /// Its password.
    pub password: String,
    /// How long both are good, in seconds from now.
    pub ttl: u64,
    /// Where the servers are: `stun:`, `turn:` and `turns:` URIs (RFC 7064, RFC 7065).
    pub uris: Vec<String>,
}

impl fmt::Debug for TurnOffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { username, ttl, uris, .. } = self;
        f.debug_struct("TurnOffer")
            .field("username", username)
            .field("ttl", ttl)
            .field("uris", uris)
            .finish_non_exhaustive()
    }
}

impl TurnOffer {
    /// Reads an offer.
    ///
    /// # Errors
    /// What is wrong, in a sentence that names the member.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        // Strict JSON: no member twice, no deep nesting, nothing after the end.
        json::from_slice::<Value>("offer", bytes, MAX_TURN_OFFER).map_err(|error| error.to_string())?;
        let offer: Self = serde_json::from_slice(bytes)
            .map_err(|error| format!("offer: {error}").chars().take(200).collect::<String>())?;
        for (what, text) in [("username", &offer.username), ("password", &offer.password)] {
            bound(what, text.len(), MAX_TURN_TEXT)?;
        }
        if offer.uris.len() > MAX_TURN_URIS {
            return Err(format!("uris: {} of them, the limit is {MAX_TURN_URIS}", offer.uris.len()));
        }
        offer.uris.iter().try_for_each(|uri| bound("uris", uri.len(), MAX_TURN_TEXT))?;
        Ok(offer)
    }
}

fn bound(what: &str, len: usize, limit: usize) -> Result<(), String> {
    match len {
        0 => Err(format!("{what}: empty")),
        len if len > limit => Err(format!("{what}: {len} bytes, the limit is {limit}")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_is_read_and_more_members_are_passed_over() {
        let text = br#"{"username":"1:a","password":"p","ttl":60,"uris":["stun:a.example"],"more":1}"#;
        let offer = TurnOffer::parse(text).unwrap();
        assert_eq!((offer.ttl, offer.uris.as_slice()), (60, ["stun:a.example".to_owned()].as_slice()));
        assert!(!format!("{offer:?}").contains("\"p\""), "the password is not printed");
    }

    #[test]
    fn what_is_out_of_bounds_is_refused_by_name() {
        let refused = |uris: &str, password: &str| {
            let text = format!(r#"{{"username":"1:a","password":"{password}","ttl":60,"uris":[{uris}]}}"#);
            TurnOffer::parse(text.as_bytes()).unwrap_err()
        };
        assert!(refused(&["\"stun:a\""; 9].join(","), "p").starts_with("uris: 9"));
        assert!(refused("", "").starts_with("password: empty"));
        assert!(refused("", &"p".repeat(257)).starts_with("password: 257"));
        assert!(refused(&format!("\"{}\"", "u".repeat(257)), "p").starts_with("uris: 257"));
        assert!(refused("", &"p".repeat(3000)).contains("2048"));
        assert!(TurnOffer::parse(b"{}").unwrap_err().contains("username"));
    }
}
