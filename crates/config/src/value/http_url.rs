//! URLs of what Tidegate asks: key sets, authorities, other services.

use std::fmt;
use std::net::IpAddr;

use super::{Bad, Typed, WebhookUrl, typed};

/// `https://host:port/path?query`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpUrl(WebhookUrl);

impl HttpUrl {
    /// Whether it is asked with TLS.
    pub const fn is_secure(&self) -> bool {
        self.0.secure
    }

    /// A DNS name or an address, lower case; IPv6 without brackets.
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// The port; 80 or 443 where none was typed.
    pub const fn port(&self) -> u16 {
        self.0.port
    }

    /// Path and query; at least `/`.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// Whether nobody between here and there can change what is said: with TLS, or on this machine.
    pub(crate) fn is_safe(&self) -> bool {
        let host = self.host();
        let loopback = host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
        self.is_secure() || loopback || host == "localhost" || host.ends_with(".localhost")
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Typed for HttpUrl {
    const FORMAT: &'static str = "http url";
    const EXPECTED: &'static str = "a URL such as `https://id.example.com/keys`";

    fn read(text: &str) -> Result<Self, Bad> {
        if text
            .split_once("://")
            .is_some_and(|(_, rest)| rest.split('/').next().is_some_and(|p| p.contains('@')))
        {
            return Err(Bad::because("it holds no user and password"));
        }
        let clear = format!("http://{text}");
        match WebhookUrl::read(text).map(Self) {
            Err(_) if !text.contains("://") && Self::read(&clear).is_ok_and(|url| url.is_safe()) => {
                Err(Bad::mean(clear))
            }
            read => read,
        }
    }
}

typed!(HttpUrl);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_without_a_scheme_gets_the_one_that_is_meant() {
        let hint = |text| HttpUrl::read(text).map_err(|bad| bad.hint.unwrap_or_default()).unwrap_err();
        assert_eq!(hint("127.0.0.1:4180/auth"), "did you mean `http://127.0.0.1:4180/auth`?");
        assert_eq!(hint("id.example.com/keys"), "did you mean `https://id.example.com/keys`?");
        assert_eq!(hint("https://u:p@a.com"), "");
    }

    #[test]
    fn only_this_machine_is_safe_without_tls() {
        let safe = |text| HttpUrl::read(text).map(|url| url.is_safe());
        for text in
            ["https://id.example.com/x", "http://127.0.0.1:9000/", "http://[::1]/", "http://localhost/a"]
        {
            assert_eq!(safe(text), Ok(true), "{text}");
        }
        for text in ["http://id.example.com/x", "http://10.0.0.1/", "http://localhost.evil.com/"] {
            assert_eq!(safe(text), Ok(false), "{text}");
        }
    }
}
