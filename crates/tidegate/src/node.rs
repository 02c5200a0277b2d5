//! The running node: one version of the config in force, and how the next one comes into force.

mod cache;
mod callers;
mod editing;
mod keys;
mod launching;

use crate::assemble::{self, Parts};
use crate::caching::Caching;
use crate::discovery;
use crate::gauges;
use crate::guarding::Guarding;
use crate::handed::Sockets;
use crate::listeners::Listeners;
use crate::membership::Members;
use crate::scaling::Scaling;
use crate::service_manager::ServiceManager;
use crate::shown;
use crate::upgrade::Ask;
use crate::watch::ConfigFile;
use anyhow::{Context, Result};
use base::Clock;
use config::{File, Report, Source};
use gateway::{Action, Gateway, Shared, Site};
use net::Workers;
use observe::access_log::{self, AccessLog};
use observe::{Event, EventKind, Meters};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc};
use upstream::Registry;

mod passing;

pub(crate) use passing::UNDER_WAY;

/// Where the config comes from.
#[derive(Debug)]
pub(crate) enum Origin {
    /// A file, read again at each reload.
    File(ConfigFile),
    /// Made by the program.
    Given,
}

/// A running node.
pub(crate) struct Node {
    origin: Origin,
    cores: usize,
    clock: Clock,
    meters: Arc<Meters>,
    registry: Registry,
    shared: Arc<Shared>,
    workers: Workers,
    version: Mutex<Version>,
    /// Endpoints that are not in the file.
    members: Mutex<Members>,
    /// What sticky cookies are signed with, where the file has no secret.
    secret: [u8; 32],
    /// What identity and limits keep.
    pub(crate) guarding: Guarding,
    pub(crate) caching: Caching,
    /// Held by whoever changes keys or revokes tokens: what they change they have read before.
    changing: Mutex<()>,
    /// Other services are in force than those that are looked after.
    changed: AtomicBool,
    /// Sites that a reload replaced. Requests under way may hold them yet; the last holder would have to free tens of
    /// thousands of small things, so that is left to [`Node::look_around`] and never to a worker.
    replaced: Mutex<Vec<Arc<Site>>>,
    draining: AtomicBool,
    /// Another process is being started to take this one's place.
    upgrading: AtomicBool,
    /// The process that has taken this one's place, and since when.
    successor: OnceLock<(u32, Instant)>,
    /// Who looks after instances. Set once, before anything is served.
    scaling: OnceLock<Scaling>,
    /// The socket of the admin API, for that process.
    admin: OnceLock<net::bind::Listener>,
    /// To whoever upgrades.
    upgrades: mpsc::Sender<Ask>,
    /// Rung when the drain begins.
    pub(crate) drain_begun: Notify,
    /// Rung when the admin API of a process that was replaced accepts no more.
    pub(crate) admin_quiet: Notify,
    /// Whom to tell.
    pub(crate) manager: ServiceManager,
}

/// What belongs to one version of the config.
struct Version {
    file: File,
    listeners: Listeners,
    access_log: Option<(access_log::Settings, Arc<AccessLog>)>,
}

