//! From what the ledger's audit finds to the words for it.

use crate::{Document, Finding as Words, Lang, Say};
use pumasi_identity::Did;
use pumasi_ledger::{Finding as Found, Part};

/// What an audit found, in the words of people. `name` says how the owner calls somebody.
#[must_use]
pub fn finding(finding: &Found, name: &dyn Fn(&Did) -> String, lang: Lang) -> String {
    match finding {
        Found::HeadChanged => Words::HeadChanged.say(lang),
        Found::TailMissing { expected, found } => Words::TailMissing { expected: *expected, found: *found }.say(lang),
        Found::BeyondHead { entry, head } => Words::BeyondHead { entry: *entry, head: *head }.say(lang),
        Found::Gap { first, last } => Words::Gap { first: *first, last: *last }.say(lang),
        Found::Changed { entry } => Words::Changed { entry: *entry }.say(lang),
        Found::Malformed { entry, .. } => Words::Malformed { entry: *entry }.say(lang),
        Found::Misplaced { place, holds } => Words::Misplaced { place: *place, holds: *holds }.say(lang),
        Found::Unlinked { entry } => Words::Unlinked { entry: *entry }.say(lang),
        Found::OtherHead { entry } => Words::OtherHead { entry: *entry }.say(lang),
        Found::RecordChanged { .. } => Words::RecordChanged.say(lang),
        Found::OldCopy { head, marked, .. } => {
            Words::OldCopy { have: head.sequence, marked: marked.sequence }.say(lang)
        }
        Found::MarkerChanged => Words::MarkerChanged.say(lang),
        Found::RolledBack { witness, quoted, have, .. } => {
            Words::RolledBack { witness: &name(witness), quoted: quoted.sequence, have: *have }.say(lang)
        }
        Found::Rewritten { witness, quoted, .. } => {
            Words::Rewritten { witness: &name(witness), quoted: quoted.sequence }.say(lang)
        }
        Found::Fork { peer, sequence, first, second } => {
            Words::Fork { peer: &name(peer), sequence: *sequence, first: *first, second: *second }.say(lang)
        }
        Found::BadSignature { entry, part, .. } => {
            Words::BadSignature { entry: *entry, document: document(*part) }.say(lang)
        }
        Found::WrongSigner { entry, part, expected, found } => {
            let (signed_by, expected) = (name(found), name(expected));
            let document = document(*part);
            Words::WrongSigner { entry: *entry, document, signed_by: &signed_by, expected: &expected }.say(lang)
        }
        Found::OtherTransfer { entry, part, .. } => {
            Words::OtherTransfer { entry: *entry, document: document(*part) }.say(lang)
        }
        Found::Contradicts { entry, part, field } => {
            Words::Contradicts { entry: *entry, document: document(*part), field }.say(lang)
        }
        Found::Unmatched { entry, .. } => Words::Unmatched { entry: *entry }.say(lang),
        Found::AccountChanged { peer, unit, kept, replayed } => {
            Words::AccountChanged { peer: &name(peer), unit, kept: *kept, replayed: *replayed }.say(lang)
        }
        Found::BalanceDiffers { entry, peer, unit, mine, theirs } => {
            Words::BalanceDiffers { entry: *entry, peer: &name(peer), unit, mine: *mine, theirs: *theirs }.say(lang)
        }
        other => Words::Other { text: &other.to_string() }.say(lang),
    }
}

fn document(part: Part) -> Document {
    match part {
        Part::Result => Document::Result,
        Part::Acknowledgement => Document::Acknowledgement,
        _ => Document::Transfer,
    }
}
