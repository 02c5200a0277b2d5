//! Rules against requests.

use super::*;
use crate::{Caller, Claims, Consumer, Scopes, Way};
use message::Fields;
use proptest::prelude::*;
use std::sync::Arc;

/// A token of a partner, on an order.
fn claims() -> Claims {
    let json = serde_json::json!({
        "sub": "alice", "tenant": "acme", "scope": "orders:read orders:write", "level": 3, "big": u64::MAX, "ratio": 0.5,
        "admin": false, "nothing": null, "groups": ["dev", "ops"], "matrix": [[1, 2], [3]], "mixed": ["a", 1, true, null],
        "address": { "country": "DE", "tags": ["x"] }, "https://example.com/roles": ["editor"], "a.b": "dotted",
        "members": [{ "name": "alice", "role": "owner" }, { "name": "bob", "role": "guest" }],
    });
    json.as_object().unwrap().clone()
}

fn caller(claims: Option<Claims>) -> Caller {
    let consumer = Consumer { name: "mobile".into(), plan: "pro".into(), scopes: Scopes::default() };
    Caller {
        way: Way::Jwt,
        consumer: Some(Arc::new(consumer)),
        subject: "alice".into(),
        plan: "pro".into(),
        scopes: Scopes::of(["orders:read", "orders:write"]),
        claims: claims.map(Arc::new),
        credential: None,
    }
}

fn eval_with(rule: &str, claims: Option<Claims>, query: &str) -> Result<bool, RuleFault> {
    let mut headers = Fields::new();
    for (name, value) in
        [("X-Env", "test"), ("accept", "a/b"), ("Accept", "c/d"), ("Authorization", "Bearer hunter2")]
    {
        headers.push(name, value.as_bytes()).unwrap();
    }
    headers.push("x-latin", b"caf\xe9").unwrap();
    let caller = caller(claims);
    let rule = AllowRule::compile(rule).unwrap_or_else(|error| panic!("{rule}: {error}"));
    rule.eval(&Facts {
        method: "POST",
        path: "/v1/orders/7",
        host: "api.example.com",
        query: Some(query),
        ip: Some("::ffff:10.1.2.3".parse().unwrap()),
        headers: &headers,
        caller: &caller,
    })
}

fn eval(rule: &str) -> Result<bool, RuleFault> {
    eval_with(rule, Some(claims()), "page=2&q=a+b%21&x=1&x=2")
}

fn refused(rule: &str) -> BadRule {
    AllowRule::compile(rule).expect_err(rule)
}

#[test]
fn a_rule_asks_about_the_request() {
    for (rule, want) in [
        ("request.method == 'POST'", true),
        ("request.method in ['GET', 'HEAD']", false),
        ("request.path.startsWith('/v1/orders/')", true),
        ("request.path.matches('^/v[0-9]+/orders/[0-9]+$')", true),
        ("request.path.matches('^/v2')", false),
        ("request.host.endsWith('.example.com')", true),
        ("request.ip == '10.1.2.3'", true),
        ("request.ip.inNetwork('10.0.0.0/8')", true),
        ("request.ip.inNetwork('192.168.0.0/16')", false),
        ("request.headers['x-env'] == 'test'", true),
        ("request.headers['X-ENV'].upperAscii() == 'TEST'", true),
        ("request.headers.accept == 'a/b, c/d'", true),
        ("has(request.headers.accept) && !has(request.headers.range)", true),
        ("'x-env' in request.headers && !('x-no' in request.headers)", true),
        ("request.query.page == '2'", true),
        ("int(request.query['page']) > 1", true),
        ("request.query.q == 'a b!'", true),
        ("'page' in request.query && !('size' in request.query)", true),
    ] {
        assert_eq!(eval(rule), Ok(want), "{rule}");
    }
}

