//! Instances are started, drained and taken back, so that there are as many as are wanted.

use super::Now;
use super::instance::{Instance, Spec, State};
use super::mind::{Mind, Out};
use super::moves::Census;
use super::pacing::End;
use crate::driver::{Events, Launch};
use crate::host::{Happening, InFlight};
use scale::{Candidate, victims};
use std::collections::HashMap;
use std::rc::Rc;
use tokio::time::Instant;

impl Mind {
    /// Starts, drains, takes back.
    pub(super) fn reconcile(&mut self, loads: &HashMap<Box<str>, InFlight>, now: &Now, out: &mut Out) {
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

    /// Whose load matters in the next step: of those that drain, and of all that are ready where some of them are to go.
    pub(super) fn asks_for_load(&self) -> Vec<Box<str>> {
        let chooses = self.census().moves().drain > 0;
        let matters = |i: &&Instance| i.is_draining() || (chooses && i.is_ready());
        self.instances.iter().filter(matters).map(|i| i.name.clone()).collect()
    }

    pub(super) fn census(&self) -> Census {
        let count = |is: &dyn Fn(&Instance) -> bool| self.instances.iter().filter(|i| is(i)).count() as u32;
        Census {
            wanted: self.wanted.unwrap_or(0),
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

    pub(super) fn not_launched(
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
}
