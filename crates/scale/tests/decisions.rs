//! What is decided, with sums worked out by hand.

mod play;

use base::Moment;
use play::{Play, course, settings};
use scale::{
    Backlog, Behavior, Database, Decision, Direction, Policy, PolicyKind, Reason, Sample, Scaler, Select,
    Settings, Signal, Targets,
};
use std::time::Duration;

const TENTH: Duration = Duration::from_millis(100);

/// The decision after so many seconds of samples, each 100 ms, of a service whose instances are all ready.
fn decided(settings: Settings, wanted: u32, seconds: u64, shape: impl Fn(f64, &mut Sample)) -> Decision {
    let mut scaler = Scaler::new(settings, wanted);
    for tenth in 1..=seconds * 10 {
        let mut sample = play::quiet(TENTH * tenth as u32);
        sample.ready = wanted;
        // The middle of the time that the sample is about.
        shape(tenth as f64 / 10.0 - 0.05, &mut sample);
        scaler.observe(&sample);
    }
    scaler.decide(Moment::ORIGIN + Duration::from_secs(seconds))
}

fn concurrency(load: f64) -> impl Fn(f64, &mut Sample) {
    move |_, sample| sample.concurrency = Some(load)
}

/// What the first signal wants.
fn wants(decision: &Decision) -> u32 {
    decision.proposals[0].wants
}

/// Targets for CPU alone, 70 %.
fn by_cpu() -> Settings {
    let targets = Targets { cpu: Some(0.7), ..Targets::default() };
    Settings { targets, ..settings(100) }
}

#[test]
fn concurrency_wants_the_load_divided_by_the_target_rounded_up() {
    let decision = decided(settings(100), 3, 60, concurrency(41.0));
    assert_eq!((wants(&decision), decision.to), (5, 5), "41 / 10 is 4.1");
    assert_eq!(decision.text(), "concurrency 41.0 over 60 s (41.0 over 6 s) at 10.0 each wants 5: 3 -> 5");
    assert_eq!((decision.reason, decision.direction()), (Reason::Signal(Signal::Concurrency), Direction::Up));
}

#[test]
fn within_a_tenth_of_the_target_nothing_changes() {
    // Eight instances carry 80.
    let wants = |load| wants(&decided(settings(100), 8, 60, concurrency(load)));
    assert_eq!([72.0, 80.0, 88.0].map(wants), [8, 8, 8]);
    assert_eq!([69.0, 88.1].map(wants), [7, 9]);
    let steady = decided(settings(100), 8, 60, concurrency(88.0));
    assert_eq!((steady.reason, steady.direction()), (Reason::Steady, Direction::Stay));
}

#[test]
fn requests_per_second_are_the_same_sum() {
    let targets = Targets { rps: Some(100.0), ..Targets::default() };
    let settings = Settings { targets, ..settings(100) };
    let decision = decided(settings, 3, 60, |_, sample| sample.rps = Some(450.0));
    assert_eq!((decision.to, decision.reason), (5, Reason::Signal(Signal::Rps)));
}

#[test]
fn cpu_is_compared_with_the_ready_instances() {
    let wants =
        |ready, share: f64| wants(&decided(by_cpu(), ready, 60, move |_, sample| sample.cpu = Some(share)));
    assert_eq!(wants(3, 0.93), 4, "3 x 93 / 70 is 3.99");
    assert_eq!(wants(3, 0.76), 3, "76 / 70 is within tolerance");
    assert_eq!(wants(4, 0.35), 2);
    assert_eq!(wants(10, 1.0), 15, "14.3");
    let decision = decided(by_cpu(), 3, 60, |_, sample| sample.cpu = Some(0.93));
    assert_eq!(decision.text(), "cpu 93.0 % of 3 over 60 s at 70.0 % each wants 4: 3 -> 4");
}

#[test]
fn cpu_of_a_minute_in_which_instances_came_is_not_counted_for_each_of_them() {
    // One at 100 % for half a minute, then four that share the same load: what there is to carry was 1 all the time.
    let decision = decided(by_cpu(), 4, 60, |second, sample| {
        (sample.ready, sample.cpu) = if second < 30.0 { (1, Some(1.0)) } else { (4, Some(0.25)) };
    });
    assert_eq!(wants(&decision), 2, "1 / 0.7 is 1.43; the mean of the minute, 62 % of 4, would want 4");
}

#[test]
fn memory_is_the_same_sum_and_the_greatest_of_several_decides() {
    let targets =
        Targets { concurrency: Some(10.0), cpu: Some(0.7), memory: Some(0.8), ..Targets::default() };
    let settings = Settings { targets, ..settings(100) };
    let decision = decided(settings, 4, 60, |_, sample| {
        (sample.concurrency, sample.cpu, sample.memory) = (Some(21.0), Some(0.6), Some(0.95));
    });
    let wants: Vec<_> = decision.proposals.iter().map(|proposal| (proposal.signal, proposal.wants)).collect();
    assert_eq!(wants, [(Signal::Concurrency, 3), (Signal::Cpu, 4), (Signal::Memory, 5)]);
    assert_eq!((decision.to, decision.reason), (5, Reason::Signal(Signal::Memory)));
}

