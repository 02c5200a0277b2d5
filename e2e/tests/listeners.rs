//! The kinds of listeners: Unix sockets, PROXY protocol, ports that are taken.

use e2e::{Origin, PATIENCE, Raw, Scratch, Signal, Tidegate, soon};
use std::net::TcpListener;

#[test]
fn a_unix_socket_is_listened_on_also_where_a_dead_process_left_it() {
    let folder = Scratch::new();
    let socket = folder.file("tidegate.sock");
    let config =
        format!("listeners: [\"unix:{}\"]\nroutes: [{{ respond: {{ body: here }} }}]", socket.display());
    for signal in [Signal::KILL, Signal::TERM, Signal::TERM] {
        let mut gateway = Tidegate::start(&config);
        assert_eq!(Raw::connect_unix(&socket).get("/p", "").text(), "here");
        gateway.signal(signal);
        gateway.wait_exit(PATIENCE);
    }
}

#[test]
fn the_file_of_a_unix_socket_goes_with_its_listener() {
    let both =
        "listeners: [\"127.0.0.1:{port}\", \"unix:{dir}/a.sock\"]\nroutes: [{ respond: { body: here } }]";
    let mut gateway = Tidegate::start(both);
    let file = gateway.file("a.sock");
    assert!(file.exists());
    // With a reload that takes the listener away.
    gateway.write_config("routes: [{ respond: { body: here } }]");
    assert!((200..300).contains(&gateway.reload().status));
    soon("the file is gone", || !file.exists());
    gateway.write_config(both);
    assert!((200..300).contains(&gateway.reload().status));
    assert_eq!(Raw::connect_unix(&file).get("/", "Connection: close\r\n").text(), "here");
    // With the process.
    gateway.signal(Signal::TERM);
    assert!(gateway.wait_exit(PATIENCE).success());
    assert!(!file.exists());
}

#[test]
fn a_file_that_somebody_else_has_put_in_place_of_a_unix_socket_stays() {
    let folder = Scratch::new();
    let file = folder.file("a.sock");
    let mut gateway = Tidegate::start(&format!(
        "listeners: [\"unix:{}\"]\nroutes: [{{ respond: {{ body: here }} }}]",
        file.display()
    ));
    std::fs::write(folder.file("other"), "precious").expect("the folder can be written");
    std::fs::rename(folder.file("other"), &file).expect("a file can be replaced");
    gateway.signal(Signal::TERM);
    assert!(gateway.wait_exit(PATIENCE).success());
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), "precious");
}

#[test]
fn a_client_of_a_unix_socket_has_no_address() {
    let origin = Origin::hello();
    let gateway = Tidegate::start(&format!(
        "listeners: [\"unix:{{dir}}/a.sock\"]\nservices: {{ api: \"{}\" }}\nroutes: [{{ service: api }}]\n\
         trusted_proxies: [0.0.0.0/0]",
        origin.url()
    ));
    let mut client = Raw::connect_unix(&gateway.file("a.sock"));
    assert_eq!(client.get("/p", "X-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\n").status, 200);
    assert_eq!(gateway.access_log("/p")["client"], "unix:");
    let fields = origin.only_request().fields;
    assert!(!fields.has("x-forwarded-for"), "{fields:?}");
    // RFC 7239 section 6.2.
    assert!(fields.get("forwarded").is_some_and(|f| f.starts_with("for=unknown;")), "{fields:?}");
}

#[test]
fn a_listener_that_a_reload_takes_away_refuses_clients_also_while_one_is_connected() {
    let both =
        "listeners: [\"127.0.0.1:{port}\", \"127.0.0.1:{port2}\"]\nroutes: [{ respond: { body: here } }]";
    let gateway = Tidegate::start(both);
    let mut held = Raw::connect(gateway.second_address());
    assert_eq!(held.get("/", "").text(), "here");
    gateway.write_config("routes: [{ respond: { body: here } }]");
    assert!((200..300).contains(&gateway.reload().status));
    soon("nobody listens there", || Raw::try_connect(gateway.second_address()).is_err());
    assert_eq!(held.get("/", "").text(), "here", "who is connected stays");
}

