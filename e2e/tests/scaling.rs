//! Instances come and go with the load, none is there while nobody asks, and nobody who asks notices.
//!
//! Windows are short here, so that seconds show what otherwise takes minutes; the sums are the same. A longer run with
//! everything at once takes a minute or two and a machine that is not too busy:
//!
//! ```console
//! $ cargo build -p tidegate
//! $ cargo test -p e2e --test scaling -- --ignored --nocapture
//! ```

use e2e::{
    Alone, Crowd, Fleet, OpenLoop, Origin, PATIENCE, Raw, Response, Signal, Tidegate, application,
    eventually, get, h2load, has_ended, post, send_signal, soon, while_waiting,
};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant, SystemTime};

/// What Tidegate may add to the application's own start when it is started for a request.
const FROM_ZERO_MOST: Duration = Duration::from_millis(100);
/// A busy machine may hold up one start; it does not hold up each of so many.
const FROM_ZERO_TRIES: usize = 4;

/// In this time every worker knows that an instance gets nothing new.
const WORKERS_HEAR: Duration = Duration::from_millis(300);

/// Windows that fit into a test.
const QUICK: &str = "tick: 500ms, stable_window: 4s, panic_window: 1s, down: { stabilization_window: 3s }";

/// One service for everything, scaled like this.
fn config(args: &str, scale: &str, keys: &str) -> String {
    format!(
        "services:\n  api:\n    instances: {{ command: {}, scale: {{ {scale}, {QUICK} }}, {keys} }}\n\
         routes: [{{ service: api }}]\nworkers: 2\n",
        application(args)
    )
}

/// The answers that are none that anybody wants.
fn failures(answers: &[Response]) -> Vec<String> {
    answers
        .iter()
        .filter(|answer| answer.status != 200 || !answer.complete)
        .map(ToString::to_string)
        .collect()
}

/// The counts that were decided, and in which direction it went each time it changed.
fn changes(decisions: &[Value]) -> (Vec<u64>, Vec<&str>) {
    let counts = decisions.iter().map(|one| one["to"].as_u64().unwrap_or_default()).collect();
    let mut directions: Vec<&str> =
        decisions.iter().filter_map(|one| one["direction"].as_str()).filter(|way| *way != "stay").collect();
    directions.dedup();
    (counts, directions)
}

/// Every decision says why it was made: in words, with the sum, and as a label.
#[track_caller]
fn are_explained(decisions: &[Value]) {
    assert!(!decisions.is_empty());
    for one in decisions {
        let text = one["text"].as_str().unwrap_or_default();
        let (from, to) = (&one["from"], &one["to"]);
        assert!(
            text.len() > 10 && one["reason"].as_str().is_some_and(|reason| !reason.is_empty()),
            "{one:#}"
        );
        if from != to {
            assert!(text.contains(&to.to_string()), "{one:#}");
        }
        if let Some(way) = one["direction"].as_str() {
            let expect = match from.as_u64().cmp(&to.as_u64()) {
                std::cmp::Ordering::Less => "up",
                std::cmp::Ordering::Equal => "stay",
                std::cmp::Ordering::Greater => "down",
            };
            assert_eq!(way, expect, "{one:#}");
        }
    }
}

