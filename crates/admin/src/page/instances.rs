//! A card for each service with instances: how many there are and are wanted, why, and how each one stands.
//!
//! What is wrong stands first. *Promise*: the page stays small, however many services and instances there are: the worst
//! [`CARDS`] services have a card, the others a line; one block stands for one instance up to a hundred, beyond for
//! several; details of single instances are shown while there is [`Room`] for them.

mod blocks;
mod chart;

use super::figures::{since, time, word};
use super::services::class;
use super::{ROWS, scrolled, table};
use crate::instances::{DecisionView, ServiceInstances, Steps};
use crate::node::Node;
use maud::{Markup, html};
use observe::time_text;
use std::cmp::Reverse;

/// Services that have a card.
const CARDS: usize = 8;

/// Decisions on a card; `/api/scale/{service}/decisions` has more.
const DECISIONS: usize = 5;

/// How many single instances may still be described on this page.
struct Room {
    /// By hovering over their block.
    blocks: usize,
    /// By a row of a table.
    rows: usize,
}

pub(super) fn instances(node: &dyn Node, steps: &Steps) -> Markup {
    let mut all = node.instances();
    all.sort_by_cached_key(|service| (Reverse(service.severity()), !is_changing(service)));
    let rest = all.split_off(all.len().min(CARDS));
    let mut room = Room { blocks: 200, rows: 100 };
    html! {
        @if !all.is_empty() {
            div.cards { @for service in &all { (card(node, service, steps, &mut room)) } }
        }
        @if !rest.is_empty() { (others(&rest)) }
    }
}

/// Is it not, or not yet, as it is wanted?
fn is_changing(service: &ServiceInstances) -> bool {
    service.ready != service.wanted || service.starting > 0 || service.draining > 0
}

fn card(node: &dyn Node, service: &ServiceInstances, steps: &Steps, room: &mut Room) -> Markup {
    let name = &service.service;
    let points = steps.view(service);
    let decisions = node.decisions(name).unwrap_or_default();
    html! {
        section.card.instances aria-label=(format!("Instances of {name}")) {
            div.title {
                h2 { "Instances of " (name) }
                span.tag { (service.driver) }
                @if service.dry_run { span.pill.warn { "dry run" } }
                span.quiet { (figures(service)) }
                // Only what Tidegate launches itself can be launched again by it.
                @if service.driver == "process" {
                    button type="button" data-restart=(name) { "Restart" }
                }
            }
            (sentence(service))
            (notes(service))
            (blocks::blocks(service, room))
            (chart::chart(&points, name))
            @if !decisions.is_empty() { (last_decisions(&decisions)) }
            (blocks::details(service, room))
        }
    }
}

/// What goes on and how long a start takes, where that is known.
fn figures(service: &ServiceInstances) -> String {
    let mut parts = Vec::new();
    parts.extend(service.concurrency.map(|n| format!("concurrency {n:.1}")));
    parts.extend(service.target.map(|n| format!("target {n:.1} each")));
    parts.extend(service.start_seconds.map(|s| format!("starts in {}", time(Some(s)))));
    parts.join(", ")
}

fn sentence(service: &ServiceInstances) -> Markup {
    html! {
        p.sentence {
            strong { (service.counts()) }
            @if !service.because().is_empty() { " because " (service.because()) }
        }
    }
}

fn notes(service: &ServiceInstances) -> Markup {
    let notes = service.notes();
    html! {
        @if !notes.is_empty() {
            ul.notes { @for note in &notes { li.(class(note.severity)) { (note.text) } } }
        }
    }
}

fn last_decisions(decisions: &[DecisionView]) -> Markup {
    let rows = html! {
        @for decision in decisions.iter().take(DECISIONS) {
            tr {
                td title=(time_text(decision.at)) { (since(decision.at)) }
                td {
                    @if decision.from == decision.to { (decision.to) " stay" }
                    @else { strong { (decision.from) " \u{2192} " (decision.to) } }
                    @if decision.repeated > 1 { span.tag { (decision.repeated) " times" } }
                }
                td {
                    (word(decision.reason))
                    @if decision.panicking { span.tag { "panic" } }
                }
                td.number { (decision.ready) @if decision.starting > 0 { " + " (decision.starting) } }
                td.long { (decision.text) }
            }
        }
    };
    scrolled("Last decisions", &["When", "Change", "Reason", "Ready", "Sum"], &rows)
}

/// Services for which there was no room: a line each, still the worst first.
fn others(rest: &[ServiceInstances]) -> Markup {
    let rows = html! {
        @for service in rest.iter().take(ROWS) {
            tr {
                th scope="row" { (service.service) }
                td.long {
                    (service.counts())
                    @if let Some(note) = service.notes().first() {
                        span.(class(note.severity)) { ": " (note.text) }
                    }
                }
            }
        }
    };
    let more = rest.len().saturating_sub(ROWS);
    table("Instances of other services", &["Service", "State"], &rows, more)
}
