//! How fast counts change: panic, starts, policies, stabilization, settings that change in flight.

mod play;

use play::{Play, course, decided, settings, unbounded};
use scale::{Behavior, Direction, Policy, PolicyKind, Reason, Sample, Select, Settings, Signal, Targets};
use std::time::Duration;

const TENTH: Duration = Duration::from_millis(100);

#[test]
fn panic_takes_the_short_average_and_policies_bound_it() {
    let settings = Settings { surge: 9.0, ..settings(100) };
    let surge = |second: f64, sample: &mut Sample| {
        sample.concurrency = Some(if second < 54.0 { 10.0 } else { 100.0 });
    };
    let decision = decided(settings.clone(), 1, 60, surge);
    let proposal = &decision.proposals[0];
    assert!(decision.panicking);
    assert!((proposal.stable.unwrap_or(0.0) - 19.0).abs() < 1e-6, "54 s of 10 and 6 s of 100");
    assert!((proposal.panic.unwrap_or(0.0) - 100.0).abs() < 1e-6);
    assert_eq!((proposal.wants, decision.to), (10, 5), "1 and 4 more");
    assert_eq!(
        decision.text(),
        "concurrency 19.0 over 60 s (100.0 over 6 s) at 10.0 each wants 10 in panic; \
         policies bound it to 5: 1 -> 5"
    );
    let calm = decided(Settings { panic_threshold: 20.0, ..settings }, 1, 60, surge);
    assert_eq!((calm.panicking, calm.to), (false, 2));
}

#[test]
fn a_load_a_little_above_what_one_instance_is_to_carry_is_no_surge() {
    let mut play = Play::new(settings(100), 1, Duration::ZERO);
    // An hour around 9.6 of 10, half of the time a little above: one is enough, and 1.05 rounded up is no panic.
    let around = |second: f64| 9.6 + 0.9 * (second / 7.0).sin();
    let mut turns = 0;
    for _ in 0..1_800 {
        let before = play.scaler.wanted();
        play.run(2, TENTH, around);
        assert!(play.last.as_ref().is_none_or(|last| !last.panicking));
        turns += u32::from(play.scaler.wanted() != before);
    }
    assert!(turns <= 1, "{turns} changes");
}

#[test]
fn in_panic_counts_do_not_fall() {
    let mut settings = Settings { surge: 9.0, up: unbounded(), ..settings(100) };
    settings.down.stabilization_window = Duration::ZERO;
    let mut play = Play::new(settings, 1, Duration::ZERO);
    play.run(60, TENTH, |_| 8.0);
    play.run(7, TENTH, |_| 100.0);
    assert_eq!(play.scaler.wanted(), 10);
    // The short average wants twice as many as there are for the last time about when the surge begins.
    let panicking = |play: &Play| play.last.as_ref().is_some_and(|last| last.panicking);
    while panicking(&play) {
        assert_eq!(play.scaler.wanted(), 10);
        play.run(2, TENTH, |_| 8.0);
    }
    let calm_at = play.now.as_secs();
    assert!((120..=126).contains(&calm_at), "a stable window after it was last seen: {calm_at} s");
    assert!(play.scaler.wanted() <= 2, "with no window to stabilize in it falls at once");
}

#[test]
fn no_more_start_at_once_than_half_of_those_that_are_ready() {
    let decision = decided(settings(100), 8, 60, |_, sample| sample.concurrency = Some(300.0));
    assert_eq!(decision.to, 12, "30 are wanted, 16 by policy; 8 and half of 8");
    let decision = decided(settings(100), 3, 60, |_, sample| {
        (sample.ready, sample.starting, sample.concurrency) = (2, 1, Some(90.0));
    });
    assert_eq!((decision.to, decision.reason), (3, Reason::Starting));
    assert!(decision.text().ends_with("; 2 ready and 1 starting bound it to 3: stays at 3"));
}

#[test]
fn a_slow_start_brings_no_panic_and_no_explosion() {
    let mut play = Play::new(settings(100), 1, Duration::from_secs(25));
    play.run(60, TENTH, |_| 8.0);
    // The load doubles, and while an instance starts twice as much of it waits.
    play.run(24, TENTH, |second| if second < 62.0 { 16.0 } else { 32.0 });
    assert_eq!(play.scaler.wanted(), 2);
    assert_eq!(play.most_starting, 1);
    play.run(120, TENTH, |_| 16.0);
    assert!(play.scaler.wanted() <= 3, "{:?}", course(&play.changes));
}

#[test]
fn rising_follows_policies_over_time() {
    let settings = Settings { surge: 99.0, ..settings(100) };
    let mut play = Play::new(settings, 1, Duration::ZERO);
    play.run(66, TENTH, |_| 500.0);
    // 4 more in the first 15 s, then twice as many in each.
    let counts: Vec<_> = course(&play.changes).into_iter().map(|(_, count)| count).collect();
    assert_eq!(counts, [5, 10, 20, 40, 50]);
    let times: Vec<_> = course(&play.changes).into_iter().map(|(second, _)| second).collect();
    assert!(times.windows(2).all(|pair| (15..=17).contains(&(pair[1] - pair[0]))), "{times:?}");
}