#[test]
fn from_zero_a_request_waits_for_the_start_and_hardly_longer_and_then_all_go_again() {
    const DELAY: &str = "--start-delay 300";
    let alone = (0..2).map(|_| Alone::start(DELAY).took).min().expect("it was started");
    let keys = "zero: { after: 1s }, max: 4, concurrency: 500";
    let gateway = Tidegate::start(&config(DELAY, keys, "limits: { files: 4096 }"));
    let instances = gateway.instances("api");
    let nobody = |what: &str| {
        instances.wait_until(what, |view| {
            view["instances"].as_array().is_some_and(Vec::is_empty)
                && (&view["ready"], &view["wanted"], &view["held"]) == (&0.into(), &0.into(), &0.into())
        });
    };
    let mut added = Vec::new();
    while added.len() < FROM_ZERO_TRIES && added.iter().all(|took| *took > FROM_ZERO_MOST) {
        nobody("there is none while nobody asks");
        let mut client = gateway.connect();
        let began = Instant::now();
        let answer = client.get("/first", "Connection: close\r\n");
        added.push(began.elapsed().saturating_sub(alone));
        assert_eq!((answer.status, answer.text().as_str()), (200, "/first"), "{answer}");
    }
    println!("alone {alone:?}; added by Tidegate {added:?}");
    assert!(added.iter().any(|took| *took <= FROM_ZERO_MOST), "alone {alone:?}; added by Tidegate {added:?}");

    // A thousand that come while it starts: ten connections with a hundred requests each at a time.
    nobody("it goes back to none");
    let load = h2load(&["-n1000", "-c10", "-m100", &gateway.url("/many")]);
    assert_eq!((load.succeeded, load.failed), (1000, 0), "{}\n{}", load.report, gateway.stderr());
    let decisions = instances.decisions();
    are_explained(&decisions);
    let reasons: BTreeSet<_> = decisions.iter().filter_map(|one| one["reason"].as_str()).collect();
    assert!(reasons.contains("from_zero") && reasons.contains("zero"), "{reasons:?}");
    let pids = instances.pids();
    nobody("it goes back to none once more");
    assert!(!pids.is_empty() && pids.iter().all(|pid| has_ended(*pid)), "{pids:?}");
    assert_eq!(gateway.stderr().matches("crash").count(), 0, "{}", gateway.stderr());
}

#[test]
fn under_load_there_are_more_up_to_max_and_behind_it_fewer_and_no_request_fails() {
    const MAX: u64 = 5;
    let gateway = Tidegate::start(&config("--after 50", "min: 1, max: 5, concurrency: 4", ""));
    let instances = gateway.instances("api");
    instances.wait_ready(1);
    let few = Crowd::start(gateway.address(), 2, &get("/few", ""));
    while_waiting(Duration::from_millis(1500), || assert_eq!(instances.number("wanted"), 1));
    let many = Crowd::start(gateway.address(), 30, &get("/many", ""));
    let mut most = 0;
    let grown = eventually(PATIENCE * 2, || {
        let view = instances.view();
        most = most.max(view["instances"].as_array().map_or(0, Vec::len) as u64);
        view["ready"] == MAX
    });
    assert!(grown, "{:#}\n{:#?}", instances.view(), instances.decisions());
    while_waiting(Duration::from_secs(1), || {
        most = most.max(instances.number("ready") + instances.number("starting"));
    });
    assert_eq!(most, MAX, "never more than `max`");
    let mut answers = many.stop();
    instances.wait_ready(1);
    answers.extend(few.stop());
    let failed = failures(&answers);
    assert!(failed.is_empty(), "{failed:#?}\n{}", gateway.stderr());
    assert!(answers.len() > 1000, "{}", answers.len());

    let decisions = instances.decisions();
    are_explained(&decisions);
    let (counts, directions) = changes(&decisions);
    assert!(counts.iter().all(|count| (1..=MAX).contains(count)), "{counts:?}");
    assert_eq!(directions, ["up", "down"], "it went up once and down once: {decisions:#?}");
    assert!(decisions.iter().any(|one| one["reason"] == "max"), "{decisions:#?}");
    let sums =
        |one: &Value| one["proposals"][0]["signal"] == "concurrency" && one["proposals"][0]["target"] == 4.0;
    assert!(decisions.iter().any(sums), "{decisions:#?}");
    assert!(gateway.metric("tidegate_scale_decisions_total", &["service=\"api\"", "direction=\"up\""]) >= 1);
    assert!(
        gateway.metric("tidegate_scale_decisions_total", &["service=\"api\"", "direction=\"down\""]) >= 1
    );
}

