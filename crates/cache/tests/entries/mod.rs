//! Responses, requests and keys for tests and benches.
#![allow(dead_code, unreachable_pub, reason = "each test uses what it needs")]

use bytes::Bytes;
use cache::{Content, Entry, Freshness, Key, Store, StoreSettings};
use message::{Fields, Method, RequestHead, StatusCode, Target};
use std::sync::atomic::AtomicU64;

/// Any time, in milliseconds since 1970.
pub const NOW: u64 = 1_750_000_000_000;

/// Keys as they are made of requests, spread over all bits.
pub fn key(n: u64) -> Key {
    let mix = |n: u64, odd: u64| {
        let n = (n ^ n >> 31).wrapping_add(odd).wrapping_mul(odd);
        (n ^ n >> 29).wrapping_mul(0x94d0_49bb_1331_11eb) ^ n >> 32
    };
    Key(u128::from(mix(n, 0xbf58_476d_1ce4_e5b9)) << 64 | u128::from(mix(n, 0x9e37_79b9_7f4a_7c15)))
}

/// A request without fields.
pub fn request() -> RequestHead {
    RequestHead {
        method: Method::GET,
        target: Target::parse(b"/v1/products/1", false).expect("a path"),
        authority: None,
        version: message::Version::HTTP_11,
        fields: Fields::new(),
        upgrade: None,
    }
}

/// A response as an API gives it, with a body of that size.
pub fn response(n: u64, size: usize) -> Entry {
    let mut fields = Fields::new();
    for (name, value) in [
        ("Content-Type", "application/json; charset=utf-8"),
        ("Date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("Cache-Control", "public, max-age=60, stale-while-revalidate=300"),
        ("ETag", "\"686897696a7c876b7e\""),
        ("Server", "origin"),
    ] {
        fields.push(name, value.as_bytes()).expect("valid");
    }
    let entry = Entry {
        status: StatusCode::OK,
        fields,
        content: Content::Whole(bytes::Bytes::new()),
        freshness: Freshness { received: NOW, lifetime: 86_400, ..Freshness::default() },
        vary: None,
        tags: Box::default(),
        url: format!("api.example.com/v1/products/{n}").into(),
        purge: AtomicU64::new(0),
    };
    entry.with(Content::Whole(Bytes::from(vec![7; size])))
}

/// A memory of that size.
pub fn store(bytes: u64) -> Store {
    Store::new(&StoreSettings { bytes, seed: [7; 16] })
}

/// Bytes of this process that are in memory.
pub fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux has it");
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number");
    pages * 4_096
}
