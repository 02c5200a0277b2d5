//! Bytes of a complete head -> request or response head, strictly.
//!
//! `httparse` splits the lines and checks tokens and values; what it leaves to its caller is judged here: the form of
//! the target, Host, framing, fields of the connection (RFC 9110 section 7.6.1), upgrades. What comes out holds no
//! field that concerns one connection only, so nothing of one hop can leak to the next.

use super::framing::{Framing, FramingFields};
use super::reject::Reject;
use message::{Authority, Fields, Method, Name, RequestHead, ResponseHead, StatusCode, Target, Version};
use std::mem::MaybeUninit;
use std::ops::Range;

/// Most field lines that any limit may allow.
pub(crate) const MOST_FIELDS: usize = 256;
/// Longest name of a field, in bytes. Answers and trailers are bounded below that as a whole.
const NAME_MOST: usize = u16::MAX as usize;

/// Bounds of a head.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// Bytes of the whole head.
    pub bytes: usize,
    /// Field lines; at most 256.
    pub fields: usize,
    /// Bytes of the request target.
    pub target: usize,
    /// Turns `//` in paths into `/`.
    pub merge_slashes: bool,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { bytes: 32 * 1024, fields: 100, target: 8 * 1024, merge_slashes: true }
    }
}

/// A request's head and what it says of its connection.
#[derive(Debug)]
pub(crate) struct ParsedRequest {
    pub(crate) head: RequestHead,
    pub(crate) framing: Framing,
    /// The client allows another request on this connection.
    pub(crate) keep_alive: bool,
    /// The client waits for `100 Continue` before it sends the body.
    pub(crate) expects_continue: bool,
}

/// A response's head and what it says of its connection.
#[derive(Debug)]
pub(crate) struct ParsedResponse {
    pub(crate) head: ResponseHead,
    pub(crate) framing: Framing,
    /// `Content-Length`, also where no body follows (HEAD, 304).
    pub(crate) announced: Option<u64>,
    /// The server allows another request on this connection.
    pub(crate) keep_alive: bool,
}

/// Parses a complete request head (with its empty line).
pub(crate) fn parse_request(bytes: &[u8], limits: &HeadLimits) -> Result<ParsedRequest, Reject> {
    let mut slots = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut parsed = httparse::Request::new(&mut []);
    let slots = &mut slots[..limits.fields.min(MOST_FIELDS)];
    match parsed.parse_with_uninit_headers(bytes, slots) {
        Ok(httparse::Status::Complete(n)) if n == bytes.len() => {}
        Ok(_) => return Err(Reject::FieldLine),
        Err(e) => return Err(refused_request(bytes, e)),
    }
    // `Fields` keeps the length of a name in 16 bits: cut, a long name would be another one.
    if bytes.len() > NAME_MOST && parsed.headers.iter().any(|line| line.name.len() > NAME_MOST) {
        return Err(Reject::HeadTooLarge);
    }
    let (Some(method), Some(raw), Some(minor)) = (parsed.method, parsed.path, parsed.version) else {
        return Err(Reject::RequestLine);
    };
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| Reject::RequestLine)?;
    if method == Method::CONNECT || method == Method::TRACE {
        return Err(Reject::Method);
    }
    if raw.len() > limits.target {
        return Err(Reject::TargetTooLong);
    }
    let (from_target, raw) = split_target(&method, raw)?;
    let target = Target::parse(raw.as_bytes(), limits.merge_slashes).map_err(Reject::Target)?;

    let mut hop = Hop::default();
    let mut hosts = 0;
    let mut host = None;
    let mut expectations = Ok(false);
    let mut fields = Fields::over(bytes, parsed.headers.len());
    for line in parsed.headers.iter() {
        let name = Name::of(line.name.as_bytes());
        match name {
            Name::Host => {
                hosts += 1;
                host = Some(Authority::parse(line.value).map_err(|_| Reject::Host)?);
            }
            Name::Expect if line.value.eq_ignore_ascii_case(b"100-continue") => {
                expectations = expectations.and(Ok(true));
            }
            // Whatever else is expected beside it: it would not be done.
            Name::Expect => expectations = Err(Reject::Expect),
            _ if hop.takes(name, line.value) => {}
            _ => fields.point(name, range_in(bytes, line.name.as_bytes()), range_in(bytes, line.value)),
        }
    }
    let http_1_0 = minor == 0;
    match hosts {
        0 if !http_1_0 => return Err(Reject::NoHost),
        0 | 1 => {}
        _ => return Err(Reject::ManyHosts),
    }
    let framing = hop.framing.of_request(http_1_0)?;
    hop.strip_named(&mut fields);
    let expects_continue = expectations? && !http_1_0 && framing != Framing::Empty;
    let upgrade = hop.upgrade(http_1_0 || framing != Framing::Empty || method != Method::GET);
    if hop.te_trailers && !http_1_0 {
        fields.add(Name::Te, b"trailers");
    }
    let keep_alive = hop.keeps_alive(http_1_0);
    let version = if http_1_0 { Version::HTTP_10 } else { Version::HTTP_11 };
    let authority = from_target.or(host);
    Ok(ParsedRequest {
        head: RequestHead { method, target, authority, version, fields, upgrade },
        framing,
        keep_alive,
        expects_continue,
    })
}

