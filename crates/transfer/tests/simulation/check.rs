//! What must hold once everything has healed.

use crate::support::{did, incoming, money, outgoing, transfer_agrees};
use crate::world::{World, pairs, people};
use pumasi_ledger::{Outcome, Space, TransferId};
use pumasi_transfer::{Refusal, RequestRecord};
use std::collections::{BTreeMap, BTreeSet};
use std::iter::Sum;
use std::ops::Add;

/// What happened in the worlds that were played.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Tally {
    orders: u64,
    crashes: u64,
    accepted: u64,
    refused: BTreeMap<String, u64>,
}

impl Add for Tally {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        for (code, count) in other.refused {
            *self.refused.entry(code).or_default() += count;
        }
        let (orders, crashes) = (self.orders + other.orders, self.crashes + other.crashes);
        Self { orders, crashes, accepted: self.accepted + other.accepted, refused: self.refused }
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), Add::add)
    }
}

/// Nothing lost, nothing doubled, nothing told in two ways.
pub(crate) fn books_agree(world: &World) -> Tally {
    assert_eq!(world.warnings, [], "honest people were warned of each other");
    let mut tally = Tally { orders: world.orders, crashes: world.crashes, ..Tally::default() };
    let mut accepted = BTreeSet::new();
    for payer in people() {
        let books = &world.machines[payer].durable;
        for id in outgoing(books) {
            let payee = world.payee_of(payer, &id);
            match transfer_agrees(books, &world.machines[payee].durable, &id) {
                Outcome::Accepted => {
                    tally.accepted += 1;
                    accepted.insert(id);
                }
                outcome @ Outcome::Refused { .. } => {
                    let refusal = Refusal::from_outcome(&outcome).unwrap();
                    *tally.refused.entry(refusal.code().to_owned()).or_default() += 1;
                }
            }
        }
    }
    let taken: usize = world.machines.iter().map(|machine| incoming(&machine.durable).len()).sum();
    assert_eq!(taken, accepted.len(), "somebody took a transfer that nobody sent");

    balances_mirror(world);
    limits_hold(world);
    requests_are_paid_once(world, &accepted);
    for machine in &world.machines {
        for (id, answers) in &machine.answers {
            assert_eq!(answers.len(), 1, "two different answers about {id}");
        }
    }
    tally
}

fn balances_mirror(world: &World) {
    for (a, b) in pairs() {
        for unit in ["0 KRW", "0 USD", "0 BTC"] {
            let unit = money(unit).unit().clone();
            let ours = world.machines[a].durable.balance(&did(b), &unit);
            let theirs = world.machines[b].durable.balance(&did(a), &unit);
            assert_eq!(ours, -theirs, "what {a} and {b} owe in {unit}");
        }
    }
}

fn limits_hold(world: &World) {
    for machine in &world.machines {
        for ((_, unit), account) in &machine.durable.accounts {
            let limit = i128::from(account.limit_i_give.unwrap_or(0));
            assert!(account.balance() <= limit, "over the limit in {unit}: {account:?}");
            assert!(account.pending.is_empty());
        }
    }
}

fn requests_are_paid_once(world: &World, accepted: &BTreeSet<TransferId>) {
    for (owner, request) in world.requests() {
        let person = people().find(|person| did(*person) == owner).unwrap();
        let books = &world.machines[person].durable;
        // A request whose commit was lost in a crash was never shown, but this world knows it.
        let Some(record) = books.cells.get(&(Space::Request, request.0.to_vec())) else { continue };
        let record: RequestRecord = serde_json::from_value(serde_json::Value::clone(record)).unwrap();
        if let Some(paid) = record.paid {
            assert!(accepted.contains(&paid), "a request is marked paid by a transfer that was not accepted");
        }
    }
}

/// The worlds are of use only when they lead everywhere.
pub(crate) fn every_fate_occurred(tally: &Tally) {
    assert!(tally.accepted > 100 && tally.crashes > 100, "{tally:?}");
    for code in ["expired", "chain-node-needed", "over-limit", "request-paid", "declined"] {
        assert!(tally.refused.contains_key(code), "no transfer was refused as {code}: {tally:?}");
    }
}
