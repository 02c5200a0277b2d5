//! A fleet, counted and shown.

use super::Now;
use super::instance::Instance;
use super::mind::{Mind, Rollout};
use crate::view::{FleetCount, FleetView, InstanceState, InstanceView};
use upstream::Place;

impl Mind {
    pub(super) fn count(&self, now: &Now) -> FleetCount {
        let mut count = FleetCount {
            crash_loop: self.pacing.is_looping(now),
            start_time: self.start_time.get(),
            ..FleetCount::default()
        };
        for instance in self.instances.iter().filter(|instance| !instance.has_ended()) {
            match instance.shown() {
                InstanceState::Starting => count.starting += 1,
                InstanceState::Ready => count.ready += 1,
                InstanceState::Draining | InstanceState::Stopping => count.draining += 1,
            }
        }
        let usages =
            || self.instances.iter().filter(|i| i.is_ready()).filter_map(|instance| instance.handle.usage());
        let bound = self.settings.max_memory.or(self.settings.program.limits.memory).filter(|b| *b > 0);
        count.cpu = mean(usages().map(|usage| usage.cores / self.settings.cpus.max(0.001)));
        count.memory = bound.and_then(|bound| mean(usages().map(|usage| usage.memory as f64 / bound as f64)));
        count
    }

    pub(super) fn view(&self, now: &Now) -> FleetView {
        let count = self.count(now);
        let live = self.instances.iter().filter(|instance| !instance.has_ended());
        FleetView {
            wanted: self.wanted.unwrap_or(0),
            ready: count.ready,
            starting: count.starting,
            draining: count.draining,
            crash_loop: count.crash_loop.then(|| self.pacing.why().to_owned()),
            rollout: self.rollout_text(),
            start_time: count.start_time,
            instances: live.map(|instance| self.instance_view(instance)).collect(),
        }
    }

    fn rollout_text(&self) -> Option<String> {
        match &self.rollout {
            Rollout::None => None,
            Rollout::Failed(why) => Some(why.clone()),
            Rollout::Underway => {
                let new = self.instances.iter().filter(|i| i.is_ready() && !self.is_outdated(i)).count();
                Some(format!("{new} of {} are of revision {}", self.wanted.unwrap_or(0), self.target.label()))
            }
        }
    }

    fn instance_view(&self, instance: &Instance) -> InstanceView {
        let usage = instance.handle.usage();
        let history = self.histories.get(&instance.number).cloned().unwrap_or_default();
        InstanceView {
            name: instance.name.clone(),
            state: instance.shown(),
            place: instance.handle.place().map(text).unwrap_or_default(),
            pid: instance.handle.pid(),
            revision: instance.spec.label(),
            since: instance.since,
            ready_after: instance.ready_after,
            cpu: usage.map(|usage| usage.cores),
            memory: usage.map(|usage| usage.memory),
            restarts: history.restarts,
            last_words: history.last_words,
        }
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

fn text(place: &Place) -> String {
    match place {
        Place::Address(address) => address.to_string(),
        Place::Name(name, port) => format!("{name}:{port}"),
        Place::Unix(path) => format!("unix:{}", path.display()),
    }
}
