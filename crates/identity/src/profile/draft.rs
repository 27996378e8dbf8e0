//! What the owner of a profile chooses, and the bounds on it.

use super::ProfileError;
use pumasi_units::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use unicode_normalization::is_nfc;

/// Services in one profile.
pub const MAX_SERVICES: usize = 8;
/// Bytes in a service's endpoint.
pub const MAX_ENDPOINT: usize = 256;
/// Bytes in a service's name and in its kind.
pub const MAX_SERVICE_WORD: usize = 32;
/// Characters in a display name.
pub const MAX_NAME: usize = 64;
/// From `created` to `expires`: 90 days.
pub const MAX_LIFETIME: Millis = 90 * 24 * 60 * 60 * 1_000;
/// How far another clock may be ahead of ours: 10 minutes.
pub const CLOCK_SKEW: Millis = 10 * 60 * 1_000;
/// The highest sequence: 2^53 − 1, the last integer that JSON (RFC 8785) holds exactly.
pub const MAX_SEQUENCE: u64 = (1 << 53) - 1;

/// A place where the owner can be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Its name in this profile, the fragment of its id: 1–32 of `a–z 0–9 -`.
    pub name: String,
    /// What it is, such as `PumasiOffer`: 1–32 of `A–Z a–z 0–9`. Readers pass over kinds they do not know.
    pub kind: String,
    /// An absolute URI of at most 256 bytes.
    pub endpoint: String,
}

/// A profile that is not signed yet. The keys come from [`PrivateKeys`](crate::PrivateKeys).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileDraft {
    /// One more than the last that was published; the first is 1.
    pub sequence: u64,
    /// When it is made.
    pub created: Timestamp,
    /// When it stops being valid, at most [`MAX_LIFETIME`] later.
    pub expires: Timestamp,
    /// What the owner wants to be called: 1–64 characters in Unicode's form NFC, none invisible.
    pub name: Option<String>,
    /// At most [`MAX_SERVICES`], each with a name of its own.
    pub services: Vec<Service>,
}

impl ProfileDraft {
    /// Checks the bounds, on signing and again on reading.
    pub(super) fn check(&self) -> Result<(), ProfileError> {
        if self.sequence == 0 {
            return Err(ProfileError::Field { field: "sequence" });
        }
        at_most("sequence", self.sequence, MAX_SEQUENCE)?;
        if self.expires <= self.created {
            return Err(ProfileError::Field { field: "expires" });
        }
        at_most("expires (ms after created)", self.expires.since(self.created), MAX_LIFETIME)?;
        if let Some(name) = &self.name {
            check_name(name)?;
        }
        at_most("service (count)", self.services.len() as u64, MAX_SERVICES as u64)?;
        self.services.iter().try_for_each(check_service)?;
        let repeats = |(at, service): (usize, &Service)| self.services[..at].iter().any(|s| s.name == service.name);
        if self.services.iter().enumerate().any(repeats) {
            return Err(ProfileError::Field { field: "service id" });
        }
        Ok(())
    }
}

pub(super) fn at_most(field: &'static str, value: u64, limit: u64) -> Result<(), ProfileError> {
    if value > limit { Err(ProfileError::Limit { field, value, limit }) } else { Ok(()) }
}

fn check_name(name: &str) -> Result<(), ProfileError> {
    at_most("name (characters)", name.chars().count() as u64, MAX_NAME as u64)?;
    // What is shown beside other names must not be able to hide, reverse or imitate them with invisible characters.
    let plain = name.trim() == name && is_nfc(name) && !name.chars().any(is_invisible);
    if name.is_empty() || !plain {
        return Err(ProfileError::Field { field: "name" });
    }
    Ok(())
}

/// Control characters, line and paragraph separators, bidirectional controls and zero-width characters. The zero-width
/// joiner stays: family emoji and several scripts are written with it.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{00ad}' | '\u{061c}' | '\u{200b}' | '\u{200c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn check_service(service: &Service) -> Result<(), ProfileError> {
    check_word("service id", &service.name, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')?;
    check_word("service type", &service.kind, |b| b.is_ascii_alphanumeric())?;
    at_most("serviceEndpoint (bytes)", service.endpoint.len() as u64, MAX_ENDPOINT as u64)?;
    if is_uri(&service.endpoint) { Ok(()) } else { Err(ProfileError::Field { field: "serviceEndpoint" }) }
}

fn check_word(field: &'static str, word: &str, allowed: fn(u8) -> bool) -> Result<(), ProfileError> {
    at_most(field, word.len() as u64, MAX_SERVICE_WORD as u64)?;
    if word.is_empty() || !word.bytes().all(allowed) { Err(ProfileError::Field { field }) } else { Ok(()) }
}

/// `scheme:something` in the characters of RFC 3986 (no spaces, quotes, or angle brackets). The scheme's own reader
/// checks the rest.
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+.-".contains(&b))
        && !rest.is_empty()
        && rest.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b))
}
