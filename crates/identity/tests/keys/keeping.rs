//! What outlives a restart and a reload, and what does not outlive the keeper.

use crate::server::{Server, ok};
use crate::setup::{DEADLINE, Folder, OFTEN, SELDOM, Setup, Signer, issuer, jwks, until, wanted};
use identity::Source;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

#[tokio::test]
async fn a_start_while_the_issuer_is_dead_finds_the_keys_of_the_last_run() {
    let (signer, folder) = (Signer::new("a"), Folder::new());
    let server = Server::start(ok(jwks(&[&signer])));
    let source = Source::Jwks(server.url("/keys?token=hunter2"));
    let address = server.address;
    {
        let setup = Setup::kept_in(Some(&folder), &source, SELDOM);
        setup.known().await;
        folder.copy().await;
    }
    let file = &folder.copy().await;
    assert_eq!(std::fs::read_to_string(file).unwrap(), jwks(&[&signer]));
    assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!file.to_str().unwrap().contains("hunter2"));
    drop(server);

    let setup = Setup::kept_in(Some(&folder), &source, SELDOM);
    assert_eq!(&*setup.verify(&signer.token("ann")).await.unwrap().subject, "ann");
    assert!(setup.told(1).await.ends_with(": 1 key, kept from an earlier run until the issuer answers"));
    assert!(setup.told(2).await.ends_with("; the 1 known before hold"), "{:?}", setup.news());

    let new = Signer::new("new");
    let _server = Server::at(address, ok(jwks(&[&new])));
    assert!(setup.told(3).await.ends_with("they can be had again, 1 key"));
    assert_eq!(&*setup.verify(&new.token("bea")).await.unwrap().subject, "bea");
    until("the new copy", || std::fs::read(file).unwrap() == jwks(&[&new]).as_bytes()).await;
    assert_eq!(folder.files(), std::slice::from_ref(file), "nothing is left beside it");
}

#[tokio::test]
async fn keys_of_another_place_or_issuer_are_not_those_of_the_copy() {
    let (signer, folder) = (Signer::new("a"), Folder::new());
    let server = Server::start(ok(jwks(&[&signer])));
    let first = Setup::kept_in(Some(&folder), &Source::Jwks(server.url("/one")), SELDOM);
    first.known().await;
    folder.copy().await;
    drop(server);
    let other = Setup::kept_in(Some(&folder), &Source::Jwks("http://127.0.0.1:1/other".into()), SELDOM);
    assert!(other.told(1).await.ends_with("; none are known"));
    assert!(!other.issuer.keys_known());
}

#[tokio::test]
async fn a_damaged_copy_is_told_and_replaced_and_a_folder_that_is_none_does_no_harm() {
    let (signer, folder) = (Signer::new("a"), Folder::new());
    let server = Server::start(ok(jwks(&[&signer])));
    let source = Source::Jwks(server.url("/keys"));
    let first = Setup::kept_in(Some(&folder), &source, SELDOM);
    first.known().await;
    let file = folder.copy().await;
    drop(first);
    for damage in [&b""[..], b"{\"keys\":[", &[0xff; 100], &vec![b' '; 3 << 20]] {
        std::fs::write(&file, damage).unwrap();
        let setup = Setup::kept_in(Some(&folder), &source, SELDOM);
        assert!(setup.told(1).await.contains(" cannot be used: "), "{:?}", setup.news());
        assert!(setup.verify(&signer.token("ann")).await.is_ok());
        until("the copy", || std::fs::read(&file).unwrap() == jwks(&[&signer]).as_bytes()).await;
    }
    let no_folder = Folder(file.join("below-a-file"));
    let setup = Setup::kept_in(Some(&no_folder), &source, OFTEN);
    assert!(setup.verify(&signer.token("ann")).await.is_ok());
    until("some looks", || setup.looks().0 > 2).await;
    let told = setup.news();
    assert_eq!(told.iter().filter(|line| line.contains("cannot be kept in")).count(), 1, "{told:?}");
}

#[tokio::test]
async fn a_reload_hands_known_keys_to_the_new_issuer_at_once_and_asks_nobody() {
    let signer = Signer::new("a");
    let server = Server::start(ok(jwks(&[&signer])));
    let source = Source::Jwks(server.url("/keys"));
    let setup = Setup::start(&source, SELDOM);
    setup.known().await;
    let next = issuer();
    setup.keeper.adopt(vec![wanted(&next, &source, SELDOM)]);
    assert!(next.keys_known());
    let (verifiers, keeper, forged) = (&setup.verifiers, &setup.keeper, Signer::new("forged").token("eve"));
    let asked = identity::verify(verifiers, keeper, &next, &forged, DEADLINE);
    assert!(asked.await.is_err());
    assert_eq!(server.asked(), 2, "the new issuer is the one that is looked after");
}

#[tokio::test]
async fn an_issuer_that_a_reload_takes_away_is_asked_no_more_and_a_new_one_is() {
    let signer = Signer::new("a");
    let (gone, new) = (Server::start(ok(jwks(&[&signer]))), Server::start(ok(jwks(&[&signer]))));
    let setup = Setup::start(&Source::Jwks(gone.url("/")), OFTEN);
    until("some looks", || setup.looks().0 > 1).await;
    let next = issuer();
    setup.keeper.adopt(vec![wanted(&next, &Source::Jwks(new.url("/")), OFTEN)]);
    until("the new one", || next.keys_known()).await;
    let asked = gone.asked();
    let seen = new.asked();
    until("more looks", || new.asked() > seen + 5).await;
    assert!(gone.asked() <= asked + 1, "one may have been under way");
    assert_eq!(setup.keeper.views().len(), 1);
}

#[tokio::test]
async fn two_wants_alike_are_two_and_each_gets_keys() {
    let signer = Signer::new("a");
    let server = Server::start(ok(jwks(&[&signer])));
    let source = Source::Jwks(server.url("/"));
    let setup = Setup::start(&source, SELDOM);
    let (one, other) = (issuer(), issuer());
    for _ in 0..2 {
        setup.keeper.adopt(vec![wanted(&one, &source, SELDOM), wanted(&other, &source, SELDOM)]);
        until("keys for both", || one.keys_known() && other.keys_known()).await;
    }
}

#[tokio::test]
async fn nothing_is_left_of_a_keeper_that_is_dropped() {
    let signer = Signer::new("a");
    let server = Server::start(ok(jwks(&[&signer])));
    let Setup { issuer, keeper, verifiers, .. } = Setup::start(&Source::Jwks(server.url("/")), OFTEN);
    until("keys", || issuer.keys_known()).await;
    drop((keeper, verifiers));
    until("the thread to end", || Arc::strong_count(&issuer) == 1).await;
}
