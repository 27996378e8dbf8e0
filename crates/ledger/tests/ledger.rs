//! What a ledger does for those who write it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use futures::executor::block_on;
use pumasi_crypto::NativeProvider;
use pumasi_crypto::hash::{Digest, sha256};
use pumasi_crypto::password::Password;
use pumasi_ledger::memory::MemoryStore;
use pumasi_ledger::{Body, Entry, Head, Ledger, LedgerError, OverLimit, Space};
use pumasi_units::{Timestamp, Unit};
use support::*;

fn incoming(peer: &Person, number: u64, minor: u64) -> Body {
    let id = sha256(&[&number.to_be_bytes()]);
    let (memo, document, profile) = (String::new(), String::new(), Digest::default());
    Body::Incoming { id, peer: peer.did, money: won(minor), memo, document, profile }
}

async fn open(store: &MemoryStore) -> Ledger<MemoryStore, NativeProvider> {
    Ledger::open(store.clone(), NativeProvider, &password()).await.unwrap()
}

#[test]
fn opens_again_where_it_was_left() {
    block_on(async {
        let (store, bob) = (MemoryStore::new(), Person::new(2));
        let alice = Side::create(1, store.clone()).await;
        alice.limit(&bob, 10_000).await;
        let mut tx = alice.ledger.begin().await.unwrap();
        let entry = tx.append(incoming(&bob, 1, 3_000), START).unwrap();
        tx.put(Space::Contact, b"bob", &"밥").unwrap();
        let head = alice.ledger.commit(tx).await.unwrap();
        assert_eq!(head, entry.head());

        let again = open(&store).await;
        assert_eq!((again.head(), again.owner(), again.damage()), (head, alice.person.did, None));
        assert_eq!(again.balance(&bob.did, &Unit::krw()), 3_000);
        assert_eq!(again.get::<String>(Space::Contact, b"bob").await.unwrap().as_deref(), Some("밥"));
        assert_eq!(again.entry(3).await.unwrap(), Some(entry.clone()));
        assert_eq!(again.find_transfer(entry.body.transfer().unwrap()).await.unwrap(), [entry]);
        let about_bob = again.find_peer(&bob.did, 1, 10).await.unwrap();
        assert_eq!(about_bob.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), [2, 3]);
    });
}

#[test]
fn only_the_password_opens_it_and_a_ledger_is_not_made_over_another() {
    block_on(async {
        let store = MemoryStore::new();
        let empty = Ledger::open(store.clone(), NativeProvider, &password()).await.err();
        assert_eq!(empty, Some(LedgerError::Empty));
        let alice = Side::create(1, store.clone()).await;
        let wrong = Ledger::open(store.clone(), NativeProvider, &Password::new("비밀번호 품앗이 ")).await.err();
        assert_eq!(wrong, Some(LedgerError::WrongPassword));
        // 비밀번호 as decomposed jamo is the same password.
        let decomposed: String = unicode_decomposed(PASSWORD);
        assert_ne!(decomposed, PASSWORD);
        assert!(Ledger::open(store.clone(), NativeProvider, &Password::new(&decomposed)).await.is_ok());
        let over = Ledger::create(store, NativeProvider, alice.person.did, &password(), START).await.err();
        assert_eq!(over, Some(LedgerError::Exists));
    });
}

/// Hangul syllables as conjoining jamo (Unicode 3.12), which is how macOS may hand a password over.
fn unicode_decomposed(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match u32::from(c).checked_sub(0xac00).filter(|index| *index < 11_172) {
            Some(index) => {
                let jamo = [0x1100 + index / 588, 0x1161 + index % 588 / 28, 0x11a7 + index % 28];
                let parts = jamo.iter().take(if index % 28 == 0 { 2 } else { 3 });
                out.extend(parts.map(|jamo| char::from_u32(*jamo).unwrap()));
            }
            None => out.push(c),
        }
    }
    out
}

#[test]
fn an_entry_has_its_hash_before_it_is_committed_and_a_dropped_transaction_leaves_nothing() {
    block_on(async {
        let (store, bob) = (MemoryStore::new(), Person::new(2));
        let alice = Side::create(1, store).await;
        let before = alice.ledger.head();
        let mut tx = alice.ledger.begin().await.unwrap();
        let first = tx.append(Body::Limit { peer: bob.did, limit: won(1) }, START).unwrap();
        let second = tx.append(Body::Limit { peer: bob.did, limit: won(2) }, START).unwrap();
        assert_eq!((first.previous, second.previous, tx.head()), (before.hash, first.hash, second.head()));
        let payload = pumasi_crypto::jcs::to_vec(&serde_json::json!({
            "at": START, "body": second.body, "sequence": 3 }));
        assert_eq!(second.hash, sha256(&[&first.hash.0, &payload.unwrap()]));
        drop(tx);
        assert_eq!(alice.ledger.head(), before);
        assert_eq!(alice.ledger.entry(2).await.unwrap(), None);
        assert_eq!(alice.ledger.account(&bob.did, &Unit::krw()).limit_i_give, None);
    });
}

