//! `tidegate simulate scale`: traces that are shipped, what it prints and writes, and what it refuses.

use e2e::{PATIENCE, Scratch, Tidegate};
use std::path::PathBuf;
use std::time::Duration;

/// Runs the binary to its end; returns exit code, standard output and standard error.
#[track_caller]
fn simulate(args: &[&str]) -> (i32, String, String, Tidegate) {
    let mut run = Tidegate::spawn_with(&[&["simulate", "scale"], args].concat(), "");
    let code = run.wait_exit(PATIENCE).code().unwrap_or(-1);
    // The pipes outlive the process by a moment.
    e2e::eventually(Duration::from_millis(200), || false);
    (code, run.stdout(), run.stderr(), run)
}

fn shipped(name: &str) -> String {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "examples", "traces", name].iter().collect();
    path.to_string_lossy().into_owned()
}

/// The same with a trace of one's own.
#[track_caller]
fn simulate_trace(trace: &str, flags: &[&str]) -> (i32, String, String) {
    let scratch = Scratch::new();
    let file = scratch.write("trace.csv", trace).to_string_lossy().into_owned();
    let (code, out, err, _) = simulate(&[&[file.as_str()], flags].concat());
    (code, out, err)
}

#[test]
fn a_shipped_trace_needs_no_flags() {
    let (code, out, err, _) = simulate(&[&shipped("spike.csv")]);
    assert_eq!(code, 0, "{err}");
    for words in ["Tidegate", "plain HPA", "sync 15s", "lost", "p95", "instance-hours", "->"] {
        assert!(out.contains(words), "`{words}` is missing:\n{out}");
    }
}

#[test]
fn it_prints_json_and_writes_a_page_and_rows() {
    let args = [&shipped("step.csv"), "--json", "--out", "{dir}/report.html", "--csv", "{dir}/rows.csv"];
    let (code, out, err, run) = simulate(&args);
    assert_eq!(code, 0, "{err}");
    let report: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert!(report["tidegate"]["summary"]["requests"].as_f64().is_some_and(|n| n > 1000.0), "{report}");
    assert!(report["tidegate"]["changes"][0]["text"].is_string(), "{report}");
    let page = std::fs::read_to_string(run.file("report.html")).expect("the page");
    assert!(page.contains("<svg") && !page.contains("<script"), "{page}");
    let rows = std::fs::read_to_string(run.file("rows.csv")).expect("the rows");
    assert!(rows.starts_with("seconds,rps,tidegate_wanted,"), "{rows}");
}

#[test]
fn flags_say_how_the_service_is_and_how_it_is_scaled() {
    let trace = "seconds,rps\n0,100\n300,1000\n600,1000\n";
    let flags = ["--json", "--max", "4", "--rps", "150", "--start-time", "20s", "--service-time", "20ms"];
    let (code, out, err) = simulate_trace(trace, &flags);
    assert_eq!(code, 0, "{err}");
    let report: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(report["tidegate"]["summary"]["most_instances"], 4);
    assert!(report["tidegate"]["settings"].as_str().is_some_and(|s| s.contains("rps 150")), "{report}");
    assert!(report["service"].as_str().is_some_and(|s| s.contains("20ms") && s.contains("20s")), "{report}");
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let (code, _, err) = simulate_trace("seconds,rps\n0,100\n60,many\n", &[]);
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("line 3") && err.contains("`many`") && err.contains("trace.csv"), "{err}");
    let (code, _, err, _) = simulate(&["no-such-trace.csv"]);
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("no-such-trace.csv"), "{err}");
    let (code, _, err) = simulate_trace("seconds,rps\n0,1\n9,1\n", &["--min", "9", "--max", "3"]);
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("raise max or lower min"), "{err}");
    let (code, _, err, _) = simulate(&["trace.csv", "--start-time", "soon"]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("--start-time"), "{err}");
}
