//! What was typed -> what it means: a config file becomes the site and the settings of the rooms.
//!
//! All problems are found before anything is put in force, and each is laid at the place in the file that causes it.

use balance::{Policy, Weight};
use base::Moment;
use config::{File, Path, Report};
use gateway::{Action, Network, Redirect, Respond, Route, Site};
use message::{Fields, Method, StatusCode};
use net::tls::{CertPair, ClientSettings};
use net::{HeadLimits, PaceLimits, ServerLimits};
use observe::access_log::AccessLog;
use observe::{ListenerMeters, Meters};
use route::{FieldMatch, FieldTest, HostPattern, PathTemplate, Problem, QueryMatch, QueryTest, Rule};
use std::collections::HashMap;
use std::sync::Arc;
use upstream::{EndpointSettings, HostPolicy, Place, Protocol, Registry, Service, Settings, Timeouts};

/// What a site is made with, beside the file.
pub(crate) struct Parts<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) meters: &'a Meters,
    pub(crate) now: Moment,
    pub(crate) access_log: Option<Arc<AccessLog>>,
    pub(crate) listeners: Vec<Arc<ListenerMeters>>,
}

/// Builds the site. What is wrong goes into the report; there is a site only where nothing is.
pub(crate) fn site(file: &File, parts: Parts<'_>, report: &mut Report) -> Option<Site> {
    let services = services(file, &parts, report);
    let (table, templates) = table(file, report);
    if report.has_errors() {
        return None;
    }
    let numbers = file.services.keys().enumerate().map(|(number, name)| (name, number)).collect();
    let routes = file.routes.iter().map(|r| route(r, file, &numbers, parts.meters)).collect();
    let trusted_proxies =
        file.trusted_proxies.iter().filter_map(|c| c.to_string().parse::<Network>().ok()).collect();
    Some(Site {
        table,
        routes,
        templates,
        services,
        trusted_proxies,
        unrouted: parts.meters.route("", ""),
        listeners: parts.listeners,
        access_log: parts.access_log,
    })
}

fn services(file: &File, parts: &Parts<'_>, report: &mut Report) -> Vec<Arc<Service>> {
    let mut services = Vec::with_capacity(file.services.len());
    for (name, service) in &file.services {
        let settings = service_settings(name.as_str(), service);
        match Service::build(settings, parts.registry, parts.meters, parts.now) {
            Ok(service) => services.push(service),
            Err(e) => {
                let at = Path::new().key("services").key(name.as_str()).key("tls");
                report.add(&at, e.to_string(), None, None);
            }
        }
    }
    services
}

fn service_settings(name: &str, service: &config::Service) -> Settings {
    let endpoints = service.endpoints.iter().map(|e| EndpointSettings {
        label: e.url.to_string().into(),
        place: place(&e.url),
        tls: matches!(e.url, config::EndpointUrl::Https { .. }),
        weight: Weight::new(e.weight.into()).unwrap_or(Weight::ONE),
    });
    Settings {
        name: name.into(),
        endpoints: endpoints.collect(),
        policy: match service.lb_policy {
            config::LbPolicy::RoundRobin => Policy::RoundRobin,
            _ => Policy::P2cEwma,
        },
        timeouts: Timeouts {
            connect: service.timeouts.connect.get(),
            request: service.timeouts.request.get(),
            idle: service.timeouts.idle.get(),
        },
        protocol: match service.protocol {
            config::ServiceProtocol::Http1 => Protocol::Http1,
            config::ServiceProtocol::Http2 => Protocol::Http2,
        },
        tls: ClientSettings {
            ca: service.tls.ca.clone(),
            identity: service
                .tls
                .certificate
                .clone()
                .zip(service.tls.key.clone())
                .map(|(certificate, key)| CertPair { certificate, key }),
            server_name: service.tls.server_name.clone(),
            insecure_skip_verify: service.tls.insecure_skip_verify,
            alpn_h2: false,
        },
        host: match &service.host {
            config::HostPolicy::Preserve => HostPolicy::Preserve,
            config::HostPolicy::Endpoint => HostPolicy::Endpoint,
            config::HostPolicy::Literal(host) => HostPolicy::Fixed(host.as_str().into()),
        },
        max_idle: service.keepalive.max_idle as usize,
        idle_timeout: service.keepalive.idle_timeout.get(),
    }
}

