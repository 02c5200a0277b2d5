//! The tables of services and their endpoints. What is wrong stands first, however busy the rest is.

use super::figures::{ago, count, per_second, percent, time, word};
use super::{ROWS, error_cell, table};
use crate::live::Live;
use crate::overview::{self, EndpointRow, ServiceRow};
use crate::view::{EndpointView, ServiceView, Severity};
use maud::{Markup, html};
use std::cmp::Reverse;

/// The class that gives the colour. The word stands beside it always.
pub(super) fn class(severity: Severity) -> &'static str {
    match severity {
        Severity::Good => "good",
        Severity::Notable => "warn",
        Severity::Bad => "bad",
    }
}

/// The worst endpoint of a service; nobody to answer is as bad as it gets.
fn worst(view: &ServiceView) -> Severity {
    if view.endpoints_up == 0 {
        return Severity::Bad;
    }
    view.endpoints.iter().map(EndpointView::severity).max().unwrap_or(Severity::Good)
}

pub(super) fn services(views: &[ServiceView], live: &Live) -> Markup {
    let mut all = overview::services(views, live);
    all.sort_by(|a, b| {
        let key = |row: &ServiceRow<'_>| (Reverse(worst(row.view)), row.view.endpoints_up > 0);
        key(a).cmp(&key(b)).then_with(|| b.rate.per_second.total_cmp(&a.rate.per_second))
    });
    let rows = html! { @for row in all.iter().take(ROWS) { (service(row)) } };
    let columns = [
        "Service",
        "Up",
        "Requests",
        "Errors",
        "p50",
        "p99",
        "In flight",
        "Waiting",
        "Limit",
        "Retries",
        "Hedges",
        "Total",
    ];
    table("Services", &columns, &rows, all.len().saturating_sub(ROWS))
}

fn service(row: &ServiceRow<'_>) -> Markup {
    let (view, rate) = (row.view, &row.rate);
    let up = format!("{}/{}", view.endpoints_up, view.endpoints_total);
    html! {
        tr {
            th scope="row" {
                (view.name)
                @if !view.removed.is_empty() {
                    span.tag title=(view.removed.join(" ")) { (view.removed.len()) " taken away" }
                }
            }
            td.number {
                @match worst(view) {
                    Severity::Good => (up),
                    severity => strong.(class(severity)) { (up) @if view.endpoints_up == 0 { " none" } },
                }
            }
            td.number { (per_second(rate.per_second)) }
            (error_cell(rate))
            td.number { (time(rate.p50)) }
            td.number { (time(rate.p99)) }
            td.number { (view.inflight) }
            td.number.warn[view.waiting > 0] { (view.waiting) }
            td.number { @match view.adaptive_limit { Some(limit) => (limit), None => "\u{2013}" } }
            td.number {
                (count(view.retries))
                @if view.retries_refused > 0 { span.warn { " + " (count(view.retries_refused)) " refused" } }
            }
            td.number { (count(view.hedges)) }
            td.number { (count(row.totals.map_or(0, |totals| totals.requests))) }
        }
    }
}

pub(super) fn endpoints(views: &[ServiceView], live: &Live) -> Markup {
    let mut all = overview::endpoints(views, live);
    all.sort_by(|a, b| {
        let key = |row: &EndpointRow<'_>| Reverse(row.view.severity());
        key(a)
            .cmp(&key(b))
            .then_with(|| b.rate.per_second.total_cmp(&a.rate.per_second))
            .then_with(|| b.view.attempts.cmp(&a.view.attempts))
    });
    let rows = html! { @for row in all.iter().take(ROWS) { (endpoint(row)) } };
    let columns = [
        "Endpoint",
        "State",
        "Service",
        "Since, why",
        "Last check",
        "Pending",
        "Attempts",
        "Failures",
        "p99",
        "Total",
    ];
    table("Endpoints", &columns, &rows, all.len().saturating_sub(ROWS))
}

fn endpoint(row: &EndpointRow<'_>) -> Markup {
    let (view, rate) = (row.view, &row.rate);
    let failed = (view.attempts > 0).then(|| view.failures as f64 / view.attempts as f64);
    html! {
        tr {
            th scope="row" {
                (view.url)
                @if view.backup { span.tag { "backup" } }
                @if view.added { span.tag title="by an operator, until the process ends" { "added" } }
            }
            td { span.pill.(class(view.severity())) { (view.state) } }
            td { (row.service) }
            td { (since(view)) }
            td { (check(view)) }
            td.number { (view.pending) }
            td.number { (per_second(rate.per_second)) }
            td.number title=(format!("{} of all attempts", percent(failed))) { (count(view.failures)) }
            td.number { (time(rate.p99)) }
            td.number { (count(view.attempts)) }
        }
    }
}

/// When the state changed last, and why.
fn since(view: &EndpointView) -> Markup {
    html! {
        @match view.since {
            None => span.quiet { "since the start" },
            Some(since) => {
                (ago(since))
                @if let Some(reason) = view.reason { span.quiet { " " (word(reason)) } }
            }
        }
    }
}

/// What the last check said. A long text is cut by the style; the whole of it shows on hovering.
fn check(view: &EndpointView) -> Markup {
    html! {
        @match (&view.check, view.checked) {
            (_, None) => span.quiet { "\u{2013}" },
            (None, Some(at)) => { "passed " span.quiet { (ago(at)) } },
            (Some(why), Some(at)) => span.cut title=(format!("{}: {why}", ago(at))) { span.bad { (why) } },
        }
    }
}
