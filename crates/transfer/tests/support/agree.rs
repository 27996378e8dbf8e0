//! What must hold of one transfer once both sides have settled it.

use super::Durable;
use pumasi_ledger::{Body, Outcome, TransferId};

/// Compares the entries of one transfer on both sides, and gives its outcome.
pub fn transfer_agrees(payer: &Durable, payee: &Durable, id: &TransferId) -> Outcome {
    let [Body::Outgoing { money, memo, document, .. }, Body::Outcome { outcome, document: result, .. }] =
        &payer.about(id)[..]
    else {
        panic!("the payer's entries of {id}: {:?}", payer.about(id))
    };
    match (outcome, &payee.about(id)[..]) {
        (
            Outcome::Accepted,
            [Body::Incoming { money: m, memo: t, document: d, .. }, Body::Countersigned { result: r, .. }],
        ) => {
            assert_eq!((m, t, d, r), (money, memo, document, result), "both sides keep the same documents of {id}");
        }
        (Outcome::Refused { .. }, []) => {}
        (outcome, entries) => panic!("{id}: the payer has {outcome:?}, the payee {entries:?}"),
    }
    outcome.clone()
}

/// The transfers that went out of these books.
pub fn outgoing(books: &Durable) -> Vec<TransferId> {
    let id = |body: &Body| match body {
        Body::Outgoing { id, .. } => Some(*id),
        _ => None,
    };
    books.entries.iter().filter_map(|entry| id(&entry.body)).collect()
}

/// The transfers that came into these books.
pub fn incoming(books: &Durable) -> Vec<TransferId> {
    let id = |body: &Body| match body {
        Body::Incoming { id, .. } => Some(*id),
        _ => None,
    };
    books.entries.iter().filter_map(|entry| id(&entry.body)).collect()
}
