//! A question over a fresh connection, and its answer read within bounds: what the kinds of probes share.

use super::{BODY_MOST, text};
use bytes::{Bytes, BytesMut};
use message::{Fields, Method, Name, RequestHead, Target, Version};
use net::{Answer, Ask, Body, Connection, Multiplexed, Stream};
use std::future::poll_fn;
use std::rc::Weak;
use std::time::{Duration, Instant};

const USER_AGENT: &str = concat!("tidegate-health-check/", env!("CARGO_PKG_VERSION"));

/// What is asked.
pub(super) struct Question<'a> {
    pub(super) method: Method,
    pub(super) path: &'a str,
    pub(super) host: &'a str,
    /// Fields beside those that every probe has.
    pub(super) fields: Fields,
    pub(super) body: Bytes,
    /// Over HTTP/2.
    pub(super) http2: bool,
}

/// What was read of an answer's body.
pub(super) struct Read {
    pub(super) data: BytesMut,
    pub(super) trailers: Fields,
    /// It ended; otherwise there is more than is read.
    pub(super) whole: bool,
}

/// Sends the question and waits for the head of the answer.
pub(super) async fn ask(
    stream: Stream,
    question: Question<'_>,
    timeout: Duration,
) -> Result<Answer, Box<str>> {
    let Question { method, path, host, mut fields, body, http2 } = question;
    let target = Target::parse(path.as_bytes(), false).map_err(|e| e.to_string())?;
    fields.add(Name::UserAgent, USER_AGENT.as_bytes());
    if !http2 {
        // The endpoint closes first, so it is not we who are left with connections in TIME_WAIT.
        fields.add(Name::Connection, b"close");
    }
    let head =
        RequestHead { method, target, authority: None, version: Version::HTTP_11, fields, upgrade: None };
    let mut body = Body::full(body);
    let ask = Ask {
        head: &head,
        host,
        body: &mut body,
        expects_continue: false,
        interim: None,
        timeout,
        idle: timeout,
        began: Instant::now(),
    };
    let answered = if http2 {
        match Multiplexed::handshake(stream, None).await {
            Ok(connection) => connection.exchange(ask).await,
            Err(failure) => Err(failure),
        }
    } else {
        // It waits nowhere for another exchange: it closes behind this one.
        Connection::new(stream, Weak::new(), None).exchange(ask).await
    };
    answered.map_err(|failure| text(&failure.cause))
}

/// Reads the body to its end, or until it is larger than anything that is looked at.
pub(super) async fn read(body: &mut Body) -> Result<Read, Box<str>> {
    let mut read = Read { data: BytesMut::new(), trailers: Fields::new(), whole: false };
    while read.data.len() < BODY_MOST {
        let Some(frame) = poll_fn(|cx| body.poll_next(cx)).await else {
            read.whole = true;
            break;
        };
        match frame.map_err(|e| e.to_string())?.into_data() {
            Ok(data) => read.data.extend_from_slice(&data[..data.len().min(BODY_MOST - read.data.len())]),
            Err(other) => {
                if let Ok(trailers) = other.into_trailers() {
                    read.trailers = Fields::from_map(&trailers);
                }
            }
        }
    }
    Ok(read)
}
