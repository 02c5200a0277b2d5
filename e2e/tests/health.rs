//! Who is asked and who is not: active checks, outlier detection, dead endpoints, and the way back.

use e2e::{
    Crowd, Origin, PATIENCE, Port, PythonServer, Tidegate, eventually, get, is_problem, post, shares, soon,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// An origin that answers with its name, or fails with a status while it is told to; `/healthz` too.
struct Patient {
    origin: Origin,
    /// 200: it is well.
    status: Arc<AtomicU16>,
}

impl Patient {
    fn named(name: &'static str) -> Self {
        let status = Arc::new(AtomicU16::new(200));
        let now = Arc::clone(&status);
        let origin = Origin::start(move |exchange| {
            if !exchange.read_body() {
                return;
            }
            match now.load(Ordering::SeqCst) {
                200 => drop(exchange.send_ok(name)),
                status => drop(exchange.send(format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n"))),
            }
        });
        Self { origin, status }
    }

    fn answers(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    fn url(&self) -> String {
        self.origin.url()
    }

    fn seen(&self, target: &str) -> usize {
        self.origin.requests().iter().filter(|request| request.target == target).count()
    }
}

fn gateway_to(endpoints: &[&str], keys: &str) -> Tidegate {
    let list = endpoints.iter().map(|url| format!("\"{url}\"")).collect::<Vec<_>>().join(", ");
    Tidegate::start(&format!(
        "services: {{ api: {{ endpoints: [{list}], slow_start: 0s, {keys} }} }}\nroutes: [{{ service: api }}]\nworkers: 2\n"
    ))
}

const CHECK: &str = "health_check: { path: /healthz, interval: 50ms, timeout: 2s }";

#[test]
fn an_endpoint_whose_check_fails_gets_no_requests_until_it_passes_again() {
    let (a, b) = (Patient::named("a"), Patient::named("b"));
    let gateway = gateway_to(&[&a.url(), &b.url()], CHECK);
    gateway.wait_for_state("api", &a.url(), "up");
    gateway.wait_for_state("api", &b.url(), "up");
    b.answers(500);
    gateway.wait_for_state("api", &b.url(), "failing");
    assert_eq!(gateway.metric("tidegate_endpoint_up", &[&b.url()]), 0);
    let before = b.seen("/");
    for _ in 0..20 {
        assert_eq!(gateway.get("/").text(), "a");
    }
    assert_eq!(b.seen("/"), before);
    b.answers(200);
    gateway.wait_for_state("api", &b.url(), "up");
    soon("it takes requests again", || gateway.get("/").text() == "b");
}

#[test]
fn it_takes_as_many_failures_as_fall_says_and_as_many_successes_as_rise_says() {
    let a = Patient::named("a");
    let keys = "health_check: { path: /healthz, interval: 50ms, timeout: 2s, fall: 5, rise: 4 }, panic_threshold: 0%";
    let gateway = gateway_to(&[&a.url()], keys);
    gateway.wait_for_state("api", &a.url(), "up");
    let counted = |from: usize, to: usize| (to - from) as f64;
    let before = a.seen("/healthz");
    a.answers(503);
    gateway.wait_for_state("api", &a.url(), "failing");
    let down = a.seen("/healthz");
    assert!(counted(before, down) >= 5.0, "down after {} checks", counted(before, down));
    a.answers(200);
    gateway.wait_for_state("api", &a.url(), "up");
    let up = a.seen("/healthz");
    assert!(counted(down, up) >= 4.0, "up after {} checks", counted(down, up));
}

#[test]
fn a_check_asks_for_its_path_and_host_at_its_port_and_takes_what_is_expected() {
    let api = Origin::named("api");
    let side = Origin::always("HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n");
    let port = side.address().port();
    let check =
        format!("path: \"/deep/check?x=1\", host: checks.example, port: {port}, interval: 50ms, timeout: 2s");
    let gateway = gateway_to(&[&api.url()], &format!("health_check: {{ {check}, expect: [204, 418] }}"));
    gateway.wait_for_state("api", &api.url(), "up");
    let asked = side.requests().remove(0);
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("GET", "/deep/check?x=1"));
    assert_eq!(asked.fields.get("host"), Some("checks.example"));
    assert!(api.requests().is_empty());
    assert_eq!(gateway.get("/").text(), "api");
    // The same answer is none that is well where it is not expected.
    let strict = gateway_to(&[&api.url()], &format!("health_check: {{ {check} }}"));
    strict.wait_for_state("api", &api.url(), "failing");
}

#[test]
fn a_tcp_check_is_content_with_a_connection() {
    let port = Port::free();
    let url = format!("http://{}", port.address());
    let gateway = gateway_to(&[&url], "health_check: { tcp: true, interval: 50ms, timeout: 2s }");
    gateway.wait_for_state("api", &url, "dead");
    let _origin = Origin::start_at(port.address(), |exchange| {
        exchange.send("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
    });
    gateway.wait_for_state("api", &url, "up");
}

#[test]
fn a_grpc_check_asks_the_health_service() {
    let (good, bad) = (
        PythonServer::start("grpc_origin.py", &["good"]),
        PythonServer::start("grpc_origin.py", &["unavailable"]),
    );
    let keys = "protocol: http2, health_check: { grpc: shop, interval: 100ms, timeout: 2s }";
    let gateway = gateway_to(&[&good.url(), &bad.url()], keys);
    gateway.wait_for_state("api", &good.url(), "up");
    gateway.wait_for_state("api", &bad.url(), "failing");
}

#[test]
fn there_is_one_checker_for_an_endpoint_whatever_routes_and_reloads() {
    let a = Patient::named("a");
    let routes = |count: usize| {
        let routes: Vec<_> =
            (0..count).map(|n| format!("{{ match: {{ path: /{n} }}, service: api }}")).collect();
        format!(
            "services: {{ api: {{ endpoints: [\"{}\"], health_check: {{ path: /healthz, interval: 200ms }} }} }}\n\
             routes: [{}]",
            a.url(),
            routes.join(", ")
        )
    };
    let start = Instant::now();
    let gateway = Tidegate::start(&routes(20));
    for n in 0..20 {
        gateway.write_config(&routes(20 + n));
        assert_eq!(gateway.reload().status, 200);
    }
    soon("it was checked some times", || a.seen("/healthz") >= 10);
    // One each 180 ms at the soonest, and the first at once.
    let most = start.elapsed().as_millis() / 180 + 2;
    assert!(a.seen("/healthz") as u128 <= most, "{} checks in {:?}", a.seen("/healthz"), start.elapsed());
}

#[test]
fn with_all_endpoints_down_clients_hear_so_at_once() {
    let ports = [Port::free(), Port::free()];
    let urls = ports.each_ref().map(|port| format!("http://{}", port.address()));
    let keys = "health_check: { path: /healthz, interval: 200ms, timeout: 1s }";
    let gateway = gateway_to(&[&urls[0], &urls[1]], keys);
    for url in &urls {
        gateway.wait_for_state("api", url, "dead");
    }
    let start = Instant::now();
    for _ in 0..10 {
        let answer = gateway.get("/");
        assert_eq!(answer.status, 503, "{answer}");
        assert!(is_problem(&answer), "{answer}");
        let after: u64 = answer.fields.get("retry-after").and_then(|v| v.parse().ok()).unwrap_or_default();
        assert!((1..=5).contains(&after), "{answer}");
    }
    assert!(start.elapsed() < Duration::from_secs(2), "ten answers took {:?}", start.elapsed());
    assert_eq!(gateway.metric("tidegate_stops_total", &["reason=\"no_endpoint\""]), 10);
    // One of them is back: there is traffic with its next check, and not only after `rise` of them.
    let _origin = Origin::named_at(ports[1].address(), "back");
    let back = Instant::now();
    soon("there is traffic again", || gateway.get("/").status == 200);
    assert!(back.elapsed() < Duration::from_secs(2), "it took {:?}", back.elapsed());
}

/// Outlier detection that ejects for a short time, without retries, so that clients see what endpoints say.
const EJECTING: &str = "retry: off, lb_policy: round_robin, \
     outlier_detection: { consecutive_5xx: 5, base_ejection_time: 300ms, max_ejection_time: 300ms }";

#[test]
fn five_500s_in_a_row_eject_an_endpoint() {
    let (a, b) = (Patient::named("a"), Patient::named("b"));
    let keys = "retry: off, lb_policy: round_robin, outlier_detection: { base_ejection_time: 5m }";
    let gateway = gateway_to(&[&a.url(), &b.url()], keys);
    b.answers(500);
    let failed = (0..60).filter(|_| gateway.get("/").status == 500).count();
    assert_eq!(failed, 5, "a client sees as many as it takes");
    assert_eq!((gateway.state("api", &b.url()), b.seen("/")), ("ejected".into(), 5));
    assert_eq!(
        gateway.metric("tidegate_endpoint_changes_total", &[&b.url(), "reason=\"consecutive_5xx\""]),
        1
    );
}

#[test]
fn failures_that_are_not_in_a_row_eject_nobody() {
    let turn = AtomicU16::new(0);
    let uneven = Origin::start(move |exchange| match turn.fetch_add(1, Ordering::SeqCst) % 5 {
        4 => drop(exchange.send_ok("b")),
        _ => drop(exchange.send("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")),
    });
    let a = Origin::named("a");
    let gateway = gateway_to(&[&a.url(), &uneven.url()], "retry: off, lb_policy: round_robin");
    for _ in 0..60 {
        gateway.get("/");
    }
    assert_eq!(gateway.state("api", &uneven.url()), "up");
}

#[test]
fn an_ejected_endpoint_comes_back_by_one_trial_that_no_client_notices() {
    let (a, b) = (Patient::named("a"), Patient::named("b"));
    let gateway = gateway_to(&[&a.url(), &b.url()], EJECTING);
    b.answers(500);
    soon("it is ejected", || {
        gateway.get("/");
        gateway.state("api", &b.url()) != "up"
    });
    let ejected_after = b.seen("/");
    // Each trial fails and nobody but the endpoint knows: there are no retries, and yet every client gets 200.
    soon("some trials were made", || {
        assert_eq!(gateway.get("/").text(), "a");
        b.seen("/") >= ejected_after + 3
    });
    assert!(gateway.metric("tidegate_endpoint_changes_total", &[&b.url(), "reason=\"trial_failed\""]) >= 2);
    b.answers(200);
    soon("the next trial brings it back", || {
        assert_eq!(gateway.get("/").status, 200);
        gateway.state("api", &b.url()) == "up"
    });
}

#[test]
fn a_trial_takes_one_request_at_a_time() {
    let (a, b) = (Patient::named("a"), Patient::named("b"));
    let gateway = gateway_to(&[&a.url(), &b.url()], EJECTING);
    b.answers(500);
    soon("it is ejected", || {
        gateway.get("/");
        gateway.state("api", &b.url()) != "up"
    });
    let (start, before) = (Instant::now(), b.seen("/"));
    let crowd = Crowd::start(gateway.address(), 8, &get("/", ""));
    soon("some trials were made", || b.seen("/") >= before + 3);
    let answers = crowd.stop();
    assert_eq!(shares(&answers).keys().collect::<Vec<_>>(), ["a"], "every client was served");
    // A trial follows an ejection, and that takes 300 ms.
    let most = 1 + start.elapsed().as_millis() / 300 + 1;
    assert!(
        (b.seen("/") - before) as u128 <= most,
        "{} trials in {:?}",
        b.seen("/") - before,
        start.elapsed()
    );
}

#[test]
fn no_more_than_max_ejection_says_are_ejected() {
    let patients = ["a", "b", "c", "d"].map(Patient::named);
    let urls = patients.each_ref().map(Patient::url);
    let keys = "retry: off, lb_policy: round_robin, panic_threshold: 0%, \
                outlier_detection: { base_ejection_time: 5m, max_ejection: 50% }";
    let gateway = gateway_to(&urls.each_ref().map(String::as_str), keys);
    for patient in &patients {
        patient.answers(500);
    }
    for _ in 0..80 {
        assert_eq!(gateway.get("/").status, 500);
    }
    let ejected = urls.iter().filter(|url| gateway.state("api", url) == "ejected").count();
    assert_eq!(ejected, 2);
}

#[test]
fn the_last_endpoint_is_never_ejected() {
    let (a, b) = (Patient::named("a"), Patient::named("b"));
    let keys = "retry: off, lb_policy: round_robin, panic_threshold: 0%, \
                outlier_detection: { base_ejection_time: 5m, max_ejection: 100% }";
    for urls in [vec![a.url()], vec![a.url(), b.url()]] {
        a.answers(500);
        b.answers(500);
        let gateway = gateway_to(&urls.iter().map(String::as_str).collect::<Vec<_>>(), keys);
        for _ in 0..40 {
            assert_eq!(gateway.get("/").status, 500, "the endpoint's own answer");
        }
        let up = urls.iter().filter(|url| gateway.state("api", url) == "up").count();
        assert_eq!(up, 1);
        a.answers(200);
        b.answers(200);
        assert_eq!(gateway.get("/").status, 200);
    }
}

#[test]
fn with_too_few_healthy_endpoints_all_are_asked() {
    let patients = ["a", "b", "c"].map(Patient::named);
    let urls = patients.each_ref().map(Patient::url);
    let keys = format!("{CHECK}, retry: off, lb_policy: round_robin");
    let gateway = gateway_to(&urls.each_ref().map(String::as_str), &keys);
    for url in &urls {
        gateway.wait_for_state("api", url, "up");
    }
    patients[0].answers(500);
    gateway.wait_for_state("api", &urls[0], "failing");
    let before = patients[0].seen("/");
    for _ in 0..12 {
        assert_eq!(gateway.get("/").status, 200, "two of three are enough");
    }
    assert_eq!(patients[0].seen("/"), before);
    patients[1].answers(500);
    gateway.wait_for_state("api", &urls[1], "failing");
    // One of three is less than half: better a few errors than all requests at the one that is left.
    let well = (0..30).filter(|_| gateway.get("/").status == 200).count();
    assert!((8..=12).contains(&well), "{well} of 30 were answered well");
}

#[test]
fn a_dead_endpoint_is_passed_by_at_once_and_comes_back_by_itself() {
    let port = Port::free();
    let (a, b) = (Origin::named("a"), Origin::named_at(port.address(), "b"));
    let url = b.url();
    // Not even a retry is needed: the endpoint has seen nothing of the request.
    let gateway =
        gateway_to(&[&a.url(), &url], "lb_policy: round_robin, retry: { budget: 0%, min_per_second: 0 }");
    drop(b);
    for _ in 0..40 {
        let answer = gateway.connect().send(post("/", "", "body")).response();
        assert_eq!(answer.text(), "a", "{answer}");
    }
    gateway.wait_for_state("api", &url, "dead");
    assert_eq!(gateway.metric("tidegate_retries_refused_total", &[]), 0);
    let _b = Origin::named_at(port.address(), "b");
    gateway.wait_for_state("api", &url, "up");
    soon("it takes requests again", || gateway.get("/").text() == "b");
}

#[test]
fn grpc_failures_in_trailers_eject_an_endpoint() {
    let (good, bad) = (
        PythonServer::start("grpc_origin.py", &["good"]),
        PythonServer::start("grpc_origin.py", &["broken"]),
    );
    let keys =
        "protocol: http2, retry: off, lb_policy: round_robin, outlier_detection: { base_ejection_time: 5m }";
    let gateway = gateway_to(&[&good.url(), &bad.url()], keys);
    let port = gateway.address().port().to_string();
    let done = e2e::python_script("grpc_call.py", &[&port, "Stream", "30", "15"]);
    let lines = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_eq!(lines.lines().filter(|line| *line == "UNAVAILABLE").count(), 5, "{lines}");
    assert_eq!(lines.lines().filter(|line| *line == "good").count(), 25, "{lines}");
    assert_eq!(gateway.state("api", &bad.url()), "ejected");
}

/// A process that serves on a port and can be killed.
fn process_at(port: &Port) -> Tidegate {
    let args = ["sample-api", "--port", &port.number().to_string()];
    let process = Tidegate::spawn_with(&args, "");
    soon("the process listens", || e2e::Raw::try_connect(port.address()).is_ok());
    process
}

#[test]
fn a_process_that_is_killed_costs_no_idempotent_request() {
    let ports = [Port::free(), Port::free(), Port::free()];
    let urls = ports.each_ref().map(|port| format!("http://{}", port.address()));
    let mut processes: Vec<_> = ports.iter().map(process_at).collect();
    let gateway = gateway_to(&urls.each_ref().map(String::as_str), "lb_policy: round_robin");
    let crowd = Crowd::start(gateway.address(), 24, &get("/healthz", ""));
    soon("the load runs", || crowd.seen() > 200);
    for (port, place) in [(&ports[0], 0), (&ports[1], 1), (&ports[0], 0)] {
        let before = crowd.seen();
        processes[place].signal(e2e::Signal::KILL);
        soon("the load went on", || crowd.seen() > before + 300);
        // Also where the requests that it had in hand have ejected it: a look shows that it is gone.
        gateway.wait_for_state("api", &urls[place], "dead");
        processes[place] = process_at(port);
        gateway.wait_for_state("api", &urls[place], "up");
    }
    let answers = crowd.stop();
    let failed: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
    assert!(failed.is_empty(), "{} of {} failed: {}", failed.len(), answers.len(), failed[0]);
    assert!(gateway.metric("tidegate_retries_total", &["service=\"api\""]) > 0);
}

#[test]
fn a_process_that_is_killed_costs_only_the_posts_that_it_had() {
    let ports = [Port::free(), Port::free()];
    let urls = ports.each_ref().map(|port| format!("http://{}", port.address()));
    let processes: Vec<_> = ports.iter().map(process_at).collect();
    let gateway = gateway_to(&urls.each_ref().map(String::as_str), "lb_policy: round_robin");
    let clients = 8;
    let crowd = Crowd::start(gateway.address(), clients, &post("/healthz", "", "hello"));
    soon("the load runs", || crowd.seen() > 100);
    let before = crowd.seen();
    processes[0].signal(e2e::Signal::KILL);
    soon("the load went on", || crowd.seen() > before + 300);
    let answers = crowd.stop();
    // The process knows no POST there, and says so: that is its answer.
    let statuses: Vec<_> =
        answers.iter().map(|answer| answer.status).filter(|status| *status != 405).collect();
    let failed = statuses.len();
    assert!(failed <= clients, "no more than {clients} can have been there: {statuses:?}");
    assert!(answers.iter().all(|answer| answer.status == 405 || is_problem(answer)));
    soon("each is counted", || {
        let labels = ["method=\"POST\"", "status=\"502\""];
        gateway.metric("tidegate_requests_total", &labels) == failed as u64
    });
}

#[test]
fn an_endpoint_that_hangs_on_its_checks_is_taken_out() {
    let hangs = Arc::new(AtomicBool::new(false));
    let now = Arc::clone(&hangs);
    let origin = Origin::start(move |exchange| {
        if now.load(Ordering::SeqCst) {
            exchange.sees_close();
        } else {
            exchange.send_ok("well");
        }
    });
    let other = Origin::named("other");
    let keys = "health_check: { path: /healthz, interval: 50ms, timeout: 200ms }";
    let gateway = gateway_to(&[&origin.url(), &other.url()], keys);
    gateway.wait_for_state("api", &origin.url(), "up");
    hangs.store(true, Ordering::SeqCst);
    let down = eventually(PATIENCE, || gateway.state("api", &origin.url()) != "up");
    assert!(down, "{}", gateway.service("api"));
    assert_eq!(gateway.get("/").text(), "other");
}
