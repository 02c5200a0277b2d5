//! Attempts to exhaust memory, cores or connections with little effort. What is measured is what a bystander feels.

use e2e::{Origin, Raw, Tidegate, eventually, soon, while_waiting};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

/// Reads whatever comes and never answers.
fn swallows() -> Origin {
    Origin::start(|exchange| while !exchange.read_some().is_empty() {})
}

/// Runs `attack` and returns by how many MiB the gateway grew.
#[track_caller]
fn growth(gateway: &Tidegate, attack: impl FnOnce() -> Vec<Raw>) -> u64 {
    let before = gateway.peak_memory();
    let held = attack();
    assert_eq!(gateway.get("/alive").status, 200, "with {} connections held", held.len());
    (gateway.peak_memory() - before) >> 20
}

/// One route to an endpoint that swallows uploads, and one that answers at once.
fn gateway_before(origin: &Origin) -> Tidegate {
    Tidegate::start(&format!(
        "services: {{ api: {{ endpoints: [\"{}\"] }} }}\nroutes: [{{ match: {{ path: /alive }}, respond: {{ body: here }} }}, {{ service: api }}]",
        origin.url()
    ))
}

#[test]
fn an_upload_that_comes_byte_by_byte_takes_no_memory_for_each_byte() {
    let origin = swallows();
    let gateway = gateway_before(&origin);
    let grown = growth(&gateway, || {
        let mut client = gateway.connect();
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
        client.send_in_pieces(&[b'x'; 8000], 1, Duration::from_micros(20)).expect("the gateway reads");
        vec![client]
    });
    assert!(grown < 50, "{grown} MiB for 8000 bytes");
}

#[test]
fn an_upload_of_tiny_chunks_takes_no_memory_for_each_chunk() {
    let origin = swallows();
    let gateway = gateway_before(&origin);
    let grown = growth(&gateway, || {
        let chunks = format!("1;{}\r\nx\r\n", "a".repeat(250)).repeat(20_000);
        let connections = (0..8).map(|_| {
            let mut client = gateway.connect();
            client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
            client.try_send(&chunks).expect("the gateway reads");
            client
        });
        connections.collect()
    });
    assert!(grown < 30, "{grown} MiB for eight uploads of 20,000 bytes");
}

#[test]
fn running_out_of_files_is_told_once_a_second_and_passes() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    assert_eq!(gateway.get("/before").status, 200);
    gateway.limit_open_files(64);
    let began = Instant::now();
    let held: Vec<Raw> = (0..200).filter_map(|_| Raw::try_connect(gateway.address()).ok()).collect();
    gateway.wait_for_print("cannot accept connections");
    while_waiting(Duration::from_millis(1500), || {});
    drop(held);
    soon("connections are served again", || {
        Raw::try_connect(gateway.address())
            .and_then(|mut client| {
                client.send("GET /after HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").try_response()
            })
            .is_ok_and(|answer| answer.status == 200)
    });
    let told = gateway.stderr().lines().filter(|line| line.contains("cannot accept")).count() as u64;
    assert!(told <= began.elapsed().as_secs() + 2, "{}", gateway.stderr());
}

/// One frame of HTTP/2 (RFC 9113 section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// GET of `http://a/` in HPACK, from the static table.
const GET: &[u8] = &[0x82, 0x86, 0x84, 0x41, 1, b'a'];

/// How a connection begins whose streams may be sent `window` bytes.
fn preface(window: u32) -> Vec<u8> {
    let setting = [&[0, 4][..], &window.to_be_bytes()].concat();
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &frame(4, 0, 0, &setting)].concat()
}

/// Answers with so many bytes.
fn gives(bytes: usize) -> Origin {
    Origin::start(move |exchange| {
        exchange.send_ok(vec![b'x'; bytes]);
    })
}

