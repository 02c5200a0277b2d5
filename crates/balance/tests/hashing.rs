//! The hash policies: keys stay where they are, and load stays within its bound.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod servers;

use balance::{Health, PickerSettings, Policy, State, Tried, stable_hash};
use base::{IdSource, Moment};
use proptest::prelude::*;
use servers::{Server, endpoint, picker, picker_with, servers, settings};
use std::time::Duration;

const HASHED: [Policy; 2] = [Policy::Maglev, Policy::RingHash];

/// Where each of so many keys goes.
fn places(policy: Policy, servers: &[Server], keys: u64) -> Vec<usize> {
    let mut random = IdSource::seeded(9);
    let mut picker = picker(policy, servers, &mut random);
    let pick = |key: u64| {
        let hash = stable_hash(&key.to_le_bytes());
        endpoint(picker.pick(servers, &Tried::none(), Some(hash), Moment::ORIGIN, &mut random))
    };
    (0..keys).map(pick).collect()
}

fn shares(places: &[usize], of: usize) -> Vec<f64> {
    let count = |n| places.iter().filter(|&&place| place == n).count() as f64 / places.len() as f64;
    (0..of).map(count).collect()
}

fn set(server: &mut Server, state: State) {
    server.health = Health::new(state, Moment::ORIGIN);
}

#[test]
fn keys_follow_weights() {
    for (policy, within) in [(Policy::Maglev, 0.05), (Policy::RingHash, 0.25)] {
        let servers = servers(&[1, 2, 3, 4]);
        let shares = shares(&places(policy, &servers, 50_000), 4);
        for (share, want) in shares.iter().zip([0.1, 0.2, 0.3, 0.4]) {
            assert!((share / want - 1.0).abs() < within, "{policy:?}: {shares:?}");
        }
    }
}

#[test]
fn keys_of_one_that_is_out_spread_over_all_others_and_come_back() {
    for policy in HASHED {
        let mut servers = servers(&[1; 10]);
        let before = places(policy, &servers, 20_000);
        set(&mut servers[3], State::Dead);
        let without = places(policy, &servers, 20_000);
        let mut moved = [0; 10];
        for (was, is) in before.iter().zip(&without) {
            assert!(was == is || *was == 3, "{policy:?}: only its keys move");
            moved[*is] += usize::from(was != is);
        }
        let orphans: usize = moved.iter().sum();
        for (n, &taken) in moved.iter().enumerate().filter(|&(n, _)| n != 3) {
            assert!(
                taken * 9 > orphans / 2 && taken * 9 < orphans * 2,
                "{policy:?}: {n} takes {taken} of {orphans}"
            );
        }
        set(&mut servers[3], State::Up);
        assert_eq!(places(policy, &servers, 20_000), before);
    }
}

#[test]
fn keys_find_the_few_that_are_left() {
    for policy in HASHED {
        let mut servers = servers(&[1; 300]);
        for server in &mut servers[3..] {
            set(server, State::Dead);
        }
        let before = places(policy, &servers, 9_000);
        let all = shares(&before, 3);
        assert!(all.iter().all(|share| (0.25..0.42).contains(share)), "{policy:?}: {all:?}");
        set(&mut servers[1], State::Dead);
        let after = places(policy, &servers, 9_000);
        assert!(before.iter().zip(&after).all(|(was, is)| was == is || *was == 1), "{policy:?}");
    }
}