impl Node {
    /// Builds everything for the first version of a config. Clients that connect wait until [`Node::open`]. Who wants an
    /// upgrade, by the admin API, says so to the receiver.
    pub(crate) fn start(
        origin: Origin,
        mut file: File,
        report: &mut Report,
        handed: &mut Sockets,
    ) -> Result<(Arc<Self>, mpsc::Receiver<Ask>)> {
        assemble::aside::add(&mut file);
        let cores = match file.workers {
            config::Workers::Auto => std::thread::available_parallelism().map_or(1, usize::from),
            config::Workers::Count(n) => usize::from(n),
        };
        let (clock, meters, registry) = (Clock::real(), Meters::new(cores), Registry::default());
        let guarding = Guarding::new(&meters);
        guarding.prepare(&file)?;
        let caching = Caching::default();
        caching.prepare(&file)?;
        let listeners = Listeners::default().next(&file, cores, handed)?;
        let access_log = open_log(&file, None, &meters)?;
        let mut members = discovery::first_look(&file);
        launching::find_handed(&mut members, &file, &handed.instances);
        let mut secret = [0; 32];
        // From the kernel: a library's generator would first gather noise for a tenth of a second.
        let filled = rustix::rand::getrandom(&mut secret[..], rustix::rand::GetRandomFlags::empty())?;
        anyhow::ensure!(filled == secret.len(), "the system gives no random bytes");
        let parts = Parts {
            registry: &registry,
            meters: &meters,
            now: clock.now(),
            access_log: access_log.as_ref().map(|(_, log)| Arc::clone(log)),
            listeners: listeners.meters(&meters),
            members: &members,
            secret: &secret,
            guarding: &guarding,
            caching: &caching,
        };
        let Some((site, needs)) = assemble::site(&file, parts, report) else {
            anyhow::bail!("the config has errors")
        };
        guarding.settle(&file, needs);
        caching.settle(guarding.cluster());
        registry.started();
        let shared = Shared::new(Arc::new(site), &meters, clock.clone(), cores);
        let theirs = Arc::clone(&shared);
        let workers = Workers::start(cores, move |core| Gateway::new(Arc::clone(&theirs), core))
            .context("cannot start the workers")?;
        meters.reloaded(true);
        let version = Mutex::new(Version { file, listeners, access_log });
        let (upgrades, asked) = mpsc::channel(1);
        let node = Self {
            origin,
            cores,
            clock,
            meters,
            registry,
            shared,
            workers,
            version,
            members: Mutex::new(members),
            secret,
            guarding,
            caching,
            changing: Mutex::default(),
            changed: AtomicBool::new(false),
            replaced: Mutex::default(),
            draining: AtomicBool::new(false),
            upgrading: AtomicBool::new(false),
            successor: OnceLock::new(),
            scaling: OnceLock::new(),
            admin: OnceLock::new(),
            upgrades,
            drain_begun: Notify::new(),
            admin_quiet: Notify::new(),
            manager: ServiceManager::of_this_process(),
        };
        Ok((Arc::new(node), asked))
    }

    /// Accepts connections from now on.
    pub(crate) fn open(&self) {
        let mut version = self.version();
        version.listeners.widen();
        self.listen(&version.file, &version.listeners);
    }

    fn listen(&self, file: &File, listeners: &Listeners) {
        let limits = assemble::limits(&file.limits);
        self.workers.listen(&listeners.active(), &limits, file.limits.max_connections as usize);
    }

    fn version(&self) -> MutexGuard<'_, Version> {
        self.version.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn replaced(&self) -> MutexGuard<'_, Vec<Arc<Site>>> {
        self.replaced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the config again. Either all of it comes into force, or nothing changes and the report says why.
    pub(crate) fn reload_now(&self) -> Result<Value, Box<Report>> {
        let began = Instant::now();
        self.manager.reloading();
        let done = self.try_reload();
        self.manager.ready();
        self.meters.reloaded(done.is_ok());
        match &done {
            Ok(changed) => {
                let took = began.elapsed().as_secs_f64() * 1000.0;
                observe::log::info(format_args!("reloaded in {took:.1} ms: {changed}"));
                self.tell(Event::new(EventKind::Reload).to("in force").because(changed));
            }
            Err(report) => {
                observe::log::error(format_args!("the new config has errors, the old one stays in force:"));
                crate::say::report(&report.render(false));
                let first = report.problems().first().map_or_else(String::new, |p| p.message.clone());
                self.tell(Event::new(EventKind::Reload).to("refused").because(&first));
            }
        }
        done.map(|changed| json!({ "reloaded": true, "changed": changed }))
    }

