//! Signals that are gone, samples that come late, clocks that jump; and what is known of yesterday.

mod play;

use base::Moment;
use play::{Play, moved, settings};
use scale::{Reason, Sample, Scaler, Settings, Targets, Window};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_signal_that_is_gone_holds_for_a_minute_and_then_the_count_stays() {
    let mut settings = settings(20);
    settings.down.stabilization_window = Duration::ZERO;
    let mut play = Play::new(settings, 4, Duration::ZERO);
    play.run(120, SECOND, |_| 40.0);
    let silent = |play: &mut Play, seconds: u64| {
        for _ in 0..seconds {
            play.step(SECOND, |sample| sample.concurrency = None);
        }
        play.last.clone().expect("many")
    };
    let held = silent(&mut play, 58);
    assert_eq!((held.to, held.proposals[0].wants), (4, 4));
    assert!((held.proposals[0].stable.unwrap_or(0.0) - 40.0).abs() < 1e-6, "what was known last");
    let frozen = silent(&mut play, 3_600);
    assert_eq!((frozen.to, frozen.reason, frozen.proposals[0].stable), (4, Reason::NoMetrics, None));
    assert_eq!(frozen.text(), "concurrency is not measured: stays at 4");
    // It is back, with less to carry: that is known now.
    play.run(120, SECOND, |_| 12.0);
    assert_eq!(play.scaler.wanted(), 2);
}

#[test]
fn another_signal_may_still_raise_the_count_while_one_is_gone_and_not_lower_it() {
    let targets = Targets { concurrency: Some(10.0), rps: Some(100.0), ..Targets::default() };
    let mut settings = Settings { targets, ..settings(20) };
    settings.down.stabilization_window = Duration::ZERO;
    let mut play = Play::new(settings, 4, Duration::ZERO);
    let rps = |play: &mut Play, rps: f64| {
        for _ in 0..120 {
            play.step(SECOND, |sample| (sample.concurrency, sample.rps) = (None, Some(rps)));
        }
        play.scaler.wanted()
    };
    assert_eq!(rps(&mut play, 600.0), 6);
    assert_eq!(rps(&mut play, 100.0), 6);
    assert_eq!(play.last.map(|last| last.reason), Some(Reason::NoMetrics));
}

#[test]
fn a_count_that_was_held_is_not_let_go_as_soon_as_signals_are_back() {
    let mut settings = settings(20);
    settings.down.stabilization_window = Duration::from_secs(30);
    let mut play = Play::new(settings, 4, Duration::ZERO);
    play.run(120, SECOND, |_| 40.0);
    play.run(20, SECOND, |_| 10.0);
    for _ in 0..40 {
        play.step(SECOND, |sample| sample.concurrency = None);
    }
    // What was known last wants 3, and would have had them by now.
    let held = play.last.clone().expect("many");
    assert_eq!((held.proposals[0].wants, held.to, held.reason), (3, 4, Reason::NoMetrics));
    assert!(
        held.text().ends_with("wants 3; not all is measured, so 4 are kept: stays at 4"),
        "{}",
        held.text()
    );
    play.run(25, SECOND, |_| 10.0);
    assert_eq!(play.scaler.wanted(), 4);
    play.run(10, SECOND, |_| 10.0);
    assert!(play.scaler.wanted() < 4);
}

#[test]
fn samples_that_stop_are_not_requests_that_stop() {
    let zero_after = Some(Duration::from_secs(60));
    let mut settings = Settings { zero_after, ..settings(20) };
    settings.down.stabilization_window = Duration::ZERO;
    for targets in [settings.targets.clone(), Targets::default()] {
        let mut play = Play::new(Settings { targets, ..settings.clone() }, 1, Duration::ZERO);
        play.run(30, SECOND, |_| 0.0);
        for _ in 0..1_000 {
            play.now += SECOND;
            assert_eq!(play.decide().to, 1);
        }
        for _ in 0..1_000 {
            play.step(SECOND, |sample| (sample.concurrency, sample.rps) = (None, None));
            assert_eq!(play.scaler.wanted(), 1);
        }
    }
}

#[test]
fn samples_that_come_late_or_twice_do_no_harm() {
    let mut scaler = Scaler::new(settings(20), 3);
    let sample =
        |secs, load| Sample { ready: 3, concurrency: Some(load), ..play::quiet(Duration::from_secs(secs)) };
    for secs in 1..=60 {
        scaler.observe(&sample(secs, 30.0));
        scaler.observe(&sample(secs, 900.0));
        scaler.observe(&sample(secs - 1, 900.0));
    }
    let decision = scaler.decide(Moment::ORIGIN + Duration::from_secs(60));
    assert!((decision.proposals[0].stable.unwrap_or(0.0) - 30.0).abs() < 1e-6);
    assert_eq!(decision.to, 3);
}

#[test]
fn the_clock_on_the_wall_may_jump_and_only_the_schedule_follows_it() {
    let night = Window { days: [true; 7], from: 60, to: 120, time_zone: None, min: Some(3), max: None };
    let mut settings = Settings { schedule: vec![night], ..settings(20) };
    settings.down.stabilization_window = Duration::ZERO;
    let mut play = Play::new(settings, 1, Duration::ZERO);
    let jumped = |play: &mut Play, jump: i64| {
        for _ in 0..4 {
            play.step(SECOND, |sample| {
                sample.wall = moved(sample.wall, jump);
                sample.concurrency = Some(8.0);
            });
        }
        play.scaler.wanted()
    };
    assert_eq!(jumped(&mut play, 0), 1);
    assert_eq!(jumped(&mut play, 3_600), 3, "an hour ahead the window is open");
    assert_eq!(jumped(&mut play, 0), 1, "and back");
    assert_eq!(jumped(&mut play, -86_400 * 365 * 80), 1, "before 1970");
}

#[test]
fn what_yesterday_needed_is_there_before_today_needs_it_and_no_less_than_is_needed() {
    let mut settings = Settings { forecast: true, ..settings(20) };
    settings.stable_window = Duration::from_secs(120);
    let mut play = Play::new(settings, 1, Duration::from_secs(30));
    let hour = |second: f64| second / 3_600.0 % 24.0;
    let ten = Duration::from_secs(10);
    // Two days with 80 requests at a time from eight to ten, and one on which they do not come.
    let usual = |second: f64| if (8.0..10.0).contains(&hour(second)) { 80.0 } else { 5.0 };
    play.run(32 * 3_600 - 120, ten, usual);
    assert_eq!(play.scaler.wanted(), 1, "there is no need yet");
    play.run(80, ten, usual);
    assert_eq!(play.scaler.wanted(), 2, "one at a time, as half of one may start");
    let last = play.last.clone().expect("many");
    assert!(last.text().starts_with("forecast of yesterday and last week wants 8"), "{}", last.text());
    play.run(16 * 3_600, ten, usual);
    play.run(8 * 3_600, ten, |_| 5.0);
    play.run(3_600, ten, |_| 5.0);
    assert_eq!(play.scaler.wanted(), 8, "a floor, whether it was right or not");
    play.run(3 * 3_600, ten, |_| 150.0);
    assert_eq!(play.scaler.wanted(), 15, "and no ceiling");
}
