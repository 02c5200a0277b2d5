//! Reads a JSON request body: 64 KiB at most, within ten seconds.

use crate::reply::{Fault, Problem};
use bytes::{Bytes, BytesMut};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use serde_json::{Map, Value};
use std::time::Duration;

/// Bytes that a request's body may have.
pub(crate) const LIMIT: usize = 64 * 1024;

/// Bytes up to which a body that is too long is still read, and thrown away. Who closes a connection with unread
/// bytes in it resets it, and the client loses the answer that says why (RFC 9112 section 9.6).
const OVERRUN: usize = 1024 * 1024;

/// How long a client may take to send its body.
const DEADLINE: Duration = Duration::from_secs(10);

/// The members of the JSON object in the request's body; none where the body is empty.
/// 413, 415, 400 and 422 otherwise.
pub(crate) async fn object(request: Request<Incoming>) -> Result<Map<String, Value>, Problem> {
    let is_json = request.headers().get(header::CONTENT_TYPE).is_some_and(|value| is_json(value.as_bytes()));
    let body = whole(request).await?;
    if body.is_empty() {
        return Ok(Map::new());
    }
    if !is_json {
        let says = "send the body with `Content-Type: application/json`";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, says));
    }
    match serde_json::from_slice(&body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(Problem::faults(vec![fault("", "send a JSON object")])),
        Err(error) => Err(Problem::new(StatusCode::BAD_REQUEST, format!("the body is not JSON: {error}"))),
    }
}

/// A fault of the member `name`, or of the whole body where `name` is empty.
pub(crate) fn fault(name: &str, detail: impl Into<String>) -> Fault {
    let pointer = if name.is_empty() {
        String::new()
    } else {
        format!("/{}", name.replace('~', "~0").replace('/', "~1"))
    };
    Fault { pointer, detail: detail.into() }
}

/// The whole body, at most [`LIMIT`] bytes.
async fn whole(request: Request<Incoming>) -> Result<Bytes, Problem> {
    match tokio::time::timeout(DEADLINE, read(request.into_body())).await {
        Ok(Ok(Some(body))) => Ok(body),
        Ok(Ok(None)) => {
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("send at most {LIMIT} bytes")))
        }
        Ok(Err(_)) => {
            Err(Problem::new(StatusCode::BAD_REQUEST, "the body ended too early or is badly framed"))
        }
        Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the body took longer than ten seconds")),
    }
}

/// `None` where the body is too long.
async fn read(mut body: Incoming) -> Result<Option<Bytes>, hyper::Error> {
    let mut kept = BytesMut::new();
    let mut came = 0;
    if body.size_hint().lower() > OVERRUN as u64 {
        return Ok(None);
    }
    while came <= OVERRUN
        && let Some(frame) = body.frame().await
    {
        let Ok(data) = frame?.into_data() else { continue };
        came += data.len();
        if came <= LIMIT {
            kept.extend_from_slice(&data);
        }
    }
    Ok((came <= LIMIT).then(|| kept.freeze()))
}

/// `application/json` or any `application/*+json`, whatever its parameters.
fn is_json(value: &[u8]) -> bool {
    let essence = value.split(|&b| b == b';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
    essence == b"application/json" || (essence.starts_with(b"application/") && essence.ends_with(b"+json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_known_by_its_media_type() {
        for yes in ["application/json", "Application/JSON; charset=utf-8", "application/vnd.shop+json"] {
            assert!(is_json(yes.as_bytes()), "{yes}");
        }
        for no in ["", "text/plain", "application/jsonx", "application/x-www-form-urlencoded"] {
            assert!(!is_json(no.as_bytes()), "{no}");
        }
    }

    #[test]
    fn a_pointer_escapes_what_the_client_wrote() {
        assert_eq!(fault("a/b~c", "").pointer, "/a~1b~0c");
        assert_eq!(fault("", "").pointer, "");
    }
}
