//! Responses: JSON, problems (RFC 9457), and answers that a cache may keep.

use crate::feed::Feed;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{Either, Full};
use serde::Serialize;
use serde_json::json;
use std::hash::{DefaultHasher, Hasher};

/// A whole body, or the feed that goes on.
pub(crate) type ReplyBody = Either<Full<Bytes>, Feed>;

/// A response, or why there is none.
pub(crate) type Reply = Result<Response<ReplyBody>, Problem>;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Why a request was refused, in words that tell the client what to change.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
    faults: Vec<Fault>,
    fields: Vec<(HeaderName, HeaderValue)>,
}

/// What is wrong with one part of a request's body.
#[derive(Debug, Serialize)]
pub(crate) struct Fault {
    /// Where it is: a JSON pointer (RFC 6901).
    pub(crate) pointer: String,
    /// What to change.
    pub(crate) detail: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), faults: Vec::new(), fields: Vec::new() }
    }

    /// A body that is JSON but not what was asked for: 422, with every fault at once.
    pub(crate) fn faults(faults: Vec<Fault>) -> Self {
        let says = "the body is not what is expected; `errors` says what to change";
        Self { faults, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, says) }
    }

    /// Adds a header field.
    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.fields.push((name, value));
        self
    }

    pub(crate) fn into_response(self) -> Response<ReplyBody> {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason(),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if !self.faults.is_empty() {
            body["errors"] = json!(self.faults);
        }
        let mut response =
            whole(self.status, HeaderValue::from_static("application/problem+json"), body.to_string());
        // An error may pass in a moment: it is not for a cache (404 and 405 are by default, RFC 9110 section 15.1).
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response.headers_mut().extend(self.fields);
        response
    }
}

/// A response with that body.
pub(crate) fn whole(
    status: StatusCode,
    content_type: HeaderValue,
    body: impl Into<Bytes>,
) -> Response<ReplyBody> {
    let mut response = Response::new(Either::Left(Full::new(body.into())));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// JSON that no cache may keep.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response<ReplyBody> {
    let mut response = whole(status, JSON, encoded(body));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// JSON that a cache may keep; see [`cacheable`].
pub(crate) fn cacheable_json<B>(
    request: &Request<B>,
    body: &impl Serialize,
    cache_control: &'static str,
) -> Response<ReplyBody> {
    cacheable(request, JSON, encoded(body), cache_control)
}

/// An answer that a cache may keep for as long as `cache_control` says, with a strong validator made from its
/// bytes; 304 without them where the client has that answer already (RFC 9110 section 13.1.2).
pub(crate) fn cacheable<B>(
    request: &Request<B>,
    content_type: HeaderValue,
    body: String,
    cache_control: &'static str,
) -> Response<ReplyBody> {
    let mut hasher = DefaultHasher::new();
    hasher.write(body.as_bytes());
    let etag = format!("\"{:016x}\"", hasher.finish());
    let mut response = if has_already(request.headers(), &etag) {
        let mut response = Response::new(Either::Left(Full::default()));
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        whole(StatusCode::OK, content_type, body)
    };
    let etag = HeaderValue::from_str(&etag).expect("hex digits in quotes are a field value");
    response.headers_mut().insert(header::ETAG, etag);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control));
    response
}

/// Does `If-None-Match` name that answer? By weak comparison, RFC 9110 section 8.8.3.2.
fn has_already(fields: &HeaderMap, etag: &str) -> bool {
    let lines = fields.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    // Tags made here hold no comma, so cutting another's tag at its comma cannot make it equal to one of them.
    lines.flat_map(|line| line.split(',')).map(str::trim).any(|tag| {
        let strong = tag.strip_prefix("W/").unwrap_or(tag);
        tag == "*" || strong == etag
    })
}

fn encoded(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("the shop's answers have string keys and finite numbers")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_an_answer_already_whose_tag_it_names_in_any_form() {
        let asks = |value: &'static str| {
            let mut fields = HeaderMap::new();
            fields.insert(header::IF_NONE_MATCH, HeaderValue::from_static(value));
            has_already(&fields, "\"a\"")
        };
        for yes in ["\"a\"", "W/\"a\"", "\"x\", \"a\"", "*"] {
            assert!(asks(yes), "{yes}");
        }
        for no in ["", "a", "\"b\"", "\"A\"", "w/\"a\""] {
            assert!(!asks(no), "{no}");
        }
    }
}
