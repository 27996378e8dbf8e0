//! The provider suite on `aws-lc-rs`.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, helpers included")]

#[path = "suite/block_on.rs"]
mod block_on;
mod suite;

use pumasi_crypto::NativeProvider;

macro_rules! run {
    ($($case:ident)*) => {
        $(
            #[test]
            fn $case() {
                block_on::block_on(suite::$case(NativeProvider));
            }
        )*
    };
}

suite::for_each_case!(run);
