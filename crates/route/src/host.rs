//! Hosts that a rule is for: `api.example.com`, or `*.example.com` for every name below it.

use message::Authority;
use std::fmt;

/// Why a host pattern was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadHost {
    /// Not a host name or address.
    #[error("expected a host name such as `api.example.com` or `*.example.com`")]
    NotAHost,
    /// A port was named.
    #[error("a host is matched without its port: write `api.example.com`, not `api.example.com:8080`")]
    Port,
    /// `*` elsewhere than as the whole first label.
    #[error("`*` stands only for whole labels at the start of a host, such as `*.example.com`")]
    Star,
    /// `*` alone.
    #[error("a rule without `host` is for any host: leave `host` out instead of writing `*`")]
    Any,
}

/// A checked host pattern, in lower case, without a trailing dot.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostPattern {
    name: Box<str>,
    below: bool,
}

impl HostPattern {
    /// Reads `api.example.com`, an address (`10.0.0.1`, `[::1]`), or `*.example.com`. The last fits one or more
    /// labels before the suffix and never the bare suffix.
    pub fn parse(text: &str) -> Result<Self, BadHost> {
        if text == "*" {
            return Err(BadHost::Any);
        }
        let (name, below) = match text.strip_prefix("*.") {
            Some(suffix) => (suffix, true),
            None => (text, false),
        };
        if name.contains('*') {
            return Err(BadHost::Star);
        }
        let authority = Authority::parse(name.as_bytes()).map_err(|_| BadHost::NotAHost)?;
        if authority.host() != authority.as_str() || name.ends_with(':') {
            return Err(BadHost::Port);
        }
        let name = authority.host();
        let dotted_well = name.starts_with('[') || name.split('.').all(|label| !label.is_empty());
        if !dotted_well || (below && name.starts_with('[')) {
            return Err(BadHost::NotAHost);
        }
        Ok(Self { name: name.into(), below })
    }

    /// The name, or the suffix behind `*.`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Is it `*.name`?
    pub(crate) fn is_below(&self) -> bool {
        self.below
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.below { "*." } else { "" }, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_pattern_is_a_host_or_all_names_below_one() {
        for (text, want) in [
            ("API.Example.com", "api.example.com"),
            ("example.com.", "example.com"),
            ("*.Example.com", "*.example.com"),
            ("localhost", "localhost"),
            ("10.0.0.1", "10.0.0.1"),
            ("[::1]", "[::1]"),
            ("my_service", "my_service"),
        ] {
            assert_eq!(HostPattern::parse(text).map(|h| h.to_string()).as_deref(), Ok(want), "{text}");
        }
    }

    #[test]
    fn a_bad_host_pattern_is_refused_with_its_reason() {
        for (text, want) in [
            ("", BadHost::NotAHost),
            ("a b", BadHost::NotAHost),
            ("https://a", BadHost::NotAHost),
            ("a/b", BadHost::NotAHost),
            (".a", BadHost::NotAHost),
            ("a..b", BadHost::NotAHost),
            ("*.", BadHost::NotAHost),
            ("*.[::1]", BadHost::NotAHost),
            ("é.com", BadHost::NotAHost),
            ("a:80", BadHost::Port),
            ("a:", BadHost::Port),
            ("*", BadHost::Any),
            ("*a.com", BadHost::Star),
            ("a.*.com", BadHost::Star),
            ("*.*.com", BadHost::Star),
        ] {
            assert_eq!(HostPattern::parse(text), Err(want), "{text}");
        }
    }
}
