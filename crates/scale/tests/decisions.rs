//! What is decided, with sums worked out by hand.

mod play;

use base::Moment;
use play::{Play, course, decided, settings, unbounded};
use scale::{Backlog, Database, Decision, Direction, Reason, Sample, Scaler, Settings, Signal, Targets};
use std::time::Duration;

const TENTH: Duration = Duration::from_millis(100);

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

#[test]
fn too_few_answers_for_a_percentile_keep_nothing_that_other_signals_do_not_want() {
    let latency_p95 = Some(Duration::from_millis(500));
    let targets = Targets { concurrency: Some(10.0), latency_p95, ..Targets::default() };
    let mut play = Play::new(Settings { targets, ..settings(100) }, 4, Duration::ZERO);
    play.run(310, TENTH, |_| 8.0);
    assert_eq!(play.scaler.wanted(), 1);
}

#[test]
fn where_latency_is_all_there_is_no_answers_keep_the_count_and_no_requests_lower_it_step_by_step() {
    let latency_p95 = Some(Duration::from_millis(500));
    let targets = Targets { latency_p95, ..Targets::default() };
    let mut play = Play::new(Settings { targets, ..settings(100) }, 4, Duration::ZERO);
    play.run(700, TENTH, |_| 8.0);
    assert_eq!(
        (play.scaler.wanted(), play.last.clone().map(|last| last.reason)),
        (4, Some(Reason::NoMetrics))
    );
    play.run(1_000, TENTH, |_| 0.0);
    let times: Vec<_> = course(&play.changes);
    assert_eq!(times.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [3, 2, 1]);
    assert!(times.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 300), "{times:?}");
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
