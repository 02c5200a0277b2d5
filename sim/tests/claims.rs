//! What the guide claims of balancing and retries, each with fixed seeds.

use balance::{BudgetSettings, PickerSettings, Policy};
use sim::{Behaviour, Report, Retry, Scenario, Setup, run};
use std::time::Duration;

const SEEDS: [u64; 3] = [1, 2, 3];

fn short(bad: usize, behaviour: Behaviour) -> Scenario {
    Scenario { lasts: Duration::from_secs(20), ..Scenario::of_ten("test", bad, behaviour) }
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_one_another() {
    let scenario = short(2, Behaviour::Flaps);
    let setup = Setup::plain(Policy::P2cEwma).detecting().retrying();
    assert_eq!(run(&scenario, &setup, 1), run(&scenario, &setup, 1));
    assert_ne!(run(&scenario, &setup, 1), run(&scenario, &setup, 2));
}

#[test]
fn every_request_is_over_once_and_every_attempt_is_counted() {
    for policy in Policy::ALL {
        let setup = Setup::plain(policy).detecting().retrying();
        let report = run(&short(3, Behaviour::Hangs), &setup, 4);
        assert_eq!(report.latencies.len() as u64, report.requests);
        assert_eq!(report.by_second.iter().flatten().sum::<u64>(), report.attempts);
        assert!(report.requests > 19_000 && report.good <= report.requests);
        assert!(report.attempts >= report.requests);
    }
}

#[test]
fn with_a_slow_endpoint_p2c_ewma_has_a_better_p99_than_round_robin() {
    let scenario = short(1, Behaviour::Slow);
    for seed in SEEDS {
        let p99 = |policy| run(&scenario, &Setup::plain(policy), seed).percentile(0.99);
        let (ours, theirs) = (p99(Policy::P2cEwma), p99(Policy::RoundRobin));
        assert!(ours * 3 < theirs, "{ours:?} and {theirs:?}");
    }
}

#[test]
fn an_endpoint_that_fails_fast_does_not_attract_traffic() {
    let scenario = short(1, Behaviour::FailsFast);
    for seed in SEEDS {
        let share = |setup| run(&scenario, &setup, seed).share_to_bad();
        let alone = share(Setup::plain(Policy::P2cEwma));
        assert!(alone < 0.005, "p2c_ewma alone: {alone}");
        // Its few pending requests make it attractive to a policy that looks at nothing else.
        let least = share(Setup::plain(Policy::LeastRequest));
        assert!(least > 0.15, "least_request alone: {least}");
        for policy in Policy::ALL {
            let detected = share(Setup::plain(policy).detecting());
            assert!(detected < 0.005, "{policy:?} with outlier detection: {detected}");
        }
    }
}

#[test]
fn an_endpoint_that_refuses_connections_or_hangs_is_out_in_no_time() {
    for (behaviour, policy) in [Behaviour::Refuses, Behaviour::Hangs]
        .into_iter()
        .flat_map(|behaviour| Policy::ALL.map(|policy| (behaviour, policy)))
    {
        let report = run(&short(1, behaviour), &Setup::plain(policy).detecting(), 5);
        // A tenth of the requests of the first second cannot be spared a server that hangs: it takes a second to see it.
        assert!(report.share_to_bad() < 0.012, "{behaviour:?}, {policy:?}: {}", report.share_to_bad());
    }
}

#[test]
fn a_retry_hides_an_endpoint_that_loses_requests() {
    let scenario = short(2, Behaviour::Loses);
    for seed in SEEDS {
        let failures = |setup| 1.0 - run(&scenario, &setup, seed).success();
        let plain = failures(Setup::plain(Policy::RoundRobin));
        let retried = failures(Setup::plain(Policy::RoundRobin).retrying());
        assert!(plain > 0.03, "one in five at two of ten: {plain}");
        assert!(retried < plain / 10.0, "{retried} of {plain}");
    }
}

/// Attempts beyond the first of each request, and the most that the budget allows in that time.
fn retries_and_most(report: &Report, seconds: f64) -> (f64, f64) {
    let budget = BudgetSettings::default();
    let requests = report.requests as f64;
    // What one window of ten seconds holds may be spent at its end.
    let most =
        requests * f64::from(budget.percent) / 100.0 + f64::from(budget.min_per_second) * (seconds + 10.0);
    ((report.attempts - report.requests) as f64, most)
}

#[test]
fn while_everything_fails_retries_stay_within_the_budget() {
    let retrying =
        |policy, budget| Setup { retry: Some(Retry { attempts: 3, budget }), ..Setup::plain(policy) };
    for seed in SEEDS {
        for policy in [Policy::P2cEwma, Policy::RoundRobin] {
            let all_fail = short(10, Behaviour::FailsFast);
            for setup in [
                retrying(policy, Some(BudgetSettings::default())),
                retrying(policy, Some(BudgetSettings::default())).detecting(),
            ] {
                let report = run(&all_fail, &setup, seed);
                let (retries, most) = retries_and_most(&report, 20.0);
                assert!(retries <= most, "{policy:?}: {retries} retries, at most {most}");
                assert!(retries > most * 0.5, "the budget is used: {retries} of {most}");
            }
            let unbounded = run(&all_fail, &retrying(policy, None), seed);
            assert!(unbounded.amplification() > 3.9, "{}", unbounded.amplification());
        }
    }
}

#[test]
fn after_a_brown_out_all_is_well_again() {
    for policy in [Policy::P2cEwma, Policy::LeastRequest, Policy::Maglev] {
        let setup = Setup::plain(policy).detecting().retrying();
        let report = run(&Scenario::brown_out(), &setup, 6);
        // It lasts a quarter of the time.
        assert!(report.success() > 0.73, "{policy:?}: {}", report.success());
        let (retries, most) = retries_and_most(&report, 40.0);
        assert!(retries <= most, "{policy:?}: {retries} retries, at most {most}");
    }
}

#[test]
fn an_endpoint_that_joins_grows_into_its_share() {
    for policy in [Policy::P2cEwma, Policy::LeastRequest, Policy::RoundRobin, Policy::Random, Policy::Maglev]
    {
        let at_once = |setup: Setup| {
            let picker = PickerSettings { slow_start: Duration::ZERO, ..setup.picker };
            run(&Scenario::scale_out(), &Setup { picker, ..setup }, 7).share_in_second(0, 10) * 10.0
        };
        let report = run(&Scenario::scale_out(), &Setup::plain(policy), 7);
        let part = |seconds: std::ops::Range<usize>| {
            let many = seconds.len() as f64;
            seconds.map(|second| report.share_in_second(0, second) * 10.0).sum::<f64>() / many
        };
        assert!(part(0..10) < 1e-9, "{policy:?}: it is not there yet");
        let (first, middle, full) = (part(10..12), part(14..16), part(22..40));
        // The policies that look at load take to it more than others do, for it has little: they get a tenth of more.
        assert!((0.05..0.6).contains(&first), "{policy:?}: {first} at first");
        let unbraked = at_once(Setup::plain(policy));
        assert!(unbraked > 0.7, "{policy:?}: {unbraked} at once, without a slow start");
        assert!(first < middle && middle < full, "{policy:?}: {first}, {middle}, {full}");
        assert!((0.8..1.2).contains(&full), "{policy:?}: {full} in the end");
    }
}

#[test]
fn an_endpoint_that_hangs_gets_next_to_nothing_though_its_clients_leave() {
    for seed in SEEDS {
        let hangs = |policy, setup: fn(Setup) -> Setup| {
            let setup = setup(Setup::plain(policy)).impatient_clients();
            run(&short(1, Behaviour::Hangs), &setup, seed).share_to_bad()
        };
        // By its silence alone, without anybody's verdict.
        let alone = hangs(Policy::P2cEwma, |setup| setup);
        assert!(alone < 0.001, "p2c_ewma alone: {alone}");
        for policy in Policy::ALL {
            // What is sent until the first clients leave after 5 s of 20 cannot be spared; after that it is out.
            let detected = hangs(policy, Setup::detecting);
            assert!(detected < 0.04, "{policy:?} with outlier detection: {detected}");
        }
    }
}

#[test]
fn with_half_of_the_endpoints_gone_wrong_the_default_keeps_its_promise() {
    let all_well = Scenario { rate: 500.0, ..Scenario::of_ten("test", 0, Behaviour::Healthy) };
    for seed in SEEDS {
        let setup = Setup::plain(Policy::P2cEwma).detecting().retrying().impatient_clients();
        let (well, half) = (run(&all_well, &setup, seed), run(&Scenario::half_go_wrong(), &setup, seed));
        assert!(half.success() >= 0.999, "{}", half.success());
        let (base, p99) = (well.percentile(0.99), half.percentile(0.99));
        assert!(p99 <= base * 2, "{p99:?}, and {base:?} while all are well");
    }
}
