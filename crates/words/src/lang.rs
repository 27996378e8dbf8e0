use std::str::FromStr;

/// A language in which Pumasi speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Lang {
    /// Korean, in 해요체.
    Ko,
    /// English, and what everybody gets whose language we do not speak.
    #[default]
    En,
}

/// A word that names no language of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownLang;

impl std::fmt::Display for UnknownLang {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("language: neither ko nor en")
    }
}

impl std::error::Error for UnknownLang {}

impl Lang {
    /// The language of an environment, by POSIX order: the first of `LC_ALL`, `LC_MESSAGES` and `LANG` that is set and
    /// not empty decides. `variable` looks one up, so that this crate reads no environment itself.
    #[must_use]
    pub fn detect(variable: impl Fn(&str) -> Option<String>) -> Self {
        ["LC_ALL", "LC_MESSAGES", "LANG"]
            .iter()
            .find_map(|name| variable(name).filter(|value| !value.is_empty()))
            .map_or(Self::En, |locale| Self::of_locale(&locale))
    }

    /// The language of a locale or of a BCP 47 tag: `ko_KR.UTF-8`, `ko-KR`, `en_GB`, `C`.
    #[must_use]
    pub fn of_locale(locale: &str) -> Self {
        let language = locale.split(['_', '-', '.', '@']).next().unwrap_or_default();
        if language.eq_ignore_ascii_case("ko") { Self::Ko } else { Self::En }
    }

    /// The tag of BCP 47: `ko` or `en`.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::Ko => "ko",
            Self::En => "en",
        }
    }
}

/// Reads `ko` or `en`, as a person gives it to override the environment.
impl FromStr for Lang {
    type Err = UnknownLang;

    fn from_str(text: &str) -> Result<Self, UnknownLang> {
        match text {
            "ko" => Ok(Self::Ko),
            "en" => Ok(Self::En),
            _ => Err(UnknownLang),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(set: &[(&str, &str)]) -> Lang {
        Lang::detect(|name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn the_first_variable_that_says_something_decides() {
        assert_eq!(detect(&[("LANG", "ko_KR.UTF-8")]), Lang::Ko);
        assert_eq!(detect(&[("LC_ALL", ""), ("LANG", "ko_KR.UTF-8")]), Lang::Ko);
        assert_eq!(detect(&[("LC_ALL", "C.UTF-8"), ("LANG", "ko_KR.UTF-8")]), Lang::En);
        assert_eq!(detect(&[("LC_MESSAGES", "ko"), ("LANG", "en_US.UTF-8")]), Lang::Ko);
        assert_eq!(detect(&[]), Lang::En);
    }

    #[test]
    fn other_languages_that_begin_alike_are_not_korean() {
        assert_eq!(Lang::of_locale("kok_IN"), Lang::En);
        assert_eq!(Lang::of_locale("ko-KR"), Lang::Ko);
        assert_eq!(Lang::of_locale("KO_kr@euro"), Lang::Ko);
    }

    #[test]
    fn the_tag_reads_back() {
        for lang in [Lang::Ko, Lang::En] {
            assert_eq!(lang.tag().parse(), Ok(lang));
        }
        assert_eq!("fr".parse::<Lang>(), Err(UnknownLang));
    }
}
