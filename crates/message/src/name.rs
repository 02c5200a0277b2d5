//! Names of fields. The well-known ones are told apart by one byte, the others are compared as text.

use http::HeaderName;

macro_rules! names {
    ($($variant:ident = $text:literal,)*) => {
        /// A field's name as far as Tidegate knows it. [`Name::Other`] stands for all the rest.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Name {
            $(#[doc = concat!("`", $text, "`")] $variant,)*
            /// A name that has no variant here: compare it as text.
            Other,
        }

        impl Name {
            /// The name in lower case; empty for [`Name::Other`].
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other => "",
                }
            }

            /// How a line of that name begins.
            pub(crate) const fn line_start(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($text, ": "),)*
                    Self::Other => ": ",
                }
            }

            /// Which well-known name these bytes are, in any mix of cases.
            pub fn of(bytes: &[u8]) -> Self {
                // The length and the first letter leave at most a few candidates to compare.
                let Some(first) = bytes.first() else { return Self::Other };
                match (bytes.len(), first.to_ascii_lowercase()) {
                    $((n, c) if n == $text.len() && c == $text.as_bytes()[0]
                        && bytes.eq_ignore_ascii_case($text.as_bytes()) => Self::$variant,)*
                    _ => Self::Other,
                }
            }
        }

        /// The same names as the `http` crate has them, in the same order.
        static HEADERS: [HeaderName; Name::Other as usize] = [$(HeaderName::from_static($text),)*];

        #[cfg(test)]
        const ALL: &[Name] = &[$(Name::$variant,)*];
    };
}

names! {
    Accept = "accept",
    AcceptEncoding = "accept-encoding",
    AcceptLanguage = "accept-language",
    AcceptRanges = "accept-ranges",
    AccessControlRequestMethod = "access-control-request-method",
    Age = "age",
    Allow = "allow",
    AltSvc = "alt-svc",
    Authorization = "authorization",
    CacheControl = "cache-control",
    CacheStatus = "cache-status",
    CacheTag = "cache-tag",
    CdnCacheControl = "cdn-cache-control",
    CdnLoop = "cdn-loop",
    Connection = "connection",
    ContentEncoding = "content-encoding",
    ContentLanguage = "content-language",
    ContentLength = "content-length",
    ContentLocation = "content-location",
    ContentRange = "content-range",
    ContentType = "content-type",
    Cookie = "cookie",
    Date = "date",
    Etag = "etag",
    Expect = "expect",
    Expires = "expires",
    Forwarded = "forwarded",
    GrpcStatus = "grpc-status",
    GrpcTimeout = "grpc-timeout",
    Host = "host",
    Http2Settings = "http2-settings",
    IdempotencyKey = "idempotency-key",
    IfMatch = "if-match",
    IfModifiedSince = "if-modified-since",
    IfNoneMatch = "if-none-match",
    IfRange = "if-range",
    IfUnmodifiedSince = "if-unmodified-since",
    KeepAlive = "keep-alive",
    LastModified = "last-modified",
    Link = "link",
    Location = "location",
    MaxForwards = "max-forwards",
    Origin = "origin",
    Pragma = "pragma",
    Prefer = "prefer",
    ProxyAuthenticate = "proxy-authenticate",
    ProxyAuthorization = "proxy-authorization",
    ProxyConnection = "proxy-connection",
    Range = "range",
    RateLimit = "ratelimit",
    RateLimitPolicy = "ratelimit-policy",
    Referer = "referer",
    RetryAfter = "retry-after",
    SecWebsocketAccept = "sec-websocket-accept",
    SecWebsocketKey = "sec-websocket-key",
    SecWebsocketVersion = "sec-websocket-version",
    Server = "server",
    ServerTiming = "server-timing",
    SetCookie = "set-cookie",
    SurrogateKey = "surrogate-key",
    Te = "te",
    Traceparent = "traceparent",
    Tracestate = "tracestate",
    Trailer = "trailer",
    TransferEncoding = "transfer-encoding",
    Upgrade = "upgrade",
    UserAgent = "user-agent",
    Vary = "vary",
    Via = "via",
    Warning = "warning",
    WwwAuthenticate = "www-authenticate",
    XApiKey = "x-api-key",
    XForwardedFor = "x-forwarded-for",
    XForwardedHost = "x-forwarded-host",
    XForwardedPort = "x-forwarded-port",
    XForwardedProto = "x-forwarded-proto",
    XRealIp = "x-real-ip",
    XRequestId = "x-request-id",
    XRequestDeadline = "x-request-deadline",
    XTidegateAuth = "x-tidegate-auth",
    XTidegateConsumer = "x-tidegate-consumer",
    XTidegateExplain = "x-tidegate-explain",
    XTidegateMirror = "x-tidegate-mirror",
    XTidegatePlan = "x-tidegate-plan",
    XTidegateScopes = "x-tidegate-scopes",
    XTidegateSubject = "x-tidegate-subject",
}

impl Name {
    /// The same name in the `http` crate, without a look at its letters; `None` for [`Name::Other`].
    pub(crate) fn header(self) -> Option<&'static HeaderName> {
        HEADERS.get(self as usize)
    }

    /// Is its value a new one in nearly every message? A table of recent fields (HPACK, RFC 7541) that takes such
    /// values up loses those that do come again.
    pub(crate) const fn is_never_twice_the_same(self) -> bool {
        matches!(
            self,
            Self::XRequestId
                | Self::Traceparent
                | Self::IdempotencyKey
                | Self::XRequestDeadline
                | Self::ServerTiming
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_name_is_the_same_in_the_library() {
        for &name in ALL {
            assert_eq!(name.header().map(HeaderName::as_str), Some(name.as_str()));
        }
        assert!(Name::Other.header().is_none());
    }

    #[test]
    fn every_known_name_is_found_in_any_case() {
        for &name in ALL {
            assert_eq!(Name::of(name.as_str().as_bytes()), name);
            assert_eq!(Name::of(name.as_str().to_ascii_uppercase().as_bytes()), name);
        }
    }

    #[test]
    fn anything_else_is_other() {
        for text in ["", "x", "hos", "hostt", "x-request-ie", "content_length"] {
            assert_eq!(Name::of(text.as_bytes()), Name::Other, "{text}");
        }
    }
}