    fn try_reload(&self) -> Result<String, Box<Report>> {
        let Origin::File(file) = &self.origin else {
            return Err(Box::new(refused(
                "this node was started without a config file: there is nothing to read again",
            )));
        };
        if self.is_passing() {
            return Err(Box::new(refused(
                "another process is taking this one's place, and reads the config by itself",
            )));
        }
        let loaded = file.load().map_err(Box::new)?;
        let (mut file, mut report) = (loaded.file, loaded.report);
        assemble::aside::add(&mut file);
        let moved = discovery::moved(&self.version().file, &file);
        // Nobody else waits for this: what is in force stays so meanwhile.
        let moved = discovery::Moved::look(moved, &file);
        let mut version = self.version();
        let fail = |mut report: Report, key: &str, e: &anyhow::Error| {
            report.add(&config::Path::new().key(key), format!("{e:#}"), None, None);
            Box::new(report)
        };
        let listeners = match version.listeners.next(&file, self.cores, &mut Sockets::default()) {
            Ok(listeners) => listeners,
            Err(e) => return Err(fail(report, "listeners", &e)),
        };
        let access_log = match open_log(&file, version.access_log.as_ref(), &self.meters) {
            Ok(log) => log,
            Err(e) => return Err(fail(report, "observe", &e)),
        };
        if let Err(e) = self.guarding.prepare(&file) {
            return Err(fail(report, "data_dir", &e));
        }
        if let Err(e) = self.caching.prepare(&file) {
            return Err(fail(report, "cache", &e));
        }
        let mut members = self.members().clone();
        moved.settle(&mut members);
        let parts = Parts {
            registry: &self.registry,
            meters: &self.meters,
            now: self.clock.now(),
            access_log: access_log.as_ref().map(|(_, log)| Arc::clone(log)),
            listeners: listeners.meters(&self.meters),
            members: &members,
            secret: &self.secret,
            guarding: &self.guarding,
            caching: &self.caching,
        };
        let Some((site, needs)) = assemble::site(&file, parts, &mut report) else {
            return Err(Box::new(report));
        };
        self.guarding.settle(&file, needs);
        self.caching.settle(self.guarding.cluster());
        let old_site = self.shared.site();
        members.forget_drains(&site.services);
        editing::follow_drains(&site.services, &members, self.clock.now());
        *self.members() = members;
        self.shared.swap(Arc::new(site));
        if !self.is_draining() {
            self.listen(&file, &listeners);
            version.listeners.leave(&listeners);
        }
        listeners.renew_certificates();
        let changed = changes(&version.file, &file);
        let old = std::mem::replace(&mut *version, Version { file, listeners, access_log });
        drop(version);
        // Freed only here, where nothing waits for the lock any more.
        drop(old);
        self.replaced().push(old_site);
        self.changed.store(true, Ordering::Release);
        if let Some(scaling) = self.scaling.get() {
            scaling.follow();
        }
        Ok(changed)
    }

