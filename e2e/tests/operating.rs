//! Endpoints that are added, drained and taken away while requests come, and what can be seen of it.

use e2e::{Origin, PATIENCE, Port, Raw, Response, Tidegate, soon, while_waiting};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

const ENDPOINTS: &str = "/api/services/api/endpoints";

/// A gateway with one service, `api`, and no retries that could hide a failure.
#[track_caller]
fn gateway(origins: &[&str], keys: &str) -> Tidegate {
    Tidegate::start(&config(origins, keys))
}

fn config(origins: &[&str], keys: &str) -> String {
    let endpoints = json!(origins);
    format!(
        "services: {{ api: {{ endpoints: {endpoints}, lb_policy: round_robin, slow_start: 0s, retry: off{keys} }} }}\n\
         routes: [{{ service: api }}]\nobserve: {{ access_log: off }}\n"
    )
}

/// A request to the admin API with a body.
#[track_caller]
fn ask(gateway: &Tidegate, line: &str, body: &str) -> Response {
    let mut admin = Raw::connect(gateway.admin_address());
    let head = format!(
        "Host: {}\r\nConnection: close\r\nContent-Length: {}\r\n",
        gateway.admin_address(),
        body.len()
    );
    admin.send(format!("{line} HTTP/1.1\r\n{head}\r\n{body}")).response()
}

/// The same, where it must be done.
#[track_caller]
fn told(gateway: &Tidegate, line: &str, body: &str) -> Value {
    let answer = ask(gateway, line, body);
    assert_eq!(answer.status, 200, "{line} {body}: {answer}");
    serde_json::from_slice(&answer.body).expect("JSON")
}

/// The same, where it must be refused; the `detail` of the problem.
#[track_caller]
fn refused(gateway: &Tidegate, line: &str, body: &str, status: u16) -> String {
    let answer = ask(gateway, line, body);
    assert_eq!(answer.status, status, "{line} {body}: {answer}");
    assert_eq!(answer.fields.get("content-type"), Some("application/problem+json"), "{answer}");
    let problem: Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(problem["status"], status);
    problem["detail"].as_str().expect("a detail").to_owned()
}

/// The endpoints as `GET /api/services/api` shows them.
#[track_caller]
fn endpoints(gateway: &Tidegate) -> Vec<Value> {
    let service = told(gateway, "GET /api/services/api", "");
    service["endpoints"].as_array().expect("a list").clone()
}

/// One of them.
#[track_caller]
fn endpoint(gateway: &Tidegate, url: &str) -> Value {
    endpoints(gateway).into_iter().find(|e| e["url"] == url).unwrap_or_default()
}

/// Events of one endpoint as `from to`, the oldest first.
fn changes(gateway: &Tidegate, url: &str) -> Vec<String> {
    let events = told(gateway, "GET /api/events", "");
    let of = |e: &&Value| e["kind"] == "endpoint" && e["endpoint"] == url && e["service"] == "api";
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let events = events.as_array().expect("a list").iter().rev().filter(of);
    events.map(|e| format!("{} {}", word(&e["from"]), word(&e["to"]))).collect()
}

