//! Unknown keys: the issuer is asked, once, however many tokens come.

use crate::server::{Manner, Server, ok};
use crate::setup::{SELDOM, Setup, Signer, jwks, until};
use auth::Denied;
use identity::Source;
use std::sync::Arc;
use std::time::{Duration, Instant};

const UNKNOWN: Denied = Denied::Invalid("signed with a key that its issuer does not have");

async fn started(server: &Server) -> Arc<Setup> {
    let setup = Arc::new(Setup::start(&Source::Jwks(server.url("/keys")), SELDOM));
    setup.known().await;
    setup
}

#[tokio::test]
async fn a_key_made_since_is_fetched_for_its_first_token_and_a_withdrawn_one_ends_its_tokens() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let server = Server::start(ok(jwks(&[&old])));
    let setup = started(&server).await;
    let token = old.token("ann");
    let unix = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    setup.verify(&token).await.unwrap();
    assert!(setup.issuer.recall(&token, unix).is_some());
    server.becomes(ok(jwks(&[&new])));
    assert_eq!(&*setup.verify(&new.token("bea")).await.unwrap().subject, "bea");
    assert_eq!(server.asked(), 2);
    assert!(setup.issuer.recall(&token, unix).is_none(), "its key is withdrawn");
    assert_eq!(setup.verify(&token).await.unwrap_err(), UNKNOWN);
    assert_eq!(server.asked(), 2, "it was asked a moment ago");
}

#[tokio::test]
async fn a_flood_of_unknown_keys_is_one_question_and_no_wait() {
    let (known, forged) = (Signer::new("known"), Signer::new("forged"));
    let server = Server::start(ok(jwks(&[&known])));
    let setup = started(&server).await;
    let flood: Vec<_> = (0..300)
        .map(|n| {
            let (setup, token) = (Arc::clone(&setup), forged.token(&n.to_string()));
            tokio::spawn(async move { setup.verify(&token).await.unwrap_err() })
        })
        .collect();
    for task in flood {
        assert_eq!(task.await.unwrap(), UNKNOWN);
    }
    assert_eq!(server.asked(), 2);
    let began = Instant::now();
    assert_eq!(setup.verify(&forged.token("late")).await.unwrap_err(), UNKNOWN);
    assert!(began.elapsed() < Duration::from_secs(5), "it does not wait until the issuer may be asked again");
    assert!(setup.verify(&known.token("ann")).await.is_ok());
    assert_eq!(server.asked(), 2);
}

#[tokio::test]
async fn tokens_that_come_while_the_issuer_is_asked_wait_for_the_same_answer() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let server = Server::start(ok(jwks(&[&old])));
    let setup = started(&server).await;
    server.becomes(Manner::Waits);
    let asking = |n: u32| {
        let (setup, token) = (Arc::clone(&setup), new.token(&n.to_string()));
        tokio::spawn(async move { setup.verify(&token).await })
    };
    let first = asking(0);
    until("the question", || server.asked() == 2).await;
    let others: Vec<_> = (1..50).map(asking).collect();
    until("all to have been verified once", || setup.verifiers.tokens().done >= 50).await;
    server.becomes(ok(jwks(&[&old, &new])));
    assert!(first.await.unwrap().is_ok());
    for task in others {
        assert!(task.await.unwrap().is_ok());
    }
    assert_eq!(server.asked(), 2);
}

#[tokio::test]
async fn a_token_that_nobody_can_judge_is_not_said_to_be_false() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let server = Server::start(ok(jwks(&[&old])));
    let setup = started(&server).await;
    drop(server);
    for _ in 0..2 {
        let denied = setup.verify(&new.token("bea")).await.unwrap_err();
        assert_eq!(denied, Denied::Unverified("its key is not known, and its issuer cannot be asked"));
    }
    assert!(setup.verify(&old.token("ann")).await.is_ok());
}

#[tokio::test]
async fn a_token_of_a_known_key_with_a_wrong_signature_asks_nobody() {
    let (known, forged) = (Signer::new("a"), Signer::new("a"));
    let server = Server::start(ok(jwks(&[&known])));
    let setup = started(&server).await;
    let denied = setup.verify(&forged.token("eve")).await.unwrap_err();
    assert_eq!(denied, Denied::Invalid("the signature is wrong"));
    assert!(matches!(setup.verify(&"x".repeat(100_000)).await, Err(Denied::Malformed(_))));
    assert_eq!(server.asked(), 1);
}
