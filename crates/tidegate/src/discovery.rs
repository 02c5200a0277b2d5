//! Services whose endpoints are not in the config: where to look for them, and the first look before anything is served.

use crate::assemble::service::endpoint;
use crate::membership::Members;
use balance::Weight;
use config::File;
use observe::{Event, EventKind};
use std::sync::Arc;
use std::time::Duration;
use upstream::{
    Discovery, Dns, DnsSettings, EndpointSettings, FileSettings, Found, Place, Source, SrvSettings,
};

/// How long a start waits for names to be resolved. A service that has no endpoints yet gets them later.
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
    let sources: Vec<_> =
        file.services.iter().filter_map(|(name, typed)| Some((name, source(typed, file)?))).collect();
    if sources.is_empty() {
        return Members::default();
    }
    let look = async {
        let mut members = Members::default();
        let mut looks = Vec::new();
        for (name, source) in &sources {
            let source = source.clone();
            let look =
                tokio::task::spawn_local(async move { upstream::resolve_now(&source, FIRST_LOOK).await });
            looks.push((name, look));
        }
        for (name, look) in looks {
            match look.await.map_err(|e| e.to_string()).and_then(|found| found) {
                Ok(found) => members.set_found(name.as_str(), settled(found)),
                Err(why) => observe::log::warning(format_args!("service {name} has no endpoints yet: {why}")),
            }
        }
        members
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => tokio::task::LocalSet::new().block_on(&runtime, look),
        Err(e) => {
            observe::log::error(format_args!("cannot look for endpoints: {e}"));
            Members::default()
        }
    }
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
