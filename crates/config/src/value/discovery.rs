//! Names that endpoints are looked up by, and the name servers that are asked.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::{Bad, Typed, typed, url::is_host_name, word};

/// A name with A and AAAA records, with or without the port of the endpoints behind it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DnsName {
    host: String,
    port: Option<u16>,
}

impl DnsName {
    /// The name, lower case.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, where one was typed.
    pub const fn port(&self) -> Option<u16> {
        self.port
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

impl Typed for DnsName {
    const FORMAT: &'static str = "dns name";
    const EXPECTED: &'static str = "a name such as `search.internal` or `search.internal:9200`";

    fn read(text: &str) -> Result<Self, Bad> {
        if let Some((scheme, rest)) = text.split_once("://") {
            let bad = Bad::because("a name has no scheme").or_mean(rest.trim_end_matches('/'));
            return Err(if scheme == "https" {
                bad.hint("write the name, and `scheme: https` beside it")
            } else {
                bad
            });
        }
        let (host, port) = text.rsplit_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
        if text.parse::<IpAddr>().is_ok()
            || host.parse::<IpAddr>().is_ok()
            || text.parse::<SocketAddr>().is_ok()
        {
            return Err(
                Bad::because("this is an address and needs no look-up").hint("list it under `endpoints`")
            );
        }
        if is_srv_name(host) {
            return Err(
                Bad::because("this is the name of an SRV record").hint("write `srv:` instead of `dns:`")
            );
        }
        let port = match port.map(str::parse) {
            None => None,
            Some(Ok(port @ 1..)) => Some(port),
            Some(_) => return Err(Bad::because("the port must be a number from 1 to 65535")),
        };
        if is_host_name(host) {
            Ok(Self { host: host.to_ascii_lowercase(), port })
        } else {
            Err(Bad::plain())
        }
    }
}

word!(
    /// The name of an SRV record, lower case: `_service._protocol.name` (RFC 2782).
    SrvName, "srv name", "the name of an SRV record such as `_http._tcp.search.internal`", &["string"], |text| {
        if text.contains(':') {
            return Err(Bad::because("the records bring the ports"));
        }
        if is_srv_name(text) {
            return Ok(text.to_ascii_lowercase());
        }
        let host = is_host_name(text) && text.contains('.');
        Err(if host { Bad::plain().or_mean(format_args!("_http._tcp.{text}")) } else { Bad::plain() })
    }
);

/// A host name whose first two labels start with `_`, and that has a third.
fn is_srv_name(text: &str) -> bool {
    let mut labels = text.split('.');
    let mut marked = || labels.next().is_some_and(|label| label.len() > 1 && label.starts_with('_'));
    marked() && marked() && labels.next().is_some_and(|label| !label.is_empty()) && is_host_name(text)
}

/// A name server: address and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Nameserver(SocketAddr);

impl Nameserver {
    /// The port of DNS (RFC 1035 section 4.2).
    const PORT: u16 = 53;

    /// Where it is asked.
    pub const fn get(self) -> SocketAddr {
        self.0
    }
}

impl fmt::Display for Nameserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Typed for Nameserver {
    const FORMAT: &'static str = "name server";
    const EXPECTED: &'static str = "the address of a name server such as `10.0.0.2:53`";

    fn read(text: &str) -> Result<Self, Bad> {
        let bare = text.parse().map(|ip: IpAddr| SocketAddr::new(ip, Self::PORT));
        match bare.or_else(|_| text.parse::<SocketAddr>()) {
            Ok(address) if address.port() == 0 => {
                Err(Bad::because("the port must be a number from 1 to 65535"))
            }
            Ok(address) if address.ip().is_unspecified() => {
                Err(Bad::because("nobody can be asked at this address"))
            }
            Ok(address) => Ok(Self(address)),
            Err(_) if is_host_name(text.split(':').next().unwrap_or("")) => {
                Err(Bad::because("a name server cannot be looked up itself"))
            }
            Err(_) => Err(Bad::plain()),
        }
    }
}

typed!(DnsName, Nameserver);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_bring_its_port() {
        let read = |text| DnsName::read(text).map(|name| (name.host().to_owned(), name.port()));
        assert_eq!(read("Search.internal:9200"), Ok(("search.internal".into(), Some(9200))));
        assert_eq!(read("search"), Ok(("search".into(), None)));
        for text in
            ["", ":1", "a:0", "a:b", "10.0.0.1", "10.0.0.1:80", "[::1]:80", "::1", "a b", "a/b", "_a._b.c"]
        {
            assert!(DnsName::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_name_of_an_srv_record_has_a_service_and_a_protocol() {
        assert!(SrvName::read("_http._tcp.search.internal").is_ok());
        for text in
            ["search.internal", "_http.search", "_http._tcp", "_http._tcp.", "_._tcp.a", "_a._b.c:80", ""]
        {
            assert!(SrvName::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_server_without_a_port_is_asked_at_53() {
        let read = |text| Nameserver::read(text).map(|server| server.to_string());
        assert_eq!(read("10.0.0.2"), Ok("10.0.0.2:53".into()));
        assert_eq!(read("[::1]:5353"), Ok("[::1]:5353".into()));
        for text in ["", "dns.internal:53", "10.0.0.2:0", "0.0.0.0", "10.0.0.2:99999"] {
            assert!(Nameserver::read(text).is_err(), "{text}");
        }
    }
}
