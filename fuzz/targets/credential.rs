//! See `fuzz/src/credential.rs` for what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::credential::check(data));
