//! Double-entry bookkeeping in plain text (<https://beancount.github.io/docs/beancount_language_syntax.html>).

use super::movement::{Direction, Movement, Status, decimal, movements};
use super::{Document, Names};
use crate::Accounts;
use pumasi_crypto::hash::sha256;
use pumasi_identity::Did;
use pumasi_units::{Timestamp, Unit};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// A day in milliseconds.
const DAY: u64 = 24 * 60 * 60 * 1000;

impl Document {
    /// The ledger for Beancount: what each person owes is an asset, what is owed to them a liability. Transfers that are
    /// pending or refused do not count and are left out. At the end it asserts every balance, so that `bean-check`
    /// recomputes them.
    #[must_use]
    pub fn to_beancount(&self, names: &Names) -> String {
        let counted: Vec<_> = movements(self).into_iter().filter(|m| m.status == Status::Accepted).collect();
        let opened = self.entries().iter().map(|entry| entry.at).min().unwrap_or_default();
        let mut out = format!("option \"title\" {}\n", quoted(&format!("Pumasi {}", self.owner())));
        self.declare(&mut out, &counted, opened);
        for movement in &counted {
            transaction(&mut out, movement, names);
        }
        self.assert_balances(&mut out);
        out
    }

    fn declare(&self, out: &mut String, counted: &[Movement<'_>], opened: Timestamp) {
        let day = date(opened);
        let units: BTreeSet<&Unit> = counted.iter().map(|movement| movement.money.unit()).collect();
        for unit in units {
            line(out, &format!("{day} commodity {}", commodity(unit)));
            line(out, &format!("  unit: {}", quoted(unit.as_str())));
        }
        let mut accounts: BTreeSet<String> = BTreeSet::new();
        for movement in counted {
            accounts.extend(postings(movement).map(|(account, _)| account));
        }
        for account in accounts {
            line(out, &format!("{day} open {account}"));
        }
    }

    /// Balances hold at the beginning of a day, so they are asserted for the day after the last entry.
    fn assert_balances(&self, out: &mut String) {
        let mut accounts = Accounts::default();
        for entry in self.entries() {
            accounts.apply(entry).expect("a document is checked when it is made");
        }
        let last = self.entries().iter().map(|entry| entry.at).max().unwrap_or_default();
        let day = date(last + DAY);
        for (peer, unit, account) in accounts.iter() {
            let (theirs, mine) = (account.owed_to_me, account.owed_by_me);
            for (name, sum, sign) in [(asset(peer), theirs, 1), (liability(peer), mine, -1)] {
                if sum > 0 {
                    let sum = i128::try_from(sum).expect("sums stay below 2^124") * sign;
                    line(out, &format!("{day} balance {name}  {} {}", decimal(sum, unit.decimals()), commodity(unit)));
                }
            }
        }
    }
}

fn transaction(out: &mut String, movement: &Movement<'_>, names: &Names) {
    let name = names.get(movement.peer).cloned().unwrap_or_else(|| movement.peer.short());
    line(out, &format!("\n{} * {} {}", date(movement.at), quoted(&name), quoted(movement.memo)));
    line(out, &format!("  entry: {}", movement.entry));
    line(out, &format!("  transfer: {}", quoted(&movement.id.to_string())));
    let unit = movement.money.unit();
    for (account, sign) in postings(movement) {
        let amount = decimal(i128::from(movement.money.minor()) * sign, unit.decimals());
        line(out, &format!("  {account}  {amount} {}", commodity(unit)));
    }
}

/// The two sides of a transfer.
fn postings(movement: &Movement<'_>) -> impl Iterator<Item = (String, i128)> {
    match movement.direction {
        Direction::Received => [(asset(movement.peer), 1), ("Income:Pumasi:Received".to_owned(), -1)],
        Direction::Sent => [(liability(movement.peer), -1), ("Expenses:Pumasi:Sent".to_owned(), 1)],
    }
    .into_iter()
}

fn asset(peer: &Did) -> String {
    format!("Assets:Pumasi:{}", component(peer))
}

fn liability(peer: &Did) -> String {
    format!("Liabilities:Pumasi:{}", component(peer))
}

/// The key of the DID as a part of an account's name, which begins with a capital: `Z6Mk…`.
fn component(peer: &Did) -> String {
    peer.multibase().replacen('z', "Z", 1)
}

/// The unit as a commodity: at most 24 capitals, digits and `-`, beginning with a capital. An issued unit gets a mark of
/// its issuer.
fn commodity(unit: &Unit) -> String {
    let Some((name, issuer)) = unit.as_str().split_once('@') else { return unit.to_string() };
    let mark = sha256(&[issuer.as_bytes()]).to_string();
    format!("U{}-{}", name.to_uppercase(), mark[..6].to_uppercase())
}

fn date(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

/// A string of Beancount: quotes and backslashes escaped, control characters left out.
fn quoted(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("\"{}\"", clean.replace('\\', "\\\\").replace('"', "\\\""))
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{text}").expect("writing to a String cannot fail");
}
