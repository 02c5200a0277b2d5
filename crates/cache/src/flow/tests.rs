use super::*;
use crate::blocking::block_on;
use proptest::prelude::*;
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn push(flow: &Flow, bytes: &[u8]) -> bool {
    let mut bytes = Bytes::copy_from_slice(bytes);
    let is_taken = flow.poll_push(&mut cx(), &mut bytes).is_ready();
    assert!(!is_taken || bytes.is_empty(), "all or nothing");
    is_taken
}

/// All that can be read now, and how it ended, if so.
fn drain(reader: &mut FlowReader) -> (Vec<u8>, Option<Result<(), Cut>>) {
    let mut bytes = Vec::new();
    loop {
        match reader.poll_next(&mut cx()) {
            Poll::Pending => return (bytes, None),
            Poll::Ready(None) => return (bytes, Some(Ok(()))),
            Poll::Ready(Some(Ok(more))) => {
                assert!(!more.is_empty());
                bytes.extend(more);
            }
            Poll::Ready(Some(Err(cut))) => return (bytes, Some(Err(cut))),
        }
    }
}

/// Reads to the end, asleep in between.
fn read_all(mut reader: FlowReader) -> Result<Vec<u8>, Cut> {
    let mut bytes = Vec::new();
    while let Some(more) = block_on(poll_fn(|cx| reader.poll_next(cx))) {
        bytes.extend(more?);
    }
    Ok(bytes)
}

fn write(flow: &Flow, bytes: Bytes) {
    let mut bytes = bytes;
    block_on(poll_fn(|cx| flow.poll_push(cx, &mut bytes)));
}

/// Bytes in which each place can be told from its neighbours.
fn body(length: usize) -> Bytes {
    (0..length).map(|n| (n * 7 + n / 256) as u8).collect()
}

/// Cuts a body into chunks of 1 to `most` bytes.
fn chunks(mut body: Bytes, most: usize) -> Vec<Bytes> {
    let mut chunks = Vec::new();
    let mut state = 1_u64;
    while !body.is_empty() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let size = 1 + (state >> 33) as usize % most;
        chunks.push(body.split_to(size.min(body.len())));
    }
    chunks
}

fn cut(why: &str) -> Cut {
    Cut(why.into())
}

#[test]
fn a_reader_that_joins_late_sees_all_of_it() {
    let flow = Flow::new(None, 100, 10);
    let mut early = flow.reader().unwrap();
    assert_eq!(drain(&mut early), (vec![], None));
    assert!(push(&flow, b"one ") && push(&flow, b"") && push(&flow, b"two"));
    let mut late = flow.reader().unwrap();
    assert_eq!(drain(&mut early), (b"one two".to_vec(), None));
    assert_eq!(drain(&mut late), (b"one two".to_vec(), None));
    assert!(push(&flow, b" three"));
    assert_eq!(flow.length(), None);
    flow.end(Ok(()));
    let last = read_all(flow.reader().unwrap());
    assert_eq!(drain(&mut early), (b" three".to_vec(), Some(Ok(()))));
    assert_eq!(drain(&mut late), (b" three".to_vec(), Some(Ok(()))));
    assert_eq!(last.unwrap(), b"one two three");
    assert_eq!((flow.length(), early.length()), (Some(13), Some(13)));
}

#[test]
fn a_cut_reaches_all_behind_the_bytes_that_came() {
    let flow = Flow::new(Some(10), 100, 10);
    let mut readers = [(); 3].map(|()| flow.reader().unwrap());
    assert!(push(&flow, b"half"));
    drain(&mut readers[0]);
    flow.end(Err(cut("reset")));
    flow.end(Ok(()));
    assert!(push(&flow, b"too late"), "what comes after the end is dropped");
    assert_eq!(drain(&mut readers[0]), (vec![], Some(Err(cut("reset")))));
    assert_eq!(drain(&mut readers[1]), (b"half".to_vec(), Some(Err(cut("reset")))));
    assert_eq!(drain(&mut readers[1]), (vec![], Some(Ok(()))), "once");
    assert_eq!(flow.whole(), None);
    assert!(!flow.is_open());
}

