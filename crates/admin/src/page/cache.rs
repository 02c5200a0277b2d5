//! The card "Cache": what memory and disk hold, what each route gets from them, and why the rest goes to services.
//!
//! *Promise*: it is there only where a route caches, and stays small however many there are.

use super::figures::{bytes, count, percent, word};
use super::{ROWS, scrolled};
use crate::cache::{CacheView, RouteRow};
use crate::live::Live;
use crate::node::Node;
use maud::{Markup, html};
use std::cmp::Reverse;

/// Reasons that are shown of a route.
const REASONS: usize = 3;

pub(super) fn cache(node: &dyn Node, live: &Live) -> Markup {
    let (view, routes) = (node.cache(), live.caches());
    html! {
        @if view.memory.is_some() || !routes.is_empty() {
            section.card aria-label="Cache" {
                div.title {
                    h2 { "Cache" }
                    (fullness(&view))
                }
                (troubles(&view))
                @if !routes.is_empty() { (table(routes)) }
            }
        }
    }
}

/// How full memory and disk are.
fn fullness(view: &CacheView) -> Markup {
    let tier = |name: &str, (objects, used, capacity, evictions): (u64, u64, u64, u64)| {
        html! {
            span.quiet title=(format!("{objects} responses, {used} of {capacity} bytes")) {
                (name) " " (bytes(used)) " of " (bytes(capacity)) ", " (count(objects)) @if objects == 1 { " response" } @else { " responses" }
                @if evictions > 0 { ", " (count(evictions)) " evicted" }
            }
        }
    };
    html! {
        @if let Some(of) = &view.memory {
            (tier("memory", (of.objects, of.bytes, of.capacity, of.evictions)))
        }
        @if let Some(of) = &view.disk {
            (tier("disk", (of.objects, of.bytes, of.capacity, of.evictions)))
            @if !of.is_loaded { span.pill.warn title="what lies there is still being read" { "disk loading" } }
        }
        @if let Some(of) = &view.memory {
            @if of.flights > 0 { span.quiet { (count(of.flights)) " being fetched" } }
        }
    }
}

/// What the disk did that it should not.
fn troubles(view: &CacheView) -> Markup {
    let (refused, damaged) = view.disk.as_ref().map_or((0, 0), |disk| (disk.refused, disk.damaged));
    html! {
        @if refused + damaged > 0 {
            ul.notes {
                @if refused > 0 { li.warn { "The disk did not take " (count(refused)) " responses: it is too slow, or refuses" } }
                @if damaged > 0 { li.bad { (count(damaged)) " files of the disk were damaged, and dropped" } }
            }
        }
    }
}

fn table(mut routes: Vec<RouteRow<'_>>) -> Markup {
    routes.sort_by_key(|row| Reverse(row.requests()));
    let more = routes.len().saturating_sub(ROWS);
    let columns = [
        "Route",
        "Hit ratio now",
        "Hit ratio",
        "Hits",
        "Stale",
        "Revalidated",
        "Collapsed",
        "Stored",
        "Unstored",
        "Bypassed",
        "Given",
        "Why not",
    ];
    let rows = html! { @for route in routes.iter().take(ROWS) { (row(route)) } };
    html! {
        (scrolled("What the cache did for routes", &columns, &rows))
        @if more > 0 { p.quiet { "and " (more) " more, less busy" } }
    }
}

fn row(route: &RouteRow<'_>) -> Markup {
    html! {
        tr {
            th scope="row" { (route.route) }
            td.number { (percent(route.recent.hit_ratio)) }
            td.number { (percent(route.hit_ratio)) }
            @for counted in [
                route.hits, route.stale, route.revalidated, route.collapsed, route.stored, route.unstored,
                route.bypassed,
            ] {
                td.number { (count(counted)) }
            }
            td.number { (bytes(route.bytes)) }
            td { span.cut.wide title=(reasons(route, usize::MAX)) { (reasons(route, REASONS)) } }
        }
    }
}

/// The most frequent reasons, with how often each was the one.
fn reasons(route: &RouteRow<'_>, most: usize) -> String {
    let told = route.reasons.iter().take(most).map(|(reason, n)| format!("{} {}", word(reason), count(*n)));
    told.collect::<Vec<_>>().join(", ")
}
