//! TLS 1.2 and 1.3 on both sides, by rustls with aws-lc-rs as the only provider.
//!
//! [`ServerTls`] ends the TLS of clients: several certificates chosen by SNI, client certificates, tickets, reload of
//! changed files without dropping a connection. [`ClientTls`] speaks TLS to upstreams.
//! Key exchange prefers X25519MLKEM768, so that what is recorded today stays secret from tomorrow's machines.
//! Not here: ACME (it writes the files that are loaded here), who a client certificate belongs to.
//!
//! Costs nothing a request beyond the records' own encryption; a handshake reads one atomic pointer.

mod client;
mod files;
mod names;
mod server;
mod shown;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs};

pub use client::{ClientSettings, ClientTls};
pub use files::CertPair;
pub use names::CertificateInfo;
pub use server::{Alpn, ClientAuth, HandshakeError, MinVersion, Reload, ServerSettings, ServerTls};
pub use shown::{ClientCertificate, San};

/// Why TLS cannot be set up. Each names the file to mend.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file holds nothing of what it is for.
    #[error("{path} holds no {expected}", path = path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// A file holds something broken, or of a kind that is not supported.
    #[error("{path} is not usable: {detail}", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// A private key is protected by a passphrase, and nobody is there to type it.
    #[error(
        "the private key in {path} is encrypted: decrypt it with `openssl pkey -in {path} -out plain.pem` and keep it readable by this user only",
        path = path.display()
    )]
    EncryptedKey {
        /// The file.
        path: PathBuf,
    },
    /// A key and a certificate that do not belong together.
    #[error(
        "the private key in {key} does not belong to the certificate in {certificate}",
        key = key.display(),
        certificate = certificate.display()
    )]
    Mismatch {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// A server without any certificate.
    #[error("TLS needs at least one certificate with its key")]
    NoCertificate,
    /// The machine has no root certificates.
    #[error(
        "no root certificates were found on this machine: install `ca-certificates`, or name a CA file for the upstream{detail}"
    )]
    NoRoots {
        /// What the search met, after a colon; may be empty.
        detail: String,
    },
    /// A name to verify that is neither a host name nor an IP address.
    #[error("`{0}` is not a host name or IP address that a certificate could carry")]
    ServerName(String),
    /// rustls refuses the settings together.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// The one provider of cryptography; its default order begins with X25519MLKEM768.
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));
    Arc::clone(&PROVIDER)
}
