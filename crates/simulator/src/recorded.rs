//! How far the model is from a run that was recorded.

use crate::row::Row;
use crate::trace::Recorded;

/// Differences between a recorded run and the model of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deviation {
    /// Instances of the recorded run that took requests, on average over time.
    pub recorded_instances: f64,
    /// The same of the model.
    pub simulated_instances: f64,
    /// How many instances the two differ by, on average over time.
    pub mean_deviation: f64,
    /// The most that they differ by in a row.
    pub most_deviation: f64,
    /// Mean of the recorded 95th percentiles, in seconds, where they were recorded.
    pub recorded_p95: Option<f64>,
    /// Mean of the model's at the same times.
    pub simulated_p95: Option<f64>,
    /// Requests that failed in the recorded run, where that was recorded.
    pub recorded_failed: Option<f64>,
}

impl Deviation {
    /// Between what was recorded and the rows of the model; none where nothing was recorded.
    pub(crate) fn between(recorded: &[Recorded], rows: &[Row]) -> Option<Self> {
        let end = rows.last()?.until;
        recorded.first()?;
        let (mut real, mut model, mut apart, mut most) = (0.0, 0.0, 0.0, 0.0_f64);
        let mut from = 0.0;
        for row in rows {
            let length = row.until - from;
            let seen = mean(recorded, from, row.until);
            let off = (seen - row.serving).abs();
            real += seen * length;
            model += row.serving * length;
            apart += off * length;
            most = most.max(off);
            from = row.until;
        }
        let p95: Vec<(f64, f64)> =
            recorded.iter().filter_map(|r| r.p95.zip(p95_at(rows, r.seconds))).collect();
        let average = |of: fn(&(f64, f64)) -> f64| {
            (!p95.is_empty()).then(|| p95.iter().map(of).sum::<f64>() / p95.len() as f64)
        };
        let any_failed = recorded.iter().any(|r| r.failed.is_some());
        Some(Self {
            recorded_instances: real / end,
            simulated_instances: model / end,
            mean_deviation: apart / end,
            most_deviation: most,
            recorded_p95: average(|p| p.0),
            simulated_p95: average(|p| p.1),
            recorded_failed: any_failed.then(|| recorded.iter().filter_map(|r| r.failed).sum()),
        })
    }
}

/// How many instances there were on average in a span of time. Before the first record there were as many as in it.
fn mean(recorded: &[Recorded], from: f64, to: f64) -> f64 {
    let mut at = recorded.partition_point(|r| r.seconds <= from).saturating_sub(1);
    let (mut sum, mut time) = (0.0, from);
    while time < to {
        let until = recorded.get(at + 1).map_or(to, |next| next.seconds.min(to)).max(time);
        sum += recorded[at].instances * (until - time);
        time = until;
        if at + 1 < recorded.len() {
            at += 1;
        }
    }
    sum / (to - from)
}

/// The model's 95th percentile in the row that holds that moment.
fn p95_at(rows: &[Row], seconds: f64) -> Option<f64> {
    let at = rows.partition_point(|row| row.until < seconds);
    rows.get(at)?.p95
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(seconds: f64, instances: f64) -> Recorded {
        Recorded { seconds, instances, p95: Some(0.2), failed: Some(1.0) }
    }

    fn row(until: f64, serving: f64) -> Row {
        Row { until, serving, p95: Some(0.3), ..Row::default() }
    }

    #[test]
    fn the_same_run_deviates_by_nothing() {
        let recorded = [record(0.0, 1.0), record(10.0, 3.0)];
        let found = Deviation::between(&recorded, &[row(10.0, 1.0), row(20.0, 3.0)]).unwrap();
        assert!(found.mean_deviation.abs() < 1e-9 && found.most_deviation.abs() < 1e-9);
        assert!((found.recorded_instances - 2.0).abs() < 1e-9);
        assert_eq!(found.recorded_failed, Some(2.0));
    }

    #[test]
    fn what_one_row_has_too_many_and_another_too_few_does_not_cancel_out() {
        let recorded = [record(0.0, 2.0), record(5.0, 4.0)];
        let found = Deviation::between(&recorded, &[row(10.0, 1.0), row(20.0, 6.0)]).unwrap();
        // 3 on average in the first row, 4 in the second.
        assert!((found.mean_deviation - 2.0).abs() < 1e-9, "{found:?}");
        assert!((found.recorded_p95.unwrap() - 0.2).abs() < 1e-9);
        assert!((found.simulated_p95.unwrap() - 0.3).abs() < 1e-9);
    }

    #[test]
    fn nothing_recorded_is_no_deviation() {
        assert_eq!(Deviation::between(&[], &[row(10.0, 1.0)]), None);
    }
}
