//! What the two ends agree on, and whom they refuse.

use std::future::poll_fn;
use std::io::IoSlice;
use std::task::{Context, Waker};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::{
    ClientConfig, DigitallySignedStruct, HandshakeKind, NamedGroup, SignatureScheme,
    SupportedProtocolVersion, version,
};
use rustls_pki_types::{ServerName, UnixTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;

use super::*;

/// Takes any certificate, and tells the server which one kind of signature it knows, or all.
#[derive(Debug)]
struct Picky(Option<SignatureScheme>);

impl ServerCertVerifier for Picky {
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
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let all = || provider().signature_verification_algorithms.supported_schemes();
        self.0.map_or_else(all, |one| vec![one])
    }
}

fn raw_client(versions: &[&'static SupportedProtocolVersion], verifier: Picky) -> ClientConfig {
    ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth()
}

pub(super) fn client_that_verifies_only(scheme: SignatureScheme) -> TlsConnector {
    TlsConnector::from(Arc::new(raw_client(rustls::ALL_VERSIONS, Picky(Some(scheme)))))
}

/// A client of one TLS version and one list of protocols, and what came of its handshake with `server`.
async fn raw_shake(
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&str],
    server: &ServerTls,
) -> Result<Stream, HandshakeError> {
    let mut config = raw_client(versions, Picky(None));
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().into()).collect();
    let connector = TlsConnector::from(Arc::new(config));
    let (near, far) = tcp_pair().await;
    let both = async {
        tokio::join!(connector.connect("a.test".try_into().unwrap(), near), server.accept(far, LIMIT))
    };
    Box::pin(both).await.1
}