#[test]
fn a_body_of_another_length_than_was_told_is_cut() {
    for sent in [&b"123"[..], b"12345"] {
        let flow = Flow::new(Some(4), 100, 10);
        assert!(push(&flow, sent));
        flow.end(Ok(()));
        assert!(read_all(flow.reader().unwrap()).is_err());
        assert_eq!(flow.whole(), None);
    }
}

#[test]
fn what_is_kept_waits_for_nobody() {
    let flow = Flow::new(None, 1_000, 1);
    let _slow = flow.reader().unwrap();
    for _ in 0..100 {
        assert!(push(&flow, b"0123456789"));
    }
    assert!(flow.is_kept());
}

#[test]
fn what_is_too_large_waits_for_the_slowest_reader_and_forgets_what_all_have_passed() {
    let flow = Flow::new(None, 10, 8);
    let (mut fast, mut slow) = (flow.reader().unwrap(), flow.reader().unwrap());
    assert!(push(&flow, b"0123456789"));
    assert!(flow.is_kept() && push(&flow, b"abcd") && !flow.is_kept());
    assert_eq!(drain(&mut fast).0, b"0123456789abcd");
    assert!(!push(&flow, b"efgh"), "the slow one is 14 behind");
    assert!(flow.reader().is_some(), "the beginning is still there");
    assert_eq!(drain(&mut slow).0, b"0123456789abcd");
    assert!(flow.reader().is_none(), "now it is not");
    assert!(push(&flow, b"efgh") && push(&flow, b"ijklm"));
    assert!(!push(&flow, b"n"), "both are 9 behind");
    drain(&mut fast);
    assert!(!push(&flow, b"n"), "one is");
    drop(slow);
    assert!(push(&flow, b"n"), "who has left counts no more");
    flow.end(Ok(()));
    assert_eq!(drain(&mut fast), (b"n".to_vec(), Some(Ok(()))));
    assert_eq!(flow.whole(), None);
}

#[test]
fn a_length_beyond_what_is_kept_is_known_from_the_start() {
    let flow = Flow::new(Some(11), 10, 8);
    assert!(!flow.is_kept());
    let mut reader = flow.reader().unwrap();
    assert!(push(&flow, b"0123456789"));
    assert_eq!(drain(&mut reader).0, b"0123456789");
    assert!(flow.reader().is_none());
}

#[test]
fn the_writer_goes_on_when_nobody_reads_any_more() {
    let flow = Flow::new(Some(1_000), 0, 0);
    assert!(!flow.is_abandoned(), "nobody has begun");
    let (one, two) = (flow.reader().unwrap(), flow.reader().unwrap());
    assert!(push(&flow, b"0123456789"));
    assert!(!push(&flow, b"0123456789"));
    drop(one);
    assert!(!flow.is_abandoned() && !push(&flow, b"0123456789"));
    drop(two);
    assert!(flow.is_abandoned() && push(&flow, b"0123456789") && push(&flow, b"0123456789"));
}

#[test]
fn the_whole_takes_just_its_size_and_is_made_once() {
    let flow = Flow::new(None, 1 << 20, 0);
    let body = body(300_000);
    let mut reader = flow.reader().unwrap();
    for chunk in chunks(body.clone(), 20_000) {
        write(&flow, chunk);
    }
    assert_eq!(flow.whole(), None, "not before the end");
    let first = reader.poll_next(&mut cx());
    flow.end(Ok(()));
    let whole = flow.whole().unwrap();
    assert_eq!(whole, body);
    assert_eq!(flow.whole().unwrap().as_ptr(), whole.as_ptr());
    let Poll::Ready(Some(Ok(first))) = first else { panic!("bytes") };
    assert_eq!([first, drain(&mut reader).0.into()].concat(), body, "one in the middle of it reads on");
    drop((reader, flow));
    assert_eq!(whole.try_into_mut().unwrap().capacity(), 300_000);
}

