//! The same listing in a browser: signed with WebCrypto, stamped, checked, and found.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail and may talk")]

use pumasi_crypto::{Provider as _, WebProvider, pkcs8};
use pumasi_discovery::text::{Indexed, Plan};
use pumasi_discovery::{Action, Entry, Forgery, Listing, Operation, SignedOperation};
use pumasi_identity::Did;
use pumasi_units::Timestamp;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

const NOW: Timestamp = Timestamp(1_795_000_000_000);

#[wasm_bindgen_test]
async fn a_page_lists_a_shop_and_catches_a_forgery() {
    let key = WebProvider.import_ed25519(&pkcs8::from_ed25519_seed(&[1; 32])).await.unwrap();
    let did = Did::from_ed25519(WebProvider.ed25519_public(&key));
    let listing = Listing {
        name: None,
        description: "강남구 역삼동의 식당".into(),
        categories: vec!["식당".into()],
        bootstrap_nodes: vec!["https://node.example".into()],
        service_endpoint: Some("https://shop.example".into()),
    };
    let action = Action::Register(listing.clone());
    let operation = Operation { did, sequence: 1, created: NOW, expires: NOW + 3_600_000, action };
    let signed = operation.sign(&WebProvider, &key, 12).await.unwrap();
    assert_eq!(SignedOperation::verify(signed.as_str()).unwrap().check_stamp(12), Ok(()));
    let entry = Entry::new(&signed, None).unwrap();
    assert_eq!(entry.clone().verify(NOW).unwrap().listing(), &listing);
    let mut forged = entry;
    forged.listing.service_endpoint = Some("https://evil.example".into());
    assert_eq!(forged.verify(NOW), Err(Forgery::Field("service_endpoint")));
    assert_eq!(Plan::new("강남구 식당에서").unwrap().rank(&Indexed::of(&listing)), Some(0));
}

/// The example of the specification, which Python signed.
#[wasm_bindgen_test]
fn what_python_signed_holds_in_a_browser() {
    let spec = include_str!("../../../docs/spec/directory.md");
    let example = spec.split_once("```json entry\n").unwrap().1.split_once("\n```").unwrap().0;
    let entry: Entry = serde_json::from_str(example).unwrap();
    assert_eq!(entry.verify(Timestamp(1_795_251_659_999)).unwrap().sequence(), 2);
}
