//! Words of listings and queries as terms that any full-text index can hold (spec: `docs/spec/directory.md` §5).
//!
//! Korean is written without spaces where it matters: `강남구청` holds `강남` and `구청`, and a particle hangs on the end
//! of every noun. So a run of Hangul (and of kana and Han) is indexed as its overlapping pairs of syllables, and its last
//! syllable alone; a query is the phrase of its pairs. Other scripts are indexed as words and found by their beginning.
//!
//! A term is ASCII whatever the script, so that no tokenizer, collation or Unicode version of a database has a say.

mod particle;

use crate::bounds::{MAX_QUERY, MAX_WORDS};
use crate::listing::Listing;
use unicode_normalization::UnicodeNormalization as _;

/// The longest word of an alphabet, in characters; what is longer is found by its beginning.
const MAX_WORD: usize = 32;

/// Text as it is compared: NFC, lower case.
fn normal(text: &str) -> String {
    text.nfc().flat_map(char::to_lowercase).nfc().collect()
}

/// A category as it is counted and compared: NFC, lower case, one space between words. Empty when it says nothing.
#[must_use]
pub fn category_key(category: &str) -> String {
    let text = normal(category);
    if !text.chars().any(char::is_alphanumeric) {
        return String::new();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The category key without the particle at its end, if there is one: what `식당에서` is looked for as, too.
pub(crate) fn without_particle(key: &str) -> Option<String> {
    let last: Vec<char> = key.chars().rev().take_while(|c| is_syllabic(*c)).collect();
    let last: Vec<char> = last.into_iter().rev().collect();
    let cut = last.len() - particle::stem(&last)?.len();
    Some(key.chars().take(key.chars().count() - cut).collect())
}

/// Scripts that are written without spaces, or whose words take particles.
fn is_syllabic(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{11ff}' | '\u{3040}'..='\u{318f}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}' | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
        && c.is_alphanumeric()
}

/// A run of characters that belong together.
#[derive(Debug, PartialEq, Eq)]
enum Run {
    Syllables(Vec<char>),
    Word(String),
}

fn runs(normal: &str) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut open = false;
    for c in normal.chars() {
        if !c.is_alphanumeric() {
            open = false;
            continue;
        }
        match (runs.last_mut(), is_syllabic(c)) {
            (Some(Run::Syllables(run)), true) if open => run.push(c),
            (Some(Run::Word(run)), false) if open => run.push(c),
            (_, true) => runs.push(Run::Syllables(vec![c])),
            (_, false) => runs.push(Run::Word(c.into())),
        }
        open = true;
    }
    runs
}

/// A term in ASCII: `w` and the word where it is ASCII already, `x` and the UTF-8 bytes in hexadecimal otherwise. What
/// begins with a text has a term that begins with the text's term.
fn term(text: &str) -> String {
    if text.is_ascii() { format!("w{text}") } else { format!("x{}", hex::encode(text)) }
}

fn word_term(word: &str) -> String {
    term(&word.chars().take(MAX_WORD).collect::<String>())
}

fn pairs(run: &[char]) -> impl Iterator<Item = String> {
    run.windows(2).map(|pair| term(&pair.iter().collect::<String>()))
}

/// The terms of a text, in order.
#[must_use]
pub fn terms(text: &str) -> Vec<String> {
    let mut terms = Vec::new();
    for run in runs(&normal(text)) {
        match run {
            Run::Word(word) => terms.push(word_term(&word)),
            Run::Syllables(run) => {
                terms.extend(pairs(&run));
                // Alone, so that one syllable is found at the end of a word too; and so that a phrase never runs on
                // into the next word.
                terms.extend(run.last().map(|last| term(&last.to_string())));
            }
        }
    }
    terms
}

/// The terms of a listing, a column each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Indexed {
    /// Of its categories.
    pub category: Vec<String>,
    /// Of its name.
    pub name: Vec<String>,
    /// Of its description.
    pub description: Vec<String>,
}

impl Indexed {
    /// The terms of a listing.
    #[must_use]
    pub fn of(listing: &Listing) -> Self {
        Self {
            category: listing.categories.iter().flat_map(|category| terms(category)).collect(),
            name: listing.name.as_deref().map(terms).unwrap_or_default(),
            description: terms(&listing.description),
        }
    }
}

/// Terms that follow each other; the last one may be only the beginning of a term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase {
    /// The terms; never empty.
    pub terms: Vec<String>,
    /// Whether the last term is a beginning.
    pub prefix: bool,
}

/// One word of a query: it is found where one of its phrases is.
pub type Word = Vec<Phrase>;

/// A query that can be asked of an index: every word must be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The words, at most [`MAX_WORDS`]; none when the query has no letter or digit.
    pub words: Vec<Word>,
}

/// A query that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// Too many characters.
    #[error("query: {0} characters, the limit is {MAX_QUERY}")]
    TooLong(usize),
    /// Nothing to look for.
    #[error("query: no letter or digit")]
    Empty,
    /// Too many words.
    #[error("query: {0} words, the limit is {MAX_WORDS}")]
    TooManyWords(usize),
}

