//! The tasks of the keeper's thread: one for each issuer, begun and ended as the entries come and go.

use super::copy::Copy;
use super::entry::Entry;
use super::news::{OnNews, What};
use super::source::{NoKeys, Source};
use base::IdSource;
use fetch::Pace;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::{AbortHandle, spawn_local};

/// How often a file is looked at.
const FILE_EVERY: Duration = Duration::from_secs(1);
/// The shortest time between two looks when all is well, whatever was typed.
const REFRESH_LEAST: Duration = Duration::from_millis(100);

/// Follows all entries until nobody can change them any more.
pub(super) async fn all(
    mut entries: watch::Receiver<Vec<Arc<Entry>>>,
    folder: Option<PathBuf>,
    news: OnNews,
) {
    let mut tasks: Vec<(Arc<Entry>, AbortHandle)> = Vec::new();
    loop {
        let wanted = entries.borrow_and_update().clone();
        tasks.retain(|(entry, task)| {
            let stays = wanted.iter().any(|wanted| Arc::ptr_eq(wanted, entry));
            if !stays {
                task.abort();
            }
            stays
        });
        for entry in wanted {
            if tasks.iter().all(|(followed, _)| !Arc::ptr_eq(followed, &entry)) {
                let copy = folder.as_ref().and_then(|folder| Copy::of(folder, &entry.name, &entry.source));
                let task = spawn_local(one(Arc::clone(&entry), copy, Arc::clone(&news)));
                tasks.push((entry, task.abort_handle()));
            }
        }
        if entries.changed().await.is_err() {
            return;
        }
    }
}

/// Follows one, for ever.
async fn one(entry: Arc<Entry>, copy: Option<Copy>, news: OnNews) {
    if let Some(copy) = &copy {
        restore(&entry, copy, &news);
    }
    let (mut pace, mut random) = (Pace::default(), IdSource::default());
    let mut is_copied = true;
    let mut due = Instant::now();
    loop {
        entry.begin(due).await;
        let found = Box::pin(entry.source.look(&entry.tls)).await;
        let asked = found.as_ref().err().and_then(NoKeys::retry_after);
        let (told, changed) = entry.end(found);
        if let Some(told) = told {
            news(&told);
        }
        if let (Some(copy), Some(body)) = (&copy, &changed) {
            let kept = copy.write(body);
            if let (Err(error), true) = (&kept, is_copied) {
                let why = format!("they cannot be kept in {}: {error}", copy.path().display());
                news(&entry.news(What::CopyLost(why.into())));
            }
            is_copied = kept.is_ok();
        }
        let wait = if entry.is_failing() {
            pace.next(asked)
        } else {
            pace.well();
            refresh(&entry, &mut random)
        };
        due = Instant::now() + wait;
    }
}

/// Nine tenths of the time to all of it, so that many gateways do not ask at once.
fn refresh(entry: &Entry, random: &mut IdSource) -> Duration {
    if matches!(entry.source, Source::File(_)) {
        return FILE_EVERY;
    }
    entry.refresh.max(REFRESH_LEAST).mul_f64(1.0 - random.below(1001) as f64 / 10_000.0)
}

/// Puts the keys of an earlier run in force.
fn restore(entry: &Entry, copy: &Copy, news: &OnNews) {
    let lost = |why: &dyn std::fmt::Display| {
        let why = format!("what was kept in {} cannot be used: {why}", copy.path().display());
        news(&entry.news(What::CopyLost(why.into())));
    };
    match copy.read() {
        Ok(None) => {}
        Ok(Some(body)) => match entry.source.keys(&body) {
            Ok(keys) => news(&entry.restore(body, keys)),
            Err(error) => lost(&error),
        },
        Err(error) => lost(&error),
    }
}
