//! What tests of the cache stand on: origins that tell how often they were asked, gateways that keep what these answer, and
//! what a client sees of it (`Age`, `Cache-Status` of RFC 9211).

use crate::message::Response;
use crate::origin::{Exchange, Origin};
use crate::raw::Raw;
use crate::tidegate::Tidegate;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::{Arc, PoisonError};

/// Fields of an answer (each line with its CRLF) that a test changes while the origin runs.
#[derive(Clone, Debug)]
pub struct Saying(Arc<Mutex<String>>);

impl Saying {
    /// It says this at first.
    pub fn new(first: &str) -> Self {
        Self(Arc::new(Mutex::new(first.to_owned())))
    }

    /// From now on it says this.
    pub fn set(&self, now: &str) {
        now.clone_into(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What it says.
    pub fn get(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Origin {
    /// Answers with 200, these fields (each line with its CRLF), and a body that no other request gets: the target and how many
    /// requests there have been.
    pub fn counting(fields: &str) -> Self {
        let fields = fields.to_owned();
        Self::start(move |exchange| {
            if exchange.read_body() {
                let body = exchange.marked();
                exchange.answer("200 OK", &fields, body);
            }
        })
    }

    /// How many requests it has seen.
    pub fn count(&self) -> usize {
        self.requests().len()
    }
}

impl Exchange<'_> {
    /// Sends an answer with these fields (each line with its CRLF) and this body, of which a HEAD gets the length alone and a
    /// 304 nothing.
    pub fn answer(&mut self, status: &str, fields: &str, body: impl AsRef<[u8]>) -> bool {
        let body = body.as_ref();
        let length = match status {
            _ if status.starts_with("304") || status.starts_with("204") => String::new(),
            _ => format!("Content-Length: {}\r\n", body.len()),
        };
        let head = format!("HTTP/1.1 {status}\r\n{fields}{length}\r\n");
        let is_bodiless = length.is_empty() || self.request().method == "HEAD";
        self.send(if is_bodiless { head.into_bytes() } else { [head.as_bytes(), body].concat() })
    }

    /// A body that no other request of this origin gets: the target, and the number of the request.
    pub fn marked(&self) -> String {
        format!("{} {}", self.request().target, self.number())
    }
}

impl Tidegate {
    /// A gateway that caches so what `origin` answers: the value of `cache` of its one route.
    #[track_caller]
    pub fn caching(origin: &Origin, cache: &str) -> Self {
        Self::caching_with(origin, cache, "")
    }

    /// [`Self::caching`] with more top-level keys.
    #[track_caller]
    pub fn caching_with(origin: &Origin, cache: &str, more: &str) -> Self {
        Self::start(&Self::caching_config(origin.address(), cache, more))
    }

    /// The config of [`Self::caching_with`].
    pub fn caching_config(origin: SocketAddr, cache: &str, more: &str) -> String {
        format!(
            "services: {{ api: \"http://{origin}\" }}\nroutes: [{{ name: all, service: api, cache: {cache} }}]\n{more}\n"
        )
    }
}

impl Response {
    /// What the cache says that it did.
    pub fn cache_status(&self) -> &str {
        self.fields.all("cache-status").last().copied().unwrap_or_default()
    }

    /// Did it come from the cache, without a word of the origin?
    pub fn is_hit(&self) -> bool {
        self.says("hit")
    }

    /// Has `Cache-Status` this parameter, such as `hit`, `fwd=stale` or `detail=private`?
    pub fn says(&self, parameter: &str) -> bool {
        self.cache_status().split(';').skip(1).any(|part| part.trim() == parameter)
    }

    /// A number that `Cache-Status` tells, such as `ttl`.
    pub fn told(&self, name: &str) -> Option<i64> {
        let mut parts = self.cache_status().split(';').skip(1).filter_map(|part| part.trim().split_once('='));
        parts.find(|(key, _)| *key == name).and_then(|(_, value)| value.parse().ok())
    }

    /// Its `Age`, in seconds.
    pub fn age(&self) -> Option<u64> {
        self.fields.get("age").and_then(|age| age.parse().ok())
    }
}

impl Raw {
    /// Sends a HEAD for `target` with `fields` (each line with its CRLF) and reads the response.
    #[track_caller]
    pub fn head(&mut self, target: &str, fields: &str) -> Response {
        self.send(format!("HEAD {target} HTTP/1.1\r\nHost: example.com\r\n{fields}\r\n")).response_to_head()
    }

    /// Sends a request without a body and reads the response.
    #[track_caller]
    pub fn ask(&mut self, method: &str, target: &str, fields: &str) -> Response {
        let length = if method == "PURGE" { "" } else { "Content-Length: 0\r\n" };
        self.send(format!("{method} {target} HTTP/1.1\r\nHost: example.com\r\n{length}{fields}\r\n"))
            .response()
    }
}
