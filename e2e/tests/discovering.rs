//! Endpoints that the config does not name: found in DNS or in a file, followed as they change, kept while nobody
//! answers.

use e2e::{DnsServer, Origin, Port, Tidegate, application, has_ended, soon, while_waiting};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// Names stand for addresses, and all endpoints of a name have one port: two addresses of the loopback net.
const ONE: Ipv4Addr = Ipv4Addr::LOCALHOST;
const TWO: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

fn two_origins() -> (Port, Origin, Origin) {
    let port = Port::free();
    let at = |ip: Ipv4Addr| SocketAddr::from((ip, port.number()));
    let (one, two) = (Origin::named_at(at(ONE), "one"), Origin::named_at(at(TWO), "two"));
    (port, one, two)
}

fn gateway_by(dns: &DnsServer, port: &Port) -> Tidegate {
    Tidegate::start(&config_by(dns, port))
}

fn config_by(dns: &DnsServer, port: &Port) -> String {
    format!(
        "services: {{ api: {{ dns: {{ name: \"api.test:{}\", resolver: \"{}\" }}, lb_policy: round_robin, slow_start: 0s }} }}\n\
         routes: [{{ service: api }}]\n",
        port.number(),
        dns.address()
    )
}

/// A gateway whose service has an instance, and then, behind a reload, is to be found by a name. Beside it that instance.
fn gateway_of_an_instance_and_then_by(dns: &DnsServer, port: &Port) -> (Tidegate, u32) {
    let command = application("");
    let gateway = Tidegate::start(&format!(
        "services: {{ api: {{ instances: {{ command: {command}, scale: 1 }} }} }}\nroutes: [{{ service: api }}]\n"
    ));
    let ready = gateway.instances("api").wait_ready(1);
    assert_eq!(gateway.get("/launched").text(), "/launched");
    gateway.write_config(&config_by(dns, port));
    assert_eq!(gateway.reload().status, 200);
    (gateway, *ready.first().expect("there is one"))
}

#[test]
fn a_service_that_goes_from_instances_to_a_name_is_served_by_that_at_once_and_for_good() {
    let (port, _one, _two) = two_origins();
    let dns = DnsServer::start(&[ONE], 1);
    let (gateway, instance) = gateway_of_an_instance_and_then_by(&dns, &port);
    assert_eq!(gateway.get("/").text(), "one");
    soon("the instance has ended", || has_ended(instance));
    let asked = dns.asked();
    soon("the name is looked up again", || dns.asked() > asked + 1);
    assert_eq!(gateway.get("/").text(), "one");
    assert_eq!(gateway.service("api")["endpoints_total"], 1);
}

#[test]
fn a_service_that_goes_from_instances_to_a_name_without_addresses_gives_its_instances_up() {
    let (port, _one, _two) = two_origins();
    let dns = DnsServer::start(&[], 1);
    let (gateway, _) = gateway_of_an_instance_and_then_by(&dns, &port);
    let answer = gateway.get("/");
    assert_eq!((answer.status, &gateway.service("api")["endpoints_total"]), (503, &0.into()), "{answer}");
    dns.set(&[ONE]);
    soon("it is served", || gateway.get("/").text() == "one");
}

#[test]
fn the_endpoints_of_a_name_are_known_from_the_start_and_followed() {
    let (port, one, two) = two_origins();
    let dns = DnsServer::start(&[ONE], 1);
    let gateway = gateway_by(&dns, &port);
    assert_eq!(gateway.get("/").text(), "one", "it was looked up before anything was served");
    dns.set(&[TWO]);
    let changed = Instant::now();
    soon("the new endpoint is used", || gateway.get("/").text() == "two");
    // Its TTL of a second, a second more, and what a busy machine needs.
    assert!(changed.elapsed() < Duration::from_secs(4), "{:?}", changed.elapsed());
    let before = one.requests().len();
    for _ in 0..10 {
        assert_eq!(gateway.get("/").text(), "two");
    }
    assert_eq!(one.requests().len(), before);
    dns.set(&[ONE, TWO]);
    soon("both are used", || {
        gateway.service("api")["endpoints_total"] == 2 && gateway.get("/").text() == "one"
    });
    assert!(!two.requests().is_empty());
}

#[test]
fn a_resolver_that_falls_silent_takes_nothing_away() {
    let (port, _one, _two) = two_origins();
    let dns = DnsServer::start(&[ONE, TWO], 1);
    let gateway = gateway_by(&dns, &port);
    assert_eq!(gateway.get("/").status, 200);
    dns.fall_silent();
    let asked = dns.asked();
    soon("it was asked in vain", || dns.asked() >= asked + 2);
    gateway.wait_for_print("keeps its endpoints (2)");
    for _ in 0..20 {
        assert_eq!(gateway.get("/").status, 200);
    }
    assert_eq!(gateway.service("api")["endpoints_total"], 2);
}

