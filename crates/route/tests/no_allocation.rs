//! A search allocates nothing, whatever it finds. Counted by an allocator around the system's.
#![allow(unsafe_code, reason = "a global allocator is an unsafe trait; this one only counts and passes on")]

use message::{Fields, Method};
use route::{
    Ask, FieldMatch, FieldTest, Find, HostPattern, Params, PathTemplate, QueryMatch, QueryTest, Rule, Table,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block came from `alloc` above, that is from the system.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn a_search_allocates_nothing() {
    let mut rules = Vec::new();
    for path in ["/v1/{a}/x/{b}", "/v1/{a}/*", "/v1/users/x/y", "/only/post"] {
        let mut rule = Rule::new(PathTemplate::parse(path).unwrap());
        rule.host = Some(HostPattern::parse("*.example.com").unwrap());
        rule.methods = vec![Method::POST, Method::from_bytes(b"PURGE").unwrap()];
        rule.headers = vec![FieldMatch::new("x-own", FieldTest::Present).unwrap()];
        rule.query = vec![QueryMatch::new("q", QueryTest::Exact("a b".into())).unwrap()];
        rules.push((rule, path));
    }
    let (table, _) = Table::build(rules);
    let mut fields = Fields::new();
    fields.push("X-Own", b"1").unwrap();
    let mut params = Params::new();
    let mut outcome = |method: &Method, path: &str| {
        let ask = Ask { method, host: "a.b.example.com", path, query: Some("p=1&q=a%20b"), fields: &fields };
        let before = COUNT.with(Cell::get);
        let found = match table.find(&ask, &mut params) {
            Find::Route(path, _) => path,
            Find::MethodNotAllowed(_) => "405",
            Find::NotFound => "404",
        };
        (found, COUNT.with(Cell::get) - before)
    };
    assert_eq!(outcome(&Method::POST, "/v1/users/x/z"), ("/v1/{a}/x/{b}", 0));
    assert_eq!(outcome(&Method::POST, "/v1/users/q/r/s"), ("/v1/{a}/*", 0));
    assert_eq!(outcome(&Method::GET, "/only/post"), ("405", 0));
    assert_eq!(outcome(&Method::POST, "/none"), ("404", 0));
    assert!(COUNT.with(Cell::get) > 0, "the counter counts");
}
