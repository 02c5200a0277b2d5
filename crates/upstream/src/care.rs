//! What the control thread does for the services: checks, the ends of ejections, success rates, budgets, percentiles.
//!
//! Workers notice what fails under their hands; all that needs time or a view of the whole is done here, a few times a
//! second, for the price of a walk over the endpoints.

use crate::checks::{Check, Checks, Reconnects};
use crate::endpoint::Endpoint;
use crate::probe::{ProbeOutcome, ProbeSettings, Verdict, probe};
use crate::service::Service;
use balance::{CheckSettings, Checked, Counts, State};
use base::meters::Buckets;
use base::{Clock, Moment};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// How often [`Care::tick`] wants to be called.
pub const CARE_TICK: Duration = Duration::from_millis(250);
/// How often meters are read: each reading sums over all cores.
const READ: Duration = Duration::from_secs(1);
/// Percentiles are those of the last so many seconds.
const RECENT: Duration = Duration::from_secs(10);
/// Answers in that time without which a percentile says nothing.
const ENOUGH: u64 = 100;

/// Looks after all services. Lives on one thread, in a `LocalSet`.
pub struct Care {
    clock: Clock,
    state: RefCell<Caring>,
    checks: RefCell<Checks>,
    reconnects: RefCell<Reconnects>,
}

#[derive(Default)]
struct Caring {
    services: Vec<Arc<Service>>,
    /// Endpoint's number -> its service's and its own place.
    places: HashMap<usize, (usize, usize)>,
    /// Endpoints whose ejection was looked into.
    looked_into: HashSet<usize>,
    /// What services had answered when it was last read, by name.
    answered: HashMap<Box<str>, (Moment, Buckets)>,
    read: Option<Moment>,
}

impl std::fmt::Debug for Care {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Care").finish_non_exhaustive()
    }
}

impl Care {
    /// For no services yet.
    pub fn new(clock: Clock) -> Rc<Self> {
        Rc::new_cyclic(|this: &std::rc::Weak<Self>| {
            let report = |take: fn(&Self, &Arc<Endpoint>, ProbeOutcome)| {
                let this = this.clone();
                Rc::new(move |endpoint: &Arc<Endpoint>, outcome| {
                    if let Some(this) = this.upgrade() {
                        take(&this, endpoint, outcome);
                    }
                })
            };
            Self {
                clock,
                state: RefCell::default(),
                checks: RefCell::new(Checks::new(report(Self::checked))),
                reconnects: RefCell::new(Reconnects::new(report(Self::checked))),
            }
        })
    }

    /// Looks after these from now on. Checks that are still wanted go on as they are.
    pub fn adopt(&self, services: Vec<Arc<Service>>) {
        let wanted = services.iter().flat_map(|service| {
            let check = service.settings.check.as_ref();
            let check = check.map(|check| &check.probe);
            service.members.iter().filter_map(move |m| {
                Some(Check { endpoint: Arc::clone(&m.endpoint), settings: check?.clone() })
            })
        });
        self.checks.borrow_mut().adopt(wanted.collect());
        let mut state = self.state.borrow_mut();
        let places = services.iter().enumerate().flat_map(|(place, service)| {
            service.members.iter().enumerate().map(move |(member, m)| (m.endpoint.id, (place, member)))
        });
        let places: HashMap<_, _> = places.collect();
        for id in state.places.keys().filter(|id| !places.contains_key(id)) {
            self.reconnects.borrow_mut().forget(*id);
        }
        state.answered.retain(|name, _| services.iter().any(|s| s.settings.name == *name));
        state.looked_into.retain(|id| places.contains_key(id));
        state.places = places;
        state.services = services;
    }

    /// What is done now and then.
    pub fn tick(self: &Rc<Self>) {
        let now = self.clock.now();
        let state = &mut *self.state.borrow_mut();
        let reads = state.read.is_none_or(|read| now.since(read) >= READ);
        if reads {
            state.read = Some(now);
        }
        for service in &state.services {
            let counts = |member: usize| {
                let (attempts, failures) = service.members[member].endpoint.meters.attempts();
                Counts { attempts, failures }
            };
            let outliers = &service.settings.outliers;
            for change in service.standing.circle.tick(&service.members, counts, outliers, now) {
                service.note(&change);
            }
            self.look_for_dead(service);
            self.look_into_ejections(service, &mut state.looked_into);
            if reads {
                read_meters(service, &mut state.answered, now);
            }
        }
    }

    /// Endpoints that cannot be reached and have no checks: somebody must notice that they are back.
    fn look_for_dead(&self, service: &Service) {
        if service.settings.check.is_some() {
            return;
        }
        for member in service.members.iter().filter(|m| m.endpoint.health.state() == State::Dead) {
            self.reconnects.borrow_mut().watch(&member.endpoint);
        }
    }

    /// What broke its connections and was ejected for that may be gone altogether. Then it is dead, which ends as soon as it
    /// is back, and not only when its ejection does. One look at each ejection says which of both it is.
    fn look_into_ejections(self: &Rc<Self>, service: &Service, looked_into: &mut HashSet<usize>) {
        if service.settings.check.is_some() {
            return;
        }
        for member in &service.members {
            let endpoint = &member.endpoint;
            if endpoint.health.state() != State::Ejected {
                looked_into.remove(&endpoint.id);
            } else if looked_into.insert(endpoint.id) {
                let (care, endpoint) = (Rc::clone(self), Arc::clone(endpoint));
                let settings = ProbeSettings::connecting(service.settings.timeouts.connect);
                tokio::task::spawn_local(async move {
                    let outcome = probe(&endpoint, &settings).await;
                    if let Verdict::Unreachable(_) = outcome.verdict {
                        care.checked(&endpoint, outcome);
                    }
                });
            }
        }
    }

    /// A check, or a look for an endpoint that is away, has ended.
    fn checked(&self, endpoint: &Arc<Endpoint>, outcome: ProbeOutcome) {
        let state = self.state.borrow();
        let Some((place, member)) = state.places.get(&endpoint.id) else { return };
        let service = &state.services[*place];
        let once = CheckSettings { fall: 1, rise: 1 };
        let limits = service.settings.check.as_ref().map_or(&once, |check| &check.limits);
        let (verdict, why) = match outcome.verdict {
            Verdict::Passed => (Checked::Passed, None),
            Verdict::Failed(why) => (Checked::Failed, Some(why)),
            Verdict::Unreachable(why) => (Checked::Unreachable, Some(why)),
        };
        let now = self.clock.now();
        endpoint.tell_check(why.as_deref());
        if let Some(change) = service.standing.circle.checked(&service.members, *member, verdict, limits, now)
        {
            service.note_why(&change, why.as_deref());
        }
    }
}

/// Budget, queue and percentiles of one service.
fn read_meters(service: &Service, answered: &mut HashMap<Box<str>, (Moment, Buckets)>, now: Moment) {
    let standing = &service.standing;
    standing.budget.observe(now, service.meters.requests());
    service.meters.set_queue(standing.waiting(), standing.adaptive_limit().unwrap_or(0));
    let mut total = Buckets::default();
    for member in &service.members {
        total.merge(&member.endpoint.meters.took());
    }
    match answered.get_mut(&service.settings.name) {
        None => {
            answered.insert(service.settings.name.clone(), (now, total));
        }
        Some((since, before)) if now.since(*since) >= RECENT => {
            let recent = total.since(before);
            standing.set_percentiles(Some(&recent).filter(|recent| recent.total() >= ENOUGH));
            (*since, *before) = (now, total);
        }
        Some(_) => {}
    }
}
