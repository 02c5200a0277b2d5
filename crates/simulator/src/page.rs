//! A report as a page: one file that needs nothing else, with charts of both sides.
//!
//! *Promise*: no script, no font and no picture from elsewhere, so it opens without a network, in ten years, and may be
//! attached to a ticket. Every text in it is escaped.

use crate::chart::{Line, chart};
use crate::figures::{clock, short, time, whole};
use crate::report::{Report, Side};
use crate::row::Row;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// Changes that are listed for each side.
const MOST_CHANGES: usize = 200;

impl Report {
    /// The page, at most some hundred KiB.
    pub fn html(&self) -> String {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { "Scaling of " (self.trace) }
                    style { (PreEscaped(include_str!("page/style.css"))) }
                }
                body {
                    main { (self.head()) (self.charts()) (self.summary()) (self.reasons()) }
                }
            }
        }
        .into_string()
    }

    fn head(&self) -> Markup {
        html! {
            header {
                h1 { "Scaling of " (self.trace) }
                p {
                    (clock(self.seconds)) " long, " (whole(self.tidegate.summary.requests)) " requests, up to "
                    (whole(self.peak)) " a second. Service: " (self.parameters.describe_service()) "."
                }
                @for (class, side) in [("ours", &self.tidegate), ("theirs", &self.hpa)] {
                    p { span.key.(class) { (side.name) } (side.settings) "." }
                }
            }
        }
    }

    fn charts(&self) -> Markup {
        let until: Vec<f64> = self.tidegate.rows.iter().map(|row| row.until).collect();
        let pair = |of: fn(&Row) -> Option<f64>| {
            [line("Tidegate", "ours", &self.tidegate, of), line("plain HPA", "theirs", &self.hpa, of)]
        };
        let counts = |label, class, side, of| Line { jumps: true, ..line(label, class, side, of) };
        let ready: fn(&Row) -> Option<f64> = |row| Some(f64::from(row.ready));
        let wanted: fn(&Row) -> Option<f64> = |row| Some(f64::from(row.wanted));
        let instances = [
            counts("Tidegate, wanted", "ours wanted", &self.tidegate, wanted),
            counts("Tidegate, ready", "ours", &self.tidegate, ready),
            counts("plain HPA, wanted", "theirs wanted", &self.hpa, wanted),
            counts("plain HPA, ready", "theirs", &self.hpa, ready),
        ];
        let load = [line("requests", "load", &self.tidegate, |row| Some(row.rps))];
        html! {
            (chart("Load, requests per second", &until, &load, short))
            (chart("Instances", &until, &instances, short))
            (chart("Requests that wait", &until, &pair(|row| Some(row.queue)), short))
            (chart("p95", &until, &pair(|row| row.p95), |s| time(Some(s))))
            (chart("Requests lost", &until, &pair(|row| Some(row.lost)), short))
        }
    }

    fn summary(&self) -> Markup {
        let deviation = self.deviation();
        html! {
            section {
                h2 { "Summary" }
                table {
                    thead { tr { th {} th.number { (self.tidegate.name) } th.number { (self.hpa.name) } } }
                    tbody {
                        @for (name, [ours, theirs]) in self.facts() {
                            tr { th { (name) } td.number { (ours) } td.number { (theirs) } }
                        }
                    }
                }
            }
            @if !deviation.is_empty() {
                section {
                    h2 { "Beside the recorded run" }
                    table { tbody {
                        @for (name, value) in deviation { tr { th { (name) } td.number { (value) } } }
                    } }
                }
            }
        }
    }

    fn reasons(&self) -> Markup {
        html! {
            @for side in [&self.tidegate, &self.hpa] {
                section {
                    h2 { "What " (side.name) " changed, and why" }
                    div.scroll {
                        table {
                            thead { tr { th { "when" } th { "from" } th { "to" } th { "reason" } th { "sum" } } }
                            tbody {
                                @for change in side.changes.iter().take(MOST_CHANGES) {
                                    tr {
                                        td { (clock(change.seconds)) } td { (change.from) } td { (change.to) }
                                        td { (change.reason) } td { (change.text) }
                                    }
                                }
                            }
                        }
                    }
                    @if side.summary.changes > MOST_CHANGES as u64 {
                        p { "The first " (MOST_CHANGES) " of " (side.summary.changes) "." }
                    }
                }
            }
        }
    }
}

fn line(label: &'static str, class: &'static str, side: &Side, of: fn(&Row) -> Option<f64>) -> Line {
    Line { label, class, values: side.rows.iter().map(of).collect(), jumps: false }
}
