//! Which certificate answers for which host, and until when it is good.
//!
//! Exact names come before wildcards, a wildcard stands for one label (RFC 6125 section 6.4.3), and the first
//! certificate answers where no name is asked for or none fits. Where several certificates have one name, such as an
//! RSA and an ECDSA one, the first that the client can verify is taken.
//!
//! Costs one or two hash look-ups a handshake.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::UnixTime;
use webpki::{EndEntityCert, KeyUsage};

use super::TlsError;
use super::files::malformed;

/// Begin of the year 10000, to which no certificate reaches (RFC 5280 section 4.1.2.5), in seconds of Unix time.
const END_OF_TIME: u64 = 253_402_300_800;

/// What people want to know about a loaded certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateInfo {
    /// The file it came from.
    pub path: PathBuf,
    /// The DNS names it is for, in lower case, some of them as `*.example.com`.
    pub names: Vec<String>,
    /// When it begins to be valid.
    pub not_before: SystemTime,
    /// When it ends to be valid.
    pub not_after: SystemTime,
}

impl CertificateInfo {
    pub(super) fn read(path: &Path, key: &CertifiedKey) -> Result<Self, TlsError> {
        let leaf = key.cert.first().ok_or(TlsError::NoCertificate)?;
        let leaf = EndEntityCert::try_from(leaf).map_err(|error| malformed(path, error))?;
        let (not_before, not_after) = validity(&leaf).map_err(|error| malformed(path, error))?;
        let names = leaf.valid_dns_names().map(str::to_ascii_lowercase).collect();
        Ok(Self { path: path.into(), names, not_before, not_after })
    }

    /// A sentence for the operator where clients will refuse the certificate at `now`: it has expired, or is not
    /// valid yet. It is served all the same, since a wrong clock of ours must not take a site down.
    pub fn warning(&self, now: SystemTime) -> Option<String> {
        let days = |span: Duration| span.as_secs() / 86_400;
        let path = self.path.display();
        if let Ok(ago) = now.duration_since(self.not_after) {
            return Some(format!("the certificate in {path} expired {} days ago; renew it", days(ago)));
        }
        let ahead = self.not_before.duration_since(now).ok().filter(|ahead| !ahead.is_zero())?;
        Some(format!(
            "the certificate in {path} is not valid before {} days from now; check the clock",
            days(ahead)
        ))
    }
}

/// Begin and end of validity. webpki checks them before anything else and names them in its refusal, so asking
/// about the two ends of time reads them without an X.509 parser of our own.
fn validity(leaf: &EndEntityCert<'_>) -> Result<(SystemTime, SystemTime), webpki::Error> {
    let refusal = |seconds| {
        let at = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let verdict = leaf.verify_for_usage(&[], &[], &[], at, KeyUsage::server_auth(), None, None);
        verdict.err().unwrap_or(webpki::Error::InvalidCertValidity)
    };
    let time = |at: UnixTime| SystemTime::UNIX_EPOCH + Duration::from_secs(at.as_secs());
    let not_before = match refusal(0) {
        webpki::Error::CertNotValidYet { not_before, .. } => time(not_before),
        error @ (webpki::Error::BadDer | webpki::Error::BadDerTime | webpki::Error::InvalidCertValidity) => {
            return Err(error);
        }
        // Valid since 1970 or before.
        _ => SystemTime::UNIX_EPOCH,
    };
    match refusal(END_OF_TIME) {
        webpki::Error::CertExpired { not_after, .. } => Ok((not_before, time(not_after))),
        error => Err(error),
    }
}

/// The certificates of a listener by name.
#[derive(Debug)]
pub(super) struct Names {
    exact: HashMap<String, Vec<Arc<CertifiedKey>>>,
    /// By what follows `*.`.
    wildcard: HashMap<String, Vec<Arc<CertifiedKey>>>,
    /// In the order of the settings; there is one at least.
    fallback: Arc<CertifiedKey>,
}

impl Names {
    /// Sorts `certificates`, the first of which answers where no name fits; `None` where there are none.
    pub(super) fn new<'a>(
        certificates: impl IntoIterator<Item = (&'a CertificateInfo, &'a Arc<CertifiedKey>)>,
    ) -> Option<Self> {
        let mut certificates = certificates.into_iter().peekable();
        let fallback = Arc::clone(certificates.peek()?.1);
        let mut names = Self { exact: HashMap::new(), wildcard: HashMap::new(), fallback };
        for (info, key) in certificates {
            for name in &info.names {
                let (map, name) = match name.strip_prefix("*.") {
                    Some(parent) => (&mut names.wildcard, parent),
                    None => (&mut names.exact, name.as_str()),
                };
                map.entry(name.into()).or_default().push(Arc::clone(key));
            }
        }
        Some(names)
    }

    /// All certificates for `name`, those that carry it exactly before those that carry its wildcard.
    fn candidates(&self, name: &str) -> impl Iterator<Item = &Arc<CertifiedKey>> {
        let parent = name.split_once('.').map_or("", |(_, parent)| parent);
        self.exact.get(name).into_iter().chain(self.wildcard.get(parent)).flatten()
    }
}

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // rustls hands the name over checked and in lower case.
        let verifiable =
            |key: &&Arc<CertifiedKey>| key.key.choose_scheme(hello.signature_schemes()).is_some();
        let chosen = hello.server_name().and_then(|name| self.candidates(name).find(verifiable));
        Some(Arc::clone(chosen.unwrap_or(&self.fallback)))
    }
}
