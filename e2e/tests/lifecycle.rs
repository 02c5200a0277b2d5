//! Starting, changing and stopping without losing a request.

use e2e::{Origin, PATIENCE, Raw, Signal, Tidegate, h2load, soon, while_waiting};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// An origin that answers `/slow` only when told to, and the way to tell it.
fn held_origin() -> (Origin, mpsc::Sender<()>) {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let origin = Origin::start(move |exchange| {
        if exchange.request().target == "/slow" {
            let _ = wait.lock().expect("one slow request at a time").recv_timeout(PATIENCE);
        }
        exchange.send_ok("answered");
    });
    (origin, go)
}

#[test]
fn a_request_in_flight_ends_well_when_the_gateway_is_told_to_stop() {
    let (origin, go) = held_origin();
    let mut gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    soon("the request is under way", || origin.requests().len() == 1);
    gateway.signal(Signal::TERM);
    soon("new connections are refused", || Raw::try_connect(gateway.address()).is_err());
    assert!(gateway.is_running(), "a request is in flight");
    go.send(()).expect("the origin waits");
    let answer = client.response();
    assert_eq!(answer.text(), "answered", "{answer}");
    assert!(answer.fields.lists("connection", "close"), "{answer}");
    assert!(gateway.wait_exit(PATIENCE).success());
}

#[test]
fn an_idle_gateway_stops_at_once_when_told_to() {
    for signal in [Signal::TERM, Signal::INT] {
        let origin = Origin::hello();
        let mut gateway = Tidegate::to(&origin.url());
        let mut idle = gateway.connect();
        assert_eq!(idle.get("/", "").status, 200);
        gateway.signal(signal);
        assert!(gateway.wait_exit(PATIENCE).success());
        assert!(idle.is_closed(PATIENCE));
    }
}

#[test]
fn a_request_that_never_ends_is_cut_at_the_drain_timeout() {
    let (origin, _go) = held_origin();
    let mut gateway = Tidegate::to_with(&origin.url(), "limits: { drain_timeout: 500ms }");
    let mut client = gateway.connect();
    client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    soon("the request is under way", || origin.requests().len() == 1);
    gateway.signal(Signal::TERM);
    gateway.wait_exit(Duration::from_secs(8));
}

#[test]
fn what_is_cut_at_the_drain_timeout_stands_in_the_access_log() {
    let (origin, _go) = held_origin();
    let streaming = Origin::start(|exchange| {
        exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nsome");
        exchange.sees_close();
    });
    let mut gateway = Tidegate::start(&format!(
        "services: {{ api: \"{}\", stream: \"{}\" }}\nlimits: {{ drain_timeout: 300ms }}\n\
         routes: [{{ match: {{ path: /stream }}, service: stream }}, {{ service: api }}]\n",
        origin.url(),
        streaming.url()
    ));
    let (mut slow, mut stream) = (gateway.connect(), gateway.connect());
    slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    stream.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(stream.try_head().expect("the answer begins").status, 200);
    soon("both are under way", || origin.requests().len() + streaming.requests().len() == 2);
    gateway.signal(Signal::TERM);
    assert!(gateway.wait_exit(PATIENCE).success());
    for (path, status) in [("/slow", 503), ("/stream", 200)] {
        let line = gateway.access_log(path);
        assert_eq!((&line["status"], &line["stop"]), (&status.into(), &"shutdown".into()), "{line}");
        assert_eq!(line["complete"], false, "{line}");
    }
    assert!(slow.is_closed(PATIENCE));
}

