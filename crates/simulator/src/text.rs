//! A report for a terminal: a summary of both sides, a table over time, and the changes with their reasons.

use crate::figures::{clock, percent, short, time, whole};
use crate::report::{Report, Side};
use crate::row::{Row, coarser};
use std::fmt::Write;

/// Lines of the table over time.
const MOST_ROWS: usize = 30;
/// Changes that are listed for each side.
const MOST_CHANGES: usize = 20;

impl Report {
    /// For a terminal. At most some hundred lines, however long the trace.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{}: {} long, {} requests, up to {} a second\nservice: {}\n",
            self.trace,
            clock(self.seconds),
            whole(self.tidegate.summary.requests),
            whole(self.peak),
            self.parameters.describe_service()
        );
        for side in [&self.tidegate, &self.hpa] {
            let _ = writeln!(text, "{}: {}", side.name, side.settings);
        }
        let _ = writeln!(text, "\n{:24}{:>16}{:>16}", "", self.tidegate.name, self.hpa.name);
        for (name, [ours, theirs]) in self.facts() {
            let _ = writeln!(text, "{name:24}{ours:>16}{theirs:>16}");
        }
        for (name, value) in self.deviation() {
            let _ = writeln!(text, "{name:40}{value:>16}");
        }
        self.table(&mut text);
        for side in [&self.tidegate, &self.hpa] {
            changes(&mut text, side);
        }
        text
    }

    /// The summary, a line each: what it is, and both sides' value.
    pub(crate) fn facts(&self) -> Vec<(&'static str, [String; 2])> {
        let both = |of: &dyn Fn(&Side) -> String| [of(&self.tidegate), of(&self.hpa)];
        let window = self.parameters.scale.down.stabilization_window;
        vec![
            ("requests", both(&|s| whole(s.summary.requests))),
            ("lost", both(&|s| whole(s.summary.lost()))),
            ("lost, of all", both(&|s| percent(s.summary.lost(), s.summary.requests))),
            ("  no room to wait", both(&|s| whole(s.summary.refused))),
            ("  waited too long", both(&|s| whole(s.summary.expired))),
            ("p50", both(&|s| time(s.summary.p50))),
            ("p95", both(&|s| time(s.summary.p95))),
            ("longest queue", both(&|s| whole(s.summary.longest_queue))),
            ("most instances", both(&|s| s.summary.most_instances.to_string())),
            ("instance-hours", both(&|s| format!("{:.2}", s.summary.instance_hours))),
            ("changes of the count", both(&|s| s.summary.changes.to_string())),
            ("changes of direction", both(&|s| s.summary.turns.len().to_string())),
            ("  most in a window", both(&|s| s.summary.most_turns_within(window).to_string())),
        ]
    }

    /// How far the model is from what was recorded, a line each.
    pub(crate) fn deviation(&self) -> Vec<(&'static str, String)> {
        let Some(found) = &self.recorded else { return Vec::new() };
        let mut lines = vec![
            ("recorded: mean instances", format!("{:.2}", found.recorded_instances)),
            ("  the model's", format!("{:.2}", found.simulated_instances)),
            ("  mean deviation over time", format!("{:.2}", found.mean_deviation)),
            ("  most deviation", format!("{:.2}", found.most_deviation)),
        ];
        if found.recorded_p95.is_some() {
            lines.push(("recorded: mean p95", time(found.recorded_p95)));
            lines.push(("  the model's", time(found.simulated_p95)));
        }
        if let Some(failed) = found.recorded_failed {
            lines.push(("recorded: failed", whole(failed)));
            lines.push(("  the model's lost", whole(self.tidegate.summary.lost())));
        }
        lines
    }

    fn table(&self, text: &mut String) {
        let part = "wanted ready  queue       p95   lost";
        let name = |side: &Side| format!("{:^37}", side.name);
        let _ = writeln!(text, "\n{:18}|{}|{}", "", name(&self.tidegate), name(&self.hpa));
        let _ = writeln!(text, "{:>9}{:>8} | {part} | {part}", "until", "rps");
        let ours = coarser(&self.tidegate.rows, MOST_ROWS);
        for (ours, theirs) in ours.iter().zip(coarser(&self.hpa.rows, MOST_ROWS)) {
            let _ = writeln!(
                text,
                "{:>9}{:>8} | {} | {}",
                clock(ours.until),
                short(ours.rps),
                cells(ours),
                cells(&theirs)
            );
        }
    }
}

fn cells(row: &Row) -> String {
    format!(
        "{:>6} {:>5} {:>6} {:>9} {:>6}",
        row.wanted,
        row.ready,
        short(row.queue),
        time(row.p95),
        short(row.lost)
    )
}

fn changes(text: &mut String, side: &Side) {
    let _ = writeln!(text, "\n{}: {} changes of the count", side.name, side.summary.changes);
    for change in side.changes.iter().take(MOST_CHANGES) {
        let _ = writeln!(
            text,
            "{:>9}  {:>4} -> {:<4} {}: {}",
            clock(change.seconds),
            change.from,
            change.to,
            change.reason,
            change.text
        );
    }
    let more = side.summary.changes.saturating_sub(MOST_CHANGES as u64);
    if more > 0 {
        let _ = writeln!(text, "           and {more} more; --json has up to a thousand");
    }
}
