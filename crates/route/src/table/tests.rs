use super::*;
use crate::{FieldMatch, FieldTest, HostPattern, QueryMatch, QueryTest};
use message::{Fields, Method};

/// A rule in one line: `[METHOD,METHOD] [host]/path [?name[=value]] [@field[=value]]`, where a field's value that
/// ends in `~` is a prefix.
fn rule(line: &str) -> Rule {
    let mut rule = Rule::new(PathTemplate::parse("/").unwrap());
    for word in line.split(' ') {
        if let Some(rest) = word.strip_prefix('?') {
            let (name, value) = pair(rest);
            let test = value.map_or(QueryTest::Present, |v| QueryTest::Exact(v.into()));
            rule.query.push(QueryMatch::new(name, test).unwrap());
        } else if let Some(rest) = word.strip_prefix('@') {
            let (name, value) = pair(rest);
            let test = value.map_or(FieldTest::Present, |v| match v.strip_suffix('~') {
                Some(prefix) => FieldTest::Prefix(prefix.as_bytes().into()),
                None => FieldTest::Exact(v.as_bytes().into()),
            });
            rule.headers.push(FieldMatch::new(name, test).unwrap());
        } else if let Some(slash) = word.find('/') {
            let (host, path) = word.split_at(slash);
            rule.path = PathTemplate::parse(path).unwrap();
            rule.host = (!host.is_empty()).then(|| HostPattern::parse(host).unwrap());
        } else {
            rule.methods = word.split(',').map(|m| Method::from_bytes(m.as_bytes()).unwrap()).collect();
        }
    }
    rule
}

fn pair(text: &str) -> (&str, Option<&str>) {
    text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)))
}

fn table(rules: &[&str]) -> (Table<String>, Vec<Problem>) {
    Table::build(rules.iter().map(|text| (rule(text), (*text).to_owned())).collect())
}

/// The rule that takes `METHOD [host]/path[?query] [field=value]`, or `404`, or `405` with the methods.
fn found(table: &Table<String>, ask: &str) -> String {
    let mut words = ask.split(' ');
    let method = Method::from_bytes(words.next().unwrap().as_bytes()).unwrap();
    let target = words.next().unwrap();
    let (host, path) = target.split_at(target.find('/').unwrap_or(0));
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let mut fields = Fields::new();
    for word in words {
        let (name, value) = word.split_once('=').unwrap();
        fields.push(name, value.as_bytes()).unwrap();
    }
    let ask = Ask { method: &method, host, path, query, fields: &fields };
    match table.find(&ask, &mut Params::new()) {
        Find::Route(value, _) => value.clone(),
        Find::MethodNotAllowed(allow) => format!("405 {allow}"),
        Find::NotFound => "404".to_owned(),
    }
}

fn check(rules: &[&str], cases: &[(&str, &str)]) {
    let (table, problems) = table(rules);
    assert_eq!(problems, [], "{rules:?}");
    for (ask, want) in cases {
        assert_eq!(found(&table, ask), *want, "{ask} among {rules:?}");
    }
}

#[test]
fn the_most_specific_host_wins() {
    check(
        &["/*", "*.com/*", "*.example.com/*", "api.example.com/*", "*.b.example.com/*"],
        &[
            ("GET api.example.com/x", "api.example.com/*"),
            ("GET www.example.com/x", "*.example.com/*"),
            ("GET a.www.example.com/x", "*.example.com/*"),
            ("GET a.b.example.com/x", "*.b.example.com/*"),
            ("GET b.example.com/x", "*.example.com/*"),
            ("GET example.com/x", "*.com/*"),
            ("GET .example.com/x", "*.com/*"),
            ("GET com/x", "/*"),
            ("GET .com/x", "/*"),
            ("GET example.org/x", "/*"),
            ("GET /x", "/*"),
        ],
    );
}

#[test]
fn a_path_is_compared_segment_by_segment() {
    check(
        &["/*", "/a", "/a/", "/a/*", "/a/{x}", "/a/b", "/{y}/b", "/{y}/{z}/c", "/a/{x}/d"],
        &[
            ("GET /", "/*"),
            ("GET /a", "/a"),
            ("GET /a/", "/a/"),
            ("GET /a/b", "/a/b"),
            ("GET /a/q", "/a/{x}"),
            ("GET /a/b/", "/a/*"),
            ("GET /a/b/c", "/a/*"),
            ("GET /a/b/d", "/a/{x}/d"),
            ("GET /q/b", "/{y}/b"),
            ("GET /q/r/c", "/{y}/{z}/c"),
            ("GET /q/r", "/*"),
            ("GET //b", "/*"),
            ("GET /A", "/*"),
        ],
    );
}

