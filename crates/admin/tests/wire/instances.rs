//! Services with instances: the list, the decisions, the restart, and the card on the page.

use crate::server::{Server, shop};
use admin::{DecisionView, InstanceView, LimitView, ProposalView, ServiceInstances, Settings};
use observe::{Event, EventKind};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SUM: &str = "concurrency 84.0 over 60 s at 20.0 each wants 5";

fn instance(number: usize, state: &'static str) -> InstanceView {
    InstanceView {
        name: format!("shop-{number}"),
        state,
        place: format!("127.0.0.1:{}", 40_000 + number),
        pid: Some(4_000 + number as u32),
        revision: "3fa9c1".to_owned(),
        since: SystemTime::now() - Duration::from_secs(75),
        ready_after_seconds: (state != "starting").then_some(1.25),
        in_flight: 7,
        cpu: Some(0.42),
        memory: Some(48 * 1024 * 1024),
        restarts: 2,
        last_words: Some("<b>no such module</b>".to_owned()),
    }
}

fn decision() -> DecisionView {
    DecisionView {
        at: UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        ready: 4,
        starting: 1,
        from: 4,
        to: 5,
        direction: "up",
        reason: "concurrency",
        text: SUM.to_owned(),
        proposals: vec![ProposalView {
            signal: "concurrency",
            stable: Some(84.0),
            panic: None,
            target: 20.0,
            wants: 5,
        }],
        limits: vec![LimitView { reason: "policy", from: 9, to: 5 }],
        panicking: false,
        repeated: 3,
    }
}

