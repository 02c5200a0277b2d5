//! Which endpoint takes a request: policies, weights, ranks, sessions, shares, copies.

use e2e::{Origin, PATIENCE, Port, Response, Tidegate, get, post, shares, soon};
use std::collections::HashMap;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

/// A gateway with one route for everything, to a service with these endpoints (as a flow list of YAML) and keys.
fn gateway_with(endpoints: &str, keys: &str, more: &str) -> Tidegate {
    Tidegate::start(&format!(
        "services: {{ api: {{ endpoints: [{endpoints}], {keys} }} }}\nroutes: [{{ service: api }}]\n{more}\n"
    ))
}

fn urls(origins: &[Origin]) -> String {
    origins.iter().map(|o| format!("\"{}\"", o.url())).collect::<Vec<_>>().join(", ")
}

fn three() -> [Origin; 3] {
    ["a", "b", "c"].map(Origin::named)
}

/// Sends so many GETs one after the other over one connection.
#[track_caller]
fn ask(gateway: &Tidegate, count: usize) -> Vec<Response> {
    let mut client = gateway.connect();
    (0..count)
        .map(|_| client.get("/", ""))
        .inspect(|answer| assert_eq!(answer.status, 200, "{answer}"))
        .collect()
}

fn share(answers: &[Response], name: &str) -> usize {
    shares(answers).get(name).copied().unwrap_or_default()
}

#[test]
fn round_robin_takes_turns_by_weight() {
    let (a, b) = (Origin::named("a"), Origin::named("b"));
    let endpoints = format!("{{ url: \"{}\", weight: 3 }}, \"{}\"", a.url(), b.url());
    let gateway = gateway_with(&endpoints, "lb_policy: round_robin", "workers: 1");
    let answers = ask(&gateway, 40);
    assert_eq!((share(&answers, "a"), share(&answers, "b")), (30, 10));
    // Not three in a row and then the other: in any four there is one of b.
    assert!(answers.windows(4).all(|four| share(four, "b") == 1));
}

#[test]
fn random_spreads_by_weight() {
    let (a, b) = (Origin::named("a"), Origin::named("b"));
    let endpoints = format!("{{ url: \"{}\", weight: 3 }}, \"{}\"", a.url(), b.url());
    let gateway = gateway_with(&endpoints, "lb_policy: random", "");
    let answers = ask(&gateway, 400);
    assert!((240..=355).contains(&share(&answers, "a")), "{:?}", shares(&answers));
}

#[test]
fn p2c_ewma_prefers_the_endpoint_that_answers_faster() {
    let fast = Origin::named("fast");
    let slow = Origin::start(|exchange| {
        std::thread::sleep(Duration::from_millis(150));
        exchange.send_ok("slow");
    });
    let endpoints = format!("\"{}\", \"{}\"", fast.url(), slow.url());
    let gateway = gateway_with(&endpoints, "lb_policy: p2c_ewma", "");
    let answers = ask(&gateway, 200);
    assert!(share(&answers, "slow") < 50, "{:?}", shares(&answers));
}

