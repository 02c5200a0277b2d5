//! What a client's certificate says of the client: its fingerprint and its names.
//!
//! *Promise*: only certificates that the listener's CA vouches for come here, since the handshake has checked them; what
//! is read is bounded, names with control characters are left out, and a certificate that cannot be read names nobody.
//! *Not here*: which consumer it belongs to, revocation lists. *Cost*: some microseconds a handshake in which a client shows
//! one; nothing for other connections.

use aws_lc_rs::digest::{SHA256, digest};
use rustls_pki_types::CertificateDer;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Name;

/// How many alternative names are read; a certificate of a real client has a few.
const NAMES_MOST: usize = 100;

/// A client's certificate, which the CAs of the listener (`client_ca`) vouch for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// SHA-256 of the certificate in DER: what `openssl x509 -fingerprint -sha256` prints.
    pub fingerprint: [u8; 32],
    /// The common name of its subject; of several the last, which is the most specific.
    pub common_name: Option<Box<str>>,
    /// Its whole subject as RFC 4514 writes it, `CN=billing,O=Example`; none where a part of it has no short name or is no
    /// text.
    pub subject: Option<Box<str>>,
    /// Its subject's alternative names (RFC 5280 section 4.2.1.6) of the kinds that [`San`] has, at most 100.
    pub sans: Box<[San]>,
    /// The last second at which it is valid, in Unix time. The handshake has looked at it, but a connection, or a session
    /// that is resumed, may outlive it.
    pub not_after: u64,
}

/// An alternative name of a subject.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum San {
    /// A host name, in lower case; perhaps with `*.` in front.
    Dns(Box<str>),
    /// A URI, such as a SPIFFE id.
    Uri(Box<str>),
    /// An email address.
    Email(Box<str>),
    /// An IP address.
    Ip(IpAddr),
}

impl San {
    /// The name that a text of the operator means: an IP address, a URI where it has a `:`, an email address where it has
    /// an `@`, else a host name. So a name of one kind is never taken for the same text of another.
    pub fn of(text: &str) -> Self {
        match text.parse() {
            Ok(ip) => Self::Ip(ip),
            Err(_) if text.contains(':') => Self::Uri(text.into()),
            Err(_) if text.contains('@') => Self::Email(text.into()),
            Err(_) => Self::Dns(text.to_ascii_lowercase().into()),
        }
    }

    fn read(name: &GeneralName<'_>) -> Option<Self> {
        match *name {
            GeneralName::DNSName(name) => Some(Self::Dns(clean(name)?.to_ascii_lowercase().into())),
            GeneralName::URI(uri) => Some(Self::Uri(clean(uri)?.into())),
            GeneralName::RFC822Name(address) => Some(Self::Email(clean(address)?.into())),
            GeneralName::IPAddress(bytes) => address(bytes).map(Self::Ip),
            _ => None,
        }
    }
}

impl std::fmt::Display for San {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Dns(text) | Self::Uri(text) | Self::Email(text) => f.write_str(text),
            Self::Ip(ip) => ip.fmt(f),
        }
    }
}

impl ClientCertificate {
    /// What the certificate says; `None` where it cannot be read.
    pub(crate) fn read(der: &CertificateDer<'_>) -> Option<Self> {
        let (rest, certificate) = X509Certificate::from_der(der).ok()?;
        if !rest.is_empty() {
            return None;
        }
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest(&SHA256, der).as_ref());
        let common_name = certificate.subject().iter_common_name().last();
        let common_name = common_name.and_then(|name| clean(name.as_str().ok()?)).map(Into::into);
        // An error here is a second extension of the same kind, or one that cannot be read.
        let sans = certificate.subject_alternative_name().ok()?;
        let sans = sans.iter().flat_map(|sans| &sans.value.general_names);
        Some(Self {
            fingerprint,
            common_name,
            subject: distinguished(certificate.subject()),
            sans: sans.take(NAMES_MOST).filter_map(San::read).collect(),
            not_after: certificate.validity().not_after.timestamp().try_into().unwrap_or(0),
        })
    }

    /// Has it this alternative name, exactly? A wildcard in it stands for itself only.
    pub fn has(&self, san: &San) -> bool {
        self.sans.contains(san)
    }
}

/// A name as RFC 4514 section 2 writes it: the most specific part comes first.
fn distinguished(name: &X509Name<'_>) -> Option<Box<str>> {
    let parts: Vec<_> = name.iter_rdn().collect();
    let mut text = String::new();
    for part in parts.iter().rev() {
        for (n, attribute) in part.iter().enumerate() {
            if !text.is_empty() {
                text.push(if n == 0 { ',' } else { '+' });
            }
            text += oid2abbrev(attribute.attr_type(), oid_registry()).ok()?;
            text.push('=');
            let value = clean(attribute.as_str().ok()?)?;
            let last = value.chars().count() - 1;
            for (at, c) in value.chars().enumerate() {
                let edge = at == 0 && matches!(c, ' ' | '#') || at == last && c == ' ';
                if edge || "\"+,;<>\\".contains(c) {
                    text.push('\\');
                }
                text.push(c);
            }
        }
    }
    (!text.is_empty()).then(|| text.into())
}

/// The text, where a field of a request could carry it. `a.test\0.evil.test` is a known trick.
fn clean(text: &str) -> Option<&str> {
    (!text.is_empty() && !text.contains(char::is_control)).then_some(text)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(four).into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|sixteen| Ipv6Addr::from(sixteen).into())
}
