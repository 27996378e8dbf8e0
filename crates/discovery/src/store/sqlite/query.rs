//! A plan as queries of FTS5, one for each rank.

use crate::text::{Phrase, Plan, Word};

/// The `MATCH` of each rank: in a category; in the name and in no category; in the description only.
///
/// Ranks apart, rather than one query with a score: each is read in the order of the rows, and ends as soon as its page is
/// full, however many entries match.
pub(super) fn ranks(plan: &Plan) -> [String; 3] {
    let any = any_of(plan.words.iter().map(word));
    if let [_] = plan.words.as_slice() {
        return [
            format!("{{category}} : {any}"),
            format!("({{name}} : {any}) NOT ({{category}} : {any})"),
            format!("({{description}} : {any}) NOT ({{category name}} : {any})"),
        ];
    }
    let all = plan.words.iter().map(word).collect::<Vec<_>>().join(" AND ");
    [
        format!("({{category}} : {any}) AND {all}"),
        format!("(({{name}} : {any}) AND {all}) NOT ({{category}} : {any})"),
        format!("({all}) NOT ({{category name}} : {any})"),
    ]
}

fn word(word: &Word) -> String {
    any_of(word.iter().map(phrase))
}

fn any_of(parts: impl Iterator<Item = String>) -> String {
    format!("({})", parts.collect::<Vec<_>>().join(" OR "))
}

/// Terms are ASCII letters and digits: nothing has to be escaped.
fn phrase(phrase: &Phrase) -> String {
    let terms = phrase.terms.join(" ");
    if phrase.prefix { format!("\"{terms}\" *") } else { format!("\"{terms}\"") }
}