    /// Puts other endpoints in force. What else the config says stays as it is.
    fn renew(&self, edit: impl FnOnce(&mut Members, &File)) -> Result<(), Box<Report>> {
        let version = self.version();
        let mut members = self.members();
        let mut next = members.clone();
        edit(&mut next, &version.file);
        let old = self.shared.site();
        let parts = Parts {
            registry: &self.registry,
            meters: &self.meters,
            now: self.clock.now(),
            access_log: None,
            listeners: Vec::new(),
            members: &next,
            secret: &self.secret,
            guarding: &self.guarding,
            caching: &self.caching,
        };
        let mut report = empty_report();
        let site = assemble::renewed(&old, &version.file, &parts, &mut report);
        let Some(site) = site else { return Err(Box::new(report)) };
        next.forget_drains(&site.services);
        editing::follow_drains(&site.services, &next, self.clock.now());
        *members = next;
        self.shared.swap(Arc::new(site));
        drop((members, version));
        self.replaced().push(old);
        self.changed.store(true, Ordering::Release);
        Ok(())
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers what happened, for people.
    pub(crate) fn tell(&self, event: Event) {
        self.meters.events().tell(event);
    }

    /// The site in force.
    pub(crate) fn site(&self) -> Arc<Site> {
        self.shared.site()
    }

    /// The services in force.
    pub(crate) fn services(&self) -> Vec<Arc<upstream::Service>> {
        self.shared.site().services.clone()
    }

    /// Have others come into force since this was last asked?
    pub(crate) fn take_changed(&self) -> bool {
        self.changed.swap(false, Ordering::AcqRel)
    }

    /// The sources of endpoints that are to be followed.
    pub(crate) fn discoveries(&self) -> Vec<upstream::Discovery> {
        discovery::wanted(&self.version().file, &self.members())
    }

    /// Other endpoints were found for a service. One that has instances by now is none of their affair.
    pub(crate) fn found(&self, service: &str, endpoints: Vec<upstream::EndpointSettings>) {
        let many = endpoints.len();
        let event = discovery::told(service, self.members().found(service), &endpoints);
        let found = self.renew(|members, file| {
            if discovery::is_looked_for(file, service) {
                members.set_found(service, endpoints);
            }
        });
        match found {
            Ok(()) => {
                observe::log::info(format_args!("service {service} has {many} endpoints"));
                if let Some(event) = event {
                    self.tell(event);
                }
            }
            Err(report) => observe::log::error(format_args!("service {service}: {}", report.render(false))),
        }
    }

    /// Where KEDA asks, where it is to be answered.
    pub(crate) fn keda(&self) -> Option<config::Address> {
        self.version().file.keda.as_ref().map(|keda| keda.listen.clone())
    }

    /// How hard-pressed the process is.
    pub(crate) fn pressure(&self) -> &gateway::Pressure {
        &self.shared.pressure
    }

    /// What counts as hard-pressed.
    pub(crate) fn strain_limits(&self) -> gateway::StrainLimits {
        let typed = &self.version().file.overload;
        let share = |percent: config::Percent| Some(percent.fraction()).filter(|share| *share < 1.0);
        if typed.enabled {
            gateway::StrainLimits {
                memory: share(typed.memory),
                cpu: share(typed.cpu),
                lag: Some(typed.lag.get()),
            }
        } else {
            gateway::StrainLimits::default()
        }
    }

    /// How many workers there are.
    pub(crate) fn cores(&self) -> usize {
        self.cores
    }

    /// The clock of everything.
    pub(crate) fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// Where clients reach this node.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.version().listeners.urls()
    }

    /// How long this process may live on for its streams, once another one has taken its place.
    pub(crate) fn upgrade_timeout(&self) -> Duration {
        self.version().file.limits.upgrade_timeout.get()
    }

    /// How long a drain may take.
    pub(crate) fn drain_timeout(&self) -> Duration {
        self.version().file.limits.drain_timeout.get()
    }

    /// Has the config file changed since it was read?
    pub(crate) fn has_news(&self) -> bool {
        match &self.origin {
            // What has changed when an upgrade began is read behind it, should it fail.
            Origin::File(file) => !self.is_passing() && file.has_changed(),
            Origin::Given => false,
        }
    }

    /// What is done every second.
    pub(crate) fn look_around(&self) {
        self.version().listeners.renew_certificates();
        // Nobody finds a replaced site any more, so that one without another holder will get none.
        let free: Vec<_> = self.replaced().extract_if(.., |site| Arc::strong_count(site) == 1).collect();
        drop(free);
        self.registry.retire_unheld();
    }

    /// Have all connections ended?
    pub(crate) fn is_drained(&self) -> bool {
        self.workers.ended()
    }

    /// Connections that are open now.
    pub(crate) fn open_connections(&self) -> usize {
        self.workers.open()
    }

    /// Writes out what is still to be written.
    pub(crate) fn close(&self) {
        self.guarding.close();
        if let Some((_, log)) = self.version().access_log.take() {
            log.flush_and_stop(Duration::from_secs(2));
        }
    }
}

fn refused(why: &str) -> Report {
    let mut report = empty_report();
    report.add(&config::Path::new(), why, None, None);
    report
}

fn empty_report() -> Report {
    Report::new(Source::new("tidegate", ""))
}

