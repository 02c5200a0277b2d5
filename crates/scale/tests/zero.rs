//! To zero and from zero.

mod play;

use base::Moment;
use play::{Play, settings};
use scale::{Direction, Reason, Sample, Scaler, Settings, Targets};
use std::time::Duration;

const TENTH: Duration = Duration::from_millis(100);

fn sleepy(after: u64) -> Settings {
    Settings { zero_after: Some(Duration::from_secs(after)), ..settings(8) }
}

/// A service with no instance.
fn asleep() -> Play {
    let mut play = Play::new(sleepy(300), 0, Duration::from_secs(3));
    play.run(10, TENTH, |_| 0.0);
    assert_eq!(play.scaler.wanted(), 0);
    play
}

#[test]
fn a_service_that_may_sleep_begins_with_none_unless_min_says_otherwise() {
    assert_eq!(Settings { min: 0, ..sleepy(300) }.initial(), 0);
    assert_eq!(Settings { min: 2, ..sleepy(300) }.initial(), 2);
    assert_eq!(Settings { min: 0, ..settings(8) }.initial(), 1);
}

#[test]
fn nobody_asks_for_long_enough_and_none_is_needed() {
    let mut play = Play::new(sleepy(300), 1, Duration::ZERO);
    play.run(60, TENTH, |_| 3.0);
    play.run(299, TENTH, |_| 0.0);
    assert_eq!(play.scaler.wanted(), 1);
    play.run(4, TENTH, |_| 0.0);
    assert_eq!(play.scaler.wanted(), 0);
    let change = play.changes.last().expect("it fell");
    assert_eq!((change.reason, change.direction()), (Reason::Zero, Direction::Down));
    assert!(change.text().ends_with(": 1 -> 0"), "{}", change.text());
    play.run(600, TENTH, |_| 0.0);
    assert_eq!(play.scaler.wanted(), 0, "and so it stays");
}

#[test]
fn one_request_now_and_then_keeps_it_awake() {
    let mut play = Play::new(sleepy(60), 1, Duration::ZERO);
    for _ in 0..20 {
        play.run(59, TENTH, |_| 0.0);
        play.run(1, TENTH, |_| 0.01);
    }
    assert!(play.changes.is_empty());
}

#[test]
fn a_gap_in_what_is_measured_begins_the_wait_anew() {
    let mut play = Play::new(sleepy(60), 1, Duration::ZERO);
    play.run(55, TENTH, |_| 0.0);
    play.step(TENTH, |sample| sample.concurrency = None);
    play.run(58, TENTH, |_| 0.0);
    assert_eq!(play.scaler.wanted(), 1);
    play.run(4, TENTH, |_| 0.0);
    assert_eq!(play.scaler.wanted(), 0);
}

#[test]
fn what_its_instances_do_not_tell_keeps_it_awake_and_without_instances_nothing_is_missed() {
    let targets = Targets { cpu: Some(0.7), ..Targets::default() };
    let settings = Settings { targets, ..sleepy(60) };
    let mut play = Play::new(settings, 1, Duration::ZERO);
    play.run(600, TENTH, |_| 0.0);
    assert_eq!(
        (play.scaler.wanted(), play.last.clone().map(|last| last.reason)),
        (1, Some(Reason::NoMetrics))
    );
    for _ in 0..700 {
        play.step(TENTH, |sample| sample.cpu = Some(0.01));
    }
    assert_eq!(play.scaler.wanted(), 0);
    play.run(600, TENTH, |_| 0.0);
    assert_eq!(play.last.map(|last| (last.to, last.reason)), Some((0, Reason::Steady)));
}

#[test]
fn a_request_that_lasts_is_somebody_who_asks() {
    let mut play = Play::new(sleepy(10), 1, Duration::ZERO);
    for _ in 0..6_000 {
        play.step(TENTH, |sample| (sample.concurrency, sample.rps) = (Some(1.0), Some(0.0)));
    }
    assert_eq!(play.scaler.wanted(), 1);
}

