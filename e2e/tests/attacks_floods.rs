//! Attempts to exhaust memory, cores or connections with little effort. What is measured is what a bystander feels.

use e2e::{Origin, Raw, Tidegate};
use std::time::Duration;

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
