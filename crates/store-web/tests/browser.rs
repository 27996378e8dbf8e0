//! The store keeps the contract in a real browser, and what a ledger wrote is there after the page let go of it.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use pumasi_crypto::WebProvider;
use pumasi_crypto::password::Password;
use pumasi_identity::Did;
use pumasi_ledger::store::StoreError;
use pumasi_ledger::{Ledger, LedgerError, Space, Store as _, contract};
use pumasi_store_web::WebStore;
use pumasi_units::Timestamp;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// An empty store under a name that only this test has.
async fn empty(name: &str) -> WebStore {
    WebStore::remove(name).await.unwrap();
    WebStore::open(name).await.unwrap()
}

#[wasm_bindgen_test]
async fn keeps_the_contract() {
    let mut number = 0;
    contract::check(async || {
        number += 1;
        empty(&format!("contract-{number}")).await
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_ledger_is_there_again_after_it_was_closed_and_only_its_password_opens_it() {
    let store = empty("reopened").await;
    let owner = Did::from_ed25519([7; 32]);
    let password = Password::new("비밀번호 123");
    let now = Timestamp(1_795_000_000_000);
    let ledger = Ledger::create(store, WebProvider, owner, &password, now).await.unwrap();
    let mut tx = ledger.begin().await.unwrap();
    tx.put(Space::Setting, b"name", &"품앗이").unwrap();
    ledger.commit(tx).await.unwrap();
    drop(ledger);

    let wrong = Ledger::open(WebStore::open("reopened").await.unwrap(), WebProvider, &Password::new("other")).await;
    assert!(matches!(wrong, Err(LedgerError::WrongPassword)));
    let ledger = Ledger::open(WebStore::open("reopened").await.unwrap(), WebProvider, &password).await.unwrap();
    let name: Option<String> = ledger.get(Space::Setting, b"name").await.unwrap();
    assert_eq!((name.as_deref(), ledger.owner(), ledger.head().sequence), (Some("품앗이"), owner, 1));
}

#[wasm_bindgen_test]
async fn two_pages_on_one_database_do_not_overwrite_each_other() {
    let store = empty("twice").await;
    let password = Password::new("pw");
    let now = Timestamp(1_795_000_000_000);
    let owner = Did::from_ed25519([7; 32]);
    drop(Ledger::create(store, WebProvider, owner, &password, now).await.unwrap());
    let one = Ledger::open(WebStore::open("twice").await.unwrap(), WebProvider, &password).await.unwrap();
    let other = Ledger::open(WebStore::open("twice").await.unwrap(), WebProvider, &password).await.unwrap();
    let limit =
        |amount: &str| pumasi_ledger::Body::Limit { peer: owner, limit: format!("{amount} KRW").parse().unwrap() };
    let mut tx = one.begin().await.unwrap();
    tx.append(limit("1000"), now).unwrap();
    let mut late = other.begin().await.unwrap();
    late.append(limit("2000"), now).unwrap();
    one.commit(tx).await.unwrap();
    assert!(matches!(other.commit(late).await, Err(LedgerError::Conflict { .. })));
}

#[wasm_bindgen_test]
async fn files_are_written_together_and_listed_by_their_beginning() {
    let store = empty("files").await;
    let file = |name: &str, text: &str| (name.to_owned(), Some(text.as_bytes().to_vec()));
    store.write_files(&[file("keys/b", "2"), file("keys/a", "1"), file("head", "3")]).await.unwrap();
    assert_eq!(
        store.files("keys/").await.unwrap(),
        [("keys/a".into(), b"1".to_vec()), ("keys/b".into(), b"2".to_vec())]
    );
    let long = ("keys/a".to_owned(), Some(vec![0; 1024 * 1024 + 1]));
    let refused = store.write_files(&[file("head", "4"), long]).await;
    assert!(matches!(refused, Err(StoreError::TooLarge { .. })), "{refused:?}");
    store.write_files(&[("keys/a".into(), None)]).await.unwrap();
    assert_eq!(store.file("keys/a").await, Ok(None));
    assert_eq!(store.file("head").await, Ok(Some(b"3".to_vec())));
    assert_eq!(store.header().await, Ok(None));
}
