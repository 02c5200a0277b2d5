//! The instances of one service: how many there are, in which state, and what is done about it.
//!
//! A fleet lives on one thread. Whatever happens (an instance is ready, one has ended, another count is wanted, time has
//! passed) leads to one step, which looks at everything anew (`step`), so there is no order of events that it does not
//! know. *Promise*: it calls the gateway only between steps, so the gateway may ask and tell it anything meanwhile.
//! *Cost*: nothing while nothing happens; 20 steps a second while something drains, one a second with `max_memory`.

mod handing;
mod hearing;
mod instance;
mod mind;
mod moves;
mod pacing;
mod reconcile;
mod shown;
mod step;
mod survivors;
#[cfg(test)]
mod tests;
mod watch;

use crate::driver::{Driver, What};
use crate::host::{Host, InFlight};
use crate::launcher::Launcher;
use crate::passing::Handed;
use crate::settings::FleetSettings;
use crate::view::{FleetCount, FleetView};
use base::{Clock, Moment};
use mind::{Mind, Out};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::{Rc, Weak};
use std::time::{Duration, SystemTime};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::Instant;
use upstream::Task;

/// How long the end of all may take beyond what they are given.
const END_MOST: Duration = Duration::from_secs(15);

/// The instances of a service. To be made and used in a `LocalSet`; dropped, all its processes end, and containers live on
/// until another fleet finds them.
pub struct Fleet {
    service: Box<str>,
    mind: RefCell<Mind>,
    host: Rc<dyn Host>,
    clock: Clock,
    /// Rung when something is to be looked at.
    wake: Rc<Notify>,
    /// Rung behind each step.
    stepped: Notify,
    /// Another process listens to what is reported.
    handed: Cell<bool>,
    /// Somebody else serves the service by now.
    retired: Cell<bool>,
    watch: RefCell<Watch>,
    search: RefCell<Option<Task>>,
    _life: Task,
}

/// What is watched for changes, and by whom.
#[derive(Default)]
struct Watch {
    paths: Vec<PathBuf>,
    _task: Option<Task>,
}

/// One moment in the words of everybody.
#[derive(Clone, Copy, Debug)]
struct Now {
    at: Instant,
    moment: Moment,
    /// For people.
    wall: SystemTime,
}

impl Fleet {
    /// A fleet that starts and ends none until it is told how many are wanted. Containers of the service that have outlived
    /// an earlier process are looked for, and none is launched before that is known.
    pub fn new(settings: FleetSettings, host: Rc<dyn Host>, clock: Clock) -> Rc<Self> {
        Self::with_driver(settings, host, clock, Box::new(Launcher::default()))
    }

    fn with_driver(
        settings: FleetSettings,
        host: Rc<dyn Host>,
        clock: Clock,
        driver: Box<dyn Driver>,
    ) -> Rc<Self> {
        let (to, events) = unbounded_channel();
        let wake = Rc::new(Notify::new());
        let fleet = Rc::new_cyclic(|fleet: &Weak<Self>| Self {
            service: settings.service.clone(),
            mind: RefCell::new(Mind::new(settings, driver, to)),
            host,
            clock,
            wake: Rc::clone(&wake),
            stepped: Notify::new(),
            handed: Cell::new(false),
            retired: Cell::new(false),
            watch: RefCell::default(),
            search: RefCell::default(),
            _life: Task::start(live(Weak::clone(fleet), wake, events)),
        });
        fleet.look_at_watch();
        fleet.look_for_survivors();
        fleet
    }

    /// So many instances are wanted. What is missing is started, what is too many is drained, both at the next opportunity of
    /// this thread.
    pub fn want(&self, count: u32) {
        self.mind.borrow_mut().wanted = Some(count);
        self.wake.notify_one();
    }

    /// Other settings. Where they make another revision, all instances are replaced, [`FleetSettings::surge`] at a time, and
    /// where that revision does not come up, the one before goes on serving and [`FleetView::rollout`] says so, until this
    /// is called again.
    pub fn configure(self: &Rc<Self>, settings: FleetSettings) {
        self.change(|mind, out| mind.configure(settings, out));
        self.look_at_watch();
    }

    /// All instances are replaced by others of the same settings, one after the other.
    pub fn restart(&self) {
        self.restart_because("an operator has asked for it");
    }

    fn restart_because(&self, why: &'static str) {
        self.change(|mind, out| mind.restart(why, out));
    }

    /// One instance is replaced: another is started, and once that is ready this one is drained. False: there is none of
    /// that name that takes requests.
    pub fn replace(&self, name: &str, why: &str) -> bool {
        self.change(|mind, out| mind.replace(name, why.into(), out))
    }

    /// How many there are, and what they use. Cheap, for those who ask often.
    pub fn count(&self) -> FleetCount {
        let now = self.now();
        self.mind.borrow().count(&now)
    }

    /// How it stands, each instance told of.
    pub fn view(&self) -> FleetView {
        let now = self.now();
        self.mind.borrow().view(&now)
    }