#[test]
fn transactions_build_on_those_under_way_and_stale_ones_begin_again() {
    block_on(async {
        let (store, bob) = (MemoryStore::new(), Person::new(2));
        let alice = Side::create(1, store.clone()).await;
        alice.limit(&bob, 10_000).await;
        let mut late = alice.ledger.begin().await.unwrap();
        late.append(incoming(&bob, 9, 1), START).unwrap();
        let mut commits = Vec::new();
        for number in 0..5 {
            let mut tx = alice.ledger.begin().await.unwrap();
            assert_eq!(tx.balance(&bob.did, &Unit::krw()), i128::from(number) * 100);
            tx.append(incoming(&bob, number, 100), START).unwrap();
            commits.push(alice.ledger.submit(tx));
        }
        assert_eq!((alice.ledger.head().sequence, alice.ledger.durable_head().sequence), (7, 2));
        for commit in commits {
            commit.await.unwrap();
        }
        assert_eq!(alice.ledger.durable_head().sequence, 7);
        assert_eq!(alice.ledger.commit(late).await, Err(LedgerError::Conflict { base: 2, tip: 7 }));
        assert_eq!(open(&store).await.balance(&bob.did, &Unit::krw()), 500);
    });
}

#[test]
fn a_second_writer_is_refused_and_then_sees_what_the_first_wrote() {
    block_on(async {
        let (store, bob) = (MemoryStore::new(), Person::new(2));
        let first = Side::create(1, store.clone()).await;
        let second = open(&store).await;
        first.limit(&bob, 700).await;
        let mut tx = second.begin().await.unwrap();
        tx.append(Body::Limit { peer: bob.did, limit: won(9) }, START).unwrap();
        assert_eq!(second.commit(tx).await, Err(LedgerError::Conflict { base: 1, tip: 2 }));
        let tx = second.begin().await.unwrap();
        assert_eq!(
            (tx.head(), tx.account(&bob.did, &Unit::krw()).unwrap().limit_i_give),
            (first.ledger.head(), Some(700))
        );
    });
}

#[test]
fn a_transfer_is_taken_once_however_often_it_comes() {
    block_on(async {
        let bob = Person::new(2);
        let alice = Side::create(1, MemoryStore::new()).await;
        alice.limit(&bob, 10_000).await;
        alice.append(incoming(&bob, 1, 100)).await;
        let mut tx = alice.ledger.begin().await.unwrap();
        tx.append(incoming(&bob, 1, 100), START).unwrap();
        assert_eq!(alice.ledger.commit(tx).await, Err(LedgerError::Duplicate { existing: 3 }));
        // What was handed over and refused counts nowhere.
        let tx = alice.ledger.begin().await.unwrap();
        assert_eq!((tx.head().sequence, tx.balance(&bob.did, &Unit::krw())), (3, 100));
    });
}

#[test]
fn a_payment_over_the_limit_is_refused_with_the_figures() {
    block_on(async {
        let (bob, carol) = (Person::new(2), Person::new(3));
        let alice = Side::create(1, MemoryStore::new()).await;
        let nothing = alice.ledger.check_limit(&bob.did, &won(1));
        assert_eq!(nothing, Err(OverLimit { limit: won(0), available: won(0), asked: won(1) }));
        alice.limit(&bob, 10_000).await;
        alice.append(incoming(&bob, 1, 7_000)).await;

        let mut tx = alice.ledger.begin().await.unwrap();
        let figures = OverLimit { limit: won(10_000), available: won(3_000), asked: won(3_001) };
        assert_eq!(tx.append(incoming(&bob, 2, 3_001), START), Err(LedgerError::OverLimit(Box::new(figures.clone()))));
        assert_eq!(figures.to_string(), "3,001 KRW is above the limit: 3,000 KRW of 10,000 KRW is available");
        assert_eq!(tx.append(incoming(&bob, 2, 3_000), START).unwrap().sequence, 4);
        assert!(tx.append(incoming(&bob, 3, 1), START).is_err(), "within one transaction, too");
        assert!(tx.append(incoming(&carol, 4, 1), START).is_err(), "a line is for one person");
        alice.ledger.commit(tx).await.unwrap();
        alice.limit(&bob, 10_001).await;
        assert_eq!(alice.ledger.account(&bob.did, &Unit::krw()).available_to_them(), 1);
    });
}

