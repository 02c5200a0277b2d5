//! New HTTPS connections, as many a second as the server grants: connect, full TLS 1.3 handshake, one request, close.
//!
//! Sessions are never resumed (wrk would resume them: it clears and reuses its TLS objects), every handshake is
//! counted by its kind, and only X25519 is offered, so that all servers do the same arithmetic. The certificate is
//! not verified: it is self-signed, the peer is on 127.0.0.1, and verifying would slow the load tool, not the server.

use anyhow::{Context, Result};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConnection, Resumption};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, HandshakeKind, SignatureScheme, Stream};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long one connection may wait for anything.
const PATIENCE: Duration = Duration::from_secs(5);

/// What came of a load.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Connections with a full handshake and a 200.
    pub full: u64,
    /// Connections whose handshake was not a full one; there must be none.
    pub resumed: u64,
    /// Connections that failed.
    pub failed: u64,
    /// How long each good connection took, in microseconds.
    pub micros: Vec<u32>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.full += other.full;
        self.resumed += other.resumed;
        self.failed += other.failed;
        self.micros.extend(other.micros);
    }

    /// The time, in microseconds, that 99 of 100 good connections stayed below.
    pub fn p99_micros(&mut self) -> u32 {
        self.micros.sort_unstable();
        self.micros.get(self.micros.len() * 99 / 100).copied().unwrap_or(0)
    }
}

/// Opens connections on `threads` threads at once for that long.
pub fn load(port: u16, threads: usize, how_long: Duration) -> Result<Tally> {
    let config = Arc::new(client_config()?);
    let until = Instant::now() + how_long;
    let workers: Vec<_> = (0..threads)
        .map(|_| {
            let config = config.clone();
            std::thread::spawn(move || work(&config, port, until))
        })
        .collect();
    let mut all = Tally::default();
    for worker in workers {
        all.add(worker.join().map_err(|_| anyhow::anyhow!("a thread of the load tool panicked"))?);
    }
    Ok(all)
}

fn work(config: &Arc<ClientConfig>, port: u16, until: Instant) -> Tally {
    let mut tally = Tally::default();
    while Instant::now() < until {
        let started = Instant::now();
        match one(config, port) {
            Ok(HandshakeKind::Full | HandshakeKind::FullWithHelloRetryRequest) => {
                tally.full += 1;
                tally.micros.push(u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX));
            }
            Ok(_) => tally.resumed += 1,
            Err(_) => tally.failed += 1,
        }
    }
    tally
}

fn one(config: &Arc<ClientConfig>, port: u16) -> Result<HandshakeKind> {
    let mut socket = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), PATIENCE)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    let mut tls = ClientConnection::new(config.clone(), ServerName::try_from("localhost")?)?;
    let mut stream = Stream::new(&mut tls, &mut socket);
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        // Some servers close without TLS's farewell; the answer is complete by its length all the same.
        Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => return Err(error.into()),
        _ => {}
    }
    anyhow::ensure!(answer.starts_with(b"HTTP/1.1 200"), "the status is not 200");
    tls.handshake_kind().context("no handshake took place")
}

fn client_config() -> Result<ClientConfig> {
    let provider =
        CryptoProvider { kx_groups: vec![aws_lc_rs::kx_group::X25519], ..aws_lc_rs::default_provider() };
    let trust = Arc::new(TrustAnyone(Arc::new(provider.clone())));
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(trust)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Accepts every certificate. For load on 127.0.0.1 only.
#[derive(Debug)]
struct TrustAnyone(Arc<CryptoProvider>);

impl ServerCertVerifier for TrustAnyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
