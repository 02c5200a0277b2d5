//! The text of a scrape, read back by a parser that is as strict as the format's description.

use message::Method;
use observe::Meters;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

type Labels = Vec<(String, String)>;

/// A family: its type and its samples.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    samples: Vec<(String, Labels, f64)>,
}

/// Parses the text format 0.0.4 and panics at anything that it does not allow.
fn parse(text: &str) -> BTreeMap<String, Family> {
    assert!(text.ends_with('\n'), "the last line ends with a line feed");
    let mut families = BTreeMap::<String, Family>::new();
    let mut current = String::new();
    let mut seen = BTreeSet::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').expect("a help text");
            assert!(is_name(name) && !words.is_empty(), "{line}");
            let (typed, kind) = lines
                .next()
                .and_then(|l| l.strip_prefix("# TYPE "))
                .and_then(|l| l.split_once(' '))
                .expect("a type behind the help");
            assert_eq!(typed, name);
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{kind}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
            let twice = families.insert(name.to_owned(), Family { kind: kind.to_owned(), samples: vec![] });
            assert!(twice.is_none(), "{name} stands in two places");
            name.clone_into(&mut current);
            continue;
        }
        let (name, labels, value) = sample(line);
        let family = families.get_mut(&current).expect("a family before its samples");
        let suffix = name.strip_prefix(current.as_str()).unwrap_or_else(|| panic!("{name} in {current}"));
        let suffixes: &[&str] =
            if family.kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
        assert!(suffixes.contains(&suffix), "{line}");
        assert!(seen.insert((name.clone(), labels.clone())), "twice: {line}");
        family.samples.push((name, labels, value));
    }
    families.values().filter(|f| f.kind == "histogram").for_each(check_histogram);
    families
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// `name{label="value",...} number`.
fn sample(line: &str) -> (String, Labels, f64) {
    let end = line.find(['{', ' ']).expect("a value");
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let mut labels = Vec::new();
    if let Some(mut inside) = rest.strip_prefix('{') {
        loop {
            let (label, behind) = inside.split_once("=\"").expect("a quoted label value");
            assert!(is_name(label), "{line}");
            let (value, behind) = quoted(behind);
            assert!(labels.iter().all(|(l, _)| l != label), "{line}");
            labels.push((label.to_owned(), value));
            let Some(more) = behind.strip_prefix(',') else {
                rest = behind.strip_prefix('}').expect("a closing brace");
                break;
            };
            inside = more;
        }
    }
    let number = rest.strip_prefix(' ').expect("one space before the value");
    (name.to_owned(), labels, number.parse().unwrap_or_else(|_| panic!("{line}")))
}

/// The value up to its closing quote, unescaped, and what stands behind it.
fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.push(match chars.next().expect("an escape").1 {
                'n' => '\n',
                c @ ('"' | '\\') => c,
                c => panic!("\\{c} is no escape"),
            }),
            c => value.push(c),
        }
    }
    panic!("a label value without an end")
}

/// Buckets are cumulative, in rising order, end with `+Inf`, and agree with the count.
fn check_histogram(family: &Family) {
    let mut below = (f64::NEG_INFINITY, 0.0);
    for (name, labels, value) in &family.samples {
        if name.ends_with("_bucket") {
            let (label, le) = labels.last().expect("le");
            assert_eq!(label, "le");
            let le: f64 = le.parse().expect("a bound");
            assert!(le > below.0 && *value >= below.1, "{labels:?}");
            below = (le, *value);
        } else if name.ends_with("_count") {
            assert!(below.0.is_infinite(), "the last bucket is +Inf");
            assert!((below.1 - value).abs() < f64::EPSILON);
            below = (f64::NEG_INFINITY, 0.0);
        }
    }
}

fn busy() -> std::sync::Arc<Meters> {
    let meters = Meters::new(2);
    let route = meters.route("GET \"/a\\b\"\n{id}", "shop");
    route.record(0, &Method::GET, 200, Duration::from_micros(700), 0, 1000);
    route.record(1, &Method::GET, 200, Duration::from_millis(3), 5, 1000);
    route.record(1, &Method::from_bytes(b"BREW").expect("a token"), 503, Duration::from_secs(99), 5, 0);
    let service = meters.service("shop");
    service.began(0);
    service.retried(1);
    let endpoint = meters.endpoint("shop", "10.0.0.1:80");
    endpoint.answered(0, Duration::from_millis(2));
    endpoint.connected(0);
    endpoint.reused(1);
    endpoint.connect_failed(1);
    meters.endpoint("shop", "10.0.0.2:80").set_up(false);
    let listener = meters.listener("0.0.0.0:8080");
    listener.accepted(0);
    listener.refused("full").add(0, 2);
    meters.stops("no_route").add(1, 4);
    meters.reloaded(true);
    meters.reloaded(false);
    meters.upgraded(true);
    meters.upgraded(false);
    meters.upgraded(false);
    meters.access_log_dropped().add(6);
    meters
}

