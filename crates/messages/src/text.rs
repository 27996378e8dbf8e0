use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use std::fmt;
use unicode_normalization::UnicodeNormalization as _;

/// What somebody says: UTF-8, not empty, at most `N` bytes, with line ends and tabs for its only controls.
///
/// It is kept as it was written. Whoever shows it on a terminal still has to take out what turns or hides text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Text<const N: usize>(String);

/// Why something cannot be said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// Nothing in it.
    #[error("text: empty")]
    Empty,
    /// Too much in it.
    #[error("text: {len} bytes, the limit is {limit}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The limit.
        limit: usize,
    },
    /// A control character other than a line end or a tab.
    #[error("text: a control character (U+{0:04X})")]
    Control(u32),
}

impl<const N: usize> Text<N> {
    /// Takes a text of mine: normalised (NFC), without blanks at its end.
    ///
    /// # Errors
    /// [`TextError`], which names the limit.
    pub fn new(text: &str) -> Result<Self, TextError> {
        let text: String = text.nfc().collect();
        Self::check(text.trim_end())?;
        Ok(Self(text.trim_end().to_owned()))
    }

    fn check(text: &str) -> Result<(), TextError> {
        if text.is_empty() {
            return Err(TextError::Empty);
        }
        if text.len() > N {
            return Err(TextError::TooLong { len: text.len(), limit: N });
        }
        match text.chars().find(|it| it.is_control() && !matches!(it, '\n' | '\t')) {
            Some(control) => Err(TextError::Control(control.into())),
            None => Ok(()),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de, const N: usize> Deserialize<'de> for Text<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::check(&text).map_err(D::Error::custom)?;
        Ok(Self(text))
    }
}

/// Its length only: what people say is not for logs.
impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_taken_and_what_drives_a_terminal_is_not() {
        assert_eq!(Text::<64>::new("안녕하세요 🍜\n둘째 줄 \n").unwrap().as_str(), "안녕하세요 🍜\n둘째 줄");
        assert_eq!(Text::<64>::new(" \n"), Err(TextError::Empty));
        assert_eq!(Text::<64>::new("a\x1b[2J"), Err(TextError::Control(0x1b)));
        assert_eq!(Text::<4>::new("12345"), Err(TextError::TooLong { len: 5, limit: 4 }));
        assert!(serde_json::from_str::<Text<4>>("\"a\\u0000\"").is_err());
        assert!(serde_json::from_str::<Text<4>>("\"12345\"").is_err());
    }
}
