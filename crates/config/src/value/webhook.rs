//! The URL of a webhook: unlike that of an endpoint it has a path.

use std::fmt;

use super::{Bad, Typed, typed, url::authority};

/// Where something is told: `https://host:port/path`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WebhookUrl {
    /// With TLS.
    pub secure: bool,
    /// A DNS name or an address, lower case; IPv6 without brackets.
    pub host: String,
    /// The port; 80 or 443 where none was typed.
    pub port: u16,
    /// Path and query; at least `/`.
    pub path: String,
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { secure, host, port, path } = self;
        let scheme = if *secure { "https" } else { "http" };
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}{path}")
        } else {
            write!(f, "{scheme}://{host}:{port}{path}")
        }
    }
}

impl Typed for WebhookUrl {
    const FORMAT: &'static str = "url";
    const EXPECTED: &'static str = "a URL such as `https://hooks.internal/scale`";

    fn read(text: &str) -> Result<Self, Bad> {
        let Some((scheme, rest)) = text.split_once("://") else {
            let (place, _) = text.split_at(text.find('/').unwrap_or(text.len()));
            let looks_right = place.contains(['.', ':']) && authority(place, 443).is_ok();
            return Err(if looks_right { Bad::mean(format_args!("https://{text}")) } else { Bad::plain() });
        };
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(Bad::because("the scheme must be http or https")),
        };
        let (place, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if place.contains('@') {
            return Err(Bad::because("it holds no user and password").hint("a secret goes into `token`"));
        }
        let (host, port) = authority(place, if secure { 443 } else { 80 })?;
        let clean = path.len() <= 2048 && path.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
        if !clean {
            let reason = "path and query may hold visible ASCII without `#`, 2048 bytes at most";
            return Err(Bad::because(reason));
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { secure, host, port, path })
    }
}

typed!(WebhookUrl);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_has_a_scheme_a_host_and_a_path() {
        let show = |text| WebhookUrl::read(text).map(|url| url.to_string());
        assert_eq!(show("https://Hooks.internal"), Ok("https://hooks.internal:443/".into()));
        assert_eq!(show("http://[::1]:81/a?b=c"), Ok("http://[::1]:81/a?b=c".into()));
        assert_eq!(show("http://a?b"), Ok("http://a:80/?b".into()));
        for text in [
            "",
            "hooks",
            "ftp://a/",
            "http://u:p@a/",
            "http:///x",
            "http://a/ b",
            "http://a/#b",
            "http://a:0/",
        ] {
            assert!(WebhookUrl::read(text).is_err(), "{text}");
        }
        let hint = |text| WebhookUrl::read(text).map_err(|bad| bad.hint.unwrap_or_default());
        assert_eq!(hint("hooks.internal/scale"), Err("did you mean `https://hooks.internal/scale`?".into()));
    }
}
