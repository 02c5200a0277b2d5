//! A small HTTP server, and the faults that it can have.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::ExitCode;
use std::time::Duration;

pub(crate) const ROLE: &str = "__server";

/// Arguments are `port=8000` or `socket=/path`, and faults: `delay=MS` before it listens, `never`: it never listens,
/// `leak=BYTES` in each 10 ms, `flood`: lines without end.
pub(crate) fn serve(arguments: &[String]) -> ExitCode {
    let value = |name: &str| arguments.iter().find_map(|a| a.strip_prefix(name)?.strip_prefix('='));
    println!("hello from {}", std::env::var("TIDEGATE_INSTANCE").unwrap_or_default());
    if let Some(delay) = value("delay") {
        std::thread::sleep(Duration::from_millis(delay.parse().unwrap()));
    }
    if arguments.iter().any(|a| a == "never") {
        loop {
            std::thread::park();
        }
    }
    if let Some(leak) = value("leak") {
        let leak: usize = leak.parse().unwrap();
        std::thread::spawn(move || {
            let mut held = Vec::new();
            loop {
                held.push(vec![1_u8; leak]);
                std::thread::sleep(Duration::from_millis(10));
            }
        });
    }
    if arguments.iter().any(|a| a == "flood") {
        std::thread::spawn(|| {
            let mut out = std::io::stdout().lock();
            while out.write_all(&b"all work and no play\n".repeat(1000)).is_ok() {}
        });
    }
    if let Some(path) = value("socket") {
        for stream in UnixListener::bind(path).unwrap().incoming().flatten() {
            std::thread::spawn(move || answer(&stream, &stream));
        }
    } else if let Some(port) = value("port") {
        let listener = match TcpListener::bind(("127.0.0.1", port.parse().unwrap())) {
            Ok(listener) => listener,
            Err(e) => {
                eprintln!("cannot listen on {port}: {e}");
                return ExitCode::FAILURE;
            }
        };
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(&stream, &stream));
        }
    }
    ExitCode::SUCCESS
}

/// One request a connection; the answer is the number of the process. `/slow` takes a tenth of a second.
fn answer(from: impl std::io::Read, mut to: impl Write) {
    let mut lines = BufReader::new(from).lines().map_while(Result::ok);
    let Some(request) = lines.next() else { return };
    if lines.take_while(|line| !line.is_empty()).count() > 100 {
        return;
    }
    if request.contains("/slow") {
        std::thread::sleep(Duration::from_millis(100));
    }
    let body = std::process::id().to_string();
    let _ =
        write!(to, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
}