fn rendered(meters: &Meters) -> String {
    let mut text = String::new();
    meters.render(&mut text);
    text
}

#[test]
fn a_scrape_holds_every_family_with_its_values_and_nothing_malformed() {
    let text = rendered(&busy());
    let families = parse(&text);
    let value = |name: &str, wanted: &[(&str, &str)]| {
        let family = families.iter().rfind(|(f, _)| name.starts_with(f.as_str())).expect(name).1;
        let matches = |labels: &Labels| {
            labels.len() == wanted.len()
                && labels.iter().zip(wanted).all(|((n, v), (wn, wv))| n == wn && v == wv)
        };
        let found = family.samples.iter().find(|(n, labels, _)| n == name && matches(labels));
        found.unwrap_or_else(|| panic!("{name} {wanted:?} in\n{text}")).2
    };
    let is = |name: &str, labels: &[(&str, &str)], want: f64| {
        let got = value(name, labels);
        assert!((got - want).abs() < 1e-9, "{name} {labels:?} is {got}, not {want}");
    };
    let route = [("route", "GET \"/a\\b\"\n{id}"), ("service", "shop")];
    let outcome = |method, status| [route[0], route[1], ("method", method), ("status", status)];
    is("tidegate_requests_total", &outcome("GET", "200"), 2.0);
    is("tidegate_requests_total", &outcome("OTHER", "503"), 1.0);
    let below = |le| [route[0], route[1], ("le", le)];
    is("tidegate_request_duration_seconds_bucket", &below("0.0005"), 0.0);
    is("tidegate_request_duration_seconds_bucket", &below("0.001"), 1.0);
    is("tidegate_request_duration_seconds_bucket", &below("30"), 2.0);
    is("tidegate_request_duration_seconds_bucket", &below("+Inf"), 3.0);
    is("tidegate_request_duration_seconds_sum", &route, 99.0037);
    is("tidegate_request_bytes_total", &route, 10.0);
    is("tidegate_response_bytes_total", &route, 2000.0);
    let (first, second) = (("endpoint", "10.0.0.1:80"), ("endpoint", "10.0.0.2:80"));
    is("tidegate_upstream_duration_seconds_count", &[route[1], first], 1.0);
    is("tidegate_upstream_connects_total", &[route[1], first], 1.0);
    is("tidegate_upstream_connect_failures_total", &[route[1], first], 1.0);
    is("tidegate_upstream_reused_total", &[route[1], first], 1.0);
    is("tidegate_inflight", &[route[1]], 1.0);
    is("tidegate_retries_total", &[route[1]], 1.0);
    is("tidegate_stops_total", &[("reason", "no_route")], 4.0);
    let listener = ("listener", "0.0.0.0:8080");
    is("tidegate_connections", &[listener], 1.0);
    is("tidegate_connections_accepted_total", &[listener], 1.0);
    is("tidegate_connections_refused_total", &[listener, ("reason", "full")], 2.0);
    is("tidegate_config_reloads_total", &[("result", "success")], 1.0);
    is("tidegate_config_reloads_total", &[("result", "failure")], 1.0);
    is("tidegate_upgrades_total", &[("result", "success")], 1.0);
    is("tidegate_upgrades_total", &[("result", "failure")], 2.0);
    is("tidegate_access_log_dropped_total", &[], 6.0);
    is("tidegate_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    assert!(value("tidegate_config_last_reload_success_timestamp_seconds", &[]) > 1.7e9);
    assert!(value("process_resident_memory_bytes", &[]) > 1e5);
    assert!(value("process_open_fds", &[]) >= 3.0);
    // Nobody holds the endpoints' meters here, yet both are shown until they are retired.
    is("tidegate_endpoint_up", &[route[1], first], 1.0);
    is("tidegate_endpoint_up", &[route[1], second], 0.0);
}

#[test]
fn a_process_without_traffic_renders_too() {
    let families = parse(&rendered(&Meters::new(1)));
    assert!(families["tidegate_requests_total"].samples.is_empty());
    assert_eq!(families["tidegate_build_info"].samples.len(), 1);
}

#[test]
fn an_idle_route_has_no_duration_series() {
    let meters = Meters::new(1);
    let _idle = meters.route("idle", "shop");
    let families = parse(&rendered(&meters));
    assert!(families["tidegate_request_duration_seconds"].samples.is_empty());
    assert_eq!(families["tidegate_request_bytes_total"].samples.len(), 1);
}

/// Prometheus' own checker, where this machine has it. The parser above runs everywhere.
#[test]
fn promtool_has_nothing_to_say_where_it_is_installed() {
    let spawned = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = spawned else { return };
    promtool.stdin.take().unwrap().write_all(rendered(&busy()).as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
