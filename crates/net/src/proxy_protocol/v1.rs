//! Version 1: one line of text, `PROXY TCP4 192.0.2.1 198.51.100.7 56324 443` and CRLF (section 2.1).

use std::net::{IpAddr, SocketAddr};

use super::{Command, Header, Parsed, ProxyError, agrees};

const SIGNATURE: &[u8] = b"PROXY ";

/// The longest line with its CRLF: `UNKNOWN` with two IPv6 addresses in full and two ports.
const LINE_MAX: usize = 107;

pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, ProxyError> {
    if !agrees(bytes, SIGNATURE) {
        return Err(ProxyError::Missing);
    }
    let window = &bytes[..bytes.len().min(LINE_MAX)];
    let Some(end) = window.iter().position(|&b| b == b'\n') else {
        return if window.len() == LINE_MAX { Err(ProxyError::TooLong) } else { Ok(Parsed::Incomplete) };
    };
    let line = window[..end].strip_suffix(b"\r").ok_or(ProxyError::Malformed("a line ends with CRLF"))?;
    // The signature was compared as far as it reaches; an early line feed cuts it short.
    let fields = line.strip_prefix(SIGNATURE).ok_or(ProxyError::Missing)?;
    let (source, destination) = addresses(fields)?.unzip();
    let header = Header { command: Command::Proxy, source, destination, ..Header::default() };
    Ok(Parsed::Done { header, consumed: end + 1 })
}

/// Source and destination, or `None` for `UNKNOWN`, after which anything up to the end of the line is ignored.
fn addresses(fields: &[u8]) -> Result<Option<(SocketAddr, SocketAddr)>, ProxyError> {
    if fields == b"UNKNOWN" || fields.starts_with(b"UNKNOWN ") {
        return Ok(None);
    }
    let text = std::str::from_utf8(fields).map_err(|_| ProxyError::Malformed("a line is ASCII"))?;
    let mut fields = text.split(' ');
    let mut next = || fields.next().ok_or(ProxyError::Malformed("a field is missing"));
    let family: fn(&str) -> Option<IpAddr> = match next()? {
        "TCP4" => |text| text.parse().ok().map(IpAddr::V4),
        "TCP6" => |text| text.parse().ok().map(IpAddr::V6),
        _ => return Err(ProxyError::Malformed("the family is TCP4, TCP6 or UNKNOWN")),
    };
    let mut address = || family(next()?).ok_or(ProxyError::Malformed("an address is not of the family"));
    let (source, destination) = (address()?, address()?);
    let (source_port, destination_port) = (port(next()?)?, port(next()?)?);
    if fields.next().is_some() {
        return Err(ProxyError::Malformed("fields follow the last port"));
    }
    Ok(Some(((source, source_port).into(), (destination, destination_port).into())))
}

/// A decimal from 0 to 65535 without sign or leading zeros.
fn port(text: &str) -> Result<u16, ProxyError> {
    let canonical = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    let port = if canonical { text.parse().ok() } else { None };
    port.ok_or(ProxyError::Malformed("a port is a decimal from 0 to 65535"))
}