#[test]
fn other_bounds_come_into_force_while_it_is_scaled() {
    let config = |bounds: &str| config("--after 30", &format!("{bounds}, concurrency: 2"), "");
    let gateway = Tidegate::start(&config("min: 1, max: 3"));
    let instances = gateway.instances("api");
    let first = instances.wait_ready(1);
    let crowd = Crowd::start(gateway.address(), 16, &get("/x", ""));
    let three = instances.wait_ready(3);
    assert!(first.is_subset(&three), "those that are there stay");
    gateway.write_config(&config("min: 1, max: 5"));
    assert_eq!(gateway.reload().status, 200);
    assert!(three.is_subset(&instances.wait_ready(5)), "those that are there stay");
    gateway.write_config(&config("min: 1, max: 2"));
    assert_eq!(gateway.reload().status, 200);
    let two = instances.wait_ready(2);
    gateway.write_config(&config("min: 4, max: 4"));
    assert_eq!(gateway.reload().status, 200);
    assert!(two.is_subset(&instances.wait_ready(4)), "those that are there stay");
    let answers = crowd.stop();
    let failed = failures(&answers);
    assert!(failed.is_empty(), "{failed:#?}\n{}", gateway.stderr());
}

/// A WebSocket and the process that it ends in.
fn websocket(address: std::net::SocketAddr) -> (Raw, u32) {
    let mut client = Raw::connect(address);
    client.send("GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n");
    client.send("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    let answer = client.response();
    assert_eq!(answer.status, 101, "{answer}");
    let pid = answer.fields.get("x-pid").and_then(|pid| pid.parse().ok());
    (client, pid.expect("it says who it is"))
}

/// One WebSocket to each of two instances, of which one has to go.
#[track_caller]
fn one_of_two_has_to_go(drain_timeout: &str) -> (Tidegate, [(Raw, u32); 2], u32) {
    let keys = format!("drain_timeout: {drain_timeout}, stop_timeout: 2s");
    let gateway = Tidegate::start(&config("", "min: 2, max: 2", &keys));
    let instances = gateway.instances("api");
    instances.wait_ready(2);
    let one = websocket(gateway.address());
    let mut other = websocket(gateway.address());
    soon("both have one", || {
        if one.1 == other.1 {
            other = websocket(gateway.address());
        }
        one.1 != other.1
    });
    gateway.write_config(&config("", "min: 1, max: 1", &keys));
    assert_eq!(gateway.reload().status, 200);
    let drains = |view: &Value| {
        let all = view["instances"].as_array().map(Vec::as_slice).unwrap_or_default();
        let draining = all.iter().find(|instance| instance["state"] == "draining");
        draining.and_then(|instance| instance["pid"].as_u64()).and_then(|pid| u32::try_from(pid).ok())
    };
    let view = instances.wait_until("one drains", |view| drains(view).is_some());
    let leaving = drains(&view).unwrap_or_default();
    (gateway, [one, other], leaving)
}

#[test]
fn an_instance_that_has_to_go_gets_nothing_new_and_its_websocket_lives_on_until_drain_timeout() {
    let (gateway, mut sockets, leaving) = one_of_two_has_to_go("3s");
    let began = Instant::now();
    // Until then a worker may not have heard of it.
    while_waiting(WORKERS_HEAR, || {});
    for _ in 0..40 {
        let answer = gateway.get("/new");
        assert_ne!(answer.fields.get("x-pid"), Some(leaving.to_string().as_str()), "{answer}");
        assert_eq!(answer.status, 200, "{answer}");
        assert_ne!(websocket(gateway.address()).1, leaving);
    }
    for (socket, _) in &mut sockets {
        socket.send("still here").expect_bytes(b"still here");
    }
    let [stays, goes] = if sockets[0].1 == leaving { [1, 0] } else { [0, 1] };
    assert!(!has_ended(leaving), "it ended after {:?}", began.elapsed());
    assert!(sockets[goes].0.is_closed(PATIENCE), "it is cut");
    assert!(began.elapsed() > Duration::from_millis(1500), "cut after {:?}", began.elapsed());
    soon("the process is gone", || has_ended(leaving));
    sockets[stays].0.send("and still").expect_bytes(b"and still");
    gateway.instances("api").wait_ready(1);
}

#[test]
fn an_instance_that_has_to_go_ends_with_its_last_websocket() {
    let (gateway, sockets, leaving) = one_of_two_has_to_go("10m");
    let mut sockets = sockets.into_iter();
    let (mut one, mut other) = (sockets.next().expect("two"), sockets.next().expect("two"));
    if one.1 == leaving {
        std::mem::swap(&mut one, &mut other);
    }
    other.0.send("still here").expect_bytes(b"still here");
    assert!(!has_ended(leaving));
    drop(other);
    soon("the process is gone", || has_ended(leaving));
    one.0.send("still here").expect_bytes(b"still here");
    gateway.instances("api").wait_ready(1);
}

#[test]
fn an_instance_that_was_to_go_is_taken_back_when_it_is_wanted_again() {
    let (gateway, mut sockets, leaving) = one_of_two_has_to_go("10m");
    gateway.write_config(&config("", "min: 2, max: 2", "drain_timeout: 10m, stop_timeout: 2s"));
    assert_eq!(gateway.reload().status, 200);
    assert!(gateway.instances("api").wait_ready(2).contains(&leaving), "{}", gateway.stderr());
    soon("it takes requests again", || {
        gateway.get("/new").fields.get("x-pid") == Some(leaving.to_string().as_str())
    });
    for (socket, _) in &mut sockets {
        socket.send("still here").expect_bytes(b"still here");
    }
}

#[test]
fn the_process_that_takes_over_in_an_upgrade_scales_on() {
    let config = format!(
        "listeners: [\"127.0.0.1:{{port}}\"]\noverload: off\nobserve: {{ access_log: off }}\n{}",
        config("--after 30", "min: 1, max: 3, concurrency: 2", "drain_timeout: 1s")
    );
    let fleet = Fleet::start(&config);
    let instances = fleet.instances("api");
    let first = instances.wait_ready(1);
    let crowd = Crowd::start(fleet.address(), 10, &get("/x", ""));
    // The first process has noticed the load, and may be starting others.
    soon("more are wanted", || instances.number("wanted") > 1);
    fleet.upgrade();
    assert!(first.is_subset(&instances.wait_ready(3)), "{}", fleet.log());
    let three = instances.ready();
    fleet.upgrade();
    while_waiting(Duration::from_millis(500), || assert_eq!(instances.ready(), three, "{}", fleet.log()));
    let answers = crowd.stop();
    let failed = failures(&answers);
    assert!(failed.is_empty(), "{failed:#?}\n{}", fleet.log());
    instances.wait_ready(1);
    are_explained(&instances.decisions());
}

/// The signals by which it was decided to have more.
fn signals_of_rises(gateway: &Tidegate) -> BTreeSet<String> {
    let decisions = gateway.instances("api").decisions();
    are_explained(&decisions);
    let rises = decisions.iter().filter(|one| one["direction"] == "up");
    rises
        .flat_map(|one| one["proposals"].as_array().cloned().unwrap_or_default())
        .filter_map(|proposal| proposal["signal"].as_str().map(str::to_owned))
        .collect()
}

#[test]
fn requests_a_second_may_decide() {
    let gateway = Tidegate::start(&config("", "min: 1, max: 3, rps: 30", ""));
    gateway.instances("api").wait_ready(1);
    let load = OpenLoop::start(gateway.address(), 120, &["/a"], &[]);
    gateway.instances("api").wait_ready(3);
    let tally = load.end();
    assert!(tally.failures.is_empty(), "{:#?}\n{}", tally.failures, gateway.stderr());
    assert_eq!(Vec::from_iter(signals_of_rises(&gateway)), ["rps"]);
}

#[test]
fn cpu_of_the_instances_may_decide() {
    // Fifty requests a second of 5 ms each take a quarter of a core, where a tenth is meant for each.
    let gateway = Tidegate::start(&config("", "min: 1, max: 2, cpu: 50%", "cpus: 0.2"));
    gateway.instances("api").wait_ready(1);
    let load = OpenLoop::start(gateway.address(), 60, &["/burn/5"], &[]);
    gateway.instances("api").wait_ready(2);
    let tally = load.end();
    assert!(tally.failures.is_empty(), "{:#?}\n{}", tally.failures, gateway.stderr());
    assert_eq!(Vec::from_iter(signals_of_rises(&gateway)), ["cpu"]);
}

#[test]
fn a_dry_run_decides_and_changes_nothing() {
    let gateway = Tidegate::start(&config("--after 30", "min: 1, max: 4, concurrency: 2, dry_run: true", ""));
    let instances = gateway.instances("api");
    let pids = instances.wait_ready(1);
    let crowd = Crowd::start(gateway.address(), 12, &get("/x", ""));
    soon("more would be wanted", || instances.decisions().iter().any(|one| one["to"].as_u64() > Some(1)));
    while_waiting(Duration::from_millis(500), || assert_eq!(instances.pids(), pids));
    let view = instances.view();
    assert_eq!((&view["dry_run"], &view["ready"], &view["starting"]), (&true.into(), &1.into(), &0.into()));
    assert!(crowd.stop().iter().all(|answer| answer.status == 200));
}

#[test]
fn a_time_of_the_week_may_want_more() {
    let now =
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("the clock is past 1970").as_secs();
    let minute = |minutes: u64| format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60);
    let minutes = now / 60 + 24 * 60;
    let window = |from: u64, to: u64| {
        format!("schedule: [{{ from: \"{}\", to: \"{}\", min: 3 }}]", minute(from), minute(to))
    };
    // Of UTC: an hour ago to an hour ahead, across midnight where it must be.
    let gateway =
        Tidegate::start(&config("", &format!("min: 1, max: 4, {}", window(minutes - 60, minutes + 60)), ""));
    let instances = gateway.instances("api");
    instances.wait_ready(3);
    assert!(
        instances.decisions().iter().any(|one| one["reason"] == "schedule"),
        "{:#?}",
        instances.decisions()
    );
    // And one that is over.
    let over = window(minutes - 180, minutes - 120);
    gateway.write_config(&config("", &format!("min: 1, max: 4, {over}"), ""));
    assert_eq!(gateway.reload().status, 200);
    instances.wait_ready(1);
}

