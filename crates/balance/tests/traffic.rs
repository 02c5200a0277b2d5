//! Whole stretches of traffic, simulated: who gets how much under each policy.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod servers;

use balance::{Endpoint, Outcome, Pick, Policy, Tried};
use base::{IdSource, Moment};
use proptest::prelude::*;
use servers::{Server, endpoint, picker, servers};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// How a server behaves at a time, in milliseconds from the start: how long it takes and what comes of it.
type Behaviour<'a> = &'a dyn Fn(usize, u64) -> (Duration, Outcome);

fn answers(millis: u64) -> (Duration, Outcome) {
    let took = Duration::from_millis(millis);
    (took, Outcome::Answered(took))
}

/// Sends a request every `every` from `start` to `end` and counts who gets them. What is in flight at the end is
/// finished, so that stretches can follow each other.
fn run(
    servers: &[Server],
    (start, end): (u64, u64),
    every: Duration,
    random: &mut IdSource,
    behaviour: Behaviour<'_>,
) -> Vec<usize> {
    let mut picker = picker(Policy::P2cEwma, servers, random);
    let mut counts = vec![0; servers.len()];
    let mut flying: BinaryHeap<Reverse<(Moment, usize, Option<Duration>)>> = BinaryHeap::new();
    let finish = |(at, server, outcome): (Moment, usize, Option<Duration>)| {
        let outcome = outcome.map_or(Outcome::Failed(None), Outcome::Answered);
        servers[server].load.finish(at, outcome);
    };
    let mut now = Moment::ORIGIN + Duration::from_millis(start);
    while now < Moment::ORIGIN + Duration::from_millis(end) {
        while flying.peek().is_some_and(|Reverse((at, ..))| *at <= now) {
            let Reverse(over) = flying.pop().unwrap();
            finish(over);
        }
        let i = endpoint(picker.pick(servers, &Tried::none(), None, now, random));
        counts[i] += 1;
        servers[i].load.start(now);
        let (took, outcome) = behaviour(i, now.since(Moment::ORIGIN).as_millis() as u64);
        let answered = if let Outcome::Answered(rtt) = outcome { Some(rtt) } else { None };
        flying.push(Reverse((now + took, i, answered)));
        now = now + every;
    }
    while let Some(Reverse(over)) = flying.pop() {
        finish(over);
    }
    counts
}

fn share(counts: &[usize], of: impl Fn(usize) -> bool) -> f64 {
    let some: usize = counts.iter().enumerate().filter(|(i, _)| of(*i)).map(|(_, n)| n).sum();
    some as f64 / counts.iter().sum::<usize>() as f64
}

#[test]
fn fast_endpoints_take_most_of_the_traffic() {
    let servers = servers(&[1; 10]);
    let mut random = IdSource::seeded(1);
    // Two slow ones among ten: they meet each other in one draw of 45, that is 2.2 %.
    let behaviour = |i, _| answers(if i < 2 { 200 } else { 5 });
    let counts = run(&servers, (0, 60_000), Duration::from_millis(2), &mut random, &behaviour);
    assert!(share(&counts, |i| i < 2) < 0.05, "{counts:?}");
    assert!(counts[2..].iter().all(|&n| n > 30_000 / 20), "the fast ones share the work: {counts:?}");
    assert!(servers.iter().all(|s| s.load.pending() == 0));
}

#[test]
fn equal_endpoints_take_equal_parts() {
    let servers = servers(&[1; 4]);
    let behaviour = |_, _| answers(20);
    let counts = run(&servers, (0, 60_000), Duration::from_millis(1), &mut IdSource::seeded(2), &behaviour);
    assert!(counts.iter().all(|n| (14_000..16_000).contains(n)), "{counts:?}");
}

#[test]
fn an_endpoint_that_fails_fast_does_not_attract_traffic() {
    let servers = servers(&[1; 4]);
    let behaviour = |i, _| {
        if i == 0 { (Duration::from_micros(100), Outcome::Failed(None)) } else { answers(20) }
    };
    let counts = run(&servers, (0, 120_000), Duration::from_millis(2), &mut IdSource::seeded(3), &behaviour);
    assert!(share(&counts, |i| i == 0) < 0.005, "{counts:?}");
    assert!(counts[0] > 1, "it is asked again now and then: {counts:?}");
}

#[test]
fn an_endpoint_that_recovers_gets_its_part_back() {
    let servers = servers(&[1; 4]);
    let mut random = IdSource::seeded(4);
    let failing = |i, _| {
        if i == 0 { (Duration::from_micros(100), Outcome::Failed(None)) } else { answers(20) }
    };
    let every = Duration::from_millis(2);
    run(&servers, (0, 30_000), every, &mut random, &failing);
    let well = |_, _| answers(20);
    run(&servers, (30_000, 120_000), every, &mut random, &well);
    let counts = run(&servers, (120_000, 150_000), every, &mut random, &well);
    assert!(share(&counts, |i| i == 0) > 0.15, "{counts:?}");
}