#[test]
fn a_rule_asks_about_the_caller_and_its_claims() {
    for (rule, want) in [
        ("caller.way == 'jwt' && caller.consumer == 'mobile'", true),
        ("caller.subject == claims.sub && caller.plan != 'free'", true),
        ("'orders:write' in caller.scopes && size(caller.scopes) == 2", true),
        ("'admin' in caller.scopes", false),
        ("caller.scopes.exists(s, s.startsWith('orders:'))", true),
        ("caller.credential == ''", true),
        ("claims.scope.contains('orders')", true),
        ("claims['tenant'] == 'acme'", true),
        ("claims.address.country == 'DE' && 'x' in claims.address.tags", true),
        ("'editor' in claims['https://example.com/roles']", true),
        ("claims['a.b'] == 'dotted'", true),
        ("claims.level >= 3 && claims.level < 3.5 && claims.ratio == 0.5", true),
        ("claims.big > 9223372036854775807", true),
        ("!claims.admin && claims.nothing == null", true),
        ("has(claims.tenant) && !has(claims.none) && !has(claims.address.street)", true),
        ("'tenant' in claims && size(claims) > 5", true),
        ("claims.level == 3 ? claims.tenant == 'acme' : false", true),
        ("claims.groups[0] == 'dev' && claims.matrix[0][1] == 2", true),
    ] {
        assert_eq!(eval(rule), Ok(want), "{rule}");
    }
}

#[test]
fn loops_go_over_claims() {
    for (rule, want) in [
        ("claims.groups.exists(g, g == 'ops')", true),
        ("claims.groups.exists(g, 'hr' == g)", false),
        ("claims.mixed.exists(m, m == 1.0) && claims.mixed.exists(m, m == null)", true),
        ("claims.address.exists(key, key == 'tags') && !claims.address.exists(key, key == 'DE')", true),
        ("claims.groups.exists(g, g.matches('^o') && request.ip.inNetwork('10.0.0.0/8'))", true),
        ("claims.groups.all(g, g in ['dev', 'ops', 'hr'])", true),
        ("claims.groups.exists_one(g, g.startsWith('d'))", true),
        ("size(claims.groups.filter(g, g != 'dev')) == 1", true),
        ("claims.groups.filter(g, g != 'dev') == ['ops']", true),
        ("claims.members.exists(m, m.name == caller.subject && m.role == 'owner')", true),
        ("claims.members.all(m, m.role == 'owner')", false),
        ("claims.matrix.exists(row, row.exists(cell, cell == 3))", true),
        ("claims.address.exists(key, key == 'country')", true),
        ("claims.groups.exists(g, claims.mixed.exists(m, m == g))", false),
    ] {
        assert_eq!(eval(rule), Ok(want), "{rule}");
    }
}

#[test]
fn lists_of_claims_and_of_the_rule_are_equal_from_both_sides() {
    for (a, b) in [
        ("claims.groups", "['dev', 'ops']"),
        ("claims.groups", "claims.groups.filter(g, true)"),
        ("claims.matrix", "[[1, 2], [3]]"),
        ("claims.matrix[0]", "[1.0, 2u]"),
        ("claims.mixed", "['a', 1, true, null]"),
        ("claims.address", "{'country': 'DE', 'tags': ['x']}"),
        ("claims.groups + ['hr']", "['dev'] + ['ops', 'hr']"),
        ("[claims.groups][0]", "claims.groups"),
        ("{'g': claims.groups}.g", "claims.groups"),
        ("caller.scopes", "['orders:read', 'orders:write']"),
    ] {
        assert_eq!(eval(&format!("{a} == {b} && {b} == {a}")), Ok(true), "{a}, {b}");
        assert_eq!(eval(&format!("{a} != {b} || {b} != {a}")), Ok(false), "{a}, {b}");
        assert_eq!(eval(&format!("{a} in [{b}] && {b} in [{a}]")), Ok(true), "{a}, {b}");
    }
    assert_eq!(eval("[1, 2] in claims.matrix && !(['x'] in claims.matrix)"), Ok(true));
    assert_eq!(eval("claims.groups == ['ops', 'dev'] || ['dev'] == claims.groups"), Ok(false));
}