#[test]
fn a_key_that_was_tried_goes_to_the_same_other_one_each_time() {
    for policy in HASHED {
        let servers = servers(&[1; 10]);
        let mut random = IdSource::seeded(4);
        let mut picker = picker(policy, &servers, &mut random);
        for key in 0..50_u64 {
            let hash = Some(stable_hash(&key.to_le_bytes()));
            let mut tried = Tried::none();
            let mut all = Vec::new();
            for _ in 0..10 {
                let mut pick = || endpoint(picker.pick(&servers, &tried, hash, Moment::ORIGIN, &mut random));
                let (once, again) = (pick(), pick());
                assert_eq!(once, again);
                assert!(tried.insert(once), "another each time");
                all.push(once);
            }
            all.sort_unstable();
            assert_eq!(all, (0..10).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_request_without_a_key_goes_anywhere_by_weight() {
    for policy in HASHED {
        let servers = servers(&[1, 3]);
        let mut random = IdSource::seeded(6);
        let mut picker = picker(policy, &servers, &mut random);
        let heavy = (0..10_000)
            .filter(|_| {
                endpoint(picker.pick(&servers, &Tried::none(), None, Moment::ORIGIN, &mut random)) == 1
            })
            .count();
        assert!((7_200..7_800).contains(&heavy), "{policy:?}: {heavy}");
    }
}

#[test]
fn one_that_is_listed_twice_takes_twice_the_keys() {
    for policy in HASHED {
        let mut servers = servers(&[1; 4]);
        servers[3].key = servers[0].key;
        let shares = shares(&places(policy, &servers, 20_000), 4);
        assert!(shares.iter().all(|share| (0.2..0.3).contains(share)), "{policy:?}: {shares:?}");
    }
}

#[test]
fn in_a_slow_start_keys_come_one_by_one_and_each_once() {
    let window = Duration::from_secs(10);
    for policy in HASHED {
        let mut servers = servers(&[1; 4]);
        let home = places(policy, &servers, 2_000);
        servers[2].health = Health::joining(State::Up, Moment::ORIGIN);
        let settings = PickerSettings { slow_start: window, ..settings(policy) };
        let mut random = IdSource::seeded(7);
        let mut picker = picker_with(settings, &servers, &mut random);
        let mut came = vec![false; 2_000];
        for seconds in 1..=10 {
            let now = Moment::ORIGIN + Duration::from_secs(seconds);
            let mut count = 0;
            for key in 0..2_000 {
                let hash = stable_hash(&(key as u64).to_le_bytes());
                let at = endpoint(picker.pick(&servers, &Tried::none(), Some(hash), now, &mut random));
                assert!(home[key] == 2 || at == home[key], "keys of others stay");
                assert!(!came[key] || at == 2, "{policy:?}: a key that has come stays");
                came[key] = at == 2;
                count += u64::from(came[key]);
            }
            let all = home.iter().filter(|&&n| n == 2).count() as u64;
            let want = all * (10 + 9 * seconds) / 100;
            assert!(count.abs_diff(want) <= all / 10, "{policy:?}: {count} of {all} after {seconds} s");
        }
    }
}

#[test]
fn a_key_that_everybody_wants_stays_within_the_bound() {
    for policy in HASHED {
        let servers = servers(&[1; 20]);
        let settings = PickerSettings { bounded_load: Some(1.25), ..settings(policy) };
        let mut random = IdSource::seeded(8);
        let mut picker = picker_with(settings, &servers, &mut random);
        for _ in 0..1_000 {
            let i = endpoint(picker.pick(&servers, &Tried::none(), Some(42), Moment::ORIGIN, &mut random));
            servers[i].load.start(Moment::ORIGIN);
        }
        let most = servers.iter().map(|s| s.load.pending()).max().unwrap();
        // 50 on average, a quarter more at most.
        assert!(most <= 63, "{policy:?}: {most}");
        let idle = servers.iter().filter(|s| s.load.pending() == 0).count();
        assert!(idle >= 3, "{policy:?}: no more are used than are needed, {idle} are idle");
    }
}

proptest! {
    #[test]
    fn load_stays_within_its_bound(
        weights in prop::collection::vec(1_u16..8, 2..30),
        factor in 1.0_f32..3.0,
        keys in prop::collection::vec(0_u64..5, 1..400),
        policy in prop::sample::select(HASHED.to_vec()),
    ) {
        let servers = servers(&weights);
        let settings = PickerSettings { bounded_load: Some(factor), ..settings(policy) };
        let mut random = IdSource::seeded(1);
        let mut picker = picker_with(settings, &servers, &mut random);
        let sum: f64 = weights.iter().copied().map(f64::from).sum();
        for (pending, key) in (1..).zip(keys) {
            let i = endpoint(picker.pick(&servers, &Tried::none(), Some(key), Moment::ORIGIN, &mut random));
            servers[i].load.start(Moment::ORIGIN);
            let bound = (f64::from(factor) * f64::from(pending) * f64::from(weights[i]) / sum).ceil();
            prop_assert!(f64::from(servers[i].load.pending()) <= bound);
        }
    }

    #[test]
    fn only_keys_of_missing_endpoints_move(
        weights in prop::collection::vec(1_u16..5, 2..20),
        out in prop::collection::vec(any::<prop::sample::Index>(), 1..8),
        policy in prop::sample::select(HASHED.to_vec()),
    ) {
        let mut servers = servers(&weights);
        let out: std::collections::BTreeSet<_> = out.iter().map(|i| i.index(servers.len())).collect();
        prop_assume!(out.len() < servers.len());
        let mut before = places(policy, &servers, 300);
        for &gone in &out {
            set(&mut servers[gone], State::Dead);
            let after = places(policy, &servers, 300);
            for (was, is) in before.iter().zip(&after) {
                prop_assert!(was == is || *was == gone);
                prop_assert!(!matches!(servers[*is].health.state(), State::Dead));
            }
            before = after;
        }
    }
}
