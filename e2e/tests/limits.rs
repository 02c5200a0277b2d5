//! How often and how fast callers may come: buckets, quotas, places, bandwidth, and what clients are told of them.

use e2e::{Origin, Raw, Scratch, Tidegate, at_once, eventually, get, is_problem, soon, while_waiting};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const MOBILE: &str = "mobile-key-0123456789abcdef";
const OTHER: &str = "other-key-0123456789abcdef";
const PARTNER: &str = "partner-key-0123456789abcdef";

/// Three consumers, two of them with plans; these routes (each a line of a list) and other keys.
fn config(origin: &Origin, routes: &str, more: &str) -> String {
    format!(
        "services: {{ api: \"{}\" }}\n\
         consumers:\n- {{ name: mobile, plan: pro, api_keys: [{MOBILE}] }}\n\
         - {{ name: partner, plan: free, api_keys: [{PARTNER}] }}\n- {{ name: other, api_keys: [{OTHER}] }}\n\
         plans:\n\x20 pro: {{ rate_limit: [{{ name: plan, rate: 1/m, burst: 4 }}] }}\n\
         \x20 free: {{ concurrency: 1, rate_limit: [{{ name: plan, rate: 1/m, burst: 2 }}] }}\n\
         routes:\n{routes}\n{more}\n",
        origin.url()
    )
}

#[track_caller]
fn gateway(origin: &Origin, routes: &str, more: &str) -> Tidegate {
    Tidegate::start(&config(origin, routes, more))
}

fn key(key: &str) -> String {
    format!("X-API-Key: {key}\r\n")
}

/// The statuses of so many requests, one after the other.
fn statuses(client: &mut Raw, count: usize, target: &str, fields: &str) -> Vec<u16> {
    (0..count).map(|_| client.get(target, fields).status).collect()
}

fn served(statuses: &[u16]) -> usize {
    statuses.iter().filter(|&&status| status == 200).count()
}

#[test]
fn a_burst_is_served_at_once_and_then_the_rate_holds() {
    let origin = Origin::hello();
    let gateway = gateway(&origin, "- { service: api, rate_limit: [{ rate: 20/s, burst: 10 }] }", "");
    let mut client = gateway.connect();
    let began = Instant::now();
    let mut all = statuses(&mut client, 10, "/", "");
    assert_eq!(served(&all), 10, "the burst: {all:?}");
    while_waiting(Duration::from_secs(3), || all.push(client.get("/", "").status));
    let most = 10.0 + 20.0 * began.elapsed().as_secs_f64() + 1.0;
    let served = served(&all);
    assert!((served as f64) <= most, "{served} of {} were served, at most {most}", all.len());
    assert!((served as f64) >= most * 0.8, "{served} of {} were served, {most} could be", all.len());
    assert!(all.iter().all(|status| matches!(status, 200 | 429)), "{all:?}");
    assert_eq!(origin.requests().len(), served, "what is refused reaches no service");
}

#[test]
fn a_429_says_which_limit_it_was_and_when_to_come_back() {
    let origin = Origin::hello();
    let routes = "- { name: home, service: api, rate_limit: [{ name: slow, rate: 2/m, burst: 2 }, { name: wide, rate: 100/s }] }";
    let gateway = gateway(&origin, routes, "");
    let mut client = gateway.connect();
    let first = client.get("/", "");
    assert_eq!(first.status, 200);
    let policy = first.fields.get("ratelimit-policy").expect("RateLimit-Policy").to_owned();
    assert!(policy.contains("\"slow\";q=2;w=60") && policy.contains("\"wide\";q=100"), "{policy}");
    let state = first.fields.get("ratelimit").expect("RateLimit").to_owned();
    assert!(state.contains("\"slow\";r=1") && state.contains("\"wide\";r=99"), "{state}");
    assert_eq!(client.get("/", "").status, 200);

    let refused = client.get("/", "");
    assert_eq!(refused.status, 429, "{refused}");
    assert!(is_problem(&refused), "{refused}");
    let wait: u64 = refused.fields.get("retry-after").and_then(|wait| wait.parse().ok()).unwrap_or_default();
    assert!((25..=30).contains(&wait), "{refused}");
    assert!(refused.fields.get("ratelimit").is_some_and(|state| state.contains("\"slow\";r=0")), "{refused}");
    assert!(refused.text().contains("slow"), "{refused}");
    let counted =
        gateway.metric("tidegate_limited_total", &["route=\"home\"", "policy=\"slow\"", "rejected"]);
    assert_eq!(counted, 1, "{}", gateway.metrics());
}

#[test]
fn a_reload_gives_nothing_back() {
    let origin = Origin::hello();
    let routes = "- { name: home, service: api, rate_limit: [{ name: slow, rate: 1/m, burst: 3 }] }";
    let gateway = gateway(&origin, routes, "");
    assert_eq!(statuses(&mut gateway.connect(), 3, "/", ""), [200; 3]);
    let wider = routes.replace("burst: 3 }", "burst: 3 }, { name: wide, rate: 100/s }");
    gateway.write_config(&config(&origin, &wider, ""));
    assert_eq!(gateway.reload().status, 200);
    soon("the new config is in force", || gateway.admin("GET", "/api/config").text().contains("wide"));
    assert_eq!(statuses(&mut gateway.connect(), 2, "/", ""), [429; 2]);
}

