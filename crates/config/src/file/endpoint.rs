//! One endpoint, and the ways to look endpoints up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{DnsName, EndpointUrl, Nameserver, Period, SrvName, ZoneName};

/// One process that serves the API. A bare URL stands for `url`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "url", "x-later" = ["health_check"]))]
pub struct Endpoint {
    /// `http://host:port`, `https://host:port` or `unix:/path.sock`, without a path.
    pub url: EndpointUrl,
    /// Its share of the requests, compared with the other endpoints.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 65_535))]
    pub weight: u16,
    /// The zone it stands in. Endpoints of Tidegate's own zone (the file's `zone`) are used first.
    pub zone: Option<ZoneName>,
    /// Use it only while no other endpoint can be used.
    #[serde(default)]
    pub backup: bool,
    /// Which endpoints are used first: those of 0, then with too few of them healthy those of 1, and so on.
    #[serde(default)]
    #[schemars(range(min = 0, max = 9))]
    pub priority: u8,
    /// Connections to it at a time, of all workers together.
    #[schemars(range(min = 1, max = 10_000_000), extend("x-default" = "the service's"))]
    pub max_connections: Option<u32>,
    /// Requests under way there at a time.
    #[schemars(range(min = 1, max = 10_000_000), extend("x-default" = "the service's"))]
    pub max_requests: Option<u32>,
}

fn one() -> u16 {
    1
}

impl Endpoint {
    /// An endpoint with every default.
    pub fn at(url: EndpointUrl) -> Self {
        Self {
            url,
            weight: 1,
            zone: None,
            backup: false,
            priority: 0,
            max_connections: None,
            max_requests: None,
        }
    }
}

/// Endpoints that a name in DNS stands for, one for each of its A and AAAA records. The name is looked up again and
/// again; while that fails, the last answer stays in use. A bare `name:port` stands for `name`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "name"))]
pub struct Dns {
    /// The name, which may bring the port: `search.internal:9200`.
    pub name: DnsName,
    /// The port of the endpoints.
    #[schemars(range(min = 1, max = 65_535), extend("x-default" = "required, unless `name` has it"))]
    pub port: Option<u16>,
    /// How the endpoints are spoken to.
    #[serde(default)]
    pub scheme: Scheme,
    /// The name servers to ask, `10.0.0.2:53`; one or a list.
    #[serde(default)]
    #[schemars(extend("x-one-or-list" = true, "x-default" = "the system's"))]
    pub resolver: Vec<Nameserver>,
    /// How often the name is looked up.
    #[schemars(extend("x-min" = 1_000, "x-default" = "when the answer's TTL ends"))]
    pub refresh: Option<Period>,
    /// The shortest time between two look-ups, where the TTL of an answer is shorter.
    #[serde(default = "second")]
    #[schemars(extend("x-min" = 100))]
    pub min_ttl: Period,
}

impl Dns {
    /// The name to look up.
    pub fn host(&self) -> &str {
        self.name.host()
    }

    /// The port of the endpoints. A file without one is refused; the scheme's stands here only for completeness.
    pub fn port(&self) -> u16 {
        self.port.or(self.name.port()).unwrap_or(match self.scheme {
            Scheme::Http => 80,
            Scheme::Https => 443,
        })
    }
}

/// Endpoints that SRV records in DNS name (RFC 2782): host, port, priority and weight of each. They are looked up again
/// and again; while that fails, the last answer stays in use. A bare name stands for `name`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "name"))]
pub struct Srv {
    /// The name of the records: `_http._tcp.search.internal`.
    pub name: SrvName,
    /// How the endpoints are spoken to.
    #[serde(default)]
    pub scheme: Scheme,
    /// The name servers to ask, `10.0.0.2:53`; one or a list.
    #[serde(default)]
    #[schemars(extend("x-one-or-list" = true, "x-default" = "the system's"))]
    pub resolver: Vec<Nameserver>,
    /// How often the records are looked up.
    #[schemars(extend("x-min" = 1_000, "x-default" = "when the answer's TTL ends"))]
    pub refresh: Option<Period>,
    /// The shortest time between two look-ups, where the TTL of an answer is shorter.
    #[serde(default = "second")]
    #[schemars(extend("x-min" = 100))]
    pub min_ttl: Period,
}

fn second() -> Period {
    Period::seconds(1)
}

/// How endpoints that were looked up are spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// In clear text.
    #[default]
    Http,
    /// With TLS; certificates are verified for the name that was looked up.
    Https,
}
