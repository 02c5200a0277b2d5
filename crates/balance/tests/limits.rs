//! Weights, slow start and the bound on requests, under the policies that hash nothing.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod servers;

use balance::{Health, Pick, PickerSettings, Policy, State, Tried};
use base::{IdSource, Moment};
use proptest::prelude::*;
use servers::{Server, endpoint, picker, picker_with, servers, settings};
use std::time::Duration;

/// How many of so many requests each endpoint gets, where none stays.
fn counts(policy: Policy, servers: &[Server], requests: usize, random: &mut IdSource) -> Vec<usize> {
    let mut picker = picker(policy, servers, random);
    let mut counts = vec![0; servers.len()];
    for _ in 0..requests {
        counts[endpoint(picker.pick(servers, &Tried::none(), None, Moment::ORIGIN, random))] += 1;
    }
    counts
}

#[test]
fn first_takes_the_next_one_only_when_the_first_is_full() {
    let mut servers = servers(&[1; 3]);
    for server in &mut servers {
        server.max_requests = 2;
    }
    let mut random = IdSource::seeded(1);
    let mut picker = picker(Policy::First, &servers, &mut random);
    let mut pick = || picker.pick(&servers, &Tried::none(), None, Moment::ORIGIN, &mut random);
    for want in [0, 0, 1, 1, 2, 2] {
        assert_eq!(pick(), Pick::Endpoint(want));
        servers[want].load.start(Moment::ORIGIN);
    }
    assert_eq!(pick(), Pick::Full);
}

#[test]
fn least_request_takes_the_least_full_one_by_weight() {
    let servers = servers(&[1, 2, 4]);
    let mut random = IdSource::seeded(2);
    let mut picker = picker(Policy::LeastRequest, &servers, &mut random);
    for _ in 0..70 {
        let i = endpoint(picker.pick(&servers, &Tried::none(), None, Moment::ORIGIN, &mut random));
        servers[i].load.start(Moment::ORIGIN);
    }
    let pending: Vec<_> = servers.iter().map(|s| s.load.pending()).collect();
    assert_eq!(pending, [10, 20, 40]);
}

#[test]
fn least_request_among_many_avoids_the_full_ones() {
    let servers = servers(&[1; 400]);
    for server in &servers[..300] {
        for _ in 0..5 {
            server.load.start(Moment::ORIGIN);
        }
    }
    let counts = counts(Policy::LeastRequest, &servers, 4_000, &mut IdSource::seeded(3));
    let idle: usize = counts[300..].iter().sum();
    // One of eight is idle but for 0.75^8, that is 10 %.
    assert!((3_500..3_700).contains(&idle), "{idle}");
}

#[test]
fn equals_share_under_least_request() {
    for many in [3, 50] {
        let counts =
            counts(Policy::LeastRequest, &servers(&vec![1; many]), many * 1_000, &mut IdSource::seeded(4));
        assert!(counts.iter().all(|n| (850..1_150).contains(n)), "{counts:?}");
    }
}

#[test]
fn the_reserve_of_a_full_priority_is_the_next_one_but_not_a_backup() {
    let mut servers = servers(&[1; 3]);
    servers[1].place.priority = 1;
    servers[2].place.backup = true;
    for server in &mut servers {
        server.max_requests = 1;
    }
    for policy in Policy::ALL {
        let mut random = IdSource::seeded(5);
        let mut picker = picker(policy, &servers, &mut random);
        let mut pick = |tried: &Tried| picker.pick(&servers, tried, Some(1), Moment::ORIGIN, &mut random);
        let mut tried = Tried::none();
        servers[0].load.start(Moment::ORIGIN);
        assert_eq!(pick(&tried), Pick::Endpoint(1));
        servers[1].load.start(Moment::ORIGIN);
        assert_eq!(pick(&tried), Pick::Full, "it waits for them");
        tried.insert(0);
        assert_eq!(pick(&tried), Pick::Full);
        tried.insert(1);
        assert_eq!(pick(&tried), Pick::Endpoint(2), "it has tried them");
        for server in &servers {
            server.load.finish(Moment::ORIGIN, balance::Outcome::Abandoned);
        }
    }
}

