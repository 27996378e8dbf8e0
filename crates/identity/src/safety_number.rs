use crate::Did;
use pumasi_crypto::hash::hkdf_sha256;
use std::fmt;

const GROUPS: usize = 12;
const SALT: &[u8] = b"pumasi safety number 1";

/// Sixty digits that two people compare, by voice or on paper, to know that each has the other's true DID.
///
/// HKDF-SHA256 (RFC 5869) with the salt `pumasi safety number 1`, no info, over the two DIDs' texts, the lower first;
/// 60 bytes out; each 5 bytes, big-endian, modulo 100,000 are one group of five digits. It is the same on both sides and
/// changes only with a DID, never with a rotation of RSA keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SafetyNumber([u32; GROUPS]);

/// The safety number of these two.
#[must_use]
pub fn safety_number(one: &Did, other: &Did) -> SafetyNumber {
    let mut texts = [one.to_string(), other.to_string()];
    texts.sort_unstable();
    let mut bytes = [0; GROUPS * 5];
    hkdf_sha256(SALT, texts.concat().as_bytes(), &[], &mut bytes);
    let mut groups = [0; GROUPS];
    for (group, five) in groups.iter_mut().zip(bytes.chunks_exact(5)) {
        let number = five.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        *group = u32::try_from(number % 100_000).expect("a remainder below 100,000");
    }
    SafetyNumber(groups)
}

impl SafetyNumber {
    /// Twelve groups of five digits.
    #[must_use]
    pub fn groups(&self) -> [String; GROUPS] {
        self.0.map(|group| format!("{group:05}"))
    }
}

/// Twelve groups of five digits, with spaces between.
impl fmt::Display for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.groups().join(" "))
    }
}

impl fmt::Debug for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
