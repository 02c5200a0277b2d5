//! The table against a naive search over all rules, written from the rules of precedence alone: it splits texts,
//! compares every rule with every request, and takes the smallest key. Few words make many collisions.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use message::{Fields, Method};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use route::{
    Ask, FieldMatch, FieldTest, Find, HostPattern, Params, PathTemplate, Problem, QueryMatch, QueryTest,
    Rule, Table,
};
use std::collections::BTreeSet;

/// A rule as text, which the oracle reads itself.
#[derive(Clone, Debug)]
struct Plain {
    host: &'static str,
    path: String,
    methods: Vec<&'static str>,
    /// Name, kind (`=` exact, `^` prefix, `+` present, `-` absent), value.
    headers: Vec<(&'static str, char, &'static str)>,
    query: Vec<(&'static str, Option<&'static str>)>,
}

#[derive(Clone, Debug)]
struct Request {
    host: &'static str,
    path: String,
    method: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    query: Option<Vec<(&'static str, &'static str)>>,
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Rule(usize, Vec<(String, String)>, Option<String>),
    Methods(BTreeSet<String>),
    None,
}

fn segments(path: &str) -> Vec<&str> {
    path[1..].split('/').collect()
}

impl Plain {
    /// 0 for the exact host; suffixes by length, the longest first; any host last.
    fn host_rank(&self, host: &str) -> Option<usize> {
        match self.host.strip_prefix('*') {
            _ if self.host.is_empty() => Some(usize::MAX),
            Some(suffix) => {
                (host.len() > suffix.len() && host.ends_with(suffix)).then(|| 1000 - suffix.len())
            }
            None => (self.host == host).then_some(0),
        }
    }

    /// For each segment of the template: 0 literal or end, 1 parameter, 2 rest.
    fn path_rank(&self, path: &str) -> Option<Vec<u8>> {
        let (want, have) = (segments(&self.path), segments(path));
        let mut rank = Vec::new();
        for (i, segment) in want.iter().enumerate() {
            match (*segment, have.get(i)) {
                ("*", _) => {
                    rank.push(2);
                    return Some(rank);
                }
                (s, Some(h)) if s.starts_with('{') && !h.is_empty() => rank.push(1),
                (s, Some(h)) if s == *h => rank.push(0),
                _ => return None,
            }
        }
        rank.push(0);
        (want.len() == have.len()).then_some(rank)
    }

    fn predicates_hold(&self, request: &Request) -> bool {
        self.headers.iter().all(|(name, kind, value)| {
            let mut values = request.headers.iter().filter(|(n, _)| n == name).map(|(_, v)| *v);
            match kind {
                '=' => values.any(|v| v == *value),
                '^' => values.any(|v| v.starts_with(value)),
                '+' => values.count() > 0,
                _ => values.count() == 0,
            }
        }) && self.query.iter().all(|(name, value)| {
            request.query.iter().flatten().any(|(n, v)| n == name && value.is_none_or(|want| want == *v))
        })
    }

    fn predicates(&self) -> usize {
        let headers: BTreeSet<_> = self.headers.iter().collect();
        let query: BTreeSet<_> = self.query.iter().collect();
        usize::from(!self.methods.is_empty()) + headers.len() + query.len()
    }

    fn same_place(&self, other: &Self) -> bool {
        let shape = |path: &str| {
            segments(path)
                .iter()
                .map(|s| if s.starts_with('{') { "{}" } else { s })
                .collect::<Vec<_>>()
                .join("/")
        };
        self.host == other.host && shape(&self.path) == shape(&other.path)
    }

    fn values(&self, path: &str) -> (Vec<(String, String)>, Option<String>) {
        let (want, have) = (segments(&self.path), segments(path));
        let named = want.iter().zip(&have).filter(|(s, _)| s.starts_with('{'));
        let values = named.map(|(s, h)| (s.trim_matches(['{', '}']).to_owned(), (*h).to_owned())).collect();
        let rest = want.last().filter(|s| **s == "*").map(|_| {
            let before = want.len() - 1;
            have.get(before..).unwrap_or_default().join("/")
        });
        (values, rest)
    }

