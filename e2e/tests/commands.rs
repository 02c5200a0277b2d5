//! The command line: what it prints, and its exit codes (0 done, 1 it says no, 2 usage).

use e2e::{Origin, PATIENCE, Raw, Tidegate, soon};

/// Runs the binary to its end; returns exit code, standard output and standard error.
#[track_caller]
fn tidegate(args: &[&str], config: &str) -> (i32, String, String) {
    let mut run = Tidegate::spawn_with(args, config);
    let code = run.wait_exit(PATIENCE).code().unwrap_or(-1);
    // The pipes outlive the process by a moment.
    e2e::eventually(std::time::Duration::from_millis(200), || false);
    (code, run.stdout(), run.stderr())
}

const GOOD: &str =
    "services: { api: \"http://127.0.0.1:3000\" }\nroutes: [{ match: { path: \"/v1/*\" }, service: api }]\n";

#[test]
fn check_says_that_a_good_config_is_good() {
    let (code, out, err) = tidegate(&["check", "{config}"], GOOD);
    assert_eq!(code, 0, "{out}{err}");
}

#[test]
fn check_reports_all_errors_at_once_with_their_places_and_hints() {
    let bad = "services: { api: { endpoints: [\"http://127.0.0.1:3000\"], lb_polcy: round_robin } }\n\
               routes:\n  - { service: apj }\nlimits: { header_timeout: 5 lightyears }\n";
    let (code, out, err) = tidegate(&["check", "{config}"], bad);
    let told = format!("{out}{err}");
    assert_eq!(code, 1, "{told}");
    for words in ["lb_polcy", "lb_policy", "apj", "lightyears", "tidegate.yaml"] {
        assert!(told.contains(words), "`{words}` is missing:\n{told}");
    }
}

#[test]
fn check_prints_json_for_programs() {
    let (code, out, _) = tidegate(&["check", "--json", "{config}"], "routes: [{ service: absent }]");
    assert_eq!(code, 1);
    let report: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert!(report.to_string().contains("absent"), "{report}");
}

#[test]
fn a_missing_config_is_named() {
    for command in ["check", "run"] {
        let (code, out, err) = tidegate(&[command, "no-such-file.yaml"], "");
        assert_eq!(code, 1, "{out}{err}");
        assert!(err.contains("no-such-file.yaml") || out.contains("no-such-file.yaml"), "{out}{err}");
    }
}

#[test]
fn run_refuses_a_bad_config() {
    let (code, out, err) = tidegate(&["run", "{config}"], "routes: [{ service: absent }]");
    assert_eq!(code, 1, "{out}{err}");
    assert!(err.contains("absent") || out.contains("absent"), "{out}{err}");
}

#[test]
fn wrong_usage_exits_with_2() {
    for args in [&["no-such-command"][..], &["run", "--no-such-flag"], &["check", "a", "b"]] {
        let (code, _, err) = tidegate(args, "");
        assert_eq!(code, 2, "{err}");
        assert!(err.contains("Usage"), "{err}");
    }
}

#[test]
fn explain_shows_the_road_of_a_request() {
    let (code, out, err) =
        tidegate(&["check", "{config}", "--explain", "GET http://example.com/v1/products"], GOOD);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("/v1/*") && out.contains("api"), "{out}");
    let (_, out, err) = tidegate(&["check", "{config}", "--explain", "GET http://example.com/absent"], GOOD);
    assert!(format!("{out}{err}").contains("404") || out.to_lowercase().contains("no route"), "{out}{err}");
}

#[test]
fn explain_asks_with_the_headers_that_are_given() {
    let config = "services: { api: \"http://127.0.0.1:3000\" }\nroutes:\n  - { service: api, name: usual }\n  \
                  - { service: api, name: beta, match: { headers: { x-beta: \"1\", x-team: { present: true } } } }\n";
    let ask = ["check", "{config}", "--explain", "GET http://example.com/"];
    let beta = [&ask[..], &["--header", "X-Beta: 1", "--header", "X-Team:"]].concat();
    for (args, route) in [(&ask[..], "usual"), (&beta, "beta")] {
        let (code, out, err) = tidegate(args, config);
        assert_eq!(code, 0, "{err}");
        assert!(out.contains(&format!("`{route}`")), "{out}");
    }
    let (code, out, err) = tidegate(&[&ask[..], &["--header", "X-Beta"]].concat(), config);
    assert_eq!(code, 1, "{out}{err}");
    assert!(err.contains("X-Beta"), "{err}");
    let (code, _, err) = tidegate(&["check", "{config}", "--header", "X-Beta: 1"], config);
    assert_eq!(code, 2, "headers of what? {err}");

    let gateway = Tidegate::start(config);
    let road =
        gateway.admin("GET", "/api/explain?request=GET%20http://a/&header=X-Beta:%201&header=X-Team:%20a");
    assert!(road.text().contains("`beta`"), "{road}");
}

#[test]
fn the_schema_is_json() {
    let (code, out, _) = tidegate(&["schema"], "");
    assert_eq!(code, 0);
    let schema: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert!(schema["properties"]["routes"].is_object(), "{schema}");
}

#[test]
fn the_version_is_told() {
    let (code, out, _) = tidegate(&["--version"], "");
    assert_eq!(code, 0);
    assert!(out.starts_with("tidegate "), "{out}");
}

#[test]
fn run_to_a_url_needs_no_config() {
    let origin = Origin::hello();
    let gateway = Tidegate::spawn_with(&["run", "--to", &origin.url(), "--listen", "127.0.0.1:{port}"], "");
    soon("it serves", || Raw::try_connect(gateway.address()).is_ok());
    assert_eq!(gateway.get("/p?q").text(), "/p?q");
}

#[test]
fn a_running_node_is_asked_reloaded_and_drained_from_the_command_line() {
    let mut gateway = Tidegate::start("routes: [{ respond: { body: one } }]");
    let admin = format!("http://{}", gateway.admin_address());
    let (code, out, err) = tidegate(&["status", "--admin", &admin, "--json"], "");
    assert_eq!(code, 0, "{out}{err}");
    serde_json::from_str::<serde_json::Value>(&out).expect("JSON");
    gateway.write_config("routes: [{ respond: { body: two } }]");
    let (code, out, err) = tidegate(&["reload", "--admin", &admin], "");
    assert_eq!(code, 0, "{out}{err}");
    assert_eq!(gateway.get("/").text(), "two");
    gateway.write_config("routes: [{ respnd: { body: three } }]");
    let (code, out, err) = tidegate(&["reload", "--admin", &admin], "");
    assert_eq!(code, 1, "{out}{err}");
    assert!(format!("{out}{err}").contains("respnd"), "{out}{err}");
    let (code, out, err) = tidegate(&["drain", "--admin", &admin], "");
    assert_eq!(code, 0, "{out}{err}");
    assert!(gateway.wait_exit(PATIENCE).success());
    let (code, out, err) = tidegate(&["status", "--admin", &admin], "");
    assert_eq!(code, 1, "{out}{err}");
}
