//! What each signal wants.
//!
//! All but latency are one sum: what there is to carry, divided by what one instance is to carry, rounded up. For
//! concurrency and requests per second that is Knative's KPA, with the target as it was typed (no hidden 70 %); for CPU
//! and memory it is HPA v2's ratio, since a mean over the ready instances times their number is what there is to
//! carry. Within `tolerance` of what the present count is to carry, the present count is right (HPA v2).
//!
//! *Not here*: bounds, and how fast (`scaler.rs`).
//! *Cost*: two sums over 61 buckets for each signal that is read.

use crate::gauge::{HOLD, Reading, is_fresh};
use crate::measured::Measured;
use crate::{Backlog, Proposal, Settings, Signal, guard};
use base::Moment;
use std::time::Duration;

/// A quotient this little above a whole number is that number: averages are sums of floating-point numbers.
const ROUNDING: f64 = 1e-6;

/// What a decision starts from.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scene {
    /// When.
    pub(crate) now: Moment,
    /// Instances that take requests.
    pub(crate) ready: u32,
    /// Those that start.
    pub(crate) starting: u32,
    /// What is wanted so far.
    pub(crate) from: u32,
    /// How long an instance takes to start, where that is known.
    pub(crate) start_time: Option<Duration>,
    /// How long ago more instances were wanted.
    pub(crate) last_start: Option<Duration>,
}

/// What one signal wants, and how far to trust it.
#[derive(Clone, Debug)]
pub(crate) struct Opinion {
    /// What it wants by its stable average.
    pub(crate) proposal: Proposal,
    /// It was measured just now.
    pub(crate) fresh: bool,
    /// What it wants by its panic average, before that is rounded up to whole instances; zero for signals that do not
    /// panic.
    pub(crate) short: f64,
}

impl Opinion {
    /// What it wants by its panic average.
    pub(crate) fn surge(&self) -> u32 {
        whole(self.short)
    }
}

/// What every signal with a target wants.
pub(crate) fn opinions(measured: &mut Measured, scene: &Scene, settings: &Settings) -> Vec<Opinion> {
    let targets = &settings.targets;
    let now = scene.now;
    let mut opinions = Vec::with_capacity(6);
    let requests = [
        (Signal::Concurrency, &mut measured.concurrency, targets.concurrency),
        (Signal::Rps, &mut measured.rps, targets.rps),
    ];
    for (signal, gauge, target) in requests {
        if let Some(target) = usable(target) {
            opinions.push(total(signal, gauge.read(now, settings), target, scene, settings));
        }
    }
    let shares = [
        (Signal::Cpu, &mut measured.cpu, targets.cpu),
        (Signal::Memory, &mut measured.memory, targets.memory),
    ];
    for (signal, gauge, target) in shares {
        if let Some(target) = usable(target) {
            opinions.push(share(signal, gauge.read(now, settings), target, scene, settings));
        }
    }
    if let Some(target) = targets.queue.filter(|target| !target.is_zero()) {
        opinions.push(queue(measured.backlog, target, scene, settings));
    }
    if let Some(target) = targets.latency_p95.filter(|target| !target.is_zero()) {
        let utilisation = utilisation(&opinions, measured, scene, settings);
        let reading = measured.latency.read(now, settings);
        opinions.push(guard::opinion(reading, target, utilisation, scene, settings));
    }
    opinions
}

/// A target that can be divided by.
fn usable(target: Option<f64>) -> Option<f64> {
    target.filter(|target| target.is_finite() && *target > 0.0)
}

/// Concurrency and requests per second: sums over the service. More instances take both averages: while a backlog that is
/// gone is still in the long one, nobody needs what it would want.
fn total(
    signal: Signal,
    reading: Option<Reading>,
    target: f64,
    scene: &Scene,
    settings: &Settings,
) -> Opinion {
    let wants = reading.map(|reading| {
        let stable = tolerant(reading.stable / target, scene, settings);
        let short = whole(reading.panic / target);
        if stable > scene.from { stable.min(short.max(scene.from)) } else { stable }
    });
    let short = reading.filter(|reading| reading.fresh).map_or(0.0, |reading| reading.panic / target);
    Opinion {
        proposal: Proposal {
            signal,
            stable: reading.map(|reading| reading.stable),
            panic: reading.map(|reading| reading.panic),
            target,
            wants: wants.unwrap_or(scene.from),
        },
        fresh: reading.is_some_and(|reading| reading.fresh),
        short,
    }
}

