//! The ways in which endpoints are reached: TCP, Unix sockets, TLS, HTTP/2, another port.

use super::*;
use crate::endpoint::Registry;
use crate::fixture::{LIMIT, built, endpoint};
use crate::service::EndpointSettings;
use ::http::Response;
use net::tls::{Alpn, CertPair, ClientAuth, ClientSettings, MinVersion, ServerSettings, ServerTls};
use rcgen::{CertificateParams, KeyPair};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use testing::Folder;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

fn tcp(timeout: Duration) -> ProbeSettings {
    asking(ProbeKind::Tcp, timeout)
}

/// A certificate of its own for a name, which a client may trust.
fn certificate(folder: &Folder, name: &str) -> CertPair {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
    let pair = CertPair { certificate: folder.path("cert.pem"), key: folder.path("key.pem") };
    std::fs::write(&pair.certificate, certificate.pem()).unwrap();
    std::fs::write(&pair.key, key.serialize_pem()).unwrap();
    pair
}

/// A TLS server that speaks what was agreed, and says 200.
async fn over_tls(pair: CertPair) -> SocketAddr {
    let settings = ServerSettings {
        certificates: vec![pair],
        client_ca: None,
        client_auth: ClientAuth::Required,
        min_version: MinVersion::default(),
        alpn: Alpn { http1: true, http2: true },
    };
    let tls = ServerTls::load(&settings).unwrap();
    server(move |stream| {
        let tls = Arc::clone(&tls);
        async move {
            let Ok(mut stream) = Box::pin(tls.accept(Stream::Tcp(stream), LIMIT)).await else { return };
            if stream.is_h2() {
                well_over_http2(stream).await;
            } else {
                let _ = stream.read_u8().await;
                let _ = stream.write_all(OK).await;
                let _ = stream.shutdown().await;
            }
        }
    })
    .await
}

/// Says 200 to whatever comes over HTTP/2.
async fn well_over_http2(stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        let _ = respond.send_response(Response::new(()), true).map(|_: h2::SendStream<bytes::Bytes>| ());
    }
}

#[test]
fn a_tcp_probe_passes_where_a_connection_opens_and_sends_nothing() {
    run(async {
        let got = Rc::<RefCell<Option<usize>>>::default();
        let seen = Rc::clone(&got);
        let address = server(move |mut stream| {
            let seen = Rc::clone(&seen);
            async move {
                let mut all = Vec::new();
                *seen.borrow_mut() = stream.read_to_end(&mut all).await.ok();
            }
        })
        .await;
        assert_eq!(probe(&at(address), &tcp(PATIENT)).await.verdict, Verdict::Passed);
        crate::fixture::until("it is closed", || *got.borrow() == Some(0)).await;
        let refused = probe(&at(nobody()), &tcp(PATIENT)).await;
        assert!(matches!(refused.verdict, Verdict::Unreachable(_)), "{refused:?}");
    });
}

#[test]
fn another_port_of_the_endpoint_can_be_asked() {
    run(async {
        let (address, _) = answering(OK).await;
        let other = ProbeSettings { port: Some(address.port()), ..http(PATIENT) };
        assert_eq!(probe(&at(nobody()), &other).await.verdict, Verdict::Passed);
        let by_name = endpoint(Place::Name("localhost".into(), nobody().port()), Protocol::Http1, None);
        let other = ProbeSettings { port: Some(address.port()), ..tcp(PATIENT) };
        assert_eq!(probe(&by_name, &other).await.verdict, Verdict::Passed);
    });
}

#[test]
fn a_unix_socket_is_probed_as_it_is() {
    run(async {
        let folder = Folder::new();
        let path = folder.path("api.sock");
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        tokio::task::spawn_local(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read_u8().await;
            let _ = stream.write_all(OK).await;
        });
        let well = endpoint(Place::Unix(path), Protocol::Http1, None);
        assert_eq!(probe(&well, &http(PATIENT)).await.verdict, Verdict::Passed);
        let gone = endpoint(Place::Unix(folder.path("none.sock")), Protocol::Http1, None);
        assert!(matches!(probe(&gone, &http(PATIENT)).await.verdict, Verdict::Unreachable(_)));
    });
}

