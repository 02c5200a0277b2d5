//! Passive health: what the answers of an endpoint, taken together, say about it.
//!
//! Two ways to stand out, those of Envoy's outlier detection: several failures in a row ([`Streaks`], noticed at
//! once by the worker that saw the last of them), and a share of successes well below what the others have
//! ([`outliers`], computed once an interval by the control thread).
//!
//! A suspicion is not a verdict. [`Circle`](crate::Circle) decides what follows from it, since it knows how many
//! endpoints are out already.
//! *Cost*: a good answer after a good answer is one relaxed load.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What one attempt said about its endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// An answer that shows it at work, a 4xx among them.
    Good,
    /// It answered with a 5xx other than 502, 503 and 504, or with a gRPC status that says the same.
    ServerError,
    /// 502, 503, 504, a reset, a timeout, a malformed answer: it was reached, and did not do its work.
    GatewayError,
    /// It was not reached.
    ConnectFailed,
}

/// What so many failures in a row let us suspect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspicion {
    /// [`OutlierSettings::consecutive_5xx`] were seen.
    Consecutive5xx,
    /// [`OutlierSettings::consecutive_gateway_errors`] were seen.
    ConsecutiveGatewayErrors,
    /// [`OutlierSettings::consecutive_connect_failures`] were seen.
    Unreachable,
}

/// When an endpoint is taken out, for how long, and how many may be out: `outlier_detection` in the config.
#[derive(Clone, Debug, PartialEq)]
pub struct OutlierSettings {
    /// Whether answers count at all. Where they do not, only active checks take an endpoint out.
    pub enabled: bool,
    /// Failures of any kind in a row, but for failures to connect. Zero: never.
    pub consecutive_5xx: u16,
    /// Gateway errors and failures to connect in a row. Zero: never.
    pub consecutive_gateway_errors: u16,
    /// Failures to connect in a row after which the endpoint is dead. Zero: never.
    pub consecutive_connect_failures: u16,
    /// How often success rates are compared, and how long an endpoint must be well for one of its ejections to be
    /// forgiven.
    pub interval: Duration,
    /// How long the first ejection lasts. The second lasts twice as long, and so on.
    pub base_ejection_time: Duration,
    /// How long an ejection lasts at most.
    pub max_ejection_time: Duration,
    /// The percentage of endpoints that may be out at a time, rounded down to whole endpoints.
    pub max_ejection: u8,
    /// How success rates are compared.
    pub success_rate: SuccessRateSettings,
}

/// When a success rate stands out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SuccessRateSettings {
    /// With fewer endpoints to compare there is no telling which is the odd one.
    pub min_hosts: u32,
    /// An endpoint with fewer requests in the interval is not compared.
    pub min_requests: u64,
    /// How many standard deviations below the mean is too low.
    pub stdev_factor: f64,
}

impl Default for OutlierSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            consecutive_5xx: 5,
            consecutive_gateway_errors: 5,
            consecutive_connect_failures: 3,
            interval: Duration::from_secs(10),
            base_ejection_time: Duration::from_secs(30),
            max_ejection_time: Duration::from_secs(300),
            max_ejection: 50,
            success_rate: SuccessRateSettings::default(),
        }
    }
}

impl Default for SuccessRateSettings {
    /// Envoy's, as its documentation gives them.
    fn default() -> Self {
        Self { min_hosts: 5, min_requests: 100, stdev_factor: 1.9 }
    }
}

impl OutlierSettings {
    /// How long the ejection lasts that is the `times`-th.
    pub(crate) fn ejection_time(&self, times: u32) -> Duration {
        self.base_ejection_time.saturating_mul(times).min(self.max_ejection_time)
    }

    /// How many of that many endpoints may be out at a time.
    pub(crate) fn may_be_out(&self, members: usize) -> usize {
        members.saturating_mul(usize::from(self.max_ejection.min(100))) / 100
    }
}

/// The failures in a row of one endpoint, three counts in one word, so that workers never see one without the
/// others.
#[derive(Debug, Default)]
pub(crate) struct Streaks(AtomicU64);

/// The three counts, taken out of their word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counted {
    errors: u16,
    gateway: u16,
    connect: u16,
}

impl Counted {
    fn unpack(word: u64) -> Self {
        Self { errors: word as u16, gateway: (word >> 16) as u16, connect: (word >> 32) as u16 }
    }

    fn pack(self) -> u64 {
        u64::from(self.errors) | u64::from(self.gateway) << 16 | u64::from(self.connect) << 32
    }

