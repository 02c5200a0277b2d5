//! What a fleet knows, and what it does about it: events come in, and each step looks at all instances and brings them nearer
//! to what is wanted. Nothing here waits, and nothing here calls the gateway: what is to be told is gathered in [`Out`].

use super::Now;
use super::instance::{Instance, Spec, State};
use super::moves::Census;
use super::pacing::{End, Pacing};
use crate::driver::{Driver, Events, Launch, What};
use crate::host::{Happening, InFlight, Member};
use crate::settings::FleetSettings;
use scale::{Candidate, StartTime, victims};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

/// How often an instance that drains is looked at.
const DRAIN_LOOK: Duration = Duration::from_millis(50);
/// Workers look for other endpoints every 200 ms; until then a request may still go to an instance that gets no more.
const CORDON_SETTLES: Duration = Duration::from_millis(250);
/// Memory is reported once a second.
const MEMORY_LOOK: Duration = Duration::from_secs(1);
/// An instance that is still there so long after SIGKILL is given up.
const GIVE_UP: Duration = Duration::from_secs(5);
/// Starts that take too long before a new revision is given up.
const LATE_STARTS_MOST: u32 = 3;
/// Different troubles that are remembered as told.
const TROUBLES_MOST: usize = 64;

/// What is to be told to the gateway.
#[derive(Default)]
pub(super) struct Out {
    pub(super) happenings: Vec<Happening>,
    /// Where they are others than before.
    pub(super) members: Option<Vec<Member>>,
}

/// What is under way with all of a service.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rollout {
    None,
    Underway,
    /// How it failed.
    Failed(String),
}

/// What is remembered of a number, whoever has it.
#[derive(Clone, Default)]
pub(super) struct History {
    pub(super) restarts: u32,
    pub(super) last_words: Option<String>,
}

pub(super) struct Mind {
    pub(super) driver: Box<dyn Driver>,
    pub(super) events: UnboundedSender<(u64, What)>,
    /// Timeouts and bounds; what is launched stands in `target`.
    pub(super) settings: Rc<FleetSettings>,
    pub(super) target: Rc<Spec>,
    /// What has served, for when the target does not.
    pub(super) proven: Option<Rc<Spec>>,
    pub(super) rollout: Rollout,
    pub(super) wanted: u32,
    pub(super) frozen: bool,
    /// All are to end, or are another process's.
    pub(super) closed: bool,
    /// It is not known yet which instances of earlier days there are, so none is launched.
    pub(super) searching: bool,
    /// How many of those were taken over, until somebody asks.
    pub(super) found: Option<u32>,
    pub(super) instances: Vec<Instance>,
    pub(super) next_id: u64,
    pub(super) pacing: Pacing,
    pub(super) start_time: StartTime,
    pub(super) histories: BTreeMap<u32, History>,
    members: Vec<Member>,
    troubles: BTreeSet<String>,
}

impl Mind {
    pub(super) fn new(
        settings: FleetSettings,
        driver: Box<dyn Driver>,
        events: UnboundedSender<(u64, What)>,
    ) -> Self {
        let settings = Rc::new(settings);
        Self {
            driver,
            events,
            target: Spec::new(&settings, 0),
            proven: None,
            rollout: Rollout::None,
            wanted: 0,
            frozen: false,
            closed: false,
            searching: false,
            found: None,
            instances: Vec::new(),
            next_id: 0,
            pacing: Pacing::new(settings.min_uptime),
            start_time: StartTime::default(),
            histories: BTreeMap::new(),
            members: Vec::new(),
            troubles: BTreeSet::new(),
            settings,
        }
    }

    /// Other settings. Where they need other processes, all are replaced.
    pub(super) fn configure(&mut self, settings: FleetSettings, out: &mut Out) {
        self.settings = Rc::new(settings);
        let revision = self.settings.revision();
        if self.target.revision == revision {
            return;
        }
        // Back to what some of them are: those stay.
        let known = self.instances.iter().map(|instance| &instance.spec).chain(&self.proven);
        let known =
            known.filter(|spec| spec.revision == revision).max_by_key(|spec| spec.generation).cloned();
        let target = known.unwrap_or_else(|| Spec::new(&self.settings, 0));
        self.aim(target, "its settings have changed", out);
    }