#[test]
fn http_2_without_tls_is_spoken_where_the_service_speaks_it() {
    run(async {
        let address = server(well_over_http2).await;
        let settings = ProbeSettings { protocol: Protocol::Http2, ..http(PATIENT) };
        assert_eq!(probe(&at(address), &settings).await.verdict, Verdict::Passed);
    });
}

#[test]
fn tls_is_spoken_and_the_handshake_decides_on_the_version_of_http() {
    run(async {
        let folder = Folder::new();
        let address = over_tls(certificate(&folder, "localhost")).await;
        let place = Place::Name("localhost".into(), address.port());
        let trusting = ClientSettings { ca: Some(folder.path("cert.pem")), ..ClientSettings::default() };
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let endpoint = endpoint(place.clone(), protocol, Some(trusting.clone()));
            let settings = ProbeSettings { protocol, ..http(PATIENT) };
            let outcome = Box::pin(probe(&endpoint, &settings)).await;
            assert_eq!(outcome.verdict, Verdict::Passed, "{protocol:?}");
        }
        let http1 = endpoint(place, Protocol::Http1, Some(trusting));
        let grpc = asking(ProbeKind::Grpc { service: "".into(), host: None }, PATIENT);
        let outcome = Box::pin(probe(&http1, &grpc)).await;
        assert!(failure(&outcome).contains("HTTP/2"), "{outcome:?}");
    });
}

#[test]
fn an_endpoint_whose_certificate_is_not_trusted_is_unreachable() {
    run(async {
        let (theirs, other) = (Folder::new(), Folder::new());
        let address = over_tls(certificate(&theirs, "localhost")).await;
        certificate(&other, "localhost");
        let trust = ClientSettings { ca: Some(other.path("cert.pem")), ..ClientSettings::default() };
        let place = Place::Name("localhost".into(), address.port());
        let outcome = Box::pin(probe(&endpoint(place, Protocol::Http1, Some(trust)), &http(PATIENT))).await;
        assert!(
            matches!(&outcome.verdict, Verdict::Unreachable(why) if why.contains("certificate")),
            "{outcome:?}"
        );
    });
}

#[test]
fn the_name_that_an_endpoint_was_found_by_is_verified_in_place_of_its_address() {
    run(async {
        let folder = Folder::new();
        let address = over_tls(certificate(&folder, "search.test")).await;
        let trust = |server_name: Option<&str>| ClientSettings {
            ca: Some(folder.path("cert.pem")),
            server_name: server_name.map(str::to_owned),
            ..ClientSettings::default()
        };
        let registry = Registry::default();
        let found = |name: Option<&str>, of_service| {
            let plain = EndpointSettings::new("found", Place::Address(address));
            let settings = EndpointSettings { tls: true, server_name: name.map(Into::into), ..plain };
            built(vec![settings], Protocol::Http1, Some(trust(of_service)), &registry).remove(0)
        };
        let cases = [
            (None, None, false),
            (Some("search.test"), None, true),
            (Some("other.test"), None, false),
            (Some("other.test"), Some("search.test"), true),
        ];
        let mut endpoints = Vec::new();
        for (name, of_service, passes) in cases {
            let endpoint = found(name, of_service);
            let outcome = Box::pin(probe(&endpoint, &http(PATIENT))).await;
            assert_eq!(outcome.verdict == Verdict::Passed, passes, "{name:?} {of_service:?}: {outcome:?}");
            endpoints.push(endpoint);
        }
        let ids: HashSet<_> = endpoints.iter().map(|endpoint| endpoint.id).collect();
        assert_eq!(
            ids.len(),
            cases.len(),
            "connections that were verified for one name do not serve another"
        );
    });
}

#[test]
fn a_handshake_that_hangs_is_unreachable_when_the_time_is_up() {
    run(async {
        let address = server(|mut stream| async move {
            let mut all = Vec::new();
            let _ = stream.read_to_end(&mut all).await;
        })
        .await;
        let trust = ClientSettings { insecure_skip_verify: true, ..ClientSettings::default() };
        let endpoint = endpoint(Place::Address(address), Protocol::Http1, Some(trust));
        let outcome = Box::pin(probe(&endpoint, &http(SHORT))).await;
        assert_eq!(outcome.verdict, Verdict::Unreachable("could not connect in time".into()));
        assert!(outcome.took >= SHORT && outcome.took < PATIENT);
    });
}
