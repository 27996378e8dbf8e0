//! The same words in a browser.
#![cfg(target_arch = "wasm32")]

use pumasi_words::{Lang, Payment, Say};
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
fn a_payment_reads_the_same_in_a_browser() {
    let money = "12,000 KRW".parse().unwrap();
    assert_eq!(
        Payment::Taken { from: "영희", money: &money, memo: "점심" }.say(Lang::Ko),
        "영희 님에게서 12,000원을 받았어요 (점심). 원장에 적었어요."
    );
}