#[test]
fn an_endpoint_may_be_a_unix_socket() {
    let gateway = Tidegate::start(
        "listeners: [\"unix:{dir}/inner.sock\", \"127.0.0.1:{port}\"]\n\
         services: { inner: \"unix:{dir}/inner.sock\" }\n\
         routes: [{ match: { path: /outer }, service: inner }, { match: { path: /inner }, respond: { body: inner } }, \
         { match: { path: \"/strip/*\" }, strip_prefix: /strip, service: inner }]",
    );
    assert_eq!(gateway.get("/strip/inner").text(), "inner");
}

fn proxied(kind: &str) -> (Origin, Tidegate) {
    let origin = Origin::hello();
    let gateway = Tidegate::start(&format!(
        "listeners: [{{ address: \"127.0.0.1:{{port}}\", proxy_protocol: {kind} }}]\n\
         services: {{ api: \"{}\" }}\nroutes: [{{ service: api }}]",
        origin.url()
    ));
    (origin, gateway)
}

const V1: &[u8] = b"PROXY TCP4 203.0.113.7 127.0.0.1 5555 80\r\n";

/// 203.0.113.8 in version 2: signature, PROXY over TCP4, 12 bytes of addresses and ports.
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x08\x7f\0\0\x01\x15\xb3\0\x50";

#[test]
fn the_client_of_a_proxy_header_is_the_client() {
    for (kind, header, client) in [
        ("v1", V1, "203.0.113.7"),
        ("v2", V2, "203.0.113.8"),
        ("any", V1, "203.0.113.7"),
        ("any", V2, "203.0.113.8"),
    ] {
        let (origin, gateway) = proxied(kind);
        let mut connection = gateway.connect();
        connection.send(header);
        assert_eq!(connection.get("/p", "").status, 200, "{kind}");
        assert_eq!(connection.get("/q", "").status, 200, "{kind}");
        assert_eq!(origin.requests()[0].fields.all("x-forwarded-for"), [client]);
        assert_eq!(gateway.access_log("/q")["client"], client);
    }
}

#[test]
fn a_proxy_header_that_comes_byte_by_byte_is_read() {
    for header in [V1, V2] {
        let (origin, gateway) = proxied("any");
        let mut connection = gateway.connect();
        connection.send_in_pieces(header, 1, std::time::Duration::from_millis(2)).expect("the gateway waits");
        assert_eq!(connection.get("/p", "").status, 200);
        assert!(
            origin.only_request().fields.get("x-forwarded-for").is_some_and(|f| f.starts_with("203.0.113."))
        );
    }
}

#[test]
fn a_connection_without_the_proxy_header_is_closed() {
    for (kind, wrong) in [("v1", V2), ("v2", V1), ("any", b"PROXY nonsense\r\n".as_slice()), ("any", b"")] {
        let (origin, gateway) = proxied(kind);
        let mut connection = gateway.connect();
        connection.send(wrong).send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let told = connection.read_to_end().unwrap_or_default();
        assert!(!told.starts_with(b"HTTP/1.1 200"), "{}", told.escape_ascii());
        assert_eq!(origin.bytes(), 0, "{kind}");
    }
}

#[test]
fn a_proxy_header_is_no_request_where_none_is_expected() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    let answer = gateway.connect().send(V1).send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").response();
    assert_eq!(answer.status, 400, "{answer}");
    assert_eq!(origin.bytes(), 0);
}

#[test]
fn a_taken_port_is_named_and_nothing_is_served() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let config = format!(
        "listeners: [\"127.0.0.1:{{port}}\", \"{address}\"]\nroutes: [{{ respond: {{ body: here }} }}]"
    );
    let mut gateway = Tidegate::spawn_with(&["run", "{config}"], &config);
    assert_eq!(gateway.wait_exit(PATIENCE).code(), Some(1));
    gateway.wait_for_print(&address);
    let told = gateway.stderr().to_ascii_lowercase();
    assert!(told.contains("in use") || told.contains("taken"), "{told}");
    assert!(!told.contains("panicked"), "{told}");
}

#[test]
fn two_gateways_do_not_share_a_port_by_accident() {
    let first = Tidegate::start("routes: [{ respond: { body: first } }]");
    let config = format!("listeners: [\"{}\"]\nroutes: [{{ respond: {{ body: second }} }}]", first.address());
    let mut second = Tidegate::spawn_with(&["run", "{config}"], &config);
    assert_eq!(second.wait_exit(PATIENCE).code(), Some(1), "{}", second.stderr());
    for _ in 0..20 {
        assert_eq!(first.get("/").text(), "first");
    }
}
