//! A plan and a listing as PostgreSQL's `tsquery` and `tsvector`, made by us: no text search configuration has a say.
//!
//! Columns are weights: A the categories, B the name, C the description.

use crate::text::{Indexed, Phrase, Plan, Word};
use std::fmt::Write as _;

/// The query of each rank: see the same for SQLite.
pub(super) fn ranks(plan: &Plan) -> [String; 3] {
    let all = plan.words.iter().map(|found| word(found, "")).collect::<Vec<_>>().join(" & ");
    let any = |weight| any_of(plan.words.iter().map(|found| word(found, weight)));
    [
        format!("({all}) & {}", any("A")),
        format!("({all}) & {} & !{}", any("B"), any("A")),
        format!("({all}) & !{}", any("AB")),
    ]
}

fn word(word: &Word, weight: &str) -> String {
    any_of(word.iter().map(|found| phrase(found, weight)))
}

fn any_of(parts: impl Iterator<Item = String>) -> String {
    format!("({})", parts.collect::<Vec<_>>().join(" | "))
}

/// Terms are ASCII letters and digits: nothing has to be escaped.
fn phrase(phrase: &Phrase, weight: &str) -> String {
    let last = phrase.terms.len() - 1;
    let terms = phrase.terms.iter().enumerate().map(|(at, term)| {
        let prefix = if phrase.prefix && at == last { "*" } else { "" };
        match (prefix, weight) {
            ("", "") => format!("'{term}'"),
            (prefix, weight) => format!("'{term}':{prefix}{weight}"),
        }
    });
    format!("({})", terms.collect::<Vec<_>>().join(" <-> "))
}

/// The terms of a listing. Between two columns a place is left free, so that no phrase goes from one to the next.
pub(super) fn vector(indexed: &Indexed) -> String {
    let mut vector = String::new();
    let mut place = 0;
    for (weight, terms) in [("A", &indexed.category), ("B", &indexed.name), ("C", &indexed.description)] {
        place += 1;
        for term in terms {
            place += 1;
            write!(vector, "'{term}':{place}{weight} ").expect("a string takes everything");
        }
    }
    vector
}