/// Clients that send requests one after the other over kept connections until they are told to end.
struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    failures: Arc<Mutex<Vec<String>>>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    fn start(gateway: &Tidegate, clients: usize) -> Self {
        let (stop, answered, failures) =
            <(Arc<AtomicBool>, Arc<AtomicUsize>, Arc<Mutex<Vec<String>>>)>::default();
        let address = gateway.address();
        let client = |_| {
            let (stop, answered, failures) =
                (Arc::clone(&stop), Arc::clone(&answered), Arc::clone(&failures));
            std::thread::spawn(move || {
                let fail = |what: String| failures.lock().expect("no client panics").push(what);
                let mut connection = Raw::connect(address);
                while !stop.load(Ordering::SeqCst) {
                    let sent = connection.try_send("GET /load HTTP/1.1\r\nHost: a\r\n\r\n");
                    match sent.and_then(|()| connection.try_response()) {
                        Ok(answer) if answer.status == 200 && answer.complete => {
                            answered.fetch_add(1, Ordering::SeqCst);
                        }
                        Ok(answer) => fail(answer.to_string()),
                        Err(error) => {
                            fail(error.to_string());
                            connection = Raw::connect(address);
                        }
                    }
                }
            })
        };
        let clients = (0..clients).map(client).collect();
        Self { stop, answered, failures, clients }
    }

    /// Waits until so many more requests were answered.
    #[track_caller]
    fn answers(&self, more: usize) {
        let goal = self.answered.load(Ordering::SeqCst) + more;
        soon("requests are answered", || self.answered.load(Ordering::SeqCst) >= goal);
    }

    /// Ends it; how many were answered, and what went wrong.
    fn end(self) -> (usize, Vec<String>) {
        self.stop.store(true, Ordering::SeqCst);
        for client in self.clients {
            client.join().expect("no client panics");
        }
        (self.answered.load(Ordering::SeqCst), self.failures.lock().expect("no client panics").clone())
    }
}

/// An origin that answers when it is told to, and the way to tell it.
fn held() -> (Origin, mpsc::Sender<()>) {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let origin = Origin::start(move |exchange| {
        if exchange.request().target == "/slow" {
            let _ = wait.lock().expect("one slow request at a time").recv_timeout(PATIENCE);
        }
        exchange.send_ok("held");
    });
    (origin, go)
}

#[test]
fn an_endpoint_that_is_added_under_traffic_gets_its_share() {
    let (one, two) = (Origin::hello(), Origin::hello());
    let gateway = gateway(&[&one.url()], "");
    let load = Load::start(&gateway, 4);
    load.answers(50);
    let added =
        told(&gateway, &format!("POST {ENDPOINTS}"), &json!({ "url": two.url(), "weight": 3 }).to_string());
    assert_eq!((&added["url"], &added["state"]), (&json!(two.url()), &json!("up")), "{added}");
    assert_eq!(
        (&added["weight"], &added["added"], &added["endpoints_total"]),
        (&json!(3), &json!(true), &json!(2))
    );
    soon("it gets requests", || two.requests().len() > 100);
    let (before_one, before_two) = (one.requests().len(), two.requests().len());
    load.answers(400);
    let (share_one, share_two) = (one.requests().len() - before_one, two.requests().len() - before_two);
    assert!(share_two > 2 * share_one && share_one > 0, "{share_one} to {share_two} at weights of 1 to 3");
    let (_, failures) = load.end();
    assert!(failures.is_empty(), "{failures:?}");
}

#[test]
fn a_bare_url_is_enough_to_add_an_endpoint() {
    let (one, two) = (Origin::hello(), Origin::hello());
    let gateway = gateway(&[&one.url()], "");
    for body in [two.url(), json!(two.url()).to_string()] {
        told(&gateway, &format!("POST {ENDPOINTS}"), &body);
        assert_eq!(endpoints(&gateway).len(), 2, "the same one");
    }
    soon("it gets requests", || gateway.get("/").status == 200 && !two.requests().is_empty());
}

