//! What happened lately, for people: the last changes of endpoints, reloads and steps of overload, kept in memory.
//!
//! The log tells the same, but nobody has it at hand who looks at the dashboard in the hour of need. *Promise*: at most
//! 256 events of bounded size, the oldest go first; telling one takes a short lock and never waits for a reader.
//! *Not here*: requests (the access log), and what outlives the process. *Cost on the hot path*: none, events are rare.

use crate::stamp::Stamp;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// How many events are kept.
const KEPT: usize = 256;
/// Characters that are kept of a text.
const TEXT_MOST: usize = 400;

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// An endpoint is in another state.
    Endpoint,
    /// An operator added an endpoint, or gave it other settings.
    Added,
    /// An operator took an endpoint away.
    Removed,
    /// A service was found to have other endpoints.
    Discovery,
    /// The config was read again.
    Reload,
    /// The process is more, or less, hard-pressed.
    Overload,
    /// An instance that Tidegate launches, which `endpoint` names: `to` is `started`, `ready`, `exited` (nobody wanted
    /// that), `stopped` (somebody did), `replaced` or `failed` (it did not become ready).
    Instance,
    /// Instances of a service end as soon as they start (`to` is `begun`), or do so no more (`over`).
    CrashLoop,
    /// Another number of instances is wanted: `from` and `to` are the numbers, the reason is the sum.
    Scaled,
    /// The store that the nodes share can be used (`to` is `up`), or cannot (`down`).
    Cluster,
}

impl EventKind {
    /// As the admin API writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoint",
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Discovery => "discovery",
            Self::Reload => "reload",
            Self::Overload => "overload",
            Self::Instance => "instance",
            Self::CrashLoop => "crash_loop",
            Self::Scaled => "scaled",
            Self::Cluster => "cluster",
        }
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it was told.
    pub time: SystemTime,
    /// What it is about.
    pub kind: EventKind,
    /// The service that it happened to.
    pub service: Option<Box<str>>,
    /// The endpoint that it happened to.
    pub endpoint: Option<Box<str>>,
    /// What was before.
    pub from: Option<Box<str>>,
    /// What is now.
    pub to: Option<Box<str>>,
    /// Why.
    pub reason: Option<Box<str>>,
}

impl Event {
    /// An event of that kind, now.
    pub fn new(kind: EventKind) -> Self {
        Self {
            time: SystemTime::now(),
            kind,
            service: None,
            endpoint: None,
            from: None,
            to: None,
            reason: None,
        }
    }

    /// It happened to that service.
    #[must_use]
    pub fn of(self, service: &str) -> Self {
        Self { service: clipped(service), ..self }
    }

    /// It happened to that endpoint.
    #[must_use]
    pub fn at(self, endpoint: &str) -> Self {
        Self { endpoint: clipped(endpoint), ..self }
    }

    /// What was before; nothing where it is empty.
    #[must_use]
    pub fn from(self, from: &str) -> Self {
        Self { from: clipped(from), ..self }
    }

    /// What is now; nothing where it is empty.
    #[must_use]
    pub fn to(self, to: &str) -> Self {
        Self { to: clipped(to), ..self }
    }

    /// Why; nothing where it is empty.
    #[must_use]
    pub fn because(self, reason: &str) -> Self {
        Self { reason: clipped(reason), ..self }
    }

    /// Its time as the access log writes times: `2026-01-02T03:04:05.678Z`.
    pub fn time_text(&self) -> String {
        time_text(self.time)
    }
}

/// A time in UTC, as the access log and the admin API write times: `2026-01-02T03:04:05.678Z`.
pub fn time_text(time: SystemTime) -> String {
    let (mut stamp, mut text) = (Stamp::default(), Vec::with_capacity(24));
    stamp.set(time);
    stamp.push_rfc3339(&mut text);
    String::from_utf8(text).unwrap_or_default()
}

/// A text as it is kept: bounded, and none where there is nothing in it.
fn clipped(text: &str) -> Option<Box<str>> {
    let end = text.char_indices().nth(TEXT_MOST).map_or(text.len(), |(at, _)| at);
    (end > 0).then(|| text[..end].into())
}

/// The last events of the process.
#[derive(Debug, Default)]
pub struct Events(Mutex<VecDeque<Event>>);

impl Events {
    /// Remembers an event.
    pub fn tell(&self, event: Event) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_back();
        }
        kept.push_front(event);
    }

    /// The last events, the newest first.
    pub fn last(&self) -> Vec<Event> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn the_newest_come_first_and_the_oldest_go() {
        let events = Events::default();
        for n in 0..=KEPT {
            events.tell(Event::new(EventKind::Reload).to(&n.to_string()));
        }
        let last = events.last();
        assert_eq!(last.len(), KEPT);
        assert_eq!(last[0].to.as_deref(), Some("256"));
        assert_eq!(last[KEPT - 1].to.as_deref(), Some("1"), "the first one is forgotten");
    }

    #[test]
    fn a_text_is_bounded_and_an_empty_one_is_none() {
        let event = Event::new(EventKind::Endpoint).because(&"\u{e9}".repeat(5_000)).from("");
        assert_eq!(event.reason.map(|reason| reason.chars().count()), Some(TEXT_MOST));
        assert_eq!(event.from, None);
    }

    #[test]
    fn a_time_is_written_as_in_the_access_log() {
        let event = Event { time: UNIX_EPOCH + Duration::from_millis(1_500), ..Event::new(EventKind::Added) };
        assert_eq!(event.time_text(), "1970-01-01T00:00:01.500Z");
    }
}
