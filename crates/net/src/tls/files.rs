//! Certificates, keys and CAs from PEM files, and noticing that a file has changed.
//!
//! Each error names the file. Certificate and key may be in one file: each reader takes only its own sections.
//! Reading blocks, so it belongs to start-up and to the control thread.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, RootCertStore};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::{TlsError, provider};

/// The largest PEM file read, in bytes. The whole bundle of public CAs has a quarter of it.
const FILE_MAX: u64 = 1 << 20;

/// A certificate chain, leaf first, and the private key of its leaf; both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertPair {
    /// The chain's file.
    pub certificate: PathBuf,
    /// The key's file: PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key: PathBuf,
}

/// Loads a pair and makes sure that the two belong together.
pub(super) fn load_pair(pair: &CertPair) -> Result<Arc<CertifiedKey>, TlsError> {
    let chain = certificates(&pair.certificate)?;
    let key = private_key(&pair.key)?;
    let certified = CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            TlsError::Mismatch { certificate: pair.certificate.clone(), key: pair.key.clone() }
        }
        Error::InvalidCertificate(_) => malformed(&pair.certificate, error),
        _ => malformed(&pair.key, error),
    })?;
    Ok(Arc::new(certified))
}

/// The CAs of a file, of which there must be one at least and none that is broken.
pub(super) fn roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| malformed(path, error))?;
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(path)?).collect();
    match found {
        Ok(found) if found.is_empty() => {
            Err(TlsError::Empty { path: path.into(), expected: "certificate (-----BEGIN CERTIFICATE-----)" })
        }
        found => found.map_err(|error| malformed(path, error)),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = read(path)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| {
        // PKCS#8 says so in its label, the older formats in a header line within the section.
        let has = |mark: &[u8]| text.windows(mark.len()).any(|window| window == mark);
        if has(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") || has(b"Proc-Type: 4,ENCRYPTED") {
            TlsError::EncryptedKey { path: path.into() }
        } else if matches!(error, pem::Error::NoItemsFound) {
            TlsError::Empty { path: path.into(), expected: "private key (-----BEGIN PRIVATE KEY-----)" }
        } else {
            malformed(path, error)
        }
    })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let unreadable = |source| TlsError::Unreadable { path: path.into(), source };
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(FILE_MAX + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(unreadable(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 MiB")));
    }
    Ok(bytes)
}

pub(super) fn malformed(path: &Path, error: impl std::fmt::Display) -> TlsError {
    TlsError::Malformed { path: path.into(), detail: error.to_string() }
}

/// What tells one version of a file from the next: place, length and times. `None` while it is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp(Option<[i128; 7]>);

impl Stamp {
    /// The version at `path` now; follows symbolic links, so that swapping a link is a change.
    pub(super) fn of(path: &Path) -> Self {
        Self(fs::metadata(path).ok().map(|file| {
            [
                file.dev().into(),
                file.ino().into(),
                file.len().into(),
                file.mtime().into(),
                file.mtime_nsec().into(),
                // An `mv` or `cp -p` brings an old mtime along; the change time cannot be set.
                file.ctime().into(),
                file.ctime_nsec().into(),
            ]
        }))
    }
}
