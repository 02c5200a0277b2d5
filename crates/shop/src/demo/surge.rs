//! The crowd of `tidegate demo --surge`: a few visitors, then many, then a few again.
//!
//! Each visitor searches, reads the answer and searches again, so the number of visitors is the number of requests under
//! way, which is what the gateway scales by. Visitors come and go one after the other within two seconds.

use super::traffic::{Line, call};
use base::IdSource;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// Visitors when little is going on.
const FEW: usize = 4;
/// Visitors of a surge.
const MANY: usize = 80;
/// Quiet before the first surge.
const BEFORE: Duration = Duration::from_secs(10);
/// How long a surge lasts.
const LASTS: Duration = Duration::from_secs(40);
/// From the beginning of one surge to the next: long enough to see the gateway come back to where it was.
const EACH: Duration = Duration::from_secs(150);
/// Time between two visitors that come, or go.
const STEP: Duration = Duration::from_millis(25);
const DEADLINE: Duration = Duration::from_secs(10);

/// How many visitors there are to be, so long after the start.
fn crowd(since: Duration) -> usize {
    let Some(within) = since.checked_sub(BEFORE) else { return FEW };
    let within = within.as_millis() % EACH.as_millis();
    if within < LASTS.as_millis() { MANY } else { FEW }
}

/// Sends the crowd to `gateway` until `shutdown` completes. `told` hears of each change of the number of visitors.
pub async fn surge(gateway: SocketAddr, shutdown: impl Future<Output = ()>, told: impl Fn(usize)) {
    let (wanted, number) = watch::channel(0);
    let number = Arc::new(number);
    let mut visitors = JoinSet::new();
    for nth in 0..MANY {
        visitors.spawn(visit(gateway, nth, watch::Receiver::clone(&number)));
    }
    let began = Instant::now();
    let conduct = async {
        loop {
            let now = crowd(began.elapsed());
            wanted.send_if_modified(|many| {
                let other = *many != now;
                if other {
                    told(now);
                }
                *many = now;
                other
            });
            sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::select! { () = shutdown => {}, () = conduct => {} }
}

/// One visitor: there while the crowd is larger than its number.
async fn visit(gateway: SocketAddr, nth: usize, mut number: watch::Receiver<usize>) {
    const WORDS: [&str; 5] = ["lamp", "garden", "box", "water", "chair"];
    let mut choice = IdSource::seeded(nth as u64);
    let mut line: Option<Line> = None;
    loop {
        if *number.borrow_and_update() <= nth {
            line = None;
            if number.wait_for(|many| *many > nth).await.is_err() {
                return;
            }
            sleep_until(Instant::now() + STEP * (nth as u32)).await;
        }
        let path = format!("/v1/search?q={}", WORDS[choice.below(WORDS.len())]);
        line = timeout(DEADLINE, call(line.take(), gateway, &path)).await.ok().flatten();
        if line.is_none() {
            sleep(STEP).await; // Whoever is refused does not hammer.
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_come_then_many_then_a_few_and_again() {
        let at = |seconds| crowd(Duration::from_secs(seconds));
        assert_eq!(
            [at(0), at(9), at(10), at(49), at(50), at(159), at(160)],
            [FEW, FEW, MANY, MANY, FEW, FEW, MANY]
        );
    }
}
