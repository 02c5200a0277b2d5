//! What the scaler of production does with each trace that is shipped.

use scale::Scaler;
use simulator::{Parameters, Report, Side, Trace, compare};
use std::path::PathBuf;
use std::sync::LazyLock;

const TRACES: [&str; 9] =
    ["black-friday", "crash-loop", "day", "metrics-lost", "million", "ramp", "sawtooth", "spike", "step"];

/// Runs take a while; each test looks at the same ones.
static REPORTS: LazyLock<Vec<Report>> = LazyLock::new(|| TRACES.map(|name| simulate(name, 1)).into());

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "..", "examples", "traces"].iter().collect()
}

fn simulate(name: &str, seed: u64) -> Report {
    let text = std::fs::read_to_string(folder().join(format!("{name}.csv"))).expect("the trace is shipped");
    let trace = Trace::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let parameters =
        Parameters { seed, ..Parameters::default() }.with(trace.settings()).checked().expect("good settings");
    compare(&trace, &parameters, name, |initial| Scaler::new(parameters.scale.clone(), initial))
}

fn report(name: &str) -> &'static Report {
    REPORTS.iter().find(|report| report.trace == name).expect("a shipped trace")
}

fn sides() -> impl Iterator<Item = (&'static Report, &'static Side)> {
    REPORTS.iter().flat_map(|report| [(report, &report.tidegate), (report, &report.hpa)])
}

/// What was wanted at that second.
fn wanted_at(side: &Side, seconds: f64) -> u32 {
    let before = side.changes.iter().take_while(|change| change.seconds <= seconds).last();
    before.map_or_else(|| side.rows[0].wanted, |change| change.to)
}

#[test]
fn every_file_in_the_folder_is_one_of_these() {
    let mut found: Vec<String> = std::fs::read_dir(folder())
        .expect("the folder is there")
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    found.sort();
    assert_eq!(found, TRACES);
}

#[test]
fn counts_stay_within_their_bounds() {
    for (report, side) in sides() {
        let (min, max) = (report.parameters.scale.min, report.parameters.scale.max);
        for change in &side.changes {
            assert!((min..=max).contains(&change.to), "{} {}: {change:?}", report.trace, side.name);
        }
        assert!(
            side.rows.iter().all(|row| row.ready + row.starting <= max),
            "{} {}",
            report.trace,
            side.name
        );
    }
}

#[test]
fn the_direction_changes_at_most_once_in_a_stabilization_window() {
    for report in REPORTS.iter() {
        let window = report.parameters.scale.down.stabilization_window;
        let most = report.tidegate.summary.most_turns_within(window);
        assert!(most <= 1, "{}: {most} at {:?}", report.trace, report.tidegate.summary.turns);
    }
}

#[test]
fn no_count_falls_within_a_stabilization_window_of_its_rise() {
    for report in REPORTS.iter() {
        let window = report.parameters.scale.down.stabilization_window.as_secs_f64();
        for pair in report.tidegate.changes.windows(2) {
            let falls_back = pair[0].to > pair[0].from && pair[1].to < pair[1].from;
            let after = pair[1].seconds - pair[0].seconds;
            assert!(!falls_back || after >= window, "{}: {pair:?}", report.trace);
        }
    }
}

#[test]
fn no_request_is_lost() {
    for report in REPORTS.iter() {
        let lost = report.tidegate.summary.lost();
        assert!(lost < 0.5, "{}: {lost} of {} lost", report.trace, report.tidegate.summary.requests);
    }
}

#[test]
fn what_came_is_what_was_answered_or_lost_or_is_still_there() {
    for (report, side) in sides() {
        let all = &side.summary;
        let sum = all.answered + all.lost() + all.unfinished;
        let off = (sum / all.requests - 1.0).abs();
        assert!(off < 1e-9, "{} {}: {sum} of {}", report.trace, side.name, all.requests);
    }
}