impl Plan {
    /// Reads what a person typed.
    ///
    /// # Errors
    /// [`QueryError`].
    pub fn new(query: &str) -> Result<Self, QueryError> {
        let length = query.chars().count();
        if length > MAX_QUERY {
            return Err(QueryError::TooLong(length));
        }
        let mut words: Vec<Word> = Vec::new();
        for run in runs(&normal(query)) {
            let word = match run {
                Run::Word(word) => vec![Phrase { terms: vec![word_term(&word)], prefix: true }],
                Run::Syllables(run) => {
                    let mut word = vec![phrase(&run)];
                    word.extend(particle::stem(&run).map(phrase));
                    word
                }
            };
            if !words.contains(&word) {
                words.push(word);
            }
        }
        if words.len() > MAX_WORDS {
            return Err(QueryError::TooManyWords(words.len()));
        }
        Ok(Self { words })
    }

    /// How well it fits, 0 the best; `None` when it does not: the rule that every store keeps.
    ///
    /// Each word is found in some column. The rank is 0 where one of them is found in a category, else 1 where one is
    /// found in the name, else 2.
    #[must_use]
    pub fn rank(&self, indexed: &Indexed) -> Option<u8> {
        let columns = [&indexed.category, &indexed.name, &indexed.description];
        let found = |word: &Word, column: &[String]| word.iter().any(|phrase| phrase.is_in(column));
        if self.words.is_empty() || !self.words.iter().all(|word| columns.iter().any(|column| found(word, column))) {
            return None;
        }
        let best = columns.iter().position(|column| self.words.iter().any(|word| found(word, column)));
        best.and_then(|rank| u8::try_from(rank).ok())
    }
}

impl Phrase {
    fn is_in(&self, column: &[String]) -> bool {
        let Some((last, before)) = self.terms.split_last() else { return false };
        column.windows(self.terms.len()).any(|window| {
            let (end, start) = window.split_last().expect("a window is as long as the phrase");
            start == before && if self.prefix { end.starts_with(last.as_str()) } else { end == last }
        })
    }
}

fn phrase(run: &[char]) -> Phrase {
    match run {
        [single] => Phrase { terms: vec![term(&single.to_string())], prefix: true },
        _ => Phrase { terms: pairs(run).collect(), prefix: false },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(query: &str, description: &str) -> bool {
        let indexed = Indexed { description: terms(description), ..Indexed::default() };
        Plan::new(query).unwrap().rank(&indexed).is_some()
    }

    #[test]
    fn two_syllables_are_found_anywhere_in_a_word() {
        for text in ["식당", "한밭식당", "식당에서", "강남식당가", "맛있는 식당이에요", "CU식당24"]
        {
            assert!(finds("식당", text), "{text}");
        }
        for text in ["식 당", "당식", "식품당", "강남식 당구장"] {
            assert!(!finds("식당", text), "{text}");
        }
    }

    #[test]
    fn a_query_with_a_particle_finds_the_noun() {
        for query in ["식당에서", "식당을", "식당은", "식당에서는", "식당까지", "식당이"] {
            assert!(finds(query, "한밭식당"), "{query}");
        }
        assert!(finds("집에서", "우리 집"));
        // A syllable that looks like a particle is not cut off a word that would be left with one.
        assert!(!finds("카페", "카드"));
        assert!(!finds("하나", "하늘"));
    }

    #[test]
    fn every_word_must_be_found() {
        assert!(finds("강남구 식당", "서울 강남구 역삼동의 식당"));
        assert!(finds("식당 강남구", "강남구식당"));
        assert!(!finds("강남구 식당", "강북구 식당"));
        assert!(finds("24시 편의점", "편의점, 24시간"));
    }

    #[test]
    fn one_syllable_is_found_wherever_it_stands() {
        for text in ["식당", "한식", "한식당"] {
            assert!(finds("식", text), "{text}");
        }
        assert!(!finds("식", "분위기"));
    }

    #[test]
    fn words_of_an_alphabet_are_found_by_their_beginning_whatever_the_case_and_form() {
        assert!(finds("cof", "Coffee & Cake"));
        assert!(finds("CAFE", "cafe"));
        assert!(!finds("fee", "Coffee"));
        assert!(finds("cafe\u{301}", "Caf\u{e9}"));
        // Decomposed Hangul, as macOS writes file names.
        assert!(finds("\u{1109}\u{1175}\u{11a8}\u{1103}\u{1161}\u{11bc}", "식당"));
        assert!(finds("寿司", "東京寿司店"));
        assert!(finds("mün", "München"));
    }

    #[test]
    fn what_says_nothing_finds_nothing_and_what_is_too_long_is_refused() {
        assert_eq!(Plan::new(" -!?* ").unwrap().words.len(), 0);
        assert!(!finds("\"", "식당 \""));
        assert_eq!(Plan::new(&"가".repeat(101)), Err(QueryError::TooLong(101)));
        assert_eq!(Plan::new("a b c d e f g h i"), Err(QueryError::TooManyWords(9)));
        assert_eq!(Plan::new("a a a a a a a a a").unwrap().words.len(), 1);
    }

    #[test]
    fn a_category_outranks_a_name_and_a_name_a_description() {
        let indexed = Indexed {
            category: terms("식당"),
            name: terms("한밭"),
            description: terms("강남구 식당, 한밭에서 이름을 땄어요"),
        };
        let rank = |query| Plan::new(query).unwrap().rank(&indexed);
        assert_eq!(rank("강남구 식당"), Some(0));
        assert_eq!(rank("한밭"), Some(1));
        assert_eq!(rank("강남구"), Some(2));
        assert_eq!(rank("강북구 식당"), None);
    }

    #[test]
    fn a_category_has_one_key() {
        assert_eq!(category_key("  Coffee   Shop "), "coffee shop");
        assert_eq!(category_key("★"), "");
    }
}