    /// All are replaced by others of the same settings.
    pub(super) fn restart(&mut self, why: &'static str, out: &mut Out) {
        let target = Spec::new(&self.settings, self.target.generation + 1);
        self.aim(target, why, out);
    }

    fn aim(&mut self, target: Rc<Spec>, why: &'static str, out: &mut Out) {
        self.target = target;
        self.pacing = Pacing::new(self.settings.min_uptime);
        self.rollout = Rollout::None;
        if self.instances.iter().any(|i| !i.has_ended() && self.is_outdated(i)) {
            self.rollout = Rollout::Underway;
            out.happenings.push(Happening::RolloutBegan { revision: self.target.label(), why });
        }
    }

    /// One is replaced. False: there is none of that name that takes requests.
    pub(super) fn replace(&mut self, name: &str, why: String, out: &mut Out) -> bool {
        let Some(instance) = self.instances.iter_mut().find(|i| &*i.name == name && i.is_ready()) else {
            return false;
        };
        if !std::mem::replace(&mut instance.replaced, true) {
            out.happenings.push(Happening::Replacing { name: instance.name.clone(), why });
        }
        true
    }

    /// Forgets all, with nothing to tell: they are another process's.
    pub(super) fn let_go(&mut self) {
        (self.frozen, self.closed) = (true, true);
        self.instances.clear();
        self.members.clear();
    }

    /// Ends all.
    pub(super) fn close(&mut self, now: &Now) {
        (self.frozen, self.closed) = (false, true);
        let stop_timeout = self.settings.stop_timeout;
        for instance in &mut self.instances {
            if !matches!(instance.state, State::Stopping { .. }) {
                instance.terminate(now, stop_timeout);
            }
        }
    }

    /// Nothing is left that is to end.
    pub(super) fn has_ended(&self) -> bool {
        self.instances.is_empty() && !self.searching
    }

    /// Hears what became of an instance.
    pub(super) fn hear(&mut self, id: u64, what: What, now: &Now, out: &mut Out) {
        let Some(at) = self.instances.iter().position(|instance| instance.id == id) else { return };
        let instance = &mut self.instances[at];
        let name = instance.name.clone();
        match what {
            What::Started(launched) => {
                if let State::Starting { until } = &mut instance.state {
                    *until = (*until).min(now.at + self.settings.start_timeout);
                }
                out.happenings.push(Happening::Started { name, launched, revision: instance.spec.label() });
            }
            What::Ready if instance.is_starting() => {
                let after = instance.lived(now);
                instance.state = State::Ready;
                instance.ready_after = Some(after);
                let proves = self.rollout == Rollout::None && Rc::ptr_eq(&instance.spec, &self.target);
                // One that was found running tells nothing of how long a start takes.
                if !instance.found {
                    self.start_time.learn(after);
                }
                self.pacing.became_ready();
                if proves {
                    self.proven = Some(Rc::clone(&self.target));
                }
                out.happenings.push(Happening::Ready { name, after });
            }
            What::Hopeless(why) if instance.is_starting() => self.give_up(at, why, false, now, out),
            What::Ready | What::Hopeless(_) => {}
            What::Failed(why) => {
                let instance = self.instances.remove(at);
                if instance.is_starting() {
                    self.not_launched(&instance.spec, instance.number, instance.began, why, now, out);
                }
            }
            What::Exited(status, last_words) => self.exited(at, status, last_words, now, out),
            What::Gone => {
                if !instance.has_ended() {
                    self.exited(at, "the end of its keeper".into(), None, now, out);
                }
                self.instances.remove(at);
            }
            What::Trouble(what) => {
                // Once for a service, not once for each of its instances.
                if self.troubles.len() < TROUBLES_MOST && self.troubles.insert(what.clone()) {
                    out.happenings.push(Happening::Trouble { name, what });
                }
            }
        }
    }

