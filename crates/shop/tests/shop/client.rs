//! A running shop, and a client that speaks HTTP/1.1 in plain bytes.

use serde_json::Value;
use shop::{Settings, serve};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// No single wait of a test is longer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// A shop that runs until it is told to leave.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    leave: oneshot::Sender<()>,
    served: JoinHandle<io::Result<()>>,
}

impl Running {
    pub(crate) fn start() -> Self {
        Self::with(Settings::named("shop-test"))
    }

    pub(crate) fn with(settings: Settings) -> Self {
        let listener = shop::demo::free_port(0).unwrap();
        let address = listener.local_addr().unwrap();
        let (leave, left) = oneshot::channel();
        let served = tokio::spawn(serve(listener, settings, async { drop(left.await) }));
        Self { address, leave, served }
    }

    /// Tells the shop to leave and waits until it has.
    pub(crate) async fn stop(self) {
        self.leave.send(()).unwrap();
        in_time(self.served).await.unwrap().unwrap();
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        in_time(TcpStream::connect(self.address)).await.unwrap()
    }

    /// Sends a request without a body.
    pub(crate) async fn ask(&self, line: &str, fields: &str) -> Answer {
        self.send(&format!("{line} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n{fields}\r\n")).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), "").await
    }

    /// Posts JSON, or what claims to be.
    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        self.post_as(path, "application/json", body).await
    }

    pub(crate) async fn post_as(&self, path: &str, content_type: &str, body: &str) -> Answer {
        let length = body.len();
        self.send(&format!(
            "POST {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nContent-Type: {content_type}\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        ))
        .await
    }

    async fn send(&self, bytes: &str) -> Answer {
        let mut stream = self.connect().await;
        in_time(stream.write_all(bytes.as_bytes())).await.unwrap();
        let mut answer = Vec::new();
        in_time(stream.read_to_end(&mut answer)).await.unwrap();
        Answer::read(&answer)
    }
}

/// What came back, as it was on the wire.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    fields: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    fn read(bytes: &[u8]) -> Self {
        let text = std::str::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head in {text:?}"));
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let fields = lines.map(|line| line.split_once(": ").unwrap());
        let fields = fields.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Self { status, fields, body: body.to_owned() }
    }

    /// The value of a field; empty where there is none.
    pub(crate) fn field(&self, name: &str) -> &str {
        let wanted = name.to_ascii_lowercase();
        self.fields.iter().find(|(name, _)| *name == wanted).map_or("", |(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }

    /// Asserts that this is a problem with that status, and gives its detail.
    pub(crate) fn problem(&self, status: u16) -> String {
        assert_eq!(
            (self.status, self.field("content-type")),
            (status, "application/problem+json"),
            "{self:?}"
        );
        assert_eq!(self.field("x-instance"), "shop-test");
        assert_eq!(self.field("cache-control"), "no-store");
        let body = self.json();
        assert_eq!(body["status"], status);
        body["detail"].as_str().unwrap().to_owned()
    }
}

/// Waits for something, but not for ever.
pub(crate) async fn in_time<F: Future>(what: F) -> F::Output {
    tokio::time::timeout(DEADLINE, what).await.expect("it takes too long")
}
