//! The overview page: what a person on call wants to see first, rendered here and escaped by the template.
//!
//! It needs no other file and no internet. Its own small script fetches the page again every two seconds and puts
//! the new `main` in the place of the old one, so there is one rendering and without scripts a page that stands still.
//! The policy lets only this page's own script and style run, by a nonce; whatever a route is named, it stays text. What
//! a button asks for is asked of the API by that script, after a question.

mod cache;
mod callers;
mod events;
mod figures;
mod instances;
mod services;

use crate::instances::Steps;
use crate::live::{Live, POINTS, Rate};
use crate::node::Node;
use crate::view::{ServiceView, Severity};
use figures::{age, bytes, count, per_second, percent, rounded, time, word};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::fmt::Write;
use std::hash::{BuildHasher, Hasher, RandomState};

/// Rows of a table; busier things come first.
const ROWS: usize = 50;

/// Size of the curve, in units of its own.
const CURVE: (f64, f64) = (600.0, 90.0);

/// 128 bits that a stranger cannot guess, as hex digits: the standard library's keyed hash of two fresh keys.
pub(crate) fn nonce() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}

/// The content security policy that goes with the page.
pub(crate) fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
         img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// The whole page.
pub(crate) fn render(node: &dyn Node, live: &Live, steps: &Steps, nonce: &str) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Tidegate" }
                link rel="icon" href="data:,";
                style nonce=(nonce) { (PreEscaped(include_str!("page/style.css"))) }
            }
            body {
                (main(node, live, steps))
                output #said hidden {}
                footer {
                    @for path in ["/metrics", "/api/status", "/api/routes", "/api/services", "/api/instances", "/api/consumers", "/api/limits", "/api/cache", "/api/events", "/api/config", "/openapi.json"] {
                        a href=(path) { (path) }
                    }
                }
                script nonce=(nonce) { (PreEscaped(include_str!("page/live.js"))) }
            }
        }
    };
    page.into_string()
}

fn main(node: &dyn Node, live: &Live, steps: &Steps) -> Markup {
    let (views, strain) = (node.services(), node.strain());
    let (state, class) = match (node.draining(), node.ready()) {
        (true, _) => ("draining", "warn"),
        (false, true) => ("ready", "good"),
        (false, false) => ("not ready", "bad"),
    };
    html! {
        main {
            header {
                h1 { "Tidegate" }
                span.pill.(class) { (state) }
                @if strain != "none" { span.pill.bad { "overload: " (word(strain)) } }
                span.quiet { "version " (env!("CARGO_PKG_VERSION")) }
                span.quiet { "up " (age(live.now.uptime)) }
                span.pill.bad #lost hidden { "connection lost" }
            }
            (tiles(live, &views))
            (curve(live))
            (services::services(&views, live))
            (instances::instances(node, steps))
            (services::endpoints(&views, live))
            (routes(live))
            (cache::cache(node, live))
            (callers::callers(node))
            (events::events(&node.events()))
            div.pair {
                (listeners(live))
                (stops(live))
            }
        }
    }
}

fn tiles(live: &Live, views: &[ServiceView]) -> Markup {
    let now = &live.now;
    let tile = |name: &str, value: String, below: String| {
        html! { div.tile { span.name { (name) } strong { (value) } span.quiet { (below) } } }
    };
    html! {
        section.tiles aria-label="Now" {
            (tile("Requests", per_second(live.total.per_second), format!("{} in all", count(now.requests()))))
            (tile("Errors (5xx)", percent(live.total.error_ratio), format!("{} in all", count(now.errors()))))
            (tile("Latency p50", time(live.total.p50), "of the last seconds".to_owned()))
            (tile("Latency p99", time(live.total.p99), "of the last seconds".to_owned()))
            (tile("In flight", now.inflight().to_string(), "requests".to_owned()))
            (tile("Connections", now.connections().to_string(), "from clients".to_owned()))
            (endpoints_tile(views))
        }
    }
}

/// How many endpoints are up, and what the others are.
fn endpoints_tile(views: &[ServiceView]) -> Markup {
    let endpoints = || views.iter().flat_map(|service| &service.endpoints);
    let mut others: Vec<(Severity, &str, usize)> = Vec::new();
    for endpoint in endpoints().filter(|endpoint| !endpoint.up) {
        match others.iter_mut().find(|(_, state, _)| *state == endpoint.state) {
            Some((.., n)) => *n += 1,
            None => others.push((endpoint.severity(), endpoint.state, 1)),
        }
    }
    others.sort_by_key(|(severity, state, _)| (std::cmp::Reverse(*severity), *state));
    let up = views.iter().map(|service| service.endpoints_up).sum::<usize>();
    html! {
        div.tile {
            span.name { "Endpoints up" }
            strong { (up) "/" (endpoints().count()) }
            @if others.is_empty() { span.quiet { "all are up" } }
            @else {
                span.small {
                    @for (at, (severity, state, n)) in others.iter().enumerate() {
                        @if at > 0 { ", " }
                        span.(services::class(*severity)) { (n) " " (state) }
                    }
                }
            }
        }
    }
}

