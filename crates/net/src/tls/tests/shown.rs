//! What is read of clients' certificates, and who gets in without one.

use rcgen::{DnType, SanType};
use rustls::HandshakeKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// A server that asks clients for certificates.
fn asking(pki: &Pki, client_auth: ClientAuth) -> Arc<ServerTls> {
    let (pair, _) = pki.issue("a", &["a.test"]);
    let client_ca = Some(pki.path("ca.pem"));
    ServerTls::load(&ServerSettings { client_ca, client_auth, ..settings(vec![pair]) }).unwrap()
}

fn read(params: &CertificateParams) -> Option<ClientCertificate> {
    let pki = Pki::new();
    let (_, der) = pki.issue_with("client", params, &KeyPair::generate().unwrap());
    ClientCertificate::read(&der)
}

#[test]
fn a_certificate_tells_its_names_of_each_kind_its_end_and_its_fingerprint() {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.distinguished_name.push(DnType::OrganizationName, "Acme");
    params.distinguished_name.push(DnType::CommonName, "Worker 7");
    params.subject_alt_names = vec![
        SanType::DnsName("Worker-7.A.test".try_into().unwrap()),
        SanType::URI("spiffe://a.test/worker/7".try_into().unwrap()),
        SanType::Rfc822Name("worker@a.test".try_into().unwrap()),
        SanType::IpAddress("10.0.0.7".parse().unwrap()),
        SanType::IpAddress("fd00::7".parse().unwrap()),
        SanType::OtherName((vec![1, 2, 3, 4], rcgen::OtherNameValue::Utf8String("other".into()))),
    ];
    params.not_after = rcgen::date_time_ymd(2099, 1, 2);
    let pki = Pki::new();
    let (_, der) = pki.issue_with("client", &params, &KeyPair::generate().unwrap());
    let read = ClientCertificate::read(&der).unwrap();
    assert_eq!(read.common_name.as_deref(), Some("Worker 7"));
    let texts =
        ["worker-7.a.test", "spiffe://a.test/worker/7", "worker@a.test", "10.0.0.7", "fd00::7"].map(San::of);
    assert_eq!(*read.sans, texts);
    assert!(read.has(&San::of("WORKER-7.a.test")) && !read.has(&San::of("a.test")));
    assert_eq!(read.not_after, 4_070_995_200);
    let hash = ::aws_lc_rs::digest::digest(&::aws_lc_rs::digest::SHA256, &der);
    assert_eq!(read.fingerprint, hash.as_ref());
}

#[test]
fn a_name_of_one_kind_is_not_the_same_text_of_another() {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.subject_alt_names = vec![SanType::Rfc822Name("worker.a.test".try_into().unwrap())];
    let read = read(&params).unwrap();
    assert_eq!(read.sans.len(), 1);
    assert!(!read.has(&San::of("worker.a.test")), "an address without an @ is no host name");
}

#[test]
fn names_with_control_characters_and_names_beyond_the_bound_are_left_out() {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "admin\0.evil.test");
    params.subject_alt_names = vec![SanType::DnsName("a.test\n.evil.test".try_into().unwrap())];
    let unclean = read(&params).unwrap();
    assert_eq!((unclean.common_name, unclean.sans.len()), (None, 0));

    let many = (0..500).map(|n| format!("n{n}.test")).collect::<Vec<_>>();
    assert_eq!(read(&CertificateParams::new(many).unwrap()).unwrap().sans.len(), 100);
}

#[test]
fn what_is_no_certificate_names_nobody() {
    let pki = Pki::new();
    let (_, der) = pki.issue("client", &["worker-7.a.test"]);
    for end in 0..der.len() {
        assert_eq!(ClientCertificate::read(&der[..end].into()), None, "cut at {end}");
    }
    let trailing = [&der[..], b"\0"].concat();
    assert_eq!(ClientCertificate::read(&trailing.into()), None);
    for at in 0..der.len() {
        let mut broken = der.to_vec();
        broken[at] ^= 0x81;
        // Whatever it says, it says it without a panic.
        let _ = ClientCertificate::read(&broken.into());
    }
}

#[tokio::test]
async fn an_optional_certificate_may_be_missing_but_not_forged() {
    let (pki, strangers) = (Pki::new(), Pki::new());
    let server = asking(&pki, ClientAuth::Optional);
    let (identity, der) = pki.issue("client", &["worker-7.a.test"]);
    let (forged, _) = strangers.issue("client", &["worker-7.a.test"]);
    let with = |identity| ClientTls::load(&ClientSettings { identity, ..pki.client() }).unwrap();

    let (_near, far) = connected(&with(None), "a.test", &server).await;
    assert_eq!(far.peer_certificate(), None);
    let (_near, far) = connected(&with(Some(identity)), "a.test", &server).await;
    assert_eq!(far.peer_certificate(), Some(&der));
    let (_, far) = shake(&with(Some(forged)), "a.test", &server).await;
    assert!(matches!(far, Err(HandshakeError::Refused(_))), "{far:?}");
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_refused_even_where_none_is_needed() {
    let pki = Pki::new();
    let server = asking(&pki, ClientAuth::Optional);
    let mut params = CertificateParams::new(vec!["worker-7.a.test".into()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let (identity, _) = pki.issue_with("client", &params, &KeyPair::generate().unwrap());
    let client = ClientTls::load(&ClientSettings { identity: Some(identity), ..pki.client() }).unwrap();
    let (_, far) = shake(&client, "a.test", &server).await;
    assert!(matches!(far, Err(HandshakeError::Refused(_))), "{far:?}");
}

#[tokio::test]
async fn a_resumed_session_has_the_certificate_that_it_began_with() {
    let pki = Pki::new();
    let server = asking(&pki, ClientAuth::Required);
    let (identity, der) = pki.issue("client", &["worker-7.a.test"]);
    let client = ClientTls::load(&ClientSettings { identity: Some(identity), ..pki.client() }).unwrap();
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let (mut near, mut far) = connected(&client, "a.test", &server).await;
        far.write_all(b"x").await.unwrap();
        far.flush().await.unwrap();
        near.read_u8().await.unwrap();
        assert_eq!(far.peer_certificate(), Some(&der));
        let Stream::Tls(tls) = &far else { panic!("a server's stream") };
        kinds.push(tls.get_ref().1.handshake_kind().unwrap());
    }
    assert_eq!(kinds[1], HandshakeKind::Resumed, "{kinds:?}");
}
