//! A stretch of a run, and stretches joined to fewer ones.

/// A stretch of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// When it ends, in seconds. It begins where the one before it ends.
    pub until: f64,
    /// Requests per second.
    pub rps: f64,
    /// Instances wanted at its end.
    pub wanted: u32,
    /// Instances that take requests at its end.
    pub ready: u32,
    /// Instances that start at its end.
    pub starting: u32,
    /// Instances that took requests, on average.
    pub serving: f64,
    /// Most requests that waited.
    pub queue: f64,
    /// The 95th percentile of what requests that started took, in seconds; none where none started.
    pub p95: Option<f64>,
    /// Requests that were lost.
    pub lost: f64,
}

impl Row {
    /// These rows as one: means stay means, what was worst stays the worst, and counts are those at the end.
    fn joined(rows: &[Self], from: f64) -> Self {
        let Some(last) = rows.last() else { return Self::default() };
        let length = last.until - from;
        let mut begins = from;
        let mut all = Self { until: last.until, ..Self::default() };
        for row in rows {
            let share = (row.until - begins) / length;
            all.rps += row.rps * share;
            all.serving += row.serving * share;
            all.queue = all.queue.max(row.queue);
            all.lost += row.lost;
            all.p95 = all.p95.into_iter().chain(row.p95).reduce(f64::max);
            begins = row.until;
        }
        Self { wanted: last.wanted, ready: last.ready, starting: last.starting, ..all }
    }
}

/// The rows joined to at most `most`. The 95th percentile of a joined row is the highest of its parts.
pub(crate) fn coarser(rows: &[Row], most: usize) -> Vec<Row> {
    let mut from = 0.0;
    let join = |part: &[Row]| {
        let joined = Row::joined(part, from);
        from = joined.until;
        joined
    };
    rows.chunks(rows.len().div_ceil(most.max(1)).max(1)).map(join).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_rows_keep_means_worsts_and_sums() {
        let row =
            |until, rps, queue, lost, p95| Row { until, rps, queue, lost, p95, ready: 7, ..Row::default() };
        let rows = [
            row(10.0, 100.0, 5.0, 1.0, Some(0.1)),
            row(20.0, 300.0, 2.0, 2.0, None),
            row(25.0, 60.0, 0.0, 0.0, Some(0.3)),
        ];
        let [first, second] = &coarser(&rows, 2)[..] else { panic!("two rows") };
        assert!((first.rps - 200.0).abs() < 1e-9 && (second.rps - 60.0).abs() < 1e-9);
        assert_eq!((first.queue, first.lost, first.p95, first.ready), (5.0, 3.0, Some(0.1), 7));
        assert_eq!(coarser(&rows, 10), rows);
        assert_eq!(coarser(&[], 10), []);
    }
}
