//! Amounts: separators, figures of one width, the unit smaller than the number.

use crate::app::Cx;
use crate::backend::{Backend, Money, Unit};
use leptos::prelude::*;

/// The number and the unit of a shown amount.
fn split(text: &str) -> (&str, &str) {
    match text.find(|c: char| !c.is_ascii_digit() && !matches!(c, ',' | '.' | '-' | '+')) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    }
}

fn of_text(text: &str, class: String) -> AnyView {
    let (number, unit) = split(text);
    let (number, unit) = (number.to_owned(), unit.to_owned());
    view! { <span class=class>{number}<span class="unit">{unit}</span></span> }.into_any()
}

/// An amount in a line of text or at its end.
pub(crate) fn amount<B: Backend>(cx: Cx<B>, money: &Money) -> AnyView {
    of_text(&pumasi_words::money(money, cx.lang), "amount".into())
}

/// An amount that is what the screen is about.
pub(crate) fn big_amount<B: Backend>(cx: Cx<B>, money: &Money) -> AnyView {
    of_text(&pumasi_words::money(money, cx.lang), "amount big".into())
}

/// What is owed, where the words beside it say by whom.
pub(crate) fn owed_amount<B: Backend>(cx: Cx<B>, minor: i128, unit: &Unit, class: &str) -> AnyView {
    of_text(&pumasi_words::amount(minor.saturating_abs(), unit, cx.lang), format!("amount {class}"))
}

/// An amount that can be owed either way.
pub(crate) fn signed_amount<B: Backend>(cx: Cx<B>, minor: i128, unit: &Unit, class: &str) -> AnyView {
    let sign = if minor > 0 { "+" } else { "" };
    of_text(&format!("{sign}{}", pumasi_words::amount(minor, unit, cx.lang)), format!("amount {class}"))
}
