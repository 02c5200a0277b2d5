//! `listeners` and `admin`: where connections come in.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{Address, AdminAddress, Secret};

/// One place where clients connect. A bare address stands for `address`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "address", "x-later" = ["protect"]))]
pub struct Listener {
    /// `0.0.0.0:8080`, `[::]:8080`, `8080` or `:8080` (all interfaces), `127.0.0.1:0` (any free port),
    /// `unix:/run/tidegate.sock`.
    pub address: Address,
    /// Serve TLS. Without it the listener speaks clear text.
    pub tls: Option<ListenerTls>,
    /// The HTTP versions offered. Without TLS, `http2` is for clients that know it beforehand.
    #[serde(default = "both_versions")]
    #[schemars(length(min = 1))]
    pub protocols: Vec<HttpVersion>,
    /// Whether connections start with a PROXY protocol header that tells the client's address. With anything but
    /// `off`, a connection without the header is closed.
    #[serde(default)]
    pub proxy_protocol: ProxyProtocol,
    /// Connections of this listener at a time; `limits.max_connections` holds for all listeners together.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max_connections: Option<u32>,
}

/// Both versions that a listener can speak.
fn both_versions() -> Vec<HttpVersion> {
    vec![HttpVersion::Http1, HttpVersion::Http2]
}

impl Listener {
    /// A clear-text listener with every default.
    pub fn at(address: Address) -> Self {
        let (protocols, proxy_protocol) = (both_versions(), ProxyProtocol::Off);
        Self { address, tls: None, protocols, proxy_protocol, max_connections: None }
    }
}

/// A version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("x-later" = ["http3"]))]
pub enum HttpVersion {
    /// HTTP/1.1 and 1.0.
    Http1,
    /// HTTP/2.
    Http2,
}

/// TLS of a listener.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-pair" = ["certificate", "key"], "x-later" = ["acme"]))]
pub struct ListenerTls {
    /// The certificate chain, a PEM file. It is shown to clients that ask for no known name.
    pub certificate: Option<PathBuf>,
    /// The private key of `certificate`, a PEM file.
    pub key: Option<PathBuf>,
    /// More certificates, chosen by the name that the client asks for (SNI).
    pub certificates: Vec<Certificate>,
    /// Ask clients for a certificate that one of the authorities in this PEM file signed, and refuse others.
    pub client_ca: Option<PathBuf>,
    /// With `client_ca`: whether clients may come without a certificate.
    pub client_auth: ClientAuth,
    /// The oldest version of TLS that is spoken.
    pub min_version: TlsVersion,
}

/// Whether clients may come without a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// Who has none gets no connection.
    #[default]
    Required,
    /// Who has none may come, and a route with `auth: [mtls]` refuses them.
    Optional,
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// The certificate chain, a PEM file.
    pub certificate: PathBuf,
    /// Its private key, a PEM file.
    pub key: PathBuf,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[default]
    #[serde(rename = "1.2")]
    Tls12,
    /// TLS 1.3.
    #[serde(rename = "1.3")]
    Tls13,
}

/// Which PROXY protocol header a listener reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProxyProtocol {
    /// None.
    #[default]
    Off,
    /// Version 1 (text).
    V1,
    /// Version 2 (binary).
    V2,
    /// Either version.
    Any,
}

/// The admin API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "address", "x-later" = ["oidc"]))]
pub struct Admin {
    /// Where it listens, or `off`. Any address that others can reach needs a `token`.
    pub address: AdminAddress,
    /// The secret that callers send as `Authorization: Bearer`. A secret: `${ENV}` or `file:/path`.
    pub token: Option<Secret>,
}

impl Admin {
    /// Where it listens when the file says nothing.
    pub const DEFAULT_ADDRESS: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9090));
}

impl Default for Admin {
    fn default() -> Self {
        Self { address: AdminAddress::At(Address::Ip(Self::DEFAULT_ADDRESS)), token: None }
    }
}
