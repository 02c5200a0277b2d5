//! Instances that somebody else launches: told how many are wanted, by a command or a request.
//!
//! What is told is a state and no step ("five are wanted", not "two more"), so telling it twice does no harm, and only the
//! newest matters. *Promise*: a count is told again, ever more rarely, until it was heard or another is wanted; one telling
//! is under way at a time and each ends within its timeout. *Not here*: where the instances are; that is found as for
//! any service.

mod exec;
#[cfg(test)]
mod tests;
mod webhook;

pub use exec::Exec;
pub use webhook::Webhook;

use base::Moment;
use scale::Backoff;
use serde::Serialize;
use std::time::{Duration, SystemTime};
use tokio::sync::watch;
use upstream::Task;

/// How many are wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wanted {
    /// Of which service.
    pub service: String,
    /// How many.
    pub wanted: u32,
    /// How many were wanted before, where that is known.
    pub previous: Option<u32>,
    /// Why, in a sentence.
    pub reason: String,
    /// When it was decided; told as seconds since the Unix epoch.
    #[serde(serialize_with = "seconds")]
    pub at: SystemTime,
}

impl Wanted {
    /// The same for each telling of the same decision.
    fn key(&self) -> String {
        let at = self.at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let text = format!("{} {} {at}", self.service, self.wanted);
        format!("{:016x}", upstream::stable_hash(text.as_bytes()))
    }
}

fn seconds<S: serde::Serializer>(at: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs())
}

/// Whoever launches the instances.
#[derive(Clone, Debug)]
pub enum Elsewhere {
    /// A command.
    Exec(Exec),
    /// A request.
    Webhook(Webhook),
}

impl Elsewhere {
    /// Tells it once.
    pub async fn tell(&self, wanted: &Wanted) -> Result<(), String> {
        match self {
            Self::Exec(exec) => exec.tell(wanted).await,
            Self::Webhook(webhook) => webhook.tell(wanted).await,
        }
    }
}

/// What came of a telling: the count, and why it was not heard where it was not.
pub type Told = (u32, Result<(), String>);

/// Tells the newest count until it is heard. To be made in a `LocalSet`; dropped, it tells no more.
pub struct Teller {
    newest: watch::Sender<Option<Wanted>>,
    _task: Task,
}

impl Teller {
    /// Nothing to tell yet. `told` hears what came of each telling.
    pub fn new(to: Elsewhere, told: impl Fn(Told) + 'static) -> Self {
        let (newest, wanted) = watch::channel(None);
        Self { newest, _task: Task::start(tell(to, wanted, told)) }
    }

    /// So many are wanted.
    pub fn want(&self, wanted: Wanted) {
        self.newest.send_replace(Some(wanted));
    }
}

async fn tell(to: Elsewhere, mut newest: watch::Receiver<Option<Wanted>>, told: impl Fn(Told)) {
    while newest.changed().await.is_ok() {
        let mut backoff = Backoff::new(Duration::MAX);
        loop {
            let Some(wanted) = newest.borrow_and_update().clone() else { break };
            let result = to.tell(&wanted).await;
            let heard = result.is_ok();
            told((wanted.wanted, result));
            if heard {
                break;
            }
            tokio::select! {
                () = tokio::time::sleep(backoff.failed(Moment::ORIGIN)) => {}
                // A newer one does not wait for what the older one brought about.
                changed = newest.changed() => if changed.is_err() { return },
            }
        }
    }
}
