//! Lanes under load, and passwords.

use super::lane::Lane;
use super::*;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;
use std::time::Instant;

const DEADLINE: Duration = Duration::from_secs(20);

fn lane(threads: usize, queue: usize) -> Arc<Lane<u32, u32>> {
    Arc::new(Lane::start("test", LaneSettings { threads, queue }).unwrap())
}

/// Waits for a condition.
async fn until(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < DEADLINE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A question that is being worked on until the sender is dropped.
async fn occupied(
    lane: &Arc<Lane<u32, u32>>,
    key: u32,
) -> (mpsc::Sender<()>, tokio::task::JoinHandle<Result<u32, Busy>>) {
    let ((gate, opened), (start, begun)) = (mpsc::channel::<()>(), mpsc::channel::<()>());
    let asked = Arc::clone(lane);
    let task = tokio::spawn(async move {
        let work = move || {
            start.send(()).unwrap();
            let _ = opened.recv();
            key
        };
        asked.ask(key, work).await
    });
    until("the work to begin", || begun.try_recv().is_ok()).await;
    (gate, task)
}

#[tokio::test]
async fn what_many_ask_at_once_is_worked_on_once() {
    let lane = lane(4, 100);
    let (gate, first) = occupied(&lane, 1).await;
    let others: Vec<_> = (0..50)
        .map(|_| {
            let lane = Arc::clone(&lane);
            tokio::spawn(async move { lane.ask(1, || panic!("it is asked already")).await })
        })
        .collect();
    until("all to have asked", || lane.totals().joined == 50).await;
    drop(gate);
    for task in others {
        assert_eq!(task.await.unwrap(), Ok(1));
    }
    assert_eq!(first.await.unwrap(), Ok(1));
    assert_eq!(lane.totals(), LaneTotals { done: 1, joined: 50, busy: 0, waiting: 0 });
}

#[tokio::test]
async fn whoever_finds_the_queue_full_hears_so_at_once() {
    let lane = lane(1, 2);
    let (gate, first) = occupied(&lane, 0).await;
    let waiting: Vec<_> = (1..=2)
        .map(|key| {
            let lane = Arc::clone(&lane);
            tokio::spawn(async move { lane.ask(key, move || key).await })
        })
        .collect();
    until("the queue to be full", || lane.totals().waiting == 2).await;
    assert_eq!(lane.ask(3, || 3).await, Err(Busy));
    drop(gate);
    assert_eq!(first.await.unwrap(), Ok(0));
    for (task, key) in waiting.into_iter().zip(1..) {
        assert_eq!(task.await.unwrap(), Ok(key));
    }
    assert_eq!(lane.ask(3, || 3).await, Ok(3), "there is room again");
    assert_eq!(lane.totals().busy, 1);
}

#[tokio::test]
async fn a_question_whose_asker_has_left_is_not_worked_on() {
    let lane = lane(1, 10);
    let (gate, _first) = occupied(&lane, 0).await;
    let worked = Arc::new(AtomicUsize::new(0));
    let left = {
        let (lane, worked) = (Arc::clone(&lane), Arc::clone(&worked));
        tokio::spawn(async move { lane.ask(1, move || worked.fetch_add(1, SeqCst) as u32).await })
    };
    until("it to wait", || lane.totals().waiting == 1).await;
    left.abort();
    assert!(left.await.unwrap_err().is_cancelled());
    drop(gate);
    assert_eq!(lane.ask(2, || 2).await, Ok(2));
    assert_eq!(worked.load(SeqCst), 0);
    assert_eq!(lane.ask(1, || 7).await, Ok(7), "the same question can be asked again");
}

#[tokio::test]
async fn a_check_that_panics_answers_nobody_and_ends_no_thread() {
    let lane = lane(1, 10);
    assert_eq!(lane.ask(1, || panic!("on purpose")).await, Err(Busy));
    assert_eq!(lane.ask(1, || 1).await, Ok(1));
}

/// A check that counts and takes what is equal.
static CHECKS: AtomicUsize = AtomicUsize::new(0);

fn equal(hash: &str, password: &str) -> bool {
    CHECKS.fetch_add(1, SeqCst);
    hash == password
}

#[tokio::test]
async fn a_password_that_was_right_is_not_checked_again_and_a_wrong_one_each_time() {
    let one = LaneSettings { threads: 1, queue: 10 };
    let verifiers = Verifiers::new(one, one, equal).unwrap();
    for _ in 0..3 {
        assert_eq!(verifiers.password("secret", "secret").await, Ok(true));
    }
    assert_eq!(CHECKS.load(SeqCst), 1);
    for _ in 0..3 {
        assert_eq!(verifiers.password("secret", "guess").await, Ok(false));
    }
    assert_eq!(CHECKS.load(SeqCst), 4);
    assert_eq!(verifiers.password("other", "secret").await, Ok(false), "the hash has changed");
    assert_eq!(verifiers.password("secretx", "").await, Ok(false), "the parts are not run together");
    assert_eq!(verifiers.password("secre", "tsecret").await, Ok(false));
}