/// An origin that answers `/hold` only when told to, and the way to tell it.
fn holding(name: &'static str) -> (Origin, mpsc::Sender<()>) {
    let (go, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let origin = Origin::start(move |exchange| {
        if exchange.request().target == "/hold" {
            let _ = held.lock().expect("no handler panics").recv_timeout(PATIENCE);
        }
        if exchange.read_body() {
            exchange.send_ok(name);
        }
    });
    (origin, go)
}

#[test]
fn least_request_avoids_the_endpoint_that_is_busy() {
    let ((busy, go), (idle, release)) = (holding("busy"), holding("idle"));
    let endpoints = format!("\"{}\", \"{}\"", busy.url(), idle.url());
    let gateway = gateway_with(&endpoints, "lb_policy: least_request", "workers: 2");
    let mut waiting = Vec::new();
    for n in 1..=6 {
        let mut client = gateway.connect();
        client.send(get("/hold", ""));
        waiting.push(client);
        soon("the request arrived", || busy.requests().len() + idle.requests().len() == n);
    }
    assert_eq!((busy.requests().len(), idle.requests().len()), (3, 3), "each has as many as the other");
    for _ in 0..3 {
        release.send(()).expect("the endpoint waits");
    }
    soon("one endpoint is idle", || gateway.service("api")["inflight"] == 3);
    for _ in 0..30 {
        assert_eq!(gateway.get("/").text(), "idle");
    }
    assert_eq!(busy.requests().len(), 3);
    for _ in 0..3 {
        go.send(()).expect("the endpoint waits");
    }
}

/// Where each of forty users ends up, in three requests each.
#[track_caller]
fn places(gateway: &Tidegate) -> HashMap<usize, String> {
    let one = |user: usize| {
        let field = format!("X-User: {user}\r\n");
        let mut client = gateway.connect();
        let answers: Vec<_> = (0..3).map(|_| client.get("/", &field)).collect();
        let places = shares(&answers);
        assert_eq!(places.len(), 1, "user {user} was at {places:?}");
        (user, answers[0].text())
    };
    (0..40).map(one).collect()
}

/// A user stays at one endpoint; when that is gone only its users move, and they come back with it.
fn keeps_users_at_their_endpoints(policy: &str) {
    let port = Port::free();
    let (a, b) = (Origin::named("a"), Origin::named("b"));
    let c = Origin::named_at(port.address(), "c");
    let endpoints = format!("\"{}\", \"{}\", \"{}\"", a.url(), b.url(), c.url());
    let keys = format!("lb_policy: {policy}, hash_on: {{ header: X-User }}, slow_start: 0s");
    let gateway = gateway_with(&endpoints, &keys, "");
    let before = places(&gateway);
    for name in ["a", "b", "c"] {
        assert!(before.values().any(|place| place == name), "nobody is at {name}: {before:?}");
    }
    let url = c.url();
    drop(c);
    soon("the endpoint is known to be dead", || {
        places(&gateway);
        gateway.state("api", &url) == "dead"
    });
    let without = places(&gateway);
    for (user, place) in &before {
        match place.as_str() {
            "c" => assert_ne!(without[user], "c"),
            place => assert_eq!(without[user], place, "user {user} had no reason to move"),
        }
    }
    let _again = Origin::named_at(port.address(), "c");
    gateway.wait_for_state("api", &url, "up");
    assert_eq!(places(&gateway), before);
}

#[test]
fn maglev_keeps_users_at_their_endpoints() {
    keeps_users_at_their_endpoints("maglev");
}

#[test]
fn ring_hash_keeps_users_at_their_endpoints() {
    keeps_users_at_their_endpoints("ring_hash");
}

#[test]
fn first_uses_the_first_endpoint_that_can_be_used() {
    let [a, b, c] = three();
    let endpoints = format!("\"{}\", \"{}\", \"{}\"", a.url(), b.url(), c.url());
    let gateway = gateway_with(&endpoints, "lb_policy: first", "");
    assert_eq!(share(&ask(&gateway, 20), "a"), 20);
    drop(a);
    assert_eq!(share(&ask(&gateway, 20), "b"), 20);
}

#[test]
fn backups_are_asked_only_while_the_others_are_gone() {
    let port = Port::free();
    let front = Origin::named_at(port.address(), "front");
    let backup = Origin::named("backup");
    let url = front.url();
    let endpoints = format!("\"{url}\", {{ url: \"{}\", backup: true }}", backup.url());
    let gateway = gateway_with(&endpoints, "slow_start: 0s", "");
    assert_eq!(share(&ask(&gateway, 20), "front"), 20);
    drop(front);
    assert_eq!(share(&ask(&gateway, 20), "backup"), 20);
    let _front = Origin::named_at(port.address(), "front");
    gateway.wait_for_state("api", &url, "up");
    assert_eq!(share(&ask(&gateway, 20), "front"), 20);
}

#[test]
fn the_next_priority_takes_what_the_first_cannot_carry() {
    let [a, b, c] = three();
    let endpoints = format!("\"{}\", \"{}\", {{ url: \"{}\", priority: 1 }}", a.url(), b.url(), c.url());
    let gateway = gateway_with(&endpoints, "lb_policy: round_robin", "");
    assert_eq!(share(&ask(&gateway, 60), "c"), 0);
    let url = b.url();
    drop(b);
    soon("the endpoint is known to be dead", || {
        ask(&gateway, 5);
        gateway.state("api", &url) == "dead"
    });
    // One of two is half the capacity; 1.4 times that stays, 30 % of the requests spill over.
    let answers = ask(&gateway, 300);
    assert!((45..=145).contains(&share(&answers, "c")), "{:?}", shares(&answers));
    drop(a);
    assert_eq!(share(&ask(&gateway, 20), "c"), 20);
}

#[test]
fn endpoints_of_the_own_zone_come_first() {
    let (near, far) = (Origin::named("near"), Origin::named("far"));
    let endpoints = format!("{{ url: \"{}\", zone: b }}, {{ url: \"{}\", zone: a }}", far.url(), near.url());
    let gateway = gateway_with(&endpoints, "", "zone: a");
    // The own zone has half of all capacity, and 1.4 times its part of the requests.
    let answers = ask(&gateway, 200);
    assert!(share(&answers, "near") > 115, "{:?}", shares(&answers));
    drop(near);
    assert_eq!(share(&ask(&gateway, 20), "far"), 20);
}

/// The `name=value` of the cookie that an answer sets.
fn cookie(answer: &Response) -> Option<String> {
    let set = answer.fields.get("set-cookie")?;
    Some(set.split(';').next().unwrap_or_default().to_owned())
}

#[test]
fn a_sticky_cookie_keeps_a_client_at_its_endpoint() {
    let origins = three();
    let gateway = gateway_with(&urls(&origins), "sticky: srv, lb_policy: round_robin", "workers: 2");
    for _ in 0..5 {
        let first = gateway.get("/");
        let cookie = cookie(&first).expect("a new client gets a cookie");
        assert!(first.fields.get("set-cookie").is_some_and(|set| set.contains("HttpOnly")), "{first}");
        for _ in 0..6 {
            let next = gateway.connect().get("/", &format!("Cookie: {cookie}\r\n"));
            assert_eq!(next.text(), first.text());
            assert!(!next.fields.has("set-cookie"), "it has its cookie: {next}");
        }
    }
}

#[test]
fn a_forged_cookie_chooses_nothing_and_is_replaced() {
    let origins = three();
    let gateway = gateway_with(&urls(&origins), "sticky: srv, lb_policy: round_robin", "workers: 1");
    let forged = [origins[0].url(), "a".into(), "0".into(), "A".repeat(22)];
    for value in forged {
        let field = format!("Cookie: srv={value}\r\n");
        let mut client = gateway.connect();
        let answers: Vec<_> = (0..6).map(|_| client.get("/", &field)).collect();
        assert_eq!(shares(&answers).len(), 3, "it decided: {:?}", shares(&answers));
        assert!(answers.iter().all(|answer| answer.fields.has("set-cookie")));
    }
}

#[test]
fn a_session_moves_when_its_endpoint_dies() {
    let mut origins = three().map(Some);
    let list = origins.iter().flatten().map(|o| format!("\"{}\"", o.url())).collect::<Vec<_>>().join(", ");
    let gateway =
        gateway_with(&list, "sticky: { cookie: srv, secret: 0123456789abcdef0123456789abcdef }", "");
    let first = gateway.get("/");
    let old = cookie(&first).expect("a new client gets a cookie");
    let place = ["a", "b", "c"].iter().position(|name| first.text() == *name).expect("one of them answered");
    origins[place] = None;
    let moved = gateway.connect().get("/", &format!("Cookie: {old}\r\n"));
    assert_eq!(moved.status, 200, "{moved}");
    assert_ne!(moved.text(), first.text());
    let new = cookie(&moved).expect("it gets the cookie of its new endpoint");
    assert_ne!(new, old);
    for _ in 0..6 {
        assert_eq!(gateway.connect().get("/", &format!("Cookie: {new}\r\n")).text(), moved.text());
    }
}

#[test]
fn services_share_a_route_by_their_weights() {
    let (old, new) = (Origin::named("old"), Origin::named("new"));
    let gateway = Tidegate::start(&format!(
        "services: {{ old: {{ endpoints: [\"{}\"] }}, new: {{ endpoints: [\"{}\"] }} }}\n\
         routes: [{{ split: {{ old: 90, new: 10 }} }}]",
        old.url(),
        new.url()
    ));
    let answers = ask(&gateway, 500);
    assert!((20..=90).contains(&share(&answers, "new")), "{:?}", shares(&answers));
    let new = share(&answers, "new") as u64;
    soon("the split is told by service", || {
        gateway.metric("tidegate_requests_total", &["service=\"new\""]) == new
    });
}

fn mirrored(to: &str, mirror: &str) -> Tidegate {
    Tidegate::start(&format!(
        "services: {{ api: {{ endpoints: [\"{to}\"] }}, copy: {{ endpoints: [\"{mirror}\"], retry: off }} }}\n\
         routes: [{{ service: api, mirror: copy }}]"
    ))
}

#[test]
fn a_mirror_gets_a_copy_of_each_request_with_its_body() {
    let (api, copy) = (Origin::named("api"), Origin::named("copy"));
    let gateway = mirrored(&api.url(), &copy.url());
    let mut client = gateway.connect();
    assert_eq!(client.get("/one?x=1", "X-Mine: yes\r\n").text(), "api");
    assert_eq!(client.send(post("/two", "", "a body")).response().text(), "api");
    let chunked = "POST /three HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    assert_eq!(client.send(chunked).response().text(), "api");
    soon("the copies arrived", || copy.requests().iter().filter(|r| r.complete).count() == 3);
    let mut copies = copy.requests();
    copies.sort_by_key(|request| request.target.clone());
    let of = |target: &str| copies.iter().find(|r| r.target == target).expect("it was copied").clone();
    assert_eq!(of("/one?x=1").fields.get("x-mine"), Some("yes"));
    assert_eq!(of("/two").body, b"a body");
    assert_eq!((of("/three").method.as_str(), of("/three").body), ("POST", b"abcde".to_vec()));
    assert!(copies.iter().all(|r| r.fields.has("x-tidegate-mirror")), "they say what they are");
    assert!(!api.requests().iter().any(|r| r.fields.has("x-tidegate-mirror")));
}

#[test]
fn a_mirror_that_is_slow_or_dead_hurts_nobody() {
    let api = Origin::named("api");
    let (slow, go) = holding("late");
    let nobody = Port::free();
    for mirror in [slow.url(), format!("http://{}", nobody.address())] {
        let gateway = mirrored(&api.url(), &mirror);
        // Far more than the mirror may hold at a time.
        let mut client = gateway.connect();
        for n in 0..400 {
            let answer = client.send(post("/hold", "", "body")).response();
            assert_eq!(answer.text(), "api", "{n}: {answer}");
        }
        soon("each is counted", || gateway.metric("tidegate_requests_total", &["status=\"200\""]) == 400);
    }
    drop(go);
}

#[test]
fn an_endpoint_that_joins_starts_slowly() {
    let (old, new) = (Origin::named("old"), Origin::named("new"));
    let config = |endpoints: &str| {
        format!(
            "services: {{ api: {{ endpoints: [{endpoints}], slow_start: 10m, lb_policy: round_robin }} }}\n\
             routes: [{{ service: api }}]"
        )
    };
    let gateway = Tidegate::start(&config(&format!("\"{}\"", old.url())));
    assert_eq!(share(&ask(&gateway, 5), "old"), 5);
    gateway.write_config(&config(&format!("\"{}\", \"{}\"", old.url(), new.url())));
    assert_eq!(gateway.reload().status, 200);
    soon("the new endpoint is used", || share(&ask(&gateway, 10), "new") > 0);
    // A tenth of its turns at first, so about a twentieth of the requests.
    let answers = ask(&gateway, 300);
    assert!((1..=60).contains(&share(&answers, "new")), "{:?}", shares(&answers));
}

#[test]
fn a_client_on_this_machine_is_told_how_its_request_was_served() {
    let api = Origin::named("api");
    let gateway = Tidegate::to(&api.url());
    let told = gateway.connect().get("/", "X-Tidegate-Explain: 1\r\n");
    let explained = told.fields.get("x-tidegate-explain").unwrap_or_default().to_owned();
    for part in ["service=\"api\"", "attempts=\"1\"", &format!("endpoint=\"{}\"", api.url()), "upstream="] {
        assert!(explained.contains(part), "{explained}");
    }
    assert!(!api.only_request().fields.has("x-tidegate-explain"), "the question goes no further");
    let for_another = gateway.connect().get("/", "X-Tidegate-Explain: 1\r\nX-Forwarded-For: 10.0.0.1\r\n");
    assert!(!for_another.fields.has("x-tidegate-explain"), "a proxy speaks for somebody else");
}

#[test]
fn with_an_admin_token_only_those_who_know_it_are_told() {
    let api = Origin::named("api");
    let token = "0123456789abcdef0123456789abcdef";
    let gateway = Tidegate::to_with(
        &api.url(),
        &format!("admin: {{ address: \"127.0.0.1:{{admin}}\", token: \"{token}\" }}"),
    );
    let mut client = gateway.connect();
    assert!(!client.get("/", "X-Tidegate-Explain: 1\r\n").fields.has("x-tidegate-explain"));
    let told = client.get("/", &format!("X-Tidegate-Explain: {token}\r\n"));
    assert!(told.fields.has("x-tidegate-explain"), "{told}");
    assert!(api.requests().iter().all(|r| !r.fields.has("x-tidegate-explain")));
}
