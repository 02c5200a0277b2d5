//! Services whose endpoints are not in the config: where to look for them, and the first look before anything is served by
//! what is found.

use crate::assemble::service::endpoint;
use crate::membership::Members;
use balance::Weight;
use config::File;
use observe::{Event, EventKind};
use std::mem::discriminant;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::LocalSet;
use upstream::{
    Discovery, Dns, DnsSettings, EndpointSettings, FileSettings, Found, Place, Source, SrvSettings,
};

/// How long a start, or a reload, waits for names to be resolved. A service that has no endpoints yet gets them later.
const FIRST_LOOK: Duration = Duration::from_secs(2);

/// What is to be followed, with what is known of each.
pub(crate) fn wanted(file: &File, members: &Members) -> Vec<Discovery> {
    let one = |(name, typed): (&config::ServiceName, &config::Service)| {
        let known = members.found(name.as_str()).unwrap_or_default();
        let known = known.iter().map(|e| Found { settings: e.clone(), priority: None }).collect();
        Some(Discovery { service: name.as_str().into(), source: source(typed, file)?, known })
    };
    file.services.iter().filter_map(one).collect()
}

/// Looks for the endpoints of all services that need it, side by side. What is not found is told, and looked for later.
pub(crate) fn first_look(file: &File) -> Members {
    let mut members = Members::default();
    for (name, endpoints) in look(file.services.iter(), file) {
        members.set_found(&name, endpoints);
    }
    members
}

/// The services whose endpoints come from elsewhere in `new` than in `old`, and what a first look there gives.
pub(crate) struct Moved {
    services: Vec<Box<str>>,
    found: Vec<(Box<str>, Vec<EndpointSettings>)>,
}

impl Moved {
    pub(crate) fn look(services: Vec<Box<str>>, new: &File) -> Self {
        let is_moved = |name: &config::ServiceName| services.iter().any(|moved| **moved == *name.as_str());
        let found = look(new.services.iter().filter(|(name, _)| is_moved(name)), new);
        Self { services, found }
    }

    /// What was found elsewhere counts no more.
    pub(crate) fn settle(self, members: &mut Members) {
        for name in &self.services {
            members.forget_found(name);
        }
        for (name, endpoints) in self.found {
            members.set_found(&name, endpoints);
        }
    }
}

/// The services whose endpoints come from elsewhere in `new` than in `old`, or that are new. Another name in DNS is no
/// other place: what was found is kept until something better is known.
pub(crate) fn moved(old: &File, new: &File) -> Vec<Box<str>> {
    let is_moved = |name: &config::ServiceName, typed: &config::Service| {
        old.services
            .get(name)
            .is_none_or(|before| discriminant(&before.discovery()) != discriminant(&typed.discovery()))
    };
    let moved = new.services.iter().filter(|(name, typed)| is_moved(name, typed));
    moved.map(|(name, _)| name.as_str().into()).collect()
}

/// Do the endpoints of that service come from where they are looked for, or from instances?
pub(crate) fn is_looked_for(file: &File, service: &str) -> bool {
    let typed = file.services.iter().find(|(name, _)| name.as_str() == service);
    typed.is_some_and(|(_, typed)| source(typed, file).is_some())
}

/// Looks for the endpoints of those services that have a source, on a thread of its own: whoever asks may be at home in a
/// runtime already.
fn look<'f>(
    services: impl Iterator<Item = (&'f config::ServiceName, &'f config::Service)>,
    file: &File,
) -> Vec<(Box<str>, Vec<EndpointSettings>)> {
    let source = |(name, typed): (&config::ServiceName, &config::Service)| {
        Some((name.as_str().into(), source(typed, file)?))
    };
    let sources: Vec<(Box<str>, Source)> = services.filter_map(source).collect();
    if sources.is_empty() {
        return Vec::new();
    }
    let look = || -> std::io::Result<_> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(LocalSet::new().block_on(&runtime, look_at(sources)))
    };
    let looked = std::thread::scope(|scope| {
        let looking = std::thread::Builder::new().name("first-look".into()).spawn_scoped(scope, look)?;
        looking.join().unwrap_or_else(|_| Err(std::io::Error::other("the look has panicked")))
    });
    looked.unwrap_or_else(|e| {
        observe::log::error(format_args!("cannot look for endpoints: {e}"));
        Vec::new()
    })
}