#[test]
fn what_is_not_there_denies_and_is_named() {
    let missing = |name: &str| Err(RuleFault::Missing(Some(name.into())));
    assert_eq!(eval("claims.rank == 1"), missing("rank"));
    assert_eq!(eval("claims.address.street == 'x'"), missing("street"));
    assert_eq!(eval("request.headers['x-none'] != 'x'"), missing("x-none"));
    assert_eq!(eval("request.query.size == '1'"), missing("size"));
    assert_eq!(eval("claims.groups[9] == 'x'"), Err(RuleFault::Missing(None)));
    assert_eq!(eval_with("claims.sub == 'alice'", None, ""), missing("sub"));
    assert_eq!(eval_with("!has(claims.sub)", None, ""), Ok(true));
    assert_eq!(missing("a").unwrap_err().to_string(), "it asks for `a` that is not there");
}

#[test]
fn what_can_be_read_in_two_ways_denies() {
    let twice = RuleFault::Ambiguous("a parameter of the query that it asks for comes twice");
    for rule in
        ["request.query.x == '1'", "request.query.x != '3'", "has(request.query.x)", "'x' in request.query"]
    {
        assert_eq!(eval(rule), Err(twice.clone()), "{rule}");
    }
    let latin = RuleFault::Ambiguous("a header that it asks for is not UTF-8");
    assert_eq!(eval("request.headers['x-latin'] != 'x'"), Err(latin));
}

#[test]
fn no_error_shows_a_value_of_the_request() {
    for rule in [
        "request.headers.authorization + claims.level == 'x'",
        "claims.level + request.headers.authorization == 'x'",
        "claims[request.headers.authorization] == 'x'",
        "int(request.headers.authorization) == 1",
        "claims.groups[request.headers.authorization] == 'x'",
        "claims.tenant[request.headers.authorization] == 'x'",
        "claims.level > request.headers.authorization",
        "request.headers.authorization in claims.level",
        "{request.headers.authorization: 1, 'Bearer hunter2'.lowerAscii(): 2}[claims.tenant] == 1",
        "-claims.tenant == 1",
        "claims.tenant.size() / 0 == 1",
        "claims.tenant ? true : false",
        "claims.tenant",
        "claims.tenant.exists(x, x == request.headers.authorization)",
        "claims.big * 2u == 1u",
    ] {
        let fault = eval(rule).expect_err(rule);
        let shown = format!("{fault} {fault:?}");
        for value in ["hunter2", "acme", "18446744073709551615"] {
            assert!(!shown.contains(value), "{rule}: {shown}");
        }
    }
    assert_eq!(eval("claims.tenant"), Err(RuleFault::NotBool));
    assert_eq!(
        eval("claims.level > claims.tenant").unwrap_err().to_string(),
        "found no matching overload for '_>_' applied to '(int, string)'"
    );
}

#[test]
fn a_rule_says_whether_it_asks_of_the_caller() {
    for (rule, want) in [
        ("request.method == 'GET'", false),
        ("request.headers['x'] == 'claims'", false),
        ("['a'].exists(c, c == request.path)", false),
        ("has(claims.x)", true),
        ("'x' in claims", true),
        ("caller.plan == 'pro'", true),
    ] {
        assert_eq!(AllowRule::compile(rule).unwrap().asks_of_caller(), want, "{rule}");
    }
}

