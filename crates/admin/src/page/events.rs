//! The table of what happened lately.

use super::figures::{since, word};
use super::table;
use maud::{Markup, html};
use observe::{Event, EventKind};

/// Rows of the table; `/api/events` has them all.
const SHOWN: usize = 15;

pub(super) fn events(events: &[Event]) -> Markup {
    let rows = html! { @for event in events.iter().take(SHOWN) { (row(event)) } };
    table("Events", &["When", "What", "Service", "Endpoint", "Change", "Reason"], &rows, 0)
}

fn row(event: &Event) -> Markup {
    let text = |text: &Option<Box<str>>| text.as_deref().unwrap_or_default().to_owned();
    html! {
        tr {
            td title=(event.time_text()) { (since(event.time)) }
            td { (word(event.kind.as_str())) }
            td { (text(&event.service)) }
            td { (text(&event.endpoint)) }
            td {
                @if let Some(from) = &event.from { (word(from)) " \u{2192} " }
                @if let Some(to) = &event.to { span.(class(event)) { (word(to)) } }
            }
            td { span.cut.wide title=(text(&event.reason)) { (reason(event)) } }
        }
    }
}

fn reason(event: &Event) -> String {
    let reason = event.reason.as_deref().unwrap_or_default();
    // Reasons of endpoints are words of the interface; the others are sentences and URLs.
    if event.kind == EventKind::Endpoint { word(reason) } else { reason.to_owned() }
}

fn class(event: &Event) -> &'static str {
    match (event.kind, event.to.as_deref().unwrap_or_default()) {
        (EventKind::Endpoint, "up")
        | (EventKind::Overload, "none")
        | (EventKind::Instance, "ready")
        | (EventKind::CrashLoop, "over") => "good",
        (EventKind::Endpoint, "draining" | "trial" | "unknown") => "warn",
        (EventKind::Endpoint | EventKind::Overload | EventKind::CrashLoop, _)
        | (EventKind::Reload, "refused")
        | (EventKind::Instance, "exited" | "failed") => "bad",
        _ => "plain",
    }
}