#[test]
fn a_body_in_one_chunk_of_just_its_size_is_not_copied_and_another_is() {
    let exact = Bytes::from(vec![7; 100_000]);
    let mut shared = Bytes::from(vec![7; 200_000]);
    let _behind = shared.split_off(100_000);
    let mut roomy = Vec::with_capacity(200_000);
    roomy.resize(100_000, 7);
    for (chunk, is_copied) in [(exact, false), (shared, true), (Bytes::from(roomy), true)] {
        let at = chunk.as_ptr();
        let flow = Flow::new(Some(100_000), 1 << 20, 0);
        let mut reader = flow.reader().unwrap();
        write(&flow, chunk);
        flow.end(Ok(()));
        let whole = flow.whole().unwrap();
        assert_eq!((whole.len(), whole.as_ptr() != at), (100_000, is_copied));
        assert_eq!(drain(&mut reader).0, whole);
    }
}

#[test]
fn an_empty_body_is_whole() {
    let flow = Flow::new(Some(0), 10, 10);
    flow.end(Ok(()));
    assert_eq!(flow.whole(), Some(Bytes::new()));
    assert_eq!(read_all(flow.reader().unwrap()), Ok(vec![]));
}

struct Counted(AtomicUsize);

impl std::task::Wake for Counted {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_reader_polled_often_is_woken_once() {
    let flow = Flow::new(None, 100, 10);
    let mut reader = flow.reader().unwrap();
    let counted = Arc::new(Counted(AtomicUsize::new(0)));
    let waker = Waker::from(counted.clone());
    for _ in 0..10 {
        assert!(reader.poll_next(&mut Context::from_waker(&waker)).is_pending());
    }
    assert!(push(&flow, b"a") && push(&flow, b"b"));
    assert_eq!(counted.0.load(Ordering::Relaxed), 1);
    assert_eq!(drain(&mut reader).0, b"ab");
    assert!(reader.poll_next(&mut Context::from_waker(&waker)).is_pending());
    drop(reader);
    flow.end(Ok(()));
    assert_eq!(counted.0.load(Ordering::Relaxed), 1, "one who has left is not woken");
}

/// One writes, others read at once, some of them from the middle on, some only a part of it.
fn everybody_reads(most: u64, window: u64, largest_chunk: usize) {
    let body = body(1 << 20);
    let flow = Flow::new(None, most, window);
    let first: Vec<_> = (0..8).map(|_| flow.reader().unwrap()).collect();
    thread::scope(|scope| {
        for (n, mut reader) in first.into_iter().enumerate() {
            let body = &body;
            scope.spawn(move || {
                if n < 5 {
                    assert_eq!(read_all(reader).unwrap(), *body);
                    return;
                }
                let mut seen = 0;
                while seen < body.len() * n / 10 {
                    let bytes = block_on(poll_fn(|cx| reader.poll_next(cx))).unwrap().unwrap();
                    assert_eq!(bytes, body[seen..seen + bytes.len()]);
                    seen += bytes.len();
                }
            });
        }
        for (n, chunk) in chunks(body.clone(), largest_chunk).into_iter().enumerate() {
            write(&flow, chunk);
            if n % 64 == 0
                && let Some(late) = flow.reader()
            {
                let body = &body;
                scope.spawn(move || assert_eq!(read_all(late).unwrap(), *body));
            }
        }
        flow.end(Ok(()));
    });
    assert_eq!(flow.whole().is_some(), most >= 1 << 20);
    assert_eq!(flow.is_kept(), most >= 1 << 20);
    assert!(flow.is_abandoned());
}

#[test]
fn every_reader_sees_every_byte_of_what_is_kept() {
    everybody_reads(1 << 20, 0, 64 << 10);
    everybody_reads(1 << 20, 0, 5_000);
}

#[test]
fn every_reader_sees_every_byte_of_what_is_too_large() {
    everybody_reads(300_000, 50_000, 64 << 10);
    everybody_reads(0, 0, 64 << 10);
}

#[test]
fn no_wake_up_of_the_writer_is_lost() {
    for _ in 0..500 {
        let flow = Flow::new(Some(200), 0, 0);
        let reader = flow.reader().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| read_all(reader).unwrap());
            for _ in 0..200 {
                write(&flow, Bytes::from_static(b"x"));
            }
            flow.end(Ok(()));
        });
    }
}

