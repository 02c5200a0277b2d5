//! The requests of a service: those being worked on, those that wait in line, and those of instances that drain.
//!
//! A fluid: amounts are real numbers, and a step costs the same for ten requests a second and for a million. Who waits is
//! served first in, first out, so how long somebody waited follows from when the fluid that starts now had come. Around that
//! mean, waits that come from chance are spread like an exponential, as they are in a stationary queue; waits that come from
//! a lack of instances are not.
//!
//! *Invariant*: what came in is what was answered, lost, or is still there. *Not here*: how many instances there are.

use crate::histogram::Histogram;
use crate::queueing::Queueing;
use crate::service_time::exponential_between;
use std::collections::VecDeque;

/// The edges of the strata in which a random wait is taken; finer where percentiles are asked for.
const EDGES: [f64; 15] = [0.0, 0.15, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.86, 0.91, 0.94, 0.96, 0.98, 0.993, 1.0];
/// A wait below this many seconds is none.
const NO_WAIT: f64 = 1e-6;
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
    strata: Vec<(f64, f64)>,
}

impl Pool {
    pub(crate) fn new(queueing: Queueing) -> Self {
        let strata = EDGES.windows(2).map(|e| (e[1] - e[0], exponential_between(e[0], e[1])));
        Self { queueing, busy: 0.0, line: VecDeque::new(), draining: Vec::new(), strata: strata.collect() }
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
        self.line.push_back(Cohort { from: step.from, to: step.to(), amount: step.arrivals });
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

    /// The waits that come from chance alone, as they are in a stationary queue with this load.
    fn chance(&self, step: &Step, utilisation: f64) -> Chance {
        let carried = (step.servers * step.length / step.service).max(f64::MIN_POSITIVE);
        let offered = step.arrivals / carried;
        // Above capacity the line grows steadily, and chance adds about as much as it does as far below capacity.
        let load = if offered > 1.0 { 1.0 / offered } else { offered };
        let a_second = (load * carried / step.length).max(f64::MIN_POSITIVE);
        Chance {
            wait: self.queueing.waiting(load, step.servers) / a_second,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn step(from: f64, arrivals: f64, servers: f64) -> Step {
        Step { from, length: 0.1, arrivals, service: 0.1, servers, room: 100.0, patience: 5.0 }
    }

    /// Runs so many steps with these arrivals each; returns sums of answered, refused, expired.
    fn run(pool: &mut Pool, from: f64, steps: u32, arrivals: f64, servers: f64) -> (f64, f64, f64) {
        let mut waits = Histogram::default();
        let mut sums = (0.0, 0.0, 0.0);
        for n in 0..steps {
            let flow = pool.step(&step(from + 0.1 * f64::from(n), arrivals, servers), &mut waits);
            sums = (sums.0 + flow.answered, sums.1 + flow.refused, sums.2 + flow.expired);
        }
        sums
    }

    #[test]
    fn nothing_is_made_and_nothing_vanishes() {
        let mut pool = Pool::new(Queueing::new(1.0));
        let first = run(&mut pool, 0.0, 100, 3.0, 20.0);
        pool.drain(1, 2);
        let second = run(&mut pool, 10.0, 100, 30.0, 10.0);
        let sum = first.0 + first.1 + first.2 + second.0 + second.1 + second.2;
        assert!((sum + pool.present() - 3300.0).abs() < 1e-6, "{sum} {}", pool.present());
        assert!(second.1 > 0.0, "there was not enough room: {second:?}");
    }

    #[test]
    fn without_instances_requests_wait_until_their_patience_ends() {
        let mut pool = Pool::new(Queueing::new(1.0));
        assert_eq!(run(&mut pool, 0.0, 50, 1.0, 0.0), (0.0, 0.0, 0.0));
        assert!((pool.waiting() - 50.0).abs() < 1e-9);
        let (answered, refused, expired) = run(&mut pool, 5.0, 10, 1.0, 0.0);
        assert_eq!((answered, refused), (0.0, 0.0));
        assert!((expired - 10.0).abs() < 1e-6, "{expired}");
    }

    #[test]
    fn who_finds_no_room_is_refused_and_not_who_came_before() {
        let mut pool = Pool::new(Queueing::new(1.0));
        let (_, refused, _) = run(&mut pool, 0.0, 12, 10.0, 0.0);
        assert!((refused - 20.0).abs() < 1e-9, "{refused}");
        assert!((pool.line.front().unwrap().from).abs() < 1e-12);
    }

    #[test]
    fn requests_that_waited_for_the_first_instance_start_in_order_and_their_waits_are_known() {
        let mut pool = Pool::new(Queueing::new(1.0));
        run(&mut pool, 0.0, 20, 1.0, 0.0);
        let mut waits = Histogram::default();
        for n in 0..50 {
            pool.step(&step(2.0 + 0.1 * f64::from(n), 1.0, 100.0), &mut waits);
        }
        assert!(pool.waiting() < 0.1);
        // The first 20 of 70 waited up to two seconds, the others not at all.
        assert!(waits.quantile(0.6).unwrap() < 0.01);
        let longest = waits.quantile(0.999).unwrap();
        assert!((1.8..2.2).contains(&longest), "{longest}");
    }

    #[test]
    fn a_step_much_longer_than_a_service_time_is_stable() {
        let mut pool = Pool::new(Queueing::new(1.0));
        let mut waits = Histogram::default();
        for n in 0..100 {
            let fast = Step { service: 0.001, ..step(f64::from(n) * 0.1, 1000.0, 20.0) };
            let flow = pool.step(&fast, &mut waits);
            assert!(flow.answered > 0.0 && flow.utilisation < 0.51, "{flow:?}");
        }
        assert!((pool.busy - 10.0).abs() < 0.1, "{}", pool.busy);
    }
}
