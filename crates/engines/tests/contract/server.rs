//! A small HTTP/1.1 server: one request a connection, answered by a function; also by answers that go on, break off, or
//! make no sense.

use std::fmt::Write as _;
use std::rc::Rc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{JoinHandle, spawn_local};
use tokio_rustls::TlsAcceptor;

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// All lines of the head, in lower case but for their values.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    /// The value of a parameter of the query, decoded.
    pub(crate) fn query(&self, key: &str) -> Option<String> {
        let (_, query) = self.target.split_once('?')?;
        let found = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == key);
        found.map(|(_, value)| value.into_owned())
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// What is answered.
pub(crate) enum Answer {
    /// A status with more lines of the head, and a JSON body.
    Json(u16, String, String),
    /// These bytes and the end of the connection.
    Raw(Vec<u8>),
    /// An answer in chunks that goes on until the sender is dropped (its orderly end) or says that it is cut.
    Stream(UnboundedReceiver<Part>),
    /// Nothing, ever.
    Silence,
}

/// What comes next of an answer that goes on.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Text(String),
    /// The connection ends in the middle.
    Cut,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::Json(status, String::new(), body.to_string())
    }
}

/// Who answers.
pub(crate) type Handler = Rc<dyn Fn(Asked) -> Answer>;

/// A server; it ends when this is dropped, with all connections.
pub(crate) struct Server {
    accepting: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Server {
    pub(crate) fn tcp(listener: TcpListener, handler: Handler) -> Self {
        let accepting = spawn_local(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn_local(serve(stream, Rc::clone(&handler)));
            }
        });
        Self { accepting }
    }

    pub(crate) fn tls(listener: TcpListener, acceptor: TlsAcceptor, handler: Handler) -> Self {
        let accepting = spawn_local(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, handler) = (acceptor.clone(), Rc::clone(&handler));
                connections.spawn_local(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve(stream, handler).await;
                    }
                });
            }
        });
        Self { accepting }
    }

    pub(crate) fn unix(listener: UnixListener, handler: Handler) -> Self {
        let accepting = spawn_local(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn_local(serve(stream, Rc::clone(&handler)));
            }
        });
        Self { accepting }
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, handler: Handler) {
    let Some(asked) = asked(&mut stream).await else { return };
    // Whoever asked may leave at any time.
    let _ = match handler(asked) {
        Answer::Json(status, more, body) => {
            let mut text = format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{more}");
            // 204 and 304 have no body, and say nothing of its length.
            if matches!(status, 204 | 304) {
                text.push_str("\r\n");
            } else {
                write!(text, "content-length: {}\r\n\r\n{body}", body.len()).unwrap();
            }
            stream.write_all(text.as_bytes()).await
        }
        Answer::Raw(bytes) => stream.write_all(&bytes).await,
        Answer::Stream(parts) => going_on(&mut stream, parts).await,
        Answer::Silence => std::future::pending().await,
    };
    let _ = stream.shutdown().await;
}

async fn going_on(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    mut parts: UnboundedReceiver<Part>,
) -> std::io::Result<()> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    let mut byte = [0];
    loop {
        let part = tokio::select! {
            part = parts.recv() => part,
            // Nobody says any more: whoever listened has left.
            _ = stream.read(&mut byte) => return Ok(()),
        };
        let Some(part) = part else { break };
        match part {
            Part::Cut => return Ok(()),
            Part::Text(text) => {
                stream.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()).await?;
                stream.flush().await?;
            }
        }
    }
    stream.write_all(b"0\r\n\r\n").await
}

async fn asked(stream: &mut (impl AsyncRead + Unpin)) -> Option<Asked> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(bytes).ok()?;
    let mut words = head.lines().next()?.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut asked = Asked { method, target, head, body: String::new() };
    let length = asked.field("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    asked.body = String::from_utf8(body).ok()?;
    Some(asked)
}
