//! See `fuzz/src/request_head.rs` for what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::request_head::check(data));
