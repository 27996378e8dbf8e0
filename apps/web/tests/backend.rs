//! The peer of the page in a real browser: its own keys, ledger and lock, and gateways that a test puts behind `fetch`.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use js_sys::{Promise, Reflect};
use pumasi_crypto::password::Password;
use pumasi_crypto::{RsaBits, WebProvider};
use pumasi_identity::{PlainKeys, ProfileDraft, SignedProfile};
use pumasi_ui::backend::{
    Backend as _, BackupState, GatewaySaid, IdempotencyKey, LinkView, Page, PayOrder, PaymentState, RequestOrder,
    Settings, Trouble, Trust,
};
use pumasi_units::Money;
use pumasi_web::backend::BrowserBackend;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::{Request, Response, ResponseInit};

wasm_bindgen_test_configure!(run_in_browser);

const HOUR: u64 = 3_600_000;

/// What is answered, by address.
type Answers = Rc<RefCell<HashMap<String, (u16, String)>>>;

/// Puts answers behind `fetch`; what is not among them is 404.
fn internet() -> Answers {
    let answers = Answers::default();
    let served = answers.clone();
    let fetch = Closure::<dyn FnMut(JsValue) -> Promise>::new(move |asked: JsValue| {
        let url = Request::from(asked).url();
        let (status, body) = served.borrow().get(&url).cloned().unwrap_or((404, "{}".into()));
        let init = ResponseInit::new();
        init.set_status(status);
        let response = Response::new_with_opt_str_and_init(Some(&body), &init).unwrap();
        Promise::resolve(&response)
    });
    Reflect::set(&js_sys::global(), &"fetch".into(), &fetch.into_js_value()).unwrap();
    answers
}

async fn shop(name: &str, sequence: u64) -> SignedProfile {
    let keys = PlainKeys::generate(&WebProvider, RsaBits::B2048).await.unwrap().import(&WebProvider).await.unwrap();
    let now = pumasi_agent::now();
    let draft =
        ProfileDraft { sequence, created: now, expires: now + HOUR, name: Some(name.into()), services: Vec::new() };
    SignedProfile::sign(&WebProvider, &keys, draft).await.unwrap()
}

fn gateways(answers: &Answers, profile: &SignedProfile, bodies: [&str; 2]) -> Settings {
    let urls = ["https://one.example", "https://two.example"];
    for (url, body) in urls.iter().zip(bodies) {
        let at = format!("{url}/v1/records/profile/{}", profile.did());
        answers.borrow_mut().insert(at, (200, body.to_owned()));
    }
    Settings { directories: Vec::new(), gateways: urls.map(str::to_owned).to_vec() }
}

fn krw(amount: u64) -> Money {
    format!("{amount} KRW").parse().unwrap()
}

fn password() -> Password {
    Password::new("비밀번호 123")
}

fn page() -> Page {
    Page { limit: 20, ..Page::default() }
}

#[wasm_bindgen_test]
async fn an_identity_is_made_locked_and_opened_and_a_wrong_password_opens_nothing() {
    let _ = internet();
    let backend = BrowserBackend::new(Settings::default());
    assert_eq!(backend.create("미나".into(), Password::new("")).await, Err(Trouble::EmptyPassword));
    let made = backend.create("미나".into(), password()).await.unwrap();
    assert!(backend.identities().await.unwrap().iter().any(|known| known.did == made.did && known.name == "미나"));
    assert!(backend.audit().await.unwrap().findings.is_empty());
    backend.lock().await;
    assert_eq!(backend.payments(page()).await, Err(Trouble::Locked));

    assert_eq!(backend.open(&made.did, Password::new("other")).await, Err(Trouble::WrongPassword));
    assert_eq!(backend.contacts().await, Err(Trouble::Locked));
    assert_eq!(backend.open(&made.did, password()).await.unwrap(), made);
    assert_eq!(backend.contacts().await, Ok(vec![]));

    // Another tab.
    let other = BrowserBackend::new(Settings::default());
    assert_eq!(other.open(&made.did, password()).await, Err(Trouble::HeldByOtherTab));
    backend.lock().await;
    assert_eq!(other.open(&made.did, password()).await.unwrap(), made);
}

