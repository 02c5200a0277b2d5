//! Issuers that do not give what they should: nothing is taken away by them.

use crate::server::{Manner, Server, answer, ok};
use crate::setup::{DEADLINE, OFTEN, SELDOM, Setup, Signer, jwks, until};
use auth::Denied;
use identity::Source;
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(30);

#[tokio::test]
async fn starting_waits_for_nobody_and_those_who_need_keys_are_woken() {
    let signer = Signer::new("a");
    let server = Server::start(Manner::Waits);
    let began = Instant::now();
    let setup = Setup::start(&Source::Jwks(server.url("/")), SELDOM);
    assert!(!setup.keeper.wait_for_keys(&setup.issuer, SHORT).await);
    assert!(began.elapsed() < Duration::from_secs(4), "less than an answer may take: {:?}", began.elapsed());
    let token = signer.token("ann");
    let (verified, ()) = tokio::join!(setup.verify(&token), async {
        until("the question", || server.asked() == 1).await;
        server.becomes(ok(jwks(&[&signer])));
    });
    assert_eq!(&*verified.unwrap().subject, "ann");
    assert_eq!(setup.news().len(), 1);
}

#[tokio::test]
async fn nobody_waits_for_an_issuer_that_is_dead_and_it_is_found_when_it_lives() {
    let signer = Signer::new("a");
    let address = Server::start(Manner::Waits).address;
    let setup = Setup::start(&Source::Jwks(format!("http://{address}/keys").into()), SELDOM);
    let told = setup.told(1).await;
    assert!(told.starts_with(&format!(
        "keys of issuer `corp` (http://{address}/keys): the issuer cannot be reached: "
    )));
    assert!(told.ends_with("; none are known"), "{told}");
    let began = Instant::now();
    let denied = setup.verify(&signer.token("ann")).await;
    assert_eq!(denied.unwrap_err(), Denied::Unverified("its issuer's keys are not known yet"));
    assert!(began.elapsed() < DEADLINE / 4, "{:?}", began.elapsed());
    until("more attempts", || setup.looks().1 > 2).await;
    let _server = Server::at(address, ok(jwks(&[&signer])));
    setup.known().await;
    assert_eq!(&*setup.verify(&signer.token("ann")).await.unwrap().subject, "ann");
    assert!(setup.told(2).await.ends_with("/keys): 1 key"), "{:?}", setup.news());
    assert_eq!(setup.news().len(), 2, "one line for each change of state");
}

#[tokio::test]
async fn the_last_good_keys_hold_whatever_the_issuer_says_and_new_ones_are_taken_again() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let server = Server::start(ok(jwks(&[&old])));
    let setup = Setup::start(&Source::Jwks(server.url("/keys")), OFTEN);
    setup.known().await;
    let elsewhere = Server::start(ok(jwks(&[&new])));
    let away = format!("HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", elsewhere.url("/"));
    let huge = format!(r#"{{"keys":[],"filler":"{}"}}"#, "x".repeat(2 << 20));
    let mut told = 1;
    for (manner, trouble) in [
        (ok("<html>hello</html>"), "what it gave is of no use: not a JWK set"),
        (ok(r#"{"keys":[]}"#), "what it gave is of no use: no key can be used: there is none"),
        (ok(r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#), "what it gave is of no use: no key can be used"),
        (ok(""), "what it gave is of no use: not a JWK set"),
        (ok(huge), "the issuer answered with more than 1048576 bytes"),
        (Manner::Says(answer("500 Oh", jwks(&[&new]))), "the issuer answered 500"),
        (Manner::Says(answer("404 No", jwks(&[&new]))), "the issuer answered 404"),
        (Manner::Says(away.into()), "the issuer answered 302: redirects are not followed"),
        (Manner::Says(b"SSH-2.0-OpenSSH_9.7\r\n".to_vec()), "the issuer broke off"),
        (Manner::Says(Vec::new()), "the issuer broke off"),
        (
            Manner::Says(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"keys\"".to_vec()),
            "the issuer broke off",
        ),
    ] {
        server.becomes(manner);
        told += 1;
        let line = setup.told(told).await;
        assert!(line.contains(trouble), "{line} instead of {trouble}");
        assert!(line.ends_with("; the 1 known before hold"), "{line}");
        assert_eq!(&*setup.verify(&old.token("ann")).await.unwrap().subject, "ann", "{trouble}");
        server.becomes(ok(jwks(&[&old])));
        told += 1;
        assert!(setup.told(told).await.ends_with("they can be had again, 1 key"), "{trouble}");
    }
    assert_eq!(elsewhere.asked(), 0, "a redirect is not followed");
    server.becomes(ok(jwks(&[&new])));
    assert!(setup.told(told + 1).await.ends_with("they have changed, 1 key"));
    assert_eq!(&*setup.verify(&new.token("bea")).await.unwrap().subject, "bea");
}

#[tokio::test]
async fn an_issuer_that_dribbles_is_left_in_time() {
    let signer = Signer::new("a");
    let server = Server::start(ok(jwks(&[&signer])));
    let setup = Setup::start(&Source::Jwks(server.url("/")), OFTEN);
    setup.known().await;
    server.becomes(Manner::Dribbles);
    let began = Instant::now();
    let line = setup.told(2).await;
    assert!(line.contains("the issuer gave no answer in time"), "{line}");
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert!(setup.verify(&signer.token("ann")).await.is_ok());
}

#[tokio::test]
async fn a_key_that_cannot_be_used_is_told_and_the_others_are() {
    let signer = Signer::new("a");
    let set = serde_json::json!({ "keys": [{ "kty": "oct", "k": "c2VjcmV0" }, signer.jwk()] });
    let server = Server::start(ok(set.to_string()));
    let setup = Setup::start(&Source::Jwks(server.url("/")), SELDOM);
    let line = setup.told(1).await;
    assert!(line.contains(": 1 key and 1 that cannot be used ("), "{line}");
    assert!(setup.verify(&signer.token("ann")).await.is_ok());
    let view = &setup.keeper.views()[0];
    assert_eq!((view.keys, view.skipped, view.failed), (1, 1, 0));
}