#[test]
fn streams_of_http_2_that_take_nothing_hold_little() {
    let origin = gives(512 << 10);
    let gateway = gateway_before(&origin);
    let grown = growth(&gateway, || {
        let connections = (1..=3).map(|many| {
            let mut client = gateway.connect();
            client.send(preface(1));
            for n in 0..100 {
                client.send(frame(1, 5, 2 * n + 1, GET));
            }
            soon("all are asked for", || origin.requests().len() >= 100 * many);
            client
        });
        let held: Vec<Raw> = connections.collect();
        while_waiting(Duration::from_millis(700), || {});
        held
    });
    assert!(grown < 50, "{grown} MiB for 300 streams");
}

#[test]
fn a_client_of_http_2_that_reads_slowly_is_not_cut_while_it_reads() {
    const BODY: usize = 160 << 10;
    const WINDOW: u32 = 8 << 10;
    let origin = gives(BODY);
    let gateway = Tidegate::to_with(&origin.url(), "limits: { write_timeout: 600ms }");
    let mut client = gateway.connect();
    client.send(preface(WINDOW)).send(frame(1, 5, 1, GET));
    let mut taken = 0;
    while taken < BODY {
        let head = client.read_exactly(9).expect("the connection stays");
        let length = usize::from(head[1]) << 8 | usize::from(head[2]);
        let payload = client.read_exactly(length).expect("a frame comes whole");
        assert!(!matches!(head[3], 3 | 7), "cut after {taken} bytes: {}", payload.escape_ascii());
        if head[3] == 0 {
            taken += length;
            // Far slower than the network, far faster than the lowest rate.
            while_waiting(Duration::from_millis(100), || {});
            let more = (length as u32).to_be_bytes();
            client.send([frame(8, 0, 1, &more), frame(8, 0, 0, &more)].concat());
        }
    }
}

#[test]
fn an_answer_over_http_2_that_falls_silent_is_cut_at_the_idle_timeout() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let mut stream = stream;
                // 200 from the static table, some of a body, and never its end.
                let answer = [frame(4, 0, 0, &[]), frame(4, 1, 0, &[])].concat();
                let _ = stream.write_all(&answer);
                let mut part = [0; 4096];
                let mut seen = Vec::new();
                while let Ok(count @ 1..) = stream.read(&mut part) {
                    let asked = seen.len() > 60;
                    seen.extend_from_slice(&part[..count]);
                    if !asked && seen.len() > 60 {
                        let _ =
                            stream.write_all(&[frame(1, 4, 1, &[0x88]), frame(0, 0, 1, b"hello")].concat());
                    }
                }
            });
        }
    });
    let gateway = Tidegate::start(&format!(
        "services: {{ api: {{ endpoints: [\"http://{address}\"], protocol: http2, timeouts: {{ idle: 500ms }} }} }}\nroutes: [{{ service: api }}]"
    ));
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let began = Instant::now();
    let answer = client.response();
    assert_eq!((answer.status, answer.complete), (200, false), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(5), "cut after {:?}", began.elapsed());
}

#[test]
fn a_client_of_http_2_that_only_gives_up_is_ended() {
    let origin = Origin::start(|exchange| {
        exchange.sees_close();
    });
    let gateway = gateway_before(&origin);
    let mut client = gateway.connect();
    client.send(preface(1 << 16));
    let ended = (0..500_u32).any(|turn| {
        let streams: Vec<u32> = (turn * 20..turn * 20 + 20).map(|n| 2 * n + 1).collect();
        let asks: Vec<u8> = streams.iter().flat_map(|&stream| frame(1, 5, stream, GET)).collect();
        let resets: Vec<u8> =
            streams.iter().flat_map(|&stream| frame(3, 0, stream, &8_u32.to_be_bytes())).collect();
        // Each request has reached the endpoint before it is reset.
        client.try_send(asks).is_err()
            || !eventually(Duration::from_millis(1500), || origin.connections() >= 20 * (turn as usize + 1))
            || client.try_send(resets).is_err()
    });
    assert!(ended, "{} requests were given up", origin.connections());
    assert!(origin.connections() < 5000, "{}", origin.connections());
    assert_eq!(gateway.get("/alive").status, 200);
}
