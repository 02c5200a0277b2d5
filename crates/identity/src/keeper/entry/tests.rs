//! Wishes for unknown keys, and what is told.

use super::*;
use auth::token::JwtSettings;

fn entry() -> Entry {
    let issuer = Arc::new(Issuer::new("corp", JwtSettings::default(), None));
    let source = Source::Jwks("http://127.0.0.1:1/keys?key=hunter2".into());
    Entry::new(Wanted { issuer, source, refresh: Duration::from_secs(600), tls: ClientSettings::default() })
}

/// An entry whose look was not due, begun because of a wish.
async fn granted(entry: &Entry) -> Instant {
    let began = Instant::now();
    assert_eq!(entry.wish(began), Wish::Granted);
    entry.begin(began + Duration::from_secs(600)).await;
    began
}

fn failed() -> Result<Found, NoKeys> {
    Err(NoKeys::File("gone".into()))
}

#[tokio::test]
async fn however_many_wish_for_a_key_one_look_is_begun_in_ten_seconds() {
    let entry = entry();
    let began = granted(&entry).await;
    for _ in 0..1000 {
        assert_eq!(entry.wish(began), Wish::Granted, "those who come meanwhile wait for its end");
    }
    entry.end(Ok(Found::only(b"{}".to_vec())));
    for seconds in 0..9 {
        assert_eq!(entry.wish(began + Duration::from_secs(seconds)), Wish::Later);
    }
    let later = Instant::now() + PAUSE;
    assert_eq!(entry.wish(later), Wish::Granted);
}

#[tokio::test]
async fn nobody_waits_for_an_issuer_that_fails_but_who_has_it_asked() {
    let entry = entry();
    let (news, _) = {
        granted(&entry).await;
        entry.end(failed())
    };
    assert!(matches!(news.unwrap().what, What::Failing { known: 0, .. }));
    entry.begin(Instant::now()).await;
    assert_eq!(entry.wish(Instant::now()), Wish::Later);
    assert_eq!(entry.end(failed()).0, None, "it is told once");
}

#[test]
fn keys_in_another_order_are_the_same_keys() {
    let one = br#"{"keys":[{"kid":"a","x":1},{"kid":"b"}]}"#;
    assert!(is_same(one, br#"{ "keys": [{"kid":"b"}, {"x":1, "kid":"a"}] }"#));
    assert!(!is_same(one, br#"{"keys":[{"kid":"a","x":1}]}"#));
    assert!(!is_same(one, br#"{"keys":[{"kid":"a","x":1},{"kid":"c"}]}"#));
    assert!(!is_same(b"", b""));
}

#[test]
fn a_key_in_the_query_of_a_url_is_shown_nowhere() {
    let entry = entry();
    let news = entry.end(failed()).0.unwrap();
    let shown = format!("{entry:?} {news} {news:?} {:?} {:?}", entry.view(), entry.source);
    assert!(!shown.contains("hunter2") && shown.contains("http://127.0.0.1:1/keys"), "{shown}");
}
