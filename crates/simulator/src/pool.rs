//! The requests of a service: those being worked on, those that wait in line, and those of instances that drain.
//!
//! A fluid: amounts are real numbers, and a step costs the same for ten requests a second and for a million. Who waits is
//! served first in, first out, so how long somebody waited follows from when the fluid that starts now had come. Around that
//! mean, waits that come from chance are spread like an exponential, as they are in a stationary queue; waits that come from
//! a lack of instances are not.
//!
//! *Invariant*: what came in is what was answered, lost, or is still there. *Not here*: how many instances there are.

#[cfg(test)]
mod tests;

use crate::histogram::Histogram;
use crate::queueing::Queueing;
use crate::service_time::exponential_between;
use std::collections::VecDeque;

/// The edges of the strata in which a random wait is taken; finer where percentiles are asked for.
const EDGES: [f64; 15] = [0.0, 0.15, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.86, 0.91, 0.94, 0.96, 0.98, 0.993, 1.0];
/// A wait below this many seconds is none.
const NO_WAIT: f64 = 1e-5;
/// From so many spans of time on the line is kept in longer ones; at most some hundreds more come to be.
const MANY_COHORTS: usize = 500;
/// A drained instance has ended when it has fewer requests than this under way.
const DRAINED: f64 = 0.01;

/// What happens around the pool in one step of time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// When it begins, in seconds.
    pub(crate) from: f64,
    /// How long it is, in seconds.
    pub(crate) length: f64,
    /// Requests that come.
    pub(crate) arrivals: f64,
    /// Mean service time, in seconds.
    pub(crate) service: f64,
    /// Requests that ready instances work on at a time, all together.
    pub(crate) servers: f64,
    /// How many may wait.
    pub(crate) room: f64,
    /// How long one may wait, in seconds.
    pub(crate) patience: f64,
}

impl Step {
    fn to(&self) -> f64 {
        self.from + self.length
    }
}

/// What a step did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Flow {
    /// Requests that were answered.
    pub(crate) answered: f64,
    /// Lost because there was no room to wait.
    pub(crate) refused: f64,
    /// Lost because they waited too long.
    pub(crate) expired: f64,
    /// Under way and waiting, on average over the step, with those of draining instances.
    pub(crate) concurrency: f64,
    /// The share of the servers that was busy at the end.
    pub(crate) utilisation: f64,
}

/// Fluid that came in a span of time and waits.
#[derive(Clone, Copy, Debug)]
struct Cohort {
    from: f64,
    to: f64,
    amount: f64,
}

/// Instances that get no more requests and finish those they have.
#[derive(Clone, Copy, Debug)]
struct Draining {
    instances: u32,
    requests: f64,
}

/// All requests of a service.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    queueing: Queueing,
    /// Being worked on by instances that are ready.
    busy: f64,
    /// In line, the oldest first.
    line: VecDeque<Cohort>,
    draining: Vec<Draining>,
    /// How many of the line are there by chance.
    by_chance: f64,
    strata: Vec<(f64, f64)>,
}

impl Pool {
    pub(crate) fn new(queueing: Queueing) -> Self {
        let strata = EDGES.windows(2).map(|e| (e[1] - e[0], exponential_between(e[0], e[1])));
        Self {
            queueing,
            busy: 0.0,
            line: VecDeque::new(),
            draining: Vec::new(),
            by_chance: 0.0,
            strata: strata.collect(),
        }
    }

    /// How many are in line.
    pub(crate) fn waiting(&self) -> f64 {
        self.line.iter().map(|cohort| cohort.amount).sum()
    }

    /// How many are there at all.
    pub(crate) fn present(&self) -> f64 {
        self.busy + self.waiting() + self.draining.iter().map(|d| d.requests).sum::<f64>()
    }

    /// Instances that drain.
    pub(crate) fn draining(&self) -> u32 {
        self.draining.iter().map(|d| d.instances).sum()
    }

    /// So many of the ready instances get no more requests. Each takes its share of those under way with it.
    pub(crate) fn drain(&mut self, instances: u32, ready: u32) {
        if instances == 0 || ready == 0 {
            return;
        }
        let requests = self.busy * f64::from(instances.min(ready)) / f64::from(ready);
        self.busy -= requests;
        self.draining.push(Draining { instances, requests });
    }

    /// Lets time pass. Adds to `waits` how long those waited that started, in seconds.
    pub(crate) fn step(&mut self, step: &Step, waits: &mut Histogram) -> Flow {
        let before = self.present();
        let waiting = self.waiting();
        let total = self.busy + waiting + step.arrivals;
        let turns = step.length / step.service;
        let utilisation = self.queueing.settle(total, step.servers, turns);
        let completed = (step.servers * utilisation * turns).min(total);
        self.join(step);
        let start = (waiting + step.arrivals - (total - completed - step.servers * utilisation)).max(0.0);
        let (started, late) = self.start(step, start, utilisation, waits);
        self.busy = (self.busy + started - completed).max(0.0);
        let expired = self.expire(step.to() - step.patience);
        let refused = self.refuse(step.room);
        let answered = completed + self.finish_draining(turns);
        let flow = Flow {
            answered: answered - late,
            refused,
            expired: expired + late,
            concurrency: f64::midpoint(before, self.present()),
            utilisation,
        };
        self.line.retain(|cohort| cohort.amount > 0.0);
        flow
    }