/// Parses a complete response head (with its empty line). `to_head`: the request was HEAD.
pub(crate) fn parse_response(bytes: &[u8], to_head: bool) -> Result<ParsedResponse, Reject> {
    let mut slots = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut parsed = httparse::Response::new(&mut []);
    match httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut parsed, bytes, &mut slots)
    {
        Ok(httparse::Status::Complete(n)) if n == bytes.len() => {}
        Ok(_) | Err(httparse::Error::HeaderName | httparse::Error::HeaderValue) => {
            return Err(Reject::FieldLine);
        }
        Err(httparse::Error::TooManyHeaders) => return Err(Reject::TooManyFields),
        Err(_) => return Err(Reject::StatusLine),
    }
    let (Some(code), Some(minor)) = (parsed.code, parsed.version) else { return Err(Reject::StatusLine) };
    let status = StatusCode::from_u16(code).ok().filter(|_| code < 600).ok_or(Reject::StatusLine)?;
    let mut hop = Hop::default();
    let mut fields = Fields::over(bytes, parsed.headers.len());
    for line in parsed.headers.iter() {
        let name = Name::of(line.name.as_bytes());
        if !hop.takes(name, line.value) {
            fields.point(name, range_in(bytes, line.name.as_bytes()), range_in(bytes, line.value));
        }
    }
    let http_1_0 = minor == 0;
    let bodiless = to_head
        || status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED;
    let framing = hop.framing.of_response(http_1_0, bodiless)?;
    hop.strip_named(&mut fields);
    // A 101 is judged by its Upgrade, which the exchange compares with what was asked for.
    if let Some(protocol) = hop.upgrade(status != StatusCode::SWITCHING_PROTOCOLS) {
        fields.add(Name::Upgrade, protocol.as_bytes());
    }
    let keep_alive = hop.keeps_alive(http_1_0) && framing != Framing::UntilClose;
    Ok(ParsedResponse {
        head: ResponseHead { status, fields },
        framing,
        announced: hop.framing.length(),
        keep_alive,
    })
}

/// Parses field lines up to and with their empty line: trailers.
pub(crate) fn parse_field_section(bytes: &[u8], most: usize) -> Result<Fields, Reject> {
    let mut slots = [httparse::EMPTY_HEADER; 64];
    let most = most.min(slots.len());
    match httparse::parse_headers(bytes, &mut slots[..most]) {
        Ok(httparse::Status::Complete((n, lines))) if n == bytes.len() => {
            let mut fields = Fields::over(bytes, lines.len());
            for line in lines {
                let name = Name::of(line.name.as_bytes());
                fields.point(name, range_in(bytes, line.name.as_bytes()), range_in(bytes, line.value));
            }
            Ok(fields)
        }
        _ => Err(Reject::FieldLine),
    }
}

/// Where a part of `whole` stands in it. White space around it is left out.
fn range_in(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = part.as_ptr() as usize - whole.as_ptr() as usize;
    let lead = part.len() - part.trim_ascii_start().len();
    start + lead..start + lead + part.trim_ascii().len()
}