#[test]
fn a_heavier_endpoint_takes_more_under_load() {
    let servers = servers(&[1, 3]);
    let behaviour = |_, _| answers(50);
    let counts = run(&servers, (0, 60_000), Duration::from_millis(1), &mut IdSource::seeded(5), &behaviour);
    // 50 requests in flight: the scores balance where three quarters are at the heavy one.
    assert!((0.70..0.80).contains(&share(&counts, |i| i == 1)), "{counts:?}");
}

#[test]
fn a_heavy_endpoint_does_not_take_its_turns_in_one_run() {
    let servers = servers(&[5, 1, 1, 3]);
    for seed in 0..20 {
        let mut random = IdSource::seeded(seed);
        let mut picker = picker(Policy::RoundRobin, &servers, &mut random);
        let picks: Vec<_> = (0..100)
            .map(|_| endpoint(picker.pick(&servers, &Tried::none(), None, Moment::ORIGIN, &mut random)))
            .collect();
        // Half of all picks are the first one's: never three in a row, and never two others without it between.
        assert!(picks.windows(3).all(|w| w.contains(&0) && w.iter().any(|&i| i != 0)), "{picks:?}");
        assert!(picks.windows(10).all(|w| w.iter().filter(|&&i| i == 0).count() == 5), "{picks:?}");
    }
}

#[test]
fn workers_do_not_all_begin_with_the_same_endpoint() {
    let servers = servers(&[1; 8]);
    let first = |seed| {
        let mut random = IdSource::seeded(seed);
        let mut picker = picker(Policy::RoundRobin, &servers, &mut random);
        endpoint(picker.pick(&servers, &Tried::none(), None, Moment::ORIGIN, &mut random))
    };
    let firsts: std::collections::BTreeSet<_> = (0..16).map(first).collect();
    assert!(firsts.len() > 4, "{firsts:?}");
}

#[test]
fn one_endpoint_is_picked_without_randomness_and_none_is_no_pick() {
    let one = servers(&[7]);
    for policy in Policy::ALL {
        let mut random = IdSource::seeded(8);
        let mut picker = picker(policy, &one, &mut random);
        let mut untouched = random.clone();
        let mut tried = Tried::none();
        assert_eq!(picker.pick(&one, &tried, None, Moment::ORIGIN, &mut random), Pick::Endpoint(0));
        tried.insert(0);
        assert_eq!(picker.pick(&one, &tried, Some(7), Moment::ORIGIN, &mut random), Pick::Endpoint(0));
        assert_eq!(picker.pick(&one[..0], &tried, None, Moment::ORIGIN, &mut random), Pick::Nobody);
        assert_eq!(random.next_u64(), untouched.next_u64());
    }
}

proptest! {
    #[test]
    fn each_cycle_of_turns_holds_every_endpoint_as_often_as_its_weight(
        weights in proptest::collection::vec(1_u16..20, 1..12), seed: u64
    ) {
        let servers = servers(&weights);
        let mut random = IdSource::seeded(seed);
        let mut picker = picker(Policy::RoundRobin, &servers, &mut random);
        let cycle: u16 = weights.iter().sum();
        for _ in 0..3 {
            let mut counts = vec![0_u16; weights.len()];
            for _ in 0..cycle {
                counts[endpoint(picker.pick(&servers, &Tried::none(), None, Moment::ORIGIN, &mut random))] += 1;
            }
            prop_assert_eq!(&counts, &weights);
        }
    }

    #[test]
    fn a_tried_endpoint_is_never_picked_while_another_is_there(
        weights in proptest::collection::vec(1_u16.., 1..20),
        tries in proptest::collection::vec(0_usize..24, 0..20),
        policy in proptest::sample::select(Policy::ALL.to_vec()),
        keys: bool,
        seed: u64,
    ) {
        let servers = servers(&weights);
        let mut random = IdSource::seeded(seed);
        let mut picker = picker(policy, &servers, &mut random);
        let mut tried = Tried::none();
        for i in tries {
            tried.insert(i);
        }
        let another = (0..servers.len()).any(|i| !tried.has(i));
        for key in 0..50 {
            let i = endpoint(picker.pick(&servers, &tried, keys.then_some(key), Moment::ORIGIN, &mut random));
            prop_assert!(i < servers.len());
            prop_assert!(!another || !tried.has(i));
            servers[i].load().start(Moment::ORIGIN);
        }
    }

    #[test]
    fn every_endpoint_can_be_picked_by_chance(
        endpoints in 2_usize..12,
        seed: u64,
        policy in proptest::sample::select(Policy::ALL.to_vec()),
    ) {
        // `first` is there to pick the same one always.
        prop_assume!(policy != Policy::First);
        let servers = servers(&vec![1; endpoints]);
        let mut random = IdSource::seeded(seed);
        let mut picker = picker(policy, &servers, &mut random);
        let mut seen = vec![false; endpoints];
        for _ in 0..endpoints * 40 {
            let pick = picker.pick(&servers, &Tried::none(), None, Moment::ORIGIN, &mut random);
            seen[endpoint(pick)] = true;
        }
        prop_assert!(seen.iter().all(|&s| s), "{:?}", seen);
    }
}
