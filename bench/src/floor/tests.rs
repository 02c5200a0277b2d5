//! The floor in front of a real origin, spoken to in raw bytes.

use super::Floor;
use crate::origin::{Answer, Origin};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// An origin with that body length behind a floor; both serve until the test program ends.
fn floor(body: usize) -> u16 {
    let origin = Origin::bind(0, &Answer { body, cache_control: None }).unwrap();
    let floor = Floor::bind(0, origin.port()).unwrap();
    let port = floor.port();
    std::thread::spawn(move || origin.run());
    std::thread::spawn(move || floor.run());
    port
}

fn client(port: u16) -> TcpStream {
    let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    client
}

const GET: &[u8] = b"GET /a HTTP/1.1\r\nHost: floor\r\n\r\n";

/// Reads one answer and returns the length of its body.
fn answer(client: &mut TcpStream) -> usize {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 200 OK\r\n"));
    let mut body = vec![0; usize::try_from(crate::http1::content_length(&head).unwrap()).unwrap()];
    client.read_exact(&mut body).unwrap();
    assert!(body.iter().all(|&byte| byte == b'x'));
    body.len()
}

fn ends(client: &mut TcpStream) -> bool {
    matches!(client.read(&mut [0]), Ok(0) | Err(_))
}

#[test]
fn requests_of_one_connection_are_answered_one_after_the_other() {
    let mut client = client(floor(13));
    for _ in 0..3 {
        client.write_all(GET).unwrap();
        assert_eq!(answer(&mut client), 13);
    }
}

#[test]
fn a_head_in_pieces_and_pipelined_heads_are_answered() {
    let mut client = client(floor(13));
    client.set_nodelay(true).unwrap();
    for piece in GET.chunks(5) {
        client.write_all(piece).unwrap();
    }
    client.write_all(&GET.repeat(20)).unwrap();
    for _ in 0..21 {
        assert_eq!(answer(&mut client), 13);
    }
}

#[test]
fn a_body_larger_than_every_buffer_arrives_whole_at_a_client_that_reads_late() {
    let port = floor(8 << 20);
    let mut late = client(port);
    late.write_all(&GET.repeat(2)).unwrap();
    let mut other = client(port);
    other.write_all(GET).unwrap();
    assert_eq!(answer(&mut other), 8 << 20);
    assert_eq!(answer(&mut late), 8 << 20);
    assert_eq!(answer(&mut late), 8 << 20);
}

#[test]
fn what_it_cannot_proxy_closes_the_connection_and_nothing_else() {
    let port = floor(13);
    for bad in [&b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"[..], &vec![b'a'; 100_000]] {
        let mut client = client(port);
        // The floor may close while we are still writing.
        drop(client.write_all(bad));
        assert!(ends(&mut client));
    }
    let mut client = client(port);
    client.write_all(GET).unwrap();
    assert_eq!(answer(&mut client), 13);
}

#[test]
fn an_answer_without_a_length_or_beyond_it_closes_the_connection() {
    for answer in ["HTTP/1.1 200 OK\r\n\r\nabc", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabc"] {
        let origin = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let floor = Floor::bind(0, origin.local_addr().unwrap().port()).unwrap();
        let mut client = client(floor.port());
        std::thread::spawn(move || floor.run());
        client.write_all(GET).unwrap();
        let (mut upstream, _) = origin.accept().unwrap();
        upstream.read_exact(&mut vec![0; GET.len()]).unwrap();
        upstream.write_all(answer.as_bytes()).unwrap();
        assert!(ends(&mut client));
    }
}

#[test]
fn an_origin_that_is_not_there_closes_the_connection() {
    let nobody = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let floor = Floor::bind(0, nobody).unwrap();
    let mut client = client(floor.port());
    std::thread::spawn(move || floor.run());
    client.write_all(GET).unwrap();
    assert!(ends(&mut client));
}
