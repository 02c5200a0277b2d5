//! Identity, access and limits of the file -> what the gateway's guards go by.

use super::limits::{self, Whose};
use super::ways::Ways;
use crate::guarding::{Guarding, Needs};
use auth::{AllowRule, Consumer, Cors, CorsSettings, IpRules, Network, Scopes};
use config::{File, Path, Report};
use gateway::guard::{Access, Bandwidth, CallersOf, Guard, Guards, Limit, PlanLimits, WayIn};
use observe::Meters;
use rustc_hash::FxHashMap;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use upstream::Service;

/// How many configs there were.
static CONFIGS: AtomicU64 = AtomicU64::new(0);

/// Everything that routes' guards are made of.
pub(crate) struct Making<'a> {
    pub(crate) file: &'a File,
    pub(crate) meters: &'a Meters,
    pub(crate) guarding: &'a Guarding,
    /// The services of the site, for those that are asked about callers.
    pub(crate) services: &'a [Arc<Service>],
}

/// What was made: for the site, and for each route.
pub(crate) struct Made {
    pub(crate) guards: Option<Arc<Guards>>,
    pub(crate) routes: Vec<Option<Box<Guard>>>,
    /// What else they need, once the site comes into force.
    pub(crate) needs: Needs,
}

impl Making<'_> {
    /// Makes all. What is wrong goes into the report.
    pub(crate) fn make(&self, report: &mut Report) -> Made {
        let consumers = consumers(self.file);
        let ways = Ways::make(self, &consumers, report);
        let everywhere = self.everywhere(report);
        let mut routes = Vec::with_capacity(self.file.routes.len());
        for (number, route) in self.file.routes.iter().enumerate() {
            let at = Path::new().key("routes").index(number);
            let guard = self.route(route, &at, &ways, &everywhere, report);
            routes.push((!guard.is_empty()).then(|| Box::new(guard)));
        }
        let plans = self.plans(report);
        let asked = routes.iter().any(Option::is_some);
        let tables = asked.then(|| self.guarding.tables(&self.file.limits)).transpose();
        let tables = tables.unwrap_or_else(|why| {
            report.add(&Path::new().key("data_dir"), format!("{why:#}"), None, None);
            None
        });
        let guards = tables.map(|tables| {
            Arc::new(Guards {
                config: CONFIGS.fetch_add(1, Ordering::Relaxed),
                tables,
                cluster: self.guarding.cluster(),
                plans,
                consumers,
                planless: CallersOf::new(self.meters, ""),
                nothing: "".into(),
                login: ways.login.clone(),
            })
        });
        Made { guards, routes, needs: Needs { wanted: ways.wanted, typed: ways.typed } }
    }

    /// The limits of the top level.
    fn everywhere(&self, report: &mut Report) -> Vec<Arc<Limit>> {
        let at = Path::new().key("rate_limit");
        limits::all(&self.file.rate_limit, &at, &Whose::All, self, report)
    }

    fn plans(&self, report: &mut Report) -> FxHashMap<Box<str>, PlanLimits> {
        let plan = |(name, plan): (&config::PlanName, &config::Plan)| {
            let (at, name) = (Path::new().key("plans").key(name.as_str()), name.as_str());
            let limits =
                limits::all(&plan.rate_limit, &at.key("rate_limit"), &Whose::Plan(name), self, report);
            let concurrency = plan.concurrency.as_ref();
            let concurrency =
                concurrency.map(|c| Arc::new(limits::concurrency(c, &Whose::Plan(name), self.meters)));
            let callers = CallersOf::new(self.meters, name);
            (name.into(), PlanLimits { limits, concurrency, callers })
        };
        self.file.plans.iter().map(plan).collect()
    }

    fn route(
        &self,
        route: &config::Route,
        at: &Path,
        ways: &Ways,
        everywhere: &[Arc<Limit>],
        report: &mut Report,
    ) -> Guard {
        let whose = Whose::Route { name: &route.name, identifies: !route.auth.is_empty() };
        let own = limits::all(&route.rate_limit, &at.key("rate_limit"), &whose, self, report);
        // What needs nobody's name is charged before anybody is asked for it.
        let (before, after) = everywhere
            .iter()
            .chain(&own)
            .cloned()
            .partition(|limit| route.auth.is_empty() || limits::needs_nobody(limit));
        let (allow, deny) = (networks(&route.ip.allow), networks(&route.ip.deny));
        Guard {
            cors: route.cors.as_ref().and_then(|cors| cors_of(cors, route, at, report)),
            ips: (!allow.is_empty() || !deny.is_empty()).then(|| IpRules::new(&allow, &deny)),
            before,
            access: self.access(route, at, ways, report),
            limits: after,
            concurrency: route.concurrency.as_ref().map(|c| limits::concurrency(c, &whose, self.meters)),
            bandwidth: route
                .bandwidth
                .as_ref()
                .and_then(|size| NonZeroU64::new(size.get()).map(|rate| Bandwidth { rate })),
        }
    }

    fn access(&self, route: &config::Route, at: &Path, ways: &Ways, report: &mut Report) -> Option<Access> {
        if route.auth.is_empty() {
            return None;
        }
        let ways: Vec<WayIn> = route.auth.iter().filter_map(|way| ways.of(*way)).collect();
        if ways.len() < route.auth.len() && !report.has_errors() {
            // The config refuses a way without its section; should one come through, nobody gets in by it.
            report.add(&at.key("auth"), "a way to be identified that cannot be used", None, None);
        }
        Some(Access {
            ways,
            scopes: route.scopes.iter().map(|scope| scope.as_str().into()).collect(),
            allow: rule(route.allow.as_ref(), &at.key("allow"), report),
            realm: self.file.auth.realm.as_str().into(),
        })
    }
}

