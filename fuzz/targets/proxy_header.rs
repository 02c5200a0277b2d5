//! See `fuzz/src/proxy_header.rs` for what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::proxy_header::check(data));