    /// An upgrade is under way: nothing is started and nothing is told to end; or that is over.
    pub fn freeze(&self, on: bool) {
        self.mind.borrow_mut().frozen = on;
        if !on && self.handed.replace(false) {
            self.mind.borrow().pause(false);
        }
        self.wake.notify_one();
    }

    /// Every living instance, for another process. Until [`Self::freeze`] is ended that process hears what is reported of them.
    pub fn hand_over(&self) -> Vec<Handed> {
        self.handed.set(true);
        let now = self.now();
        let mut out = Out::default();
        let handed = self.mind.borrow().hand_over(&now, &mut out);
        self.announce(&out);
        handed
    }

    /// Takes over what another process has handed over. To be called before anything is wanted.
    pub fn adopt(&self, handed: Vec<Handed>) {
        let now = self.now();
        self.change(|mind, out| mind.adopt_all(handed, &now, out));
    }

    /// How many instances that have outlived an earlier process were taken over, where those are more than were wanted;
    /// said once. They are all wanted until another count is.
    pub fn take_found(&self) -> Option<u32> {
        self.mind.borrow_mut().found.take()
    }

    /// They are another process's now: forgets them without ending them, and does nothing any more.
    pub fn let_go(&self) {
        self.mind.borrow_mut().let_go();
        self.stepped.notify_waiters();
    }

    /// Somebody else serves the service from now on: the gateway is not told any more who of this fleet does.
    pub fn retire(&self) {
        self.retired.set(true);
    }

    /// Ends all: SIGTERM, [`FleetSettings::stop_timeout`], SIGKILL. Nothing is launched any more.
    pub async fn stop(&self) {
        let now = self.now();
        let most = {
            let mut mind = self.mind.borrow_mut();
            if self.handed.replace(false) {
                mind.pause(false);
            }
            mind.close(&now);
            mind.settings.stop_timeout + END_MOST
        };
        self.wake.notify_one();
        let all_ended = async {
            loop {
                let stepped = self.stepped.notified();
                if self.mind.borrow().has_ended() {
                    return;
                }
                stepped.await;
            }
        };
        // Whatever is left is let go of, and its keeper ends it.
        let _ = tokio::time::timeout(most, all_ended).await;
        self.mind.borrow_mut().instances.clear();
    }

    fn now(&self) -> Now {
        let at = Instant::now();
        Now { at, moment: self.clock.at(at.into_std()), wall: SystemTime::now() }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Mind, &mut Out) -> T) -> T {
        let mut out = Out::default();
        let changed = change(&mut self.mind.borrow_mut(), &mut out);
        self.announce(&out);
        self.wake.notify_one();
        changed
    }

    fn hear(&self, id: u64, what: What) {
        let now = self.now();
        let mut out = Out::default();
        self.mind.borrow_mut().hear(id, what, &now, &mut out);
        // The members that follow from it are announced first, by the step.
        self.step_with(out);
    }

    fn step(&self) -> Option<Instant> {
        self.step_with(Out::default())
    }

    fn step_with(&self, mut out: Out) -> Option<Instant> {
        let loads = self.loads();
        let now = self.now();
        let next = self.mind.borrow_mut().step(&loads, &now, &mut out);
        self.announce(&out);
        self.stepped.notify_waiters();
        next
    }

    /// What those are at work on that may be ended. Asked before the step, which the gateway must not be called from.
    fn loads(&self) -> HashMap<Box<str>, InFlight> {
        let names = self.mind.borrow().asks_for_load();
        let load = |name: Box<str>| {
            let load = self.host.in_flight(&self.service, &name);
            (name, load)
        };
        names.into_iter().map(load).collect()
    }

    fn announce(&self, out: &Out) {
        if let Some(members) = out.members.as_ref().filter(|_| !self.retired.get()) {
            self.host.endpoints(&self.service, members);
        }
        for happening in &out.happenings {
            self.host.tell(&self.service, happening);
        }
    }

    /// Watches what the settings say, where they say something else than before.
    fn look_at_watch(self: &Rc<Self>) {
        let paths = self.mind.borrow().settings.watch.clone();
        let mut watch = self.watch.borrow_mut();
        if watch.paths != paths {
            let fleet = Rc::downgrade(self);
            let restart = move || {
                if let Some(fleet) = fleet.upgrade() {
                    fleet.restart_because("files have changed");
                }
            };
            let task = (!paths.is_empty()).then(|| Task::start(watch::watch(paths.clone(), restart)));
            *watch = Watch { paths, _task: task };
        }
    }
}

/// A fleet's life: steps, until nobody holds it.
async fn live(fleet: Weak<Fleet>, wake: Rc<Notify>, mut events: UnboundedReceiver<(u64, What)>) {
    loop {
        let Some(next) = fleet.upgrade().map(|fleet| fleet.step()) else { return };
        let late = async {
            match next {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let mut event = tokio::select! {
            event = events.recv() => event,
            () = wake.notified() => None,
            () = late => None,
        };
        while let Some((id, what)) = event {
            let Some(fleet) = fleet.upgrade() else { return };
            fleet.hear(id, what);
            event = events.try_recv().ok();
        }
    }
}