/// Requests per second over the last minutes, errors in front.
fn curve(live: &Live) -> Markup {
    let top = live.curve.iter().map(|p| p.per_second).fold(1.0, f64::max);
    let (width, height) = CURVE;
    let area = |of: &dyn Fn(&Rate) -> f64| {
        let step = width / (POINTS - 1) as f64;
        let first = POINTS - live.curve.len();
        let x = |i: usize| (first + i) as f64 * step;
        let mut path = format!("M{:.1} {height}", x(0));
        for (i, point) in live.curve.iter().enumerate() {
            let _ = write!(path, " L{:.1} {:.1}", x(i), height - of(point) / top * (height - 4.0));
        }
        path + &format!(" L{width} {height} Z")
    };
    let label = format!("Requests per second over the last five minutes, at most {top:.0}");
    html! {
        section.card {
            h2 { "Last five minutes" span.quiet { " at most " (rounded(top)) "/s" } }
            svg viewBox=(format!("0 0 {width} {height}")) preserveAspectRatio="none" role="img" aria-label=(label) {
                @if live.curve.len() > 1 {
                    path.all d=(area(&|p| p.per_second)) {}
                    path.errors d=(area(&|p| p.per_second * p.error_ratio.unwrap_or(0.0))) {}
                }
            }
        }
    }
}

/// Things and their rates, busiest first, and how many were left out.
fn busiest<'a, T>(
    things: &'a [T],
    rates: &'a [Rate],
    requests: impl Fn(&T) -> u64,
) -> (Vec<(&'a T, &'a Rate)>, usize) {
    let mut all: Vec<_> = things.iter().zip(rates).collect();
    all.sort_by(|(a, ra), (b, rb)| {
        rb.per_second.total_cmp(&ra.per_second).then_with(|| requests(b).cmp(&requests(a)))
    });
    let more = all.len().saturating_sub(ROWS);
    all.truncate(ROWS);
    (all, more)
}

fn table(title: &str, columns: &[&str], rows: &Markup, more: usize) -> Markup {
    html! {
        section.card {
            h2 { (title) }
            (scrolled(title, columns, rows))
            @if more > 0 { p.quiet { "and " (more) " more, less busy" } }
        }
    }
}

/// A table that scrolls by itself where it is too wide.
fn scrolled(title: &str, columns: &[&str], rows: &Markup) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(title) {
            table {
                thead { tr { @for column in columns { th scope="col" class=(alignment(column)) { (column) } } } }
                tbody { (rows) }
            }
        }
    }
}

/// Columns of text stand at the left, those of numbers at the right, as their cells do.
fn alignment(column: &str) -> &'static str {
    match column {
        "Route" | "Service" | "Endpoint" | "State" | "Address" | "Reason" | "Since, why" | "Last check"
        | "When" | "What" | "Change" | "Sum" | "Instance" | "Place" | "Revision" | "Last words"
        | "Consumer" | "Plan" | "Policy" | "Where" | "Allowance" | "Counted by" | "Why not" => "text",
        _ => "number",
    }
}

/// The name of a route; requests that take none are counted under an empty one.
fn route_name(name: &str) -> &str {
    if name.is_empty() { "(no route)" } else { name }
}

fn error_cell(rate: &Rate) -> Markup {
    let class = match rate.error_ratio {
        Some(ratio) if ratio >= 0.01 => "number bad",
        _ => "number",
    };
    html! { td class=(class) { (percent(rate.error_ratio)) } }
}

fn routes(live: &Live) -> Markup {
    let (rows, more) = busiest(&live.now.routes, &live.routes, |r| r.requests);
    let rows = html! {
        @for (route, rate) in rows {
            tr {
                th scope="row" { (route_name(&route.route)) }
                td { (route.service) }
                td.number { (per_second(rate.per_second)) }
                (error_cell(rate))
                td.number { (time(rate.p50)) }
                td.number { (time(rate.p99)) }
                td.number { (count(route.requests)) }
                td.number { (bytes(route.bytes_out)) }
            }
        }
    };
    let columns = ["Route", "Service", "Requests", "Errors", "p50", "p99", "Total", "Sent"];
    table("Routes", &columns, &rows, more)
}

fn listeners(live: &Live) -> Markup {
    let rows = html! {
        @for listener in &live.now.listeners {
            tr {
                th scope="row" { (listener.address) }
                td.number { (listener.open) }
                td.number { (count(listener.accepted)) }
                td.number { (count(listener.refused.iter().map(|(_, n)| n).sum())) }
            }
        }
    };
    table("Listeners", &["Address", "Open", "Accepted", "Refused"], &rows, 0)
}

fn stops(live: &Live) -> Markup {
    let rows = html! {
        @for (reason, n) in live.now.stops.iter().filter(|(_, n)| *n > 0) {
            tr { th scope="row" { (reason) } td.number { (count(*n)) } }
        }
    };
    table("Ended by Tidegate", &["Reason", "Requests"], &rows, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_pages_have_the_same_nonce() {
        assert_eq!(nonce().len(), 32);
        assert_ne!(nonce(), nonce());
    }
}