    fn compiled(&self) -> Rule {
        let mut rule = Rule::new(PathTemplate::parse(&self.path).unwrap());
        rule.host = (!self.host.is_empty()).then(|| HostPattern::parse(self.host).unwrap());
        rule.methods = self.methods.iter().map(|m| Method::from_bytes(m.as_bytes()).unwrap()).collect();
        for (name, kind, value) in &self.headers {
            let value = value.as_bytes().into();
            let test = match kind {
                '=' => FieldTest::Exact(value),
                '^' => FieldTest::Prefix(value),
                '+' => FieldTest::Present,
                _ => FieldTest::Absent,
            };
            rule.headers.push(FieldMatch::new(name, test).unwrap());
        }
        for (name, value) in &self.query {
            let test = value.map_or(QueryTest::Present, |v| QueryTest::Exact(v.into()));
            rule.query.push(QueryMatch::new(name, test).unwrap());
        }
        rule
    }
}

fn naive(rules: &[Plain], request: &Request) -> Answer {
    let mut fitting: Vec<_> = rules
        .iter()
        .enumerate()
        .filter(|(_, rule)| rule.predicates_hold(request))
        .filter_map(|(i, rule)| {
            let key = (rule.host_rank(request.host)?, rule.path_rank(&request.path)?);
            Some((key, usize::MAX - rule.predicates(), i))
        })
        .collect();
    fitting.sort();
    let takes = |i: usize| {
        let rule = &rules[i];
        let head_is_named = || {
            let mut others = fitting.iter().map(|(_, _, other)| &rules[*other]);
            others.any(|other| other.same_place(rule) && other.methods.contains(&"HEAD"))
        };
        rule.methods.is_empty()
            || rule.methods.contains(&request.method)
            || (request.method == "HEAD" && rule.methods.contains(&"GET") && !head_is_named())
    };
    if let Some((_, _, i)) = fitting.iter().find(|(_, _, i)| takes(*i)) {
        let (values, rest) = rules[*i].values(&request.path);
        return Answer::Rule(*i, values, rest);
    }
    let mut methods: BTreeSet<_> =
        fitting.iter().flat_map(|(_, _, i)| &rules[*i].methods).map(|m| (*m).to_owned()).collect();
    if methods.contains("GET") {
        methods.insert("HEAD".to_owned());
    }
    if methods.is_empty() { Answer::None } else { Answer::Methods(methods) }
}

fn build(rules: &[Plain]) -> (Table<usize>, Vec<Problem>) {
    Table::build(rules.iter().enumerate().map(|(i, rule)| (rule.compiled(), i)).collect())
}

fn compiled(table: &Table<usize>, request: &Request) -> Answer {
    let mut fields = Fields::new();
    for (name, value) in &request.headers {
        fields.push(name, value.as_bytes()).unwrap();
    }
    let query = request.query.as_ref().map(|pairs| {
        pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    });
    let method = Method::from_bytes(request.method.as_bytes()).unwrap();
    let path = request.path.as_str();
    let ask = Ask { method: &method, host: request.host, path, query: query.as_deref(), fields: &fields };
    let mut params = Params::new();
    match table.find(&ask, &mut params) {
        Find::Route(&value, id) => {
            assert_eq!(value, id.index());
            let named = params.named(table.template(id).unwrap(), path);
            let values = named.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            Answer::Rule(value, values, params.rest(path).map(str::to_owned))
        }
        Find::MethodNotAllowed(allow) => {
            let shown = allow.to_string();
            let methods: BTreeSet<_> = shown.split(", ").map(str::to_owned).collect();
            assert_eq!(methods, allow.methods().map(ToString::to_string).collect());
            Answer::Methods(methods)
        }
        Find::NotFound => Answer::None,
    }
}

const PARAMS: [&str; 3] = ["{p0}", "{p1}", "{p2}"];
const METHODS: [&str; 5] = ["GET", "HEAD", "POST", "PUT", "PURGE"];

fn plain() -> impl Strategy<Value = Plain> {
    let host = select(vec!["", "", "b.c", "a.b.c", "*.b.c", "*.c"]);
    let path = (vec(select(vec!["a", "b", "{"]), 0..4), select(vec!["", "", "/", "/*"])).prop_map(
        |(segments, end)| {
            let mut path = String::new();
            for (i, segment) in segments.iter().enumerate() {
                path.push('/');
                // Names differ by their place, so that no template has one twice.
                path.push_str(if *segment == "{" { PARAMS[i] } else { segment });
            }
            path.push_str(end);
            if path.is_empty() { "/".to_owned() } else { path }
        },
    );
    let methods = prop_oneof![Just(vec![]), subsequence(METHODS.to_vec(), 1..3)];
    let header = (
        select(vec!["x", "y"]),
        select(vec![('=', "1"), ('=', "12"), ('^', "1"), ('^', "12"), ('+', ""), ('-', "")]),
    )
        .prop_map(|(name, (kind, value))| (name, kind, value));
    let query = (select(vec!["q", "r"]), select(vec![None, Some("1"), Some("2")]));
    (host, path, methods, vec(header, 0..3), vec(query, 0..2))
        .prop_map(|(host, path, methods, headers, query)| Plain { host, path, methods, headers, query })
}