#[test]
fn what_cannot_be_meant_is_an_error_at_load() {
    for (rule, at, why) in [
        ("reqest.method == 'GET'", 0, "there is no `reqest`: a rule knows `request`, `caller`, `claims`"),
        (
            "request.metod == 'GET'",
            7,
            "`request` has no `metod`, but `method`, `path`, `host`, `ip`, `query`, `headers`",
        ),
        (
            "request == 1",
            0,
            "`request` alone says nothing: ask for `method`, `path`, `host`, `ip`, `query`, `headers`",
        ),
        ("has(caller.plan)", 3, "`caller.plan` is always there; compare it with an empty one"),
        ("claims.a.map(x, x + x) == []", 12, "there is no `map`: ask with `exists`, `all` or `filter`"),
        ("claims.a.map(x, true, [x]) == []", 12, "there is no `map`: ask with `exists`, `all` or `filter`"),
        (
            "claims.a.exists(claims, claims)",
            15,
            "`claims` is taken: give the variable of the loop another name",
        ),
        ("request.ip == 5", 11, "text is never a number"),
        (
            "request.headers == claims",
            16,
            "headers and parameters are asked for by name: request.headers[\"x-name\"]",
        ),
        ("'x' in request.path", 14, "what stands behind `in` is a list or a map, not text"),
        ("request.path", 7, "the answer of a rule is true or false, not text"),
        ("'yes'", 0, "the answer of a rule is true or false, not text"),
        ("caller.scopes.contains('a')", 6, "a list is asked with `in`: \"word\" in the.list"),
        ("request.path.matches('(')", 21, "not a pattern: error: unclosed group"),
        ("request.path.matches('(a{999}){999}')", 21, "the pattern is too large"),
        (
            "request.path.matches(claims.x)",
            20,
            "what `matches` takes must be written out, so that it is compiled once",
        ),
        (
            "request.ip.inNetwork('10.0.0/8')",
            21,
            "`10.0.0/8` is not an address or a network such as 10.0.0.0/8",
        ),
        ("request.path.startWith('/')", 22, "there is no function `startWith`, but"),
        ("request.path.startsWith()", 23, "`startsWith` is called as `text.startsWith(x)`"),
        ("size() == 1", 4, "`size` is called as `size(x)` or `text.size()`"),
        ("'é' == claims.x && nobody", 20, "there is no `nobody`"),
        ("true && !'x'", 9, "a part of `&&`, `||` and `!` is true or false, not text"),
        ("request.path - 1 == 0", 7, "a part of a calculation is a number, not text"),
        ("claims.a.exists(x, x == 1) == 'x'", 27, "true or false is never text"),
        ("{[1]: 1} == claims", 1, "a key is text or a number or true or false, not a list"),
        ("google.Any{a: 1} == 1", 10, "there is no type `google.Any`"),
        ("duration('1s') == claims.x", 8, "there is no function `duration`"),
    ] {
        let error = refused(rule);
        assert!(error.message.starts_with(why), "{rule}: {error}");
        assert_eq!(error.offset, Some(at), "{rule}: {error}");
    }
}

#[test]
fn what_is_no_expression_is_an_error_with_its_place() {
    for (rule, at) in [
        ("", Some(0)),
        ("claims.a ==", Some(11)),
        ("true)", Some(4)),
        ("a.?b", Some(1)),
        ("\"open", Some(0)),
        ("true &&\n == 1", Some(9)),
        ("'\u{e9}' )", Some(5)),
        ("true ||\n'\u{e9}\u{1F600}' )", Some(17)),
    ] {
        assert_eq!(refused(rule).offset, at, "{rule}: {}", refused(rule));
    }
}

#[test]
fn a_rule_of_any_shape_is_bounded() {
    let long = |start: &str, part: &str, end: &str| {
        let middle = part.repeat((4096 - start.len() - end.len()) / part.len());
        format!("{start}{middle}{end}")
    };
    for rule in [
        "x".repeat(4097),
        long("claims", ".a", ""),
        long("claims", "[0]", ""),
        long("1", "+1", ""),
        long("true", "&&true", ""),
        long("true", "||x", ""),
        long("", "!", "true"),
        long("", "-", "1"),
        long("", "(", "1"),
        long("", "[", "1"),
        long("", "{1:", "1"),
        long("", "true?", "1"),
        long("true", "?true:true", ""),
        long("a", "(a", ""),
        long("a", ".a(", ""),
        long("[", "1,", "1]"),
        long("", "\u{1F600}", ""),
        long("", "a ", ""),
        long("", "r\"\\\" ", ""),
        long("claims.a", ".filter(x, true)", "== []"),
        format!("{}1{}", "(".repeat(100), ")".repeat(100)),
    ] {
        assert!(AllowRule::compile(&rule).is_err(), "{}", &rule[..40.min(rule.len())]);
    }
    // What is long and within the bounds is taken.
    let words: Vec<_> = (0..500).map(|n| format!("'{n}'")).collect();
    let rule = format!("claims.tenant in [{}]", words.join(","));
    assert_eq!(eval(&rule), Ok(false));
    let rule = vec!["claims.tenant == 'acme'"; 60].join(" && ");
    assert_eq!(eval(&rule), Ok(true));
}

