//! HTTP/1.1 messages as a test sees them: what was really on the wire, next to what it means.

use std::fmt;
use std::io::{self, ErrorKind};

/// The field lines of a head in their order; values without the white space around them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(pub Vec<(String, String)>);

impl Fields {
    /// The first value of the field, whatever the case of the name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    /// All values of the field.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let same = |(known, _): &&(String, String)| known.eq_ignore_ascii_case(name);
        self.0.iter().filter(same).map(|(_, value)| value.as_str()).collect()
    }

    /// Is the field there?
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Does a comma-separated list of the field hold `token`?
    pub fn lists(&self, name: &str, token: &str) -> bool {
        self.all(name).iter().flat_map(|v| v.split(',')).any(|t| t.trim().eq_ignore_ascii_case(token))
    }
}

/// A request as an origin received it.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The target as it stood in the request line.
    pub target: String,
    /// `HTTP/1.1`.
    pub version: String,
    /// The fields.
    pub fields: Fields,
    /// The head byte by byte, with the empty line.
    pub head: Vec<u8>,
    /// The body without its framing; empty until it was read.
    pub body: Vec<u8>,
    /// The fields behind a chunked body.
    pub trailers: Fields,
    /// Was the body read to its end?
    pub complete: bool,
}

/// A response as a client received it.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// `HTTP/1.1`.
    pub version: String,
    /// The status code.
    pub status: u16,
    /// The fields.
    pub fields: Fields,
    /// The head byte by byte, with the empty line.
    pub head: Vec<u8>,
    /// The body without its framing, as much of it as came.
    pub body: Vec<u8>,
    /// The fields behind a chunked body.
    pub trailers: Fields,
    /// Did the message end as its framing says it must? A body that ends with its connection is complete when that
    /// was closed in order.
    pub complete: bool,
}

impl Response {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.body[..self.body.len().min(300)];
        let (head, body) = (self.head.escape_ascii(), shown.escape_ascii());
        write!(f, "{head}{body} [complete: {}]", self.complete)
    }
}

/// Is this an error of Tidegate as RFC 9457 describes it, with the members that the interface promises?
pub fn is_problem(response: &Response) -> bool {
    let Ok(problem) = serde_json::from_slice::<serde_json::Value>(&response.body) else { return false };
    let members = ["type", "title", "status", "detail", "request_id"];
    response.fields.get("content-type").is_some_and(|t| t.starts_with("application/problem+json"))
        && problem["status"] == response.status
        && members.iter().all(|member| problem.get(member).is_some())
}

/// Where bytes of a message come from.
pub(crate) trait Source {
    /// Everything that came and was not taken yet.
    fn held(&mut self) -> &mut Vec<u8>;
    /// Waits for more; `Ok(0)` is the end.
    fn more(&mut self) -> io::Result<usize>;

    /// Takes bytes up to and with `end`.
    fn take_until(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        let mut searched = 0;
        loop {
            let held = self.held();
            let from = searched.min(held.len());
            if let Some(at) = held[from..].windows(end.len()).position(|w| w == end) {
                return Ok(held.drain(..from + at + end.len()).collect());
            }
            searched = (held.len() + 1).saturating_sub(end.len());
            if self.more()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// The first line and the fields of a head.
pub(crate) fn split_head(head: &[u8]) -> (String, Fields) {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default().to_owned();
    (first, fields(lines))
}

fn fields<'a>(lines: impl Iterator<Item = &'a str>) -> Fields {
    let pair = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()))
    };
    Fields(lines.filter_map(pair).collect())
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

impl Framing {
    /// Of a message with these fields (RFC 9112 section 6.3), `otherwise` where they name none.
    pub(crate) fn of(fields: &Fields, otherwise: Self) -> Self {
        if fields.lists("transfer-encoding", "chunked") {
            return Self::Chunked;
        }
        fields.get("content-length").and_then(|length| length.parse().ok()).map_or(otherwise, Self::Length)
    }
}

/// Reads a body into `body` as far as it comes and returns the trailers of a complete one.
pub(crate) fn read_body(from: &mut impl Source, framing: Framing, body: &mut Vec<u8>) -> io::Result<Fields> {
    match framing {
        Framing::Length(length) => take_exactly(from, length, body).map(|()| Fields::default()),
        Framing::UntilClose => loop {
            body.append(from.held());
            if from.more()? == 0 {
                return Ok(Fields::default());
            }
        },
        Framing::Chunked => read_chunks(from, body),
    }
}

fn read_chunks(from: &mut impl Source, body: &mut Vec<u8>) -> io::Result<Fields> {
    loop {
        let line = from.take_until(b"\r\n")?;
        let line = String::from_utf8_lossy(&line);
        let size = line.split([';', '\r']).next().unwrap_or_default();
        let size = usize::from_str_radix(size, 16).map_err(|_| io::Error::from(ErrorKind::InvalidData))?;
        if size == 0 {
            break;
        }
        take_exactly(from, size, body)?;
        let mut end = Vec::new();
        take_exactly(from, 2, &mut end)?;
        if end != b"\r\n" {
            return Err(ErrorKind::InvalidData.into());
        }
    }
    let mut lines = Vec::new();
    loop {
        let line = from.take_until(b"\r\n")?;
        if line == b"\r\n" {
            return Ok(fields(lines.iter().map(String::as_str)));
        }
        lines.push(String::from_utf8_lossy(&line[..line.len() - 2]).into_owned());
    }
}

fn take_exactly(from: &mut impl Source, mut length: usize, into: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let held = from.held();
        let now = held.len().min(length);
        into.extend(held.drain(..now));
        length -= now;
        if length == 0 {
            return Ok(());
        }
        if from.more()? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
}
