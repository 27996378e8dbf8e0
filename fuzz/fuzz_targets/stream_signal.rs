#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pumasi_testing::fuzz_targets::stream_signal(data));