    fn exited(&mut self, at: usize, status: String, words: Option<String>, now: &Now, out: &mut Out) {
        let kill_at = now.at + self.settings.stop_timeout;
        let instance = &mut self.instances[at];
        let before = instance.state;
        instance.state = State::Stopping { kill_at, killed: false, ended: true };
        let name = instance.name.clone();
        let history = self.histories.entry(instance.number).or_default();
        if matches!(before, State::Draining { .. } | State::Stopping { .. }) {
            // Killed for being late: what it said may tell why.
            if instance.ready_after.is_none() && words.is_some() {
                history.last_words = words;
            }
            if !matches!(before, State::Stopping { ended: true, .. }) {
                out.happenings.push(Happening::Stopped { name, status });
            }
            return;
        }
        let was_ready = before == State::Ready;
        let served = was_ready.then(|| instance.served(now)).flatten();
        history.restarts += 1;
        history.last_words.clone_from(&words);
        let end =
            End { began: instance.began, served, late: false, why: format!("{name} ended with {status}") };
        let lived = instance.lived(now);
        let spec = Rc::clone(&instance.spec);
        out.happenings.push(Happening::Exited { name, status, was_ready, lived, last_words: words });
        self.failed(&spec, end, now, out);
    }

    /// Ends one that is not ready and will not be.
    fn give_up(&mut self, at: usize, why: String, late: bool, now: &Now, out: &mut Out) {
        let instance = &mut self.instances[at];
        self.histories.entry(instance.number).or_default().restarts += 1;
        let end = End {
            began: instance.began,
            served: None,
            late,
            why: format!("{} is not ready: {why}", instance.name),
        };
        out.happenings.push(Happening::NeverReady { name: instance.name.clone(), why });
        instance.terminate(now, self.settings.stop_timeout);
        let spec = Rc::clone(&instance.spec);
        self.failed(&spec, end, now, out);
    }

    /// Something of that spec has ended or did not come up.
    fn failed(&mut self, spec: &Rc<Spec>, end: End, now: &Now, out: &mut Out) {
        if !Rc::ptr_eq(spec, &self.target) || self.closed {
            return;
        }
        let why = end.why.clone();
        if self.pacing.ended(end, now) {
            out.happenings.push(Happening::CrashLoop { why: why.clone() });
        }
        let hopeless = self.pacing.is_looping(now) || self.pacing.late_starts() >= LATE_STARTS_MOST;
        let before = self.proven.clone().filter(|proven| !Rc::ptr_eq(proven, &self.target));
        if let Some(before) = before.filter(|_| hopeless) {
            let new = std::mem::replace(&mut self.target, before);
            let old = self.target.label();
            self.rollout = Rollout::Failed(format!(
                "revision {} does not come up, revision {old} serves: {why}",
                new.label()
            ));
            self.pacing = Pacing::new(self.settings.min_uptime);
            out.happenings.push(Happening::RolloutFailed { revision: new.label(), why });
        }
    }

    /// Looks at everything. Gives the moment at which it is to be looked again, where nothing else happens before.
    pub(super) fn step(
        &mut self,
        loads: &HashMap<Box<str>, InFlight>,
        now: &Now,
        out: &mut Out,
    ) -> Option<Instant> {
        if !self.frozen {
            self.look_at_time(loads, now, out);
            if !self.closed {
                self.look_at_memory(now, out);
                self.reconcile(loads, now, out);
                self.finish_rollout(out);
            }
        }
        let members = self.members();
        if members != self.members {
            self.members.clone_from(&members);
            out.members = Some(members);
        }
        if self.frozen { None } else { self.next_look(now) }
    }

    /// What is late.
    fn look_at_time(&mut self, loads: &HashMap<Box<str>, InFlight>, now: &Now, out: &mut Out) {
        let (stop_timeout, drain_timeout) = (self.settings.stop_timeout, self.settings.drain_timeout);
        let mut late = Vec::new();
        for (at, instance) in self.instances.iter_mut().enumerate() {
            match &mut instance.state {
                State::Starting { until } if now.at >= *until => late.push(at),
                State::Draining { since, until } => {
                    let load = loads.get(&instance.name).copied().unwrap_or_default();
                    // The process that it came from may have requests with it for as long as it may drain itself.
                    let known = instance.adopted.is_none_or(|adopted| now.at >= adopted + drain_timeout);
                    let is_idle = load == InFlight::default() && known && now.at >= *since + CORDON_SETTLES;
                    if now.at >= *until && load != InFlight::default() {
                        let InFlight { requests, streams } = load;
                        let name = instance.name.clone();
                        out.happenings.push(Happening::DrainedLate { name, requests, streams });
                    }
                    if is_idle || now.at >= *until {
                        instance.terminate(now, stop_timeout);
                    }
                }
                State::Stopping { kill_at, killed, ended } if now.at >= *kill_at => {
                    *kill_at = now.at + GIVE_UP;
                    if std::mem::replace(killed, true) {
                        instance.handle.abandon();
                        continue;
                    }
                    if !*ended {
                        out.happenings.push(Happening::Killed { name: instance.name.clone() });
                    }
                    instance.handle.kill();
                }
                State::Starting { .. } | State::Ready | State::Stopping { .. } => {}
            }
        }
        for at in late {
            let after = self.settings.start_timeout;
            let why = match self.instances[at].handle.waits_for() {
                Some(why) => format!("after {after:?}: {why}"),
                None => format!("after {after:?}"),
            };
            self.give_up(at, why, true, now, out);
        }
    }