#[test]
fn falling_waits_for_the_stabilization_window() {
    let mut play = Play::new(settings(100), 8, Duration::ZERO);
    play.run(400, TENTH, |_| 80.0);
    play.run(300, TENTH, |_| 0.0);
    assert!(play.changes.is_empty(), "{:?}", course(&play.changes));
    let last = play.last.clone().expect("many");
    assert_eq!((last.reason, last.to), (Reason::Stabilization, 8));
    play.run(70, TENTH, |_| 0.0);
    assert_eq!(play.scaler.wanted(), 1);
    assert!(play.changes.iter().all(|change| change.direction() == Direction::Down));
    assert!(play.changes.iter().all(|change| change.reason == Reason::Signal(Signal::Concurrency)));
}

#[test]
fn falling_can_be_slowed_and_forbidden() {
    let half_a_minute = Policy { kind: PolicyKind::Instances, value: 1, period: Duration::from_secs(30) };
    let mut settings = settings(100);
    settings.down = Behavior { policies: vec![half_a_minute], ..unbounded() };
    let mut play = Play::new(settings.clone(), 4, Duration::ZERO);
    play.run(65, TENTH, |_| 0.0);
    assert_eq!(course(&play.changes), [(0, 3), (30, 2), (60, 1)]);
    settings.down.select = Select::Disabled;
    let mut play = Play::new(settings, 4, Duration::ZERO);
    play.run(600, TENTH, |_| 0.0);
    assert_eq!((play.scaler.wanted(), play.last.map(|last| last.reason)), (4, Some(Reason::Policy)));
}

#[test]
fn rising_waits_too_where_it_is_told_to() {
    let mut settings = settings(100);
    settings.up.stabilization_window = Duration::from_secs(30);
    let mut play = Play::new(settings, 2, Duration::ZERO);
    play.run(20, TENTH, |_| 20.0);
    play.run(20, TENTH, |_| 29.0);
    play.run(70, TENTH, |_| 20.0);
    assert!(play.changes.is_empty(), "a surge that is over sooner: {:?}", course(&play.changes));
    play.run(50, TENTH, |_| 29.0);
    assert_eq!(play.scaler.wanted(), 3);
}

#[test]
fn a_backlog_that_is_gone_raises_nothing() {
    let one = Policy { kind: PolicyKind::Instances, value: 1, period: Duration::from_secs(15) };
    let up = Behavior { policies: vec![one], ..unbounded() };
    let mut play = Play::new(Settings { up, ..settings(100) }, 4, Duration::ZERO);
    play.run(60, TENTH, |_| 40.0);
    // For two seconds hundreds wait. That makes 59 on average of a minute, which want 6 instances, one in 15 s.
    play.run(2, TENTH, |_| 600.0);
    play.run(50, TENTH, |_| 40.0);
    let last = play.last.clone().expect("many");
    assert!(last.proposals[0].stable.is_some_and(|stable| stable > 58.0), "it is still in the long average");
    assert_eq!(last.proposals[0].wants, 5, "as many as there are: nobody needs what is gone");
    assert_eq!(play.scaler.wanted(), 5, "{:?}", course(&play.changes));
}

#[test]
fn settings_may_change_in_flight_and_what_was_measured_stays() {
    let mut play = Play::new(settings(100), 4, Duration::ZERO);
    play.run(60, TENTH, |_| 40.0);
    play.scaler.configure(Settings {
        stable_window: Duration::from_secs(30),
        panic_window: Duration::from_secs(12),
        ..settings(100)
    });
    let decision = play.decide();
    assert!((decision.proposals[0].stable.unwrap_or(0.0) - 40.0).abs() < 1e-6);
    // Half the target wants twice as many; less than there are as `max` is at once so.
    let halved = Targets { concurrency: Some(5.0), ..Targets::default() };
    play.scaler.configure(Settings { targets: halved, ..settings(100) });
    let decision = play.decide();
    assert_eq!((decision.proposals[0].wants, decision.to), (8, 6), "half of 4 may start at once");
    play.scaler.configure(settings(2));
    let lowered = play.decide();
    assert_eq!((lowered.to, lowered.reason), (2, Reason::Max));
    play.scaler.configure(Settings { min: 7, ..settings(100) });
    let raised = play.decide();
    assert_eq!((raised.to, raised.reason), (7, Reason::Min));
}

/// The table of docs/guide/autoscaling.md.
#[test]
fn the_example_of_the_guide_is_true() {
    let targets = Targets { concurrency: Some(20.0), ..Targets::default() };
    let mut play = Play::new(Settings { targets, ..settings(8) }, 3, Duration::from_secs(3));
    let load = |play: &mut Play, seconds, load| {
        play.run(seconds, TENTH, |_| load);
        let decision = play.decide();
        let proposal = &decision.proposals[0];
        let averages = [proposal.stable, proposal.panic].map(|average| average.unwrap_or(0.0).round());
        (averages, proposal.wants, decision.to)
    };
    assert_eq!(load(&mut play, 240, 40.0), ([40.0, 40.0], 2, 3));
    assert_eq!(load(&mut play, 2, 400.0), ([52.0, 160.0], 8, 5));
    assert_eq!(load(&mut play, 4, 400.0), ([76.0, 400.0], 20, 7));
    assert_eq!(load(&mut play, 12, 400.0), ([148.0, 400.0], 20, 8));
    play.run(300, TENTH, |_| 40.0);
    assert_eq!(play.scaler.wanted(), 8);
    play.run(80, TENTH, |_| 40.0);
    assert_eq!(play.scaler.wanted(), 2);
}
