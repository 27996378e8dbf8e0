//! The provider suite on `aws-lc-rs`.
#![cfg(not(target_arch = "wasm32"))]

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
