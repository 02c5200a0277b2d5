//! What goes wrong with launched instances, and what clients and operators notice of it.

use e2e::{
    Crowd, Instances, OpenLoop, Origin, PATIENCE, Port, Signal, Tidegate, application, at_once, get,
    has_ended, is_problem, post, run, send_signal, soon, tidegate_binary, while_waiting,
};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

/// What is answered at once comes in this time even on a busy machine, and much sooner than `hold.timeout` (30 s).
const AT_ONCE: Duration = Duration::from_secs(5);

/// One service for everything, with these keys beside its instances, which have keys beside their command.
fn config_with(args: &str, keys: &str, service: &str) -> String {
    format!(
        "services:\n  api:\n    instances: {{ command: {}, {keys} }}\n{service}\nroutes: [{{ service: api }}]\nworkers: 2\n",
        application(args)
    )
}

fn config(args: &str, keys: &str) -> String {
    config_with(args, keys, "")
}

/// The processes of all instances that are shown.
fn pids_of(view: &Value) -> BTreeSet<u32> {
    let all = view["instances"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().filter_map(|one| one["pid"].as_u64()).filter_map(|pid| u32::try_from(pid).ok()).collect()
}

/// Waits until `name` in the view is a text, and gives it.
#[track_caller]
fn wait_for_words(instances: &Instances, name: &str) -> String {
    let view = instances.wait_until(&format!("{name} is told"), |view| view[name].is_string());
    view[name].as_str().unwrap_or_default().to_owned()
}

fn events(gateway: &Tidegate) -> String {
    gateway.admin("GET", "/api/events").text()
}

/// What `tidegate status` prints; its exit code says whether all is well, which is not asked here.
fn status(gateway: &Tidegate) -> String {
    let admin = format!("http://{}", gateway.admin_address());
    let output = run(Command::new(tidegate_binary()).args(["status", "--admin", &admin]));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A 503 that does not wait for anything.
#[track_caller]
fn is_refused_at_once(gateway: &Tidegate) {
    let began = Instant::now();
    let answer = gateway.get("/");
    assert_eq!(answer.status, 503, "{answer}");
    assert!(is_problem(&answer), "{answer}");
    assert!(began.elapsed() < AT_ONCE, "it took {:?}", began.elapsed());
}

#[test]
fn one_that_ends_at_once_is_started_ever_more_slowly_told_and_heals_with_its_config() {
    let gateway = Tidegate::start(&config("--exit 3", "scale: 1"));
    let instances = gateway.instances("api");
    let words = wait_for_words(&instances, "crash_loop");
    is_refused_at_once(&gateway);
    gateway.wait_for_print("api-1 | cannot go on: no such luck");
    assert!(words.contains("no such luck"), "its last words are missing: {words}");
    assert!(status(&gateway).contains(&words), "{}", status(&gateway));
    assert!(events(&gateway).contains("crash"), "{}", events(&gateway));
    // 100 ms, then half as much again each time: the sixth start comes 1.3 s after the first, the tenth 7.5 s after it.
    let starts = gateway.stderr().matches("| cannot go on").count();
    assert!((5..=10).contains(&starts), "{starts} starts");
    gateway.write_config(&config("", "scale: 1"));
    assert_eq!(gateway.reload().status, 200);
    instances.wait_ready(1);
    assert_eq!(gateway.get("/healed").text(), "/healed");
    instances.wait_until("the crash loop is over", |view| view["crash_loop"].is_null());
}

#[test]
fn a_command_that_is_missing_is_one_clear_error() {
    let gateway = Tidegate::start(
        "services:\n  api: { instances: { command: [\"./no-such-program\", \"{its_port}\"] } }\n\
         routes: [{ service: api }]\nworkers: 2\n",
    );
    let instances = gateway.instances("api");
    let words = wait_for_words(&instances, "crash_loop");
    assert!(words.contains("no-such-program"), "{words}");
    is_refused_at_once(&gateway);
    let status = status(&gateway);
    assert!(status.contains("no-such-program"), "{status}");
    let told = gateway.stderr();
    let errors: Vec<_> = told.lines().filter(|line| line.contains("error: ")).collect();
    let is_clear = |line: &str| line.contains("no-such-program") && line.contains("No such file");
    assert!(errors.len() == 1 && is_clear(errors[0]), "{told}");
}

#[test]
fn one_that_never_listens_is_told_and_ended_after_start_timeout() {
    let gateway = Tidegate::start_early(&config(
        "--never-listens",
        "scale: 1, start_timeout: 700ms, hold: { timeout: 500ms }",
    ));
    let instances = gateway.instances("api");
    let view = instances.wait_until("one is starting", |view| {
        view["instances"][0]["state"] == "starting" && !view["instances"][0]["pid"].is_null()
    });
    assert_eq!(view["ready"], 0, "{view:#}");
    let pid = view["instances"][0]["pid"].as_u64().unwrap_or_default();
    let first = u32::try_from(pid).expect("a process id is small");
    let held = gateway.get("/");
    assert_eq!(held.status, 503, "{held}");
    assert!(held.fields.has("retry-after"), "{held}");
    soon("the first one was ended", || has_ended(first));
    instances.wait_until("another one is tried", |view| {
        view["instances"][0]["pid"].as_u64().is_some_and(|pid| pid != u64::from(first))
    });
    let told = gateway.stderr();
    assert!(told.contains("api-1 did not become ready: after 700ms"), "{told}");
    gateway.write_config(&config("", "scale: 1"));
    assert_eq!(gateway.reload().status, 200);
    instances.wait_ready(1);
    soon("it serves", || gateway.get("/x").text() == "/x");
}

#[test]
fn one_that_hangs_is_taken_out_and_replaced() {
    let check = "    health_check: { path: /healthz, interval: 100ms, timeout: 1s, fall: 2 }";
    let gateway = Tidegate::start(&config_with("", "scale: 2, stop_timeout: 500ms", check));
    let instances = gateway.instances("api");
    let pids = instances.wait_ready(2);
    gateway.connect().send("GET /hang HTTP/1.1\r\nHost: a\r\n\r\n");
    let view = instances.wait_until("one is replaced", |view| {
        view["ready"] == 2 && pids_of(view).intersection(&pids).count() == 1
    });
    assert!(view["crash_loop"].is_null(), "{view:#}");
    for _ in 0..20 {
        assert_eq!(gateway.get("/x").text(), "/x");
    }
    assert!(events(&gateway).contains("replaced"), "{}", events(&gateway));
}

#[test]
fn one_that_is_deaf_to_sigterm_is_killed_after_stop_timeout() {
    let gateway = Tidegate::start(&config("--ignore-term", "scale: 1, stop_timeout: 1500ms"));
    let instances = gateway.instances("api");
    let deaf = *instances.wait_ready(1).first().expect("there is one");
    let asked = Instant::now();
    assert!(instances.restart().status < 300);
    instances.wait_until("it is stopping", |view| {
        let all = view["instances"].as_array().map(Vec::as_slice).unwrap_or_default();
        all.iter().any(|one| one["state"] == "stopping" && one["pid"] == deaf)
    });
    soon("it is gone", || has_ended(deaf));
    assert!(asked.elapsed() >= Duration::from_millis(1500), "it had {:?}", asked.elapsed());
    assert_ne!(instances.wait_ready(1), BTreeSet::from([deaf]));
}

#[test]
fn a_port_that_somebody_else_listens_on_is_told_and_never_used() {
    // One for the instance, and one for the time in which it is replaced.
    let (port, _next) = loop {
        let ports = (Port::free(), Port::free());
        if ports.0.number() + 1 == ports.1.number() {
            break ports;
        }
    };
    let stranger = Origin::named_at(port.address(), "stranger");
    let keys = format!("scale: 1, port: {}, hold: {{ timeout: 500ms }}", port.number());
    let gateway = Tidegate::start_early(&config("", &keys));
    let number = port.number().to_string();
    soon("the port is told", || {
        let told = gateway.stderr();
        told.lines().any(|line| !line.contains(" | ") && line.contains(&number))
    });
    for _ in 0..3 {
        let answer = gateway.get("/");
        assert_eq!(answer.status, 503, "{answer}");
    }
    assert_eq!(gateway.instances("api").number("ready"), 0);
    assert!(stranger.requests().is_empty(), "it was sent requests");
    drop(stranger);
    // The next start may come 15 s later, at most.
    gateway.instances("api").wait_ready(1);
    assert_eq!(gateway.get("/x").text(), "/x");
}

#[test]
fn one_with_too_much_memory_is_replaced_and_nothing_fails() {
    let gateway = Tidegate::start(&config("--after 5", "scale: 2, max_memory: 100MiB"));
    let instances = gateway.instances("api");
    instances.wait_ready(2);
    let load = OpenLoop::start(gateway.address(), 200, &["/a"], &["/wait/200"]);
    load.go_on(20);
    let answer = gateway.get("/leak/200");
    let fat: u32 = answer.fields.get("x-pid").and_then(|pid| pid.parse().ok()).expect("it says who it is");
    soon("it is gone", || has_ended(fat));
    let view = instances.view();
    assert_eq!(instances.wait_ready(2).len(), 2, "{view:#}");
    load.go_on(20);
    let tally = load.end();
    assert!(tally.failures.is_empty(), "{:#?}\n{}", tally.failures, gateway.stderr());
    let told = gateway.stderr();
    assert!(told.lines().any(|line| line.contains("memory") && line.contains("MiB")), "{told}");
    assert!(events(&gateway).contains("memory"), "{}", events(&gateway));
}

#[test]
fn instances_that_are_killed_at_random_are_replaced_and_hardly_a_get_fails() {
    const KILLS: usize = 8;
    let gateway = Tidegate::start(&config("--after 10", "scale: 3"));
    let instances = gateway.instances("api");
    let mut pids = instances.wait_ready(3);
    let crowd = Crowd::start(gateway.address(), 6, &get("/x", ""));
    for kill in 0..KILLS {
        let victim = *pids.iter().nth(kill * 7 % pids.len()).expect("there are three");
        let before = crowd.seen();
        soon("the load goes on", || crowd.seen() > before + 100);
        send_signal(victim, Signal::KILL);
        pids = instances.wait_without(victim, 3);
    }
    let answers = crowd.stop();
    let failed = answers.iter().filter(|answer| answer.status != 200 || !answer.complete);
    let failed: Vec<_> = failed.map(ToString::to_string).collect();
    let allowed = answers.len() / 1000;
    assert!(
        failed.len() <= allowed,
        "{} of {}: {failed:#?}\n{}",
        failed.len(),
        answers.len(),
        gateway.stderr()
    );
}

#[test]
fn requests_that_find_the_only_instance_killed_wait_for_the_next_one() {
    let gateway = Tidegate::start(&config("", "scale: 1"));
    let instances = gateway.instances("api");
    let mut only = instances.wait_ready(1);
    // Five ends in a minute would be a crash loop, in which nobody waits.
    for _ in 0..4 {
        let victim = *only.first().expect("there is one");
        send_signal(victim, Signal::KILL);
        soon("it is dead", || has_ended(victim));
        for _ in 0..5 {
            let answer = gateway.get("/x");
            assert_eq!(answer.status, 200, "{answer}\n{}", gateway.stderr());
        }
        only = instances.wait_without(victim, 1);
    }
}

#[test]
fn one_that_crashes_in_a_request_is_replaced_and_the_others_serve_on() {
    let gateway = Tidegate::start(&config("", "scale: 2"));
    let instances = gateway.instances("api");
    let pids = instances.wait_ready(2);
    let answer = gateway.connect().send(post("/crash/9", "", "x")).response();
    assert!(matches!(answer.status, 502..=503), "a POST is sent once: {answer}");
    let view = instances.wait_until("another one takes its place", |view| {
        view["ready"] == 2 && pids_of(view).intersection(&pids).count() == 1
    });
    let again = view["instances"].as_array().expect("a list").iter().find(|one| one["restarts"] == 1);
    let words = again.and_then(|one| one["last_words"].as_str()).unwrap_or_default();
    assert!(words.contains("crashing as asked"), "{view:#}");
    assert!(events(&gateway).contains("exited"), "{}", events(&gateway));
}

#[test]
fn a_flood_of_output_reaches_nobody_and_harms_nobody() {
    const LINES: usize = 200_000;
    let gateway = Tidegate::start(&config("", "scale: 2"));
    gateway.instances("api").wait_ready(2);
    let target = format!("/flood/{LINES}");
    let answer = gateway.get(&target);
    assert_eq!(answer.text(), target, "{answer}");
    gateway.wait_for_print("line 0 of a flood");
    soon("what was dropped is told", || {
        let told = gateway.stderr();
        told.lines().any(|line| line.contains("lines of api-") && line.contains("dropped"))
    });
    let kept = gateway.stderr().matches("of a flood").count();
    assert!(kept < LINES / 4, "{kept} lines of {LINES} went through");
    assert!(gateway.peak_memory() < 400 << 20, "{} bytes", gateway.peak_memory());
    assert_eq!(gateway.get("/x").text(), "/x");
}

#[test]
fn more_requests_than_may_be_held_are_refused_at_once_and_bodies_are_not_lost() {
    let gateway =
        Tidegate::start_early(&config("--start-delay 1500", "scale: 1, hold: { size: 4, timeout: 20s }"));
    let body = "b".repeat(50_000);
    let requests: Vec<_> = (0..8).map(|_| post("/", "", &body)).collect();
    let began = Instant::now();
    let answers = at_once(gateway.address(), &requests);
    let held = answers.iter().filter(|answer| answer.status == 200).count();
    let refused = answers.iter().filter(|answer| answer.status == 503 && is_problem(answer)).count();
    assert_eq!((held, refused), (4, 4), "{:#?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    assert!(began.elapsed() > Duration::from_millis(500), "they were held");
    assert!(answers.iter().filter(|answer| answer.status == 200).all(|answer| answer.text() == body));
    gateway.instances("api").wait_until("nobody is held any more", |view| view["held"] == 0);
    assert_eq!(gateway.metric("tidegate_held_requests", &["service=\"api\""]), 0);
}

#[test]
fn a_held_request_waits_no_longer_than_hold_timeout_and_not_for_a_client_that_has_left() {
    let gateway = Tidegate::start_early(&config(
        "--never-listens",
        "scale: 1, hold: { timeout: 2s }, start_timeout: 20s",
    ));
    let instances = gateway.instances("api");
    let mut leaving: Vec<_> = (0..5).map(|_| gateway.connect()).collect();
    for client in &mut leaving {
        client.send(get("/", ""));
    }
    instances.wait_until("they are held", |view| view["held"] == 5);
    drop(leaving);
    let left = Instant::now();
    instances.wait_until("nobody is held", |view| view["held"] == 0);
    assert!(
        left.elapsed() < Duration::from_millis(1800),
        "only the deadline has ended them: {:?}",
        left.elapsed()
    );
    let began = Instant::now();
    let answer = gateway.get("/");
    assert_eq!(answer.status, 503, "{answer}");
    assert!(answer.fields.has("retry-after"), "{answer}");
    assert!((1900..8000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
}

#[test]
fn a_config_that_is_refused_changes_nothing_about_the_instances() {
    let gateway = Tidegate::start(&config("", "scale: 2"));
    let instances = gateway.instances("api");
    let pids = instances.wait_ready(2);
    for bad in [
        "scale: { min: 5, max: 2 }",
        "scale: 0",
        "scale: { min: 0 }",
        "command: \"x {prot}\"",
        "port: nowhere",
    ] {
        gateway.write_config(&format!(
            "services: {{ api: {{ instances: {{ command: \"true\", {bad} }} }} }}\nroutes: [{{ service: api }}]\n"
        ));
        let answer = gateway.reload();
        assert_eq!(answer.status, 422, "{bad}: {answer}");
    }
    while_waiting(Duration::from_millis(300), || assert_eq!(instances.pids(), pids));
    assert_eq!(gateway.get("/x").text(), "/x");
}

/// The keeper beside an instance is a process like any other, which somebody may kill.
#[test]
fn one_whose_keeper_is_killed_is_replaced_and_leaves_nothing_behind() {
    let gateway = Tidegate::start(&config("--fork {dir}/strays", "scale: 2"));
    let instances = gateway.instances("api");
    let pids = instances.wait_ready(2);
    let first = *pids.first().expect("there are two");
    let strays = std::fs::read_to_string(gateway.file("strays")).expect("each has left one behind");
    let strays: Vec<u32> = strays.lines().map(|line| line.parse().expect("a process id")).collect();
    let keeper = parent(first);
    assert_ne!(keeper, gateway.pid(), "Tidegate itself is no keeper");
    let stray = *strays.iter().find(|stray| parent(**stray) == keeper).expect("it has become the keeper's");
    send_signal(keeper, Signal::KILL);
    instances.wait_without(first, 2);
    soon("what it had left behind is gone", || has_ended(stray));
    assert_eq!(gateway.get("/x").text(), "/x");
}

/// The parent of a process (proc(5)).
#[track_caller]
fn parent(pid: u32) -> u32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let rest = stat.rsplit(')').next().unwrap_or_default();
    rest.split_whitespace().nth(1).and_then(|parent| parent.parse().ok()).expect("a process id")
}

#[test]
fn a_stopped_instance_does_not_keep_tidegate_from_ending() {
    let mut gateway = Tidegate::start(&config("", "scale: 1, stop_timeout: 500ms"));
    let pid = *gateway.instances("api").wait_ready(1).first().expect("there is one");
    send_signal(pid, Signal::STOP);
    gateway.signal(Signal::TERM);
    assert!(gateway.wait_exit(PATIENCE).success(), "{}", gateway.stderr());
    soon("it is gone", || has_ended(pid));
}

#[test]
fn what_is_wrong_is_in_the_metrics_too() {
    let gateway = Tidegate::start(&config("--exit 1", "scale: 1"));
    wait_for_words(&gateway.instances("api"), "crash_loop");
    let failed: u64 = gateway.metric("tidegate_instance_starts_total", &["service=\"api\""]);
    assert!(failed >= 5, "{}", gateway.metrics());
    assert_eq!(gateway.metric("tidegate_instances", &["service=\"api\"", "state=\"ready\""]), 0);
    let view: Value = gateway.instances("api").view();
    assert_eq!(view["ready"], 0, "{view:#}");
}