    /// The counts after one more failure. An answer of any kind shows that the endpoint can be reached, and an
    /// error of its own breaks a row of gateway errors, as in Envoy.
    fn with(self, seen: Seen) -> Self {
        match seen {
            Seen::Good => Self::default(),
            Seen::ServerError => Self { errors: self.errors.saturating_add(1), gateway: 0, connect: 0 },
            Seen::GatewayError => Self {
                errors: self.errors.saturating_add(1),
                gateway: self.gateway.saturating_add(1),
                connect: 0,
            },
            Seen::ConnectFailed => Self {
                errors: self.errors,
                gateway: self.gateway.saturating_add(1),
                connect: self.connect.saturating_add(1),
            },
        }
    }

    /// What these counts let suspect; the gravest where there are several.
    fn suspicion(self, limits: &OutlierSettings) -> Option<Suspicion> {
        let reached = |count: u16, limit: u16| limit > 0 && count >= limit;
        if reached(self.connect, limits.consecutive_connect_failures) {
            Some(Suspicion::Unreachable)
        } else if reached(self.gateway, limits.consecutive_gateway_errors) {
            Some(Suspicion::ConsecutiveGatewayErrors)
        } else if reached(self.errors, limits.consecutive_5xx) {
            Some(Suspicion::Consecutive5xx)
        } else {
            None
        }
    }
}