#[test]
fn a_name_without_addresses_takes_nothing_away_either() {
    let (port, _one, _two) = two_origins();
    let dns = DnsServer::start(&[ONE], 1);
    let gateway = gateway_by(&dns, &port);
    assert_eq!(gateway.get("/").text(), "one");
    dns.set(&[]);
    gateway.wait_for_print("keeps its endpoints (1)");
    assert_eq!(gateway.get("/").text(), "one");
}

#[test]
fn a_service_that_is_found_later_is_served_then() {
    let (port, _one, _two) = two_origins();
    let dns = DnsServer::start(&[], 1);
    let gateway = gateway_by(&dns, &port);
    let answer = gateway.get("/");
    assert_eq!(answer.status, 503, "{answer}");
    dns.set(&[ONE]);
    soon("it is served", || gateway.get("/").text() == "one");
}

#[test]
fn requests_under_way_outlive_their_endpoints_removal() {
    let port = Port::free();
    let at = |ip: Ipv4Addr| SocketAddr::from((ip, port.number()));
    let (go, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let old = Origin::start_at(at(ONE), move |exchange| {
        let _ = held.lock().expect("no handler panics").recv_timeout(e2e::PATIENCE);
        exchange.send_ok("old");
    });
    let _new = Origin::named_at(at(TWO), "new");
    let dns = DnsServer::start(&[ONE], 1);
    let gateway = gateway_by(&dns, &port);
    let mut client = gateway.connect();
    client.send(e2e::get("/", ""));
    soon("the request is under way", || old.requests().len() == 1);
    dns.set(&[TWO]);
    soon("the old endpoint is not asked any more", || {
        gateway.service("api")["endpoints"][0]["url"] == format!("http://{}", at(TWO)).as_str()
    });
    assert_eq!(gateway.get("/").text(), "new");
    go.send(()).expect("the endpoint waits");
    assert_eq!(client.response().text(), "old");
}

fn gateway_by_file(first: &str) -> Tidegate {
    let scratch = e2e::Scratch::new();
    scratch.write("endpoints.yaml", first);
    Tidegate::start_in(
        scratch,
        "services: { api: { endpoints_file: endpoints.yaml, slow_start: 0s } }\nroutes: [{ service: api }]\n",
    )
}

#[test]
fn a_file_of_endpoints_is_followed() {
    let (a, b) = (Origin::named("a"), Origin::named("b"));
    let gateway = gateway_by_file(&format!("- \"{}\"\n", a.url()));
    assert_eq!(gateway.get("/").text(), "a");
    std::fs::write(gateway.file("endpoints.yaml"), format!("- url: \"{}\"\n  weight: 3\n", b.url()))
        .expect("the folder can be written");
    soon("the new endpoint is used", || gateway.get("/").text() == "b");
    assert_eq!(gateway.service("api")["endpoints"][0]["weight"], 3);
}

#[test]
fn a_bad_file_of_endpoints_changes_nothing() {
    let (a, b) = (Origin::named("a"), Origin::named("b"));
    let gateway = gateway_by_file(&format!("- \"{}\"\n", a.url()));
    let file = gateway.file("endpoints.yaml");
    for bad in ["- { nonsense: 1 }\n", "][", "- \"ftp://127.0.0.1:1\"\n"] {
        std::fs::write(&file, bad).expect("the folder can be written");
        gateway.wait_for_print("keeps its endpoints (1)");
        while_waiting(Duration::from_millis(300), || assert_eq!(gateway.get("/").text(), "a"));
    }
    std::fs::remove_file(&file).expect("it is there");
    while_waiting(Duration::from_millis(300), || assert_eq!(gateway.get("/").text(), "a"));
    std::fs::write(&file, format!("- \"{}\"\n", b.url())).expect("the folder can be written");
    soon("a good file is taken up again", || gateway.get("/").text() == "b");
}

#[test]
fn what_was_found_outlives_a_reload() {
    let (port, _one, _two) = two_origins();
    let dns = DnsServer::start(&[ONE], 60);
    let gateway = gateway_by(&dns, &port);
    assert_eq!(gateway.get("/").text(), "one");
    let asked = dns.asked();
    dns.fall_silent();
    gateway.write_config(&format!(
        "services: {{ api: {{ dns: {{ name: \"api.test:{}\", resolver: \"{}\" }}, lb_policy: random }} }}\n\
         routes: [{{ service: api }}]\n",
        port.number(),
        dns.address()
    ));
    assert_eq!(gateway.reload().status, 200);
    assert_eq!(gateway.get("/").text(), "one");
    assert_eq!(dns.asked(), asked, "it was not asked again before its time");
}
