//! A deadline that costs nothing to move later.
//!
//! A connection has a new deadline many times a second (a head, an answer, the next request), and nearly all of them
//! pass unused. Registering each with the runtime would cost more than parsing a head. So the timer stays armed at the
//! earliest deadline it was given, and only when it fires does it look whether the one in force has moved on.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;
use tokio::time::Sleep;

/// One connection's timer.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    armed: Option<(Pin<Box<Sleep>>, Instant)>,
}

impl Timer {
    /// Ready once `deadline` has passed. The deadline may differ from call to call; the last one counts.
    pub(crate) fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let (sleep, at) =
            self.armed.get_or_insert_with(|| (Box::pin(tokio::time::sleep_until(deadline.into())), deadline));
        if deadline < *at {
            sleep.as_mut().reset(deadline.into());
            *at = deadline;
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline.into());
            *at = deadline;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::time::Duration;

    #[tokio::test(flavor = "current_thread")]
    async fn a_deadline_that_moved_later_is_not_missed_and_not_early() {
        let mut timer = Timer::default();
        let start = Instant::now();
        let early = start + Duration::from_millis(20);
        let late = start + Duration::from_millis(60);
        let first = poll_fn(|cx| Poll::Ready(timer.poll_until(cx, early).is_pending())).await;
        assert!(first);
        poll_fn(|cx| timer.poll_until(cx, late)).await;
        assert!(start.elapsed() >= Duration::from_millis(60));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_deadline_that_moved_earlier_is_kept() {
        let mut timer = Timer::default();
        let start = Instant::now();
        let far = start + Duration::from_secs(600);
        assert!(poll_fn(|cx| Poll::Ready(timer.poll_until(cx, far).is_pending())).await);
        poll_fn(|cx| timer.poll_until(cx, start + Duration::from_millis(5))).await;
        assert!(start.elapsed() < Duration::from_secs(60));
    }
}