/// The access log of a config: the one that is open, where nothing about it has changed.
fn open_log(
    file: &File,
    open: Option<&(access_log::Settings, Arc<AccessLog>)>,
    meters: &Meters,
) -> Result<Option<(access_log::Settings, Arc<AccessLog>)>> {
    let typed = &file.observe.access_log;
    let format = match typed.format {
        config::LogFormat::Json => access_log::Format::Json,
        config::LogFormat::Clf => access_log::Format::Clf,
        config::LogFormat::Off => return Ok(None),
    };
    let sink = match &typed.path {
        config::LogPath::Stdout => access_log::Sink::Stdout,
        config::LogPath::Stderr => access_log::Sink::Stderr,
        config::LogPath::File(path) => access_log::Sink::File(path.clone()),
    };
    let rotate = (typed.rotate.keep > 0)
        .then(|| access_log::Rotate { max_size: typed.rotate.max_size.get(), keep: typed.rotate.keep });
    let mask = masked(file);
    let settings = access_log::Settings { format, sink, rotate, mask };
    if let Some((was, log)) = open
        && *was == settings
    {
        return Ok(Some((settings, Arc::clone(log))));
    }
    let log = AccessLog::start(&settings, meters.access_log_dropped())
        .with_context(|| format!("cannot open the access log {}", typed.path))?;
    Ok(Some((settings, log)))
}

/// The query parameters whose values are not logged: those that are named for that, and those in which the config has
/// credentials sent.
fn masked(file: &File) -> Vec<String> {
    let named = file.observe.access_log.mask.iter().map(|name| name.as_str().to_owned());
    let key = file.auth.api_key.query.iter().map(|name| name.as_str().to_owned());
    // What a login comes back with (RFC 6749 section 4.1.2).
    let code = file.auth.oidc.iter().map(|_| "code".to_owned());
    named.chain(key).chain(code).collect()
}

/// In one line, what is different.
fn changes(was: &File, is: &File) -> String {
    let mut parts = Vec::new();
    let mut part = |what: &str, same: bool| {
        if !same {
            parts.push(what.to_owned());
        }
    };
    part("listeners", was.listeners == is.listeners);
    part("services", was.services == is.services);
    part("routes", was.routes == is.routes);
    part("limits", was.limits == is.limits);
    part("consumers", was.consumers == is.consumers);
    part("plans", was.plans == is.plans);
    part("auth", was.auth == is.auth);
    part("rate_limit", was.rate_limit == is.rate_limit);
    part("cluster", was.cluster == is.cluster);
    part("trusted_proxies", was.trusted_proxies == is.trusted_proxies);
    part("observe", was.observe == is.observe);
    part("overload", was.overload == is.overload);
    part("zone", was.zone == is.zone);
    part("keda", was.keda == is.keda);
    part("admin (from the next start on)", was.admin == is.admin);
    part("workers (from the next start on)", was.workers == is.workers);
    if parts.is_empty() { "nothing".into() } else { parts.join(", ") }
}

impl admin::Node for Node {
    fn ready(&self) -> bool {
        !self.is_draining() && self.scaling.get().is_none_or(|scaling| scaling.board().all_were_ready())
    }

    fn draining(&self) -> bool {
        self.is_draining()
    }