#[test]
fn a_star_takes_the_bare_path_and_all_below_it() {
    check(
        &["/a/*"],
        &[
            ("GET /a", "/a/*"),
            ("GET /a/", "/a/*"),
            ("GET /a/b/c/", "/a/*"),
            ("GET /ab", "404"),
            ("GET /", "404"),
        ],
    );
    check(&["/*"], &[("GET /", "/*"), ("GET //", "/*"), ("OPTIONS *", "404")]);
}

#[test]
fn a_parameter_is_one_segment_that_is_not_empty() {
    check(
        &["/{x}"],
        &[
            ("GET /a", "/{x}"),
            ("GET /", "404"),
            ("GET /a/", "404"),
            ("GET /a/b", "404"),
            ("GET /%2F", "/{x}"),
        ],
    );
}

#[test]
fn the_search_goes_on_behind_a_rule_that_refuses() {
    check(
        &[
            "POST /v1/users",
            "/v1/*",
            "POST api.com/v1/users",
            "GET,PURGE *.com/x",
            "PUT api.com/x",
            "POST /x",
        ],
        &[
            ("GET /v1/users", "/v1/*"),
            ("POST /v1/users", "POST /v1/users"),
            ("POST api.com/v1/users", "POST api.com/v1/users"),
            ("DELETE api.com/v1/users", "/v1/*"),
            ("PURGE api.com/x", "GET,PURGE *.com/x"),
            ("DELETE api.com/x", "405 GET, HEAD, POST, PURGE, PUT"),
            ("DELETE other.org/x", "405 POST"),
            ("DELETE /y", "404"),
        ],
    );
}

#[test]
fn a_method_is_refused_only_where_all_else_fits() {
    check(
        &["POST /a @x-v=1", "PUT /a ?q", "LINK /b"],
        &[
            ("GET /a", "404"),
            ("GET /a x-v=1", "405 POST"),
            ("GET /a?q", "405 PUT"),
            ("GET /a?q x-v=1", "405 POST, PUT"),
            ("UNLINK /b", "405 LINK"),
            ("LINK /b", "LINK /b"),
        ],
    );
}

#[test]
fn more_predicates_go_first_and_then_the_order_of_the_config() {
    check(
        &["/a", "GET /a", "GET /a ?q", "/a @x-a @x-b", "GET /a @x-a ?q=1", "/a ?r", "/a @x-r"],
        &[
            ("POST /a", "/a"),
            ("GET /a", "GET /a"),
            ("GET /a?q=1", "GET /a ?q"),
            ("GET /a?q=1 x-a=1", "GET /a @x-a ?q=1"),
            ("GET /a?q=1 x-a=1 x-b=1", "GET /a @x-a ?q=1"),
            ("GET /a?q=2 x-a=1 x-b=1", "GET /a ?q"),
            ("POST /a?q=1 x-a=1 x-b=1", "/a @x-a @x-b"),
            ("POST /a?r x-r=1", "/a ?r"),
            ("POST /a x-r=1", "/a @x-r"),
        ],
    );
}

#[test]
fn get_takes_head_unless_another_rule_names_it() {
    check(
        &["GET /a", "GET /b", "HEAD /b", "GET /c @x", "HEAD /c @y", "GET /c", "GET /d/e", "HEAD /d/*"],
        &[
            ("HEAD /a", "GET /a"),
            ("HEAD /b", "HEAD /b"),
            ("HEAD /c x=1", "GET /c @x"),
            ("HEAD /c x=1 y=1", "HEAD /c @y"),
            ("HEAD /c", "GET /c"),
            ("HEAD /d/e", "GET /d/e"),
            ("POST /a", "405 GET, HEAD"),
        ],
    );
}

