use pumasi_crypto::hash::hkdf_sha256;
use std::fmt;
use std::str::FromStr;
use zeroize::{ZeroizeOnDrop, Zeroizing};

/// Crockford's base32: no I, L, O or U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const DIGITS: usize = 8;
const LEN: usize = DIGITS + 1;
/// Longest text that is looked at: the code with a dash or a space between all its characters, and then some.
const MAX_TYPED: usize = 32;

/// The short code that one person reads out and the other types: 40 random bits and a check, `7ZQ-4MK-2XB`.
///
/// It says where in the DHT the two meet, and nothing more: whoever overhears it can take part in the exchange, and is
/// found out by the emoji. Good for one pairing.
#[derive(Clone, PartialEq, Eq, ZeroizeOnDrop)]
pub struct PairingCode([u8; 5]);

/// Why what was typed is not a pairing code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodeError {
    /// Too few or too many letters and digits.
    #[error("pairing code: {len} letters and digits, there must be {expected}")]
    Length {
        /// How many were typed, dashes and spaces not counted.
        len: usize,
        /// How many there must be.
        expected: usize,
    },
    /// A character that no code has.
    #[error("pairing code: {character:?} does not occur in codes")]
    Character {
        /// The character.
        character: char,
    },
    /// The check does not fit: one letter or digit is wrong, or two are swapped.
    #[error("pairing code: mistyped, the last character does not fit the others")]
    Check,
}

impl PairingCode {
    /// The code with these five random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 5]) -> Self {
        Self(bytes)
    }

    /// The secret from which both derive the mailbox slots: HKDF-SHA256 with the salt `pumasi pairing code 1` and the
    /// info `rendezvous`.
    #[must_use]
    pub fn secret(&self) -> Zeroizing<[u8; 32]> {
        let mut secret = Zeroizing::new([0; 32]);
        hkdf_sha256(b"pumasi pairing code 1", &self.0, b"rendezvous", &mut *secret);
        secret
    }

    /// The code as it is shown and typed: `7ZQ-4MK-2XB`.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let digits = digits(&self.0);
        let characters = digits.into_iter().chain([check(&digits)]).map(|digit| char::from(ALPHABET[digit as usize]));
        let mut text = Zeroizing::new(String::with_capacity(LEN + 2));
        for (at, character) in characters.enumerate() {
            if at > 0 && at % 3 == 0 {
                text.push('-');
            }
            text.push(character);
        }
        text
    }
}

/// Takes lower case, any dashes and spaces, O for 0, and I or L for 1.
impl FromStr for PairingCode {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        let typed =
            || text.chars().take(MAX_TYPED).filter(|c| !c.is_whitespace() && !matches!(c, '-' | '–' | '—' | '_'));
        let mut values = [0; LEN];
        for (at, character) in typed().enumerate() {
            let value = value(character).ok_or(CodeError::Character { character })?;
            if let Some(place) = values.get_mut(at) {
                *place = value;
            }
        }
        let len = typed().count();
        if len != LEN || text.chars().nth(MAX_TYPED).is_some() {
            return Err(CodeError::Length { len, expected: LEN });
        }
        let digits: [u8; DIGITS] = values[..DIGITS].try_into().expect("eight of nine");
        if check(&digits) != values[DIGITS] {
            return Err(CodeError::Check);
        }
        let number = digits.iter().fold(0_u64, |number, digit| number << 5 | u64::from(*digit));
        Ok(Self(number.to_be_bytes()[3..].try_into().expect("40 bits are five bytes")))
    }
}

/// Never shows the code.
impl fmt::Debug for PairingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PairingCode(…)")
    }
}

fn value(character: char) -> Option<u8> {
    let digit = match character.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let digit = u8::try_from(digit).ok()?;
    ALPHABET.iter().position(|known| *known == digit).and_then(|at| u8::try_from(at).ok())
}

fn digits(bytes: &[u8; 5]) -> [u8; DIGITS] {
    let number = bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    std::array::from_fn(|at| ((number >> (35 - 5 * at)) & 31) as u8)
}

/// The digits as coefficients over GF(32) = GF(2)\[x\]/(x⁵ + x² + 1), times x, x², … x⁸, summed. The powers differ, so one
/// wrong digit or two neighbours swapped always change the sum.
fn check(digits: &[u8; DIGITS]) -> u8 {
    // Horner's rule, from the last digit to the first.
    digits.iter().rev().fold(0, |sum, digit| times_x(sum ^ digit))
}

fn times_x(value: u8) -> u8 {
    let doubled = value << 1;
    if doubled & 32 == 0 { doubled } else { doubled ^ 0b10_0101 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_people_type_is_read_with_tolerance() {
        let code = PairingCode::from_random([0x08, 0x42, 0x10, 0x84, 0x21]);
        let text = code.to_text();
        assert_eq!(&text[..10], "111-111-11");
        let tolerant = text.replace('1', "l").to_lowercase().replace('-', " ");
        assert_eq!(tolerant.parse(), Ok(code.clone()));
        assert_eq!(text.replace('1', "I").replace('-', "").parse(), Ok(code));
    }

    #[test]
    fn the_reason_of_a_refusal_is_told() {
        assert_eq!("7ZQ".parse::<PairingCode>(), Err(CodeError::Length { len: 3, expected: 9 }));
        assert_eq!("7ZQ-4MK-2UB".parse::<PairingCode>(), Err(CodeError::Character { character: 'U' }));
        assert_eq!("한글한글한글한글한".parse::<PairingCode>(), Err(CodeError::Character { character: '한' }));
        assert!(matches!("1".repeat(1_000_000).parse::<PairingCode>(), Err(CodeError::Length { .. })));
    }

    proptest! {
        #[test]
        fn every_code_round_trips(bytes: [u8; 5]) {
            let code = PairingCode::from_random(bytes);
            prop_assert_eq!(code.to_text().parse::<PairingCode>(), Ok(code));
        }

        #[test]
        fn one_wrong_character_or_two_swapped_neighbours_are_found(bytes: [u8; 5], at in 0..9_usize, other in 0..32_usize) {
            let text = PairingCode::from_random(bytes).to_text().replace('-', "");
            let mut wrong = text.clone().into_bytes();
            wrong[at] = ALPHABET[other];
            let mut swapped = text.clone().into_bytes();
            swapped.swap(at, (at + 1).min(8));
            for changed in [wrong, swapped] {
                let changed = String::from_utf8(changed).unwrap();
                prop_assert!(changed == text || changed.parse::<PairingCode>() == Err(CodeError::Check));
            }
        }
    }
}