    /// One at a time, and not more often than the back-off allows.
    fn look_at_memory(&mut self, now: &Now, out: &mut Out) {
        let Some(most) = self.settings.max_memory else { return };
        if self.instances.iter().any(|instance| instance.replaced) {
            return;
        }
        let memory =
            |i: &Instance| i.handle.usage().map(|usage| usage.memory).filter(|memory| *memory > most);
        let heavy = self.instances.iter().filter(|i| i.is_ready() && !self.is_outdated(i));
        let Some((name, memory, served)) = heavy
            .filter_map(|i| Some((i.name.clone(), memory(i)?, i.served(now)?)))
            .max_by_key(|(_, m, _)| *m)
        else {
            return;
        };
        if self.pacing.may_replace_leak(served, now) {
            let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
            let why = format!("{:.1} MiB of memory are more than {:.1} MiB", mib(memory), mib(most));
            self.replace(&name, why, out);
        }
    }

    /// Starts, drains, takes back.
    fn reconcile(&mut self, loads: &HashMap<Box<str>, InFlight>, now: &Now, out: &mut Out) {
        let stop_timeout = self.settings.stop_timeout;
        let target = Rc::clone(&self.target);
        for instance in &mut self.instances {
            if instance.is_starting() && !Rc::ptr_eq(&instance.spec, &target) {
                instance.terminate(now, stop_timeout);
            }
        }
        let census = self.census();
        let moves = census.moves();
        for _ in 0..moves.take_back {
            self.take_back();
        }
        self.end(moves.cancel, Instance::is_starting, loads, now);
        self.end(moves.drain, Instance::is_ready, loads, now);
        let may_start = if self.searching { 0 } else { moves.start };
        for _ in 0..self.pacing.allows(may_start, census.starting, now) {
            self.launch(now, out);
        }
    }

    fn census(&self) -> Census {
        let count = |is: &dyn Fn(&Instance) -> bool| self.instances.iter().filter(|i| is(i)).count() as u32;
        Census {
            wanted: self.wanted,
            surge: self.settings.surge.max(1),
            ready: count(&|i| i.is_ready() && !self.is_outdated(i)),
            outdated: count(&|i| i.is_ready() && self.is_outdated(i)),
            starting: count(&Instance::is_starting),
            returning: count(&|i| i.is_draining() && !self.is_outdated(i)),
            alive: count(&|i| !i.has_ended()),
        }
    }

    /// Of those that drain, the one that was cordoned last.
    fn take_back(&mut self) {
        let target = &self.target;
        let returns = |i: &&mut Instance| i.is_draining() && Rc::ptr_eq(&i.spec, target) && !i.replaced;
        let since = |i: &&mut Instance| match i.state {
            State::Draining { since, .. } => Some(since),
            _ => None,
        };
        if let Some(instance) = self.instances.iter_mut().filter(returns).max_by_key(since) {
            instance.state = State::Ready;
        }
    }

