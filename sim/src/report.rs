//! What came of a run, in numbers.

use std::time::Duration;

/// The numbers of one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Requests that came.
    pub requests: u64,
    /// Those that had a good answer in the end.
    pub good: u64,
    /// Attempts made for them, first ones and retries.
    pub attempts: u64,
    /// From arriving to the last answer, good or bad, in rising order.
    pub latencies: Vec<Duration>,
    /// For each endpoint the attempts that it got in each second.
    pub by_second: Vec<Vec<u64>>,
    /// Is there something wrong with the endpoint?
    pub bad: Vec<bool>,
}

impl Report {
    /// The latency that a share of requests (0.99 for 99 %) does not exceed.
    pub fn percentile(&self, share: f64) -> Duration {
        let above = (self.latencies.len() as f64 * (1.0 - share)) as i64;
        let at = self.latencies.len().checked_sub(1 + usize::try_from(above).unwrap_or_default());
        at.map_or(Duration::ZERO, |at| self.latencies[at])
    }

    /// The share of requests that had a good answer.
    pub fn success(&self) -> f64 {
        self.good as f64 / self.requests.max(1) as f64
    }

    /// Attempts for each request: 1 without retries.
    pub fn amplification(&self) -> f64 {
        self.attempts as f64 / self.requests.max(1) as f64
    }

    /// The attempts of the second that had the most.
    pub fn worst_second(&self) -> f64 {
        let seconds = self.by_second.iter().map(Vec::len).max().unwrap_or_default();
        (0..seconds).map(|second| self.attempts_in(second)).max().unwrap_or_default() as f64
    }

    /// The share of attempts that went to endpoints that have something wrong with them.
    pub fn share_to_bad(&self) -> f64 {
        let of_bad = self.by_second.iter().zip(&self.bad).filter(|(_, bad)| **bad);
        let to_bad: u64 = of_bad.flat_map(|(seconds, _)| seconds).sum();
        to_bad as f64 / self.attempts.max(1) as f64
    }

    /// The share of one endpoint among the attempts of one second.
    pub fn share_in_second(&self, endpoint: usize, second: usize) -> f64 {
        let its = self.by_second.get(endpoint).and_then(|seconds| seconds.get(second)).copied();
        its.unwrap_or_default() as f64 / self.attempts_in(second).max(1) as f64
    }

    fn attempts_in(&self, second: usize) -> u64 {
        self.by_second.iter().filter_map(|seconds| seconds.get(second)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_time_that_its_share_does_not_exceed() {
        let of = |most: u64, share| {
            let latencies = (1..=most).map(Duration::from_millis).collect();
            Report { latencies, ..Report::default() }.percentile(share).as_millis()
        };
        assert_eq!(of(1_000, 0.5), 500);
        assert_eq!(of(1_000, 0.99), 990);
        assert_eq!(of(1_000, 1.0), 1_000);
        assert_eq!(of(1, 0.5), 1);
        assert_eq!(of(0, 0.99), 0, "nothing took no time");
    }

    #[test]
    fn shares_are_of_attempts() {
        let report = Report {
            requests: 8,
            good: 6,
            attempts: 10,
            by_second: vec![vec![1, 3], vec![4, 0, 2]],
            bad: vec![true, false],
            ..Report::default()
        };
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(near(report.share_to_bad(), 0.4) && near(report.success(), 0.75));
        assert!(near(report.amplification(), 1.25) && near(report.worst_second(), 5.0));
        assert!(near(report.share_in_second(0, 0), 0.2) && near(report.share_in_second(0, 9), 0.0));
    }
}
