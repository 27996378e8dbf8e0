//! The provider suite on `aws-lc-rs`.
#![cfg(not(target_arch = "wasm32"))]

mod suite;

use pumasi_crypto::NativeProvider;

macro_rules! run {
    ($($case:ident)*) => {
        $(
            #[test]
            fn $case() {
                suite::block_on(suite::$case(NativeProvider));
            }
        )*
    };
}

suite::for_each_case!(run);
