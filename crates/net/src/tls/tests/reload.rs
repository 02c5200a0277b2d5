//! Files that change under a running server.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

#[tokio::test]
async fn a_new_pair_serves_new_connections_and_old_connections_live_on() {
    let pki = Pki::new();
    let (pair, old) = pki.issue("a", &["a.test"]);
    let server = server(vec![pair]);
    let client = ClientTls::load(&pki.client()).unwrap();
    let (mut near, mut far) = connected(&client, "a.test", &server).await;
    assert!(matches!(server.reload_if_changed(), Reload::Unchanged));

    let (_, new) = pki.issue("a", &["a.test", "b.test"]);
    assert!(matches!(server.reload_if_changed(), Reload::Reloaded));
    assert!(matches!(server.reload_if_changed(), Reload::Unchanged));
    assert_eq!(server.certificates()[0].names, ["a.test", "b.test"]);
    let (fresh, _far) = connected(&client, "b.test", &server).await;
    assert_eq!(fresh.peer_certificate(), Some(&new));

    near.write_all(b"still here").await.unwrap();
    near.shutdown().await.unwrap();
    let mut text = String::new();
    far.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "still here");
    assert_eq!(near.peer_certificate(), Some(&old));
}

#[tokio::test]
async fn a_bad_new_pair_changes_nothing_and_is_reported_once() {
    let pki = Pki::new();
    let (pair, old) = pki.issue("a", &["a.test"]);
    let server = server(vec![pair.clone()]);
    let certificate = fs::read(&pair.certificate).unwrap();
    fs::remove_file(&pair.certificate).unwrap();
    let gone = server.reload_if_changed();
    assert!(
        matches!(&gone, Reload::Kept(TlsError::Unreadable { path, .. }) if *path == pair.certificate),
        "{gone:?}"
    );
    assert!(matches!(server.reload_if_changed(), Reload::Unchanged));
    let (near, _far) = connected(&onlooker(), "a.test", &server).await;
    assert_eq!(near.peer_certificate(), Some(&old));
    fs::write(&pair.certificate, certificate).unwrap();
    assert!(matches!(server.reload_if_changed(), Reload::Reloaded));
}

#[tokio::test]
async fn a_pair_that_changes_one_file_at_a_time_is_taken_when_it_is_whole() {
    let pki = Pki::new();
    let (pair, _) = pki.issue("a", &["a.test"]);
    let server = server(vec![pair.clone()]);
    let (next, new) = pki.issue("next", &["a.test"]);
    fs::rename(&next.certificate, &pair.certificate).unwrap();
    assert!(matches!(server.reload_if_changed(), Reload::Kept(TlsError::Mismatch { .. })));
    fs::rename(&next.key, &pair.key).unwrap();
    assert!(matches!(server.reload_if_changed(), Reload::Reloaded));
    let (near, _far) = connected(&onlooker(), "a.test", &server).await;
    assert_eq!(near.peer_certificate(), Some(&new));
}

#[tokio::test]
async fn a_link_that_is_swapped_is_a_change() {
    let pki = Pki::new();
    let (one, _) = pki.issue("one", &["one.test"]);
    let (two, _) = pki.issue("two", &["two.test"]);
    let pair = pki.pair("live");
    for (from, to) in [(&one.certificate, &pair.certificate), (&one.key, &pair.key)] {
        std::os::unix::fs::symlink(from, to).unwrap();
    }
    let server = server(vec![pair.clone()]);
    for (from, to) in [(&two.certificate, &pair.certificate), (&two.key, &pair.key)] {
        fs::remove_file(to).unwrap();
        std::os::unix::fs::symlink(from, to).unwrap();
    }
    assert!(matches!(server.reload_if_changed(), Reload::Reloaded));
    assert_eq!(server.certificates()[0].names, ["two.test"]);
}

#[tokio::test]
async fn a_new_client_ca_counts_at_once_even_against_tickets() {
    let (pki, next) = (Pki::new(), Pki::new());
    let (pair, _) = pki.issue("a", &["a.test"]);
    let (identity, _) = pki.issue("client", &["worker"]);
    let with_ca = ServerSettings { client_ca: Some(pki.path("ca.pem")), ..settings(vec![pair]) };
    // The file of the CA for clients changes; that of the client's own trust stays.
    let trust = pki.write("trust.pem", fs::read(pki.path("ca.pem")).unwrap());
    let server = ServerTls::load(&with_ca).unwrap();
    let client = ClientSettings { ca: Some(trust), identity: Some(identity), ..ClientSettings::default() };
    let client = ClientTls::load(&client).unwrap();
    let (mut near, mut far) = connected(&client, "a.test", &server).await;
    // Reading brings the tickets.
    far.write_all(b"x").await.unwrap();
    far.flush().await.unwrap();
    near.read_u8().await.unwrap();

    fs::copy(next.path("ca.pem"), pki.path("ca.pem")).unwrap();
    assert!(matches!(server.reload_if_changed(), Reload::Reloaded));
    let (_, far) = shake(&client, "a.test", &server).await;
    assert!(matches!(far, Err(HandshakeError::Refused(_))), "{far:?}");
}