impl Streaks {
    /// Counts one answer. A row that is long enough begins anew, so one worker is told of it, and where nothing
    /// may be ejected the next suspicion comes only after as many failures again.
    pub(crate) fn record(&self, seen: Seen, limits: &OutlierSettings) -> Option<Suspicion> {
        if seen == Seen::Good {
            // Reading a word that nobody writes stays in the core's own cache.
            if self.0.load(Ordering::Relaxed) != 0 {
                self.clear();
            }
            return None;
        }
        if !limits.enabled {
            return None;
        }
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let counted = Counted::unpack(word).with(seen);
            let suspicion = counted.suspicion(limits);
            let next = if suspicion.is_some() { 0 } else { counted.pack() };
            match self.0.compare_exchange_weak(word, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return suspicion,
                Err(now) => word = now,
            }
        }
    }

    /// Forgets all rows.
    pub(crate) fn clear(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// Which of these endpoints (a position, and its success rate from 0 to 1) stand out: those whose rate is below
/// the mean by more than `stdev_factor` standard deviations. The worst comes first, so that it is out where not
/// all may be. Nothing where there are too few to compare.
pub(crate) fn outliers(rates: &[(usize, f64)], settings: &SuccessRateSettings) -> Vec<usize> {
    if rates.is_empty() || rates.len() < settings.min_hosts as usize {
        return Vec::new();
    }
    let number = rates.len() as f64;
    let mean = rates.iter().map(|(_, rate)| rate).sum::<f64>() / number;
    let variance = rates.iter().map(|(_, rate)| (rate - mean).powi(2)).sum::<f64>() / number;
    let least = mean - settings.stdev_factor * variance.sqrt();
    let mut low: Vec<_> = rates.iter().filter(|(_, rate)| *rate < least).collect();
    low.sort_by(|a, b| a.1.total_cmp(&b.1));
    low.into_iter().map(|(which, _)| *which).collect()
}

#[cfg(test)]
mod tests {
    use super::Seen::{ConnectFailed, GatewayError, Good, ServerError};
    use super::*;

    /// What comes of these answers, one after the other.
    fn after(seen: &[Seen], limits: &OutlierSettings) -> Vec<Option<Suspicion>> {
        let streaks = Streaks::default();
        seen.iter().map(|&seen| streaks.record(seen, limits)).collect()
    }

    fn last(seen: &[Seen]) -> Option<Suspicion> {
        let mut all = after(seen, &OutlierSettings::default());
        let last = all.pop().expect("something was seen");
        assert!(all.iter().all(Option::is_none), "{seen:?}: {all:?}");
        last
    }

    #[test]
    fn each_row_is_counted_by_its_own_rule() {
        assert_eq!(last(&[ServerError; 5]), Some(Suspicion::Consecutive5xx));
        assert_eq!(last(&[GatewayError; 5]), Some(Suspicion::ConsecutiveGatewayErrors));
        assert_eq!(last(&[ConnectFailed; 3]), Some(Suspicion::Unreachable));
        let mixed = [ServerError, GatewayError, ServerError, GatewayError, ServerError];
        assert_eq!(last(&mixed), Some(Suspicion::Consecutive5xx));
        let not_reached = [GatewayError, GatewayError, GatewayError, ConnectFailed, ConnectFailed];
        assert_eq!(last(&not_reached), Some(Suspicion::ConsecutiveGatewayErrors));
    }

    #[test]
    fn a_good_answer_breaks_every_row() {
        assert_eq!(last(&[ServerError, ServerError, ServerError, ServerError, Good, ServerError]), None);
        assert_eq!(last(&[ConnectFailed, ConnectFailed, Good, ConnectFailed, ConnectFailed]), None);
    }

    #[test]
    fn an_answer_shows_that_the_endpoint_can_be_reached() {
        assert_eq!(last(&[ConnectFailed, ConnectFailed, GatewayError, ConnectFailed]), None);
        assert_eq!(last(&[ConnectFailed, ConnectFailed, ServerError, ConnectFailed]), None);
    }

    #[test]
    fn a_row_begins_anew_once_it_was_reported() {
        let told = after(&[ServerError; 15], &OutlierSettings::default());
        let at: Vec<_> = (0..15).filter(|&i| told[i].is_some()).collect();
        assert_eq!(at, [4, 9, 14]);
    }

    #[test]
    fn a_limit_of_zero_and_detection_that_is_off_suspect_nothing() {
        let never = OutlierSettings {
            consecutive_5xx: 0,
            consecutive_gateway_errors: 0,
            consecutive_connect_failures: 0,
            ..OutlierSettings::default()
        };
        let off = OutlierSettings { enabled: false, ..OutlierSettings::default() };
        for limits in [never, off] {
            for seen in [ServerError, GatewayError, ConnectFailed] {
                assert!(after(&[seen; 100], &limits).iter().all(Option::is_none), "{seen:?}");
            }
        }
    }

    #[test]
    fn a_count_at_its_end_stays_there() {
        let limits = OutlierSettings { consecutive_5xx: u16::MAX, ..OutlierSettings::default() };
        let streaks = Streaks(AtomicU64::new(u64::from(u16::MAX)));
        assert_eq!(streaks.record(ServerError, &limits), Some(Suspicion::Consecutive5xx));
    }

    #[test]
    fn of_many_workers_exactly_one_is_told_of_each_row() {
        let (streaks, limits) = (Streaks::default(), OutlierSettings::default());
        let work = || (0..10_000).filter(|_| streaks.record(GatewayError, &limits).is_some()).count();
        let told: usize = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
            workers.into_iter().map(|worker| worker.join().expect("it counts")).sum()
        });
        assert_eq!(told, 40_000 / 5);
    }

    #[test]
    fn the_ejection_grows_with_each_time_up_to_its_most() {
        let settings = OutlierSettings::default();
        let seconds = |times| settings.ejection_time(times).as_secs();
        assert_eq!([1, 2, 9, 10, 11, u32::MAX].map(seconds), [30, 60, 270, 300, 300, 300]);
    }

    #[test]
    fn the_share_that_may_be_out_is_rounded_down() {
        let settings = |max_ejection| OutlierSettings { max_ejection, ..OutlierSettings::default() };
        assert_eq!([0, 1, 2, 3, 10].map(|n| settings(50).may_be_out(n)), [0, 0, 1, 1, 5]);
        assert_eq!([1, 9, 10].map(|n| settings(10).may_be_out(n)), [0, 0, 1]);
        assert_eq!([1, 3].map(|n| settings(255).may_be_out(n)), [1, 3]);
    }

    #[test]
    fn a_rate_far_below_the_others_stands_out() {
        let settings = SuccessRateSettings::default();
        let rates = |rates: &[f64]| rates.iter().copied().enumerate().collect::<Vec<_>>();
        assert_eq!(outliers(&rates(&[1.0, 0.5, 1.0, 0.99, 1.0, 1.0]), &settings), [1]);
        // Mean 0.835, deviation 0.369: the limit is 0.134.
        let two_of_twelve = [1.0, 0.02, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
        assert_eq!(outliers(&rates(&two_of_twelve), &settings), [3, 1], "the worst first");
        assert!(outliers(&rates(&[1.0, 0.0, 1.0, 1.0]), &settings).is_empty(), "four are too few");
        assert!(outliers(&rates(&[0.2; 8]), &settings).is_empty(), "all fail alike");
        assert!(outliers(&rates(&[0.98, 1.0, 0.99, 0.97, 0.99]), &settings).is_empty(), "noise");
        let all = SuccessRateSettings { min_hosts: 0, ..settings };
        assert!(outliers(&[], &all).is_empty());
    }
}
