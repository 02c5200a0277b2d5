//! What a fleet knows, and what it is asked for.
//!
//! What it hears of its instances is taken in by `hearing`; each `step` looks at all of them, and `reconcile` brings them
//! nearer to what is wanted. *Invariant*: nothing of this waits, and nothing of this calls the gateway: what is to be told
//! is gathered in [`Out`].

use super::Now;
use super::instance::{Instance, Spec, State};
use super::pacing::Pacing;
use crate::driver::{Driver, What};
use crate::host::{Happening, Member};
use crate::settings::FleetSettings;
use scale::StartTime;
use std::collections::BTreeMap;
use std::rc::Rc;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

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
    /// `None`: nobody has said yet, and what was handed over stays as it is.
    pub(super) wanted: Option<u32>,
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
    /// As the gateway was told last.
    pub(super) members: Vec<Member>,
    /// When they were told, by their text without numbers.
    pub(super) troubles: BTreeMap<String, Instant>,
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
            wanted: None,
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
            troubles: BTreeMap::new(),
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

    /// Is it to be replaced?
    pub(super) fn is_outdated(&self, instance: &Instance) -> bool {
        instance.replaced || !Rc::ptr_eq(&instance.spec, &self.target)
    }
}
