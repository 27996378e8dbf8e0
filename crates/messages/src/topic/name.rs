use pumasi_crypto::hash::{Digest, sha256};
use pumasi_identity::Did;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use std::fmt;
use std::str::FromStr;
use unicode_normalization::{UnicodeNormalization as _, is_nfc};

/// The longest name of a topic, in bytes of UTF-8 after normalisation.
pub const MAX_TOPIC_NAME: usize = 64;
/// What the hash of a name begins with, so that it is the hash of nothing else.
const DOMAIN: &[u8] = b"pumasi/topic/1\0";

/// The name of a topic, such as `global-chat`: NFC, 1 to [`MAX_TOPIC_NAME`] bytes, without blanks and controls. Upper and
/// lower case differ.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct TopicName(String);

/// Why a text is no name of a topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TopicNameError {
    /// Empty, or longer than [`MAX_TOPIC_NAME`].
    #[error("topic: {len} bytes; from 1 to {MAX_TOPIC_NAME} are allowed")]
    Length {
        /// Its length in bytes.
        len: usize,
    },
    /// A blank, a control, or a character that turns or hides text.
    #[error("topic: U+{0:04X} is not allowed in its name")]
    Character(u32),
    /// Not in normal form C, in which names travel.
    #[error("topic: not in Unicode normal form C")]
    NotNormal,
}

impl TopicName {
    fn check(name: &str) -> Result<(), TopicNameError> {
        if name.is_empty() || name.len() > MAX_TOPIC_NAME {
            return Err(TopicNameError::Length { len: name.len() });
        }
        if let Some(bad) = name.chars().find(|it| it.is_whitespace() || it.is_control() || is_hidden(*it)) {
            return Err(TopicNameError::Character(bad.into()));
        }
        if is_nfc(name) { Ok(()) } else { Err(TopicNameError::NotNormal) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the network knows the topic by.
    #[must_use]
    pub fn id(&self) -> TopicId {
        TopicId(sha256(&[DOMAIN, self.0.as_bytes()]).0)
    }
}

/// Characters of no width and the bidirectional controls of UAX #9: two names that look the same must be the same.
fn is_hidden(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Normalises, and takes blanks off both ends.
impl FromStr for TopicName {
    type Err = TopicNameError;

    fn from_str(text: &str) -> Result<Self, TopicNameError> {
        if text.len() > 4 * MAX_TOPIC_NAME {
            return Err(TopicNameError::Length { len: text.len() });
        }
        let name: String = text.trim().nfc().collect();
        Self::check(&name)?;
        Ok(Self(name))
    }
}

impl<'de> Deserialize<'de> for TopicName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::check(&name).map_err(D::Error::custom)?;
        Ok(Self(name))
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// SHA-256 of a topic's name behind a tag of its own, or of a person. JSON and [`Display`](fmt::Display): 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId(pub [u8; 32]);

impl TopicId {
    /// The set in which one person says at which node they take direct messages. No name of a topic has this id.
    #[must_use]
    pub fn of_person(did: &Did) -> Self {
        Self(sha256(&[b"pumasi/person/1\0", did.public()]).0)
    }
}

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Digest(self.0), f)
    }
}

impl fmt::Debug for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for TopicId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Digest(self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TopicId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Digest::deserialize(deserializer).map(|digest| Self(digest.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_of_one_name_are_one_topic() {
        let [composed, decomposed]: [TopicName; 2] =
            ["동네-모임", &"동네-모임".nfd().collect::<String>()].map(|name| name.parse().unwrap());
        assert_eq!(composed, decomposed);
        assert_eq!(composed.id(), decomposed.id());
        assert_ne!(composed.id(), "동네-모임2".parse::<TopicName>().unwrap().id());
    }

    #[test]
    fn names_that_deceive_are_refused() {
        for name in ["", " ", "a b", "a\u{202e}b", "a\u{200b}b", "a\nb", &"x".repeat(65)] {
            assert!(name.parse::<TopicName>().is_err(), "{name:?}");
        }
        let decomposed: String = "\"동\"".nfd().collect();
        assert!(serde_json::from_str::<TopicName>(&decomposed).is_err(), "one spelling on the wire");
    }
}
