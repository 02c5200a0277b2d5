//! Who is called, when, and that nobody is forgotten.

use super::*;
use futures_util::FutureExt;

fn called(place: &Place<'_>) -> Option<Result<(), Shed>> {
    place.called().now_or_never()
}

#[test]
fn the_first_in_line_is_called_first_and_the_important_before_all() {
    let queue = Queue::new();
    let a = queue.enter(Class::Normal, 8).unwrap();
    let b = queue.enter(Class::Normal, 8).unwrap();
    let c = queue.enter(Class::High, 8).unwrap();
    assert_eq!(queue.waiting(), 3);
    assert!(c.may_look() && !a.may_look() && !b.may_look());
    for (expected, rest) in [(&c, [&a, &b]), (&a, [&b, &b])] {
        queue.wake();
        assert_eq!(called(expected), Some(Ok(())));
        assert!(rest.iter().all(|p| called(p).is_none()));
    }
    queue.wake();
    assert_eq!(called(&b), Some(Ok(())));
    assert_eq!(queue.waiting(), 3, "none of them has found room yet");
    drop((a, b, c));
    assert_eq!(queue.waiting(), 0);
}

#[test]
fn a_full_queue_refuses_the_equal_and_lets_the_less_important_go() {
    let queue = Queue::new();
    let low = queue.enter(Class::Low, 2).unwrap();
    let normal = queue.enter(Class::Normal, 2).unwrap();
    assert_eq!(queue.enter(Class::Low, 2).err(), Some(Shed::QueueFull));
    let high = queue.enter(Class::High, 2).unwrap();
    assert_eq!(called(&low), Some(Err(Shed::QueueFull)));
    assert_eq!((called(&normal), called(&high)), (None, None));
    assert_eq!(queue.waiting(), 2);
    assert_eq!(Queue::new().enter(Class::High, 0).err(), Some(Shed::QueueFull));
}

#[test]
fn a_call_that_is_not_needed_goes_to_the_next() {
    let queue = Queue::new();
    let a = queue.enter(Class::Normal, 4).unwrap();
    let b = queue.enter(Class::Normal, 4).unwrap();
    queue.wake();
    drop(a);
    assert_eq!(called(&b), Some(Ok(())));
    let c = queue.enter(Class::Normal, 4).unwrap();
    assert!(!c.may_look(), "one that was called is before it");
    b.served(false);
    assert_eq!(called(&c), None, "the place was taken");
    assert!(c.may_look());
}

#[test]
fn more_room_than_one_needs_is_passed_on() {
    let queue = Queue::new();
    let a = queue.enter(Class::Normal, 4).unwrap();
    let b = queue.enter(Class::Normal, 4).unwrap();
    queue.wake();
    a.served(true);
    assert_eq!(called(&b), Some(Ok(())));
}

#[test]
fn two_that_were_called_in_vain_stand_in_their_order_again() {
    let queue = Queue::new();
    let a = queue.enter(Class::Normal, 4).unwrap();
    let b = queue.enter(Class::Normal, 4).unwrap();
    queue.wake();
    queue.wake();
    a.again();
    b.again();
    assert!(a.may_look() && !b.may_look());
    queue.wake();
    assert_eq!((called(&a), called(&b)), (Some(Ok(())), None));
}

#[test]
fn whoever_waits_behind_one_that_leaves_is_called() {
    let queue = Queue::new();
    let a = queue.enter(Class::Normal, 4).unwrap();
    let b = queue.enter(Class::Normal, 4).unwrap();
    assert_eq!(called(&b), None);
    drop(a);
    assert_eq!(called(&b), Some(Ok(())));
}

#[test]
fn whoever_was_called_in_vain_stays_first() {
    let queue = Queue::new();
    let a = queue.enter(Class::Normal, 4).unwrap();
    let b = queue.enter(Class::Normal, 4).unwrap();
    queue.wake();
    a.again();
    assert_eq!((called(&a), called(&b)), (None, None));
    queue.wake();
    assert_eq!((called(&a), called(&b)), (Some(Ok(())), None));
}

#[test]
fn a_place_that_is_given_up_is_free() {
    let queue = Queue::new();
    drop(queue.enter(Class::Normal, 1).unwrap());
    assert_eq!(queue.waiting(), 0);
    assert!(queue.enter(Class::Normal, 1).is_ok());
}

#[test]
fn nobody_is_forgotten_when_many_threads_come_and_go() {
    let queue = Queue::new();
    let (room, served) = (AtomicU32::new(2), AtomicU32::new(0));
    let take = || room.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    if !take() {
                        let place = queue.enter(Class::Normal, 1000).unwrap();
                        loop {
                            place.again();
                            if place.may_look() && take() {
                                break place.served(room.load(Ordering::SeqCst) > 0);
                            }
                            let late = wait_for(&place);
                            assert!(late.is_ok(), "waited in vain");
                        }
                    }
                    served.fetch_add(1, Ordering::SeqCst);
                    room.fetch_add(1, Ordering::SeqCst);
                    queue.wake();
                }
            });
        }
    });
    assert_eq!(served.load(Ordering::SeqCst), 2000);
    assert_eq!(queue.waiting(), 0);
}

/// Waits up to ten seconds to be called.
fn wait_for(place: &Place<'_>) -> Result<Result<(), Shed>, tokio::time::error::Elapsed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(tokio::time::timeout(Duration::from_secs(10), place.called()))
}
