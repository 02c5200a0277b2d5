//! The load against the source itself, and against servers that do not do what they should.

use super::*;
use crate::source::{SLOW, Source, TAKES};
use std::collections::HashMap;
use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::rc::Rc;
use tokio::sync::mpsc;
use tokio::task::LocalSet;

fn load(port: u16) -> Load {
    Load {
        port,
        connections: 8,
        prefix: String::new(),
        bytes: 1024,
        tag: "a".to_owned(),
        objects: 10,
        from: 0,
        order: Order::InTurns,
        until: Until::Requests(100),
        looks: true,
        first: None,
    }
}

/// What a load finds at the source, and how often that was asked.
fn at_source(load: impl FnOnce(u16) -> Load) -> (Tally, u64) {
    let (tell, port) = std::sync::mpsc::channel();
    let (done, mut is_done) = mpsc::unbounded_channel::<()>();
    let source = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, async {
            let source = Source::bind(0).unwrap();
            tell.send(source.port()).unwrap();
            tokio::task::spawn_local(Rc::clone(&source).serve());
            is_done.recv().await;
            source.asked()
        })
    });
    let tally = run(&load(port.recv().unwrap())).unwrap();
    done.send(()).unwrap();
    (tally, source.join().unwrap())
}

#[test]
fn it_asks_as_often_as_it_should_and_counts_every_answer() {
    let (tally, asked) = at_source(load);
    assert_eq!((tally.done, tally.errors, tally.bytes, asked), (100, 0, 100 * 1024, 100));
    assert!(0.0 < tally.p50 && tally.p50 <= tally.p99 && tally.p99 <= tally.max, "{tally:?}");
}

#[test]
fn long_bodies_are_counted_to_the_last_byte_whether_it_looks_or_not() {
    for looks in [true, false] {
        let long = |port| Load { bytes: 500_000, until: Until::Requests(20), looks, ..load(port) };
        let (tally, _) = at_source(long);
        assert_eq!((tally.done, tally.errors, tally.bytes), (20, 0, 20 * 500_000), "looks: {looks}");
    }
}

#[test]
fn it_ends_in_time() {
    let time = Duration::from_millis(200);
    let (tally, asked) = at_source(|port| Load { until: Until::Elapsed(time), looks: false, ..load(port) });
    assert!(tally.secs >= 0.2 && tally.done > 8, "{tally:?}");
    assert_eq!(tally.done, asked);
}

#[test]
fn connections_that_are_used_before_do_not_count() {
    let slow = |port| Load {
        tag: SLOW.to_owned(),
        until: Until::Requests(8),
        first: Some("/64/open/0".to_owned()),
        ..load(port)
    };
    let (tally, asked) = at_source(slow);
    assert_eq!((tally.done, tally.errors, asked), (8, 0, 16));
    assert!(tally.p50 >= TAKES.as_secs_f64() * 1e3, "{tally:?}");
}

#[test]
fn what_is_not_there_is_an_error() {
    let (tally, asked) = at_source(|port| Load { prefix: "/s".to_owned(), looks: false, ..load(port) });
    assert_eq!((tally.done, tally.errors, asked), (0, 100, 100));
}

/// What a load finds at a server that does with each connection what `does` does.
fn at_server(does: fn(std::net::TcpStream)) -> Tally {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            std::thread::spawn(move || does(socket));
        }
    });
    run(&Load { connections: 2, until: Until::Requests(10), ..load(port) }).unwrap()
}

#[test]
fn another_objects_body_is_an_error() {
    let tally = at_server(|mut socket| {
        let mut head = [0; 4096];
        while socket.read(&mut head).is_ok_and(|count| count > 0) {
            let body = "/1024/a/3 77\n";
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            // In two parts, which no reader may rely on not to happen.
            let (first, second) = answer.split_at(20);
            if socket.write_all(first.as_bytes()).and_then(|()| socket.write_all(second.as_bytes())).is_err()
            {
                return;
            }
        }
    });
    assert_eq!((tally.done, tally.errors), (1, 9));
}

#[test]
fn a_connection_that_breaks_is_an_error_and_another_takes_its_place() {
    let tally = at_server(|mut socket| {
        // Whether it can be written matters to nobody here.
        let _ = socket.read(&mut [0; 4096]);
        let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1234");
    });
    assert_eq!((tally.done, tally.errors), (0, 10));
}

#[test]
fn objects_come_in_turns_or_by_the_law() {
    let names = |load: &Load| {
        let mut paths = paths(load);
        (0..1000).fold(HashMap::<String, u32>::new(), |mut names, request| {
            let mut path = String::new();
            paths(&mut path, request);
            *names.entry(path).or_default() += 1;
            names
        })
    };
    let turns = names(&Load { prefix: "/s".to_owned(), from: 5, ..load(1) });
    assert!(turns.len() == 10 && turns.values().all(|times| *times == 100), "{turns:?}");
    assert!(turns.contains_key("/s/1024/a/5") && turns.contains_key("/s/1024/a/14"), "{turns:?}");
    let drawn = names(&Load { order: Order::Zipf { skew: 1.1, seed: 3 }, ..load(1) });
    assert!(drawn["/1024/a/0"] > 250 && drawn["/1024/a/9"] < 80, "{drawn:?}");
}
