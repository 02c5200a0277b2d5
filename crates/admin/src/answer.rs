//! Responses, and problems (RFC 9457) that become responses. Every one carries the same security headers.

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

pub(crate) type Answer = Response<Full<Bytes>>;

/// A response with a body of that type.
pub(crate) fn with(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    answer
}

/// Plain text, one line.
pub(crate) fn text(status: StatusCode, line: &'static str) -> Answer {
    with(status, "text/plain; charset=utf-8", line)
}

/// A JSON document.
pub(crate) fn json(status: StatusCode, value: &Value) -> Answer {
    with(status, "application/json", value.to_string())
}

/// Why a request was refused. One pointer wide, since it travels in results.
#[derive(Debug)]
pub(crate) struct Problem(Box<Refusal>);

#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    detail: String,
    /// A member beside the standard ones.
    more: Option<(&'static str, Value)>,
    headers: Vec<(HeaderName, &'static str)>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self(Box::new(Refusal { status, detail: detail.into(), more: None, headers: Vec::new() }))
    }

    /// Adds a member to the document.
    pub(crate) fn member(mut self, name: &'static str, value: Value) -> Self {
        self.0.more = Some((name, value));
        self
    }

    /// Adds a header to the response.
    pub(crate) fn header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.0.headers.push((name, value));
        self
    }

    pub(crate) fn into_answer(self) -> Answer {
        let Refusal { status, detail, more, headers } = *self.0;
        let title = status.canonical_reason().unwrap_or("Error");
        let mut document =
            json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail });
        if let Some((name, value)) = more {
            document[name] = value;
        }
        let mut answer = with(status, "application/problem+json", document.to_string());
        for (name, value) in headers {
            answer.headers_mut().append(name, HeaderValue::from_static(value));
        }
        answer
    }
}

/// Adds the headers that keep browsers from doing more with a response than to show it. A policy that the page has
/// set for itself stays.
pub(crate) fn secured(mut answer: Answer) -> Answer {
    const POLICY: &str = "default-src 'none'; frame-ancestors 'none'";
    let headers = answer.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    answer
}
