//! What holds for any load, any settings, and whatever is measured: bounds, order, silence.

mod play;

use base::Moment;
use play::{Play, moved};
use proptest::prelude::*;
use scale::{
    Backlog, Behavior, Database, Decision, Policy, PolicyKind, Reason, Sample, Select, Settings, Targets,
    Window,
};
use std::time::{Duration, SystemTime};

const SECOND: Duration = Duration::from_secs(1);

fn millis(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_millis)
}

fn maybe<T: Clone + std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    proptest::option::of(value)
}

prop_compose! {
    fn targets()(
        concurrency in maybe(0.0_f64..50.0),
        rps in maybe(1.0_f64..500.0),
        cpu in maybe(0.1_f64..1.0),
        memory in maybe(0.1_f64..1.0),
        latency_p95 in maybe(millis(0..2_000)),
        queue in maybe(millis(0..90_000)),
    ) -> Targets {
        Targets { concurrency, rps, cpu, memory, latency_p95, queue }
    }
}

prop_compose! {
    fn behavior()(
        stabilization_window in millis(0..120_000),
        policies in proptest::collection::vec((any::<bool>(), 0_u32..200, millis(0..60_000)), 0..3),
        select in prop_oneof![Just(Select::Max), Just(Select::Min), Just(Select::Disabled)],
    ) -> Behavior {
        let policies = policies.into_iter().map(|(percent, value, period)| {
            let kind = if percent { PolicyKind::Percent } else { PolicyKind::Instances };
            Policy { kind, value, period }
        });
        Behavior { stabilization_window, policies: policies.collect(), select }
    }
}

prop_compose! {
    fn window()(
        days in any::<[bool; 7]>(),
        from in 0_u16..1_440,
        to in 0_u16..1_440,
        zone in 0_usize..4,
        min in maybe(0_u32..30),
        max in maybe(0_u32..30),
    ) -> Window {
        let zones = [None, Some("Europe/Berlin"), Some("Asia/Kolkata"), Some("Nowhere/Land")];
        Window { days, from, to, time_zone: zones[zone].map(Into::into), min, max }
    }
}

prop_compose! {
    fn any_settings()(
        min in 0_u32..10,
        above in 1_u32..30,
        targets in targets(),
        times in (0.0_f64..0.3, millis(100..5_000), millis(0..90_000), millis(0..9_000), 0.5_f64..4.0),
        up in behavior(),
        down in behavior(),
        zero_after in maybe(millis(0..90_000)),
        schedule in proptest::collection::vec(window(), 0..3),
        forecast in any::<bool>(),
        surge in 0.0_f64..3.0,
    ) -> Settings {
        let (tolerance, tick, stable_window, panic_window, panic_threshold) = times;
        Settings {
            min, max: min + above, targets, tolerance, tick, stable_window, panic_window, panic_threshold,
            up, down, zero_after, schedule, forecast, surge,
        }
    }
}

/// What is measured of a service, but for its instances, and how much time passes before it.
#[derive(Clone, Debug)]
struct Look {
    passed: Duration,
    /// How far the clock on the wall jumps, in seconds.
    jump: i64,
    sample: Sample,
}

prop_compose! {
    fn look(known: f64)(
        passed in millis(0..20_000),
        jump in prop_oneof![20 => Just(0_i64), 1 => -9_000_000_i64..9_000_000],
        concurrency in proptest::option::weighted(known, 0.0_f64..500.0),
        rps in proptest::option::weighted(known, 0.0_f64..5_000.0),
        latency_p95 in proptest::option::weighted(known, millis(0..3_000)),
        cpu in proptest::option::weighted(known, 0.0_f64..2.0),
        memory in proptest::option::weighted(known, 0.0_f64..2.0),
        jobs in proptest::option::weighted(known, (0_u64..9_000, 0.0_f64..90.0, millis(0..2_000))),
        database in maybe((0.0_f64..1.0, any::<bool>())),
        start_time in maybe(millis(0..40_000)),
        crash_loop in proptest::bool::weighted(0.05),
    ) -> Look {
        let backlog = jobs.map(|(ready, arrival, service_time)| {
            Backlog { ready, arrival, service_time, concurrency: 2.0 }
        });
        let database = database.map(|(connections, waits)| Database { connections, waits });
        let sample = Sample {
            concurrency, rps, latency_p95, cpu, memory, backlog, database, start_time, crash_loop,
            ..play::quiet(Duration::ZERO)
        };
        Look { passed, jump, sample }
    }
}

/// Shows a service all looks, and hands each decision to `check`, with the sample before it.
fn live(
    play: &mut Play,
    looks: Vec<Look>,
    mut check: impl FnMut(&Decision, &Sample) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let mut jumped = 0;
    for look in looks {
        jumped += look.jump;
        let mut sample = None;
        let decision = play.step(look.passed, |shaped| {
            let (at, ready, starting) = (shaped.at, shaped.ready, shaped.starting);
            *shaped = Sample { at, wall: moved(shaped.wall, jumped), ready, starting, ..look.sample };
            sample = Some(shaped.clone());
        });
        if let (Some(decision), Some(sample)) = (decision, sample) {
            check(&decision, &sample)?;
        }
    }
    Ok(())
}

