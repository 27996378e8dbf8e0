//! A page pays a real shop: `testing/web/pay.sh` starts bootstrap nodes with gateways and a shop that takes strangers, kills
//! the shop while this pays, and starts it again. Without it, this says that it was skipped.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use futures::StreamExt as _;
use pumasi_crypto::password::Password;
use pumasi_identity::Did;
use pumasi_rt::{sleep, timeout};
use pumasi_transfer::Refusal;
use pumasi_ui::backend::{
    Backend as _, GatewaySaid, IdempotencyKey, Page, PayOrder, PaymentId, PaymentState, PaymentView, Road, Settings,
    Trouble, Trust, UiEvent,
};
use pumasi_units::Money;
use pumasi_web::backend::BrowserBackend;
use std::time::Duration;
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// The shop's DID.
const SHOP: Option<&str> = option_env!("PUMASI_TEST_SHOP");
/// Gateways, separated by commas; the last one is not there.
const GATEWAYS: Option<&str> = option_env!("PUMASI_TEST_GATEWAYS");
/// Payments of which the shop is killed in the middle.
const PAYMENTS: u8 = 8;
const PATIENCE: Duration = Duration::from_secs(90);

fn krw(amount: u64) -> Money {
    format!("{amount} KRW").parse().unwrap()
}

/// Waits for the state of a payment.
async fn until(backend: &BrowserBackend, id: PaymentId, wanted: impl Fn(&PaymentView) -> bool) -> PaymentView {
    let looking = async {
        loop {
            let payment = backend.payment(&id).await.unwrap();
            if wanted(&payment) {
                return payment;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(PATIENCE, looking).await.expect("the payment gets there in time")
}

#[wasm_bindgen_test]
async fn a_page_pays_a_shop_through_its_death_and_both_keep_proof() {
    let (Some(shop), Some(gateways)) = (SHOP, GATEWAYS) else {
        console_log!("SKIPPED a_page_pays_a_shop_through_its_death_and_both_keep_proof: testing/web/pay.sh runs it");
        return;
    };
    let shop: Did = shop.parse().unwrap();
    let gateways: Vec<String> = gateways.split(',').map(str::to_owned).collect();
    let settings = Settings { directories: Vec::new(), gateways: gateways.clone() };
    let backend = BrowserBackend::new(settings.clone());
    let password = Password::new("비밀번호 123");
    let me = backend.create("미나".into(), password.clone()).await.unwrap();

    let view = backend.shop(&shop).await.unwrap();
    assert_eq!(view.trust, Trust::New);
    let said: Vec<_> = view.gateways.iter().map(|gateway| gateway.said).collect();
    assert_eq!(said, [GatewaySaid::Agreed, GatewaySaid::Agreed, GatewaySaid::Unreachable]);

    let mut events = Box::pin(backend.events());
    let order = |number: u8, amount| PayOrder {
        key: IdempotencyKey([number; 16]),
        to: shop,
        money: krw(amount),
        memo: "점심".into(),
        request: None,
    };
    let first = backend.pay(order(0, 12_000)).await.unwrap();
    let road = timeout(PATIENCE, async {
        loop {
            match events.next().await.unwrap() {
                UiEvent::Connected { road, peer, .. } if peer == shop => return road,
                event => console_log!("{event:?}"),
            }
        }
    });
    assert_eq!(road.await.unwrap(), Road::Endpoint);
    let paid = until(&backend, first, |payment| payment.state.is_final()).await;
    assert_eq!((paid.state, paid.name.as_str()), (PaymentState::Settled, "shop"));
    let receipt = backend.receipt(&first).await.unwrap();
    assert!(receipt.name.starts_with("pumasi-receipt-") && receipt.bytes.starts_with(b"{"));
    assert!(matches!(backend.contact(&shop).await.unwrap().trust, Trust::FirstUse { .. }));

    // The shop is killed somewhere in here, and comes back.
    let mut ids = Vec::new();
    for number in 1..=PAYMENTS {
        ids.push(backend.pay(order(number, 1_000)).await.unwrap());
        sleep(Duration::from_millis(1_500)).await;
    }
    // The page is closed and opened again in between, too.
    backend.lock().await;
    let backend = BrowserBackend::new(settings);
    assert_eq!(backend.open(&me.did, Password::new("other")).await, Err(Trouble::WrongPassword));
    backend.open(&me.did, password).await.unwrap();
    for id in ids {
        let payment = until(&backend, id, |payment| payment.state.is_final()).await;
        assert_eq!(payment.state, PaymentState::Settled);
    }
    let over = backend.pay(order(99, 100_000)).await.unwrap();
    let refused = until(&backend, over, |payment| payment.state.is_final()).await;
    assert!(matches!(refused.state, PaymentState::Refused(Refusal::OverLimit { .. })), "{:?}", refused.state);

    let account = backend.accounts().await.unwrap().remove(0);
    assert_eq!((account.they_owe, account.pending, account.both_signed), (-20_000, 0, true));
    let page = backend.payments(Page { limit: 100, ..Page::default() }).await.unwrap();
    assert_eq!(page.payments.len(), usize::from(PAYMENTS) + 2);
    let audit = backend.audit().await.unwrap();
    assert!(audit.findings.is_empty(), "{:?}", audit.findings);
}
