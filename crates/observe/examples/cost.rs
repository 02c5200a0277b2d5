//! Prints what observing costs: a recorded request, a log line in each format, a scrape of 5,000 routes.
//!
//! `cargo run --profile fast -p observe --example cost`

#![allow(clippy::print_stdout, reason = "printing is what the example is for")]

use message::{Method, Scheme, Version};
use observe::Meters;
use observe::access_log::{AccessLog, Client, Entry, Format, Settings, Sink};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

fn main() -> std::io::Result<()> {
    let meters = Meters::new(8);
    let route = meters.route("orders", "shop");
    nanos("RouteMeters::record", 20_000_000, |i| {
        let took = Duration::from_micros(u64::from(i % 4096));
        route.record(3, black_box(&Method::GET), 200, took, 0, 512);
    });
    scrape();
    for format in [Format::Json, Format::Clf] {
        let sink = Sink::File("/dev/null".into());
        let settings = Settings { format, sink, rotate: None, mask: Vec::new() };
        let log = AccessLog::start(&settings, Arc::default())?;
        let mut recorder = log.recorder();
        let time = SystemTime::now();
        nanos(&format!("Recorder::record {format:?}"), 1_000_000, |i| {
            recorder.record(black_box(&entry(time, i)));
        });
        log.flush_and_stop(Duration::from_secs(1));
    }
    Ok(())
}

/// A scrape of 5,000 routes that all have traffic on two cores.
fn scrape() {
    let meters = Meters::new(2);
    let held: Vec<_> = (0..5000).map(|i| meters.route(&format!("/v1/route-{i}"), "shop")).collect();
    for route in &held {
        for (core, status) in [(0, 200), (0, 404), (1, 200), (1, 503)] {
            route.record(core, &Method::GET, status, Duration::from_millis(3), 10, 10);
        }
    }
    for _ in 0..3 {
        let (mut text, start) = (String::new(), Instant::now());
        meters.render(&mut text);
        let took = start.elapsed();
        println!("scrape of 5,000 routes: {took:.1?}, {} lines, {} bytes", text.lines().count(), text.len());
    }
}

fn nanos(what: &str, times: u32, mut run: impl FnMut(u32)) {
    let start = Instant::now();
    (0..times).for_each(&mut run);
    println!("{what}: {:.1} ns", start.elapsed().as_nanos() as f64 / f64::from(times));
}

fn entry(time: SystemTime, i: u32) -> Entry<'static> {
    Entry {
        time,
        client: Client::Address(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7))),
        method: "GET",
        scheme: Scheme::Https,
        host: "api.example.com",
        path: "/v1/orders/1234",
        query: Some("page=2&sort=price"),
        version: Version::HTTP_11,
        status: 200,
        bytes_in: 0,
        bytes_out: u64::from(i),
        took: Duration::from_micros(u64::from(i)),
        upstream_took: Some(Duration::from_micros(u64::from(i))),
        route: "orders",
        service: "shop",
        endpoint: "10.0.0.5:80",
        attempts: 1,
        auth: "",
        consumer: "",
        plan: "",
        request_id: "0123456789abcdef0123456789abcdef",
        traceparent: None,
        user_agent: Some(b"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
        referer: None,
        stop: None,
        tls: Some("TLSv1.3"),
        complete: true,
    }
}
