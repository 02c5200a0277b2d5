//! A table of routes: what it finds, the rule alone would take, and what it does not find, no rule alone would.
//!
//! The input is text: a line `GET,POST api.example.com /a/{b}/*` is a rule (`-` for any method or host), a line
//! `> GET api.example.com /a/b/c` a request. Lines that cannot be read are left out.

use message::{Authority, Fields, Method, Target};
use route::{Ask, Find, HostPattern, Params, PathTemplate, Rule, Table};

/// Most rules, so that asking each of them alone stays cheap.
const MOST_RULES: usize = 32;
/// Most requests.
const MOST_REQUESTS: usize = 32;

/// Reads `data` as rules and requests.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (requests, rules): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with("> "));
    let rules: Vec<Rule> = rules.into_iter().filter_map(rule).take(MOST_RULES).collect();
    let (table, _) = Table::build(rules.iter().cloned().zip(0..).collect());
    let alone: Vec<Table<usize>> = rules.iter().map(|rule| Table::build(vec![(rule.clone(), 0)]).0).collect();
    for line in requests.into_iter().take(MOST_REQUESTS) {
        if let Some((method, host, target)) = request(&line[2..]) {
            compare(&table, &alone, &method, &host, &target);
        }
    }
}

fn compare(table: &Table<usize>, alone: &[Table<usize>], method: &Method, host: &str, target: &Target) {
    let fields = Fields::new();
    let ask = Ask { method, host, path: target.path(), query: target.query(), fields: &fields };
    let (mut params, mut own) = (Params::new(), Params::new());
    match table.find(&ask, &mut params) {
        Find::Route(&index, id) => {
            assert_eq!(id.index(), index, "a rule leads to what another leads to");
            assert!(
                matches!(alone[index].find(&ask, &mut own), Find::Route(..)),
                "{id} would not take {ask:?}"
            );
            let values = |params: &Params| -> Vec<Option<String>> {
                let ask = &ask;
                (0..params.len()).map(|i| params.get(i, ask.path).map(str::to_owned)).collect()
            };
            assert_eq!(values(&params), values(&own), "other parameters for {ask:?}");
            assert_eq!(params.rest(ask.path), own.rest(ask.path));
            assert!(values(&params).iter().all(|value| value.as_ref().is_some_and(|v| !v.is_empty())));
        }
        Find::MethodNotAllowed(_) => {
            let mut others = alone.iter().map(|table| table.find(&ask, &mut own));
            assert!(
                others.any(|found| matches!(found, Find::MethodNotAllowed(_))),
                "405 for {ask:?}, which fits no rule"
            );
            assert!(!taken(alone, &ask), "405 for {ask:?}, which a rule takes");
        }
        Find::NotFound => assert!(!taken(alone, &ask), "404 for {ask:?}, which a rule takes"),
    }
}

fn taken(alone: &[Table<usize>], ask: &Ask<'_>) -> bool {
    let mut params = Params::new();
    alone.iter().any(|table| matches!(table.find(ask, &mut params), Find::Route(..)))
}

fn rule(line: &str) -> Option<Rule> {
    let mut words = line.split(' ');
    let (methods, host, path) = (words.next()?, words.next()?, words.next()?);
    let mut rule = Rule::new(PathTemplate::parse(path).ok()?);
    let shown = rule.path.to_string();
    assert_eq!(PathTemplate::parse(&shown).as_ref(), Ok(&rule.path), "what is shown of {path} is another");
    if methods != "-" {
        rule.methods = methods.split(',').map(|name| name.parse().ok()).collect::<Option<_>>()?;
    }
    if host != "-" {
        rule.host = Some(HostPattern::parse(host).ok()?);
    }
    Some(rule)
}

fn request(line: &str) -> Option<(Method, String, Target)> {
    let mut words = line.split(' ');
    let (method, host, target) = (words.next()?, words.next()?, words.next()?);
    let authority = Authority::parse(host.as_bytes()).ok()?;
    Some((method.parse().ok()?, authority.host().to_owned(), Target::parse(target.as_bytes(), true).ok()?))
}