/// An origin that somebody else looks after, which takes 30 ms for an answer.
fn elsewhere() -> Origin {
    Origin::start_forgetful(|exchange| {
        if exchange.read_body() {
            std::thread::sleep(Duration::from_millis(30));
            exchange.send_ok("answered");
        }
    })
}

fn config_of_others(origin: &Origin, driver: &str) -> String {
    format!(
        "services:\n  api:\n    endpoints: [\"{}\"]\n    instances: {{ {driver}, scale: {{ min: 1, max: 4, concurrency: 2, {QUICK} }} }}\n\
         routes: [{{ service: api }}]\nworkers: 2\n",
        origin.url()
    )
}

#[test]
fn a_command_is_told_how_many_are_wanted() {
    let origin = elsewhere();
    let script = "exec: [\"/bin/sh\", \"-c\", \"cat >> {dir}/told; echo >> {dir}/told\"]";
    let gateway = Tidegate::start(&config_of_others(&origin, script));
    let crowd = Crowd::start(gateway.address(), 12, &get("/x", ""));
    let told = || -> Vec<Value> {
        let text = fs::read_to_string(gateway.file("told")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    };
    soon("it was told that four are wanted", || told().iter().any(|one| one["wanted"] == 4));
    assert!(told().iter().all(|one| one["service"] == "api" && one["reason"].is_string()), "{:#?}", told());
    assert!(crowd.stop().iter().all(|answer| answer.status == 200));
}

#[test]
fn a_webhook_is_told_how_many_are_wanted() {
    let (origin, hook) = (elsewhere(), Origin::always("HTTP/1.1 204 No Content\r\n\r\n"));
    let driver = format!("webhook: {{ url: \"{}/scale\", token: open-sesame }}", hook.url());
    let gateway = Tidegate::start(&config_of_others(&origin, &driver));
    let crowd = Crowd::start(gateway.address(), 12, &get("/x", ""));
    let wants_four =
        |body: &[u8]| serde_json::from_slice::<Value>(body).is_ok_and(|told| told["wanted"] == 4);
    soon("it was told that four are wanted", || {
        hook.requests().iter().any(|request| wants_four(&request.body))
    });
    for request in hook.requests() {
        assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/scale"));
        assert_eq!(request.fields.get("authorization"), Some("Bearer open-sesame"));
    }
    assert!(crowd.stop().iter().all(|answer| answer.status == 200));
}

#[test]
fn advice_is_shown_to_whoever_reads_it() {
    let origin = elsewhere();
    let gateway = Tidegate::start(&config_of_others(&origin, "advise: true"));
    let crowd = Crowd::start(gateway.address(), 12, &get("/x", ""));
    soon("four are advised", || gateway.metric("tidegate_instances_wanted", &["service=\"api\""]) == 4);
    are_explained(&gateway.instances("api").decisions());
    assert!(crowd.stop().iter().all(|answer| answer.status == 200));
}

/// Everything at once, again and again: steps of load from 1 to 8 instances and back, while instances are restarted,
/// Tidegate is upgraded and its config read again.
#[test]
#[ignore = "takes two minutes of a whole machine: see the head of this file"]
fn nothing_fails_while_all_of_it_happens_at_once() {
    const ROUNDS: usize = 4;
    let config = |timeout: usize| {
        format!(
            "listeners: [\"127.0.0.1:{{port}}\"]\noverload: off\nobserve: {{ access_log: off }}\n{}",
            config(
                "--after 15",
                "min: 1, max: 8, concurrency: 4",
                &format!("stop_timeout: {timeout}s, drain_timeout: 3s")
            )
        )
    };
    let fleet = Fleet::start(&config(5));
    let instances = fleet.instances("api");
    instances.wait_ready(1);
    let posts = OpenLoop::start(fleet.address(), 100, &["/a", "/b"], &[]);
    let mut answered = 0;
    for round in 0..ROUNDS {
        let crowd = Crowd::start(fleet.address(), 40, &post("/many", "", "many"));
        instances.wait_until("there are eight", |view| view["ready"] == 8);
        fleet.upgrade();
        fleet.write_config(&config(6 + round));
        assert_eq!(fleet.ask("POST", "/api/reload").map(|answer| answer.status), Some(200));
        assert!(instances.restart().status < 300);
        let before = instances.pids();
        instances.wait_until("all are replaced", |view| {
            view["ready"] == 8 && before.iter().all(|pid| has_ended(*pid))
        });
        let answers = crowd.stop();
        let failed = failures(&answers);
        assert!(failed.is_empty(), "round {round}: {failed:#?}\n{}", fleet.log());
        answered += answers.len();
        instances.wait_ready(1);
    }
    let tally = posts.end();
    assert!(tally.failures.is_empty(), "{:#?}\n{}", tally.failures, fleet.log());
    println!("{} and {answered} requests were answered, the latest {:?} late", tally.answered, tally.latest);
    let (last, now) = (fleet.pid(), instances.pids());
    send_signal(last, Signal::TERM);
    soon("all end", || has_ended(last) && now.iter().all(|pid| has_ended(*pid)));
}
