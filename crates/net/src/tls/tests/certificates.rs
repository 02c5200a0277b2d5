//! Which certificate is shown, and what is said about files that are no good.

use std::path::Path;
use std::time::SystemTime;

use rcgen::{PKCS_ED25519, date_time_ymd};

use super::*;

/// The certificate that `server` shows to who asks for `host`.
async fn shown(server: &ServerTls, host: &str) -> CertificateDer<'static> {
    let (near, _far) = connected(&onlooker(), host, server).await;
    near.peer_certificate().unwrap().clone()
}

#[tokio::test]
async fn sni_chooses_the_exact_name_then_the_wildcard_then_the_first_certificate() {
    let pki = Pki::new();
    let (first, first_der) = pki.issue("first", &["first.test"]);
    let (wild, wild_der) = pki.issue("wild", &["*.Example.com", "example.com"]);
    let (exact, exact_der) = pki.issue("exact", &["api.example.com"]);
    let server = server(vec![first, wild, exact]);
    for (host, expected) in [
        ("api.example.com", &exact_der),
        ("API.example.com", &exact_der),
        ("www.example.com", &wild_der),
        ("example.com", &wild_der),
        ("a.b.example.com", &first_der),
        ("elsewhere.test", &first_der),
        ("com", &first_der),
        // An IP address sends no SNI.
        ("127.0.0.1", &first_der),
    ] {
        assert_eq!(&shown(&server, host).await, expected, "{host}");
    }
}

#[tokio::test]
async fn the_server_knows_the_name_that_was_asked_for() {
    let pki = Pki::new();
    let server = server(vec![pki.issue("a", &["api.example.com"]).0]);
    let (near, far) = connected(&onlooker(), "API.example.com", &server).await;
    assert_eq!(far.server_name(), Some("api.example.com"));
    assert_eq!(near.server_name(), None);
    let (_near, far) = connected(&onlooker(), "127.0.0.1", &server).await;
    assert_eq!(far.server_name(), None);
}

#[tokio::test]
async fn of_two_certificates_with_one_name_the_first_that_the_client_can_verify_is_shown() {
    let pki = Pki::new();
    let params = CertificateParams::new(vec!["api.test".to_owned()]).unwrap();
    let edwards = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let (first, edwards_der) = pki.issue_with("ed25519", &params, &edwards);
    let (second, ecdsa_der) = pki.issue("ecdsa", &["api.test"]);
    // To a client that knows both kinds the order decides.
    assert_eq!(shown(&server(vec![first.clone(), second.clone()]), "api.test").await, edwards_der);
    assert_eq!(shown(&server(vec![second.clone(), first.clone()]), "api.test").await, ecdsa_der);
    let server = server(vec![first, second]);
    let (near, far) = tcp_pair().await;
    let picky = super::handshakes::client_that_verifies_only(rustls::SignatureScheme::ECDSA_NISTP256_SHA256);
    let (near, far) =
        tokio::join!(picky.connect("api.test".try_into().unwrap(), near), server.accept(far, LIMIT));
    far.unwrap();
    assert_eq!(near.unwrap().get_ref().1.peer_certificates().unwrap()[0], ecdsa_der);
}

#[test]
fn what_is_loaded_can_be_listed_with_names_and_validity() {
    let pki = Pki::new();
    let mut params = CertificateParams::new(vec!["*.Example.com".to_owned(), "b.test".to_owned()]).unwrap();
    params.not_before = date_time_ymd(2020, 1, 2);
    params.not_after = date_time_ymd(2021, 3, 4);
    let (pair, _) = pki.issue_with("old", &params, &KeyPair::generate().unwrap());
    let [info] = &server(vec![pair.clone()]).certificates()[..] else { panic!("one certificate") };
    assert_eq!(info.path, pair.certificate);
    assert_eq!(info.names, ["*.example.com", "b.test"]);
    assert_eq!(info.not_before, SystemTime::from(date_time_ymd(2020, 1, 2)));
    assert_eq!(info.not_after, SystemTime::from(date_time_ymd(2021, 3, 4)));
    let day = Duration::from_secs(86_400);
    let expired = info.warning(info.not_after + 3 * day).unwrap();
    assert!(expired.contains("expired 3 days ago") && expired.contains("old.pem"), "{expired}");
    let early = info.warning(info.not_before - 2 * day).unwrap();
    assert!(early.contains("not valid before 2 days from now"), "{early}");
    assert_eq!(info.warning(info.not_before + day), None);
}