    /// So many of them are not wanted any more.
    fn end(
        &mut self,
        count: u32,
        among: fn(&Instance) -> bool,
        loads: &HashMap<Box<str>, InFlight>,
        now: &Now,
    ) {
        if count == 0 {
            return;
        }
        let places: Vec<_> = (0..self.instances.len()).filter(|at| among(&self.instances[*at])).collect();
        let candidate = |at: &usize| {
            let instance = &self.instances[*at];
            let load = loads.get(&instance.name).copied().unwrap_or_default();
            Candidate {
                in_flight: load.requests,
                streams: load.streams,
                jobs: 0,
                outdated: self.is_outdated(instance),
                ready: instance.is_ready(),
                age: instance.lived(now),
            }
        };
        let candidates: Vec<_> = places.iter().map(candidate).collect();
        let (drain_timeout, stop_timeout) = (self.settings.drain_timeout, self.settings.stop_timeout);
        for victim in victims(&candidates, count as usize) {
            let instance = &mut self.instances[places[victim]];
            if instance.is_ready() {
                instance.state = State::Draining { since: now.at, until: now.at + drain_timeout };
            } else {
                instance.terminate(now, stop_timeout);
            }
        }
    }

    fn launch(&mut self, now: &Now, out: &mut Out) {
        let number = self.free_number();
        let name = self.name_of(number);
        let id = self.next_id;
        self.next_id += 1;
        let events = Events { id, to: self.events.clone() };
        let spec = Rc::clone(&self.target);
        let launch = Launch { name: &name, number, settings: &spec.settings };
        let patience = self.driver.patience(&spec.settings);
        match self.driver.launch(launch, events) {
            Ok(handle) => {
                let instance = Instance {
                    id,
                    number,
                    name,
                    spec,
                    handle,
                    state: State::Starting { until: now.at + patience + self.settings.start_timeout },
                    began: now.at,
                    since: now.wall,
                    ready_after: None,
                    replaced: false,
                    adopted: None,
                    found: false,
                };
                self.insert(instance);
            }
            Err(why) => self.not_launched(&spec, number, now.at, why, now, out),
        }
    }

    fn not_launched(
        &mut self,
        spec: &Rc<Spec>,
        number: u32,
        began: Instant,
        why: String,
        now: &Now,
        out: &mut Out,
    ) {
        let name = self.name_of(number);
        self.histories.entry(number).or_default().restarts += 1;
        let end = End { began, served: None, late: false, why: format!("{name}: {why}") };
        out.happenings.push(Happening::NeverReady { name, why });
        self.failed(spec, end, now, out);
    }

    fn name_of(&self, number: u32) -> Box<str> {
        format!("{}-{number}", self.settings.service).into()
    }

    /// Keeps them in the order of their numbers.
    pub(super) fn insert(&mut self, instance: Instance) {
        let at = self.instances.partition_point(|other| other.number < instance.number);
        self.instances.insert(at, instance);
    }

    fn free_number(&self) -> u32 {
        let mut free = 1;
        for instance in &self.instances {
            if instance.number == free {
                free += 1;
            }
        }
        free
    }

    fn finish_rollout(&mut self, out: &mut Out) {
        if self.rollout != Rollout::Underway {
            return;
        }
        let census = self.census();
        let old = self.instances.iter().any(|i| !i.has_ended() && self.is_outdated(i));
        if !old && census.ready >= census.wanted {
            self.rollout = Rollout::None;
            self.proven = Some(Rc::clone(&self.target));
            out.happenings.push(Happening::RolledOut { revision: self.target.label() });
        }
    }

    /// Is it to be replaced?
    pub(super) fn is_outdated(&self, instance: &Instance) -> bool {
        instance.replaced || !Rc::ptr_eq(&instance.spec, &self.target)
    }

    fn members(&self) -> Vec<Member> {
        let served = self.instances.iter().filter(|i| i.is_ready() || i.is_draining());
        let member = |i: &Instance| {
            let place = i.handle.place()?.clone();
            Some(Member { name: i.name.clone(), place, cordoned: i.is_draining() })
        };
        served.filter_map(member).collect()
    }

    fn next_look(&self, now: &Now) -> Option<Instant> {
        let moments = self.instances.iter().filter_map(|instance| match instance.state {
            State::Starting { until } => Some(until),
            State::Ready => self.settings.max_memory.map(|_| now.at + MEMORY_LOOK),
            State::Draining { until, .. } => Some(until.min(now.at + DRAIN_LOOK)),
            State::Stopping { kill_at, .. } => Some(kill_at),
        });
        moments.chain(self.pacing.not_before(now)).min()
    }
}
