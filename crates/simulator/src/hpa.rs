//! A plain Kubernetes horizontal pod autoscaler (HPA) v2, as it comes: the rival beside which Tidegate's scaler is shown.
//!
//! Every 15 s it compares the mean of a metric over the ready pods with the target: within a tenth nothing happens, else
//! `ceil(ratio x ready)` pods are wanted, and with several metrics the most. Going up, pods that are not ready count as idle,
//! and at most the greater of 4 pods and 100 % are added in 15 s. Going down, the highest count wanted in the last 300 s
//! holds. What it sees is the mean of 15 s that ended 15 s before: metrics are scraped each 15 s and pass through a metrics
//! pipeline. *Not here*: metrics of memory, and `behavior` other than the defaults.

use crate::autoscaler::{Autoscaler, Verdict, Why};
use base::Moment;
use scale::{Sample, Settings};
use std::collections::VecDeque;
use std::time::Duration;

/// `--horizontal-pod-autoscaler-sync-period`, and how often metrics are scraped.
const SYNC: Duration = Duration::from_secs(15);
/// `--horizontal-pod-autoscaler-tolerance`.
const TOLERANCE: f64 = 0.1;
/// `behavior.scaleDown.stabilizationWindowSeconds`.
const STABILIZATION: Duration = Duration::from_secs(300);
/// `behavior.scaleUp.policies`: so many pods or as many as there are, whichever is more, each 15 s.
const UP: u32 = 4;

/// The autoscaler.
#[derive(Clone, Debug)]
pub struct Hpa {
    min: u32,
    max: u32,
    metrics: Vec<Metric>,
    wanted: u32,
    ready: u32,
    next_sync: Moment,
    next_scrape: Moment,
    /// What was wanted in the stabilization window, the oldest first.
    recommendations: VecDeque<(Moment, u32)>,
}

/// A metric and its way through the pipeline.
#[derive(Clone, Debug)]
struct Metric {
    name: &'static str,
    of: fn(&Sample) -> Option<f64>,
    target: f64,
    /// Since the last scrape: the sum of what was seen, and how often.
    sum: f64,
    count: u32,
    scraped: Option<f64>,
    visible: Option<f64>,
}

impl Metric {
    fn new(name: &'static str, target: Option<f64>, of: fn(&Sample) -> Option<f64>) -> Option<Self> {
        Some(Self { name, of, target: target?, sum: 0.0, count: 0, scraped: None, visible: None })
    }

    fn see(&mut self, sample: &Sample) {
        if let Some(value) = (self.of)(sample) {
            self.sum += value;
            self.count += 1;
        }
    }

    fn scrape(&mut self) {
        self.visible = self.scraped;
        self.scraped = (self.count > 0).then(|| self.sum / f64::from(self.count));
        (self.sum, self.count) = (0.0, 0);
    }
}

impl Hpa {
    /// With the bounds and the targets of those settings, as far as an HPA has them.
    pub fn new(settings: &Settings, now: Moment) -> Self {
        let targets = &settings.targets;
        let metrics = [
            Metric::new("concurrency", targets.concurrency, |s| per_ready(s.concurrency, s)),
            Metric::new("rps", targets.rps, |s| per_ready(s.rps, s)),
            Metric::new("cpu", targets.cpu, |s| s.cpu),
        ];
        let min = settings.min.max(1);
        Self {
            min,
            max: settings.max,
            metrics: metrics.into_iter().flatten().collect(),
            wanted: min,
            ready: min,
            next_sync: now + SYNC,
            next_scrape: now + SYNC,
            recommendations: VecDeque::from([(now, min)]),
        }
    }

    /// Begins with as many instances.
    #[must_use]
    pub fn beginning_with(mut self, count: u32) -> Self {
        (self.wanted, self.ready) = (count, count);
        for (_, recommended) in &mut self.recommendations {
            *recommended = count;
        }
        self
    }

    /// What it goes by, for people.
    pub fn describe(&self) -> String {
        let metrics: Vec<String> = self.metrics.iter().map(|m| format!("{} {}", m.name, m.target)).collect();
        let metrics =
            if metrics.is_empty() { "no metric it knows".to_owned() } else { metrics.join(" and ") };
        format!(
            "HPA v2 defaults: min {}, max {}, {metrics} for each pod; sync 15s; metrics are means of 15s, 15s to 30s old; \
             tolerance 0.1; up by max(4, 100%) in 15s; down after 300s",
            self.min, self.max
        )
    }

    /// What a metric wants, if it is known and outside of the tolerance.
    fn proposal(&self, metric: &Metric) -> Option<(u32, f64)> {
        let value = metric.visible?;
        let ratio = value / metric.target;
        let steady = |ratio: f64| (ratio - 1.0).abs() <= TOLERANCE;
        if steady(ratio) {
            return Some((self.wanted, value));
        }
        let ready = f64::from(self.ready);
        let all = f64::from(self.wanted.max(self.ready));
        if ratio > 1.0 && self.ready < self.wanted {
            let with_unready = ratio * ready / all;
            let keeps = steady(with_unready) || with_unready < 1.0;
            return Some((if keeps { self.wanted } else { ceil(with_unready * all) }, value));
        }
        Some((ceil(ratio * ready), value))
    }