fn place(url: &config::EndpointUrl) -> Place {
    match url {
        config::EndpointUrl::Unix(path) => Place::Unix(path.clone()),
        config::EndpointUrl::Http { host, port } | config::EndpointUrl::Https { host, port } => {
            match host.parse::<std::net::IpAddr>() {
                Ok(ip) => Place::Address((ip, *port).into()),
                Err(_) => Place::Name(host.as_str().into(), *port),
            }
        }
    }
}

/// The routing table; what its rules say wrong goes into the report.
fn table(file: &File, report: &mut Report) -> (route::Table<usize>, Vec<PathTemplate>) {
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
    let (table, problems) = route::Table::build(rules);
    // With rules left out the numbers would point at others.
    for problem in problems.iter().filter(|_| !faulty) {
        let name = |id: route::RuleId| file.routes[id.index()].name.as_str();
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

/// `numbers` are the places of the services in the site.
fn route(
    typed: &config::Route,
    file: &File,
    numbers: &HashMap<&config::ServiceName, usize>,
    meters: &Meters,
) -> Route {
    let (action, service) = match typed.action() {
        Some(config::Action::Service(name)) => {
            (Action::Forward(numbers.get(name).copied().unwrap_or_default()), name.as_str())
        }
        Some(config::Action::Split(shares)) => {
            let largest = shares.iter().max_by_key(|(_, share)| share.get()).map(|(name, _)| name);
            let number = largest.and_then(|name| numbers.get(name)).copied().unwrap_or_default();
            (Action::Forward(number), largest.map_or("", config::ServiceName::as_str))
        }
        Some(config::Action::Redirect(to)) => (Action::Redirect(redirect(to)), ""),
        Some(config::Action::Respond(to)) => (Action::Respond(respond(to)), ""),
        // The config refuses a route without an action; were one to come through, it answers that it has none.
        None => {
            (Action::Respond(respond(&config::Respond { status: 500, ..config::Respond::default() })), "")
        }
    };
    let max_body = match typed.max_body.as_ref().unwrap_or(&file.limits.max_body) {
        config::SizeLimit::AtMost(size) => Some(size.get()),
        config::SizeLimit::Unlimited => None,
    };
    Route {
        name: typed.name.as_str().into(),
        action,
        max_body,
        request_timeout: typed.timeouts.request.map(config::Period::get),
        idle_timeout: typed.timeouts.idle.map(config::Period::get),
        strip_prefix: typed.strip_prefix.as_ref().map(|p| p.to_string().into()),
        meters: meters.route(&typed.name, service),
    }
}

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

/// The limits of client connections.
pub(crate) fn limits(typed: &config::Limits) -> ServerLimits {
    ServerLimits {
        head: HeadLimits {
            bytes: usize::try_from(typed.max_header_bytes.get()).unwrap_or(usize::MAX),
            fields: typed.max_header_count as usize,
            target: usize::try_from(typed.max_uri_bytes.get()).unwrap_or(usize::MAX),
            merge_slashes: typed.merge_slashes,
        },
        head_timeout: typed.header_timeout.get(),
        idle_timeout: typed.idle_timeout.get(),
        read: PaceLimits { silence: typed.body_timeout.get(), rate: typed.min_body_rate.get() },
        write: PaceLimits { silence: typed.write_timeout.get(), rate: typed.min_body_rate.get() },
        requests: match typed.max_requests_per_connection {
            config::CountLimit::AtMost(n) => n,
            config::CountLimit::Unlimited => u64::MAX,
        },
        h2_streams: typed.h2_max_streams,
    }
}
