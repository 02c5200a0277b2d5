//! See `fuzz/src/config_text.rs` for what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::config_text::check(data));