#[test]
fn parameters_are_ranges_of_the_path() {
    let (table, _) = table(&["/{a}/x/{b}/*", "/{a}/x/y", "/*", "/s/x/y/q"]);
    let fields = Fields::new();
    let mut params = Params::new();
    let mut named = |path: &str| {
        let ask = Ask { method: &Method::GET, host: "", path, query: None, fields: &fields };
        let Find::Route(_, id) = table.find(&ask, &mut params) else { panic!("{path}") };
        let named = params.named(table.template(id).unwrap(), path);
        let all: Vec<_> = named.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let decoded = named.decoded("b").map(String::from);
        assert_eq!(named.get("none"), None);
        (all.join(" "), params.rest(path).map(str::to_owned), decoded)
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(named("/1/x/2%2F3/r/s"), ("a=1 b=2%2F3".to_owned(), some("r/s"), some("2/3")));
    assert_eq!(named("/1/x/2"), ("a=1 b=2".to_owned(), some(""), some("2")));
    assert_eq!(named("/1/x/y"), ("a=1".to_owned(), None, None), "nothing is left of the search before");
    assert_eq!(named("/1/z/y"), (String::new(), some("1/z/y"), None), "a branch that fails leaves nothing");
    assert_eq!(named("/s/x/y/q"), (String::new(), None, None));
    assert_eq!(named("/s/x/y/r"), ("a=s b=y".to_owned(), some("r"), some("y")));
}

#[test]
fn rules_that_can_take_no_request_are_named() {
    let duplicate = |first, second| Problem::Duplicate { first: RuleId(first), second: RuleId(second) };
    let unreachable = Problem::Unreachable { rule: RuleId(1), by: RuleId(0) };
    for (rules, want) in [
        (&["/a", "/b", "/a"][..], vec![duplicate(0, 2)]),
        (&["/{a}", "/{b}"], vec![duplicate(0, 1)]),
        (&["GET,POST /a @X ?q", "POST,GET /a @x ?q"], vec![duplicate(0, 1)]),
        (&["GET,POST /a", "GET /a"], vec![unreachable]),
        (&["/a @x", "/a @x=1"], vec![unreachable]),
        (&["/a @x=1~", "/a @x=12"], vec![unreachable]),
        (&["/a ?q", "/a ?q=1"], vec![unreachable]),
        (&["/a", "a.com/a", "*.com/a", "/a/", "/a/*", "/{a}", "GET /a", "/a @x", "/a ?x"], vec![]),
        (&["GET /a", "GET,POST /a", "HEAD /a"], vec![]),
        (&["/a @x=1", "/a @x", "/a ?q=1", "/a ?q"], vec![]),
    ] {
        assert_eq!(table(rules).1, want, "{rules:?}");
    }
    assert!(duplicate(0, 2).to_string().starts_with("rule 3 matches the same requests as rule 1"));
}

#[test]
fn methods_beyond_what_a_table_can_number_are_a_problem_and_no_harm() {
    let rules: Vec<_> = (0..70).map(|i| format!("M{i} /a")).collect();
    let (table, problems) = table(&rules.iter().map(String::as_str).collect::<Vec<_>>());
    // GET and HEAD are always there.
    let left_out: Vec<_> = (61..70).map(|i| Problem::TooManyMethods { rule: RuleId(i) }).collect();
    assert_eq!(problems, left_out);
    assert_eq!(found(&table, "M60 /a"), "M60 /a");
    assert!(found(&table, "M61 /a").starts_with("405 M0, "));
}

#[test]
fn a_search_visits_as_many_nodes_among_ten_thousand_rules_as_among_ten() {
    let visited = |rules: usize, path: &str| {
        let rules = (0..rules).map(|i| (rule(&format!("/v1/r{i}/{{id}}/parts")), i)).collect();
        let (table, problems) = Table::build(rules);
        assert_eq!(problems, []);
        let fields = Fields::new();
        let ask = Ask { method: &Method::GET, host: "a.b.c", path, query: None, fields: &fields };
        let (mut params, method) = (Params::new(), table.methods.bit(ask.method));
        let mut walk = Walk::new(&table.tree, &table.checks, &ask, method, &mut params);
        let found = walk.run().map(RuleId::index);
        (found, walk.visited)
    };
    for (path, found, nodes) in
        [("/v1/r7/42/parts", Some(7), 5), ("/v1/r7/42", None, 4), ("/v2/r7/42/parts", None, 1)]
    {
        assert_eq!(visited(10, path), (found, nodes));
        assert_eq!(visited(10_000, path), (found, nodes));
    }
}