#[test]
fn the_work_follows_the_length_of_a_trace_and_not_its_rate() {
    for (report, side) in sides() {
        let steps = side.summary.steps as f64;
        assert!((steps - report.seconds * 10.0).abs() < 1.0, "{}: {steps} steps", report.trace);
        assert!(side.rows.len() <= 480 && side.changes.len() <= 1000, "{}", report.trace);
    }
    assert!(report("million").peak >= 1e6 && report("million").tidegate.summary.most_instances > 150);
}

#[test]
fn a_scaler_that_knows_of_the_crash_loop_adds_nothing_to_it() {
    let ours = &report("crash-loop").tidegate;
    // The loop is noticed only after five instances have ended, so one step up may be under way.
    let (before, within) = (wanted_at(ours, 200.0), wanted_at(ours, 599.0));
    let theirs = wanted_at(&report("crash-loop").hpa, 599.0);
    assert!(within <= before + 2, "{before} -> {within}: {:?}", ours.changes);
    assert!(within <= theirs, "{within} and {theirs}");
    assert!(ours.rows.last().is_some_and(|row| row.ready >= 1 && row.starting == 0));
}

#[test]
fn the_count_stays_while_nothing_is_measured() {
    let ours = &report("metrics-lost").tidegate;
    let changes: Vec<_> = ours.changes.iter().filter(|c| (601.0..720.0).contains(&c.seconds)).collect();
    assert!(changes.is_empty(), "{changes:?}");
}

#[test]
fn the_day_costs_fewer_instance_hours_than_its_peak_all_day_long() {
    let day = &report("day").tidegate.summary;
    let peak = f64::from(day.most_instances) * 24.0;
    assert!(day.instance_hours < 0.6 * peak, "{} of {peak}", day.instance_hours);
}

#[test]
fn fewer_requests_are_lost_than_with_a_plain_hpa_where_the_load_jumps() {
    for name in ["spike", "step"] {
        let report = report(name);
        assert!(report.hpa.summary.lost() > 1.0, "{name}: nothing to compare");
        assert!(report.tidegate.summary.lost() < report.hpa.summary.lost(), "{name}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_one_others() {
    let (again, other) = (simulate("spike", 1), simulate("spike", 2));
    let first = report("spike");
    assert_eq!(first.html(), again.html());
    assert_eq!(first.text(), again.text());
    assert_eq!(first.csv(), again.csv());
    assert_eq!(first.json().to_string(), again.json().to_string());
    assert_ne!(first.json().to_string(), other.json().to_string());
}

#[test]
fn what_holds_for_one_seed_holds_for_others() {
    for name in ["crash-loop", "sawtooth", "spike", "step"] {
        for seed in 2..6 {
            let report = simulate(name, seed);
            let ours = &report.tidegate.summary;
            let window = report.parameters.scale.down.stabilization_window;
            assert!(ours.lost() < 0.5, "{name}, seed {seed}: {} lost", ours.lost());
            assert!(ours.most_turns_within(window) <= 1, "{name}, seed {seed}: turns at {:?}", ours.turns);
        }
    }
}

#[test]
fn every_change_says_why() {
    for (report, side) in sides() {
        for change in &side.changes {
            assert!(!change.text.is_empty() && !change.reason.is_empty(), "{}: {change:?}", report.trace);
        }
    }
}

#[test]
fn a_service_at_zero_holds_requests_until_its_first_instance_is_ready() {
    let text = "# settings: min=0 zero_after=60s start_time=5s\nseconds,rps\n\
                0,20\n120,20\n120,0\n600,0\n600,20\n700,20\n";
    let trace = Trace::parse(text).unwrap();
    let parameters = Parameters::default().with(trace.settings()).checked().unwrap();
    let report = compare(&trace, &parameters, "zero", |n| Scaler::new(parameters.scale.clone(), n));
    let ours = &report.tidegate;
    assert!(ours.rows.iter().any(|row| (500.0..600.0).contains(&row.until) && row.ready == 0), "{ours:?}");
    assert!(ours.summary.lost() < 0.5);
    // Twenty a second for a start time of 4 to 6 seconds.
    assert!((70.0..150.0).contains(&ours.summary.longest_queue), "{}", ours.summary.longest_queue);
}
