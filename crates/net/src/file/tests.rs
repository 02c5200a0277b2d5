use super::*;
use crate::body::Body;
use http_body_util::BodyExt;
use std::future::poll_fn;
use std::task::Waker;

/// A file of this length, without a name.
fn file(length: u64) -> Arc<File> {
    let (thread, process) = (std::thread::current().id(), std::process::id());
    let path = std::env::temp_dir().join(format!("net-file-{process}-{thread:?}"));
    let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, length).unwrap();
    Arc::new(file)
}

#[tokio::test]
async fn a_file_system_that_cannot_say_what_is_in_memory_is_read_by_a_thread() {
    let version = Arc::new(File::open("/proc/version").unwrap());
    assert_eq!(pages::read_now(&version, 0, 14).unwrap(), Now::Unknown);
    let mut body = FileBody::new(Arc::clone(&version), 0, 14);
    let frame = poll_fn(|cx| body.poll_next(cx)).await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "Linux version ");
    assert!(poll_fn(|cx| body.poll_next(cx)).await.is_none());
    let whole = Body::file(version, 6, 7).collect().await.unwrap();
    assert_eq!(whole.to_bytes(), "version");
}

#[tokio::test]
async fn a_body_is_empty_with_its_last_byte() {
    let zero = file(CHUNK + 1);
    let mut body = Body::file(zero, 0, CHUNK + 1);
    assert_eq!(body.length(), Some(CHUNK + 1));
    while !body.is_empty() {
        let frame = body.frame().await.expect("it ends when it is empty").unwrap();
        assert!(!frame.into_data().unwrap().is_empty());
    }
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn others_get_their_turn_while_much_is_in_memory() {
    let file = file(4 * TURN);
    pages::warm(&file, 0, 4 * TURN).unwrap();
    let mut body = FileBody::new(file, 0, 4 * TURN);
    let (mut run, mut rests) = (0, 0);
    let mut cx = Context::from_waker(Waker::noop());
    while body.left() > 0 {
        match body.poll_next(&mut cx) {
            Poll::Ready(frame) => run += frame.unwrap().unwrap().into_data().unwrap().len() as u64,
            Poll::Pending => (run, rests) = (0, rests + 1),
        }
        assert!(run <= TURN);
    }
    assert!(rests >= 3, "{rests}");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_an_error() {
    let folder = Arc::new(File::open("/").unwrap());
    let failed = Body::file(folder, 0, 10).collect().await;
    assert!(matches!(failed, Err(BodyError::Made(_))), "{failed:?}");
}

#[test]
fn a_body_that_must_pass_through_is_not_sent_by_the_kernel() {
    let zero = file(DIRECT);
    let large = || Body::file(Arc::clone(&zero), 0, DIRECT);
    assert!(large().has_direct());
    assert!(Body::sequence(vec![Body::full("a"), large()]).has_direct());
    assert!(!Body::file(Arc::clone(&zero), 0, DIRECT - 1).has_direct(), "small");
    let mut bound = large();
    bound.limit(10);
    assert!(!bound.has_direct(), "its length is watched");
    let mut bound = Body::sequence(vec![large()]);
    bound.put_back(vec!["a".into()], None);
    assert!(!bound.has_direct(), "something comes before it");
}

#[test]
fn a_body_is_no_larger_for_files() {
    assert!(size_of::<Body>() <= 72, "{}", size_of::<Body>());
}
