//! A client that sends exactly the bytes it is told to, and reads responses by their framing.

use crate::message::{Framing, Response, Source, read_body, split_head};
use crate::wait::PATIENCE;
use socket2::{SockRef, Socket};
use std::fmt::Debug;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// More interim responses than any answer has.
const MOST_INTERIM: usize = 1000;

/// One connection to Tidegate.
#[derive(Debug)]
pub struct Raw {
    socket: Socket,
    held: Vec<u8>,
}

impl Raw {
    /// Connects over TCP.
    pub fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).expect("the gateway takes connections")
    }

    /// Connects over TCP, or says why not.
    pub fn try_connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        Ok(Self::over(stream.into()))
    }

    /// Connects to a Unix socket.
    pub fn connect_unix(path: &Path) -> Self {
        Self::over(UnixStream::connect(path).expect("the gateway takes connections").into())
    }

    fn over(socket: Socket) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
        socket.set_write_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
        Self { socket, held: Vec::new() }
    }

    /// Sends the bytes. A peer that closed already is no error: what it answered is what counts.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _ = self.socket.write_all(bytes.as_ref());
        self
    }

    /// Sends the bytes, or says why not.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.socket.write_all(bytes.as_ref())
    }

    /// Sends the bytes `piece` at a time, each in a packet of its own with a `pause` behind it.
    pub fn send_in_pieces(&mut self, bytes: &[u8], piece: usize, pause: Duration) -> io::Result<()> {
        for part in bytes.chunks(piece) {
            self.try_send(part)?;
            std::thread::sleep(pause);
        }
        Ok(())
    }

    /// Sends a request of `GET` for `target` with `fields` (each line with its CRLF) and reads the response.
    #[track_caller]
    pub fn get(&mut self, target: &str, fields: &str) -> Response {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: example.com\r\n{fields}\r\n")).response()
    }

    /// Reads the next response to anything but HEAD, interim ones too.
    #[track_caller]
    pub fn response(&mut self) -> Response {
        must(self.try_response())
    }

    /// Reads the next final response, passing over interim ones.
    #[track_caller]
    pub fn final_response(&mut self) -> Response {
        let answers = (0..MOST_INTERIM).map(|_| must(self.try_response()));
        let last = answers.into_iter().find(|response| response.status >= 200);
        last.unwrap_or_else(|| panic!("{MOST_INTERIM} interim responses and no final one"))
    }

    /// Reads the next response to HEAD.
    #[track_caller]
    pub fn response_to_head(&mut self) -> Response {
        must(self.read(true))
    }

    /// Reads the next response. A body that was cut gives `complete: false`; only a missing head is an error.
    pub fn try_response(&mut self) -> io::Result<Response> {
        self.read(false)
    }

    /// Reads the head of the next response and leaves its body; `complete` is false.
    pub fn try_head(&mut self) -> io::Result<Response> {
        let head = self.take_until(b"\r\n\r\n")?;
        let (line, fields) = split_head(&head);
        let mut words = line.splitn(3, ' ');
        let version = words.next().unwrap_or_default().to_owned();
        let status = words.next().and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, line.clone()))?;
        Ok(Response { version, status, fields, head, ..Response::default() })
    }

    fn read(&mut self, to_head: bool) -> io::Result<Response> {
        let mut response = self.try_head()?;
        let bodiless = to_head || matches!(response.status, 100..=199 | 204 | 304);
        let framing =
            if bodiless { Framing::Length(0) } else { Framing::of(&response.fields, Framing::UntilClose) };
        if let Ok(trailers) = read_body(self, framing, &mut response.body) {
            (response.trailers, response.complete) = (trailers, true);
        }
        Ok(response)
    }

    /// Waits for exactly these bytes of a body or a tunnel.
    #[track_caller]
    pub fn expect_bytes(&mut self, bytes: &[u8]) -> &mut Self {
        while self.held.len() < bytes.len() {
            assert!(must(self.more()) > 0, "closed after {}", self.held.escape_ascii());
        }
        let got: Vec<u8> = self.held.drain(..bytes.len()).collect();
        assert_eq!(got.escape_ascii().to_string(), bytes.escape_ascii().to_string());
        self
    }

    /// Reads so many bytes.
    pub fn read_exactly(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.held.len() < count {
            if self.more()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.held.drain(..count).collect())
    }

    /// Reads until `end` came and returns everything up to and with it.
    pub fn read_until(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        self.take_until(end)
    }

    /// Reads to the end of the connection. An error means that it was not closed in order or not in time.
    pub fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        while self.more()? > 0 {}
        Ok(std::mem::take(&mut self.held))
    }

    /// Reads to an orderly end and hands on what comes piece by piece, for bodies too large to hold.
    pub fn read_pieces(&mut self, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        loop {
            take(&self.held);
            self.held.clear();
            if self.more()? == 0 {
                return Ok(());
            }
        }
    }

    /// How long sending may be held up before it is an error.
    pub fn set_write_patience(&mut self, patience: Duration) {
        self.socket.set_write_timeout(Some(patience)).expect("a socket takes a timeout");
    }

    /// Does the gateway close the connection within `deadline`, with nothing more said? A reset counts as closed.
    pub fn is_closed(&mut self, deadline: Duration) -> bool {
        let _ = self.socket.set_read_timeout(Some(deadline));
        let closed = match self.more() {
            Ok(count) => count == 0 && self.held.is_empty(),
            Err(error) => !timed_out(&error),
        };
        let _ = self.socket.set_read_timeout(Some(PATIENCE));
        closed
    }

    /// Has nothing come within `span`, and is the connection still open?
    pub fn is_silent(&mut self, span: Duration) -> bool {
        let _ = self.socket.set_read_timeout(Some(span));
        let silent = self.held.is_empty() && self.more().is_err_and(|error| timed_out(&error));
        let _ = self.socket.set_read_timeout(Some(PATIENCE));
        silent
    }

    /// Sends no more, and can still read.
    pub fn finish_sending(&mut self) -> &mut Self {
        let _ = self.socket.shutdown(Shutdown::Write);
        self
    }

    /// Holds little of what comes unread, so that a sender feels it soon.
    #[must_use]
    pub fn with_small_window(self) -> Self {
        let _ = SockRef::from(&self.socket).set_recv_buffer_size(16 << 10);
        self
    }

    /// Ends the connection with a reset instead of an orderly close.
    pub fn reset(self) {
        let _ = self.socket.set_linger(Some(Duration::ZERO));
    }
}

impl Source for Raw {
    fn held(&mut self) -> &mut Vec<u8> {
        &mut self.held
    }

    fn more(&mut self) -> io::Result<usize> {
        let mut part = [0; 16 << 10];
        let count = self.socket.read(&mut part)?;
        self.held.extend_from_slice(&part[..count]);
        Ok(count)
    }
}

fn timed_out(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

#[track_caller]
fn must<T: Debug>(result: io::Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("no answer from the gateway: {error}"))
}
