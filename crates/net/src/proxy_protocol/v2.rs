//! Version 2: a binary header of 16 bytes, addresses, and type-length-value fields (sections 2.2 to 2.2.8).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Command, Header, Parsed, ProxyError, Tls, agrees};

/// The longest header taken, in bytes. The format could say 64 KiB; what proxies send is a few hundred.
pub const V2_MAX: usize = 2048;

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Signature, version and command, family and protocol, length.
const FIXED: usize = 16;

// Types of fields (section 2.2). The ones that are not named tell nothing that we use.
const ALPN: u8 = 0x01;
const AUTHORITY: u8 = 0x02;
const CRC32C: u8 = 0x03;
const SSL: u8 = 0x20;
const SSL_VERSION: u8 = 0x21;
const SSL_CN: u8 = 0x22;

// Bits of the first byte of the SSL field.
const CLIENT_SSL: u8 = 0x01;
const CLIENT_CERT_CONN: u8 = 0x02;
const CLIENT_CERT_SESS: u8 = 0x04;

pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, ProxyError> {
    if !agrees(bytes, SIGNATURE) {
        return Err(ProxyError::Missing);
    }
    let Some((fixed, rest)) = bytes.split_at_checked(FIXED) else {
        return Ok(Parsed::Incomplete);
    };
    let len = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if FIXED + len > V2_MAX {
        return Err(ProxyError::TooLong);
    }
    let command = match fixed[12] {
        0x20 => Command::Local,
        0x21 => Command::Proxy,
        _ => return Err(ProxyError::Malformed("the version is 2 and the command LOCAL or PROXY")),
    };
    let Some(block) = rest.get(..len) else {
        return Ok(Parsed::Incomplete);
    };
    let header = match command {
        // Whatever a local command carries is discarded (section 2.2).
        Command::Local => Header::default(),
        Command::Proxy => proxied(fixed[13], block, &bytes[..FIXED + len])?,
    };
    Ok(Parsed::Done { header, consumed: FIXED + len })
}

/// Reads addresses and fields; `whole` is what a checksum covers.
fn proxied(family: u8, block: &[u8], whole: &[u8]) -> Result<Header, ProxyError> {
    let address_len = match family {
        // Unspecified: the address information is ignored (section 2.2), and nothing says where it would end.
        0x00 => return Ok(Header { command: Command::Proxy, ..Header::default() }),
        0x11 | 0x12 => 12,
        0x21 | 0x22 => 36,
        0x31 | 0x32 => 216,
        _ => return Err(ProxyError::Malformed("the family or the protocol is not one of version 2")),
    };
    let (addresses, fields) =
        block.split_at_checked(address_len).ok_or(ProxyError::Malformed("the addresses are cut short"))?;
    let port = |at: usize| u16::from_be_bytes([addresses[at], addresses[at + 1]]);
    let (source, destination): (Option<SocketAddr>, Option<SocketAddr>) = match address_len {
        12 => {
            let ip = |at| Ipv4Addr::from(array::<4>(addresses, at));
            (Some((ip(0), port(8)).into()), Some((ip(4), port(10)).into()))
        }
        36 => {
            let ip = |at| Ipv6Addr::from(array::<16>(addresses, at));
            (Some((ip(0), port(32)).into()), Some((ip(16), port(34)).into()))
        }
        // The paths of two Unix sockets tell nothing about a client.
        _ => (None, None),
    };
    let mut header = Header { command: Command::Proxy, source, destination, ..Header::default() };
    let mut fields = Fields(fields);
    while let Some(field) = fields.next() {
        let (kind, value) = field?;
        match kind {
            ALPN => header.alpn = Some(value.into()),
            AUTHORITY => header.authority = Some(text(value)?),
            CRC32C => check(whole, whole.len() - fields.0.len() - value.len(), value)?,
            SSL => header.tls = tls(value)?,
            _ => {}
        }
    }
    Ok(header)
}

/// The `N` bytes at `at`, which the caller knows to be there.
fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    std::array::from_fn(|i| bytes[at + i])
}

fn text(value: &[u8]) -> Result<Box<str>, ProxyError> {
    std::str::from_utf8(value).map(Into::into).map_err(|_| ProxyError::Malformed("a text is UTF-8"))
}