#[test]
fn a_drained_endpoint_ends_its_requests_and_gets_no_more_until_it_is_undrained() {
    let (slow, go) = held();
    let other = Origin::hello();
    let gateway = gateway(&[&slow.url(), &other.url()], "");
    let mut client = gateway.connect();
    // Each has its turn. The other origin answers at once, the slow one when it is told to.
    client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    soon("one has the request", || slow.requests().len() + other.requests().len() == 1);
    if slow.requests().is_empty() {
        assert_eq!(client.response().status, 200);
        client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
        soon("the slow one has its turn", || slow.requests().len() == 1);
    }
    let drained = told(&gateway, &format!("POST {ENDPOINTS}/drain?url={}", slow.url()), "");
    assert_eq!((&drained["state"], &drained["pending"]), (&json!("draining"), &json!(1)), "{drained}");
    assert_eq!((&drained["reason"], &drained["endpoints_up"]), (&json!("drained"), &json!(1)), "{drained}");
    for _ in 0..20 {
        assert_eq!(gateway.get("/after").text(), "/after");
    }
    assert_eq!(slow.requests().len(), 1, "no new request");
    go.send(()).expect("the origin waits");
    assert_eq!(client.response().text(), "held", "the request under way ends well");
    soon("nothing is under way", || endpoint(&gateway, &slow.url())["pending"] == 0);
    // A reload that changes the service leaves the drain as it is.
    gateway.write_config(&config(&[&slow.url(), &other.url()], ", timeouts: { request: 9s }"));
    assert_eq!(gateway.reload().status, 200);
    assert_eq!(endpoint(&gateway, &slow.url())["state"], "draining");
    let undrained = told(&gateway, &format!("POST {ENDPOINTS}/undrain?url={}", slow.url()), "");
    assert_eq!(
        (&undrained["state"], &undrained["reason"]),
        (&json!("up"), &json!("undrained")),
        "{undrained}"
    );
    soon("it gets requests again", || gateway.get("/").status == 200 && slow.requests().len() > 1);
    assert_eq!(changes(&gateway, &slow.url()), ["up draining", "draining up"]);
}

#[test]
fn an_endpoint_stays_drained_over_a_reload_that_changes_how_it_is_spoken_to() {
    let (one, two) = (Origin::hello(), Origin::hello());
    let gateway = gateway(&[&one.url(), &two.url()], "");
    told(&gateway, &format!("POST {ENDPOINTS}/drain?url={}", one.url()), "");
    // Other connections, and so another endpoint inside, under the same name.
    gateway.write_config(&config(&[&one.url(), &two.url()], ", tls: { server_name: other.example }"));
    assert_eq!(gateway.reload().status, 200);
    assert_eq!(endpoint(&gateway, &one.url())["state"], "draining");
    for _ in 0..10 {
        assert_eq!(gateway.get("/").status, 200);
    }
    assert!(one.requests().is_empty());
}

#[test]
fn an_endpoint_that_is_taken_away_ends_its_requests_and_is_gone() {
    let (slow, go) = held();
    let gateway = gateway(&[&slow.url()], "");
    let mut client = gateway.connect();
    client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    soon("the request is under way", || slow.requests().len() == 1);
    let other = Origin::hello();
    told(&gateway, &format!("POST {ENDPOINTS}"), &other.url());
    let last = told(&gateway, &format!("DELETE {ENDPOINTS}?url={}", slow.url()), "");
    assert_eq!((&last["state"], &last["pending"]), (&json!("draining"), &json!(1)), "{last}");
    assert_eq!((&last["endpoints_total"], &last["endpoints_up"]), (&json!(1), &json!(1)), "{last}");
    let service = told(&gateway, "GET /api/services/api", "");
    assert_eq!(
        (&service["endpoints"][0]["url"], &service["removed"]),
        (&json!(other.url()), &json!([slow.url()]))
    );
    for _ in 0..10 {
        assert_eq!(gateway.get("/after").text(), "/after");
    }
    go.send(()).expect("the origin waits");
    assert_eq!(client.response().text(), "held", "the request under way ends well");
    assert_eq!(slow.requests().len(), 1, "no new request");
    // The file still lists it, and what was taken away stays away over a reload.
    gateway.write_config(&config(&[&slow.url()], ", timeouts: { request: 9s }"));
    assert_eq!(gateway.reload().status, 200);
    assert_eq!(endpoints(&gateway).len(), 1);
    let detail = refused(&gateway, &format!("DELETE {ENDPOINTS}?url={}", slow.url()), "", 404);
    assert!(detail.contains(&slow.url()) && detail.contains(&other.url()), "{detail}");
    // It comes back ready for requests.
    let back = told(&gateway, &format!("POST {ENDPOINTS}"), &slow.url());
    assert_eq!(back["state"], "up", "{back}");
    soon("it gets requests again", || gateway.get("/").status == 200 && slow.requests().len() > 1);
}