    fn strain(&self) -> &'static str {
        self.pressure().strain().as_str()
    }

    fn events(&self) -> Vec<Event> {
        self.meters.events().last()
    }

    fn metrics(&self) -> String {
        let mut text = String::new();
        self.meters.retire_unheld();
        self.meters.render(&mut text);
        let instances = admin::Node::instances(self);
        gauges::write(&self.shared.site().services, &instances, self.pressure().strain(), &mut text);
        gauges::write_guarding(&self.guarding, &mut text);
        if let Some(made) = self.caching.made() {
            let disk = made.disk.as_ref().map(|disk| disk.counts());
            gauges::write_cache(&made.store.counts(), disk.as_ref(), &mut text);
        }
        text
    }

    fn snapshot(&self) -> observe::Snapshot {
        self.meters.snapshot()
    }

    fn config(&self) -> Value {
        self.version().file.redacted()
    }

    fn routes(&self) -> Value {
        let site = self.shared.site();
        let one = |(route, template): (&gateway::Route, &route::PathTemplate)| {
            let action = match &route.action {
                Action::Forward(_) | Action::Split(_) => {
                    let names: Vec<_> = site.services_of(route).map(|s| &*s.settings.name).collect();
                    if let [one] = names[..] { json!({ "service": one }) } else { json!({ "split": names }) }
                }
                Action::Redirect(to) => json!({ "redirect": to.to, "status": to.status.as_u16() }),
                Action::Respond(to) => json!({ "respond": to.status.as_u16() }),
                Action::Files(root) => json!({ "static": root.path() }),
            };
            json!({ "name": route.name, "path": template.to_string(), "action": action, "max_body": route.max_body })
        };
        site.plan.routes.iter().zip(&site.plan.templates).map(one).collect()
    }

    fn services(&self) -> Vec<admin::ServiceView> {
        let (site, members) = (self.shared.site(), self.members().clone());
        site.services.iter().map(|service| shown::service(service, &members)).collect()
    }

    fn edit(&self, service: &str, edit: admin::Edit<'_>) -> Result<Value, admin::Refusal> {
        self.edited(service, edit)
    }

    fn instances(&self) -> Vec<admin::ServiceInstances> {
        self.scaling.get().map(|scaling| scaling.board().views()).unwrap_or_default()
    }

    fn decisions(&self, service: &str) -> Option<Vec<admin::DecisionView>> {
        self.scaling.get().and_then(|scaling| scaling.board().decisions(service))
    }

    fn restart(&self, service: &str) -> Result<Value, admin::Refusal> {
        if self.is_passing() {
            return Err(admin::Refusal::NotNow(UNDER_WAY.into()));
        }
        let views = self.scaling.get().map(|scaling| scaling.board().views()).unwrap_or_default();
        let view = views.iter().find(|view| view.service == service).ok_or(admin::Refusal::NoService)?;
        if matches!(view.driver, "kubernetes" | "exec" | "webhook" | "advise") {
            let why = "Its instances are launched by somebody else, who can replace them; \
                       pods of a Deployment are replaced by `kubectl rollout restart`.";
            return Err(admin::Refusal::NotNow(why.into()));
        }
        if !self.scaling.get().is_some_and(|scaling| scaling.restart(service)) {
            return Err(admin::Refusal::NoService);
        }
        Ok(json!({ "service": service, "instances": view.ready }))
    }

    fn keys(&self) -> Vec<admin::KeyView> {
        self.shown_keys()
    }

    fn create_key(&self, wanted: admin::NewKey) -> Result<admin::MintedKey, admin::KeyRefusal> {
        self.new_key(&wanted)
    }

    fn rotate_key(&self, id: &str, how: admin::Rotation) -> Result<admin::MintedKey, admin::KeyRefusal> {
        self.new_key_for(id, &how)
    }

    fn revoke_key(&self, id: &str) -> Result<admin::KeyView, admin::KeyRefusal> {
        self.take_back_key(id)
    }

    fn revocations(&self) -> Vec<admin::RevocationView> {
        self.shown_revocations()
    }

    fn revoke_tokens(
        &self,
        wanted: admin::NewRevocation,
    ) -> Result<admin::RevocationView, admin::KeyRefusal> {
        self.take_back_tokens(&wanted)
    }

    fn consumers(&self) -> Vec<admin::ConsumerView> {
        self.shown_consumers()
    }

    fn limits(&self) -> admin::LimitsView {
        self.shown_limits()
    }

    fn cache(&self) -> admin::CacheView {
        self.shown_cache()
    }

    fn purges(&self) -> admin::PurgesView {
        self.shown_purges()
    }

    fn purge(&self, order: admin::PurgeOrder) -> admin::Purging<'_> {
        self.purged(order)
    }

    fn explain(&self, request: &str, headers: &[String]) -> Result<Value, String> {
        gateway::explain(&self.shared.site(), request, headers)
    }

    fn reload(&self) -> admin::Reloading<'_> {
        Box::pin(async { self.reload_now().map_err(|report| report.to_json()) })
    }

    fn drain(&self) {
        if !self.draining.swap(true, Ordering::AcqRel) {
            self.manager.stopping();
            self.workers.drain();
            let version = self.version();
            version.listeners.close();
            version.listeners.remove_files();
            drop(version);
            self.drain_begun.notify_one();
        }
    }

    fn upgrade(&self) -> admin::Upgrading<'_> {
        Box::pin(async {
            let pid = self.ask_for_upgrade().await?;
            Ok(json!({ "upgraded": true, "pid": pid, "from": std::process::id() }))
        })
    }
}
