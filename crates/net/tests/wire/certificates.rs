//! Clients that show a certificate: each of their requests knows it.

use crate::harness::{Server, Setup};
use net::Stream;
use net::tls::{
    Alpn, CertPair, ClientAuth, ClientSettings, ClientTls, MinVersion, ServerSettings, ServerTls,
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::path::{Path, PathBuf};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A folder with a CA, a server's pair and a client's; it goes with the test.
pub(crate) struct Pki(PathBuf);

impl Pki {
    pub(crate) fn new(test: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("net-wire-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        std::fs::write(folder.join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        let ca = Issuer::new(params, key);
        for (file, name) in [("server", "a.test"), ("client", "worker-7.a.test")] {
            issue(&folder, &ca, file, name);
        }
        Self(folder)
    }

    fn pair(&self, file: &str) -> CertPair {
        CertPair { certificate: self.0.join(format!("{file}.pem")), key: self.0.join(format!("{file}.key")) }
    }

    pub(crate) fn server(&self) -> Server {
        let settings = ServerSettings {
            certificates: vec![self.pair("server")],
            client_ca: Some(self.0.join("ca.pem")),
            client_auth: ClientAuth::Optional,
            min_version: MinVersion::Tls12,
            alpn: Alpn::default(),
        };
        Setup { tls: Some(ServerTls::load(&settings).unwrap()), ..Setup::default() }.start()
    }

    pub(crate) async fn connect(&self, server: &Server, identity: Option<CertPair>) -> Stream {
        let settings =
            ClientSettings { identity, ca: Some(self.0.join("ca.pem")), ..ClientSettings::default() };
        let tcp = TcpStream::connect(server.address()).await.unwrap();
        ClientTls::load(&settings).unwrap().connect(tcp.into(), "a.test").await.unwrap()
    }

    /// What the service answers to `/who` for a client with this certificate.
    async fn who(&self, server: &Server, identity: Option<CertPair>) -> String {
        let mut tls = self.connect(server, identity).await;
        tls.write_all(b"GET /who HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").await.unwrap();
        tls.flush().await.unwrap();
        let mut answer = String::new();
        tls.read_to_string(&mut answer).await.unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.into()
    }
}

impl Drop for Pki {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn issue(folder: &Path, ca: &Issuer<'_, KeyPair>, file: &str, name: &str) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.into()]).unwrap().signed_by(&key, ca).unwrap();
    std::fs::write(folder.join(format!("{file}.pem")), certificate.pem()).unwrap();
    std::fs::write(folder.join(format!("{file}.key")), key.serialize_pem()).unwrap();
}

#[tokio::test]
async fn a_request_knows_the_certificate_of_its_client_or_that_there_is_none() {
    let pki = Pki::new("certificates");
    let server = pki.server();
    assert_eq!(Box::pin(pki.who(&server, Some(pki.pair("client")))).await, "worker-7.a.test");
    assert_eq!(Box::pin(pki.who(&server, None)).await, "nobody");
}