async fn look_at(sources: Vec<(Box<str>, Source)>) -> Vec<(Box<str>, Vec<EndpointSettings>)> {
    let begin = |(name, source): (Box<str>, Source)| {
        let look = tokio::task::spawn_local(async move { upstream::resolve_now(&source, FIRST_LOOK).await });
        (name, look)
    };
    let looks: Vec<_> = sources.into_iter().map(begin).collect();
    let mut all = Vec::new();
    for (name, look) in looks {
        match look.await.map_err(|e| e.to_string()).and_then(|found| found) {
            Ok(found) => all.push((name, settled(found))),
            Err(why) => observe::log::warning(format_args!("service {name} has no endpoints yet: {why}")),
        }
    }
    all
}

/// Endpoints with the priority that their source gave them.
pub(crate) fn settled(found: Vec<Found>) -> Vec<EndpointSettings> {
    let one = |Found { mut settings, priority }| {
        if let Some(priority) = priority {
            settings.rank.priority = priority;
        }
        settings
    };
    found.into_iter().map(one).collect()
}

/// The event that other endpoints were found; none where they are the same ones.
pub(crate) fn told(
    service: &str,
    was: Option<&[EndpointSettings]>,
    is: &[EndpointSettings],
) -> Option<Event> {
    let was = was.unwrap_or_default();
    let missing_in = |list: &[EndpointSettings], label: &str| !list.iter().any(|e| &*e.label == label);
    let come = is.iter().filter(|e| missing_in(was, &e.label)).map(|e| format!("+{}", e.label));
    let gone = was.iter().filter(|e| missing_in(is, &e.label)).map(|e| format!("-{}", e.label));
    let changes = come.chain(gone).collect::<Vec<_>>().join(" ");
    let number = |list: &[EndpointSettings]| format!("{} endpoints", list.len());
    let event = Event::new(EventKind::Discovery).of(service).from(&number(was)).to(&number(is));
    (!changes.is_empty()).then(|| event.because(&changes))
}

fn source(typed: &config::Service, file: &File) -> Option<Source> {
    match typed.discovery() {
        config::Discovery::Endpoints(_) | config::Discovery::Instances(_) => None,
        config::Discovery::Dns(dns) => Some(Source::Dns(DnsSettings {
            name: dns.host().into(),
            port: dns.port(),
            dns: asked(&dns.resolver, dns.refresh, dns.min_ttl),
            template: template(typed, dns.scheme),
        })),
        config::Discovery::Srv(srv) => Some(Source::Srv(SrvSettings {
            name: srv.name.as_str().into(),
            dns: asked(&srv.resolver, srv.refresh, srv.min_ttl),
            template: template(typed, srv.scheme),
        })),
        config::Discovery::File(path) => {
            let (typed, zone) = (typed.clone(), file.zone.clone());
            let parse = move |path: &std::path::Path| {
                let endpoints = config::load_endpoints(path).map_err(|report| report.render(false))?;
                Ok(endpoints.iter().map(|e| endpoint(e, &typed, zone.as_ref())).collect())
            };
            Some(Source::File(FileSettings { path: path.to_owned(), parse: Arc::new(parse) }))
        }
    }
}

fn asked(servers: &[config::Nameserver], refresh: Option<config::Period>, min_ttl: config::Period) -> Dns {
    Dns {
        servers: servers.iter().map(|s| s.get()).collect(),
        refresh: refresh.map(config::Period::get),
        min_ttl: min_ttl.get(),
    }
}

/// What all endpoints of a name have. Label and place come with each.
fn template(typed: &config::Service, scheme: config::Scheme) -> EndpointSettings {
    EndpointSettings {
        label: "".into(),
        place: Place::Name("".into(), 0),
        tls: scheme == config::Scheme::Https,
        server_name: None,
        weight: Weight::ONE,
        rank: balance::Place::default(),
        max_connections: typed.max_connections,
        max_requests: typed.max_requests,
        proven: false,
    }
}