/// Takes the authority out of an absolute-form target (RFC 9112 section 3.2.2); `*` is for OPTIONS alone.
fn split_target<'a>(method: &Method, raw: &'a str) -> Result<(Option<Authority>, &'a str), Reject> {
    if raw.starts_with('/') {
        return Ok((None, raw));
    }
    if raw == "*" {
        return if method == Method::OPTIONS { Ok((None, raw)) } else { Err(Reject::RequestLine) };
    }
    let after = |scheme: &str| {
        raw.get(..scheme.len()).filter(|s| s.eq_ignore_ascii_case(scheme)).map(|_| &raw[scheme.len()..])
    };
    let Some(rest) = after("http://").or_else(|| after("https://")) else {
        return Err(Reject::RequestLine);
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let authority = Authority::parse(&rest.as_bytes()[..end]).map_err(|_| Reject::Host)?;
    match &rest[end..] {
        "" if method == Method::OPTIONS => Ok((Some(authority), "*")),
        "" => Ok((Some(authority), "/")),
        path if path.starts_with('/') => Ok((Some(authority), path)),
        _ => Err(Reject::RequestLine),
    }
}

/// Names the fault in a request head that `httparse` refused.
fn refused_request(bytes: &[u8], error: httparse::Error) -> Reject {
    match error {
        httparse::Error::TooManyHeaders => Reject::TooManyFields,
        httparse::Error::HeaderName | httparse::Error::HeaderValue => Reject::FieldLine,
        httparse::Error::Version => {
            // `HTTP/2.0` is a version that we do not speak here, `HTTP/1.1x` is a broken line.
            let line = bytes.split(|&b| b == b'\r').next().unwrap_or_default();
            match line.split(|&b| b == b' ').collect::<Vec<_>>()[..] {
                [_, _, [b'H', b'T', b'T', b'P', b'/', a, b'.', b]]
                    if a.is_ascii_digit() && b.is_ascii_digit() =>
                {
                    Reject::Version
                }
                _ => Reject::RequestLine,
            }
        }
        _ => Reject::RequestLine,
    }
}

/// The fields that concern one connection, gathered and kept from the next hop.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one option of `Connection`, as the field lists them"
)]
struct Hop<'a> {
    framing: FramingFields,
    close: bool,
    keep_alive: bool,
    upgrade_option: bool,
    te_trailers: bool,
    protocol: Option<&'a [u8]>,
    /// `Connection` lines that name fields of their own.
    naming: Vec<&'a [u8]>,
}

impl<'a> Hop<'a> {
    /// Is this a field of the connection? Then it was taken note of and goes no further.
    fn takes(&mut self, name: Name, value: &'a [u8]) -> bool {
        match name {
            Name::ContentLength => self.framing.content_length(value.trim_ascii()),
            Name::TransferEncoding => self.framing.transfer_encoding(value.trim_ascii()),
            Name::Connection => self.connection(value),
            Name::Te => {
                self.te_trailers |=
                    value.split(|&b| b == b',').any(|m| m.trim_ascii().eq_ignore_ascii_case(b"trailers"));
            }
            // Two Upgrade lines are a list; none of its members is asked for alone.
            Name::Upgrade => {
                self.protocol = if self.protocol.is_none() { Some(value.trim_ascii()) } else { Some(b"") }
            }
            Name::KeepAlive
            | Name::ProxyConnection
            | Name::ProxyAuthenticate
            | Name::ProxyAuthorization
            | Name::Http2Settings => {}
            _ => return false,
        }
        true
    }

    fn connection(&mut self, value: &'a [u8]) {
        let mut names = false;
        for option in value.split(|&b| b == b',').map(<[u8]>::trim_ascii) {
            if option.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if option.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else if option.eq_ignore_ascii_case(b"upgrade") {
                self.upgrade_option = true;
            } else if !option.is_empty() {
                names = true;
            }
        }
        if names {
            self.naming.push(value);
        }
    }

    /// Takes away the fields that `Connection` names.
    fn strip_named(&self, fields: &mut Fields) {
        for option in self.naming.iter().flat_map(|v| v.split(|&b| b == b',')) {
            fields.remove_named(option.trim_ascii());
        }
    }

    fn keeps_alive(&self, http_1_0: bool) -> bool {
        !self.close && (!http_1_0 || self.keep_alive)
    }

    /// The protocol to switch to. WebSocket alone: others (h2c above all) would let a client speak past the gateway.
    fn upgrade(&self, refused: bool) -> Option<Box<str>> {
        let asked =
            self.upgrade_option && self.protocol.is_some_and(|p| p.eq_ignore_ascii_case(b"websocket"));
        (asked && !refused).then(|| "websocket".into())
    }
}

#[cfg(test)]
mod tests;
