//! See `fuzz/src/route_table.rs` for what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::route_table::check(data));
