//! The routes of the file -> the plan of the gateway.

use super::service::{hedge, percent, retry};
use ::route::{FieldMatch, FieldTest, HostPattern, PathTemplate, Problem, QueryMatch, QueryTest, Rule};
use config::{File, Path, Report};
use gateway::{Action, Fallback, Mirror, Part, Redirect, Respond, Route, Split};
use message::{Fields, Method, StatusCode};
use observe::Meters;
use std::collections::HashMap;
use upstream::{Class, Manner};

/// The places of the services in the site, by name.
type Numbers<'a> = HashMap<&'a config::ServiceName, usize>;

/// The routing table; what its rules say wrong goes into the report.
pub(crate) fn table(file: &File, report: &mut Report) -> (::route::Table<usize>, Vec<PathTemplate>) {
    let mut rules = Vec::with_capacity(file.routes.len());
    let mut templates = Vec::with_capacity(file.routes.len());
    for (number, typed) in file.routes.iter().enumerate() {
        match rule(&typed.matches) {
            Ok(rule) => {
                templates.push(rule.path.clone());
                rules.push((rule, number));
            }
            Err((key, why)) => {
                let at = Path::new().key("routes").index(number).key("match");
                report.add(&at.key(key), why, None, None);
            }
        }
    }
    let faulty = rules.len() < file.routes.len();
    let (table, problems) = ::route::Table::build(rules);
    // With rules left out the numbers would point at others.
    for problem in problems.iter().filter(|_| !faulty) {
        let name = |id: ::route::RuleId| file.routes[id.index()].name.as_str();
        let (number, message, hint) = match problem {
            Problem::Duplicate { first, second } => (
                second.index(),
                format!("this route matches the same requests as route `{}`", name(*first)),
                "remove one of them",
            ),
            Problem::Unreachable { rule, by } => (
                rule.index(),
                format!("this route never takes a request: route `{}` takes all that it would", name(*by)),
                "move it up, or make one of them narrower",
            ),
            Problem::TooManyMethods { rule } => {
                (rule.index(), problem.to_string(), "name fewer different methods in all routes together")
            }
        };
        report.add(&Path::new().key("routes").index(number).key("match"), message, None, Some(hint));
    }
    (table, templates)
}

/// The rule, or the key that is wrong and why.
fn rule(typed: &config::Match) -> Result<Rule, (&'static str, String)> {
    let path = PathTemplate::parse(typed.path.as_str()).map_err(|e| ("path", e.to_string()))?;
    let host = typed.host.as_ref().map(|h| HostPattern::parse(h.as_str())).transpose();
    let mut headers = Vec::new();
    for (name, test) in &typed.headers {
        let test = match test {
            config::ValueTest::Exact(v) => FieldTest::Exact(v.as_bytes().into()),
            config::ValueTest::Prefix(v) => FieldTest::Prefix(v.as_bytes().into()),
            config::ValueTest::Present => FieldTest::Present,
            config::ValueTest::Absent => FieldTest::Absent,
        };
        headers.push(FieldMatch::new(name.as_str(), test).map_err(|e| ("headers", e.to_string()))?);
    }
    let mut query = Vec::new();
    for (name, test) in &typed.query {
        let test = match test {
            config::ValueTest::Exact(v) => QueryTest::Exact(v.as_str().into()),
            config::ValueTest::Present => QueryTest::Present,
            config::ValueTest::Prefix(_) | config::ValueTest::Absent => {
                return Err((
                    "query",
                    format!("`{name}` can be matched by its exact value or by `present: true`"),
                ));
            }
        };
        query.push(QueryMatch::new(name, test).map_err(|e| ("query", e.to_string()))?);
    }
    let methods =
        typed.methods.iter().filter_map(|m| Method::from_bytes(m.as_str().as_bytes()).ok()).collect();
    Ok(Rule { host: host.map_err(|e| ("host", e.to_string()))?, path, methods, headers, query })
}