/// The bounds of a moment by the plainest of readings: minutes of the week in UTC.
fn utc_bounds(settings: &Settings, wall: SystemTime) -> (u32, u32) {
    let minutes = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs() / 60;
    // 1970 began on a Thursday.
    let (day, minute) = ((minutes / 1_440 + 3) as usize % 7, (minutes % 1_440) as u16);
    let open = settings.schedule.iter().filter(|window| {
        let yesterday = window.days[(day + 6) % 7];
        if window.from < window.to {
            window.days[day] && (window.from..window.to).contains(&minute)
        } else {
            (window.days[day] && minute >= window.from) || (yesterday && minute < window.to)
        }
    });
    let (mins, maxs): (Vec<_>, Vec<_>) = open.map(|window| (window.min, window.max)).unzip();
    let ceiling = maxs.into_iter().flatten().min().unwrap_or(u32::MAX).min(settings.max);
    let floor = mins.into_iter().flatten().max().unwrap_or(0);
    (floor.min(ceiling), ceiling)
}

/// On the way to zero, as far as the policies let it.
fn may_fall(decision: &Decision) -> bool {
    decision.limits.iter().any(|limit| limit.reason == Reason::Zero)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_count_lies_within_min_and_max_and_the_schedule_whatever_happens(
        mut settings in any_settings(),
        others in maybe(any_settings()),
        wanted in 0_u32..40,
        before in proptest::collection::vec(look(0.8), 1..40),
        after in proptest::collection::vec(look(0.8), 1..40),
    ) {
        settings.schedule.iter_mut().for_each(|window| window.time_zone = None);
        let mut play = Play::new(settings.clone(), wanted, 3 * SECOND);
        let check = |settings: &Settings, decision: &Decision, sample: &Sample| {
            let (floor, ceiling) = utc_bounds(settings, sample.wall);
            prop_assert!(decision.to <= ceiling, "{decision:?}");
            prop_assert!(decision.to >= floor, "{decision:?}");
            let least = settings.min.max(1).min(ceiling);
            let asked = sample.concurrency.is_some_and(|load| load > 0.001);
            let may_sleep = settings.zero_after.is_some() && !asked;
            prop_assert!(decision.to >= least || (may_sleep && decision.to == 0) || may_fall(decision), "{decision:?}");
            prop_assert!(!decision.text().is_empty() && !decision.reason.as_str().is_empty());
            Ok(())
        };
        live(&mut play, before, |decision, sample| check(&settings, decision, sample))?;
        let mut other = others.unwrap_or(settings);
        other.schedule.iter_mut().for_each(|window| window.time_zone = None);
        play.scaler.configure(other.clone());
        live(&mut play, after, |decision, sample| check(&other, decision, sample))?;
    }

    #[test]
    fn what_is_not_measured_lowers_nothing(
        settings in any_settings(),
        target in 0.5_f64..50.0,
        known in proptest::collection::vec(look(0.99), 1..20),
        silence in proptest::collection::vec(look(0.3), 1..60),
        steps in millis(100..3_000),
    ) {
        let targets = Targets { concurrency: Some(target), ..settings.targets.clone() };
        let settings = Settings { schedule: Vec::new(), targets, ..settings };
        let mut play = Play::new(settings.clone(), settings.initial(), 3 * SECOND);
        live(&mut play, known, |_, _| Ok(()))?;
        // Of concurrency nothing is known any more, and of the rest now and then.
        let silent_since = play.now;
        let silence = silence.into_iter().map(|mut look| {
            (look.passed, look.sample.concurrency) = (steps, None);
            look
        });
        live(&mut play, silence.collect(), |decision, _| {
            let fresh_for = (settings.tick * 2).max(5 * SECOND);
            if decision.at.since(Moment::ORIGIN + silent_since) > fresh_for {
                prop_assert!(decision.to >= decision.from, "{decision:?}");
            }
            Ok(())
        })?;
    }

    #[test]
    fn more_load_never_wants_fewer(
        settings in any_settings(),
        wanted in 1_u32..30,
        past in proptest::collection::vec(look(0.9), 0..30),
        last in look(0.99),
        more in 1.0_f64..5.0,
    ) {
        let mut play = Play::new(settings, wanted, 3 * SECOND);
        live(&mut play, past, |_, _| Ok(()))?;
        let at = play.now + last.passed;
        let decide = |more: f64| {
            let mut scaler = play.scaler.clone();
            let mut sample = Sample { ready: play.ready, ..last.sample.clone() };
            (sample.at, sample.wall) = (Moment::ORIGIN + at, play::quiet(at).wall);
            for load in [&mut sample.concurrency, &mut sample.rps, &mut sample.cpu, &mut sample.memory] {
                *load = load.map(|load| load * more);
            }
            scaler.observe(&sample);
            scaler.decide(sample.at)
        };
        let (less, more) = (decide(1.0), decide(more));
        prop_assert!(more.to >= less.to, "{}\n{}", less.text(), more.text());
    }

    #[test]
    fn the_same_samples_give_the_same_decisions(
        settings in any_settings(),
        looks in proptest::collection::vec(look(0.8), 1..40),
    ) {
        let decisions = |looks| {
            let mut decisions = Vec::new();
            let mut play = Play::new(settings.clone(), settings.initial(), 3 * SECOND);
            live(&mut play, looks, |decision, _| { decisions.push(decision.text()); Ok(()) })?;
            Ok::<_, TestCaseError>(decisions)
        };
        prop_assert_eq!(decisions(looks.clone())?, decisions(looks)?);
    }
}
