//! The same words in a browser.
#![cfg(target_arch = "wasm32")]

use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
fn one() {
    assert_eq!(1 + 1, 2);
}
#[wasm_bindgen_test]
async fn two() {
    assert_eq!(1 + 1, 2);
}