/// CPU and memory: kept as sums, shown as what each of those that are ready now has of it.
fn share(
    signal: Signal,
    reading: Option<Reading>,
    target: f64,
    scene: &Scene,
    settings: &Settings,
) -> Opinion {
    let ready = f64::from(scene.ready.max(1));
    // With no instance there is nothing to measure, and nothing that a measurement could keep.
    let absent = scene.from == 0 && scene.ready == 0;
    let wants = reading.map(|reading| tolerant(reading.stable / target, scene, settings));
    Opinion {
        proposal: Proposal {
            signal,
            stable: reading.map(|reading| reading.stable / ready),
            panic: None,
            target,
            wants: if absent { 0 } else { wants.unwrap_or(scene.from) },
        },
        fresh: absent || reading.is_some_and(|reading| reading.fresh),
        short: 0.0,
    }
}

/// The backlog: what waits and what comes within the drain target, by what one instance does in that time. That is
/// `(backlog / drain + arrival) x service time / concurrency`, with both sides counted in jobs.
fn queue(known: Option<(Moment, Backlog)>, drain: Duration, scene: &Scene, settings: &Settings) -> Opinion {
    let drain = drain.as_secs_f64();
    let known = known.map(|(at, backlog)| (scene.now.since(at), backlog)).filter(|(age, _)| *age <= HOLD);
    let jobs = known.map(|(_, backlog)| backlog.ready as f64 + backlog.arrival * drain);
    let jobs = jobs.filter(|jobs| jobs.is_finite() && *jobs >= 0.0);
    let each = known.map(|(_, backlog)| backlog.concurrency * drain / backlog.service_time.as_secs_f64());
    let each = usable(each);
    let wants = match (jobs, each) {
        // One is enough to learn how long a job takes.
        (Some(jobs), None) => Some(scene.from.max(u32::from(jobs > 0.0))),
        (Some(jobs), Some(each)) => Some(tolerant(jobs / each, scene, settings)),
        (None, _) => None,
    };
    Opinion {
        proposal: Proposal {
            signal: Signal::Queue,
            stable: jobs,
            panic: None,
            target: each.unwrap_or(0.0),
            wants: wants.unwrap_or(scene.from),
        },
        fresh: jobs.is_some() && known.is_some_and(|(age, _)| is_fresh(age, settings)),
        short: 0.0,
    }
}

/// How much of their targets the instances carry: the greatest that is known of it, also of CPU without a target.
fn utilisation(
    opinions: &[Opinion],
    measured: &mut Measured,
    scene: &Scene,
    settings: &Settings,
) -> Option<f64> {
    let capacity = f64::from(scene.ready.max(1));
    let carried =
        opinions.iter().filter(|opinion| opinion.fresh).filter_map(|Opinion { proposal, .. }| {
            let each = match proposal.signal {
                Signal::Concurrency | Signal::Rps => proposal.panic? / capacity,
                Signal::Cpu => proposal.stable?,
                _ => return None,
            };
            Some(each / proposal.target)
        });
    carried.chain(cpu(measured, scene, settings)).reduce(f64::max)
}

/// CPU of the ready instances on average, as a share of its target, or of all they may use.
pub(crate) fn cpu(measured: &mut Measured, scene: &Scene, settings: &Settings) -> Option<f64> {
    let reading = measured.cpu.read(scene.now, settings).filter(|reading| reading.fresh)?;
    let target = usable(settings.targets.cpu).unwrap_or(1.0);
    Some(reading.panic / f64::from(scene.ready.max(1)) / target)
}

/// So many instances' worth; what there is where that is near enough.
fn tolerant(load: f64, scene: &Scene, settings: &Settings) -> u32 {
    let from = f64::from(scene.from);
    if scene.from > 0 && (load / from - 1.0).abs() <= settings.tolerance + ROUNDING {
        return scene.from;
    }
    whole(load)
}

/// Rounded up.
#[expect(clippy::cast_sign_loss, reason = "no load is below zero, and the cast saturates")]
fn whole(load: f64) -> u32 {
    (load - ROUNDING).ceil() as u32
}
