use crate::Lang;

/// Something that can be said to a person.
pub trait Say {
    /// The words in a language: whole sentences, without a line end.
    #[must_use]
    fn say(&self, lang: Lang) -> String;
}

/// A sentence in both languages, each with its own arguments: `say!(lang, ko: "…{}", a; en: "…{}", b)`.
macro_rules! say {
    ($lang:expr, ko: $ko:literal $(, $ko_argument:expr)* ; en: $en:literal $(, $en_argument:expr)* $(,)?) => {
        match $lang {
            $crate::Lang::Ko => format!($ko $(, $ko_argument)*),
            $crate::Lang::En => format!($en $(, $en_argument)*),
        }
    };
}
