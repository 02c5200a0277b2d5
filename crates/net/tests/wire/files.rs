//! Parts of files as bodies, over each kind of connection.

use crate::certificates::Pki;
use crate::client::Client;
use crate::harness::{DEADLINE, Server, Setup, until};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use net::{End, PaceLimits};
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Longer than a step of sending, and no multiple of anything.
const LONG: usize = 3_000_017;
/// Short enough to be read and sent with its head.
const SHORT: usize = 10_001;

/// Bytes of which each stretch is different.
fn noise(length: usize) -> Vec<u8> {
    (0..length as u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

/// A file that has no name any more, and goes with its last reader.
fn file(bytes: &[u8]) -> File {
    file_in(&std::env::temp_dir(), bytes)
}

fn file_in(folder: &std::path::Path, bytes: &[u8]) -> File {
    let (thread, process) = (std::thread::current().id(), std::process::id());
    let path = folder.join(format!("net-wire-file-{process}-{thread:?}"));
    std::fs::write(&path, bytes).unwrap();
    let file = File::options().read(true).write(true).open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    file
}

fn serve(server: &Server, bytes: &[u8]) -> Arc<File> {
    let file = Arc::new(file(bytes));
    *server.record.file.lock().unwrap() = Some(Arc::clone(&file));
    file
}

/// Takes the file's pages out of memory, where its file system lets them go.
fn chill(file: &File) {
    file.sync_all().unwrap();
    rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
}

#[test]
fn a_file_arrives_whole_and_the_connection_serves_on() {
    let server = Server::start();
    for (n, length) in [1, SHORT, 32 * 1024 - 1, 32 * 1024, 512 * 1024, LONG].into_iter().enumerate() {
        let bytes = noise(length);
        serve(&server, &bytes);
        let mut client = Client::connect(server.address());
        for _ in 0..2 {
            assert!(client.get(&format!("/file/0/{length}")).body == bytes, "{length} bytes");
        }
        assert_eq!(client.get("/next").text(), "/next");
        let delivery = server.delivery(3 * n + 2);
        assert_eq!((delivery.bytes_out, delivery.end), (length as u64, End::Complete));
    }
}

#[test]
fn a_part_of_a_file_is_that_part() {
    let server = Server::start();
    let bytes = noise(LONG);
    serve(&server, &bytes);
    let mut client = Client::connect(server.address());
    for (from, length) in [(0, 1), (1, 40_000), (4095, 2_000_000), (LONG - 5, 5), (LONG - 100_000, 100_000)] {
        let body = client.get(&format!("/file/{from}/{length}")).body;
        assert!(body == bytes[from..from + length], "{length} bytes from {from}");
    }
    let answer = client.get("/file/0/0");
    assert_eq!((answer.status(), answer.value("content-length")), ("200", Some("0")));
}

#[test]
fn pipelined_files_are_answered_in_order() {
    let server = Server::start();
    let bytes = noise(LONG);
    serve(&server, &bytes);
    let mut client = Client::connect(server.address());
    let ask = |n: usize| format!("GET /file/{n}/{} HTTP/1.1\r\nHost: a\r\n\r\n", n * 10_000);
    client.send((0..30).map(ask).collect::<String>());
    for n in 0..30 {
        assert!(client.answer().body == bytes[n..n * 10_001], "answer {n}");
    }
}

#[test]
fn the_answer_to_head_tells_the_length_of_a_file_and_sends_nothing() {
    let server = Server::start();
    serve(&server, &noise(LONG));
    let mut client = Client::connect(server.address());
    client.send(format!("HEAD /file/0/{LONG} HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert!(client.head().contains(&format!("content-length: {LONG}\r\n")));
    assert_eq!(client.get("/next").text(), "/next");
    assert_eq!(server.delivery(1).bytes_out, 0);
}

#[test]
fn files_in_a_sequence_stand_between_their_neighbours() {
    let server = Server::start();
    for length in [SHORT, LONG] {
        let bytes = noise(length);
        serve(&server, &bytes);
        let mut client = Client::connect(server.address());
        let want = [b"<", &bytes[..], b"|", &bytes, b">"].concat();
        assert!(client.get(&format!("/files/0/{length}")).body == want);
        assert_eq!(client.get("/next").text(), "/next");
    }
}

#[test]
fn a_file_that_is_not_in_memory_arrives_whole() {
    let server = Server::start();
    let bytes = noise(LONG);
    let file = serve(&server, &bytes);
    for path in [format!("/file/0/{LONG}"), format!("/files/0/{LONG}"), "/file/4096/20000".into()] {
        chill(&file);
        let body = Client::connect(server.address()).get(&path).body;
        let want = match path.as_str() {
            "/file/4096/20000" => bytes[4096..24_096].to_vec(),
            path if path.starts_with("/files") => [b"<", &bytes[..], b"|", &bytes, b">"].concat(),
            _ => bytes.clone(),
        };
        assert!(body == want, "{path}");
    }
}

#[test]
fn a_file_arrives_whole_from_a_file_system_that_cannot_say_what_is_in_memory() {
    let server = Server::start();
    let bytes = noise(LONG);
    // tmpfs, on the kernels of today.
    *server.record.file.lock().unwrap() = Some(Arc::new(file_in("/dev/shm".as_ref(), &bytes)));
    for _ in 0..3 {
        let mut client = Client::connect(server.address());
        assert!(client.get(&format!("/file/0/{LONG}")).body == bytes);
        assert!(client.get("/file/600000/20000").body == bytes[600_000..620_000]);
        assert!(client.get("/file/700000/2000000").body == bytes[700_000..2_700_000]);
        let cut = format!("GET /file/0/{} HTTP/1.1\r\nHost: a\r\n\r\n", LONG + 1);
        client.send(cut);
        client.head();
        assert!(client.rest() == bytes, "cut where it ends");
    }
}

#[test]
fn a_file_that_is_shorter_than_was_told_is_cut_where_it_ends() {
    for (is, told) in [(0, 5), (SHORT, SHORT + 1), (0, LONG), (40_000, LONG), (LONG, LONG + 1)] {
        let server = Server::start();
        let bytes = noise(is);
        serve(&server, &bytes);
        let mut client = Client::connect(server.address());
        client.send(format!("GET /file/0/{told} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(client.head().contains(&format!("content-length: {told}\r\n")));
        assert!(client.rest() == bytes, "{is} of {told}");
        let delivery = server.delivery(1);
        assert_eq!((delivery.bytes_out, delivery.end), (is as u64, End::Cut));
    }
}

#[test]
fn a_file_that_is_truncated_while_it_is_sent_is_cut() {
    let server = Server::start();
    let file = serve(&server, b"");
    let told = 256 * 1024 * 1024;
    file.set_len(told).unwrap();
    let mut client = Client::connect(server.address());
    client.send(format!("GET /file/0/{told} HTTP/1.1\r\nHost: a\r\n\r\n"));
    client.head();
    client.take(1);
    file.set_len(0).unwrap();
    let came = client.rest().len() as u64 + 1;
    assert!(came < told, "{came}");
    let delivery = server.delivery(1);
    assert_eq!((delivery.bytes_out, delivery.end), (came, End::Cut));
}

#[test]
fn a_file_that_has_grown_gives_no_more_than_was_told() {
    let server = Server::start();
    let bytes = noise(LONG);
    let file = serve(&server, &bytes);
    file.set_len(2 * LONG as u64).unwrap();
    let mut client = Client::connect(server.address());
    assert!(client.get(&format!("/file/0/{LONG}")).body == bytes);
    assert_eq!(client.get("/next").text(), "/next");
}

#[test]
fn a_client_that_takes_none_of_a_file_is_ended_as_slow() {
    let mut setup = Setup::default();
    setup.limits.write = PaceLimits { silence: Duration::from_millis(200), rate: 0 };
    let server = setup.start();
    let file = serve(&server, b"");
    file.set_len(256 * 1024 * 1024).unwrap();
    let mut client = Client::connect(server.address());
    client.send("GET /file/0/268435456 HTTP/1.1\r\nHost: a\r\n\r\n");
    let delivery = server.delivery(1);
    assert_eq!(delivery.end, End::ClientSlow);
    assert!(delivery.bytes_out < 100 * 1024 * 1024, "{delivery:?}");
    until("the connection to end", || server.workers.open() == 0);
}

#[test]
fn a_client_that_takes_a_file_by_and_by_gets_all_of_it() {
    let server = Server::start();
    let bytes = noise(8 * LONG);
    serve(&server, &bytes);
    let mut client = Client::connect(server.address());
    client.send(format!("GET /file/0/{} HTTP/1.1\r\nHost: a\r\n\r\n", bytes.len()));
    client.head();
    for (n, want) in bytes.chunks(LONG / 4).enumerate() {
        assert!(client.take(want.len()) == want, "piece {n}");
    }
    assert_eq!(server.end(), End::Complete);
}

#[test]
fn a_client_that_leaves_in_the_middle_of_a_file_is_noticed() {
    let server = Server::start();
    serve(&server, b"").set_len(256 * 1024 * 1024).unwrap();
    let mut client = Client::connect(server.address());
    client.send("GET /file/0/268435456 HTTP/1.1\r\nHost: a\r\n\r\n");
    client.head();
    client.take(100_000);
    drop(client);
    let delivery = server.delivery(1);
    assert_eq!(delivery.end, End::ClientGone);
    assert!(delivery.bytes_out < 256 * 1024 * 1024, "{delivery:?}");
}

#[test]
fn a_large_file_does_not_keep_others_from_being_served() {
    let server = Server::start();
    serve(&server, b"").set_len(4 << 30).unwrap();
    let mut large = Client::connect(server.address());
    large.send(format!("GET /file/0/{} HTTP/1.1\r\nHost: a\r\n\r\n", 4_u64 << 30));
    large.head();
    let hang_up = large.tcp.try_clone().unwrap();
    let taking = std::thread::spawn(move || {
        let mut block = vec![0; 1 << 20];
        while std::io::Read::read(&mut large.tcp, &mut block).is_ok_and(|n| n > 0) {}
    });
    let mut small = Client::connect(server.address());
    for _ in 0..50 {
        assert_eq!(small.get("/next").text(), "/next");
    }
    let before_its_end = server.record.deliveries.lock().unwrap().iter().all(|d| d.bytes_out < 4 << 30);
    assert!(before_its_end, "the small answers came behind the large one");
    hang_up.shutdown(std::net::Shutdown::Both).unwrap();
    taking.join().unwrap();
}

#[tokio::test]
async fn a_file_arrives_whole_over_http2() {
    let server = Server::start();
    let bytes = noise(LONG);
    let file = serve(&server, &bytes);
    let tcp = tokio::net::TcpStream::connect(server.address()).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(tcp)).await.unwrap();
    tokio::spawn(connection);
    for chilled in [false, true] {
        if chilled {
            chill(&file);
        }
        let uri = format!("http://a/files/0/{LONG}");
        let request = http::Request::get(uri).body(Empty::<bytes::Bytes>::new()).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.headers()["content-length"], (2 * LONG + 3).to_string().as_str());
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(body == [b"<", &bytes[..], b"|", &bytes, b">"].concat(), "chilled: {chilled}");
    }
}

#[tokio::test]
async fn a_file_that_is_cut_over_http2_is_a_reset() {
    let server = Server::start();
    serve(&server, &noise(SHORT));
    let tcp = tokio::net::TcpStream::connect(server.address()).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(tcp)).await.unwrap();
    tokio::spawn(connection);
    let request =
        http::Request::get(format!("http://a/file/0/{LONG}")).body(Empty::<bytes::Bytes>::new()).unwrap();
    // The reset may overtake the head.
    if let Ok(answer) = sender.send_request(request).await {
        assert!(answer.into_body().collect().await.is_err());
    }
    assert_eq!(server.end(), End::Cut);
}

#[tokio::test]
async fn a_file_arrives_whole_over_tls() {
    let pki = Pki::new("files");
    let server = pki.server();
    let bytes = noise(LONG);
    serve(&server, &bytes);
    let mut tls = Box::pin(pki.connect(&server, None)).await;
    for last in [false, true] {
        let ends = if last { "Connection: close\r\n" } else { "" };
        tls.write_all(format!("GET /file/7/{} HTTP/1.1\r\nHost: a\r\n{ends}\r\n", LONG - 7).as_bytes())
            .await
            .unwrap();
        tls.flush().await.unwrap();
    }
    let mut all = Vec::new();
    tokio::time::timeout(DEADLINE, tls.read_to_end(&mut all)).await.unwrap().unwrap();
    let ends = all.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
    assert!(all[ends..].starts_with(&bytes[7..]) && all.ends_with(&bytes[7..]));
    assert_eq!(server.delivery(2).bytes_out, LONG as u64 - 7);
}