#[test]
fn a_drain_can_be_asked_of_the_admin_api() {
    let (origin, go) = held_origin();
    let mut gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    soon("the request is under way", || origin.requests().len() == 1);
    let answer = gateway.admin("POST", "/api/drain");
    assert!((200..300).contains(&answer.status), "{answer}");
    soon("it is not ready any more", || {
        Raw::try_connect(gateway.admin_address()).map_or(true, |mut admin| {
            admin.send("GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            admin.try_response().map_or(true, |answer| answer.status == 503)
        })
    });
    go.send(()).expect("the origin waits");
    assert_eq!(client.response().text(), "answered");
    assert!(gateway.wait_exit(PATIENCE).success());
}

fn responding(body: &str) -> String {
    format!("routes: [{{ respond: {{ body: {body} }} }}]\n")
}

#[test]
fn sighup_brings_the_new_config() {
    let gateway = Tidegate::start(&responding("one"));
    assert_eq!(gateway.get("/").text(), "one");
    gateway.write_config(&responding("two"));
    gateway.signal(Signal::HUP);
    soon("the new route answers", || gateway.get("/").text() == "two");
}

#[test]
fn the_admin_api_brings_the_new_config_before_it_answers() {
    let gateway = Tidegate::start(&responding("one"));
    let mut kept = gateway.connect();
    assert_eq!(kept.get("/", "").text(), "one");
    for body in ["two", "three", "four"] {
        gateway.write_config(&responding(body));
        let answer = gateway.reload();
        assert!((200..300).contains(&answer.status), "{answer}");
        assert_eq!(gateway.get("/").text(), body);
        assert_eq!(kept.get("/", "").text(), body, "open connections follow too");
    }
}

#[test]
fn a_changed_file_is_noticed() {
    let gateway = Tidegate::start(&responding("one"));
    gateway.write_config(&responding("two"));
    soon("the new route answers", || gateway.get("/").text() == "two");
    // Editors and deployments put a new file in the place of the old one.
    let text = std::fs::read_to_string(gateway.file("tidegate.yaml")).expect("the config is there");
    std::fs::write(gateway.file("new.yaml"), text.replace("two", "three"))
        .expect("the folder can be written");
    std::fs::rename(gateway.file("new.yaml"), gateway.file("tidegate.yaml")).expect("a file can be replaced");
    soon("the newer route answers", || gateway.get("/").text() == "three");
}

#[test]
fn a_file_that_was_read_when_asked_to_is_not_read_once_more() {
    let gateway = Tidegate::start(&responding("one"));
    let reloads = || gateway.stderr().matches("reloaded in").count();
    gateway.write_config(&responding("two"));
    assert!((200..300).contains(&gateway.reload().status));
    // The look at the file may have come just before the call.
    let asked = reloads();
    while_waiting(Duration::from_millis(2500), || assert_eq!(reloads(), asked, "{}", gateway.stderr()));
    gateway.write_config(&responding("three"));
    gateway.signal(Signal::HUP);
    soon("the newest route answers", || gateway.get("/").text() == "three");
}

#[test]
fn a_bad_config_changes_nothing_and_says_why() {
    let gateway = Tidegate::start(&responding("one"));
    gateway.write_config("routes: [{ respond: { body: two }, sevrice: api }]\n");
    let answer = gateway.reload();
    assert_eq!(answer.status, 422, "{answer}");
    assert!(answer.text().contains("sevrice") && answer.text().contains("service"), "{answer}");
    assert_eq!(gateway.get("/").text(), "one");
    gateway.signal(Signal::HUP);
    gateway.wait_for_print("sevrice");
    assert_eq!(gateway.get("/").text(), "one");
    gateway.write_config(&responding("three"));
    assert!((200..300).contains(&gateway.reload().status));
    assert_eq!(gateway.get("/").text(), "three");
}

#[test]
fn a_request_in_flight_survives_a_reload_that_removes_its_route() {
    let (origin, go) = held_origin();
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    soon("the request is under way", || origin.requests().len() == 1);
    gateway.write_config(&responding("new"));
    assert!((200..300).contains(&gateway.reload().status));
    assert_eq!(gateway.get("/").text(), "new");
    go.send(()).expect("the origin waits");
    assert_eq!(client.response().text(), "answered");
}

#[test]
fn a_websocket_lives_on_through_a_reload() {
    let origin = Origin::start(|exchange| {
        exchange
            .send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
        loop {
            let some = exchange.read_some();
            if some.is_empty() || !exchange.send(some) {
                break;
            }
        }
        exchange.close();
    });
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n");
    client.send("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    assert_eq!(client.response().status, 101);
    client.send("before").expect_bytes(b"before");
    gateway.write_config(&responding("new"));
    assert!((200..300).contains(&gateway.reload().status));
    assert_eq!(gateway.get("/").text(), "new");
    client.send("after").expect_bytes(b"after");
}

#[test]
fn a_listener_can_come_and_go_with_a_reload() {
    let both =
        "listeners: [\"127.0.0.1:{port}\", \"127.0.0.1:{port2}\"]\nroutes: [{ respond: { body: both } }]\n";
    let gateway = Tidegate::start(&responding("one"));
    assert!(Raw::try_connect(gateway.second_address()).is_err());
    gateway.write_config(both);
    let answer = gateway.reload();
    assert!((200..300).contains(&answer.status), "{answer}");
    soon("the new listener answers", || {
        Raw::try_connect(gateway.second_address())
            .is_ok_and(|mut client| client.get("/", "").text() == "both")
    });
    gateway.write_config(&responding("one"));
    assert!((200..300).contains(&gateway.reload().status));
    soon("it is gone", || Raw::try_connect(gateway.second_address()).is_err());
    assert_eq!(gateway.get("/").text(), "one");
}

#[test]
fn no_request_fails_while_the_config_is_read_again_and_again() {
    let origin = Origin::hello();
    let config = |name: &str| {
        format!(
            "services: {{ {name}: {{ endpoints: [\"{}\"] }} }}\nroutes: [{{ service: {name} }}]\n",
            origin.url()
        )
    };
    let gateway = Tidegate::start(&config("a"));
    let url = gateway.url("/p");
    let ended = Arc::new(AtomicBool::new(false));
    let load = {
        let ended = Arc::clone(&ended);
        std::thread::spawn(move || {
            let one = h2load(&["--h1", "-n", "8000", "-c", "8", &url]);
            let two = h2load(&["-n", "8000", "-c", "4", "-m", "8", &url]);
            ended.store(true, Ordering::SeqCst);
            [one, two]
        })
    };
    let mut reloads = 0;
    while !ended.load(Ordering::SeqCst) {
        gateway.write_config(&config(if reloads % 2 == 0 { "b" } else { "a" }));
        assert!((200..300).contains(&gateway.reload().status));
        reloads += 1;
    }
    for load in load.join().expect("h2load ran") {
        assert_eq!((load.succeeded, load.failed), (8000, 0), "{reloads} reloads\n{}", load.report);
    }
    assert!(reloads >= 5, "{reloads}");
}
