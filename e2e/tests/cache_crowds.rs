//! Many at once: one request goes to the origin, all others are given its answer while it comes; and nobody spoils it for
//! anybody, neither who leaves, nor who is slow, nor an origin that breaks off.

use e2e::{
    Exchange, Gate, Origin, PATIENCE, Raw, Response, Saying, Tidegate, at_once, curl, get, h2load, soon,
};
use std::time::{Duration, Instant};

const FRESH: &str = "Cache-Control: max-age=60\r\n";
/// Two workers, so that what one has fetched is for the other as well.
const TWO: &str = "workers: 2";

/// Sends a head and the first half of a body of chunks, and the rest when the gate is open. Gives the halves.
fn in_two(exchange: &mut Exchange<'_>, fields: &str, gate: &Gate) {
    let halves = halves(exchange.number());
    exchange.send(format!("HTTP/1.1 200 OK\r\n{fields}Transfer-Encoding: chunked\r\n\r\n"));
    exchange.send(format!("{:x}\r\n{}\r\n", halves[0].len(), halves[0]));
    gate.pass();
    exchange.send(format!("{:x}\r\n{}\r\n0\r\n\r\n", halves[1].len(), halves[1]));
}

fn halves(number: usize) -> [String; 2] {
    [format!("first half of {number}."), format!("second half of {number}.")]
}

/// An origin whose bodies stop in the middle until the gate is open.
fn slow(gate: &Gate) -> Origin {
    let gate = gate.clone();
    Origin::start(move |exchange| in_two(exchange, FRESH, &gate))
}

/// A client that has asked for `/`.
fn asking(gateway: &Tidegate) -> Raw {
    let mut client = gateway.connect();
    client.send(get("/", "Connection: close\r\n"));
    client
}

/// Reads a head and a body up to there.
#[track_caller]
fn read_to(client: &mut Raw, piece: &str) {
    let got = client.read_until(piece.as_bytes());
    got.unwrap_or_else(|why| panic!("{piece} did not come while the body was on its way: {why}"));
}

#[test]
fn a_thousand_who_ask_for_what_is_not_there_are_one_request_and_all_read_while_it_comes() {
    let gate = Gate::shut();
    let origin = slow(&gate);
    let gateway = Tidegate::caching_with(&origin, "{}", TWO);
    let mut clients: Vec<Raw> = (0..1000).map(|_| asking(&gateway)).collect();
    let [first, second] = halves(1);
    for client in &mut clients {
        read_to(client, &first);
    }
    assert_eq!(origin.count(), 1);
    gate.open();
    for client in &mut clients {
        read_to(client, &second);
    }
    assert_eq!(origin.count(), 1);
    soon("it is kept", || gateway.get("/").is_hit());
    assert_eq!(gateway.get("/").text(), [first, second].concat());
}

#[test]
fn those_who_wait_are_told_that_another_has_fetched_it() {
    let gate = Gate::shut();
    let origins = gate.clone();
    let origin = Origin::start(move |exchange| {
        origins.pass();
        exchange.answer("200 OK", FRESH, "it");
    });
    let gateway = Tidegate::caching_with(&origin, "{}", TWO);
    let answers = std::thread::scope(|scope| {
        let clients = scope.spawn(|| at_once(gateway.address(), &vec![get("/", ""); 20]));
        soon("one has come through", || gate.waiting() == 1);
        gate.open();
        clients.join().expect("no client panics")
    });
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.text() == "it"), "{answers:?}");
    assert_eq!(origin.count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.says("stored") && !answer.says("collapsed")).count(), 1);
    // Who came when it was there already has found it.
    assert!(
        answers.iter().filter(|a| !a.says("stored")).all(|a| a.is_hit() || a.says("collapsed")),
        "{answers:?}"
    );
}