#[test]
fn each_combination_of_a_composite_key_has_a_bucket_of_its_own() {
    let origin = Origin::hello();
    let routes = "- { service: api, rate_limit: [{ key: [ip, \"header:X-Tenant\"], rate: 1/m, burst: 2 }] }";
    let gateway = gateway(&origin, routes, "trusted_proxies: [127.0.0.0/8]");
    let mut client = gateway.connect();
    for (ip, tenant) in [("192.0.2.1", "a"), ("192.0.2.1", "b"), ("192.0.2.2", "a"), ("192.0.2.2", "b")] {
        let fields = format!("X-Forwarded-For: {ip}\r\nX-Tenant: {tenant}\r\n");
        assert_eq!(statuses(&mut client, 3, "/", &fields), [200, 200, 429], "{ip} {tenant}");
    }
}

#[test]
fn who_has_an_ipv6_network_has_one_bucket_for_all_of_its_addresses() {
    let origin = Origin::hello();
    let routes = "- { service: api, rate_limit: [{ key: ip, rate: 1/m, burst: 2 }] }";
    let gateway = gateway(&origin, routes, "trusted_proxies: [127.0.0.0/8]");
    let from = |ip: &str| gateway.connect().get("/", &format!("X-Forwarded-For: {ip}\r\n")).status;
    let one_network = ["2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:2:a:b:c:d"].map(from);
    assert_eq!(one_network, [200, 200, 429]);
    assert_eq!(from("2001:db8:1:3::1"), 200, "the network beside it");
    // An address of IPv4 in the clothes of IPv6 is that address.
    assert_eq!(["::ffff:192.0.2.1", "192.0.2.1", "::ffff:192.0.2.1"].map(from), [200, 200, 429]);
}

#[test]
fn requests_cost_what_is_set_or_what_the_answer_says() {
    let origin = Origin::start(|exchange| {
        exchange.read_body();
        exchange.send(match exchange.request().target.as_str() {
            "/told/dear" => "HTTP/1.1 200 OK\r\nX-RateLimit-Cost: 8\r\nContent-Length: 0\r\n\r\n",
            _ => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        });
    });
    let routes = "- { match: { path: \"/fixed\" }, service: api, rate_limit: [{ rate: 1/m, burst: 10, cost: 5 }] }\n\
                  - { match: { path: \"/told/*\" }, service: api, rate_limit: [{ rate: 1/m, burst: 10, cost: response }] }";
    let gateway = gateway(&origin, routes, "");
    let mut client = gateway.connect();
    assert_eq!(statuses(&mut client, 3, "/fixed", ""), [200, 200, 429]);
    let dear = client.get("/told/dear", "");
    assert_eq!(dear.status, 200);
    assert!(!dear.fields.has("x-ratelimit-cost"), "it is for the gateway alone: {dear}");
    assert_eq!(statuses(&mut client, 3, "/told/cheap", ""), [200, 200, 429], "8 and 1 and 1 are 10");
}

#[test]
fn a_limit_on_trial_refuses_nobody_and_counts_whom_it_would() {
    let origin = Origin::hello();
    let routes = "- { service: api, rate_limit: [{ name: trial, rate: 1/m, burst: 2, shadow: true }] }";
    let gateway = gateway(&origin, routes, "");
    assert_eq!(statuses(&mut gateway.connect(), 5, "/", ""), [200; 5]);
    let counted = gateway.metric("tidegate_limited_total", &["policy=\"trial\"", "shadow"]);
    assert_eq!(counted, 3, "{}", gateway.metrics());
    assert!(!gateway.get("/").fields.has("ratelimit"), "clients learn nothing of it");
}

#[test]
fn what_is_too_much_waits_for_its_turn_where_it_may() {
    let origin = Origin::hello();
    let routes = "- { service: api, rate_limit: [{ rate: 10/s, burst: 1, on_exceed: { queue: 700ms } }] }";
    let gateway = gateway(&origin, routes, "");
    let began = Instant::now();
    let answers = at_once(gateway.address(), &vec![get("/", ""); 20]);
    let took = began.elapsed();
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    // One at once, and those whose turn comes within 700 ms; a slow start may let in a few more.
    let count = served(&statuses);
    let most = 9 + took.as_millis() as usize / 100;
    assert!((8..=most).contains(&count), "{count} in {took:?}: {statuses:?}");
    assert_eq!(statuses.iter().filter(|&&status| status == 429).count(), 20 - count);
    assert!(took >= Duration::from_millis(600), "those that waited were spread over their turns: {took:?}");
}

