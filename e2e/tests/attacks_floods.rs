//! Attempts to exhaust memory, cores or connections with little effort. What is measured is what a bystander feels.

use e2e::{Origin, Raw, Tidegate, soon, while_waiting};
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
