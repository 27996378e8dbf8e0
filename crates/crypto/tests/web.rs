//! The provider suite on WebCrypto, in a browser.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, helpers included")]

mod suite;

use pumasi_crypto::WebProvider;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

macro_rules! run {
    ($($case:ident)*) => {
        $(
            #[wasm_bindgen_test]
            async fn $case() {
                suite::$case(WebProvider).await;
            }
        )*
    };
}

suite::for_each_case!(run);
