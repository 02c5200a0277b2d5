use super::*;
use http_body_util::BodyExt;

#[tokio::test]
async fn a_body_beyond_its_limit_is_an_error_not_a_shorter_body() {
    let mut body = Body::full("0123456789");
    body.limit(9);
    assert!(matches!(body.collect().await, Err(BodyError::TooLarge(9))));
    let mut body = Body::full("0123456789");
    body.limit(10);
    assert_eq!(body.collect().await.unwrap().to_bytes(), "0123456789");
}

#[tokio::test]
async fn what_was_put_back_comes_again_before_the_rest() {
    let mut body = Body::full("rest");
    body.put_back(vec!["one ".into(), "two ".into()], Some(12));
    assert!(!body.is_empty());
    assert_eq!(body.length(), Some(12));
    assert_eq!(body.collect().await.unwrap().to_bytes(), "one two rest");
}

#[tokio::test]
async fn what_was_put_back_and_taken_in_part_is_whole_when_it_is_put_back_again() {
    let mut body = Body::full("rest");
    body.put_back(vec!["one ".into(), "two ".into()], Some(12));
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    body.put_back(vec![first], Some(12));
    assert_eq!(body.length(), Some(12));
    assert_eq!(body.collect().await.unwrap().to_bytes(), "one two rest");
}

#[test]
fn an_announced_body_sends_nothing_and_tells_its_length() {
    let body = Body::announced(7);
    assert!(body.is_empty());
    assert_eq!(body.length(), Some(7));
    assert_eq!(http_body::Body::size_hint(&body).exact(), Some(0));
}
