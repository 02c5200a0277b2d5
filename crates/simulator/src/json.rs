//! A report as JSON, for programs. Times in seconds, amounts of requests as the model has them: real numbers.

use crate::recorded::Deviation;
use crate::report::{Change, Report, Side};
use crate::row::Row;
use serde_json::{Value, json};

impl Report {
    /// All of it: bounded, as the report is.
    pub fn json(&self) -> Value {
        json!({
            "trace": self.trace,
            "seconds": self.seconds,
            "peak_rps": self.peak,
            "service": self.parameters.describe_service(),
            "seed": self.parameters.seed,
            "tidegate": self.side(&self.tidegate),
            "hpa": self.side(&self.hpa),
            "recorded": self.recorded.as_ref().map(deviation),
        })
    }

    fn side(&self, side: &Side) -> Value {
        let all = &side.summary;
        json!({
            "settings": side.settings,
            "summary": {
                "requests": all.requests,
                "answered": all.answered,
                "lost": all.lost(),
                "refused": all.refused,
                "expired": all.expired,
                "unfinished": all.unfinished,
                "p50": all.p50,
                "p95": all.p95,
                "longest_queue": all.longest_queue,
                "most_instances": all.most_instances,
                "instance_hours": all.instance_hours,
                "changes": all.changes,
                "turns": all.turns.len(),
                "most_turns_in_window": all.most_turns_within(self.parameters.scale.down.stabilization_window),
                "steps": all.steps,
            },
            "changes": side.changes.iter().map(change).collect::<Vec<_>>(),
            "rows": side.rows.iter().map(row).collect::<Vec<_>>(),
        })
    }
}

fn change(change: &Change) -> Value {
    json!({
        "seconds": change.seconds,
        "from": change.from,
        "to": change.to,
        "reason": change.reason,
        "text": change.text,
    })
}

fn row(row: &Row) -> Value {
    json!({
        "until": row.until,
        "rps": row.rps,
        "wanted": row.wanted,
        "ready": row.ready,
        "starting": row.starting,
        "queue": row.queue,
        "p95": row.p95,
        "lost": row.lost,
    })
}

fn deviation(found: &Deviation) -> Value {
    json!({
        "recorded_instances": found.recorded_instances,
        "simulated_instances": found.simulated_instances,
        "mean_deviation": found.mean_deviation,
        "most_deviation": found.most_deviation,
        "recorded_p95": found.recorded_p95,
        "simulated_p95": found.simulated_p95,
        "recorded_failed": found.recorded_failed,
    })
}
