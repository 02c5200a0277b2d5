//! Idle keep-alive connections: opened, used for one request each, then held, so that what they cost a server
//! can be read from its memory.

use crate::http1::{content_length, head_end};
use anyhow::{Context, Result, ensure};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// How long a connection may take to open or to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Opens `count` connections to a port of 127.0.0.1, each with one request answered. They live as long as the result.
pub fn open(port: u16, count: usize) -> Result<Vec<TcpStream>> {
    (0..count).map(|i| one(port).with_context(|| format!("connection {i} of {count}"))).collect()
}

/// How many of them the server has closed (or sent something unasked on).
pub fn lost(held: &[TcpStream]) -> usize {
    let is_quiet = |socket: &TcpStream| {
        socket.set_nonblocking(true).is_ok()
            && matches!(socket.peek(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    };
    held.iter().filter(|socket| !is_quiet(socket)).count()
}

fn one(port: u16) -> Result<TcpStream> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut socket = TcpStream::connect_timeout(&address, PATIENCE).context("could not connect")?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.write_all(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")?;
    read_answer(&mut socket).context("no good answer")?;
    Ok(socket)
}

fn read_answer(socket: &mut TcpStream) -> Result<()> {
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let count = socket.read(&mut chunk)?;
        ensure!(count > 0, "the server closed the connection");
        answer.extend_from_slice(&chunk[..count]);
        if let Some(end) = head_end(&answer) {
            ensure!(answer.starts_with(b"HTTP/1.1 200"), "the status is not 200");
            let length = content_length(&answer[..end]).context("no Content-Length")?;
            if (answer.len() - end) as u64 >= length {
                return Ok(());
            }
        }
        ensure!(answer.len() <= 64 * 1024, "longer than expected");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::{Answer, Origin};
    use std::net::{Shutdown, TcpListener};

    #[test]
    fn held_connections_stay_open_and_a_closed_one_is_noticed() {
        let origin = Origin::bind(0, &Answer { body: 13, cache_control: None }).unwrap();
        let port = origin.port();
        std::thread::spawn(move || origin.run());
        let held = open(port, 20).unwrap();
        assert_eq!(lost(&held), 0);
        held[3].shutdown(Shutdown::Both).unwrap();
        assert_eq!(lost(&held), 1);
    }

    #[test]
    fn a_port_where_nobody_listens_is_an_error() {
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        assert!(open(port, 1).is_err());
    }
}