#[tokio::test]
async fn alpn_takes_http2_first_of_what_both_sides_speak() {
    let pki = Pki::new();
    let (pair, _) = pki.issue("a", &["a.test"]);
    let with = |http1, http2| {
        ServerTls::load(&ServerSettings { alpn: Alpn { http1, http2 }, ..settings(vec![pair.clone()]) })
            .unwrap()
    };
    for (server, offered, chosen) in [
        (with(true, true), &["http/1.1", "h2"][..], Some("h2")),
        (with(true, true), &["http/1.1"], Some("http/1.1")),
        (with(true, true), &[], None),
        (with(true, false), &["h2", "http/1.1"], Some("http/1.1")),
        (with(false, true), &["h2", "http/1.1"], Some("h2")),
    ] {
        let far = raw_shake(rustls::ALL_VERSIONS, offered, &server).await.unwrap();
        assert_eq!(far.alpn(), chosen.map(str::as_bytes), "{offered:?}");
        assert_eq!(far.is_h2(), chosen == Some("h2"));
    }
    for (server, offered) in
        [(with(false, true), "http/1.1"), (with(true, false), "h2"), (with(true, true), "spdy/3")]
    {
        let refused = raw_shake(rustls::ALL_VERSIONS, &[offered], &server).await;
        let refused = refused.expect_err("nothing in common");
        assert!(
            matches!(refused, HandshakeError::Refused(rustls::Error::NoApplicationProtocol)),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn our_client_offers_http2_only_when_told_to() {
    let pki = Pki::new();
    let server = server(vec![pki.issue("a", &["a.test"]).0]);
    for alpn_h2 in [true, false] {
        let client = ClientTls::load(&ClientSettings { alpn_h2, ..pki.client() }).unwrap();
        let (near, far) = connected(&client, "a.test", &server).await;
        assert_eq!((near.is_h2(), far.is_h2()), (alpn_h2, alpn_h2));
    }
}

#[tokio::test]
async fn tls_1_2_and_1_3_are_spoken_and_the_older_can_be_refused() {
    let pki = Pki::new();
    let (pair, _) = pki.issue("a", &["a.test"]);
    let both = server(vec![pair.clone()]);
    let new_only =
        ServerTls::load(&ServerSettings { min_version: MinVersion::Tls13, ..settings(vec![pair]) }).unwrap();
    let (old, new) = (&[&version::TLS12][..], &[&version::TLS13][..]);
    assert_eq!(raw_shake(old, &[], &both).await.unwrap().tls_version(), Some("TLSv1.2"));
    assert_eq!(raw_shake(new, &[], &both).await.unwrap().tls_version(), Some("TLSv1.3"));
    assert_eq!(raw_shake(new, &[], &new_only).await.unwrap().tls_version(), Some("TLSv1.3"));
    let refused = raw_shake(old, &[], &new_only).await.expect_err("too old");
    assert!(matches!(refused, HandshakeError::Refused(rustls::Error::PeerIncompatible(_))), "{refused}");
}

#[tokio::test]
async fn the_key_exchange_is_post_quantum_between_two_of_us() {
    let pki = Pki::new();
    let server = server(vec![pki.issue("a", &["a.test"]).0]);
    let (_near, far) = connected(&onlooker(), "a.test", &server).await;
    let Stream::Tls(tls) = &far else { panic!("a server's stream") };
    let group = tls.get_ref().1.negotiated_key_exchange_group().unwrap();
    assert_eq!(group.name(), NamedGroup::X25519MLKEM768);
}

#[tokio::test]
async fn clients_without_a_certificate_of_the_ca_are_refused_where_one_is_required() {
    let (pki, strangers) = (Pki::new(), Pki::new());
    let (pair, _) = pki.issue("a", &["a.test"]);
    let (identity, identity_der) = pki.issue("client", &["worker-7"]);
    let (forged, _) = strangers.issue("client", &["worker-7"]);
    let server =
        ServerTls::load(&ServerSettings { client_ca: Some(pki.path("ca.pem")), ..settings(vec![pair]) })
            .unwrap();

    let with = |identity| ClientTls::load(&ClientSettings { identity, ..pki.client() }).unwrap();
    let (mut near, far) = connected(&with(Some(identity)), "a.test", &server).await;
    assert_eq!(far.peer_certificate(), Some(&identity_der));
    near.shutdown().await.unwrap();

    for bad in [None, Some(forged)] {
        let (_, far) = shake(&with(bad), "a.test", &server).await;
        let refused = far.expect_err("no certificate of the CA");
        assert!(matches!(refused, HandshakeError::Refused(_)), "{refused}");
    }
}

#[tokio::test]
async fn our_client_refuses_servers_it_cannot_verify() {
    let (pki, strangers) = (Pki::new(), Pki::new());
    let (ours, _) = pki.issue("a", &["a.test", "127.0.0.1"]);
    let (theirs, _) = strangers.issue("a", &["a.test"]);
    let client = ClientTls::load(&pki.client()).unwrap();
    let server_of = |pair: &CertPair| server(vec![pair.clone()]);
    connected(&client, "a.test", &server_of(&ours)).await;
    connected(&client, "127.0.0.1", &server_of(&ours)).await;
    for (host, pair) in [("b.test", &ours), ("127.0.0.2", &ours), ("[::1]", &ours), ("a.test", &theirs)] {
        let (near, far) = shake(&client, host, &server_of(pair)).await;
        assert_eq!(near.expect_err(host).kind(), io::ErrorKind::InvalidData, "{host}");
        assert!(far.is_err());
    }
    connected(&onlooker(), "b.test", &server_of(&theirs)).await;
}

#[tokio::test]
async fn the_name_to_verify_can_be_another_than_the_host() {
    let pki = Pki::new();
    let server = server(vec![pki.issue("a", &["a.test"]).0]);
    let named =
        |name: &str| ClientTls::load(&ClientSettings { server_name: Some(name.into()), ..pki.client() });
    let (_near, far) = connected(&named("a.test").unwrap(), "10.0.0.1", &server).await;
    assert_eq!(far.server_name(), Some("a.test"));
    assert!(matches!(named("no name"), Err(TlsError::ServerName(_))));
    let (near, _) = tcp_pair().await;
    let error = onlooker().connect(near, "no name").await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

#[tokio::test]
async fn sessions_are_resumed_by_ticket_in_both_versions() {
    let pki = Pki::new();
    let server = server(vec![pki.issue("a", &["a.test"]).0]);
    for versions in [&[&version::TLS12][..], &[&version::TLS13]] {
        let connector = TlsConnector::from(Arc::new(raw_client(versions, Picky(None))));
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let (near, far) = tcp_pair().await;
            let shaken = async {
                tokio::join!(connector.connect("a.test".try_into().unwrap(), near), server.accept(far, LIMIT))
            };
            let (near, far) = Box::pin(shaken).await;
            let (mut near, mut far) = (near.unwrap(), far.unwrap());
            // In TLS 1.3 tickets come after the handshake, with the first bytes.
            far.write_all(b"x").await.unwrap();
            far.flush().await.unwrap();
            near.read_u8().await.unwrap();
            kinds.push(near.get_ref().1.handshake_kind().unwrap());
        }
        assert_eq!(kinds[1], HandshakeKind::Resumed, "{versions:?}: {kinds:?}");
    }
}

#[tokio::test]
async fn what_is_not_a_handshake_ends_with_its_reason() {
    let pki = Pki::new();
    let server = server(vec![pki.issue("a", &["a.test"]).0]);

    let (mut near, far) = tcp_pair().await;
    near.write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await.unwrap();
    let plain = server.accept(far, LIMIT).await;
    assert!(matches!(plain, Err(HandshakeError::NotTls)), "{plain:?}");

    let (near, far) = tcp_pair().await;
    drop(near);
    let closed = server.accept(far, LIMIT).await;
    assert!(matches!(closed, Err(HandshakeError::Closed)), "{closed:?}");

    let (near, far) = tcp_pair().await;
    near.abort();
    let reset = server.accept(far, LIMIT).await;
    assert!(matches!(reset, Err(HandshakeError::Closed)), "{reset:?}");

    let (_near, far) = tcp_pair().await;
    let silent = server.accept(far, Duration::from_millis(5)).await;
    assert!(matches!(silent, Err(HandshakeError::Timeout)), "{silent:?}");
}

#[tokio::test]
async fn bytes_travel_over_tls_on_a_unix_socket_and_wait_where_they_show() {
    let pki = Pki::new();
    let server = server(vec![pki.issue("a", &["a.test"]).0]);
    let client = ClientTls::load(&pki.client()).unwrap();
    let (near, far) = UnixStream::pair().unwrap();
    let both =
        async { tokio::join!(client.connect(near.into(), "a.test"), server.accept(far.into(), LIMIT)) };
    let (near, far) = Box::pin(both).await;
    let (mut near, mut far) = (near.unwrap(), far.unwrap());
    assert!(!far.is_plain() && far.transport().is_plain());
    assert_eq!(far.try_read(&mut [0; 8]).unwrap_err().kind(), io::ErrorKind::Unsupported);

    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(near.write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b"cd")]).await.unwrap(), 4);
    near.flush().await.unwrap();
    poll_fn(|cx| far.poll_readable(cx)).await.unwrap();
    assert_eq!(far.read_u8().await.unwrap(), b'a');
    // The rest was decrypted with it: the socket is empty, the stream is not.
    assert!(far.poll_readable(&mut cx).is_ready());
    near.shutdown().await.unwrap();
    let mut rest = String::new();
    far.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "bcd");
}

#[tokio::test]
async fn a_peer_that_hangs_up_without_saying_so_cuts_the_stream() {
    let pki = Pki::new();
    let server = server(vec![pki.issue("a", &["a.test"]).0]);
    let (mut near, mut far) = connected(&onlooker(), "a.test", &server).await;
    // The tickets must be read first: a socket that is closed over unread bytes is reset.
    far.write_all(b"x").await.unwrap();
    far.flush().await.unwrap();
    near.read_u8().await.unwrap();
    drop(near);
    assert_eq!(far.read_u8().await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    let (near, mut far) = connected(&onlooker(), "a.test", &server).await;
    near.abort();
    assert_eq!(far.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}