#[test]
fn a_backlog_wants_what_works_it_off_in_time() {
    let targets = Targets { queue: Some(Duration::from_secs(60)), ..Targets::default() };
    let settings = Settings { targets, surge: 9.0, up: unbounded(), ..settings(100) };
    let with = |ready, arrival, millis| {
        let service_time = Duration::from_millis(millis);
        let backlog = Backlog { ready, arrival, service_time, concurrency: 2.0 };
        decided(settings.clone(), 1, 10, move |_, sample| sample.backlog = Some(backlog))
    };
    // One instance does 2 at a time, 200 ms each: 600 in a minute.
    assert_eq!(with(5_400, 0.0, 200).to, 9);
    assert_eq!(with(5_400, 10.0, 200).to, 10, "600 more come in that minute");
    assert_eq!(with(0, 10.0, 200).to, 1);
    assert_eq!(with(5_400, 10.0, 0).to, 1, "how long a job takes is not known yet");
    assert_eq!(with(5_400, f64::NAN, 200).reason, Reason::NoMetrics);
}

#[test]
fn latency_adds_one_where_instances_are_used_and_never_more() {
    let targets = Targets {
        concurrency: Some(10.0),
        latency_p95: Some(Duration::from_millis(500)),
        ..Targets::default()
    };
    let settings = Settings { targets, ..settings(100) };
    let to = |load, millis| {
        let decision = decided(settings.clone(), 4, 60, move |_, sample| {
            sample.concurrency = Some(load);
            sample.latency_p95 = Some(Duration::from_millis(millis));
        });
        (decision.proposals[1].wants, decision.reason)
    };
    assert_eq!(to(36.0, 5_000), (5, Reason::Signal(Signal::Latency)));
    assert_eq!(to(19.0, 5_000).0, 4, "19 of 40: they are not what is slow");
    assert_eq!(to(36.0, 400).0, 0, "the guard has nothing to say");
}

fn unbounded() -> Behavior {
    Behavior { stabilization_window: Duration::ZERO, policies: Vec::new(), select: Select::Max }
}

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
    let decision = decided(settings(100), 8, 60, concurrency(300.0));
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
    play.run(8, TENTH, |_| 29.0);
    play.run(70, TENTH, |_| 20.0);
    assert!(play.changes.is_empty(), "a surge that is over sooner: {:?}", course(&play.changes));
    play.run(50, TENTH, |_| 29.0);
    assert_eq!(play.scaler.wanted(), 3);
}

#[test]
fn a_database_without_room_gets_no_more_instances_unless_they_are_busy() {
    let with = |connections, waits, cpu| {
        decided(settings(100), 3, 60, move |_, sample| {
            sample.concurrency = Some(50.0);
            sample.database = Some(Database { connections, waits });
            sample.cpu = cpu;
        })
    };
    let blocked = with(0.9, false, Some(0.3));
    assert_eq!((blocked.to, blocked.reason), (3, Reason::Database));
    assert!(blocked.text().ends_with("; the database has no room for more: stays at 3"));
    assert_eq!(with(0.1, true, None).reason, Reason::Database);
    assert_eq!(with(0.89, false, Some(0.3)).to, 5);
    assert_eq!(with(0.95, true, Some(0.8)).to, 5, "the instances are what is busy");
}

#[test]
fn in_a_crash_loop_the_count_stays() {
    let with = |load| {
        decided(settings(100), 3, 60, move |_, sample| {
            (sample.concurrency, sample.crash_loop) = (Some(load), true);
        })
    };
    assert_eq!((with(90.0).to, with(90.0).reason), (3, Reason::CrashLoop));
    let mut settings = settings(100);
    settings.down = unbounded();
    let mut play = Play::new(settings, 3, Duration::ZERO);
    for _ in 0..6_000 {
        play.step(TENTH, |sample| sample.crash_loop = true);
    }
    assert_eq!(play.scaler.wanted(), 3);
}

#[test]
fn without_targets_the_count_is_min() {
    let fixed = Settings { min: 3, max: 3, ..Settings::default() };
    let decision = decided(fixed, 5, 1, concurrency(1_000.0));
    assert_eq!((decision.to, decision.reason), (3, Reason::Max));
    let mut play = Play::new(Settings { min: 2, max: 9, ..Settings::default() }, 2, Duration::ZERO);
    play.run(600, TENTH, |_| 1_000.0);
    assert!(play.changes.is_empty());
}

#[test]
fn a_decision_is_due_each_tick() {
    let mut scaler = Scaler::new(settings(8), 1);
    let at = |millis| Moment::ORIGIN + Duration::from_millis(millis);
    assert!(scaler.is_due(at(0)));
    scaler.decide(at(0));
    assert!(!scaler.is_due(at(1_999)) && scaler.is_due(at(2_000)));
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
    assert_eq!((wants(&play.decide()), play.scaler.wanted()), (8, 6), "half of 4 may start at once");
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
