//! What one credential, one rule and one list of networks cost a request: `cargo bench -p auth`.

use auth::{AllowRule, Caller, Claims, Facts, IpRules, KeyBook, KeyRecord, Network, Scopes, Way, key};
use base::IdSource;
use divan::Bencher;
use message::Fields;
use std::hint::black_box;
use std::sync::Arc;

const NOW: u64 = 1_800_000_000;
/// Calls a sample: enough for the clock.
const CALLS: u32 = 1_000;

fn main() {
    divan::main();
}

/// A book of so many keys, and the texts of some of them.
fn book(many: usize) -> (KeyBook, Vec<String>) {
    let mut source = IdSource::seeded(1);
    let mut texts = Vec::new();
    let records: Vec<_> = (0..many)
        .map(|_| {
            let minted = key::mint(&mut |bytes| bytes.fill_with(|| source.next_u64() as u8));
            if texts.len() < 1_000 {
                texts.push(minted.text.as_str().to_owned());
            }
            KeyRecord {
                id: minted.id,
                consumer: "shop".into(),
                label: "".into(),
                hash: minted.hash,
                scopes: None,
                plan: None,
                created: NOW,
                expires: Some(NOW * 2),
                revoked: None,
                replaced_by: None,
                changed: NOW * 1000,
            }
        })
        .collect();
    let book = KeyBook::new();
    book.merge_all(records);
    (book, texts)
}

#[divan::bench(args = [1, 1_000, 100_000], sample_size = CALLS)]
fn a_minted_key(bencher: Bencher<'_, '_>, many: usize) {
    let (book, texts) = book(many);
    let mut turn = 0;
    bencher.bench_local(|| {
        turn += 1;
        book.check(black_box(texts[turn % texts.len()].as_bytes()), NOW)
    });
}

#[divan::bench(sample_size = CALLS)]
fn a_key_typed_in_the_config(bencher: Bencher<'_, '_>) {
    let (book, _) = book(1_000);
    book.typed([(key::hash(b"a-key-of-the-config"), "batch".into())]);
    bencher.bench_local(|| book.check(black_box(b"a-key-of-the-config"), NOW));
}

#[divan::bench(sample_size = CALLS)]
fn a_key_that_nobody_has(bencher: Bencher<'_, '_>) {
    let ((book, _), (_, others)) = (book(1_000), book(1_001));
    let stranger = others[1_000 - 1].replace("tg_", "tg-");
    bencher.bench_local(|| book.check(black_box(stranger.as_bytes()), NOW));
}

#[divan::bench(args = [
    "request.method == 'GET'",
    "claims.tenant == 'acme' && request.method in ['GET', 'HEAD']",
    "claims.scope.contains('orders')",
    "'group-99' in claims.groups",
    "claims.groups.exists(g, g == 'group-99')",
    "claims.groups.exists(g, g.startsWith('group-99'))",
    "request.path.matches('^/v[0-9]+/orders/')",
    "request.headers['x-env'] == 'test'",
], sample_size = 100)]
fn a_rule(bencher: Bencher<'_, '_>, rule: &str) {
    let groups: Vec<_> = (0..100).map(|n| format!("group-{n}")).collect();
    let claims =
        serde_json::json!({ "tenant": "acme", "scope": "orders:read orders:write", "groups": groups });
    let claims: Claims = serde_json::from_value(claims).expect("an object");
    let caller = Caller {
        way: Way::Jwt,
        consumer: None,
        subject: "alice".into(),
        plan: "".into(),
        scopes: Scopes::default(),
        claims: Some(Arc::new(claims)),
        credential: None,
    };
    let mut headers = Fields::new();
    for (name, value) in [("accept", "*/*"), ("user-agent", "bench"), ("x-env", "test")] {
        headers.push(name, value.as_bytes()).expect("a field");
    }
    let facts = Facts {
        method: "GET",
        path: "/v1/orders/7",
        host: "api.example.com",
        query: None,
        ip: None,
        headers: &headers,
        caller: &caller,
    };
    let rule = AllowRule::compile(rule).expect("a rule");
    assert_eq!(rule.eval(&facts), Ok(true));
    bencher.bench_local(|| rule.eval(black_box(&facts)));
}

#[divan::bench(args = [1, 100, 10_000], sample_size = CALLS)]
fn networks(bencher: Bencher<'_, '_>, many: u32) {
    let deny: Vec<Network> =
        (0..many).map(|n| format!("10.{}.{}.0/25", n / 256, n % 256).parse().expect("a network")).collect();
    let rules = IpRules::new(&[], &deny);
    let address = "10.0.0.200".parse().ok();
    bencher.bench_local(|| rules.admits(black_box(address)));
}