#[tokio::test]
async fn an_expired_certificate_is_served_with_a_warning() {
    let pki = Pki::new();
    let mut params = CertificateParams::new(vec!["old.test".to_owned()]).unwrap();
    params.not_after = date_time_ymd(2021, 3, 4);
    let (pair, der) = pki.issue_with("old", &params, &KeyPair::generate().unwrap());
    let server = server(vec![pair]);
    assert!(server.certificates()[0].warning(SystemTime::now()).is_some());
    assert_eq!(shown(&server, "old.test").await, der);
}

#[test]
fn a_pair_in_one_file_is_loaded() {
    let pki = Pki::new();
    let (pair, _) = pki.issue("a", &["a.test"]);
    let both = [fs::read(&pair.key).unwrap(), fs::read(&pair.certificate).unwrap()].concat();
    let both = pki.write("both.pem", both);
    server(vec![CertPair { certificate: both.clone(), key: both }]);
}

/// What loading a pair of these files says.
fn complaint(certificate: &Path, key: &Path) -> String {
    let pair = CertPair { certificate: certificate.into(), key: key.into() };
    ServerTls::load(&settings(vec![pair])).err().expect("the pair is bad").to_string()
}

#[test]
fn bad_files_are_refused_with_their_name_and_what_is_wrong() {
    let pki = Pki::new();
    let (good, _) = pki.issue("good", &["good.test"]);
    let (other, _) = pki.issue("other", &["other.test"]);
    let body = "AAAA";
    let section =
        |label: &str, body: &str| format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
    let empty = pki.write("empty.pem", "");
    let broken = pki.write("broken.pem", section("CERTIFICATE", body));
    let torn = pki.write("torn.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n");
    let pkcs8 = pki.write("pkcs8.key", section("ENCRYPTED PRIVATE KEY", body));
    let legacy = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\nAAAA";
    let legacy = pki.write("legacy.key", section("RSA PRIVATE KEY", legacy));
    let odd = pki.write("odd.key", section("PRIVATE KEY", body));
    for (certificate, key, expected) in [
        (&good.certificate, &other.key, vec!["other.key does not belong", "good.pem"]),
        (&pki.path("none.pem"), &good.key, vec!["cannot read", "none.pem", "No such file"]),
        (&good.certificate, &pki.path("none.key"), vec!["cannot read", "none.key"]),
        (&empty, &good.key, vec!["empty.pem holds no certificate"]),
        (&good.certificate, &empty, vec!["empty.pem holds no private key"]),
        (&good.key, &good.key, vec!["good.key holds no certificate"]),
        (&broken, &good.key, vec!["broken.pem is not usable"]),
        (&torn, &good.key, vec!["torn.pem is not usable"]),
        (&good.certificate, &pkcs8, vec!["pkcs8.key is encrypted", "openssl pkey"]),
        (&good.certificate, &legacy, vec!["legacy.key is encrypted"]),
        (&good.certificate, &odd, vec!["odd.key is not usable"]),
        (&"/dev/zero".into(), &good.key, vec!["/dev/zero", "larger than 1 MiB"]),
    ] {
        let said = complaint(certificate, key);
        assert!(expected.iter().all(|part| said.contains(part)), "expected {expected:?} in: {said}");
    }
    assert!(matches!(ServerTls::load(&settings(vec![])), Err(TlsError::NoCertificate)));
}

#[test]
fn a_bad_client_ca_is_refused_with_its_name() {
    let pki = Pki::new();
    let (pair, _) = pki.issue("a", &["a.test"]);
    let bad = pki.write("bad-ca.pem", "nothing");
    let with_ca = ServerSettings { client_ca: Some(bad), ..settings(vec![pair]) };
    let said = ServerTls::load(&with_ca).err().expect("the CA is bad").to_string();
    assert!(said.contains("bad-ca.pem holds no certificate"), "{said}");
}
