//! What a health check asks for.

use std::fmt;

use super::{Bad, Typed, typed, url::is_host_name, word};

word!(
    /// The path and query that a health check asks for.
    ProbePath, "probe path", "a path such as `/healthz`", &["string"], |text| {
        if matches!(text, "tcp" | "grpc") {
            let example = if text == "tcp" { "{ tcp: true }" } else { "{ grpc: \"\" }" };
            return Err(Bad::plain().hint(format!("write `{example}`")));
        }
        if text.contains("://") {
            let hint = "which endpoint is asked follows from `endpoints`; `host` and `port` change what it is asked with";
            return Err(Bad::because("it holds no scheme and no host").hint(hint));
        }
        if !text.starts_with('/') {
            return Err(Bad::because("it must start with `/`").or_mean(format_args!("/{text}")));
        }
        let clean = text.len() <= 2048 && text.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
        if clean { Ok(text.into()) } else { Err(Bad::because("it may hold visible ASCII without `#`, 2048 bytes at most")) }
    }
);

word!(
    /// The `Host` that a health check sends.
    ProbeHost, "probe host", "a host such as `api.internal` or `api.internal:8080`", &["string"], |text| {
        let (host, port) = text.rsplit_once(':').unwrap_or((text, "1"));
        let fits = is_host_name(host) && port.parse::<u16>().is_ok_and(|port| port > 0);
        if fits { Ok(text.to_ascii_lowercase()) } else { Err(Bad::plain()) }
    }
);

word!(
    /// The service that a gRPC health check asks about; empty for the whole server.
    GrpcService, "grpc service", "the name of a gRPC service such as `shop.v1.Orders`, or `\"\"` for the whole server",
    &["string"], |text| {
        if text == "true" {
            return Err(Bad::mean("\"\""));
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-/".contains(&b);
        if text.len() <= 256 && text.bytes().all(plain) { Ok(text.into()) } else { Err(Bad::plain()) }
    }
);

/// A key that says something by being there, so that only `true` makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Yes;

impl fmt::Display for Yes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true")
    }
}

impl Typed for Yes {
    const FORMAT: &'static str = "true";
    const EXPECTED: &'static str = "`true`";
    const TYPES: &'static [&'static str] = &["string", "boolean"];

    fn read(text: &str) -> Result<Self, Bad> {
        if text.eq_ignore_ascii_case("true") { Ok(Self) } else { Err(Bad::plain()) }
    }
}

typed!(Yes);