#[wasm_bindgen_test]
async fn a_gateway_that_lies_is_named_and_a_payment_is_kept_once_and_through_a_reload() {
    let answers = internet();
    let profile = shop("영희네 식당", 7).await;
    let forged = profile.json().replace("영희네 식당", "철수네 식당");
    let settings = gateways(&answers, &profile, [profile.json(), &forged]);
    let backend = BrowserBackend::new(settings.clone());
    let me = backend.create("미나".into(), password()).await.unwrap();

    let seen = backend.shop(profile.did()).await.unwrap();
    assert_eq!((seen.name.as_str(), seen.trust, seen.sequence), ("영희네 식당", Trust::New, 7));
    let said: Vec<_> = seen.gateways.iter().map(|gateway| (gateway.host.as_str(), gateway.said)).collect();
    assert_eq!(said, [("one.example", GatewaySaid::Agreed), ("two.example", GatewaySaid::Forged)]);

    let key = IdempotencyKey([7; 16]);
    let order = PayOrder { key, to: *profile.did(), money: krw(12_000), memo: "점심".into(), request: None };
    let review = backend.review(&order).await.unwrap();
    assert!(review.first && review.repeated.is_none() && review.trust == Trust::New);
    let (one, other) = futures::join!(backend.pay(order.clone()), backend.pay(order.clone()));
    let id = one.unwrap();
    assert_eq!(other.unwrap(), id, "pressed twice");
    let paid = backend.payment(&id).await.unwrap();
    assert_eq!((paid.money, paid.state, paid.name.as_str()), (krw(12_000), PaymentState::Queued, "영희네 식당"));
    assert!(matches!(backend.contact(profile.did()).await.unwrap().trust, Trust::FirstUse { .. }));
    let again = backend.review(&PayOrder { key: IdempotencyKey([8; 16]), ..order.clone() }).await.unwrap();
    assert_eq!(again.repeated.map(|repeated| repeated.id), Some(id));

    backend.lock().await;
    let reloaded = BrowserBackend::new(settings);
    reloaded.open(&me.did, password()).await.unwrap();
    assert_eq!(reloaded.pay(order).await.unwrap(), id, "under one key one payment, after a reload too");
    let page = reloaded.payments(page()).await.unwrap();
    assert_eq!((page.payments.len(), page.payments[0].id, page.more), (1, id, false));
    assert_eq!(reloaded.accounts().await.unwrap()[0].pending, 12_000);
    assert!(reloaded.audit().await.unwrap().findings.is_empty());
}

#[wasm_bindgen_test]
async fn a_backup_is_proven_by_a_restore_and_does_not_overwrite_an_identity() {
    let _ = internet();
    let backend = BrowserBackend::new(Settings::default());
    backend.create("미나".into(), password()).await.unwrap();
    assert_eq!(backend.backup_state().await, Ok(BackupState::Never));
    let file = backend.backup().await.unwrap();
    assert!(matches!(backend.backup_state().await, Ok(BackupState::Made { since: 0, .. })));
    let wrong = backend.prove_backup(file.bytes.clone(), Password::new("other")).await;
    assert_eq!(wrong, Err(Trouble::WrongPassword));
    assert_eq!(backend.prove_backup(b"diary".to_vec(), password()).await, Err(Trouble::NotABackup));
    let proof = backend.prove_backup(file.bytes.clone(), password()).await.unwrap();
    assert_eq!((proof.entries, proof.missing), (1, 0));
    assert!(matches!(backend.backup_state().await, Ok(BackupState::Proven { since: 0, .. })));
    assert_eq!(backend.restore(file.bytes, password()).await, Err(Trouble::AlreadyHere));
}

#[wasm_bindgen_test]
async fn a_request_becomes_a_link_that_leads_back_to_it_and_settings_take_only_addresses() {
    let _ = internet();
    let backend = BrowserBackend::new(Settings::default());
    let me = backend.create("미나".into(), password()).await.unwrap();
    let order = RequestOrder { from: None, money: krw(5_000), memo: "커피".into(), lifetime: HOUR };
    let request = backend.request(order).await.unwrap();
    assert_eq!(backend.open_requests().await.unwrap(), std::slice::from_ref(&request));
    assert_eq!(backend.read_link(&request.link).await, Err(Trouble::OwnRequest));
    let elsewhere = BrowserBackend::new(Settings::default());
    assert!(matches!(
        elsewhere.read_link(&request.link).await,
        Ok(LinkView::Request { from, money, .. }) if from == me.did && money == krw(5_000)
    ));
    assert_eq!(backend.read_link("12,000").await, Err(Trouble::NotALink));

    let bad = Settings { directories: vec!["http://directory.example".into()], gateways: Vec::new() };
    assert!(matches!(backend.set_settings(bad).await, Err(Trouble::BadAddress { .. })));
    let good = Settings {
        directories: vec!["https://directory.example".into()],
        gateways: vec!["http://127.0.0.1:8470".into(), "https://two.example".into()],
    };
    backend.set_settings(good.clone()).await.unwrap();
    assert_eq!(backend.settings().await.unwrap(), good);
    backend.lock().await;
    backend.open(&me.did, password()).await.unwrap();
    assert_eq!(backend.settings().await.unwrap(), good, "kept with the identity");
}