#[test]
fn in_a_slow_start_an_endpoint_gets_its_part_of_its_share() {
    let window = Duration::from_secs(10);
    for policy in [Policy::P2cEwma, Policy::LeastRequest, Policy::RoundRobin, Policy::Random] {
        for many in [4, 40] {
            let mut servers = servers(&vec![1; many]);
            servers[0].health = Health::joining(State::Up, Moment::ORIGIN);
            let settings = PickerSettings { slow_start: window, ..settings(policy) };
            let mut random = IdSource::seeded(6);
            let mut picker = picker_with(settings, &servers, &mut random);
            let mut share = |at: Moment| {
                let mut picks = (0..many * 5_000)
                    .map(|_| endpoint(picker.pick(&servers, &Tried::none(), None, at, &mut random)));
                picks.by_ref().filter(|&i| i == 0).count() as f64 / 5_000.0
            };
            let (early, half, late) = (
                share(Moment::ORIGIN),
                share(Moment::ORIGIN + window / 2),
                share(Moment::ORIGIN + window * 2),
            );
            assert!((0.06..0.14).contains(&early), "{policy:?}, {many}: {early}");
            assert!((0.42..0.66).contains(&half), "{policy:?}, {many}: {half}");
            assert!((0.9..1.1).contains(&late), "{policy:?}, {many}: {late}");
        }
    }
}

#[test]
fn endpoints_that_all_start_slowly_share_the_work() {
    for policy in Policy::ALL {
        let mut servers = servers(&[1; 3]);
        for server in &mut servers {
            server.health = Health::joining(State::Up, Moment::ORIGIN);
        }
        let settings = PickerSettings { slow_start: Duration::from_secs(10), ..settings(policy) };
        let mut random = IdSource::seeded(7);
        let mut picker = picker_with(settings, &servers, &mut random);
        let mut seen = [false; 3];
        for key in 0..1_000 {
            let hash = Some(balance::stable_hash(&i32::to_le_bytes(key)));
            seen[endpoint(picker.pick(&servers, &Tried::none(), hash, Moment::ORIGIN, &mut random))] = true;
        }
        assert_eq!(seen, [true; 3], "{policy:?}");
    }
}

proptest! {
    #[test]
    fn random_follows_weights(weights in prop::collection::vec(1_u16..20, 2..10), seed: u64) {
        let counts = counts(Policy::Random, &servers(&weights), 20_000, &mut IdSource::seeded(seed));
        let sum: f64 = weights.iter().copied().map(f64::from).sum();
        for (count, weight) in counts.iter().zip(weights) {
            let part = f64::from(weight) / sum;
            // Six standard deviations of a binomial count.
            let within = 6.0 * (20_000.0 * part * (1.0 - part)).sqrt();
            prop_assert!((*count as f64 - 20_000.0 * part).abs() < within, "{:?}", counts);
        }
    }

    #[test]
    fn random_follows_the_weights_of_those_that_are_left(weight in 1_u16..20, seed: u64) {
        // The one that was tried has nearly all the weight.
        let servers = servers(&[60_000, weight, 20]);
        let mut random = IdSource::seeded(seed);
        let mut picker = picker(Policy::Random, &servers, &mut random);
        let mut tried = Tried::none();
        tried.insert(0);
        let second = (0..4_000)
            .filter(|_| endpoint(picker.pick(&servers, &tried, None, Moment::ORIGIN, &mut random)) == 1)
            .count() as f64;
        let part = f64::from(weight) / (f64::from(weight) + 20.0);
        prop_assert!((second - 4_000.0 * part).abs() < 6.0 * (4_000.0 * part * (1.0 - part)).sqrt());
    }

    #[test]
    fn full_endpoints_are_passed_over_and_when_all_are_full_it_says_so(
        rooms in prop::collection::vec(0_u32..6, 1..40),
        policy in prop::sample::select(Policy::ALL.to_vec()),
        keys: bool,
        tries in prop::collection::vec(0_usize..40, 0..4),
        seed: u64,
    ) {
        let mut servers = servers(&vec![1; rooms.len()]);
        for (server, &room) in servers.iter_mut().zip(&rooms) {
            server.max_requests = room;
        }
        let mut random = IdSource::seeded(seed);
        let settings = PickerSettings { bounded_load: Some(1.1), ..settings(policy) };
        let mut picker = picker_with(settings, &servers, &mut random);
        let mut tried = Tried::none();
        for i in tries {
            tried.insert(i);
        }
        for n in 0..rooms.iter().sum::<u32>() {
            let hash = keys.then(|| u64::from(n) << 50);
            let i = endpoint(picker.pick(&servers, &tried, hash, Moment::ORIGIN, &mut random));
            servers[i].load.start(Moment::ORIGIN);
            prop_assert!(servers[i].load.pending() <= rooms[i]);
        }
        for _ in 0..5 {
            prop_assert_eq!(picker.pick(&servers, &tried, Some(1), Moment::ORIGIN, &mut random), Pick::Full);
        }
    }
}
