//! What a Kubernetes cluster knows things by: names of objects, ports of pods, the URL of its API server.

use std::fmt;

use super::{Bad, Typed, WebhookUrl, typed, word};

word!(
    /// The name of an object of a cluster, or of a namespace (RFC 1123 subdomain).
    ObjectName, "object name", "a name as Kubernetes has it: lower-case letters, digits, `-` and `.`",
    &["string", "integer"], |text| {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
        // Each part between dots begins and ends with a letter or a digit; so neither `.` nor `..` is a name.
        let ends_well = |part: &str| !part.is_empty() && !part.starts_with('-') && !part.ends_with('-');
        if text.len() <= 253 && text.bytes().all(plain) && text.split('.').all(ends_well) {
            return Ok(text.into());
        }
        let lower = text.to_ascii_lowercase().replace('_', "-");
        let (namespace, kind) = (text.split_once('/'), "the namespace goes into `namespace`, the kind into `kind`");
        Err(match namespace {
            Some(_) => Bad::plain().hint(kind),
            None if lower != text && Self::read(&lower).is_ok() => Bad::mean(lower),
            None => Bad::plain(),
        })
    }
);

/// Which port of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PodPort {
    /// The one that the Service calls so.
    Named(String),
    /// This one.
    Number(u16),
}

impl fmt::Display for PodPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::Number(port) => port.fmt(f),
        }
    }
}

impl Typed for PodPort {
    const FORMAT: &'static str = "port of pods";
    const EXPECTED: &'static str = "a port from 1 to 65535, or the name of one in the Service";
    const TYPES: &'static [&'static str] = &["string", "integer"];

    fn read(text: &str) -> Result<Self, Bad> {
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return match text.parse() {
                Ok(port @ 1..) => Ok(Self::Number(port)),
                _ => Err(Bad::plain()),
            };
        }
        // A name of RFC 1123 with a letter in it, 63 characters at most, as a Service has it.
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let good =
            text.len() <= 63 && text.bytes().all(plain) && !text.starts_with('-') && !text.ends_with('-');
        if good { Ok(Self::Named(text.into())) } else { Err(Bad::plain()) }
    }
}

/// The URL of an API server: `https://10.96.0.1:6443`, with a path where a proxy wants one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ApiUrl(WebhookUrl);

impl fmt::Display for ApiUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_string().trim_end_matches('/'))
    }
}

impl Typed for ApiUrl {
    const FORMAT: &'static str = "url of an API server";
    const EXPECTED: &'static str = "the URL of an API server such as `https://10.96.0.1:6443`";

    fn read(text: &str) -> Result<Self, Bad> {
        let url = WebhookUrl::read(text)?;
        if url.path.contains('?') {
            return Err(Bad::because("it holds no query").hint("a secret goes into `token`"));
        }
        Ok(Self(url))
    }
}

typed!(PodPort, ApiUrl);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_the_cluster_takes_for_one() {
        for name in ["shop", "shop-v2", "a.b", "9", &"a".repeat(253)] {
            assert!(ObjectName::read(name).is_ok(), "{name}");
        }
        for name in ["", ".", "..", "a..b", "-a", "a-", "a.-b", "a b", "ä", "a%2fb", "a/b", &"a".repeat(254)]
        {
            assert!(ObjectName::read(name).is_err(), "{name}");
        }
        let hint = |text| ObjectName::read(text).map_err(|bad| bad.hint.unwrap_or_default()).unwrap_err();
        assert_eq!(hint("My_Shop"), "did you mean `my-shop`?");
        assert_eq!(hint("team/shop"), "the namespace goes into `namespace`, the kind into `kind`");
    }

    #[test]
    fn a_port_has_a_number_or_a_name() {
        assert_eq!(PodPort::read("3000"), Ok(PodPort::Number(3000)));
        assert_eq!(PodPort::read("http-2"), Ok(PodPort::Named("http-2".into())));
        for text in ["", "0", "65536", "-1", "HTTP", "a b", "-a", &"a".repeat(64)] {
            assert!(PodPort::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_api_server_has_a_url_without_query_and_user() {
        let show = |text| ApiUrl::read(text).map(|url| url.to_string());
        assert_eq!(show("https://10.96.0.1"), Ok("https://10.96.0.1:443".into()));
        assert_eq!(show("https://[::1]:6443/"), Ok("https://[::1]:6443".into()));
        assert_eq!(show("http://proxy.test/k8s/c-1"), Ok("http://proxy.test:80/k8s/c-1".into()));
        for text in ["", "10.96.0.1", "ftp://a", "https://u:p@a", "https://a/?token=x"] {
            assert!(ApiUrl::read(text).is_err(), "{text}");
        }
    }
}
