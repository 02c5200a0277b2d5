//! Waiting for a condition with a deadline: no test sleeps and hopes.

use std::time::{Duration, Instant};

/// How long a test waits for what should happen at once. Generous, because test machines are busy; a test that passes
/// never waits this long.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// Polls `condition` until it holds and tells whether it did before `deadline` passed.
pub fn eventually(deadline: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if condition() {
            return true;
        }
        if start.elapsed() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Polls `condition` for [`PATIENCE`] and panics with `what` when it never held.
#[track_caller]
pub fn soon(what: &str, condition: impl FnMut() -> bool) {
    assert!(eventually(PATIENCE, condition), "waited {PATIENCE:?} in vain: {what}");
}

/// Runs `act` again and again until `span` has passed; for what must keep holding over a time.
pub fn while_waiting(span: Duration, mut act: impl FnMut()) {
    let start = Instant::now();
    while start.elapsed() < span {
        act();
        std::thread::sleep(Duration::from_millis(5));
    }
}