/// An origin that says this, and holds all requests but the first until so many are there at once.
fn together(fields: &str, so_many: usize) -> (Origin, Gate) {
    let (gate, fields) = (Gate::shut(), fields.to_owned());
    let origins = gate.clone();
    let origin = Origin::start(move |exchange| {
        if exchange.number() > 1 {
            origins.pass_when(so_many);
        }
        let body = exchange.marked();
        exchange.answer("200 OK", &fields, body);
    });
    (origin, gate)
}

#[test]
fn what_may_not_be_kept_makes_nobody_wait_for_anybody() {
    for (answer, request) in [
        ("Cache-Control: no-store\r\n", ""),
        ("Cache-Control: private, max-age=60\r\n", ""),
        ("Set-Cookie: a=b\r\n", ""),
        ("Vary: *\r\n", ""),
        ("", "Authorization: Basic YTpi\r\n"),
        ("", "Cookie: session=1\r\n"),
    ] {
        let (origin, gate) = together(answer, 7);
        let gateway = Tidegate::caching_with(&origin, "60s", TWO);
        let began = Instant::now();
        let mut bodies: Vec<String> =
            at_once(gateway.address(), &vec![get("/", request); 8]).iter().map(Response::text).collect();
        assert!(began.elapsed() < PATIENCE, "{answer}{request}");
        assert_eq!(gate.most(), 7, "they come one after the other: {answer}{request}");
        bodies.sort_unstable();
        bodies.dedup();
        assert_eq!(bodies.len(), 8, "each has an answer of its own: {answer}{request}: {bodies:?}");
    }
}

#[test]
fn what_could_not_be_kept_is_remembered_so_that_the_next_do_not_even_wait_for_a_first_one() {
    let saying = Saying::new("Cache-Control: no-store\r\n");
    let (fields, gate) = (saying.clone(), Gate::shut());
    let origins = gate.clone();
    let origin = Origin::start(move |exchange| {
        if exchange.request().target == "/" && (2..=6).contains(&exchange.number()) {
            origins.pass_when(5);
        }
        let body = exchange.marked();
        exchange.answer("200 OK", &fields.get(), body);
    });
    let gateway = Tidegate::caching_with(&origin, "{ uncacheable: 2s }", TWO);
    let first = gateway.get("/");
    assert!(first.says("fwd=uri-miss") && first.says("detail=no_store"), "{first}");
    let answers = at_once(gateway.address(), &vec![get("/", ""); 5]);
    assert_eq!(gate.most(), 5, "all five are under way at once");
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    // It may be kept now: the next one is.
    saying.set(FRESH);
    soon("it is kept again", || gateway.get("/").is_hit());
}

#[test]
fn a_client_that_leaves_in_the_middle_spoils_nothing() {
    let gate = Gate::shut();
    let origin = slow(&gate);
    let gateway = Tidegate::caching_with(&origin, "{}", TWO);
    let (mut leaves, [first, second]) = (asking(&gateway), halves(1));
    read_to(&mut leaves, &first);
    let mut stays = asking(&gateway);
    read_to(&mut stays, &first);
    leaves.reset();
    soon("the gateway knows that one has left", || {
        gateway.metric("tidegate_connections", &[]) <= 2 || gateway.stdout().contains("\"status\":499")
    });
    gate.open();
    read_to(&mut stays, &second);
    soon("it is kept", || gateway.get("/").is_hit());
    assert_eq!((gateway.get("/").text(), origin.count()), ([first, second].concat(), 1));
}

#[test]
fn what_nobody_waits_for_any_more_is_kept_all_the_same() {
    let gate = Gate::shut();
    let origin = slow(&gate);
    let gateway = Tidegate::caching(&origin, "{}");
    let (mut leaves, halves) = (asking(&gateway), halves(1));
    read_to(&mut leaves, &halves[0]);
    leaves.reset();
    gate.open();
    soon("it is kept", || gateway.get("/").is_hit());
    assert_eq!((gateway.get("/").text(), origin.count()), (halves.concat(), 1));
}

