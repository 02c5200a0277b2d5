//! One question to an endpoint: are you well?
//!
//! A probe speaks to an endpoint in the endpoint's own manner (TLS, Unix socket, HTTP/1.1 or HTTP/2) over a connection
//! of its own, with the wire code that requests use, so a probe that passes says that requests would pass. Its answer
//! is one of three: it is well, it is there but not well, or it cannot be reached at all, because what follows from
//! them differs.
//!
//! *Promise*: a probe ends within its timeout, whatever the endpoint does, and reads no more than a head of the size
//! that the wire allows and [`BODY_MOST`] bytes of body.
//! *Not here*: when to probe (`checks`), and what follows from the answer (the room `balance`).
//! Nothing here is on the road of a request.

mod exchange;
mod grpc;
mod http;
#[cfg(test)]
mod tests;

use crate::connect::{connect_at, open};
use crate::endpoint::{Endpoint, Place};
use crate::service::Protocol;
use net::{Cause, Failure, Stream};
use std::ops::RangeInclusive;
use std::time::Duration;
use tokio::time::Instant;

/// Bytes of an answer's body that are read: enough for any report of health, and a bound on one that never ends.
const BODY_MOST: usize = 64 * 1024;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    /// `GET path`. A redirect is an answer, and is not followed.
    Http {
        /// Path and query.
        path: Box<str>,
        /// What stands in `Host`; the endpoint's own name where this is absent.
        host: Option<Box<str>>,
        /// Statuses that pass; 200 to 399 where there is none.
        expect: Vec<RangeInclusive<u16>>,
    },
    /// A connection can be opened. Nothing is sent, not even a TLS handshake.
    Tcp,
    /// `grpc.health.v1.Health/Check` says SERVING.
    Grpc {
        /// Of which gRPC service; empty: of the server as a whole.
        service: Box<str>,
        /// What stands in `:authority`, instead of the endpoint's own.
        host: Option<Box<str>>,
    },
}

/// How an endpoint is probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeSettings {
    /// What is asked.
    pub kind: ProbeKind,
    /// From the beginning of one probe to the beginning of the next.
    pub interval: Duration,
    /// How long a probe may take, from connecting to the end of the answer.
    pub timeout: Duration,
    /// The port to ask, where it is not the endpoint's own. A Unix socket has none.
    pub port: Option<u16>,
    /// The version of HTTP where neither TLS (by ALPN) nor the kind decides: that of the service.
    pub protocol: Protocol,
}

/// What a probe says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is well.
    Passed,
    /// It is there, and it is not well: why.
    Failed(Box<str>),
    /// No connection could be made: why.
    Unreachable(Box<str>),
}

/// What came of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeOutcome {
    /// What it says.
    pub verdict: Verdict,
    /// How long it took.
    pub took: Duration,
}

impl ProbeSettings {
    /// One connection, within that time.
    pub(crate) fn connecting(timeout: Duration) -> Self {
        Self {
            kind: ProbeKind::Tcp,
            interval: Duration::ZERO,
            timeout,
            port: None,
            protocol: Protocol::default(),
        }
    }
}

/// Probes an endpoint once. To be called in a `LocalSet`, since HTTP/2 runs in a task of its own.
pub async fn probe(endpoint: &Endpoint, settings: &ProbeSettings) -> ProbeOutcome {
    let began = Instant::now();
    let deadline = began + settings.timeout;
    let verdict = match reach(endpoint, settings).await {
        Err(failure) => Verdict::Unreachable(text(&failure.cause)),
        Ok(stream) => tokio::time::timeout_at(deadline, Box::pin(ask(stream, endpoint, settings, deadline)))
            .await
            .unwrap_or_else(|_| Verdict::Failed(text(&Cause::Timeout))),
    };
    ProbeOutcome { verdict, took: began.elapsed() }
}

async fn reach(endpoint: &Endpoint, settings: &ProbeSettings) -> Result<Stream, Failure> {
    let place = match (&endpoint.place, settings.port) {
        (Place::Address(address), Some(port)) => Place::Address((address.ip(), port).into()),
        (Place::Name(name, _), Some(port)) => Place::Name(name.clone(), port),
        (place, _) => place.clone(),
    };
    match settings.kind {
        ProbeKind::Tcp => open(&place, settings.timeout).await,
        _ => Box::pin(connect_at(endpoint, &place, settings.timeout)).await,
    }
}

async fn ask(stream: Stream, endpoint: &Endpoint, settings: &ProbeSettings, deadline: Instant) -> Verdict {
    let left = deadline.saturating_duration_since(Instant::now());
    let asked = match &settings.kind {
        ProbeKind::Tcp => Ok(()),
        ProbeKind::Http { path, host, expect } => {
            let host = host.as_deref().unwrap_or(&endpoint.authority);
            http::ask(stream, settings.protocol, host, path, expect, left).await
        }
        ProbeKind::Grpc { service, host } => {
            let host = host.as_deref().unwrap_or(&endpoint.authority);
            grpc::ask(stream, host, service, left).await
        }
    };
    asked.map_or_else(Verdict::Failed, |()| Verdict::Passed)
}

fn text(cause: &Cause) -> Box<str> {
    cause.to_string().into()
}
