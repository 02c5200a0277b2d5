//! Real handshakes over 127.0.0.1 with certificates made on the spot.

mod certificates;
mod handshakes;
mod reload;
mod shown;

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls_pki_types::CertificateDer;
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::stream::Stream;

/// Far more than a handshake on loopback takes.
const LIMIT: Duration = Duration::from_secs(10);

/// A CA and a folder of files, removed at the end.
struct Pki {
    folder: PathBuf,
    ca: Issuer<'static, KeyPair>,
}

impl Pki {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("net-tls-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        fs::write(folder.join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { folder, ca: Issuer::new(params, key) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn pair(&self, file: &str) -> CertPair {
        CertPair { certificate: self.path(&format!("{file}.pem")), key: self.path(&format!("{file}.key")) }
    }

    /// Writes a certificate for `names` and its key.
    fn issue(&self, file: &str, names: &[&str]) -> (CertPair, CertificateDer<'static>) {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        self.issue_with(file, &CertificateParams::new(names).unwrap(), &KeyPair::generate().unwrap())
    }

    fn issue_with(
        &self,
        file: &str,
        params: &CertificateParams,
        key: &KeyPair,
    ) -> (CertPair, CertificateDer<'static>) {
        let certificate = params.signed_by(key, &self.ca).unwrap();
        let pair = self.pair(file);
        fs::write(&pair.certificate, certificate.pem()).unwrap();
        fs::write(&pair.key, key.serialize_pem()).unwrap();
        (pair, certificate.der().clone())
    }

    /// A client that trusts this CA only.
    fn client(&self) -> ClientSettings {
        ClientSettings { ca: Some(self.path("ca.pem")), ..ClientSettings::default() }
    }
}

impl Drop for Pki {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn settings(certificates: Vec<CertPair>) -> ServerSettings {
    ServerSettings {
        certificates,
        client_ca: None,
        client_auth: ClientAuth::default(),
        min_version: MinVersion::default(),
        alpn: Alpn::default(),
    }
}

fn server(certificates: Vec<CertPair>) -> Arc<ServerTls> {
    ServerTls::load(&settings(certificates)).unwrap()
}

/// A client that takes any certificate, to see which one is shown.
fn onlooker() -> Arc<ClientTls> {
    ClientTls::load(&ClientSettings { insecure_skip_verify: true, ..ClientSettings::default() }).unwrap()
}

async fn tcp_pair() -> (Stream, Stream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (far, _) = listener.accept().await.unwrap();
    (near.into(), far.into())
}

/// Both ends of a handshake: what the client got and what the server got.
async fn shake(
    client: &ClientTls,
    host: &str,
    server: &ServerTls,
) -> (io::Result<Stream>, Result<Stream, HandshakeError>) {
    let (near, far) = tcp_pair().await;
    // Boxed, since a handshake of both sides is a large future.
    Box::pin(async { tokio::join!(client.connect(near, host), server.accept(far, LIMIT)) }).await
}

/// A handshake that succeeds on both ends.
async fn connected(client: &ClientTls, host: &str, server: &ServerTls) -> (Stream, Stream) {
    let (near, far) = shake(client, host, server).await;
    (near.unwrap(), far.unwrap())
}
