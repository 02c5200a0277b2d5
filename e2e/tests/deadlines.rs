//! A deadline travels: from a trusted proxy to us, and from us to the endpoint.

use e2e::{Origin, Tidegate};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

fn millis_from_now(millis: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970");
    i64::try_from(now.as_millis()).expect("it fits") + millis
}

fn gateway(origin: &Origin, more: &str, timeouts: &str) -> Tidegate {
    Tidegate::start(&format!(
        "{more}\n\
         services: {{ api: {{ endpoints: \"{}\", timeouts: {{ {timeouts} }} }} }}\n\
         routes: [{{ service: api }}]",
        origin.url()
    ))
}

#[test]
fn an_endpoint_is_told_until_when_its_answer_is_waited_for() {
    let origin = Origin::hello();
    let gateway = gateway(&origin, "", "request: 5s, send_deadline: true");
    let before = millis_from_now(5_000);
    assert_eq!(gateway.get("/").status, 200);
    let told: i64 = origin.only_request().fields.get("x-request-deadline").unwrap().parse().unwrap();
    assert!((before..=millis_from_now(5_000)).contains(&told), "{told}, not {before} or somewhat more");
}

#[test]
fn a_client_cannot_say_how_long_an_endpoint_has() {
    let origin = Origin::hello();
    let gateway = gateway(&origin, "", "request: 5s");
    let header = format!("X-Request-Deadline: {}\r\n", millis_from_now(1));
    assert_eq!(gateway.connect().get("/", &header).status, 200);
    assert!(!origin.only_request().fields.has("x-request-deadline"));
}

#[test]
fn the_deadline_of_a_trusted_proxy_ends_the_request() {
    let origin = Origin::start(|exchange| {
        exchange.sees_close();
    });
    let gateway = gateway(&origin, "trusted_proxies: [127.0.0.0/8]", "request: 30s");
    let began = Instant::now();
    let header = format!("X-Request-Deadline: {}\r\n", millis_from_now(300));
    assert_eq!(gateway.connect().get("/", &header).status, 504);
    let took = began.elapsed();
    assert!((Duration::from_millis(250)..Duration::from_secs(10)).contains(&took), "{took:?}");
    assert!(origin.only_request().fields.has("x-request-deadline"), "it goes on to the endpoint");
}