#[test]
fn the_last_endpoint_can_be_taken_away_and_replaced() {
    let one = Origin::hello();
    let gateway = gateway(&[&one.url()], "");
    assert_eq!(gateway.get("/").status, 200);
    told(&gateway, &format!("DELETE {ENDPOINTS}?url={}", one.url()), "");
    assert_eq!(gateway.get("/").status, 503);
    let two = Origin::hello();
    told(&gateway, &format!("POST {ENDPOINTS}"), &two.url());
    assert_eq!(gateway.get("/there").text(), "/there");
}

#[test]
fn no_request_fails_in_ten_rolling_replacements_under_load() {
    let mut origins = vec![Origin::hello(), Origin::hello()];
    let gateway = gateway(&[&origins[0].url(), &origins[1].url()], "");
    let load = Load::start(&gateway, 8);
    load.answers(100);
    for round in 0..10 {
        let new = Origin::hello();
        told(&gateway, &format!("POST {ENDPOINTS}"), &json!({ "url": new.url() }).to_string());
        let old = origins.remove(0);
        let drained = told(&gateway, &format!("POST {ENDPOINTS}/drain?url={}", old.url()), "");
        assert_eq!(drained["state"], "draining");
        soon("nothing is under way at the old one", || endpoint(&gateway, &old.url())["pending"] == 0);
        told(&gateway, &format!("DELETE {ENDPOINTS}?url={}", old.url()), "");
        // The process of the old one ends, and every connection to it.
        drop(old);
        soon("the new one gets requests", || new.requests().len() > 5);
        load.answers(100);
        origins.push(new);
        assert_eq!(endpoints(&gateway).len(), 2, "round {round}");
    }
    let (answered, failures) = load.end();
    assert!(failures.is_empty(), "{} of {answered} failed: {failures:?}", failures.len());
    assert!(answered > 1_000, "{answered}");
    let removed = told(&gateway, "GET /api/services/api", "")["removed"].clone();
    assert_eq!(removed.as_array().map(Vec::len), Some(2), "only those of the file: {removed}");
}

#[test]
fn bad_descriptions_say_what_to_change_and_change_nothing() {
    let one = Origin::hello();
    let gateway = gateway(&[&one.url()], "");
    let add = format!("POST {ENDPOINTS}");
    for (body, words) in [
        ("", "http://10.0.0.7:9200"),
        ("{\"url\": \"10.0.0.7:9200\"}", "did you mean `http://10.0.0.7:9200`?"),
        ("{\"url\": \"http://a:1\", \"wieght\": 2}", "did you mean `weight`?"),
        ("{\"url\": \"http://a:1\", \"weight\": 0}", "from 1 to 65535"),
        ("{\"weight\": 2}", "`url` is missing"),
        ("{\"url\": \"http://a:1/path\"}", "an endpoint has no path"),
        ("{\"url\": ", "not JSON"),
        ("[\"http://a:1\", \"http://b:1\"]", "more than one"),
        ("ftp://a:1", "http, https or unix"),
    ] {
        let detail = refused(&gateway, &add, body, 422);
        assert!(detail.contains(words), "`{words}` is missing for {body}: {detail}");
    }
    for (line, status) in [
        ("POST /api/services/absent/endpoints".to_owned(), 404),
        ("DELETE /api/services/absent/endpoints?url=http://a:1".to_owned(), 404),
        (format!("DELETE {ENDPOINTS}?url=http://a:1"), 404),
        (format!("POST {ENDPOINTS}/drain?url=http://a:1"), 404),
        (format!("POST {ENDPOINTS}/undrain?url=nonsense"), 404),
        (format!("DELETE {ENDPOINTS}"), 400),
        ("GET /api/services/absent".to_owned(), 404),
        (format!("PUT {ENDPOINTS}"), 405),
        (format!("GET {ENDPOINTS}/drain"), 405),
    ] {
        refused(&gateway, &line, "", status);
    }
    assert_eq!(endpoints(&gateway).len(), 1);
    assert_eq!(gateway.get("/still").text(), "/still");
}

