//! What was typed -> what it means: a config file becomes the site and the settings of the rooms.
//!
//! All problems are found before anything is put in force, and each is laid at the place in the file that causes it.

pub(crate) mod aside;
mod cache;
pub(crate) mod cluster;
mod guard;
pub(crate) mod instances;
mod limits;
mod route;
pub(crate) mod service;
mod ways;

use crate::caching::Caching;
use crate::guarding::{Guarding, Needs};
use crate::membership::Members;
use base::Moment;
use config::{File, Path, Report};
use gateway::{ExplainTo, Network, Plan, Site};
use guard::Making;
use net::{HeadLimits, PaceLimits, ServerLimits};
use observe::access_log::AccessLog;
use observe::{ListenerMeters, Meters};
use service::Surroundings;
use std::sync::Arc;
use upstream::{Registry, Service};

/// What a site is made with, beside the file.
pub(crate) struct Parts<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) meters: &'a Meters,
    pub(crate) now: Moment,
    pub(crate) access_log: Option<Arc<AccessLog>>,
    pub(crate) listeners: Vec<Arc<ListenerMeters>>,
    /// Endpoints that are not in the file.
    pub(crate) members: &'a Members,
    /// What sticky cookies are signed with, where the file has no secret.
    pub(crate) secret: &'a [u8],
    /// What identity and limits keep.
    pub(crate) guarding: &'a Guarding,
    /// What the cache keeps.
    pub(crate) caching: &'a Caching,
}

/// Builds the site, and says what it needs once it comes into force. What is wrong goes into the report; there is a site
/// only where nothing is.
pub(crate) fn site(file: &File, parts: Parts<'_>, report: &mut Report) -> Option<(Site, Needs)> {
    let services = services(file, &parts, report);
    let (table, templates) = route::table(file, report);
    let making = Making { file, meters: parts.meters, guarding: parts.guarding, services: &services };
    let made = making.make(report);
    if report.has_errors() {
        return None;
    }
    let numbers = file.services.keys().enumerate().map(|(number, name)| (name, number)).collect();
    let mut routes = Vec::with_capacity(file.routes.len());
    for (number, (typed, guard)) in file.routes.iter().zip(made.routes).enumerate() {
        let at = Path::new().key("routes").index(number);
        let cache = cache::caching(typed, file, parts.meters, &at, report);
        routes.push(gateway::Route {
            guard,
            cache,
            ..route::route(typed, file, &numbers, parts.meters, &at, report)
        });
    }
    if report.has_errors() {
        return None;
    }
    let trusted_proxies =
        file.trusted_proxies.iter().filter_map(|c| c.to_string().parse::<Network>().ok()).collect();
    let token = file.admin.token.as_ref();
    let site = Site {
        guards: made.guards,
        caches: cache::caches(file, parts.caching.made().as_ref()),
        plan: Arc::new(Plan { table, routes, templates }),
        services,
        trusted_proxies,
        unrouted: parts.meters.route("", ""),
        listeners: parts.listeners,
        access_log: parts.access_log,
        explain: token.map_or(ExplainTo::Loopback, |token| ExplainTo::Token(token.reveal().into())),
    };
    Some((site, made.needs))
}

/// The site with other endpoints. Routes and all else are those of `site`, which was made of the same file.
pub(crate) fn renewed(site: &Site, file: &File, parts: &Parts<'_>, report: &mut Report) -> Option<Site> {
    let mut services = services(file, parts, report);
    if report.has_errors() {
        return None;
    }
    for service in &mut services {
        // One that is the same stays the same, so that workers keep what they have built around it.
        let same = |old: &&Arc<Service>| old.is_same(service);
        if let Some(old) = site.services.iter().find(same) {
            *service = Arc::clone(old);
        }
    }
    Some(Site {
        plan: Arc::clone(&site.plan),
        services,
        trusted_proxies: site.trusted_proxies.clone(),
        guards: site.guards.clone(),
        caches: site.caches.clone(),
        unrouted: Arc::clone(&site.unrouted),
        listeners: site.listeners.clone(),
        access_log: site.access_log.clone(),
        explain: site.explain.clone(),
    })
}

fn services(file: &File, parts: &Parts<'_>, report: &mut Report) -> Vec<Arc<Service>> {
    let mut services = Vec::with_capacity(file.services.len());
    let around = Surroundings { zone: file.zone.as_ref(), members: parts.members, secret: parts.secret };
    for (name, service) in &file.services {
        let settings = service::settings(name.as_str(), service, around);
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