#[test]
fn when_the_one_who_asks_for_all_leaves_before_the_answer_another_takes_the_place() {
    let gate = Gate::shut();
    let origins = gate.clone();
    let origin = Origin::start(move |exchange| {
        if exchange.number() == 1 {
            // Whoever this was for is gone.
            exchange.sees_close();
        } else {
            origins.pass();
            exchange.answer("200 OK", FRESH, "it");
        }
    });
    let gateway = Tidegate::caching_with(&origin, "{}", TWO);
    let leads = asking(&gateway);
    soon("the first has come through", || origin.count() == 1);
    let mut waits: Vec<Raw> = (0..5).map(|_| asking(&gateway)).collect();
    soon("all are there", || gateway.metric("tidegate_connections", &[]) >= 6);
    leads.reset();
    soon("another has come through", || gate.waiting() == 1);
    gate.open();
    for client in &mut waits {
        assert_eq!(client.response().text(), "it");
    }
    assert_eq!(origin.count(), 2, "and only one");
}

#[test]
fn a_body_that_breaks_off_is_a_cut_for_all_and_kept_for_nobody() {
    for head in ["Content-Length: 100\r\n", "Transfer-Encoding: chunked\r\n"] {
        let gate = Gate::shut();
        let origins = gate.clone();
        let origin = Origin::start(move |exchange| {
            exchange.send(format!("HTTP/1.1 200 OK\r\n{FRESH}{head}\r\n"));
            exchange.send(if head.starts_with('T') { "4\r\nhalf\r\n" } else { "half" });
            origins.pass();
            exchange.close();
        });
        let gateway = Tidegate::caching_with(&origin, "{ stale_if_error: 60s }", TWO);
        let mut clients: Vec<Raw> = (0..5).map(|_| asking(&gateway)).collect();
        let heads: Vec<Response> = clients
            .iter_mut()
            .map(|client| {
                let head = client.try_head().expect("a head");
                assert_eq!(head.fields.has("content-length"), head.fields.get("transfer-encoding").is_none());
                head
            })
            .collect();
        for client in &mut clients {
            read_to(client, "half");
        }
        assert_eq!(origin.count(), 1);
        gate.open();
        for (client, head) in clients.iter_mut().zip(heads) {
            let rest = client.read_to_end().unwrap_or_default();
            assert!(
                !rest.ends_with(b"0\r\n\r\n"),
                "a short body that looks whole: {head}{}",
                rest.escape_ascii()
            );
        }
        let next = gateway.get("/");
        assert!(!next.is_hit() && !next.complete, "{next}");
        assert_eq!(origin.count(), 2);
    }
}

#[test]
fn a_body_that_is_too_large_to_keep_passes_through_in_flat_memory() {
    const PIECE: usize = 1 << 20;
    const PIECES: usize = 100;
    let origin = Origin::start(|exchange| {
        exchange.send(format!("HTTP/1.1 200 OK\r\n{FRESH}Transfer-Encoding: chunked\r\n\r\n"));
        let mut piece = vec![b'x'; PIECE];
        for number in 0..PIECES {
            piece[..8].copy_from_slice(&(number as u64).to_le_bytes());
            exchange.send(format!("{PIECE:x}\r\n"));
            exchange.send(&piece);
            exchange.send("\r\n");
        }
        exchange.send("0\r\n\r\n");
    });
    let gateway = Tidegate::caching(&origin, "{ max_object: 1MiB }");
    gateway.connect().head("/warm", "");
    let before = gateway.peak_memory();
    let mut client = gateway.connect();
    // A client of HTTP/1.0 gets no chunks.
    client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    let head = client.try_head().expect("a head");
    assert_eq!(head.status, 200);
    let (mut at, mut good, mut word) = (0_usize, true, [0; 8]);
    let take = |bytes: &[u8]| {
        for &byte in bytes {
            match at % PIECE {
                place @ 0..8 => word[place] = byte,
                _ => good &= byte == b'x',
            }
            good &= at % PIECE != 8 || u64::from_le_bytes(word) == (at / PIECE) as u64;
            at += 1;
        }
    };
    client.read_pieces(take).expect("the body comes to its end");
    assert_eq!((at, good), (PIECE * PIECES, true));
    let grown = gateway.peak_memory() - before;
    assert!(grown < 48 << 20, "the process grew by {grown} bytes");
    assert!(!gateway.connect().head("/", "").is_hit());
}

