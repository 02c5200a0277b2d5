//! Keys by discovery, and in files.

use crate::server::{Manner, Server, answer, ok};
use crate::setup::{Folder, SELDOM, Setup, Signer, jwks, until};
use identity::Source;
use serde_json::json;

const WELL_KNOWN: &str = "/realm/.well-known/openid-configuration";

/// An issuer that names itself so, and has its keys at that URL.
fn provider(issuer: &str, jwks_uri: &str, keys: &str) -> Manner {
    let document = json!({ "issuer": issuer, "jwks_uri": jwks_uri }).to_string();
    Manner::Paths(vec![(WELL_KNOWN, answer("200 OK", document)), ("/keys", answer("200 OK", keys))])
}

#[tokio::test]
async fn a_discovered_issuer_says_where_its_keys_are() {
    let signer = Signer::new("a");
    let server = Server::start(Manner::Waits);
    let name = server.url("/realm");
    server.becomes(provider(&name, &server.url("/keys"), &jwks(&[&signer])));
    let setup = Setup::start(&Source::Discovery(name.clone()), SELDOM);
    assert_eq!(&*setup.verify(&signer.token("ann")).await.unwrap().subject, "ann");
    let said = setup.keeper.discovery(&setup.issuer).unwrap();
    assert_eq!((&said.issuer, &said.jwks_uri), (&name, &server.url("/keys")));
}

#[tokio::test]
async fn a_document_that_speaks_for_another_issuer_or_says_nothing_is_not_believed() {
    let signer = Signer::new("a");
    let server = Server::start(Manner::Waits);
    let (name, keys) = (server.url("/realm"), jwks(&[&signer]));
    for manner in [
        provider("http://127.0.0.1/other", &server.url("/keys"), &keys),
        provider(&name, "file:///etc/passwd", &keys),
        provider(&name, "http://user:hunter2@127.0.0.1/keys", &keys),
        ok("[]"),
        ok("{}"),
        ok(""),
    ] {
        server.becomes(manner);
        let setup = Setup::start(&Source::Discovery(name.clone()), SELDOM);
        let line = setup.told(1).await;
        assert!(line.ends_with("; none are known") && !line.contains("hunter2"), "{line}");
        assert!(setup.keeper.discovery(&setup.issuer).is_none());
    }
}

#[tokio::test]
async fn a_file_is_followed_whatever_it_holds() {
    let (one, two, folder) = (Signer::new("one"), Signer::new("two"), Folder::new());
    let path = folder.0.join("keys");
    let setup = Setup::start(&Source::File(path.clone()), SELDOM);
    assert!(setup.told(1).await.contains("the file cannot be read: No such file"), "{:?}", setup.news());
    std::fs::write(&path, jwks(&[&one])).unwrap();
    until("the file", || setup.issuer.keys_known()).await;
    assert!(setup.verify(&one.token("ann")).await.is_ok());
    std::fs::write(&path, two.pem()).unwrap();
    assert!(setup.told(3).await.ends_with("they have changed, 1 key"), "{:?}", setup.news());
    assert!(setup.verify(&two.token("bea")).await.is_ok());
    std::fs::write(&path, "nothing").unwrap();
    assert!(setup.told(4).await.ends_with("; the 1 known before hold"));
    assert!(setup.verify(&two.token("bea")).await.is_ok());
    assert!(setup.verify(&one.token("ann")).await.is_err());
}
