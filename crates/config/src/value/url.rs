//! The URL of an endpoint: scheme, host and port, and nothing else.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::PathBuf;

use super::{Bad, Typed, net::unix_path, typed};

/// Where an endpoint of a service listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EndpointUrl {
    /// `http://host:port`
    Http {
        /// A DNS name or an address, lower case; IPv6 without brackets.
        host: String,
        /// The port; 80 where none was typed.
        port: u16,
    },
    /// `https://host:port`
    Https {
        /// A DNS name or an address, lower case; IPv6 without brackets.
        host: String,
        /// The port; 443 where none was typed.
        port: u16,
    },
    /// `unix:/path.sock`
    Unix(PathBuf),
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host, port) = match self {
            Self::Http { host, port } => ("http", host, port),
            Self::Https { host, port } => ("https", host, port),
            Self::Unix(path) => return write!(f, "unix:{}", path.display()),
        };
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}")
        } else {
            write!(f, "{scheme}://{host}:{port}")
        }
    }
}

impl Typed for EndpointUrl {
    const FORMAT: &'static str = "endpoint";
    const EXPECTED: &'static str =
        "a URL such as `http://10.0.0.5:9200`, `https://api.internal` or `unix:/run/api.sock`";

    fn read(text: &str) -> Result<Self, Bad> {
        if let Some(path) = text.strip_prefix("unix:") {
            return unix_path(path).map(Self::Unix);
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            let looks_right = authority(text, 80).is_ok() && text.contains(':');
            return Err(if looks_right { Bad::mean(format_args!("http://{text}")) } else { Bad::plain() });
        };
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            "h2c" | "grpc" => {
                return Err(Bad::because("HTTP/2 is chosen by the service's `protocol: http2`")
                    .or_mean(format_args!("http://{rest}")));
            }
            _ => return Err(Bad::because("the scheme must be http, https or unix")),
        };
        let (place, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if !matches!(path, "" | "/") {
            return Err(Bad::because("an endpoint has no path").hint(format!(
                "write `{scheme}://{place}`; a route changes paths, for example with `strip_prefix`"
            )));
        }
        let (host, port) = authority(place, if secure { 443 } else { 80 })?;
        Ok(if secure { Self::Https { host, port } } else { Self::Http { host, port } })
    }
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`.
pub(super) fn authority(text: &str, default_port: u16) -> Result<(String, u16), Bad> {
    if text.contains('@') {
        return Err(Bad::because("an endpoint's URL holds no user and password"));
    }
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((v6, port)) => {
            v6.parse::<Ipv6Addr>().map_err(|_| Bad::because("this is no IPv6 address"))?;
            (v6, port.strip_prefix(':').or_else(|| port.is_empty().then_some("")))
        }
        None => text.split_once(':').map_or((text, Some("")), |(host, port)| (host, Some(port))),
    };
    let port = match port {
        Some("") if !text.ends_with(':') => default_port,
        port => match port.map(str::parse) {
            Some(Ok(port @ 1..)) => port,
            _ => return Err(Bad::because("the port must be a number from 1 to 65535")),
        },
    };
    if !host.contains(':') && !is_host_name(host) {
        return Err(Bad::because("the host must be a name or an address"));
    }
    Ok((host.to_ascii_lowercase(), port))
}

/// Letters, digits, `-`, `_` and dots between them; 253 bytes in all, 63 a label (RFC 1123 section 2.1; the
/// underscore is what container networks use).
pub(super) fn is_host_name(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    host.len() <= 253 && host.strip_suffix('.').unwrap_or(host).split('.').all(label)
}

typed!(EndpointUrl);