#[test]
fn a_slow_reader_holds_up_nobody_and_gets_all_of_it() {
    let body: Vec<u8> = (0..4_000_000_u32).map(|n| (n % 251) as u8).collect();
    let sent = body.clone();
    let origin = Origin::start(move |exchange| {
        exchange.answer("200 OK", FRESH, &sent);
    });
    let gateway = Tidegate::caching(&origin, "{}");
    let mut slow = gateway.connect().with_small_window();
    slow.send(get("/", "Connection: close\r\n"));
    let head = slow.try_head().expect("a head");
    assert_eq!(head.status, 200);
    for _ in 0..3 {
        let quick = gateway.get("/");
        assert!(quick.complete && quick.body == body, "{} bytes", quick.body.len());
    }
    assert!(gateway.get("/").is_hit());
    let rest = slow.read_exactly(body.len()).expect("all of it");
    assert!(rest == body);
    assert_eq!(origin.count(), 1);
}

#[test]
fn clients_of_http_2_share_with_those_of_http_1() {
    let origin = Origin::counting(FRESH);
    let gateway = Tidegate::caching_with(&origin, "{}", TWO);
    let load = h2load(&["-n", "2000", "-c", "10", "-m", "20", &gateway.url("/")]);
    assert_eq!((load.succeeded, load.failed), (2000, 0), "{}", load.report);
    let seen = curl(&["--http2-prior-knowledge", "--include", &gateway.url("/")]);
    assert_eq!((seen.status, seen.version.as_str()), (200, "2"), "{seen:?}");
    assert!(seen.body.contains("tidegate; hit") && seen.body.ends_with("/ 1"), "{seen:?}");
    let host = gateway.address();
    let first = gateway.connect().send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).response();
    assert!(first.is_hit() && first.text() == "/ 1", "{first}");
    let part = curl(&["--http2-prior-knowledge", "--range", "0-0", &gateway.url("/")]);
    assert_eq!((part.status, part.body.as_str()), (206, "/"), "{part:?}");
    assert_eq!(origin.count(), 1);
}

#[test]
fn a_cut_body_is_a_reset_stream_for_a_client_of_http_2() {
    let origin = Origin::start(|exchange| {
        exchange.send(format!("HTTP/1.1 200 OK\r\n{FRESH}Content-Length: 100\r\n\r\nhalf"));
        exchange.close();
    });
    let gateway = Tidegate::caching(&origin, "{}");
    for _ in 0..2 {
        let seen = curl(&["--http2-prior-knowledge", &gateway.url("/")]);
        assert!(seen.exit != 0, "a short body that looks whole: {seen:?}");
    }
    assert_eq!(origin.count(), 2);
}

#[test]
fn who_waits_too_long_for_another_asks_for_itself() {
    let gate = Gate::shut();
    let origins = gate.clone();
    let origin = Origin::start(move |exchange| {
        if exchange.number() == 1 {
            origins.pass();
        }
        let body = exchange.marked();
        exchange.answer("200 OK", FRESH, body);
    });
    let gateway = Tidegate::caching_with(&origin, "{}", TWO);
    let mut held = asking(&gateway);
    soon("the first is under way", || gate.waiting() == 1);
    let began = Instant::now();
    let own = gateway.get("/");
    assert_eq!(own.text(), "/ 2", "{own}");
    assert!(own.says("detail=waited_too_long"), "{own}");
    assert!(began.elapsed() < Duration::from_secs(10), "a wait has an end: {:?}", began.elapsed());
    gate.open();
    assert_eq!(held.response().text(), "/ 1");
}