/// Which web sites may use a route.
fn cors_of(typed: &config::Cors, route: &config::Route, at: &Path, report: &mut Report) -> Option<Cors> {
    const USUAL: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
    let of = |methods: &[config::Method]| methods.iter().map(|m| m.as_str().to_owned()).collect();
    let methods = match (&*typed.methods, &*route.matches.methods) {
        ([], []) => USUAL.map(str::to_owned).to_vec(),
        ([], own) => of(own),
        (typed, _) => of(typed),
    };
    let names = |names: &[config::HeaderName]| names.iter().map(|n| n.as_str().to_owned()).collect();
    let settings = CorsSettings {
        origins: typed.origins.iter().map(ToString::to_string).collect(),
        methods,
        headers: if typed.headers.is_empty() { vec!["*".to_owned()] } else { names(&typed.headers) },
        expose: names(&typed.expose),
        credentials: typed.credentials,
        max_age: typed.max_age.get(),
    };
    let cors = Cors::new(&settings);
    cors.map_err(|why| report.add(&at.key("cors"), why.to_string(), None, None)).ok()
}

/// The callers that the config names.
fn consumers(file: &File) -> FxHashMap<Box<str>, Arc<Consumer>> {
    // One text a plan: what all its consumers share stays warm.
    let plans: FxHashMap<&str, Arc<str>> =
        file.plans.keys().map(|name| (name.as_str(), Arc::from(name.as_str()))).collect();
    let one = |typed: &config::Consumer| {
        let plan = typed.plan.as_ref().map(config::PlanName::as_str).unwrap_or_default();
        let consumer = Consumer {
            name: typed.name.as_str().into(),
            plan: plans.get(plan).map_or_else(|| plan.into(), Arc::clone),
            scopes: Scopes::of(typed.scopes.iter().map(config::Scope::as_str)),
        };
        (typed.name.as_str().into(), Arc::new(consumer))
    };
    file.consumers.iter().map(one).collect()
}

fn networks(typed: &[config::Cidr]) -> Vec<Network> {
    typed.iter().filter_map(|network| network.to_string().parse().ok()).collect()
}

/// Compiles a rule.
pub(crate) fn rule(typed: Option<&config::Expression>, at: &Path, report: &mut Report) -> Option<AllowRule> {
    let compiled = AllowRule::compile(typed?.as_str());
    compiled.map_err(|why| report.add(at, why.to_string(), None, None)).ok()
}