/// Section 2.2.5: a byte of bits, four bytes that are zero where the certificate is good, and fields of its own.
fn tls(value: &[u8]) -> Result<Option<Tls>, ProxyError> {
    let (fixed, fields) =
        value.split_at_checked(5).ok_or(ProxyError::Malformed("the TLS field is cut short"))?;
    let shown = fixed[0] & (CLIENT_CERT_CONN | CLIENT_CERT_SESS) != 0;
    let mut tls = Tls { verified: shown && fixed[1..] == [0; 4], ..Tls::default() };
    for field in Fields(fields) {
        match field? {
            (SSL_VERSION, value) => tls.version = Some(text(value)?),
            (SSL_CN, value) => tls.common_name = Some(text(value)?),
            _ => {}
        }
    }
    Ok((fixed[0] & CLIENT_SSL != 0).then_some(tls))
}

/// The fields of a block: a type, a length of two bytes, a value.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u8, &'a [u8]), ProxyError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.0.split_at_checked(3).and_then(|(head, rest)| {
            let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([head[1], head[2]])))?;
            self.0 = rest;
            Some((head[0], value))
        });
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or(ProxyError::Malformed("a field is cut short")))
    }
}

/// Compares the checksum `value` at `at` with that of the header, in which it counts as zeros (section 2.2.3).
fn check(whole: &[u8], at: usize, value: &[u8]) -> Result<(), ProxyError> {
    let stated: [u8; 4] = value.try_into().map_err(|_| ProxyError::Malformed("a checksum has four bytes"))?;
    let crc = crc32c(whole[..at].iter().chain(&[0; 4]).chain(&whole[at + 4..]));
    if crc == u32::from_be_bytes(stated) { Ok(()) } else { Err(ProxyError::Checksum) }
}

/// CRC-32C (Castagnoli, RFC 9260 appendix A), bit by bit: a header is short and comes once a connection.
pub(super) fn crc32c<'a>(bytes: impl Iterator<Item = &'a u8>) -> u32 {
    !bytes.fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg()))
    })
}

impl Header {
    /// Writes this as a version 2 header. Addresses of two families are written as IPv6, and where one of the two is
    /// unknown both are left out, as the format has no place for half a pair; fields then have no place either.
    /// A field that does not fit into [`V2_MAX`] is left out.
    pub fn encode_v2(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(SIGNATURE);
        match (self.command, self.source.zip(self.destination)) {
            (Command::Local, _) => out.extend_from_slice(&[0x20, 0x00, 0, 0]),
            (Command::Proxy, None) => out.extend_from_slice(&[0x21, 0x00, 0, 0]),
            (Command::Proxy, Some((source, destination))) => {
                encode_addresses(source, destination, out);
                self.encode_fields(start + V2_MAX, out);
            }
        }
        let len = (out.len() - start - FIXED) as u16;
        out[start + 14..start + 16].copy_from_slice(&len.to_be_bytes());
    }

    fn encode_fields(&self, limit: usize, out: &mut Vec<u8>) {
        if let Some(alpn) = &self.alpn {
            encode_field(ALPN, alpn, limit, out);
        }
        if let Some(authority) = &self.authority {
            encode_field(AUTHORITY, authority.as_bytes(), limit, out);
        }
        if let Some(tls) = &self.tls {
            let mut value = if tls.verified {
                vec![CLIENT_SSL | CLIENT_CERT_CONN, 0, 0, 0, 0]
            } else {
                vec![CLIENT_SSL, 0, 0, 0, 1]
            };
            for (kind, text) in [(SSL_VERSION, &tls.version), (SSL_CN, &tls.common_name)] {
                if let Some(text) = text {
                    encode_field(kind, text.as_bytes(), V2_MAX, &mut value);
                }
            }
            encode_field(SSL, &value, limit, out);
        }
    }
}

fn encode_addresses(source: SocketAddr, destination: SocketAddr, out: &mut Vec<u8>) {
    if let (SocketAddr::V4(source), SocketAddr::V4(destination)) = (source, destination) {
        out.extend_from_slice(&[0x21, 0x11, 0, 0]);
        out.extend_from_slice(&source.ip().octets());
        out.extend_from_slice(&destination.ip().octets());
    } else {
        out.extend_from_slice(&[0x21, 0x21, 0, 0]);
        out.extend_from_slice(&v6(source));
        out.extend_from_slice(&v6(destination));
    }
    out.extend_from_slice(&source.port().to_be_bytes());
    out.extend_from_slice(&destination.port().to_be_bytes());
}

fn v6(address: SocketAddr) -> [u8; 16] {
    match address {
        SocketAddr::V4(v4) => v4.ip().to_ipv6_mapped().octets(),
        SocketAddr::V6(v6) => v6.ip().octets(),
    }
}

fn encode_field(kind: u8, value: &[u8], limit: usize, out: &mut Vec<u8>) {
    if out.len() + 3 + value.len() <= limit {
        out.push(kind);
        out.extend_from_slice(&(value.len() as u16).to_be_bytes());
        out.extend_from_slice(value);
    }
}
