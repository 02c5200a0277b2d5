//! The thread that keeps the connection, and does what no request waits for.
//!
//! It connects, lets the store show that it works, and puts the connection in force. Then, until somebody finds it broken: settle,
//! beat, read what others say. Then it connects again, at once the first time, later with pauses that grow to a second.

use crate::cluster::Shared;
use crate::line::{Door, Line};
use crate::trouble::Trouble;
use crate::{beat, bus, settle};
use base::IdSource;
use observe::log;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How often what others say is read.
const READ: Duration = Duration::from_millis(100);
/// The first pause before another attempt, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// A connection that held for this long was a good one.
const GOOD: Duration = Duration::from_secs(2);
/// The store is not asked more often than this whether it works, however often it is doubted.
const DOUBT: Duration = Duration::from_millis(100);

/// Runs until `stop` is closed.
pub(crate) async fn run(shared: Arc<Shared>, mut door: Door, mut stop: watch::Receiver<()>) {
    let mut random = IdSource::default();
    let mut pause = Duration::ZERO;
    loop {
        let connected = tokio::select! {
            connected = connect(&shared, &mut door) => connected,
            _ = stop.changed() => return,
        };
        match connected {
            Err(trouble) => shared.link.unreachable(&trouble),
            Ok(line) => {
                let start = Instant::now();
                settle::forget(&shared);
                shared.link.set_up(Arc::clone(&line));
                tokio::select! {
                    () = session(&shared, &line) => {}
                    _ = stop.changed() => return beat::leave(&shared, &line).await,
                }
                if start.elapsed() > GOOD {
                    pause = Duration::ZERO;
                    continue;
                }
            }
        }
        pause = (pause * 2).clamp(PAUSES.0, PAUSES.1);
        // Nodes that lose the same server do not come back to it all at the same time.
        let jittered = pause.mul_f64(0.75 + (random.next_u64() % 512) as f64 / 1024.0);
        tokio::select! {
            () = tokio::time::sleep(jittered) => {}
            _ = stop.changed() => return,
        }
    }
}

/// A connection over which a beat was heard.
async fn connect(shared: &Shared, door: &mut Door) -> Result<Arc<Line>, Trouble> {
    let line = door.open().await?;
    beat::beat(shared, &line).await?;
    Ok(Arc::new(line))
}

/// What is done while a connection holds; ends when it does not.
async fn session(shared: &Shared, line: &Arc<Line>) {
    let mut state = shared.link.state();
    tokio::select! {
        // The sender lives in `shared`.
        _ = state.wait_for(|state| !state.up) => {}
        () = settle::run(shared) => {}
        () = beats(shared, line) => {}
        () = listen(shared) => {}
    }
}

/// Each second, and when somebody doubts, the store has to show that it works.
async fn beats(shared: &Shared, line: &Arc<Line>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(beat::INTERVAL) => {}
            () = shared.link.doubt.notified() => {}
        }
        if let Err(trouble) = beat::beat(shared, line).await {
            return shared.link.broken(line, &trouble);
        }
        tokio::time::sleep(DOUBT).await;
    }
}

/// Reads and writes what all nodes have in whole, and what is said to all.
async fn listen(shared: &Shared) {
    for set in shared.sets() {
        set.begin_anew();
    }
    let (mut has_place, mut told) = (false, None);
    loop {
        let mut failed = None;
        for set in shared.sets() {
            failed = set.sync(shared).await.err().or(failed);
        }
        failed = hear(shared, &mut has_place).await.err().or(failed);
        // What breaks the connection is told elsewhere. Anything else stays so until somebody does something.
        let failed = failed.filter(|trouble| matches!(trouble, Trouble::Refused(_) | Trouble::Nonsense));
        if failed != told {
            if let Some(trouble) = &failed {
                log::warning(format_args!("cluster: what nodes tell each other cannot be read: {trouble}"));
            }
            told = failed;
        }
        tokio::select! {
            () = tokio::time::sleep(READ) => {}
            () = shared.news.notified() => {}
        }
    }
}

async fn hear(shared: &Shared, has_place: &mut bool) -> Result<(), Trouble> {
    if !*has_place {
        bus::find_place(shared).await?;
        *has_place = true;
    }
    bus::read(shared).await
}
