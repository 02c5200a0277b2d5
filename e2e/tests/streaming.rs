//! Bodies pass as they come: event by event, with pressure from the slower side, whatever their size, to the last
//! trailer; and when one side goes, the other learns of it.

use e2e::{Exchange, Origin, PATIENCE, Raw, Tidegate, curl, soon, while_waiting};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

/// A body of this size is far above what anyone may buffer.
const LARGE: usize = 100 << 20;
/// The part in which it is sent and checked.
const PART: usize = 1 << 20;
/// How much the process may grow while a large body passes, in bytes.
const GROWTH: u64 = 48 << 20;

/// Bytes that differ from place to place: a part that is lost, doubled or swapped shows.
fn part(number: usize) -> Vec<u8> {
    let mut part: Vec<u8> =
        (0..PART / 8).flat_map(|word| ((word * 2_654_435_761) as u64).to_le_bytes()).collect();
    part[..8].copy_from_slice(&(number as u64).to_le_bytes());
    part
}

/// Checks a body piece by piece as it comes.
struct Checker {
    expected: Vec<u8>,
    number: usize,
    at: usize,
    good: bool,
}

impl Checker {
    fn new() -> Self {
        Self { expected: part(0), number: 0, at: 0, good: true }
    }

    fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let now = bytes.len().min(PART - self.at);
            self.good &= self.expected[self.at..self.at + now] == bytes[..now];
            (self.at, bytes) = (self.at + now, &bytes[now..]);
            if self.at == PART {
                (self.at, self.number) = (0, self.number + 1);
                self.expected[..8].copy_from_slice(&(self.number as u64).to_le_bytes());
            }
        }
    }

    fn is_whole(&self) -> bool {
        self.good && self.number * PART + self.at == LARGE
    }
}

fn receive(exchange: &mut Exchange<'_>) -> bool {
    let mut checker = Checker::new();
    while checker.number * PART + checker.at < LARGE {
        let bytes = exchange.read_some();
        if bytes.is_empty() {
            return false;
        }
        checker.take(&bytes);
    }
    checker.is_whole()
}

#[test]
fn events_arrive_one_by_one() {
    let (more, wanted) = mpsc::channel::<()>();
    let wanted = Mutex::new(wanted);
    let origin = Origin::start(move |exchange| {
        exchange
            .send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
        // The next event is made only when the client has the one before.
        for n in 0.. {
            if wanted.lock().expect("one handler").recv_timeout(PATIENCE).is_err() {
                break;
            }
            let event = format!("data: {n}\n\n");
            exchange.send(format!("{:x}\r\n{event}\r\n", event.len()));
        }
    });
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    client.send("GET /events HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n");
    let head = client.try_head().expect("the head comes before the first event");
    assert_eq!(head.fields.get("content-type"), Some("text/event-stream"));
    for n in 0..20 {
        more.send(()).expect("the origin waits");
        let end = format!("data: {n}\n\n");
        let got = client.read_until(end.as_bytes()).expect("the event comes before the next is made");
        assert!(got.ends_with(end.as_bytes()));
    }
}

#[test]
fn parts_of_an_upload_arrive_one_by_one() {
    let origin = Origin::start(|exchange| {
        exchange.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for _ in 0..10 {
            let some = exchange.read_some();
            assert!(!some.is_empty());
            exchange.send("1\r\n.\r\n");
        }
        exchange.send("0\r\n\r\n");
    });
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.try_head().expect("an answer may begin before the body of its request ends");
    for _ in 0..10 {
        client.send("3\r\nabc\r\n");
        client.read_until(b".").expect("the origin has seen the part");
    }
}

#[test]
fn a_large_download_arrives_whole_and_is_not_held_in_memory() {
    let origin = Origin::start(|exchange| {
        exchange.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n"));
        let mut part = part(0);
        for number in 0..LARGE / PART {
            part[..8].copy_from_slice(&(number as u64).to_le_bytes());
            exchange.send(&part);
        }
    });
    let gateway = Tidegate::to(&origin.url());
    gateway.get("/warm");
    let before = gateway.peak_memory();
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let head = client.try_head().expect("the head comes");
    assert_eq!(head.fields.get("content-length"), Some(LARGE.to_string().as_str()));
    let mut checker = Checker::new();
    client.read_pieces(|bytes| checker.take(bytes)).expect("the body comes to its end");
    assert!(checker.is_whole(), "wrong in part {} at {}", checker.number, checker.at);
    let grown = gateway.peak_memory() - before;
    assert!(grown < GROWTH, "the process grew by {grown} bytes");
}

#[test]
fn a_large_upload_arrives_whole_and_is_not_held_in_memory() {
    let origin = Origin::start(|exchange| {
        let whole = receive(exchange);
        exchange.send_ok(if whole { "whole" } else { "broken" });
    });
    let gateway = Tidegate::to_with(&origin.url(), "limits: { max_body: unlimited }");
    let before = gateway.peak_memory();
    let mut client = gateway.connect();
    client.send(format!("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {LARGE}\r\n\r\n"));
    let mut part = part(0);
    for number in 0..LARGE / PART {
        part[..8].copy_from_slice(&(number as u64).to_le_bytes());
        client.try_send(&part).expect("the gateway takes it");
    }
    assert_eq!(client.response().text(), "whole");
    let grown = gateway.peak_memory() - before;
    assert!(grown < GROWTH, "the process grew by {grown} bytes");
}