/// A service with instances in those states.
fn service(name: &str, states: &[&'static str]) -> ServiceInstances {
    let count = |state: &str| states.iter().filter(|one| **one == state).count() as u32;
    ServiceInstances {
        service: name.to_owned(),
        driver: "process",
        wanted: 5,
        concurrency: Some(84.04),
        target: Some(20.0),
        start_seconds: Some(1.25),
        min: 1,
        max: 8,
        ready: count("ready"),
        starting: count("starting"),
        draining: count("draining"),
        instances: states.iter().enumerate().map(|(at, &state)| instance(at + 1, state)).collect(),
        last: Some(decision()),
        ..ServiceInstances::default()
    }
}

const FIVE: [&str; 5] = ["ready", "ready", "ready", "ready", "starting"];

impl Server {
    fn have(&self, services: Vec<ServiceInstances>) {
        *self.node.instances.lock().expect("no test panics with it") = services;
    }

    fn restarts(&self) -> Vec<String> {
        self.node.restarts.lock().expect("no test panics with it").clone()
    }
}

#[tokio::test]
async fn services_with_instances_are_listed_with_numbers_and_in_words() {
    let server = Server::start(Settings::default()).await;
    assert_eq!(server.send("GET /api/instances", "").await.json(), json!([]));
    server.have(vec![service("shop", &FIVE), service("search", &["ready"])]);
    let all = server.send("GET /api/instances", "").await.json();
    let shop = &all[0];
    for (key, value) in [
        ("service", json!("shop")),
        ("driver", json!("process")),
        ("wanted", json!(5)),
        ("ready", json!(4)),
        ("starting", json!(1)),
        ("crash_loop", Value::Null),
        ("text", json!(format!("4 ready, 1 starting of 1-8, wants 5 because {SUM}"))),
        ("notes", json!([])),
    ] {
        assert_eq!(shop[key], value, "{key}: {shop}");
    }
    let (one, since) = (&shop["instances"][4], &shop["instances"][4]["since"]);
    assert_eq!(
        (&one["name"], &one["state"], &one["pid"]),
        (&json!("shop-5"), &json!("starting"), &json!(4005))
    );
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!(since.as_u64().is_some_and(|since| (70..600).contains(&(now - since))), "{one}");
    assert_eq!(shop["last"]["proposals"][0]["wants"], 5);
    let searched = server.send("GET /api/instances?service=search", "").await.json();
    assert_eq!((searched.as_array().map(Vec::len), &searched[0]["service"]), (Some(1), &json!("search")));
}

#[tokio::test]
async fn decisions_of_a_service_carry_their_sum() {
    let server = Server::start(Settings::default()).await;
    server.have(vec![service("shop", &FIVE)]);
    let decisions = server.send("GET /api/scale/sh%6fp/decisions", "").await.json();
    assert_eq!(
        decisions,
        json!([{
            "at": "2023-11-14T22:13:20.000Z", "ready": 4, "starting": 1, "from": 4, "to": 5, "direction": "up",
            "reason": "concurrency", "text": SUM, "panicking": false, "repeated": 3,
            "proposals": [{ "signal": "concurrency", "stable": 84.0, "panic": null, "target": 20.0, "wants": 5 }],
            "limits": [{ "reason": "policy", "from": 9, "to": 5 }],
        }])
    );
}

#[tokio::test]
async fn a_restart_reaches_the_node_and_says_what_it_began() {
    let server = Server::start(Settings::default()).await;
    server.have(vec![service("shop", &FIVE)]);
    let begun = server.send("POST /api/services/shop/restart", "").await;
    assert_eq!((begun.status(), begun.json()), (200, json!({ "service": "shop", "instances": 5 })));
    server.node.config_is_good.store(false, Ordering::Relaxed);
    let refused = server.send("POST /api/services/shop/restart", "").await.problem(409);
    assert!(refused["detail"].as_str().unwrap().contains("takes this one's place"), "{refused}");
    assert_eq!(server.restarts(), ["shop"]);
}

#[tokio::test]
async fn a_name_without_instances_is_told_the_names_there_are() {
    let server = Server::start(Settings::default()).await;
    *server.node.services.lock().unwrap() = vec![shop(&[])];
    let lines = [
        "GET /api/instances?service=NAME",
        "GET /api/scale/NAME/decisions",
        "POST /api/services/NAME/restart",
    ];
    let ask = async |line: &str, name: &str| {
        let problem = server.send(&line.replace("NAME", name), "").await.problem(404);
        problem["detail"].as_str().unwrap().to_owned()
    };
    for line in lines {
        let told = ask(line, "shoes").await;
        assert_eq!(told, "There is no service `shoes`. No service has instances.", "{line}");
    }
    server.have((0..12).map(|at| service(&format!("s{at}"), &[])).collect());
    for line in lines {
        let told = ask(line, "shop").await;
        let names = "s0, s1, s2, s3, s4, s5, s6, s7, s8, s9 and 2 more";
        let expected = format!("Tidegate launches no instances of `shop`. Services with instances: {names}.");
        assert_eq!(told, expected, "{line}");
    }
}

#[tokio::test]
async fn strangers_and_other_sites_restart_nothing() {
    let server = Server::start(Settings::default()).await;
    server.have(vec![service("shop", &FIVE)]);
    for field in ["Origin: https://evil.example\r\n", "Sec-Fetch-Site: cross-site\r\n", "Origin: null\r\n"] {
        server.send("POST /api/services/shop/restart", field).await.problem(403);
    }
    server.send("GET /api/services/shop/restart", "").await.problem(405);
    assert!(server.restarts().is_empty());
    let closed = Server::start(Settings { token: Some("s3cret".to_owned()), hosts: Vec::new() }).await;
    closed.have(vec![service("shop", &FIVE)]);
    for line in ["GET /api/instances", "GET /api/scale/shop/decisions", "POST /api/services/shop/restart"] {
        closed.send(line, "").await.problem(401);
    }
    assert!(closed.restarts().is_empty());
}

#[tokio::test]
async fn the_status_has_a_line_in_words_for_each_service_with_instances() {
    let server = Server::start(Settings::default()).await;
    let looping = ServiceInstances {
        crash_loop: Some("5 ends in 60 s".to_owned()),
        held: 3,
        ..service("shop", &["starting"])
    };
    server.have(vec![looping]);
    let status = server.send("GET /api/status", "").await.json();
    let line = &status["instances"][0];
    assert_eq!((&line["service"], &line["ready"], &line["held"]), (&json!("shop"), &json!(0), &json!(3)));
    assert_eq!(line["text"], format!("0 ready, 1 starting of 1-8, wants 5 because {SUM}"));
    assert_eq!(line["notes"][0], json!({ "severity": "bad", "text": "crash loop: 5 ends in 60 s" }));
    assert!(line.get("instances").is_none(), "a thousand instances would make the status large");
}

#[tokio::test]
async fn the_page_shows_each_instance_and_why_there_are_so_many() {
    let server = Server::start(Settings::default()).await;
    let before = server.send("GET /", "").await;
    assert!(!before.body().contains("data-restart=\""), "a gateway without instances shows nothing of them");
    server.have(vec![
        service("shop", &["ready", "starting", "draining", "stopping"]),
        ServiceInstances { driver: "webhook", dry_run: true, ..service("search & co", &[]) },
    ]);
    let page = server.send("GET /", "").await;
    let html = page.body();
    for words in [
        "1 ready, 1 starting, 1 draining of 1-8, wants 5",
        "concurrency 84.0 over 60 s at 20.0 each wants 5",
        "<li class=\"block ready\">R",
        "<li class=\"block starting\">S",
        "<li class=\"block draining\">D",
        "<li class=\"block stopping\">X",
        "127.0.0.1:40001",
        "pid 4001",
        "concurrency 84.0, target 20.0 each, starts in 1.25 s",
        "7 in flight",
        "cpu 0.42",
        "memory 48.0 MiB",
        "2 restarts",
        "starting for 1m 15s",
        "3 times",
        "data-restart=\"shop\"",
        "Instances of search &amp; co",
        "dry run",
        "&lt;b&gt;no such module",
    ] {
        assert!(html.contains(words), "{words}: {html}");
    }
    assert_eq!(
        html.matches("data-restart=\"").count(),
        1,
        "only what Tidegate launches can be restarted by it"
    );
    assert!(!html.contains("style=\"") && html.matches("<script").count() == 1);
}

#[tokio::test]
async fn what_is_wrong_stands_first_and_in_clear_words() {
    let server = Server::start(Settings::default()).await;
    let looping = ServiceInstances {
        crash_loop: Some("revision 3fa9c1 ended 5 times in 60 s".to_owned()),
        rollout: Some("revision 3fa9c1 never became ready; the old one stays".to_owned()),
        held: 12,
        ..service("zoo", &["starting"])
    };
    server.have(vec![service("shop", &FIVE), looping]);
    let events = server.node.meters.events();
    events.tell(Event::new(EventKind::CrashLoop).of("zoo").to("begun").because("5 ends in 60 s"));
    events.tell(Event::new(EventKind::Scaled).of("shop").from("4").to("5").because(SUM));
    events.tell(Event::new(EventKind::Instance).of("shop").at("shop-5").to("started"));
    let page = server.send("GET /", "").await;
    let html = page.body();
    for words in [
        "<li class=\"bad\">crash loop: revision 3fa9c1 ended 5 times in 60 s</li>",
        "<li class=\"warn\">12 requests wait until an instance is ready</li>",
        "<li class=\"warn\">rollout: revision 3fa9c1 never became ready; the old one stays</li>",
        "<td>crash loop</td>",
        "<span class=\"bad\">begun</span>",
        "<td>scaled</td>",
        "<td>shop-5</td>",
    ] {
        assert!(html.contains(words), "{words}: {html}");
    }
    let at = |words: &str| html.find(words).unwrap_or_else(|| panic!("{words} is not on the page"));
    assert!(at("Instances of zoo") < at("Instances of shop"));
}

#[tokio::test]
async fn a_page_of_thousands_of_instances_and_services_stays_small() {
    let server = Server::start(Settings::default()).await;
    let mut states = vec!["ready"; 985];
    states.extend(["starting"; 15]);
    server.have((0..100).map(|at| service(&format!("shop-{at}"), &states)).collect());
    let page = server.send("GET /", "").await;
    let html = page.body();
    assert!(html.len() < 200 * 1024, "{} bytes", html.len());
    assert!(html.contains("985 ready") && html.contains("15 starting"));
    assert!(html.contains("a block stands for up to 10 instances"));
    assert!(html.contains("and 950 more at /api/instances"));
    assert!(html.contains("and 42 more, less busy"), "eight have a card and fifty a line");
    // A hundred small services are many single instances too.
    server.have((0..100).map(|at| service(&format!("shop-{at}"), &["ready"; 60])).collect());
    let page = server.send("GET /", "").await;
    assert!(page.body().len() < 200 * 1024, "{} bytes", page.body().len());
}
