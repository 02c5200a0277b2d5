//! `/api/events`: what happened lately, as JSON.

use observe::Event;
use serde_json::{Value, json};

/// The document: a list, the newest first.
pub(crate) fn document(events: &[Event]) -> Value {
    let one = |event: &Event| {
        json!({
            "time": event.time_text(),
            "kind": event.kind.as_str(),
            "service": event.service,
            "endpoint": event.endpoint,
            "from": event.from,
            "to": event.to,
            "reason": event.reason,
        })
    };
    events.iter().map(one).collect()
}
