//! Addresses to listen on, and address ranges.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::{Bad, Typed, typed};

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// One interface and port; port 0 lets the system choose.
    Ip(SocketAddr),
    /// A port on all interfaces, of IPv4 and IPv6.
    Port(u16),
    /// A Unix socket.
    Unix(PathBuf),
}

impl Address {
    /// Whether only this machine can reach it.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Ip(address) => address.ip().to_canonical().is_loopback(),
            Self::Port(_) => false,
            Self::Unix(_) => true,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Port(port) => write!(f, ":{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Typed for Address {
    const FORMAT: &'static str = "address";
    const EXPECTED: &'static str =
        "an address such as `0.0.0.0:8080`, `[::]:8080`, `:8080` or `unix:/run/tidegate.sock`";
    const TYPES: &'static [&'static str] = &["string", "integer"];

    fn read(text: &str) -> Result<Self, Bad> {
        if let Some(path) = text.strip_prefix("unix:") {
            return unix_path(path).map(Self::Unix);
        }
        if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse() {
            return Ok(Self::Port(port));
        }
        text.parse().map(Self::Ip).map_err(|_| not_an_address(text))
    }
}

/// The path of a Unix socket. The kernel's `sun_path` holds 108 bytes with the zero at the end (unix(7)).
pub(super) fn unix_path(path: &str) -> Result<PathBuf, Bad> {
    if path.is_empty() || path.contains('\0') {
        return Err(Bad::because("the path of the socket is missing"));
    }
    if path.len() > 107 {
        return Err(Bad::because("the path of a Unix socket holds at most 107 bytes"));
    }
    if !Path::new(path).is_absolute() {
        return Err(Bad::because("the path of the socket must start with `/`"));
    }
    Ok(path.into())
}

fn not_an_address(text: &str) -> Bad {
    let bare = text.trim_start_matches("http://").trim_start_matches("https://").trim_end_matches('/');
    let port = |port: &str| port.parse::<u16>().ok();
    match bare.rsplit_once(':') {
        _ if bare.parse::<Ipv4Addr>().is_ok() => {
            Bad::because("the port is missing").or_mean(format_args!("{bare}:8080"))
        }
        _ if bare != text && bare.parse::<SocketAddr>().is_ok() => Bad::mean(bare),
        Some(("localhost", behind)) if port(behind).is_some() => {
            Bad::because("names are not looked up here").or_mean(format_args!("127.0.0.1:{behind}"))
        }
        Some(("*", behind)) if port(behind).is_some() => Bad::mean(format_args!(":{behind}")),
        Some((_, behind)) if port(behind).is_none() => {
            Bad::because("the port must be a number from 0 to 65535")
        }
        _ => Bad::plain(),
    }
}

/// The address of the admin API, or `off`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminAddress {
    /// Listen here.
    At(Address),
    /// No admin API.
    Off,
}

impl fmt::Display for AdminAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(address) => address.fmt(f),
            Self::Off => f.write_str("off"),
        }
    }
}

impl Typed for AdminAddress {
    const FORMAT: &'static str = "address or off";
    const EXPECTED: &'static str = "an address such as `127.0.0.1:9090`, or `off`";
    const TYPES: &'static [&'static str] = &["string", "integer"];

    fn read(text: &str) -> Result<Self, Bad> {
        match text {
            "off" => Ok(Self::Off),
            "false" | "no" | "none" => Err(Bad::mean("off")),
            _ => Address::read(text).map(Self::At),
        }
    }
}

/// A range of addresses: `10.0.0.0/8`, `fd00::/8`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    /// The first address of the range.
    pub address: IpAddr,
    /// Leading bits that all addresses of the range share.
    pub prefix: u8,
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl Typed for Cidr {
    const FORMAT: &'static str = "cidr";
    const EXPECTED: &'static str = "a range of addresses such as `10.0.0.0/8` or `fd00::/8`, or one address";

    fn read(text: &str) -> Result<Self, Bad> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().map_err(|_| Bad::plain())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix.map(str::parse) {
            None => bits,
            Some(Ok(prefix)) if prefix <= bits => prefix,
            Some(_) => return Err(Bad::because(format!("the number behind the `/` goes from 0 to {bits}"))),
        };
        let first = first_address(address, prefix);
        if first != address {
            let reason = "the address has bits behind its prefix";
            return Err(Bad::because(reason).or_mean(format_args!("{first}/{prefix}")));
        }
        Ok(Self { address, prefix })
    }
}

fn first_address(address: IpAddr, prefix: u8) -> IpAddr {
    let prefix = u32::from(prefix);
    match address {
        IpAddr::V4(v4) => {
            Ipv4Addr::from_bits(v4.to_bits() & u32::MAX.checked_shl(32 - prefix).unwrap_or(0)).into()
        }
        IpAddr::V6(v6) => {
            Ipv6Addr::from_bits(v6.to_bits() & u128::MAX.checked_shl(128 - prefix).unwrap_or(0)).into()
        }
    }
}

typed!(Address, AdminAddress, Cidr);
