//! A stop in words: `application/problem+json` (RFC 9457), or a status for callers that speak gRPC.

use crate::stop::{Reason, Stop};
use bytes::Bytes;
use message::{Fields, Name, ResponseHead, StatusCode};
use net::Body;

/// Head and body of the answer.
pub(crate) fn answer(stop: &Stop, request: Option<&Fields>, request_id: &str) -> (ResponseHead, Body) {
    let is_grpc =
        request.and_then(|f| f.get(Name::ContentType)).is_some_and(|t| t.starts_with(b"application/grpc"));
    if is_grpc { grpc(stop) } else { json(stop, request_id) }
}

fn json(stop: &Stop, request_id: &str) -> (ResponseHead, Body) {
    let status = stop.status();
    let mut head = ResponseHead::new(status);
    head.fields.add(Name::ContentType, b"application/problem+json");
    head.fields.add(Name::CacheControl, b"no-store");
    if let Some(after) = stop.retry_after {
        head.fields.add(Name::RetryAfter, limit::text::retry_after(after).to_string().as_bytes());
    }
    if let Some(allow) = &stop.allow {
        head.fields.add(Name::Allow, allow.as_bytes());
    }
    let mut body = serde_json::json!({
        "type": kind(stop.reason),
        "title": stop.reason.title(),
        "status": status.as_u16(),
        "detail": stop.public,
        "request_id": request_id,
    });
    if let Some(policy) = &stop.violated {
        body["violated-policies"] = serde_json::json!([policy]);
    }
    let mut text = serde_json::to_vec_pretty(&body).unwrap_or_default();
    text.push(b'\n');
    (head, Body::full(Bytes::from(text)))
}

/// What kind of problem it is: of those that are registered, or one of ours.
fn kind(reason: Reason) -> String {
    match reason {
        // draft-ietf-httpapi-ratelimit-headers-10 section 7.
        Reason::RateLimited | Reason::QuotaExceeded | Reason::ConcurrencyLimited => {
            "https://iana.org/assignments/http-problem-types#quota-exceeded".to_owned()
        }
        _ => format!("urn:tidegate:problem:{}", reason.label().replace('_', "-")),
    }
}

/// Trailers-only, as a gRPC client expects it: HTTP 200 and the status in a field.
fn grpc(stop: &Stop) -> (ResponseHead, Body) {
    let mut head = ResponseHead::new(StatusCode::OK);
    head.fields.add(Name::ContentType, b"application/grpc");
    head.fields.add(Name::GrpcStatus, grpc_status(stop.status()).to_string().as_bytes());
    let message: String =
        stop.public.chars().filter(|c| c.is_ascii() && !c.is_ascii_control() && *c != '%').collect();
    if head.fields.push("grpc-message", message.as_bytes()).is_err() {
        head.fields.remove_named(b"grpc-message");
    }
    (head, Body::empty())
}

/// The gRPC project's mapping from HTTP status codes (`doc/http-grpc-status-mapping.md`), with 504 as
/// `DEADLINE_EXCEEDED` and 413 as `RESOURCE_EXHAUSTED`, which say more.
fn grpc_status(status: StatusCode) -> u8 {
    match status.as_u16() {
        400 => 13,
        401 => 16,
        403 => 7,
        404 | 405 => 12,
        413 | 431 => 8,
        408 | 504 => 4,
        429 | 502 | 503 => 14,
        499 => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_stop_is_told_as_problem_json() {
        let mut stop = Stop::new(Reason::NoEndpoint, "a \"quoted\" word");
        stop.retry_after = Some(Duration::from_millis(10));
        let (head, body) = answer(&stop, None, "abc");
        assert_eq!(head.status, 503);
        assert_eq!(head.fields.get(Name::RetryAfter), Some(&b"1"[..]));
        assert_eq!(head.fields.get(Name::ContentType), Some(&b"application/problem+json"[..]));
        assert!(body.length().unwrap() > 50);
    }

    #[test]
    fn a_grpc_caller_gets_a_grpc_status() {
        let mut fields = Fields::new();
        fields.add(Name::ContentType, b"application/grpc+proto");
        let (head, body) = answer(&Stop::new(Reason::UpstreamTimeout, "late"), Some(&fields), "abc");
        assert_eq!(head.status, 200);
        assert_eq!(head.fields.get(Name::GrpcStatus), Some(&b"4"[..]));
        assert!(body.is_empty());
    }
}
