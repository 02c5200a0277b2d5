//! An origin as it is typed in the config, compared with one as browsers write it (RFC 6454 section 6.1).
//!
//! Compared as text, byte by byte: nothing is parsed that came from a client, so nothing can be parsed in two ways. `null`,
//! the origin of sandboxed frames and of files, is one that any site can take on, and matches no pattern.

use super::BadCors;

/// One origin, or all below a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// `https://app.example.com`.
    Exact(Box<str>),
    /// `https://*.example.com:8443`, cut at the star: `https://` and `.example.com:8443`.
    Below(Box<str>, Box<str>),
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, BadCors> {
        let bad = || BadCors::Origin(text.into());
        let lower = text.to_ascii_lowercase();
        let (scheme, authority) = lower.split_once("://").ok_or_else(bad)?;
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
        // Browsers leave the port out where it is the scheme's own.
        let authority = match scheme {
            "http" => authority.strip_suffix(":80").unwrap_or(authority),
            "https" => authority.strip_suffix(":443").unwrap_or(authority),
            _ => authority,
        };
        let (is_below, rest) = authority.strip_prefix("*.").map_or((false, authority), |rest| (true, rest));
        if !is_scheme || !is_authority(rest) || is_below && rest.starts_with('[') {
            return Err(bad());
        }
        Ok(if is_below {
            Self::Below(format!("{scheme}://").into(), format!(".{rest}").into())
        } else {
            Self::Exact(format!("{scheme}://{authority}").into())
        })
    }

    pub(super) fn matches(&self, origin: &[u8]) -> bool {
        match self {
            Self::Exact(text) => text.as_bytes() == origin,
            Self::Below(scheme, domain) => {
                let below =
                    origin.strip_prefix(scheme.as_bytes()).and_then(|o| o.strip_suffix(domain.as_bytes()));
                below.is_some_and(is_name)
            }
        }
    }
}

/// Labels of a host name; what stands for the star must hold nothing that ends a host.
fn is_name(bytes: &[u8]) -> bool {
    let is_label = |label: &[u8]| {
        !label.is_empty() && label.iter().all(|&b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    bytes.split(|&b| b == b'.').all(is_label)
}

fn is_authority(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let Some((address, behind)) = rest.split_once(']') else { return false };
            let is_address = address.parse::<std::net::Ipv6Addr>().is_ok();
            return is_address && (behind.is_empty() || behind.strip_prefix(':').is_some_and(is_port));
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    is_name(host.as_bytes()) && port.is_none_or(is_port)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok()
}
