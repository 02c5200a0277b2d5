//! One step of a fleet: what is late, what has too much memory, what is to be done about the count, and when to look again.

use super::Now;
use super::instance::{Instance, State};
use super::mind::{Mind, Out, Rollout};
use crate::host::{Happening, InFlight, Member};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

/// How often an instance that drains is looked at.
const DRAIN_LOOK: Duration = Duration::from_millis(50);
/// Workers look for other endpoints every 200 ms; until then a request may still go to an instance that gets no more.
const CORDON_SETTLES: Duration = Duration::from_millis(250);
/// Memory is reported once a second.
const MEMORY_LOOK: Duration = Duration::from_secs(1);
/// An instance that is still there so long after SIGKILL is given up.
const GIVE_UP: Duration = Duration::from_secs(5);

impl Mind {
    /// Looks at everything. Gives the moment at which it is to be looked again, where nothing else happens before.
    pub(super) fn step(
        &mut self,
        loads: &HashMap<Box<str>, InFlight>,
        now: &Now,
        out: &mut Out,
    ) -> Option<Instant> {
        if !self.frozen {
            self.look_at_time(loads, now, out);
            if !self.closed && self.wanted.is_some() {
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
