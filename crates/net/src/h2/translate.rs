//! hyper's messages <-> ours.

use crate::h1::{HeadLimits, Reject};
use http::header::HeaderMap;
use message::{Authority, Fields, Method, Name, RequestHead, ResponseHead, Scheme, Target, Version};

/// A request's head from HTTP/2. The library has refused what makes a message malformed (RFC 9113 section 8.1.1);
/// what concerns a gateway is judged here.
pub(crate) fn request_head(parts: &http::request::Parts, limits: &HeadLimits) -> Result<RequestHead, Reject> {
    let upgrade = parts.extensions.get::<h2::ext::Protocol>().map(h2::ext::Protocol::as_str);
    let method = match (&parts.method, upgrade) {
        // RFC 8441: a WebSocket is opened by CONNECT with :protocol. To the road it is the GET that it stands for.
        (&Method::CONNECT, Some(protocol)) if protocol.eq_ignore_ascii_case("websocket") => Method::GET,
        (&Method::CONNECT | &Method::TRACE, _) => return Err(Reject::Method),
        (method, _) => method.clone(),
    };
    let raw = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    if raw.len() > limits.target {
        return Err(Reject::TargetTooLong);
    }
    if raw == "*" && method != Method::OPTIONS {
        return Err(Reject::RequestLine);
    }
    let target = Target::parse(raw.as_bytes(), limits.merge_slashes).map_err(Reject::Target)?;
    let authority = authority(parts)?;
    if parts.headers.len() > limits.fields {
        return Err(Reject::TooManyFields);
    }
    let fields = request_fields(&parts.headers)?;
    Ok(RequestHead {
        method,
        target,
        authority: Some(authority),
        version: Version::HTTP_2,
        fields,
        upgrade: upgrade.map(|_| "websocket".into()),
    })
}

/// `:authority`, or `Host` where there is none; both must agree (RFC 9113 section 8.3.1).
fn authority(parts: &http::request::Parts) -> Result<Authority, Reject> {
    let parse = |bytes: &[u8]| Authority::parse(bytes).map_err(|_| Reject::Host);
    let mut hosts = parts.headers.get_all(http::header::HOST).iter();
    let host = hosts.next().map(|h| parse(h.as_bytes())).transpose()?;
    if hosts.next().is_some() {
        return Err(Reject::ManyHosts);
    }
    let named = parts.uri.authority().map(|a| parse(a.as_str().as_bytes())).transpose()?;
    match (named, host) {
        (Some(named), Some(host)) if named != host => Err(Reject::ManyHosts),
        (Some(authority), _) | (None, Some(authority)) => Ok(authority),
        (None, None) => Err(Reject::NoHost),
    }
}

fn request_fields(map: &HeaderMap) -> Result<Fields, Reject> {
    let bytes = map.iter().map(|(n, v)| n.as_str().len() + v.len()).sum();
    let mut fields = Fields::with_capacity(map.len(), bytes);
    let mut cookies: Vec<u8> = Vec::new();
    for (name, value) in map {
        let known = Name::of(name.as_str().as_bytes());
        match known {
            Name::Expect if !value.as_bytes().eq_ignore_ascii_case(b"100-continue") => {
                return Err(Reject::Expect);
            }
            // Said otherwise, or for one hop only.
            Name::Host
            | Name::ContentLength
            | Name::Expect
            | Name::ProxyAuthorization
            | Name::ProxyAuthenticate
            | Name::Http2Settings => {}
            Name::Connection
            | Name::KeepAlive
            | Name::ProxyConnection
            | Name::TransferEncoding
            | Name::Upgrade => {
                return Err(Reject::Http2Fields);
            }
            // RFC 9113 section 8.2.3: crumbs are joined before they leave HTTP/2.
            Name::Cookie => {
                if !cookies.is_empty() {
                    cookies.extend_from_slice(b"; ");
                }
                cookies.extend_from_slice(value.as_bytes());
            }
            _ => fields.push_from(known, name, value).map_err(|_| Reject::FieldLine)?,
        }
    }
    if !cookies.is_empty() {
        fields.push("cookie", &cookies).map_err(|_| Reject::FieldLine)?;
    }
    Ok(fields)
}

/// A response's head for HTTP/2.
pub(crate) fn response(head: &ResponseHead, length: Option<u64>) -> http::Response<()> {
    let mut response = http::Response::new(());
    *response.status_mut() = head.status;
    let fields = response.headers_mut();
    *fields = head.fields.to_map();
    if let Some(length) = length {
        fields.insert(http::header::CONTENT_LENGTH, length.into());
    }
    response
}

/// What `Content-Length` says.
pub(crate) fn content_length(fields: &HeaderMap) -> Option<u64> {
    fields.get(http::header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A request for an upstream that speaks HTTP/2.
pub(crate) fn request<B>(
    head: &RequestHead,
    scheme: Scheme,
    host: &str,
    length: Option<u64>,
    body: B,
) -> Result<http::Request<B>, http::Error> {
    let mut request = http::Request::new(body);
    *request.method_mut() = head.method.clone();
    *request.version_mut() = Version::HTTP_2;
    *request.uri_mut() = http::Uri::builder()
        .scheme(scheme.as_str())
        .authority(host)
        .path_and_query(head.target.as_str())
        .build()?;
    let fields = request.headers_mut();
    *fields = head.fields.to_map();
    if let Some(length) = length.filter(|&n| n > 0) {
        fields.insert(http::header::CONTENT_LENGTH, length.into());
    }
    Ok(request)
}

/// A response's head from an upstream that speaks HTTP/2.
pub(crate) fn response_head(parts: &http::response::Parts) -> ResponseHead {
    let mut fields = Fields::from_map(&parts.headers);
    fields.retain(|name, _, _| {
        !matches!(
            name,
            Name::ContentLength
                | Name::Connection
                | Name::KeepAlive
                | Name::ProxyConnection
                | Name::TransferEncoding
                | Name::Upgrade
                | Name::ProxyAuthenticate
        )
    });
    ResponseHead { status: parts.status, fields }
}
