//! Dead endpoints without an active check: has somebody begun to listen there?
//!
//! Nobody sends requests to an endpoint that refuses connections, so nobody would see that it is back. A connection is
//! tried now and then until one opens; that says little of the endpoint's health and is all that is needed, since
//! requests themselves tell the rest.
//! *Not here*: who is dead, and what follows when one is not any more (the room `balance`). Cost: one connection each
//! [`LAST`] or so for each dead endpoint, on the control thread.

use super::{OnProbe, Prober, jittered, over_the_wire};
use crate::endpoint::Endpoint;
use crate::probe::{ProbeKind, ProbeSettings, Verdict};
use crate::service::Protocol;
use crate::task::Task;
use base::IdSource;
use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// The first wait, how it grows, and the longest one: a restarted process is found at once, one that is gone for good
/// costs little.
const FIRST: Duration = Duration::from_millis(250);
const LAST: Duration = Duration::from_secs(2);
/// How long one attempt may take.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Attempts at dead endpoints. Lives in the `LocalSet` of the control thread.
pub struct Reconnects {
    watched: HashMap<usize, Watch>,
    report: OnProbe,
    prober: Prober,
}

struct Watch {
    /// It has reported: there is nothing to look for any more.
    over: Rc<Cell<bool>>,
    _task: Task,
}

impl std::fmt::Debug for Reconnects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reconnects").field("watched", &self.len()).finish_non_exhaustive()
    }
}

impl Reconnects {
    /// None yet. `report` hears only of connections that opened.
    pub fn new(report: OnProbe) -> Self {
        Self::probing(report, over_the_wire())
    }

    pub(super) fn probing(report: OnProbe, prober: Prober) -> Self {
        Self { watched: HashMap::new(), report, prober }
    }

    /// Looks for an endpoint's return, reports it once and stops. One that is watched already stays so. To be called
    /// in a `LocalSet`.
    pub fn watch(&mut self, endpoint: &Arc<Endpoint>) {
        self.watched.retain(|_, watch| !watch.over.get());
        self.watched.entry(endpoint.id).or_insert_with(|| {
            let over = Rc::new(Cell::new(false));
            let (report, prober) = (Rc::clone(&self.report), Rc::clone(&self.prober));
            let look = look(Arc::clone(endpoint), Rc::clone(&over), report, prober);
            Watch { over, _task: Task::start(look) }
        });
    }

    /// Stops looking for it.
    pub fn forget(&mut self, id: usize) {
        self.watched.remove(&id);
    }

    /// How many are looked for.
    pub fn len(&self) -> usize {
        self.watched.values().filter(|watch| !watch.over.get()).count()
    }

    /// Is none looked for?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

async fn look(endpoint: Arc<Endpoint>, over: Rc<Cell<bool>>, report: OnProbe, prober: Prober) {
    let settings = Rc::new(ProbeSettings {
        kind: ProbeKind::Tcp,
        interval: LAST,
        timeout: TIMEOUT,
        port: None,
        protocol: Protocol::default(),
    });
    let mut random = IdSource::default();
    let mut wait = FIRST;
    loop {
        sleep(jittered(wait, &mut random)).await;
        wait = (wait * 3 / 2).min(LAST);
        let outcome = prober(Arc::clone(&endpoint), Rc::clone(&settings)).await;
        if outcome.verdict == Verdict::Passed {
            // Before the report, so that whoever hears of it may ask for the next watch at once.
            over.set(true);
            return report(&endpoint, outcome);
        }
    }
}
