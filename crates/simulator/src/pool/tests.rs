//! Requests that come, wait, start, are lost, and drain, a step at a time.

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

#[test]
fn a_long_line_is_bounded_and_still_loses_nobody_too_early() {
    let mut pool = Pool::new(Queueing::new(1.0));
    let mut waits = Histogram::default();
    let mut expired = 0.0;
    for n in 0..40_000 {
        let patient = Step { patience: 3000.0, room: 1e9, ..step(f64::from(n) * 0.1, 1.0, 0.0) };
        expired += pool.step(&patient, &mut waits).expired;
    }
    assert!(pool.line.len() < 2 * MANY_COHORTS, "{} cohorts", pool.line.len());
    // After 4000 seconds those of the last 3000 are left.
    assert!((expired - 10_000.0).abs() < 100.0, "{expired}");
}
