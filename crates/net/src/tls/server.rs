//! The TLS of clients: settings, loading, reload, handshakes.
//!
//! A set of files is loaded and checked as a whole and then swapped in by one atomic pointer: a handshake sees the old
//! set or the new one, never half of each, and connections that are up keep what they began with. A bad new file
//! changes nothing.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::{NoServerSessionStorage, ProducesTickets, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{InvalidMessage, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::files::{CertPair, Stamp, load_pair, malformed, roots};
use super::names::{CertificateInfo, Names};
use super::{TlsError, provider};
use crate::stream::Stream;

/// What a listener's TLS is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// One at least; the first answers where the client names no host or one that no certificate has.
    pub certificates: Vec<CertPair>,
    /// PEM file of the CAs that clients' certificates must come from.
    pub client_ca: Option<PathBuf>,
    /// Whether clients must show one; only with `client_ca`.
    pub client_auth: ClientAuth,
    /// The oldest version spoken.
    pub min_version: MinVersion,
    /// The protocols offered.
    pub alpn: Alpn,
}

/// What becomes of clients that show no certificate. One that the CAs do not vouch for is refused in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// They are refused.
    #[default]
    Required,
    /// They are let in, and say otherwise who they are.
    Optional,
}

/// The oldest TLS version spoken. Older ones than 1.2 are broken (RFC 8996).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MinVersion {
    /// TLS 1.2 and 1.3.
    #[default]
    Tls12,
    /// TLS 1.3 only.
    Tls13,
}

/// The HTTP versions offered by ALPN (RFC 7301), HTTP/2 first. A client that offers others only is refused; one that
/// knows no ALPN gets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alpn {
    /// `http/1.1`.
    pub http1: bool,
    /// `h2`.
    pub http2: bool,
}

impl Default for Alpn {
    fn default() -> Self {
        Self { http1: true, http2: true }
    }
}

impl Alpn {
    pub(super) fn names(self) -> Vec<Vec<u8>> {
        let offered = [(self.http2, &b"h2"[..]), (self.http1, b"http/1.1")];
        offered.into_iter().filter(|(on, _)| *on).map(|(_, name)| name.into()).collect()
    }
}

/// What [`ServerTls::reload_if_changed`] did.
#[derive(Debug)]
pub enum Reload {
    /// No file has changed.
    Unchanged,
    /// New handshakes use the new files.
    Reloaded,
    /// The new files are no good, and the old certificates stay in use. Reported once for each change.
    Kept(TlsError),
}

/// Why a client's handshake failed. All are the client's doing or the network's.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// It took longer than allowed.
    #[error("the TLS handshake took too long")]
    Timeout,
    /// The client hung up: a port scan, a health check, or a client that trusts another CA.
    #[error("the client closed the connection during the TLS handshake")]
    Closed,
    /// The first bytes are not TLS; most often plain HTTP sent to the TLS port.
    #[error("the client does not speak TLS")]
    NotTls,
    /// The two sides do not agree, or the client's certificate is missing or bad.
    #[error("the TLS handshake failed: {0}")]
    Refused(rustls::Error),
    /// The socket failed.
    #[error("the TLS handshake failed: {0}")]
    Io(io::Error),
}

impl From<io::Error> for HandshakeError {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => Self::NotTls,
            Some(tls) => Self::Refused(rustls::Error::clone(tls)),
            None => match error.kind() {
                UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe => Self::Closed,
                _ => Self::Io(error),
            },
        }
    }
}

/// The TLS of one listener, shared by its workers.
pub struct ServerTls {
    settings: ServerSettings,
    live: ArcSwap<Live>,
    /// The versions of the files that were tried last, whether they were good or not.
    stamps: Mutex<Vec<Stamp>>,
}

/// One loaded set of files.
struct Live {
    acceptor: TlsAcceptor,
    tickets: Arc<dyn ProducesTickets>,
    certificates: Vec<CertificateInfo>,
}

