//! What good files become: defaults, short forms, variables, names, and the views that are made of a file.

use std::fs;
use std::path::Path;
use std::time::Duration;

use config::{
    Action, Address, AdminAddress, CountLimit, EndpointUrl, File, HttpVersion, LbPolicy, LogFormat, Severity,
    SizeLimit, ValueTest, Workers,
};
use serde_json::Value;

const SMALL: &str =
    "listeners: [8080]\nservices: { api: \"http://127.0.0.1:3000\" }\nroutes: [{ service: api }]\n";

fn env(name: &str) -> Option<String> {
    match name {
        "PORT" => Some("7000".into()),
        "TOKEN" => Some("s3cret".into()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

fn parsed(text: &str) -> File {
    match config::parse(text, "test.yaml", &env) {
        Ok(loaded) => loaded.file,
        Err(report) => panic!("{report}"),
    }
}

fn with(more: &str) -> File {
    parsed(&format!("{SMALL}{more}"))
}

#[test]
fn three_lines_are_a_whole_config_with_every_default() {
    let file = parsed(SMALL);
    assert_eq!(file.listeners[0].address, Address::Port(8080));
    assert_eq!(file.listeners[0].protocols, [HttpVersion::Http1, HttpVersion::Http2]);
    assert_eq!(file.admin.address.to_string(), "127.0.0.1:9090");
    assert_eq!(file.data_dir, Path::new("./tidegate-data"));
    assert_eq!(file.workers, Workers::Auto);
    assert_eq!(file.limits.max_header_bytes.get(), 32 * 1024);
    assert_eq!(file.limits.min_body_rate.get(), 240);
    assert_eq!(file.limits.max_body.to_string(), "1MiB");
    assert_eq!(file.limits.header_timeout.get(), Duration::from_secs(10));
    assert_eq!(file.limits.max_requests_per_connection, CountLimit::Unlimited);
    assert_eq!(file.observe.access_log.format, LogFormat::Json);
    let (name, service) = file.services.first_key_value().unwrap();
    assert_eq!(name.as_str(), "api");
    assert_eq!(service.endpoints[0].url, EndpointUrl::Http { host: "127.0.0.1".into(), port: 3000 });
    assert_eq!((service.endpoints[0].weight, service.lb_policy), (1, LbPolicy::P2cEwma));
    assert_eq!(service.timeouts.request.get(), Duration::from_secs(15));
    assert_eq!(file.routes[0].matches.path.as_str(), "/*");
    assert_eq!(file.routes[0].name, "/*");
    assert!(matches!(file.routes[0].action(), Some(Action::Service(name)) if name.as_str() == "api"));
}

#[test]
fn every_example_is_accepted_without_a_warning() {
    let mut examples = 0;
    for entry in fs::read_dir("../../examples").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "yaml") {
            let loaded = config::load_with(&path, &|_| None).unwrap_or_else(|report| panic!("{report}"));
            assert!(loaded.report.problems().is_empty(), "{}", loaded.report);
            examples += 1;
        }
    }
    assert!(examples >= 2);
}

#[test]
fn what_is_shown_of_a_file_reads_back_as_the_same_file() {
    for name in [
        "instances",
        "minimal",
        "resilience",
        "reverse-proxy",
        "scale-to-zero",
        "rate-limits",
        "cluster",
        "cache",
        "static",
    ] {
        let text = fs::read_to_string(format!("../../examples/{name}.yaml")).unwrap();
        let file = parsed(&text);
        // A secret is shown as `***`, so what is compared is what is shown.
        assert_eq!(parsed(&file.shown()).shown(), file.shown());
    }
}

/// JSON is YAML, but a key that is absent is shown as null, which a file may not hold.
trait Shown {
    fn shown(&self) -> String;
}

impl Shown for File {
    fn shown(&self) -> String {
        fn strip(value: &mut Value) {
            match value {
                Value::Object(map) => {
                    map.retain(|_, value| !value.is_null());
                    map.values_mut().for_each(strip);
                }
                Value::Array(list) => list.iter_mut().for_each(strip),
                _ => {}
            }
        }
        let mut shown = self.redacted();
        strip(&mut shown);
        shown.to_string()
    }
}

#[test]
fn variables_become_numbers_texts_and_defaults() {
    let more =
        "workers: ${EMPTY:-3}\nlimits: { h2_max_streams: \"${PORT}\", merge_slashes: \"${NO:-false}\" }\n";
    let file = with(more);
    assert_eq!(file.workers, Workers::Count(3));
    assert_eq!(file.limits.h2_max_streams, 7000);
    assert!(!file.limits.merge_slashes);
    let file = with("data_dir: /var/${NO:-lib}/$${HOME}/$x\n");
    assert_eq!(file.data_dir, Path::new("/var/lib/${HOME}/$x"));
}

#[test]
fn secrets_come_from_variables_and_files_and_are_never_shown() {
    let path = std::env::temp_dir().join(format!("tidegate-secret-{}", std::process::id()));
    fs::write(&path, "from-a-file\n").unwrap();
    let from_file = with(&format!("admin: {{ token: \"file:{}\" }}\n", path.display()));
    fs::remove_file(&path).unwrap();
    assert_eq!(from_file.admin.token.as_ref().map(config::Secret::reveal), Some("from-a-file"));

    let loaded =
        config::parse(&format!("{SMALL}admin: {{ token: \"${{TOKEN}}\" }}\n"), "test.yaml", &env).unwrap();
    assert_eq!(loaded.file.admin.token.as_ref().map(config::Secret::reveal), Some("s3cret"));
    assert_eq!(loaded.file.redacted()["admin"]["token"], "***");
    assert!(!format!("{loaded:?}").contains("s3cret"));
}

#[test]
fn short_forms_stand_for_mappings() {
    let file = parsed(
        "listeners: [\":1\", { address: \"[::1]:2\" }, \"unix:/run/t.sock\"]\nadmin: off\n\
         services: { a: \"https://b\", c: [\"http://d:1\", { url: \"unix:/e\", weight: 3 }] }\n\
         routes:\n  - { service: a, match: { headers: { X-V: 2, x-w: { prefix: b }, x-z: { absent: true } } } }\n\
         \x20 - { service: c, match: { path: /c } }\n  - { redirect: /d, match: { path: /r } }\n\
         observe: { access_log: off }\n",
    );
    assert_eq!(file.listeners[2].address, Address::Unix("/run/t.sock".into()));
    assert_eq!(file.admin.address, AdminAddress::Off);
    assert_eq!(file.observe.access_log.format, LogFormat::Off);
    let services: Vec<_> = file.services.values().collect();
    assert_eq!(services[0].endpoints[0].url, EndpointUrl::Https { host: "b".into(), port: 443 });
    assert_eq!(services[1].endpoints[1].weight, 3);
    let tests: Vec<_> =
        file.routes[0].matches.headers.iter().map(|(name, test)| (name.as_str(), test)).collect();
    let expected = [
        ("x-v", &ValueTest::Exact("2".into())),
        ("x-w", &ValueTest::Prefix("b".into())),
        ("x-z", &ValueTest::Absent),
    ];
    assert_eq!(tests, expected);
    assert!(
        matches!(file.routes[2].action(), Some(Action::Redirect(to)) if to.to.as_str() == "/d" && to.status.get() == 308)
    );
}

#[test]
fn a_version_keeps_the_text_that_was_typed() {
    let file = parsed(
        "listeners: [{ address: 1, tls: { certificate: a, key: b, min_version: 1.3 } }]\nroutes: [{ respond: { body: 1.10 } }]\n",
    );
    assert!(matches!(file.routes[0].action(), Some(Action::Respond(respond)) if respond.body == "1.10"));
    assert_eq!(file.redacted()["listeners"][0]["tls"]["min_version"], "1.3");
}

#[test]
fn routes_without_a_name_are_named_after_their_match_and_stay_unique() {
    let file = parsed(
        "listeners: [1]\nroutes:\n  - { match: { host: a.b, path: /c, methods: [GET, PUT] }, respond: {} }\n  - respond: {}\n  - respond:\n",
    );
    let names: Vec<&str> = file.routes.iter().map(|route| route.name.as_str()).collect();
    assert_eq!(names, ["GET,PUT a.b/c", "/*", "/* #2"]);
}

#[test]
fn a_name_with_a_number_is_no_name_that_was_given() {
    let mut text = "listeners: [1]\nroutes:\n  - { name: \"/* #3\", respond: {} }\n".to_owned();
    text += &"  - respond: {}\n".repeat(4);
    let file = parsed(&text);
    let names: Vec<&str> = file.routes.iter().map(|route| route.name.as_str()).collect();
    assert_eq!(names, ["/* #3", "/*", "/* #2", "/* #4", "/* #5"]);
}

#[test]
fn a_key_that_stands_twice_is_found_in_a_mapping_of_any_length() {
    for length in [1, 15, 16, 17, 18, 40] {
        let mut text = "listeners: [1]\nroutes: [{ respond: {} }]\nservices:\n".to_owned();
        for number in (0..length).chain([0, length - 1]) {
            let service = format!("  s{number}: \"http://127.0.0.1:1\"\n");
            text.push_str(&service);
        }
        let report = config::parse(&text, "test.yaml", &env).unwrap_err();
        let found: Vec<_> = report.problems().iter().map(|problem| problem.message.clone()).collect();
        let twice = |number: i32| format!("the key `s{number}` stands here twice");
        assert_eq!(found, [twice(0), twice(length - 1)], "{length} keys");
    }
}

#[test]
fn texts_are_the_same_however_they_are_quoted() {
    let quoted = SMALL
        .replace("services: { api:", "\"services\": { 'api':")
        .replace("service: api", "service: \"\\x61pi\"");
    assert_ne!(quoted, SMALL);
    assert_eq!(parsed(&quoted), parsed(SMALL));
}

#[test]
fn an_emptied_section_is_as_good_as_none() {
    assert_eq!(with("limits:\n  # max_body: 1MiB\ntrusted_proxies:\n"), parsed(SMALL));
}

#[test]
fn a_url_on_the_command_line_is_a_config() {
    let file = config::from_url("http://127.0.0.1:3000", "127.0.0.1:8080").unwrap();
    assert_eq!(file.routes.len(), 1);
    assert_eq!(parsed(&SMALL.replace("8080", "\"127.0.0.1:8080\"")), file);
    let report = config::from_url("127.0.0.1:3000", "nowhere").unwrap_err().render(false);
    assert!(
        report.contains("did you mean `http://127.0.0.1:3000`?") && report.contains("2 errors in"),
        "{report}"
    );
}

#[test]
fn later_checks_add_problems_at_the_place_of_a_path() {
    let text = format!("{SMALL}limits: {{ max_body: unlimited }}\n");
    let mut loaded = config::parse(&text, "test.yaml", &env).unwrap();
    assert_eq!(loaded.file.limits.max_body, SizeLimit::Unlimited);
    let path = config::Path::new().key("services").key("api").key("endpoints").index(0);
    loaded.report.add(&path, "nothing listens here", Some("a process"), Some("start it"));
    assert!(loaded.report.has_errors());
    let json = loaded.report.to_json();
    assert_eq!(json[0]["path"], "services.api.endpoints[0]");
    assert_eq!((&json[0]["line"], &json[0]["column"]), (&2.into(), &18.into()));
    assert_eq!(json[0]["hint"], "start it");
    assert!(loaded.report.render(true).contains("\x1b[1;31merror\x1b[0m"));
}

#[test]
fn a_service_that_no_route_uses_is_a_warning_and_the_file_is_used() {
    let text = SMALL.replace("{ api:", "{ spare: \"http://127.0.0.1:1\", api:");
    let loaded = config::parse(&text, "test.yaml", &env).unwrap();
    assert!(!loaded.report.has_errors());
    assert_eq!(loaded.report.problems()[0].severity, Severity::Warning);
}

#[test]
fn a_file_above_8_mib_is_refused() {
    let text = format!("{SMALL}#{}", "x".repeat(8 << 20));
    let report = config::parse(&text, "big.yaml", &env).unwrap_err().render(false);
    assert!(report.contains("larger than 8 MiB"), "{report}");
}

#[test]
fn ten_thousand_routes_are_read() {
    let mut text = SMALL.replace("routes: [{ service: api }]\n", "routes:\n");
    for number in 0..10_000 {
        let route =
            format!("  - {{ match: {{ host: h{number}.example.com, path: \"/v1/*\" }}, service: api }}\n");
        text.push_str(&route);
    }
    assert_eq!(parsed(&text).routes.len(), 10_000);
}
