//! Balances follow from the entries, whatever happened and in whatever order.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use futures::executor::block_on;
use proptest::prelude::*;
use pumasi_crypto::NativeProvider;
use pumasi_crypto::hash::{Digest, sha256};
use pumasi_identity::Did;
use pumasi_ledger::memory::MemoryStore;
use pumasi_ledger::{Body, Ledger, Outcome, TransferId};
use pumasi_units::{MAX_MINOR, Money, Unit};
use std::collections::{BTreeMap, HashMap};
use support::*;

#[derive(Debug, Clone)]
enum Step {
    Limit { peer: u8, unit: u8, minor: u64 },
    Send { peer: u8, unit: u8, minor: u64 },
    Receive { peer: u8, unit: u8, minor: u64 },
    Settle { which: usize, accepted: bool },
    Commit,
    Forget,
}

fn step() -> impl Strategy<Value = Step> {
    let minor = prop_oneof![4 => 1..50_000_u64, 1 => Just(MAX_MINOR)];
    let place = (0..3_u8, 0..2_u8, minor);
    prop_oneof![
        2 => place.clone().prop_map(|(peer, unit, minor)| Step::Limit { peer, unit, minor }),
        4 => place.clone().prop_map(|(peer, unit, minor)| Step::Send { peer, unit, minor }),
        4 => place.prop_map(|(peer, unit, minor)| Step::Receive { peer, unit, minor }),
        4 => (any::<usize>(), any::<bool>()).prop_map(|(which, accepted)| Step::Settle { which, accepted }),
        3 => Just(Step::Commit),
        1 => Just(Step::Forget),
    ]
}

fn unit(number: u8) -> Unit {
    if number == 0 { Unit::krw() } else { "hours@did:key:z6Mk".parse().unwrap() }
}

/// Balance and pending, by peer and unit.
type Sums = BTreeMap<(Did, Unit), (i128, i128)>;

/// Adds everything up again, by the simplest code that can be right.
async fn replay(ledger: &Ledger<MemoryStore, NativeProvider>) -> Sums {
    let mut sums = Sums::new();
    let mut sent: HashMap<TransferId, Money> = HashMap::new();
    let mut next = 1;
    loop {
        let page = ledger.entries(next, 7).await.unwrap();
        let Some(last) = page.last() else { return sums };
        next = last.sequence + 1;
        for entry in page {
            match entry.body {
                Body::Outgoing { id, money, peer, .. } => {
                    sums.entry((peer, money.unit().clone())).or_default().1 += i128::from(money.minor());
                    sent.insert(id, money);
                }
                Body::Incoming { peer, money, .. } => {
                    sums.entry((peer, money.unit().clone())).or_default().0 += i128::from(money.minor());
                }
                Body::Outcome { id, peer, outcome, .. } => {
                    let money = &sent[&id];
                    let (balance, pending) = sums.entry((peer, money.unit().clone())).or_default();
                    *pending -= i128::from(money.minor());
                    if outcome == Outcome::Accepted {
                        *balance -= i128::from(money.minor());
                    }
                }
                _ => {}
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn balances_equal_a_replay_from_scratch(steps in prop::collection::vec(step(), 1..80)) {
        block_on(async {
            let store = MemoryStore::new();
            let ledger = Side::create(1, store.clone()).await.ledger;
            let peers: Vec<Did> = (2..5).map(|seed| Person::new(seed).did).collect();
            let mut tx = ledger.begin().await.unwrap();
            let (mut waiting, mut uncommitted) = (Vec::new(), Vec::new());
            for (number, step) in steps.iter().enumerate() {
                let id = sha256(&[&number.to_be_bytes()]);
                let (memo, document) = (String::new(), String::new());
                match *step {
                    Step::Limit { peer, unit: u, minor } => {
                        let limit = Money::new(minor, unit(u)).unwrap();
                        tx.append(Body::Limit { peer: peers[usize::from(peer)], limit }, START).unwrap();
                    }
                    Step::Send { peer, unit: u, minor } => {
                        let (peer, money) = (peers[usize::from(peer)], Money::new(minor, unit(u)).unwrap());
                        tx.append(Body::Outgoing { id, peer, money, memo, expires: START, document }, START).unwrap();
                        uncommitted.push((id, peer));
                    }
                    Step::Receive { peer, unit: u, minor } => {
                        let (peer, money) = (peers[usize::from(peer)], Money::new(minor, unit(u)).unwrap());
                        let allowed = tx.check_limit(&peer, &money);
                        let account = tx.account(&peer, &unit(u)).cloned().unwrap_or_default();
                        let free = i128::from(account.limit_i_give.unwrap_or(0)) - account.balance();
                        prop_assert_eq!(allowed.is_ok(), i128::from(minor) <= free);
                        let profile = Digest::default();
                        let taken = tx.append(Body::Incoming { id, peer, money, memo, document, profile }, START);
                        prop_assert_eq!(taken.is_ok(), allowed.is_ok());
                    }
                    Step::Settle { which, accepted } if !waiting.is_empty() => {
                        let (id, peer) = waiting.swap_remove(which % waiting.len());
                        let outcome = if accepted {
                            Outcome::Accepted
                        } else {
                            Outcome::Refused { code: "no".into(), limit: None, available: None }
                        };
                        tx.append(Body::Outcome { id, peer, outcome, document }, START).unwrap();
                        ledger.commit(tx).await.unwrap();
                        waiting.append(&mut uncommitted);
                        tx = ledger.begin().await.unwrap();
                    }
                    Step::Commit | Step::Settle { .. } => {
                        ledger.commit(tx).await.unwrap();
                        waiting.append(&mut uncommitted);
                        tx = ledger.begin().await.unwrap();
                    }
                    Step::Forget => {
                        uncommitted.clear();
                        tx = ledger.begin().await.unwrap();
                    }
                }
            }
            let sums = replay(&ledger).await;
            for ((peer, unit), (balance, pending)) in &sums {
                let account = ledger.account(peer, unit);
                prop_assert_eq!(account.balance(), *balance);
                prop_assert_eq!(i128::try_from(account.pending_out()).unwrap(), *pending);
            }
            let reopened = Ledger::open(store, NativeProvider, &password()).await.unwrap();
            let all = |accounts: pumasi_ledger::Accounts| -> Vec<_> {
                accounts.iter().map(|(peer, unit, account)| (*peer, unit.clone(), account.clone())).collect()
            };
            prop_assert_eq!(all(ledger.accounts()), all(reopened.accounts()));
            Ok(())
        })?;
    }
}