#[test]
fn a_client_that_stops_reading_stops_the_origin() {
    let sent = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&sent);
    let origin = Origin::start(move |exchange| {
        exchange.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let chunk = [b"10000\r\n".as_slice(), &vec![b'a'; 0x10000], b"\r\n"].concat();
        while exchange.send(&chunk) {
            count.fetch_add(0x10000, Ordering::SeqCst);
        }
    });
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect().with_small_window();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.try_head().expect("the head comes");
    soon("the origin cannot send any more", || {
        let before = sent.load(Ordering::SeqCst);
        while_waiting(Duration::from_millis(200), || {});
        before > 0 && sent.load(Ordering::SeqCst) == before
    });
    let held = sent.load(Ordering::SeqCst);
    assert!(held < 32 << 20, "{held} bytes lie between the origin and a client that does not read");
}

#[test]
fn an_origin_that_stops_reading_stops_the_client() {
    let origin = Origin::start(|exchange| {
        // Takes nothing until the client has given up.
        exchange.read_some();
        while_waiting(Duration::from_secs(3), || {});
    });
    let gateway = Tidegate::to_with(&origin.url(), "limits: { max_body: unlimited }");
    let mut client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n");
    client.set_write_patience(Duration::from_millis(500));
    let mut sent = 0_usize;
    while sent < 64 << 20 && client.try_send(vec![b'a'; 0x10000]).is_ok() {
        sent += 0x10000;
    }
    assert!(sent < 32 << 20, "{sent} bytes lie between the client and an origin that does not read");
}

#[test]
fn trailers_of_an_answer_reach_the_client() {
    let origin = Origin::always(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 42\r\n\r\n",
    );
    let gateway = Tidegate::to(&origin.url());
    let answer = gateway.connect().get("/", "TE: trailers\r\nConnection: TE\r\n");
    assert_eq!((answer.text().as_str(), answer.trailers.get("x-sum")), ("hello", Some("42")), "{answer}");
}

#[test]
fn a_client_that_leaves_ends_the_request_at_the_origin() {
    let origin = Origin::start(|exchange| {
        exchange.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
        assert!(exchange.sees_close());
    });
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.read_until(b"hello").expect("the first part comes");
    drop(client);
    soon("the upstream connection is closed", || origin.open_connections() == 0);
}

#[test]
fn a_client_that_leaves_before_the_answer_ends_the_request_at_the_origin() {
    for reset in [false, true] {
        let origin = Origin::start(|exchange| {
            exchange.sees_close();
        });
        let gateway = Tidegate::to(&origin.url());
        let mut client = gateway.connect();
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        soon("the origin has the request", || origin.requests().len() == 1);
        if reset {
            client.reset();
        } else {
            drop(client);
        }
        soon("the upstream connection is closed", || origin.open_connections() == 0);
    }
}

#[test]
fn a_client_that_ends_its_side_behind_its_request_is_answered() {
    let origin = Origin::start(|exchange| {
        // Late enough for the end to have been seen, soon enough for what is waited for at most.
        while_waiting(Duration::from_millis(300), || {});
        let target = exchange.request().target.clone();
        exchange.send_ok(target);
    });
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    client.send("GET /half HTTP/1.1\r\nHost: a\r\n\r\n").finish_sending();
    let answer = client.response();
    assert_eq!((answer.status, answer.text().as_str()), (200, "/half"), "{answer}");
    assert!(answer.fields.lists("connection", "close"), "{answer}");
    assert!(client.is_closed(PATIENCE));
}

#[test]
fn a_client_that_leaves_in_its_upload_never_completes_it() {
    for framing in ["Content-Length: 10", "Transfer-Encoding: chunked"] {
        let origin = Origin::hello();
        let gateway = Tidegate::to(&origin.url());
        let mut client = gateway.connect();
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n"));
        client.send(if framing.starts_with('C') { "hello" } else { "5\r\nhello\r\n" });
        soon("the origin has the head", || origin.requests().len() == 1);
        drop(client);
        soon("the upstream connection is closed", || origin.open_connections() == 0);
        assert!(!origin.only_request().complete, "{framing}");
    }
}

#[test]
fn what_came_before_a_cut_reaches_the_client() {
    let origin = Origin::start(|exchange| {
        exchange.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n"));
        exchange.send(vec![b'a'; 1 << 20]);
        exchange.close();
    });
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let answer = client.try_response().expect("the head came before the cut");
    assert!(!answer.complete);
    assert_eq!(answer.body.len(), 1 << 20, "all that the origin sent");
    assert_eq!(gateway.access_log("/")["complete"], false);
}

#[test]
fn curl_sees_that_an_answer_was_cut() {
    let origin = Origin::start(|exchange| {
        exchange.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
        std::thread::sleep(Duration::from_millis(30));
        exchange.close();
    });
    let gateway = Tidegate::to(&origin.url());
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let seen = curl(&[version, &gateway.url("/")]);
        // 18: partial file; 56: receive failure; 92: HTTP/2 stream error.
        assert!(matches!(seen.exit, 18 | 56 | 92), "{seen:?}");
    }
}

#[test]
fn many_connections_stream_at_once() {
    let origin = Origin::start(|exchange| {
        let body = exchange.request().target.repeat(20_000);
        exchange.send_ok(body);
    });
    let gateway = Tidegate::to(&origin.url());
    let good = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..16)
        .map(|thread| {
            let (address, good) = (gateway.address(), Arc::clone(&good));
            std::thread::spawn(move || {
                let mut client = Raw::connect(address);
                for n in 0..10 {
                    let target = format!("/{thread}/{n}");
                    if client.get(&target, "").text() == target.repeat(20_000) {
                        good.fetch_add(1, Ordering::SeqCst);
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("no client panics");
    }
    assert_eq!(good.load(Ordering::SeqCst), 160);
}