    /// Those that come stand in line behind the others.
    fn join(&mut self, step: &Step) {
        let many = self.line.len() >= MANY_COHORTS;
        match self.line.back_mut() {
            // Patience is long: a line of so many spans of time is known well enough in longer ones.
            Some(last) if many && last.to - last.from < step.patience * 2.0 / MANY_COHORTS as f64 => {
                last.to = step.to();
                last.amount += step.arrivals;
            }
            _ => self.line.push_back(Cohort { from: step.from, to: step.to(), amount: step.arrivals }),
        }
    }

    /// The oldest `amount` of the line starts. Returns how much did, and how much of it had waited too long.
    fn start(&mut self, step: &Step, amount: f64, utilisation: f64, waits: &mut Histogram) -> (f64, f64) {
        let chance = self.chance(step, utilisation);
        let (mut started, mut late) = (0.0, 0.0);
        while started < amount {
            let Some(oldest) = self.line.front_mut() else { break };
            let part = oldest.amount.min(amount - started);
            let share = if oldest.amount > 0.0 { part / oldest.amount } else { 1.0 };
            let came = oldest.from + (oldest.to - oldest.from) * share / 2.0;
            let begins = step.from + step.length * (started + part / 2.0) / amount;
            oldest.from += (oldest.to - oldest.from) * share;
            oldest.amount -= part;
            if share >= 1.0 {
                self.line.pop_front();
            }
            started += part;
            late += spread(&self.strata, (begins - came).max(0.0), part, chance, step.patience, waits);
        }
        (started, late)
    }

    /// The waits that come from chance alone: at most those of a stationary queue with this load. Near capacity such a queue
    /// is long, and takes long to come about: chance moves it as it does a random walk.
    fn chance(&mut self, step: &Step, utilisation: f64) -> Chance {
        let carried = (step.servers * step.length / step.service).max(f64::MIN_POSITIVE);
        let offered = step.arrivals / carried;
        // Above capacity the line grows steadily, and chance adds about as much as it does as far below capacity.
        let load = if offered > 1.0 { 1.0 / offered } else { offered };
        let walked = (self.by_chance.powi(2) + self.queueing.walk(load * carried)).sqrt();
        self.by_chance = walked.min(self.queueing.waiting(load, step.servers));
        let a_second = (load * carried / step.length).max(f64::MIN_POSITIVE);
        Chance {
            wait: self.by_chance / a_second,
            falls_on: Queueing::waits(utilisation, step.servers).max(1e-9),
        }
    }

    /// Those that came before `moment` are lost.
    fn expire(&mut self, moment: f64) -> f64 {
        let mut lost = 0.0;
        for cohort in self.line.iter_mut().take_while(|cohort| cohort.from < moment) {
            let share = ((moment - cohort.from) / (cohort.to - cohort.from)).min(1.0);
            lost += cohort.amount * share;
            cohort.amount *= 1.0 - share;
            cohort.from = cohort.from.max(moment.min(cohort.to));
        }
        lost
    }

    /// Those that came last and find no room are lost.
    fn refuse(&mut self, room: f64) -> f64 {
        let mut over = (self.waiting() - room).max(0.0);
        let lost = over;
        while over > 0.0 {
            let Some(youngest) = self.line.back_mut() else { break };
            let part = youngest.amount.min(over);
            over -= part;
            youngest.amount -= part;
            if youngest.amount <= 0.0 {
                self.line.pop_back();
            }
        }
        lost
    }

    /// Draining instances finish what they have; those that are done are gone.
    fn finish_draining(&mut self, turns: f64) -> f64 {
        let mut finished = 0.0;
        for drained in &mut self.draining {
            let left = drained.requests * (-turns).exp();
            finished += drained.requests - left;
            drained.requests = left;
        }
        self.draining.retain(|drained| {
            let done = drained.requests < DRAINED * f64::from(drained.instances);
            finished += if done { drained.requests } else { 0.0 };
            !done
        });
        finished
    }
}

/// How waits come about.
#[derive(Clone, Copy, Debug)]
struct Chance {
    /// How long they are on average over all requests, in seconds.
    wait: f64,
    /// The share of requests that such waits fall on.
    falls_on: f64,
}

/// Adds `amount` with that mean wait. Returns how much of it waited longer than `patience`, and is not added.
fn spread(
    strata: &[(f64, f64)],
    mean: f64,
    amount: f64,
    chance: Chance,
    patience: f64,
    waits: &mut Histogram,
) -> f64 {
    if mean < NO_WAIT {
        waits.add(0.0, amount);
        return 0.0;
    }
    // Where the line is as long as patience allows, everybody who starts has waited as long, and chance adds nothing.
    let mean = mean.min(patience);
    let random = mean.min(chance.wait).min(patience - mean);
    let steady = mean - random;
    let mut late = 0.0;
    let mut add = |wait: f64, mass: f64| {
        if wait > patience {
            late += mass;
        } else {
            waits.add(wait, mass);
        }
    };
    add(steady, amount * (1.0 - chance.falls_on));
    for (share, value) in strata {
        add(steady + random / chance.falls_on * value, amount * chance.falls_on * share);
    }
    late
}
