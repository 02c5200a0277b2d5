//! A report as CSV, a line for each row, for spreadsheets and plots.

use crate::report::Report;
use crate::row::Row;
use std::fmt::Write;

impl Report {
    /// A header and at most 480 lines. Times in seconds, percentiles in milliseconds.
    pub fn csv(&self) -> String {
        let mut text = String::from("seconds,rps");
        for side in ["tidegate", "hpa"] {
            for column in ["wanted", "ready", "starting", "queue", "p95_ms", "lost"] {
                let _ = write!(text, ",{side}_{column}");
            }
        }
        text.push('\n');
        for (ours, theirs) in self.tidegate.rows.iter().zip(&self.hpa.rows) {
            let _ = write!(text, "{},{:.1}", ours.until, ours.rps);
            for row in [ours, theirs] {
                cells(&mut text, row);
            }
            text.push('\n');
        }
        text
    }
}

fn cells(text: &mut String, row: &Row) {
    let p95 = row.p95.map(|p95| format!("{:.1}", p95 * 1000.0)).unwrap_or_default();
    let _ =
        write!(text, ",{},{},{},{:.1},{p95},{:.1}", row.wanted, row.ready, row.starting, row.queue, row.lost);
}
