//! What the tests share: bounds on time, a place for what was told.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::LocalSet;
use tokio::time::Instant;

/// Far more than anything here takes.
const LIMIT: Duration = Duration::from_secs(30);

/// Runs a test on one thread, with tasks of its own.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bounded = async { tokio::time::timeout(LIMIT, test).await.expect("the test ends in time") };
    LocalSet::new().block_on(&runtime, bounded);
}

/// Looks again and again until it is so.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT / 2;
    while !is_so() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// What was told, in its order.
#[derive(Debug)]
pub(crate) struct Told<T>(Rc<RefCell<Vec<T>>>);

impl<T> Clone for Told<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T> Default for Told<T> {
    fn default() -> Self {
        Self(Rc::default())
    }
}

impl<T: Clone> Told<T> {
    pub(crate) fn push(&self, told: T) {
        self.0.borrow_mut().push(told);
    }

    pub(crate) fn all(&self) -> Vec<T> {
        self.0.borrow().clone()
    }

    pub(crate) fn count(&self, matching: impl Fn(&T) -> bool) -> usize {
        self.0.borrow().iter().filter(|told| matching(told)).count()
    }

    /// Waits for something that matches.
    pub(crate) async fn wait(&self, what: &str, matching: impl Fn(&T) -> bool) {
        until(what, || self.count(&matching) > 0).await;
    }
}