#[derive(Clone, Debug)]
enum Step {
    Push(usize),
    Join,
    Read(usize),
    Leave(usize),
    End(bool),
    Whole,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..9_000_usize).prop_map(Step::Push),
        2 => (0..10_usize).prop_map(Step::Push),
        2 => Just(Step::Join),
        8 => (0..8_usize).prop_map(Step::Read),
        1 => (0..8_usize).prop_map(Step::Leave),
        1 => any::<bool>().prop_map(Step::End),
        1 => Just(Step::Whole),
    ]
}

proptest! {
    /// Whatever happens in whatever order, what a reader has seen is the beginning of the body.
    #[test]
    fn every_reader_sees_the_body_in_order(
        steps in proptest::collection::vec(any_step(), 1..80),
        most in prop_oneof![Just(0_u64), Just(5_000), Just(20_000), Just(1 << 20)],
        window in 0_u64..20_000,
    ) {
        let body = body(1 << 20);
        let flow = Flow::new(None, most, window);
        let mut readers: Vec<(FlowReader, usize)> = Vec::new();
        let (mut sent, mut end) = (0, None);
        for step in steps {
            let slowest = readers.iter().map(|(_, seen)| *seen).min().unwrap_or(sent);
            match step {
                Step::Push(size) => {
                    let is_taken = push(&flow, &body[sent..sent + size]);
                    let must_wait = end.is_none() && sent as u64 > most && (sent - slowest) as u64 > window;
                    prop_assert!(is_taken || sent as u64 > most, "what is kept does not wait");
                    prop_assert!(!(is_taken && must_wait), "it does not run away");
                    if is_taken && end.is_none() {
                        sent += size;
                    }
                }
                Step::Join => if let Some(reader) = flow.reader() {
                    readers.push((reader, 0));
                } else {
                    prop_assert!(sent as u64 > most);
                },
                Step::Read(n) => if let Some((reader, seen)) = readers.get_mut(n) {
                    match reader.poll_next(&mut cx()) {
                        Poll::Ready(Some(Ok(bytes))) => {
                            prop_assert_eq!(&bytes, &body[*seen..*seen + bytes.len()]);
                            *seen += bytes.len();
                        }
                        Poll::Ready(Some(Err(_))) => {
                            prop_assert_eq!((end, *seen), (Some(false), sent));
                            readers.remove(n);
                        }
                        Poll::Ready(None) => prop_assert_eq!((end, *seen), (Some(true), sent)),
                        Poll::Pending => prop_assert_eq!((end, *seen), (None, sent)),
                    }
                },
                Step::Leave(n) => if n < readers.len() {
                    readers.remove(n);
                },
                Step::End(is_well) => {
                    flow.end(if is_well { Ok(()) } else { Err(cut("cut")) });
                    end = end.or(Some(is_well));
                }
                Step::Whole => {
                    let expected = (end == Some(true) && sent as u64 <= most).then(|| body.slice(..sent));
                    prop_assert_eq!(flow.whole(), expected);
                }
            }
        }
    }
}

#[test]
fn a_future_that_reads_may_move_to_another_thread() {
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Flow>();
    is_send_and_sync::<FlowReader>();
    is_send_and_sync::<crate::Flight>();
    is_send_and_sync::<crate::Store>();
}