#[test]
fn both_sides_agree_on_the_balance_they_have_signed() {
    block_on(async {
        let alice = Side::create(1, MemoryStore::new()).await;
        let bob = Side::create(2, MemoryStore::new()).await;
        bob.limit(&alice.person, 50_000).await;
        alice.limit(&bob.person, 50_000).await;
        pay(&alice, &bob, 12_000, "김치").await;
        pay(&bob, &alice, 5_000, "").await;
        let (krw, a, b) = (Unit::krw(), alice.person.did, bob.person.did);
        let (mine, theirs) = (alice.ledger.account(&b, &krw), bob.ledger.account(&a, &krw));
        assert_eq!((mine.balance(), theirs.balance()), (-7_000, 7_000));
        assert_eq!(mine.countersigned.unwrap().balance, -7_000);
        assert_eq!(theirs.countersigned.unwrap().balance, 7_000);
        assert_eq!((mine.available_to_me(), mine.pending_out()), (Some(43_000), 0));
        assert_eq!(theirs.available_to_them(), 43_000);

        let (id, ..) = send(&alice, &bob.person, 3_000, "").await;
        let mine = alice.ledger.account(&b, &krw);
        assert_eq!((mine.balance(), mine.pending_out(), mine.available_to_me()), (-7_000, 3_000, Some(40_000)));
        let mut tx = alice.ledger.begin().await.unwrap();
        let outcome = |id| Body::Outcome { id, peer: b, outcome: refused(), document: String::new() };
        tx.append(outcome(id), START).unwrap();
        assert_eq!(tx.append(outcome(id), START), Err(LedgerError::NotPending(id)), "settled once");
        assert_eq!(tx.account(&b, &krw).unwrap().pending_out(), 0);
        assert_eq!(tx.balance(&b, &krw), -7_000, "refused: nothing is owed");
    });
}

fn refused() -> pumasi_ledger::Outcome {
    pumasi_ledger::Outcome::Refused { code: "limit".into(), limit: Some(won(50_000)), available: None }
}

#[test]
fn a_password_change_needs_the_old_one_and_leaves_it_useless() {
    block_on(async {
        let store = MemoryStore::new();
        let alice = Side::create(1, store.clone()).await;
        let (old, new, other) = (password(), Password::new("새 비밀번호"), Password::new("other"));
        let opens = async |password: &Password| Ledger::open(store.clone(), NativeProvider, password).await.is_ok();
        assert_eq!(alice.ledger.change_password(&other, &new, START).await, Err(LedgerError::WrongPassword));
        // In two steps, while other files move: both open it until the old one is retired.
        alice.ledger.add_password(&old, &new, START).await.unwrap();
        assert!(opens(&old).await && opens(&new).await);
        alice.ledger.retire_passwords(&new).await.unwrap();
        assert!(!opens(&old).await && opens(&new).await);
        // In one step.
        alice.ledger.change_password(&new, &other, START).await.unwrap();
        assert!(!opens(&new).await && opens(&other).await);
        assert_eq!(alice.ledger.head().sequence, 1, "no entry was written");
    });
}

#[test]
fn an_entry_or_record_that_is_too_long_is_refused_and_harms_nothing() {
    block_on(async {
        let bob = Person::new(2);
        let alice = Side::create(1, MemoryStore::new()).await;
        let mut tx = alice.ledger.begin().await.unwrap();
        let body = |len: usize| Body::Outgoing {
            id: Digest::default(),
            peer: bob.did,
            money: won(1),
            memo: String::new(),
            expires: START,
            document: "x".repeat(len),
        };
        let refused = tx.append(body(65_536), START);
        assert!(matches!(refused, Err(LedgerError::TooLarge { what: "entry", .. })), "{refused:?}");
        let fits = 65_536 - serde_json::to_vec(&Entry::after(&tx.head(), START, body(0)).unwrap()).unwrap().len() - 73;
        tx.append(body(fits), START).unwrap();
        alice.ledger.commit(tx).await.unwrap();

        let mut tx = alice.ledger.begin().await.unwrap();
        tx.put(Space::Document, b"k", &"x".repeat(65_536)).unwrap();
        assert!(alice.ledger.commit(tx).await.is_err());
        assert_eq!(alice.ledger.begin().await.unwrap().head().sequence, 2);
    });
}

#[test]
fn records_are_listed_by_space_and_deleted_by_key() {
    block_on(async {
        let alice = Side::create(1, MemoryStore::new()).await;
        let mut tx = alice.ledger.begin().await.unwrap();
        for number in 0_u32..2_345 {
            tx.put(Space::Transfer, &number.to_be_bytes(), &number).unwrap();
        }
        tx.put(Space::Setting, &7_u32.to_be_bytes(), &"other space").unwrap();
        alice.ledger.commit(tx).await.unwrap();
        let mut tx = alice.ledger.begin().await.unwrap();
        tx.delete(Space::Transfer, &7_u32.to_be_bytes()).unwrap();
        tx.delete(Space::Transfer, b"never there").unwrap();
        alice.ledger.commit(tx).await.unwrap();
        let mut all = alice.ledger.list::<u32>(Space::Transfer).await.unwrap();
        all.sort();
        assert_eq!(all.len(), 2_344);
        assert!(all.iter().all(|(key, number)| *key == number.to_be_bytes() && *number != 7));
        assert!(alice.ledger.get::<u32>(Space::Setting, &7_u32.to_be_bytes()).await.is_err(), "a text is no number");
    });
}

#[test]
fn the_first_head_is_zero_and_times_are_the_callers() {
    block_on(async {
        let alice = Side::create(1, MemoryStore::new()).await;
        let first = alice.ledger.entry(1).await.unwrap().unwrap();
        assert_eq!((first.previous, first.at), (Head::default().hash, START));
        assert_eq!(first.body, Body::Opened { owner: alice.person.did });
        assert!(Timestamp(0) < first.at);
    });
}
