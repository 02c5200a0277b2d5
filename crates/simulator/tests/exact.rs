//! The fluid model beside a simulation of every single request, at small scale.
//!
//! The exact one draws each arrival and each service time and serves first in, first out, so it needs no theory. It is
//! averaged over seeds, since one run of it is one throw of the dice.

use base::IdSource;
use simulator::{Overrides, Parameters, Report, Trace, compare};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::f64::consts::TAU;
use std::fmt::Write;
use std::time::Duration;

/// Service time of all cases, in seconds.
const SERVICE: f64 = 0.1;

/// What both say of a case.
#[derive(Debug)]
struct Outcome {
    p50: f64,
    p95: f64,
    longest_queue: f64,
    lost: f64,
}

/// One server's worth of randomness.
struct Dice(IdSource);

impl Dice {
    fn evenly(&mut self) -> f64 {
        ((self.0.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * self.evenly().ln()
    }

    /// A service time: exponential, or lognormal with that coefficient of variation.
    fn service(&mut self, cv: Option<f64>) -> f64 {
        let Some(cv) = cv else { return self.exponential(SERVICE) };
        let variance = (cv * cv).ln_1p();
        let normal = (-2.0 * self.evenly().ln()).sqrt() * (TAU * self.evenly()).cos();
        SERVICE * (variance.sqrt() * normal - variance / 2.0).exp()
    }
}

/// A rate for each span, the service's size, and what a request bears.
struct Case {
    /// Rates per second, and until when, in seconds.
    rates: &'static [(f64, f64)],
    slots: usize,
    patience: f64,
    room: usize,
    cv: Option<f64>,
}

impl Case {
    fn exact(&self, seed: u64) -> Outcome {
        let mut dice = Dice(IdSource::seeded(seed));
        // When each slot is free again, and who waits: when they came.
        let mut busy: BinaryHeap<Reverse<u64>> = BinaryHeap::new();
        let mut line: VecDeque<f64> = VecDeque::new();
        let (mut took, mut lost, mut longest) = (Vec::new(), 0.0, 0_usize);
        let (mut now, mut from) = (0.0, 0.0);
        for (rate, until) in self.rates {
            now = f64::max(now, from);
            loop {
                now += dice.exponential(1.0 / rate);
                if now > *until {
                    break;
                }
                self.free(now, &mut busy, &mut line, &mut took, &mut lost, &mut dice);
                if busy.len() < self.slots {
                    let needs = dice.service(self.cv);
                    busy.push(Reverse(nanos(now + needs)));
                    took.push(needs);
                } else if line.len() < self.room {
                    line.push_back(now);
                    longest = longest.max(line.len());
                } else {
                    lost += 1.0;
                }
            }
            from = *until;
        }
        self.free(f64::MAX / 1e12, &mut busy, &mut line, &mut took, &mut lost, &mut dice);
        took.sort_by(f64::total_cmp);
        let quantile = |percent: usize| took[took.len() * percent / 100];
        Outcome { p50: quantile(50), p95: quantile(95), longest_queue: longest as f64, lost }
    }

    /// Slots that are free by `now` take who waits.
    fn free(
        &self,
        now: f64,
        busy: &mut BinaryHeap<Reverse<u64>>,
        line: &mut VecDeque<f64>,
        took: &mut Vec<f64>,
        lost: &mut f64,
        dice: &mut Dice,
    ) {
        while let Some(&Reverse(free)) = busy.peek().filter(|Reverse(free)| *free <= nanos(now)) {
            busy.pop();
            let at = free as f64 / 1e9;
            while let Some(came) = line.pop_front() {
                if at - came > self.patience {
                    *lost += 1.0;
                    continue;
                }
                let needs = dice.service(self.cv);
                busy.push(Reverse(nanos(at + needs)));
                took.push(at - came + needs);
                break;
            }
        }
    }

    fn mean_of_exact(&self, seeds: u64) -> Outcome {
        let all: Vec<Outcome> = (1..=seeds).map(|seed| self.exact(seed)).collect();
        let mean = |of: fn(&Outcome) -> f64| all.iter().map(of).sum::<f64>() / seeds as f64;
        Outcome {
            p50: mean(|o| o.p50),
            p95: mean(|o| o.p95),
            longest_queue: mean(|o| o.longest_queue),
            lost: mean(|o| o.lost),
        }
    }

    fn model(&self) -> Outcome {
        let mut text = String::from("seconds,rps\n");
        let mut from = 0.0;
        for (rate, until) in self.rates {
            writeln!(text, "{from},{rate}\n{until},{rate}").expect("a text takes all");
            from = *until;
        }
        let said = Overrides {
            max: Some(1),
            slots: Some(u32::try_from(self.slots).expect("few")),
            service_time: Some(Duration::from_secs_f64(SERVICE)),
            cv: self.cv,
            hold_size: Some(u32::try_from(self.room).expect("few")),
            hold_timeout: Some(Duration::from_secs_f64(self.patience)),
            ..Overrides::default()
        };
        let parameters = Parameters::default().with(&said).checked().expect("good parameters");
        let report: Report =
            compare(&Trace::parse(&text).expect("a good trace"), &parameters, "case", simulator::Fixed);
        let all = report.tidegate.summary;
        Outcome {
            p50: all.p50.expect("answers"),
            p95: all.p95.expect("answers"),
            longest_queue: all.longest_queue,
            lost: all.lost(),
        }
    }
}

#[track_caller]
fn near(what: &str, model: f64, exact: f64, within: f64) {
    assert!((model / exact - 1.0).abs() <= within, "{what}: the model says {model:.4}, exact is {exact:.4}");
}

/// A steady load below capacity: so many slots, busy to that share.
#[track_caller]
fn steady(slots: usize, rates: &'static [(f64, f64)], cv: Option<f64>, within: f64) {
    let case = Case { rates, slots, patience: 60.0, room: 100_000, cv };
    let (model, exact) = (case.model(), case.mean_of_exact(8));
    near("p50", model.p50, exact.p50, within);
    near("p95", model.p95, exact.p95, within);
}

#[test]
fn a_busy_service_of_few_slots_takes_as_long_as_exactly_simulated() {
    // 4 slots at 80 %.
    steady(4, &[(32.0, 1500.0)], None, 0.04);
}

#[test]
fn a_service_of_one_slot_takes_as_long_as_exactly_simulated() {
    // 70 % of 1 slot: waiting is most of the time.
    steady(1, &[(7.0, 4000.0)], None, 0.04);
}

#[test]
fn a_service_of_many_slots_takes_as_long_as_exactly_simulated() {
    // 50 slots at 90 %.
    steady(50, &[(450.0, 200.0)], None, 0.04);
}

#[test]
fn a_service_whose_times_vary_little_takes_as_long_as_exactly_simulated() {
    // 4 slots at 85 %, lognormal.
    steady(4, &[(34.0, 1500.0)], Some(0.5), 0.04);
}

#[test]
fn a_service_whose_times_vary_much_takes_about_as_long_as_exactly_simulated() {
    // 10 slots at 80 %, lognormal with a heavy tail. A few long requests make many short ones wait at once, which an
    // exponential wait does not know.
    steady(10, &[(80.0, 1500.0)], Some(2.0), 0.17);
}

#[test]
fn an_overload_builds_the_queue_that_is_exactly_simulated_and_works_it_off() {
    // 20 slots carry 200 a second; for 20 seconds there come 300.
    let case = Case {
        rates: &[(100.0, 30.0), (300.0, 50.0), (100.0, 90.0)],
        slots: 20,
        patience: 60.0,
        room: 100_000,
        cv: None,
    };
    let (model, exact) = (case.model(), case.mean_of_exact(8));
    near("longest queue", model.longest_queue, exact.longest_queue, 0.04);
    near("p50", model.p50, exact.p50, 0.04);
    near("p95", model.p95, exact.p95, 0.04);
    assert!(model.lost < 1e-6 && exact.lost < 1e-6);
}

#[test]
fn as_many_requests_run_out_of_patience_as_exactly_simulated() {
    // A quiet end, so that the line is empty when it is counted.
    let rates = &[(300.0, 60.0), (1.0, 75.0)];
    let case = Case { rates, slots: 20, patience: 5.0, room: 100_000, cv: None };
    let (model, exact) = (case.model(), case.mean_of_exact(4));
    near("lost", model.lost, exact.lost, 0.04);
    // The longest of a queue that sways is some standard deviations above its mean, and the model has the mean.
    near("longest queue", model.longest_queue, exact.longest_queue, 0.08);
}

#[test]
fn as_many_requests_find_no_room_as_exactly_simulated() {
    let rates = &[(300.0, 60.0), (1.0, 75.0)];
    let case = Case { rates, slots: 20, patience: 60.0, room: 200, cv: None };
    let (model, exact) = (case.model(), case.mean_of_exact(4));
    near("lost", model.lost, exact.lost, 0.04);
    near("p95", model.p95, exact.p95, 0.04);
}

/// Nanoseconds are whole and can be ordered; a run is far shorter than 500 years.
#[expect(clippy::cast_sign_loss, reason = "times of a simulation are not negative")]
fn nanos(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}
