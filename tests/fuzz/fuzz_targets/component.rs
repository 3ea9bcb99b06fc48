#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| regrow_tests::fuzz::component(bytes));
