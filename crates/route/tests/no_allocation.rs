//! A search allocates nothing, whatever it finds. Counted by an allocator around the system's.

use message::{Fields, Method};
use route::{
    Ask, FieldMatch, FieldTest, Find, HostPattern, Params, PathTemplate, QueryMatch, QueryTest, Rule, Table,
};
use testing::{CountingAllocator, allocations};

#[global_allocator]
static COUNTING: CountingAllocator = CountingAllocator;

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
        let before = allocations();
        let found = match table.find(&ask, &mut params) {
            Find::Route(path, _) => path,
            Find::MethodNotAllowed(_) => "405",
            Find::NotFound => "404",
        };
        (found, allocations() - before)
    };
    assert_eq!(outcome(&Method::POST, "/v1/users/x/z"), ("/v1/{a}/x/{b}", 0));
    assert_eq!(outcome(&Method::POST, "/v1/users/q/r/s"), ("/v1/{a}/*", 0));
    assert_eq!(outcome(&Method::GET, "/only/post"), ("405", 0));
    assert_eq!(outcome(&Method::POST, "/none"), ("404", 0));
    assert!(allocations() > 0, "the counter counts");
}
