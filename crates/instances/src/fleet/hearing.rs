//! What a fleet hears of its instances, and what follows for those that fail.

use super::Now;
use super::instance::{Spec, State};
use super::mind::{Mind, Out, Rollout};
use super::pacing::{End, Pacing};
use crate::driver::What;
use crate::host::{Happening, said};
use std::rc::Rc;
use std::time::Duration;

/// Starts that take too long before a new revision is given up.
const LATE_STARTS_MOST: u32 = 3;
/// A trouble that goes on is told again after so long; different ones that are remembered as told.
const TROUBLE_AGAIN: Duration = Duration::from_secs(600);
const TROUBLES_MOST: usize = 64;

impl Mind {
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
                if self.is_news(&what, now) {
                    out.happenings.push(Happening::Trouble { name, what });
                }
            }
        }
    }

    /// A trouble is told once for a service, not once for each of its instances.
    fn is_news(&mut self, what: &str, now: &Now) -> bool {
        let key: String = what.chars().filter(|c| !c.is_ascii_digit()).collect();
        if self.troubles.get(&key).is_some_and(|told| now.at < *told + TROUBLE_AGAIN) {
            return false;
        }
        if self.troubles.len() >= TROUBLES_MOST {
            self.troubles.clear();
        }
        self.troubles.insert(key, now.at);
        true
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
        let why = format!("{name} ended with {status}{}", said(words.as_deref()));
        let end = End { began: instance.began, served, late: false, why };
        let lived = instance.lived(now);
        let spec = Rc::clone(&instance.spec);
        out.happenings.push(Happening::Exited { name, status, was_ready, lived, last_words: words });
        self.failed(&spec, end, now, out);
    }

    /// Ends one that is not ready and will not be.
    pub(super) fn give_up(&mut self, at: usize, why: String, late: bool, now: &Now, out: &mut Out) {
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
    pub(super) fn failed(&mut self, spec: &Rc<Spec>, end: End, now: &Now, out: &mut Out) {
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
}