#[test]
fn the_deepest_rule_fits_the_stack_of_a_worker() {
    // The deepest that the bounds let through to the parser, and what they let through to the check.
    for part in [".a", "[0]", "+1", "(1)", "?1:1", " in a", "{a:1}"] {
        for times in [30, 60, 170, 250, 500, 800] {
            let rule = format!("claims{}", part.repeat(times));
            let small = std::thread::Builder::new().stack_size(1024 * 1024);
            let parsed = small
                .spawn(move || AllowRule::compile(&rule).map(|_| ()).map_err(|e| e.message))
                .unwrap()
                .join();
            assert!(parsed.is_ok(), "{part} {times}");
        }
    }
}

#[test]
fn loops_end_when_they_have_taken_too_many_steps() {
    let numbers = |many: u32| serde_json::Value::from((0..many).collect::<Vec<_>>());
    let mut claims = Claims::new();
    claims.insert("small".into(), numbers(60));
    claims.insert("large".into(), numbers(5_000));
    for (rule, want) in [
        ("claims.large.exists(x, x + 1 == 5000)", Ok(true)),
        ("claims.small.exists(x, claims.small.exists(y, x + y == 118))", Ok(true)),
        ("claims.large.exists(x, claims.large.exists(y, x + y == -1))", Err(RuleFault::Costly)),
        ("claims.large.all(x, x in claims.large)", Err(RuleFault::Costly)),
        ("claims.large.all(x, claims.large == claims.large)", Err(RuleFault::Costly)),
        // Nobody outvotes it.
        ("claims.large.exists(x, claims.large.exists(y, x + y == -1)) || true", Err(RuleFault::Costly)),
        ("claims.large.filter(x, true).filter(x, true).filter(x, true).all(x, true)", Err(RuleFault::Costly)),
    ] {
        assert_eq!(eval_with(rule, Some(claims.clone()), ""), want, "{rule}");
    }
}

#[test]
fn a_rule_is_shared_by_workers() {
    let rule = AllowRule::compile("claims.groups.exists(g, g == 'ops')").unwrap();
    let (headers, caller) = (Fields::new(), caller(Some(claims())));
    let facts = Facts {
        method: "GET",
        path: "/",
        host: "",
        query: None,
        ip: None,
        headers: &headers,
        caller: &caller,
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..100).for_each(|_| assert_eq!(rule.eval(&facts), Ok(true))));
        }
    });
    assert_eq!(rule.text(), "claims.groups.exists(g, g == 'ops')");
}

proptest! {
    #[test]
    fn any_text_is_a_rule_or_an_error_within_it(text in "\\PC{0,60}") {
        if let Err(error) = AllowRule::compile(&text) {
            prop_assert!(error.offset.is_none_or(|at| text.is_char_boundary(at)), "{error:?}");
        }
    }

    #[test]
    fn whatever_is_put_together_from_parts_of_rules_has_an_answer_or_an_error(
        parts in prop::collection::vec(prop::sample::select(vec![
            "claims", ".groups", ".tenant", ".level", "[0]", "['a']", " == ", " != ", " in ", " && ", " || ", "!", "(", ")",
            "'a'", "1", "2.5", "true", "null", "[", "]", "{'a': 1}", ", ", " + ", " - ", " / ", " < ", " ? ", " : ",
            ".exists(x, ", ".filter(x, ", ".all(y, ", "x", "y", "request.path", "request.headers", "request.query", "has(",
            ".size()", ".contains('a')", ".matches('a')", "string(", "int(", "caller.scopes", "caller.plan", "-", "b'a'", "1u",
        ]), 1..14),
    ) {
        let text = parts.concat();
        if AllowRule::compile(&text).is_ok() {
            let _ = eval(&text);
        }
    }
}