impl ServerTls {
    /// Reads and checks all files.
    pub fn load(settings: &ServerSettings) -> Result<Arc<Self>, TlsError> {
        // Before reading: a file that changes meanwhile is then seen as changed.
        let stamps = stamps(settings);
        let live = Live::load(settings, None)?;
        Ok(Arc::new(Self {
            settings: settings.clone(),
            live: ArcSwap::from_pointee(live),
            stamps: Mutex::new(stamps),
        }))
    }

    /// Loads the files anew where one of them has changed. Blocks on a few `stat` calls, and on reading after a
    /// change, so it belongs to the control thread, about once a second.
    ///
    /// A certificate and its key are two files and cannot change in one moment: a pair that does not match yet is
    /// [`Reload::Kept`], and is taken once its second half has come.
    pub fn reload_if_changed(&self) -> Reload {
        let mut seen = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamps(&self.settings);
        if *seen == now {
            return Reload::Unchanged;
        }
        *seen = now;
        match Live::load(&self.settings, Some(&self.live.load())) {
            Ok(live) => {
                self.live.store(Arc::new(live));
                Reload::Reloaded
            }
            Err(error) => Reload::Kept(error),
        }
    }

    /// What is in use now, in the order of the settings; for warnings and for metrics of expiry.
    pub fn certificates(&self) -> Vec<CertificateInfo> {
        self.live.load().certificates.clone()
    }

    /// Shakes hands with the client at the other end of `io`, within `limit`.
    pub async fn accept(&self, io: Stream, limit: Duration) -> Result<Stream, HandshakeError> {
        let acceptor = self.live.load().acceptor.clone();
        match tokio::time::timeout(limit, acceptor.accept(io)).await {
            Ok(Ok(tls)) => Ok(Stream::Tls(Box::new(tls))),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(HandshakeError::Timeout),
        }
    }
}

impl Live {
    /// Loads a set. Tickets of the set before stay good, except where clients show certificates: a ticket would
    /// let one in that the new CAs refuse.
    fn load(settings: &ServerSettings, before: Option<&Self>) -> Result<Self, TlsError> {
        let mut loaded = Vec::new();
        for pair in &settings.certificates {
            let key = load_pair(pair)?;
            loaded.push((CertificateInfo::read(&pair.certificate, &key)?, key));
        }
        let names =
            Names::new(loaded.iter().map(|(info, key)| (info, key))).ok_or(TlsError::NoCertificate)?;
        let tickets = match before {
            Some(before) if settings.client_ca.is_none() => Arc::clone(&before.tickets),
            _ => Ticketer::new()?,
        };
        let config = config(settings, names, &tickets)?;
        let certificates = loaded.into_iter().map(|(info, _)| info).collect();
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), tickets, certificates })
    }
}

fn config(
    settings: &ServerSettings,
    names: Names,
    tickets: &Arc<dyn ProducesTickets>,
) -> Result<ServerConfig, TlsError> {
    let versions: &[_] = match settings.min_version {
        MinVersion::Tls12 => &[&TLS13, &TLS12],
        MinVersion::Tls13 => &[&TLS13],
    };
    let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(versions)?;
    let builder = match &settings.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(path)?), provider());
            let verifier = match settings.client_auth {
                ClientAuth::Required => verifier,
                ClientAuth::Optional => verifier.allow_unauthenticated(),
            };
            builder.with_client_cert_verifier(verifier.build().map_err(|error| malformed(path, error))?)
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(names));
    config.alpn_protocols = settings.alpn.names();
    // Sessions live in tickets that the client keeps; a table of them here would be one more lock and bound.
    config.ticketer = Arc::clone(tickets);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

fn stamps(settings: &ServerSettings) -> Vec<Stamp> {
    let pairs = settings.certificates.iter().flat_map(|pair| [&pair.certificate, &pair.key]);
    pairs.chain(&settings.client_ca).map(|path| Stamp::of(Path::new(path))).collect()
}