#[test]
fn without_the_token_no_endpoint_is_shown_or_changed() {
    let one = Origin::hello();
    let gateway = Tidegate::start(&format!(
        "admin: {{ address: \"127.0.0.1:{{admin}}\", token: s3cret }}\n\
         services: {{ api: \"{}\" }}\nroutes: [{{ service: api }}]\n",
        one.url()
    ));
    let url = one.url();
    for line in [
        format!("POST {ENDPOINTS}"),
        format!("DELETE {ENDPOINTS}?url={url}"),
        format!("POST {ENDPOINTS}/drain?url={url}"),
        "GET /api/services/api".to_owned(),
        "GET /api/events".to_owned(),
    ] {
        refused(&gateway, &line, "", 401);
    }
    assert_eq!(gateway.get("/still").text(), "/still");
    let (code, out, err) = tidegate(&gateway, &["endpoints", "drain", "api", &url, "--token", "s3cret"]);
    assert_eq!(code, 0, "{out}{err}");
    assert_eq!(gateway.get("/drained").status, 503);
}

/// Runs a command against a gateway to its end: exit code, standard output, standard error.
#[track_caller]
fn tidegate(gateway: &Tidegate, args: &[&str]) -> (i32, String, String) {
    let admin = format!("http://{}", gateway.admin_address());
    let output =
        e2e::run(std::process::Command::new(e2e::tidegate_binary()).args(args).args(["--admin", &admin]));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_command_line_adds_drains_lists_and_removes() {
    let (one, two) = (Origin::hello(), Origin::hello());
    let gateway = gateway(&[&one.url()], "");
    let (first, second) = (one.url(), two.url());
    let (code, out, err) =
        tidegate(&gateway, &["endpoints", "add", "api", &second, "--weight", "2", "--json"]);
    assert_eq!(code, 0, "{err}");
    let added: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((&added["url"], &added["weight"]), (&json!(second), &json!(2)));
    let (code, out, err) = tidegate(&gateway, &["endpoints", "drain", "api", &first, "--wait", "5s"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("gets no new requests") && out.contains("1/2 endpoints up"), "{out}");
    let (code, out, err) = tidegate(&gateway, &["endpoints", "list", "api"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("1/2 endpoints up") && out.contains(&format!("! {first}")), "{out}");
    let (code, out, _) = tidegate(&gateway, &["endpoints", "list", "--json"]);
    let listed: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, listed.as_array().map(Vec::len)), (0, Some(2)), "{listed}");
    let (code, _, err) = tidegate(&gateway, &["endpoints", "undrain", "api", &first]);
    assert_eq!((code, &endpoint(&gateway, &first)["state"]), (0, &json!("up")), "{err}");
    let (code, _, err) = tidegate(&gateway, &["endpoints", "remove", "api", &first, "--wait", "5s"]);
    assert_eq!((code, endpoints(&gateway).len()), (0, 1), "{err}");
    for (args, words) in [
        (&["endpoints", "remove", "api", &first][..], first.as_str()),
        (&["endpoints", "list", "absent"], "absent"),
        (&["endpoints", "add", "api", "10.0.0.7:80"], "did you mean `http://10.0.0.7:80`?"),
    ] {
        let (code, out, err) = tidegate(&gateway, args);
        assert_eq!(code, 1, "{args:?}: {out}{err}");
        assert!(err.contains(words), "{args:?}: {err}");
    }
    let (code, ..) = tidegate(&gateway, &["endpoints", "drain", "api", &second, "--wait", "a while"]);
    assert_eq!(code, 2);
}

#[test]
fn adding_can_wait_until_the_first_check_has_passed() {
    let one = Origin::hello();
    let gateway =
        gateway(&[&one.url()], ", health_check: { path: /healthz, interval: 100ms, timeout: 90ms }");
    let two = Origin::hello();
    let (code, out, err) = tidegate(&gateway, &["endpoints", "add", "api", &two.url(), "--wait", "10s"]);
    assert_eq!((code, &endpoint(&gateway, &two.url())["state"]), (0, &json!("up")), "{out}{err}");
    let nobody = Port::free();
    let url = format!("http://{}", nobody.address());
    let (code, out, err) = tidegate(&gateway, &["endpoints", "add", "api", &url, "--wait", "300ms"]);
    assert_eq!(code, 1, "{out}{err}");
    assert!(err.contains(&url) && err.contains("not up"), "{err}");
}

#[test]
fn what_is_not_idle_in_time_is_not_removed() {
    let (slow, go) = held();
    let gateway = gateway(&[&slow.url()], "");
    let mut client = gateway.connect();
    client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    soon("the request is under way", || slow.requests().len() == 1);
    let remove = ["endpoints", "remove", "api", &slow.url(), "--wait"];
    let (code, out, err) = tidegate(&gateway, &[&remove[..], &["50ms"]].concat());
    assert_eq!(code, 1, "{out}{err}");
    assert!(err.contains("1 request still under way"), "{err}");
    assert_eq!(endpoint(&gateway, &slow.url())["state"], "draining");
    go.send(()).expect("the origin waits");
    assert_eq!(client.response().text(), "held");
    let (code, out, err) = tidegate(&gateway, &[&remove[..], &["10s"]].concat());
    assert_eq!(code, 0, "{out}{err}");
    assert!(endpoints(&gateway).is_empty());
}

#[test]
fn an_origin_that_dies_and_comes_back_is_seen_everywhere() {
    let port = Port::free();
    let number = port.number().to_string();
    let sample = || Tidegate::spawn_with(&["sample-api", "--port", &number], "");
    let url = format!("http://127.0.0.1:{number}");
    let other = Origin::hello();
    let process = sample();
    soon("the sample API listens", || Raw::try_connect(port.address()).is_ok());
    let check = ", health_check: { path: /healthz, interval: 100ms, timeout: 90ms, fall: 2, rise: 1 }";
    let gateway = gateway(&[&url, &other.url()], check);
    let state = || endpoint(&gateway, &url)["state"].clone();
    soon("both are up", || endpoints(&gateway).iter().all(|e| e["state"] == "up"));
    drop(process);
    soon("it is seen dead", || state() == "dead");
    let dead = endpoint(&gateway, &url);
    assert!(dead["check"].as_str().is_some_and(|why| why.contains("refused")), "{dead}");
    assert!(dead["since"].is_u64() && dead["reason"].is_string(), "{dead}");
    let label = format!("endpoint=\"{url}\"");
    let gauge = |state: &str| {
        gateway.metric("tidegate_endpoint_state", &["service=\"api\"", &label, &format!("state=\"{state}\"")])
    };
    assert_eq!((gauge("dead"), gauge("up")), (1, 0));
    assert_eq!(gateway.metric("tidegate_endpoint_up", &[&label]), 0);
    assert_eq!(gateway.metric("tidegate_overload_step", &[]), 0);
    let status = told(&gateway, "GET /api/status", "");
    assert_eq!(status["strain"], "none");
    let service = &status["services"][0];
    assert_eq!((&service["endpoints_up"], &service["endpoints_total"]), (&json!(1), &json!(2)), "{service}");
    let page = ask(&gateway, "GET /", "").text();
    assert!(page.contains("1/2") && page.contains(">dead</span>"), "{page}");
    let (code, out, err) = tidegate(&gateway, &["status"]);
    assert_eq!(code, 0, "{err}");
    for words in ["1/2 endpoints up", &format!("! {url}"), "last check", "last events", "dead"] {
        assert!(out.contains(words), "`{words}` is missing:\n{out}");
    }
    for _ in 0..10 {
        assert_eq!(gateway.get("/meanwhile").text(), "/meanwhile");
    }
    assert_eq!(ask(&gateway, "GET /readyz", "").status, 200, "the node itself is well");
    let _back = sample();
    soon("it is seen up again", || state() == "up");
    assert_eq!((gauge("dead"), gauge("up")), (0, 1));
    let seen = changes(&gateway, &url);
    let ways =
        ["unknown up", "up failing", "up dead", "failing dead", "dead failing", "failing up", "dead up"];
    assert!(seen.iter().all(|change| ways.contains(&&**change)), "{seen:?}");
    assert!(seen.last().is_some_and(|last| last.ends_with(" up")), "{seen:?}");
    assert!(seen.iter().any(|change| change.ends_with(" dead")), "{seen:?}");
}

#[test]
fn an_operators_doings_and_reloads_are_events() {
    let (one, two) = (Origin::hello(), Origin::hello());
    let gateway = gateway(&[&one.url()], "");
    told(&gateway, &format!("POST {ENDPOINTS}"), &two.url());
    told(&gateway, &format!("DELETE {ENDPOINTS}?url={}", one.url()), "");
    gateway.write_config(&config(&[&one.url()], ", timeouts: { request: 9s }"));
    gateway.reload();
    gateway.write_config("routes: [{ sevrice: api }]");
    gateway.reload();
    let kinds = || {
        let events = told(&gateway, "GET /api/events", "");
        let word =
            |e: &Value| format!("{} {}", e["kind"].as_str().unwrap_or("-"), e["to"].as_str().unwrap_or("-"));
        let all: Vec<String> = events.as_array().expect("a list").iter().rev().map(word).collect();
        (all, events[0].clone())
    };
    // The watch on the file may have read it once more by itself.
    let (mut seen, newest) = kinds();
    seen.dedup();
    let wanted = ["added -", "endpoint draining", "removed -", "reload in force", "reload refused"];
    assert_eq!(seen, wanted);
    assert!(newest["reason"].as_str().is_some_and(|why| why.contains("sevrice")), "{newest}");
    assert!(
        newest["time"].as_str().is_some_and(|time| time.contains('T') && time.ends_with('Z')),
        "{newest}"
    );
}

#[test]
fn endpoints_found_in_a_file_can_be_drained_removed_and_brought_back() {
    let (one, two) = (Origin::hello(), Origin::hello());
    let scratch = e2e::Scratch::new();
    scratch.write("endpoints.json", json!([one.url(), two.url()]).to_string());
    let gateway = Tidegate::start_in(
        scratch,
        "services: { api: { endpoints_file: \"{dir}/endpoints.json\", lb_policy: round_robin, slow_start: 0s } }\nroutes: [{ service: api }]\n",
    );
    assert_eq!(endpoints(&gateway).len(), 2);
    told(&gateway, &format!("DELETE {ENDPOINTS}?url={}", one.url()), "");
    let third = Origin::hello();
    let text = json!([one.url(), two.url(), third.url()]).to_string();
    std::fs::write(gateway.file("endpoints.json"), text).expect("the folder can be written");
    soon("the third is found", || endpoint(&gateway, &third.url())["state"] == "up");
    let newest = || told(&gateway, "GET /api/events", "")[0].clone();
    soon("that is told", || newest()["kind"] == "discovery");
    let found = newest();
    assert_eq!((&found["kind"], &found["to"]), (&json!("discovery"), &json!("3 endpoints")), "{found}");
    assert_eq!(found["reason"], format!("+{}", third.url()), "{found}");
    while_waiting(Duration::from_millis(200), || assert_eq!(gateway.get("/").status, 200));
    assert!(one.requests().is_empty(), "what was taken away stays away");
    told(&gateway, &format!("POST {ENDPOINTS}"), &one.url());
    soon("it is back", || gateway.get("/").status == 200 && !one.requests().is_empty());
}
