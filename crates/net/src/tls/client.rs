//! TLS to upstreams: whom to trust, as whom to appear, and the handshake.
//!
//! The certificate and the name in it are verified unless the settings say otherwise in so many words. Sessions are
//! resumed, which saves both sides most of a new connection's cost.
//! Not here: dialling, pooling, deadlines; they belong to the caller.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::TlsConnector;

use super::files::{CertPair, load_pair, roots};
use super::server::Alpn;
use super::{TlsError, provider};
use crate::stream::Stream;

/// How to speak TLS to one upstream service. The default trusts the machine's roots and offers HTTP/1.1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientSettings {
    /// PEM file of the only CAs to trust; the machine's own roots where there is none.
    pub ca: Option<PathBuf>,
    /// The certificate to show to upstreams that ask for one.
    pub identity: Option<CertPair>,
    /// The name to ask for and to verify, in place of the host that is connected to.
    pub server_name: Option<String>,
    /// Takes any certificate. Whoever sits on the wire can then read and change everything.
    pub insecure_skip_verify: bool,
    /// Offers HTTP/2 before HTTP/1.1.
    pub alpn_h2: bool,
}

/// TLS to one upstream service, shared by all workers.
pub struct ClientTls {
    connector: TlsConnector,
    server_name: Option<ServerName<'static>>,
}

impl ClientTls {
    /// Reads and checks all files.
    pub fn load(settings: &ClientSettings) -> Result<Arc<Self>, TlsError> {
        let server_name = settings.server_name.as_deref().map(name).transpose()?;
        let builder =
            ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        let builder = if settings.insecure_skip_verify {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider())))
        } else {
            let roots = Arc::new(settings.ca.as_deref().map_or_else(native_roots, roots)?);
            let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider()).build();
            builder.with_webpki_verifier(verifier.map_err(|error| rustls::Error::General(error.to_string()))?)
        };
        let mut config = match &settings.identity {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let certified = Arc::unwrap_or_clone(load_pair(pair)?);
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified)))
            }
        };
        config.alpn_protocols = Alpn { http1: true, http2: settings.alpn_h2 }.names();
        Ok(Arc::new(Self { connector: TlsConnector::from(Arc::new(config)), server_name }))
    }

    /// Shakes hands over `io`. `host` is the host name or IP address connected to (IPv6 with or without brackets);
    /// it is asked for and verified unless the settings name another.
    pub async fn connect(&self, io: Stream, host: &str) -> io::Result<Stream> {
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => name(host).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?,
        };
        let tls = self.connector.connect(name, io).await?;
        Ok(Stream::ClientTls(Box::new(tls)))
    }
}

fn name(host: &str) -> Result<ServerName<'static>, TlsError> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    ServerName::try_from(bare.to_owned()).map_err(|_| TlsError::ServerName(host.into()))
}

/// The machine's roots. One that rustls cannot read is left out: system stores carry odd ones.
fn native_roots() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let detail = found.errors.first().map_or_else(String::new, |error| format!(": {error}"));
        return Err(TlsError::NoRoots { detail });
    }
    Ok(roots)
}

/// Trusts any certificate, for upstreams that have only a self-signed one. Signatures are verified still, so that
/// what is spoken to at least holds the key of what it shows.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
