//! Instances come from another process, and go to another one.

use super::Now;
use super::instance::{Instance, Spec, State};
use super::mind::{History, Mind, Out, Rollout};
use crate::driver::Events;
use crate::host::Happening;
use crate::passing::{Handed, Known, Phase};
use std::rc::Rc;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

impl Mind {
    /// Every living instance. What is reported of them is not listened to from now on.
    pub(super) fn hand_over(&self, now: &Now, out: &mut Out) -> Vec<Handed> {
        self.pause(true);
        let mut handed = Vec::new();
        for instance in self.instances.iter().filter(|i| !i.has_ended()) {
            let mut known = self.known(instance, now);
            match instance.handle.give(&mut known) {
                Ok(control) => handed.push(Handed { known, control }),
                Err(e) => {
                    let what = format!("it cannot be handed over, and ends with this process: {e}");
                    out.happenings.push(Happening::Trouble { name: instance.name.clone(), what });
                }
            }
        }
        handed
    }

    pub(super) fn pause(&self, on: bool) {
        self.instances.iter().for_each(|instance| instance.handle.pause(on));
    }

    fn known(&self, instance: &Instance, now: &Now) -> Known {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let history = self.histories.get(&instance.number).cloned().unwrap_or_default();
        Known {
            service: self.settings.service.clone().into(),
            name: instance.name.clone().into(),
            number: instance.number,
            revision: instance.spec.revision.clone(),
            generation: instance.spec.generation,
            phase: instance.phase(),
            since: millis(instance.since.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()),
            age: millis(instance.lived(now)),
            ready_after: instance.ready_after.map(millis),
            restarts: history.restarts,
            last_words: history.last_words,
            ..Known::default()
        }
    }

    /// Takes over what another process has handed over.
    pub(super) fn adopt_all(&mut self, handed: Vec<Handed>, now: &Now, out: &mut Out) {
        for one in handed {
            self.adopt(one, now, out);
        }
        if self.instances.iter().any(|instance| self.is_outdated(instance)) {
            self.rollout = Rollout::Underway;
        } else if self.instances.iter().any(Instance::is_ready) {
            self.proven = Some(Rc::clone(&self.target));
        }
    }

    /// Takes one over. What cannot be taken over ends with the process that it came from.
    fn adopt(&mut self, handed: Handed, now: &Now, out: &mut Out) {
        let Handed { known, control } = handed;
        let trouble = |why: String| Happening::Trouble {
            name: known.name.as_str().into(),
            what: format!("it cannot be taken over: {why}"),
        };
        if let Some(why) = known.objection() {
            return out.happenings.push(trouble(why));
        }
        let id = self.next_id;
        self.next_id += 1;
        let events = Events { id, to: self.events.clone() };
        let handle = match self.driver.adopt(&known, control, &self.settings, events) {
            Ok(handle) => handle,
            Err(why) => return out.happenings.push(trouble(why)),
        };
        let history = History { restarts: known.restarts, last_words: known.last_words.clone() };
        self.histories.insert(known.number, history);
        let ready_after = known.ready_after.map(Duration::from_millis);
        if let Some(ready_after) = ready_after {
            self.start_time.learn(ready_after);
        }
        let mut instance = Instance {
            id,
            number: known.number,
            name: known.name.as_str().into(),
            spec: self.spec_of(&known),
            handle,
            state: State::Ready,
            began: before(now.at, Duration::from_millis(known.age)),
            since: SystemTime::UNIX_EPOCH + Duration::from_millis(known.since.min(1 << 50)),
            ready_after,
            replaced: false,
            adopted: Some(now.at),
            found: false,
        };
        let (start_timeout, drain_timeout) = (self.settings.start_timeout, self.settings.drain_timeout);
        match known.phase {
            Phase::Starting => instance.state = State::Starting { until: now.at + start_timeout },
            Phase::Ready => {}
            Phase::Draining => {
                instance.state = State::Draining { since: now.at, until: now.at + drain_timeout };
            }
            Phase::Stopping => instance.terminate(now, self.settings.stop_timeout),
        }
        self.insert(instance);
    }

    /// What it was launched from: what is to be launched now, or something that is not known any more than by its name.
    fn spec_of(&mut self, known: &Known) -> Rc<Spec> {
        let is_it = |spec: &&Rc<Spec>| spec.revision == known.revision && spec.generation == known.generation;
        let there = self.instances.iter().map(|instance| &instance.spec).chain([&self.target]);
        if let Some(spec) = there.into_iter().find(is_it) {
            return Rc::clone(spec);
        }
        let spec = Rc::new(Spec {
            revision: known.revision.clone(),
            generation: known.generation,
            settings: Rc::clone(&self.settings),
        });
        // Restarted since, so it is younger than what this process has just made up.
        if spec.revision == self.target.revision && spec.generation > self.target.generation {
            self.target = Rc::clone(&spec);
        }
        spec
    }
}

fn before(at: Instant, age: Duration) -> Instant {
    at.checked_sub(age).unwrap_or(at)
}
