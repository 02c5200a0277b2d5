//! What the keys of balancing, health, retries and limits become: defaults, short forms, values that need no parsing.

use std::fs;
use std::path::Path;
use std::time::Duration;

use config::{
    Action, Discovery, Fallback, File, GrpcStatus, HashOn, HedgeAfter, LbPolicy, Priority, Probe,
    RetryMethods, RetryOn, Scheme, Service, StatusRange,
};

fn env(name: &str) -> Option<String> {
    (name == "SECRET").then(|| "s3cret".to_owned())
}

fn parsed(text: &str) -> File {
    match config::parse(text, "test.yaml", &env) {
        Ok(loaded) => loaded.file,
        Err(report) => panic!("{report}"),
    }
}

/// The service that these keys make, with an endpoint where none of them names one.
fn service(keys: &str) -> Service {
    let text = format!("listeners: [1]\nservices: {{ a: {{ {keys} }} }}\nroutes: [{{ service: a }}]\n");
    parsed(&text).services.into_values().next().expect("the one service")
}

fn with_endpoint(keys: &str) -> Service {
    service(&format!("endpoints: \"http://127.0.0.1:1\", {keys}"))
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_service_that_says_nothing_retries_once_and_ejects_outliers() {
    let service = service("endpoints: \"http://127.0.0.1:1\"");
    let status = |status| RetryOn::Status(StatusRange { first: status, last: status });
    let retry = &service.retry;
    assert_eq!(retry.attempts.get(), 1);
    let (connect, refused, reset) = (RetryOn::Connect, RetryOn::RefusedStream, RetryOn::ResetBeforeResponse);
    assert_eq!(retry.on, [connect, refused, reset, status(502), status(503), status(504)]);
    assert_eq!(
        (retry.grpc_on.as_slice(), retry.per_try_timeout),
        ([GrpcStatus::Unavailable].as_slice(), None)
    );
    assert_eq!((retry.budget.to_string().as_str(), retry.min_per_second), ("20%", 3));
    assert_eq!(retry.backoff.base.get(), Duration::from_millis(25));
    assert_eq!(retry.backoff.max.get(), Duration::from_millis(250));
    assert_eq!((retry.methods, retry.idempotency_key), (RetryMethods::Idempotent, false));
    assert_eq!(retry.body.get(), 64 * 1024);

    let outliers = &service.outlier_detection;
    assert!(outliers.enabled && outliers.success_rate.enabled);
    assert_eq!((outliers.consecutive_5xx, outliers.consecutive_gateway_errors), (5, 5));
    assert_eq!((outliers.interval.get(), outliers.base_ejection_time.get()), (seconds(10), seconds(30)));
    assert_eq!(
        (outliers.max_ejection_time.get(), outliers.max_ejection.to_string()),
        (seconds(300), "50%".into())
    );
    assert_eq!((outliers.success_rate.min_hosts, outliers.success_rate.min_requests), (5, 100));
    assert!((outliers.success_rate.stdev_factor.get() - 1.9).abs() < 1e-9);
}

#[test]
fn a_service_that_says_nothing_has_no_limits_no_checks_and_no_fallback() {
    let service = service("endpoints: \"http://127.0.0.1:1\"");
    assert_eq!((service.max_connections, service.max_requests), (None, None));
    assert!(service.health_check.is_none() && service.hedge.is_none() && service.fallback.is_none());
    assert!(service.sticky.is_none() && service.bounded_load.is_none());
    assert!(!service.adaptive_concurrency.enabled);
    assert_eq!((service.queue.size, service.queue.timeout.get()), (512, seconds(1)));
    assert_eq!((service.slow_start.get(), service.panic_threshold.fraction()), (Some(seconds(10)), 0.5));
    assert_eq!((service.lb_policy, &service.hash_on), (LbPolicy::P2cEwma, &HashOn::Ip));
    let endpoint = &service.endpoints[0];
    assert_eq!((endpoint.weight, endpoint.priority, endpoint.backup), (1, 0, false));
    assert_eq!((&endpoint.zone, endpoint.max_connections, endpoint.max_requests), (&None, None, None));
}

#[test]
fn endpoints_come_from_one_of_four_sources() {
    let one = service("endpoints: \"http://127.0.0.1:1\"");
    assert!(matches!(one.discovery(), Discovery::Endpoints([_])));
    let file = service("endpoints_file: /etc/endpoints.json");
    assert_eq!(file.discovery(), Discovery::File(Path::new("/etc/endpoints.json")));

    let named = service("dns: \"Search.internal:9200\"");
    let Discovery::Dns(dns) = named.discovery() else { panic!("no name: {named:?}") };
    assert_eq!((dns.host(), dns.port(), dns.scheme), ("search.internal", 9200, Scheme::Http));
    assert_eq!((dns.refresh, dns.min_ttl.get(), dns.resolver.len()), (None, seconds(1), 0));

    let records = service(
        "srv: { name: _http._tcp.a.b, scheme: https, resolver: [10.0.0.2, \"[::1]:5353\"], refresh: 5s }",
    );
    let Discovery::Srv(srv) = records.discovery() else { panic!("no records: {records:?}") };
    let servers: Vec<_> = srv.resolver.iter().map(|server| server.get().to_string()).collect();
    assert_eq!((srv.name.as_str(), srv.scheme), ("_http._tcp.a.b", Scheme::Https));
    assert_eq!(servers, ["10.0.0.2:53", "[::1]:5353"]);
    assert_eq!(srv.refresh.map(config::Period::get), Some(seconds(5)));
}

#[test]
fn hash_policies_choose_by_address_path_header_cookie_or_query() {
    let hash_on = |typed: &str| with_endpoint(&format!("lb_policy: maglev, hash_on: {typed}")).hash_on;
    assert_eq!(hash_on("ip"), HashOn::Ip);
    assert_eq!(hash_on("path"), HashOn::Path);
    assert!(matches!(hash_on("{ header: X-User }"), HashOn::Header(name) if name.as_str() == "x-user"));
    assert!(matches!(hash_on("{ cookie: Session }"), HashOn::Cookie(name) if name.as_str() == "Session"));
    assert!(matches!(hash_on("{ query: user id }"), HashOn::Query(name) if name.as_str() == "user id"));
    assert_eq!(with_endpoint("lb_policy: ring_hash").hash_on, HashOn::Ip);
    let bound = with_endpoint("lb_policy: maglev, bounded_load: 1.25").bounded_load;
    assert!(bound.is_some_and(|bound| (bound.get() - 1.25).abs() < 1e-9));
}

#[test]
fn a_sticky_cookie_may_go_with_a_hash_and_its_secret_is_not_shown() {
    let keys =
        "lb_policy: maglev, hash_on: path, sticky: { cookie: node, secret: \"${SECRET}\", max_age: 1d }";
    let sticky = with_endpoint(keys).sticky.expect("a cookie");
    assert_eq!(sticky.cookie.as_str(), "node");
    assert_eq!(sticky.secret.as_ref().map(config::Secret::reveal), Some("s3cret"));
    assert_eq!(sticky.max_age.map(config::Period::get), Some(seconds(86_400)));
    assert!(!format!("{sticky:?}{}", serde_json::to_string(&sticky).expect("JSON")).contains("s3cret"));
    let bare = with_endpoint("sticky: node").sticky.expect("a cookie");
    assert!(bare.cookie.as_str() == "node" && bare.secret.is_none() && bare.max_age.is_none());
}

#[test]
fn a_health_check_asks_for_a_path_a_connection_or_a_grpc_service() {
    let check = |typed: &str| with_endpoint(&format!("health_check: {typed}")).health_check.expect("a check");
    let http = check("/healthz");
    assert_eq!(
        (http.interval.get(), http.timeout.get(), http.fall, http.rise),
        (seconds(2), seconds(1), 3, 2)
    );
    let Probe::Http { path, host: None, expect } = http.probe else { panic!("{http:?}") };
    assert_eq!(
        (path.as_str(), expect.as_slice()),
        ("/healthz", [StatusRange { first: 200, last: 399 }].as_slice())
    );

    let well = |typed: &str| match check(&format!("{{ path: /, expect: {typed} }}")).probe {
        Probe::Http { expect, .. } => expect.iter().map(ToString::to_string).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(well("204"), ["204"]);
    assert_eq!(well("200-299"), ["200-299"]);
    assert_eq!(well("[200, 204, 3xx]"), ["200", "204", "300-399"]);

    assert_eq!(check("{ tcp: true, port: 81 }").port, Some(81));
    assert_eq!(check("{ tcp: true }").probe, Probe::Tcp);
    let grpc = check("{ grpc: \"\", host: Shop.internal }").probe;
    assert!(
        matches!(grpc, Probe::Grpc { service, host: Some(host) } if service.as_str().is_empty() && host.as_str() == "shop.internal")
    );
}

#[test]
fn what_is_on_by_default_can_be_turned_off_in_a_word() {
    let off = with_endpoint(
        "outlier_detection: off, retry: off, slow_start: 0s, adaptive_concurrency: false, queue: 0",
    );
    assert!(!off.outlier_detection.enabled && !off.adaptive_concurrency.enabled);
    assert_eq!((off.retry.attempts.get(), off.slow_start.get(), off.queue.size), (0, None, 0));
    let partly = with_endpoint("outlier_detection: { success_rate: off }, retry: { attempts: off }");
    assert!(partly.outlier_detection.enabled && !partly.outlier_detection.success_rate.enabled);
    assert_eq!((partly.retry.attempts.get(), partly.retry.on.len()), (0, 6));
    assert!(!parsed("listeners: [1]\nroutes: [{ respond: {} }]\noverload: off\n").overload.enabled);
}

#[test]
fn a_retry_condition_may_stand_alone() {
    let retry = with_endpoint("retry: { on: 5xx, grpc_on: aborted, methods: all, budget: 12.5% }").retry;
    assert_eq!(retry.on, [RetryOn::Status(StatusRange { first: 500, last: 599 })]);
    assert_eq!(retry.grpc_on.iter().map(|status| status.code()).collect::<Vec<_>>(), [10]);
    assert_eq!((retry.methods, retry.budget.fraction()), (RetryMethods::All, 0.125));
    assert_eq!(with_endpoint("retry: 3").retry.attempts.get(), 3);
}

#[test]
fn a_hedge_starts_after_a_percentile_or_a_time() {
    let hedge = |typed: &str| with_endpoint(&format!("hedge: {typed}")).hedge.expect("a hedge");
    assert_eq!(hedge("p95").after, HedgeAfter::Percentile(95));
    let timed = hedge("{ after: 250ms }");
    assert!(matches!(timed.after, HedgeAfter::Time(after) if after.get() == Duration::from_millis(250)));
}

#[test]
fn adaptive_concurrency_begins_within_its_bounds() {
    let adaptive =
        |typed: &str| with_endpoint(&format!("adaptive_concurrency: {typed}")).adaptive_concurrency;
    let on = adaptive("on");
    assert_eq!((on.enabled, on.min, on.max, on.initial()), (true, 1, 1_000, 20));
    assert!((on.tolerance.get() - 1.5).abs() < 1e-9);
    let bounded = adaptive("{ max: 8 }");
    assert!(bounded.enabled);
    assert_eq!(bounded.initial(), 8);
    assert_eq!(adaptive("{ min: 50 }").initial(), 50);
    assert_eq!(adaptive("{ min: 50, initial: 60 }").initial(), 60);
}

#[test]
fn a_route_has_its_own_retries_priority_copies_and_fallback() {
    let file = parsed(
        "listeners: [1]\nservices: { a: \"http://a\", b: \"http://b\", c: \"http://c\" }\nroutes:\n\
         \x20 - { service: a, retry: 0, hedge: 1s, fallback: b, priority: low, mirror: { service: b, percent: 0.5% } }\n\
         \x20 - { match: { path: /b }, split: { a: 95, b: 0 }, mirror: { service: c, percent: 0% } }\n",
    );
    let [own, split] = file.routes.as_slice() else { panic!("two routes") };
    assert_eq!(own.retry.as_ref().map(|retry| (retry.attempts.get(), retry.on.len())), Some((0, 6)));
    assert!(own.hedge.is_some() && own.priority == Priority::Low);
    assert!(matches!(&own.fallback, Some(Fallback::Service(name)) if name.as_str() == "b"));
    assert!(own.mirror.as_ref().is_some_and(|mirror| (mirror.percent.fraction() - 0.005).abs() < 1e-9));
    let Some(Action::Split(shares)) = split.action() else { panic!("no split") };
    let shares: Vec<_> = shares.iter().map(|(name, share)| (name.as_str(), share.get())).collect();
    assert_eq!(shares, [("a", 95), ("b", 0)]);
    assert!(split.priority == Priority::Normal && split.retry.is_none() && split.fallback.is_none());
    assert!(Priority::Low < Priority::Normal && Priority::Normal < Priority::High);
}

#[test]
fn a_file_of_endpoints_is_read_like_the_key() {
    let text =
        r#"[ "http://10.0.0.5:9200", { "url": "http://${HOST:-10.0.0.6}:9200", "weight": 2, "zone": "b" } ]"#;
    let endpoints =
        config::parse_endpoints(text, "endpoints.json", &env).unwrap_or_else(|report| panic!("{report}"));
    let key = service(&format!("endpoints: {text}"));
    assert_eq!(endpoints, key.endpoints);
    assert_eq!(endpoints[1].zone.as_ref().map(config::ZoneName::as_str), Some("b"));

    let path = std::env::temp_dir().join(format!("tidegate-endpoints-{}.yaml", std::process::id()));
    fs::write(&path, "- http://10.0.0.5:9200\n- { url: \"http://10.0.0.6:9200\", weight: 2, zone: b }\n")
        .expect("written");
    let read = config::load_endpoints(&path);
    fs::remove_file(&path).expect("removed");
    assert_eq!(read.unwrap_or_else(|report| panic!("{report}")), endpoints);
}

#[test]
fn a_file_of_endpoints_above_8_mib_is_refused() {
    let text = format!("- http://a\n#{}", "x".repeat(8 << 20));
    let report = config::parse_endpoints(&text, "big.yaml", &env).unwrap_err().render(false);
    assert!(report.contains("the endpoints file big.yaml: it is larger than 8 MiB"), "{report}");
}

#[test]
fn ten_thousand_services_that_fall_back_on_the_next_are_no_circle() {
    let mut text = "listeners: [1]\nroutes: [{ service: s0 }]\nservices:\n".to_owned();
    for number in 0..10_000 {
        let service = format!("  s{number}: {{ endpoints: \"http://a\", fallback: s{} }}\n", number + 1);
        text.push_str(&service);
    }
    assert_eq!(parsed(&format!("{text}  s10000: \"http://a\"\n")).services.len(), 10_001);
    let round = format!("{text}  s10000: {{ endpoints: \"http://a\", fallback: s1 }}\n");
    let report = config::parse(&round, "test.yaml", &env).unwrap_err();
    let told = report.problems();
    assert_eq!(told.len(), 1, "{report}");
    assert!(
        told[0].message.starts_with("the fallbacks of services run in a circle: `s1` -> `s2`"),
        "{report}"
    );
    assert!(told[0].message.ends_with("-> … -> `s1`"), "{report}");
}
