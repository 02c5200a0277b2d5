//! Passive health: what the answers of an endpoint, taken together, say about it.
//!
//! Two ways to stand out, those of Envoy's outlier detection: several failures in a row ([`Streaks`], noticed at
//! once by the worker that saw the last of them), and a share of successes well below what the others have
//! ([`outliers`], computed once an interval by the control thread).
//!
//! A suspicion is not a verdict. [`Circle`](crate::Circle) decides what follows from it, since it knows how many
//! endpoints are out already.
//! *Cost*: a good answer after a good answer is one relaxed load.

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A client that leaves has an endpoint to blame that has answered nobody for so long. People leave sooner for many
/// reasons.
const LONG_SILENCE: Duration = Duration::from_secs(1);

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

impl Seen {
    /// What it says of an endpoint that somebody `waited` there in vain and then left, when it had answered nobody else
    /// for that long either (`silence`). Nothing, where it answers others or the wait was short. Without this an endpoint
    /// that hangs stays in as long as its clients leave before we give up.
    pub fn left_waiting(waited: Duration, silence: Duration) -> Option<Self> {
        (waited.min(silence) >= LONG_SILENCE).then_some(Self::GatewayError)
    }
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
    /// The percentage of endpoints that may be out at a time, rounded down to whole endpoints. The last one stays,
    /// whatever this says.
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
        let share = members.saturating_mul(usize::from(self.max_ejection.min(100))) / 100;
        share.min(members.saturating_sub(1))
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