#[test]
fn no_more_requests_of_a_caller_are_under_way_than_may_be() {
    let origin = Origin::start(|exchange| {
        exchange.read_body();
        if exchange.request().target == "/slow" {
            exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
            exchange.sees_close();
        } else {
            exchange.send_ok("");
        }
    });
    let routes = "- { service: api, auth: [api_key], concurrency: 2 }";
    let gateway = gateway(&origin, routes, "");
    let mut slow: Vec<Raw> = (0..2)
        .map(|_| {
            let mut client = gateway.connect();
            let head = client.send(get("/slow", &key(MOBILE))).try_head().expect("a head");
            assert_eq!(head.status, 200);
            client
        })
        .collect();
    let refused = gateway.connect().get("/", &key(MOBILE));
    assert_eq!(refused.status, 429, "{refused}");
    assert!(refused.fields.has("retry-after") && is_problem(&refused), "{refused}");
    assert_eq!(gateway.connect().get("/", &key(PARTNER)).status, 200, "another caller has places of its own");
    // Those that are done leave their places.
    assert_eq!(statuses(&mut gateway.connect(), 10, "/", &key(OTHER)), [200; 10]);
    slow.pop();
    soon("the place of a client that went is free", || {
        gateway.connect().get("/", &key(MOBILE)).status == 200
    });
}

#[test]
fn a_quota_survives_the_death_of_the_process() {
    // A day that ends in the middle would give everything back, rightly.
    let left =
        || 86_400 - SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() % 86_400;
    assert!(eventually(Duration::from_secs(61), || left() > 60));
    let (origin, data) = (Origin::hello(), Scratch::new());
    let routes = "- { service: api, auth: [api_key], rate_limit: [{ name: daily, rate: 10/d }] }";
    let more = format!("data_dir: {}", data.path().display());
    let six = |gateway: &Tidegate| statuses(&mut gateway.connect(), 6, "/", &key(OTHER));
    let start = || gateway(&origin, routes, &more);
    let first = start();
    assert_eq!(six(&first), [200; 6]);
    // The promise is one of time: what was used two seconds ago is not lost. Somebody else comes meanwhile.
    while_waiting(Duration::from_secs(2), || assert_eq!(first.get("/").status, 401));
    drop(first);
    let second = start();
    let after = six(&second);
    assert_eq!(after, [200, 200, 200, 200, 429, 429], "six of ten were used before: {}", second.stderr());
    let refused = second.connect().get("/", &key(OTHER));
    let wait: u64 = refused.fields.get("retry-after").and_then(|wait| wait.parse().ok()).unwrap_or_default();
    assert!(wait.abs_diff(left()) <= 5, "until midnight in UTC: {refused}");
}

#[test]
fn a_plan_holds_for_each_of_its_consumers_on_all_routes_together() {
    let origin = Origin::hello();
    let routes = "- { match: { path: \"/a\" }, service: api, auth: [api_key] }\n\
                  - { match: { path: \"/b\" }, service: api, auth: [api_key] }\n- { service: api }";
    let gateway = gateway(&origin, routes, "");
    let mut client = gateway.connect();
    assert_eq!(statuses(&mut client, 2, "/a", &key(MOBILE)), [200; 2]);
    assert_eq!(statuses(&mut client, 3, "/b", &key(MOBILE)), [200, 200, 429]);
    assert_eq!(statuses(&mut client, 3, "/b", &key(PARTNER)), [200, 200, 429]);
    assert_eq!(statuses(&mut client, 5, "/open", &key(MOBILE)), [200; 5], "where nobody is asked who it is");
    let counted = gateway.metric("tidegate_limited_total", &["policy=\"pro/plan\"", "rejected"]);
    assert_eq!(counted, 1, "{}", gateway.metrics());
}

#[test]
fn a_response_is_sent_as_fast_as_it_may_be_and_whole() {
    let body = vec![b'x'; 300 << 10];
    let origin = Origin::start(move |exchange| {
        exchange.read_body();
        exchange.send_ok(&body);
    });
    let routes = "- { match: { path: /slow }, service: api, bandwidth: 100KiB }\n- { service: api }";
    let gateway = gateway(&origin, routes, "");
    let timed = |path: &str| {
        let began = Instant::now();
        let answer = gateway.get(path);
        assert!(answer.complete && answer.body.len() == 300 << 10, "{}", answer.body.len());
        began.elapsed()
    };
    let (slow, fast) = (timed("/slow"), timed("/fast"));
    // What comes at once is a second's worth at most.
    assert!((1.9..6.0).contains(&slow.as_secs_f64()), "{slow:?}");
    assert!(fast < slow / 2, "{fast:?}");
}

#[test]
fn who_guesses_keys_is_limited_before_the_keys_are_looked_at() {
    let origin = Origin::hello();
    let routes = "- { service: api, auth: [api_key] }";
    let gateway = gateway(&origin, routes, "rate_limit: [{ name: door, rate: 1/m, burst: 3 }]");
    let mut client = gateway.connect();
    let guesses = statuses(&mut client, 5, "/", &key("a-guess-0123456789abcdef"));
    assert_eq!(guesses, [401, 401, 401, 429, 429]);
    assert_eq!(client.get("/", &key(MOBILE)).status, 429, "the door is shut for the whole address");
    assert!(origin.requests().is_empty());
}
