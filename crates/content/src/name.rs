use std::fmt;

/// Longest file name, in bytes: room is left for what is put behind it while it comes.
pub const MAX_NAME: usize = 200;

/// Why a text is not the name of a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing, or longer than [`MAX_NAME`].
    #[error("file name: {0} bytes; it has 1 to {MAX_NAME}")]
    Length(usize),
    /// It could lead into another folder, hide, or fool a reader or a file system.
    #[error("file name {0:?}: holds what could lead elsewhere or deceive")]
    Unsafe(String),
}

/// The name of a file, and nothing but a name: no way into another folder, no hidden file, no device, nothing that turns
/// the text around.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FileName(String);

impl FileName {
    /// Takes a name as it stands, or refuses it.
    ///
    /// # Errors
    /// [`NameError`].
    pub fn new(name: &str) -> Result<Self, NameError> {
        if name.is_empty() || name.len() > MAX_NAME {
            return Err(NameError::Length(name.len()));
        }
        if is_safe(name) { Ok(Self(name.to_owned())) } else { Err(NameError::Unsafe(name.to_owned())) }
    }

    /// The nearest name to this one: what is not allowed becomes `_`, what is too long is cut before its ending.
    #[must_use]
    pub fn clean(name: &str) -> Self {
        let mut clean: String = name.chars().map(|c| if is_bad(c) { '_' } else { c }).collect();
        if clean.starts_with(['.', ' ']) {
            clean.replace_range(..1, "_");
        }
        if clean.ends_with(['.', ' ']) {
            clean.replace_range(clean.len() - 1.., "_");
        }
        if clean.is_empty() || is_device(&clean) {
            clean.insert(0, '_');
        }
        Self(clean).shortened(MAX_NAME)
    }

    /// The same name in at most so many bytes (at least 32), with its ending.
    #[must_use]
    pub fn shortened(self, most: usize) -> Self {
        let most = most.max(32);
        if self.0.len() <= most {
            return self;
        }
        let ending = self.0.rfind('.').filter(|at| self.0.len() - at <= 16).map_or("", |at| &self.0[at..]);
        let mut cut = most - ending.len();
        while !self.0.is_char_boundary(cut) {
            cut -= 1;
        }
        let stem = self.0[..cut].trim_end_matches(['.', ' ']);
        let mut name = format!("{stem}{ending}");
        if is_device(&name) {
            name.replace_range(..1, "_");
        }
        Self(name)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_safe(name: &str) -> bool {
    !name.chars().any(is_bad) && !name.starts_with(['.', ' ']) && !name.ends_with(['.', ' ']) && !is_device(name)
}

/// Separators and what Windows has for something else, controls, line separators, and what turns or hides text.
fn is_bad(c: char) -> bool {
    c.is_control()
        || matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|')
        || matches!(c, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Names that are devices on Windows, with any ending.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or("").trim_end().to_ascii_uppercase();
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix).is_some_and(|rest| rest.len() == 1 && rest.as_bytes()[0].is_ascii_digit())
    };
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL") || numbered("COM") || numbered("LPT")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for bad in [
            "",
            "..",
            ".",
            "../a",
            "a/b",
            "/etc/passwd",
            "..\\a",
            "C:a",
            ".bashrc",
            "a\0",
            "a\n",
            "a\u{202e}fdp.exe",
            "nul",
            "CON.txt",
            "com1",
            "a ",
            "a.",
            " a",
            "\u{200b}a",
        ] {
            assert!(FileName::new(bad).is_err(), "{bad:?}");
        }
        for good in ["영수증 3월.pdf", "a..b", "movie.tar.gz", "com10", "console", "가족 👪.jpg"] {
            assert_eq!(FileName::new(good).unwrap().as_str(), good);
            assert_eq!(FileName::clean(good).as_str(), good);
        }
    }

    #[test]
    fn what_is_too_long_keeps_its_ending() {
        let name = FileName::clean(&format!("{}.pdf", "가".repeat(100)));
        assert!(name.as_str().len() <= MAX_NAME && name.as_str().ends_with("가.pdf"), "{name}");
    }

    proptest! {
        #[test]
        fn a_cleaned_name_is_a_name(text in "\\PC{0,80}|[./ \\\\a-z\\x00-\\x1f]{0,300}", most in 0_usize..210) {
            let clean = FileName::clean(&text);
            prop_assert_eq!(FileName::new(clean.as_str()), Ok(clean.clone()));
            let short = clean.shortened(most);
            prop_assert_eq!(FileName::new(short.as_str()), Ok(short.clone()));
        }
    }
}
