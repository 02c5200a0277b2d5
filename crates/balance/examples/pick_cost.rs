//! Prints what one pick costs among 3, 100 and 1,000 endpoints: `cargo run -p balance --profile fast --example pick_cost`.
#![allow(clippy::print_stdout, reason = "printing is what this program is for")]

use balance::{Endpoint, Health, Load, Outcome, Picker, Policy, State, Tried, Weight};
use base::{IdSource, Moment};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROUNDS: u32 = 500_000;

struct Server {
    load: Load,
    health: Health,
    weight: Weight,
}

impl Endpoint for Server {
    fn load(&self) -> &Load {
        &self.load
    }

    fn weight(&self) -> Weight {
        self.weight
    }

    fn health(&self) -> &Health {
        &self.health
    }
}

fn main() {
    let mut random = IdSource::default();
    for policy in [Policy::P2cEwma, Policy::RoundRobin] {
        for endpoints in [3, 100, 1_000_u32] {
            let servers: Vec<_> = (0..endpoints)
                .map(|i| {
                    let weight = Weight::new(1 + i % 3).unwrap_or_default();
                    let health = Health::new(State::Up, Moment::ORIGIN);
                    Arc::new(Server { load: Load::new(Moment::ORIGIN), health, weight })
                })
                .collect();
            let mut picker = Picker::new(policy, &servers, &mut random);
            let (mut picks, mut counts) = (Duration::ZERO, Duration::ZERO);
            for round in 0..u64::from(ROUNDS / 100) {
                // A hundred at a time, so that reading the clock does not count.
                let now = Moment::from_nanos(round * 10_000_000);
                let started = Instant::now();
                let chosen: [usize; 100] = std::array::from_fn(|_| {
                    picker.pick(black_box(&servers), &Tried::none(), now, &mut random).unwrap_or_default()
                });
                picks += started.elapsed();
                let started = Instant::now();
                for i in chosen {
                    servers[i].load.start();
                    servers[i].load.finish(now, Outcome::Answered(Duration::from_micros(i as u64)));
                }
                counts += started.elapsed();
            }
            let each = |sum: Duration| sum.as_nanos() as f64 / f64::from(ROUNDS);
            println!(
                "{policy:?}, {endpoints:>5} endpoints: {:6.1} ns a pick, {:5.1} ns to start and finish",
                each(picks),
                each(counts)
            );
        }
    }
}