    /// The highest count wanted within the window holds on the way down.
    fn stabilized(&mut self, now: Moment, count: u32) -> u32 {
        self.recommendations.push_back((now, count));
        while self.recommendations.front().is_some_and(|(at, _)| now.since(*at) > STABILIZATION) {
            self.recommendations.pop_front();
        }
        let highest = self.recommendations.iter().map(|(_, count)| *count).max().unwrap_or(count);
        if count < self.wanted { highest.min(self.wanted) } else { count }
    }
}

fn per_ready(value: Option<f64>, sample: &Sample) -> Option<f64> {
    value.map(|value| value / f64::from(sample.ready.max(1)))
}

fn ceil(count: f64) -> u32 {
    // A rounding error above a whole number is not another pod. The cast saturates.
    #[expect(clippy::cast_sign_loss, reason = "loads and counts are not negative")]
    let whole = (count - 1e-9).ceil().max(0.0) as u32;
    whole
}

impl Autoscaler for Hpa {
    fn observe(&mut self, sample: &Sample) {
        self.ready = sample.ready;
        for metric in &mut self.metrics {
            metric.see(sample);
        }
        if sample.at >= self.next_scrape {
            self.next_scrape = self.next_scrape + SYNC;
            self.metrics.iter_mut().for_each(Metric::scrape);
        }
    }

    fn is_due(&self, now: Moment) -> bool {
        now >= self.next_sync
    }

    fn decide(&mut self, now: Moment) -> Verdict {
        self.next_sync = self.next_sync + SYNC;
        let proposals = self.metrics.iter().filter_map(|m| Some((self.proposal(m)?, m)));
        let Some(((count, value), metric)) = proposals.max_by_key(|((count, _), _)| *count) else {
            return Verdict { wanted: self.wanted, why: None };
        };
        let (name, target) = (metric.name, metric.target);
        let from = self.wanted;
        let stabilized = self.stabilized(now, count);
        let most = from.saturating_add(UP.max(from));
        self.wanted = stabilized.min(most).clamp(self.min, self.max);
        let to = self.wanted;
        let why = (to != from).then(|| Why {
            reason: name.to_owned(),
            text: format!("{name} {value:.1} for each pod, target {target}, wants {count}: {from} -> {to}"),
        });
        Verdict { wanted: to, why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scale::Targets;
    use std::time::SystemTime;

    fn settings() -> Settings {
        let targets = Targets { concurrency: Some(10.0), ..Targets::default() };
        Settings { min: 1, max: 50, targets, ..Settings::default() }
    }

    fn seconds(n: u32) -> Moment {
        Moment::ORIGIN + Duration::from_secs(u64::from(n))
    }

    /// Shows one sample a second and returns what was wanted at each sync.
    fn drive(hpa: &mut Hpa, from: u32, to: u32, concurrency: Option<f64>) -> Vec<u32> {
        let mut wanted = Vec::new();
        for n in from..to {
            let now = seconds(n);
            let ready = hpa.wanted;
            hpa.observe(&Sample {
                at: now,
                wall: SystemTime::UNIX_EPOCH,
                ready,
                starting: 0,
                concurrency,
                rps: None,
                latency_p95: None,
                cpu: None,
                memory: None,
                backlog: None,
                database: None,
                start_time: None,
                crash_loop: false,
            });
            if hpa.is_due(now) {
                wanted.push(hpa.decide(now).wanted);
            }
        }
        wanted
    }

    #[test]
    fn it_sees_a_surge_only_after_the_pipeline_has_passed_it_on() {
        let mut hpa = Hpa::new(&settings(), seconds(0));
        // Scraped at 15 s, visible at 30 s.
        assert_eq!(drive(&mut hpa, 0, 31, Some(100.0)), [1, 5]);
    }

    #[test]
    fn it_adds_at_most_four_pods_or_as_many_as_there_are_in_fifteen_seconds() {
        let mut hpa = Hpa::new(&settings(), seconds(0));
        let wanted = drive(&mut hpa, 0, 200, Some(1000.0));
        assert!(wanted.windows(2).all(|w| w[1] <= w[0] + w[0].max(4)), "{wanted:?}");
        assert_eq!(wanted.last(), Some(&50));
    }

    #[test]
    fn it_goes_down_only_after_five_minutes() {
        let mut hpa = Hpa::new(&settings(), seconds(0)).beginning_with(10);
        drive(&mut hpa, 0, 60, Some(100.0));
        let wanted = drive(&mut hpa, 60, 420, Some(10.0));
        let fall = wanted.iter().position(|count| *count < 10).expect("it goes down");
        assert!((19..=22).contains(&fall), "after {fall} syncs: {wanted:?}");
        assert_eq!(wanted.last(), Some(&1));
    }

    #[test]
    fn without_metrics_it_does_nothing() {
        let mut hpa = Hpa::new(&settings(), seconds(0)).beginning_with(7);
        assert!(drive(&mut hpa, 0, 900, None).iter().all(|count| *count == 7));
    }

    #[test]
    fn within_a_tenth_of_the_target_nothing_changes() {
        let mut hpa = Hpa::new(&settings(), seconds(0)).beginning_with(10);
        assert!(drive(&mut hpa, 0, 900, Some(109.0)).iter().all(|count| *count == 10));
    }
}