/// One route. `numbers` are the places of the services in the site.
pub(crate) fn route(
    typed: &config::Route,
    file: &File,
    numbers: &Numbers<'_>,
    meters: &Meters,
    at: &Path,
    report: &mut Report,
) -> Route {
    let number = |name: &config::ServiceName| numbers.get(name).copied().unwrap_or_default();
    let (action, service) = match typed.action() {
        Some(config::Action::Service(name)) => (Action::Forward(number(name)), Some(name)),
        Some(config::Action::Split(shares)) => {
            let shares: Vec<_> = shares.iter().filter(|(_, share)| share.get() > 0).collect();
            let part = |(name, share): &(&config::ServiceName, &config::Share)| Part {
                service: number(name),
                weight: share.get(),
                meters: meters.route(&typed.name, name.as_str()),
            };
            let total = shares.iter().map(|(_, share)| share.get()).sum::<u32>().max(1);
            let largest = shares.iter().max_by_key(|(_, share)| share.get()).map(|(name, _)| *name);
            (Action::Split(Split { total, parts: shares.iter().map(part).collect() }), largest)
        }
        Some(config::Action::Redirect(to)) => (Action::Redirect(redirect(to)), None),
        Some(config::Action::Respond(to)) => (Action::Respond(respond(to)), None),
        Some(config::Action::Static(typed)) => match super::cache::files(typed, at, report) {
            Some(root) => (Action::Files(root), None),
            None => (Action::Respond(respond(&config::Respond::default())), None),
        },
        // The config refuses a route without an action; were one to come through, it answers that it has none.
        None => {
            let none = config::Respond { status: 500, ..config::Respond::default() };
            (Action::Respond(respond(&none)), None)
        }
    };
    let max_body = match typed.max_body.as_ref().unwrap_or(&file.limits.max_body) {
        config::SizeLimit::AtMost(size) => Some(size.get()),
        config::SizeLimit::Unlimited => None,
    };
    let usual = service.and_then(|name| file.services.get(name));
    let fallback = typed.fallback.as_ref().or(usual.and_then(|s| s.fallback.as_ref()));
    let mirror =
        typed.mirror.as_ref().map(|m| Mirror { service: number(&m.service), percent: percent(m.percent) });
    let manner = Manner {
        request_timeout: typed.timeouts.request.map(config::Period::get),
        idle_timeout: typed.timeouts.idle.map(config::Period::get),
        retry: typed.retry.clone().map(|typed| retry(&typed.into())),
        hedge: typed.hedge.as_ref().map(hedge),
        class: match typed.priority {
            config::Priority::Low => Class::Low,
            config::Priority::Normal => Class::Normal,
            config::Priority::High => Class::High,
        },
        keep: if mirror.is_some() { MIRROR_KEEPS } else { 0 },
    };
    Route {
        name: typed.name.as_str().into(),
        action,
        max_body,
        manner,
        fallback: fallback.map(|f| match f {
            config::Fallback::Service(name) => Fallback::Service(number(name)),
            config::Fallback::Respond(to) => Fallback::Respond(respond(to)),
        }),
        mirror,
        guard: None,
        cache: None,
        strip_prefix: typed.strip_prefix.as_ref().map(|p| p.to_string().into()),
        meters: meters.route(&typed.name, service.map_or("", config::ServiceName::as_str)),
    }
}

/// Bodies up to this size are copied to a mirror.
const MIRROR_KEEPS: usize = 64 * 1024;

fn redirect(to: &config::Redirect) -> Redirect {
    let status = StatusCode::from_u16(to.status.get()).unwrap_or(StatusCode::PERMANENT_REDIRECT);
    Redirect { to: to.to.as_str().into(), status }
}

fn respond(to: &config::Respond) -> Respond {
    let mut fields = Fields::new();
    for (name, value) in &to.headers {
        // Both were checked when the file was read.
        let _ = fields.push(name.as_str(), value.as_str().as_bytes());
    }
    if !to.body.is_empty() && !fields.has(message::Name::ContentType) {
        fields.add(message::Name::ContentType, b"text/plain; charset=utf-8");
    }
    Respond {
        status: StatusCode::from_u16(to.status).unwrap_or(StatusCode::OK),
        fields,
        body: to.body.clone().into_bytes().into(),
    }
}