fn request() -> impl Strategy<Value = Request> {
    let host = select(vec!["", "c", "b.c", "a.b.c", "x.b.c", "y.x.b.c", "d"]);
    let path = vec(select(vec!["a", "b", "c", ""]), 1..5).prop_map(|s| format!("/{}", s.join("/")));
    let method = select(METHODS.to_vec());
    let headers = vec((select(vec!["x", "y"]), select(vec!["1", "12", "2"])), 0..3);
    let query = proptest::option::of(vec((select(vec!["q", "r"]), select(vec!["1", "2"])), 0..3));
    (host, path, method, headers, query).prop_map(|(host, path, method, headers, query)| Request {
        host,
        path,
        method,
        headers,
        query,
    })
}

/// Rules and requests at one place, so that only predicates tell them apart.
fn at_one_place() -> impl Strategy<Value = (Vec<Plain>, Vec<Request>)> {
    let rule = plain().prop_map(|rule| Plain { host: "", path: "/a".to_owned(), ..rule });
    let request = request().prop_map(|request| Request { path: "/a".to_owned(), ..request });
    (vec(rule, 0..12), vec(request, 32))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_table_answers_as_the_naive_search_does(rules in vec(plain(), 0..24), requests in vec(request(), 1..24)) {
        let (table, _) = build(&rules);
        for request in &requests {
            prop_assert_eq!(compiled(&table, request), naive(&rules, request), "{:?}", request);
        }
    }

    #[test]
    fn rules_of_one_path_answer_as_the_naive_search_does((rules, requests) in at_one_place()) {
        let (table, _) = build(&rules);
        for request in &requests {
            prop_assert_eq!(compiled(&table, request), naive(&rules, request), "{:?}", request);
        }
    }

    #[test]
    fn a_rule_called_a_problem_never_takes_a_request((rules, requests) in at_one_place()) {
        for problem in build(&rules).1 {
            let hidden = match problem {
                Problem::Duplicate { second, .. } => second.index(),
                Problem::Unreachable { rule, .. } => rule.index(),
                Problem::TooManyMethods { .. } => unreachable!("five methods"),
            };
            for request in &requests {
                let taken = matches!(naive(&rules, request), Answer::Rule(i, ..) if i == hidden);
                prop_assert!(!taken, "{:?} took {:?}", rules[hidden], request);
            }
        }
    }

    #[test]
    fn any_text_is_a_rule_or_an_error_and_what_is_a_rule_shows_itself(text in "\\PC*|[/{}*%a.2]{0,12}|(\\*\\.)?[a-zA-Z.:*]{0,9}") {
        if let Ok(template) = PathTemplate::parse(&text) {
            prop_assert_eq!(PathTemplate::parse(&template.to_string()), Ok(template));
        }
        if let Ok(host) = HostPattern::parse(&text) {
            prop_assert_eq!(HostPattern::parse(&host.to_string()), Ok(host));
        }
    }

    #[test]
    fn any_request_gets_an_answer(
        rules in vec(plain(), 0..12),
        host in "\\PC*|[abc.]{0,9}",
        path in "\\PC*|[/ab%*é]{0,20}",
        query in proptest::option::of("\\PC*|[qr=&%12+]{0,20}"),
    ) {
        let (table, _) = build(&rules);
        let fields = Fields::new();
        let ask = Ask { method: &Method::GET, host: &host, path: &path, query: query.as_deref(), fields: &fields };
        let mut params = Params::new();
        if let Find::Route(_, id) = table.find(&ask, &mut params) {
            prop_assert!(path.starts_with('/'));
            prop_assert_eq!(params.len(), table.template(id).unwrap().names().len());
        } else {
            prop_assert!(params.is_empty() && params.rest(&path).is_none());
        }
    }
}