#[test]
fn from_zero_a_decision_is_due_with_the_sample_that_asks() {
    let mut play = asleep();
    play.decide();
    assert!(!play.scaler.is_due(Moment::ORIGIN + play.now));
    let decision =
        play.step(TENTH, |sample| sample.concurrency = Some(0.02)).expect("at once, not at the next tick");
    assert_eq!((decision.from, decision.to, decision.reason), (0, 1, Reason::FromZero));
    assert!(decision.text().contains("somebody asks and there is none"), "{}", decision.text());
    let next = play.step(TENTH, |sample| sample.concurrency = Some(1.0));
    assert_eq!(next, None, "and the tick goes on");
}

#[test]
fn jobs_wake_it_as_requests_do() {
    let mut play = asleep();
    let backlog =
        scale::Backlog { ready: 1, arrival: 0.1, service_time: Duration::from_secs(1), concurrency: 1.0 };
    let decision = play.step(TENTH, |sample| sample.backlog = Some(backlog)).expect("at once");
    assert_eq!(decision.to, 1);
}

#[test]
fn neither_policies_nor_windows_nor_a_crash_loop_keep_it_at_zero() {
    let mut settings = sleepy(300);
    settings.up.select = scale::Select::Disabled;
    settings.up.stabilization_window = Duration::from_secs(300);
    let mut scaler = Scaler::new(settings, 0);
    scaler.observe(&play::quiet(Duration::from_secs(1)));
    scaler.decide(Moment::ORIGIN + Duration::from_secs(1));
    let asking = Sample {
        concurrency: Some(500.0),
        crash_loop: true,
        database: Some(scale::Database { connections: 1.0, waits: true }),
        ..play::quiet(Duration::from_millis(1_100))
    };
    scaler.observe(&asking);
    assert!(scaler.is_due(asking.at));
    assert_eq!(scaler.decide(asking.at).to, 1);
}

#[test]
fn a_scheduled_floor_keeps_it_awake_and_wakes_it_ahead_of_time() {
    let workdays = scale::Window {
        days: [true, true, true, true, true, false, false],
        from: 10,
        to: 20,
        time_zone: None,
        min: Some(2),
        max: None,
    };
    let mut play = Play::new(Settings { schedule: vec![workdays], ..sleepy(60) }, 0, Duration::from_secs(20));
    // The play begins at midnight; the window opens ten minutes later.
    play.run(545, TENTH, |_| 0.0);
    assert_eq!(play.scaler.wanted(), 0);
    play.run(10, TENTH, |_| 0.0);
    assert_eq!(play.scaler.wanted(), 2, "20 s to start and 30 s ahead");
    play.run(645, TENTH, |_| 0.0);
    assert_eq!(play.scaler.wanted(), 2, "it is the last second of the window");
    play.run(10, TENTH, |_| 0.0);
    assert_eq!(play.scaler.wanted(), 0);
}

#[test]
fn a_service_that_may_not_sleep_keeps_one() {
    let mut play = Play::new(Settings { min: 0, ..settings(8) }, 1, Duration::ZERO);
    play.run(900, TENTH, |_| 0.0);
    assert_eq!(play.scaler.wanted(), 1);
    let mut play = Play::new(Settings { min: 0, ..settings(8) }, 0, Duration::ZERO);
    play.run(3, TENTH, |_| 0.0);
    assert_eq!(play.scaler.wanted(), 1);
}

#[test]
fn a_ceiling_of_none_is_no_reason_to_decide_all_the_time() {
    let night = scale::Window { days: [true; 7], from: 0, to: 60, time_zone: None, min: None, max: Some(0) };
    let mut play = Play::new(Settings { schedule: vec![night], ..sleepy(60) }, 0, Duration::ZERO);
    let mut decisions = 0;
    for _ in 0..200 {
        decisions += u32::from(play.step(TENTH, |sample| sample.concurrency = Some(3.0)).is_some());
    }
    assert_eq!(play.scaler.wanted(), 0);
    assert!((10..=12).contains(&decisions), "{decisions} in 20 s");
}
