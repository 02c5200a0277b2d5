//! The run: a trace, a service, a scaler, in steps of 100 ms.
//!
//! In each step: what the trace says happens; instances become ready; requests come, start, are answered or lost; the scaler
//! gets its sample and decides where it is due; instances are launched or given up. The wall clock stands at midnight of a
//! Monday, UTC, when a trace begins, so that schedules can be tried.
//! *Promise*: the same trace, parameters and seed give the same numbers. *Cost*: steps follow from the trace's length alone.

use crate::autoscaler::Autoscaler;
use crate::fleet::{Fleet, Pause};
use crate::histogram::Histogram;
use crate::noise::Noise;
use crate::parameters::Parameters;
use crate::pool::{Flow, Pool, Step};
use crate::queueing::Queueing;
use crate::recorder::Recorder;
use crate::report::Side;
use crate::trace::{Event, Reader, Trace};
use base::Moment;
use scale::Sample;
use std::time::{Duration, SystemTime};

/// Length of a step: the gateway takes its samples as often.
pub(crate) const STEP: Duration = Duration::from_millis(100);
/// Monday, 5 January 2026, 00:00 UTC, in seconds since 1970.
const MONDAY: u64 = 1_767_571_200;
/// The scaler's 95th percentile is that of so many steps.
const RECENT: u64 = 50;
/// A fluid never quite runs dry. Fewer requests than this are none to whoever measures.
const NOBODY: f64 = 1e-3;

/// Where requests wait, and how instances are kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Manner {
    /// Requests that may wait in all.
    pub(crate) holds: u32,
    /// And for each ready instance.
    pub(crate) backlog: u32,
    /// Before an instance that ended is launched again.
    pub(crate) pause: Pause,
    /// Instances that are ready at the beginning.
    pub(crate) initial: u32,
}

impl Manner {
    /// Tidegate holds requests itself.
    pub(crate) fn tidegate(parameters: &Parameters, initial: u32) -> Self {
        Self { holds: parameters.hold_size, backlog: 0, pause: Pause::TIDEGATE, initial }
    }

    /// Behind a plain balancer requests wait in the backlogs of the instances.
    pub(crate) fn plain(parameters: &Parameters, initial: u32) -> Self {
        Self { holds: 0, backlog: parameters.backlog, pause: Pause::KUBELET, initial }
    }
}

/// Runs it.
pub(crate) fn run<A: Autoscaler>(
    trace: &Trace,
    parameters: &Parameters,
    manner: Manner,
    scaler: &mut A,
) -> Side {
    let mut world = World::new(trace, parameters, manner);
    let steps = steps(trace);
    for step in 0..steps {
        world.step(step, scaler);
    }
    world.recorder.finish(steps, world.pool.present())
}

/// How many steps a trace has.
pub(crate) fn steps(trace: &Trace) -> u64 {
    // A trace is at most a week long.
    #[expect(clippy::cast_sign_loss, reason = "a trace has a positive length")]
    let steps = (trace.seconds() / STEP.as_secs_f64()).ceil() as u64;
    steps
}

struct World<'a> {
    trace: Reader<'a>,
    parameters: &'a Parameters,
    manner: Manner,
    pool: Pool,
    fleet: Fleet,
    noise: Noise,
    wanted: u32,
    metrics_lost: bool,
    waits: Histogram,
    /// Waits of late, where the scaler asks for percentiles.
    recent: Option<Recent>,
    strata: Vec<f64>,
    recorder: Recorder,
}

/// What the scaler's percentile is made of.
#[derive(Default)]
struct Recent {
    waits: Histogram,
    p95: Option<Duration>,
}

impl<'a> World<'a> {
    fn new(trace: &'a Trace, parameters: &'a Parameters, manner: Manner) -> Self {
        let strata = parameters.spread.strata();
        Self {
            trace: trace.reader(),
            parameters,
            manner,
            pool: Pool::new(Queueing::new(parameters.spread.cv())),
            fleet: Fleet::new(
                manner.initial,
                parameters.start_time.as_secs_f64(),
                manner.pause,
                parameters.seed,
            ),
            noise: Noise::new(parameters.seed),
            wanted: manner.initial,
            metrics_lost: false,
            waits: Histogram::default(),
            recent: parameters.scale.targets.latency_p95.map(|_| Recent::default()),
            recorder: Recorder::new(steps(trace), manner.initial, strata.clone()),
            strata,
        }
    }

    fn step<A: Autoscaler>(&mut self, number: u64, scaler: &mut A) {
        let length = STEP.as_secs_f64();
        let from = number as f64 * length;
        self.happen(from);
        self.fleet.advance(from);
        let (rps, service) = self.trace.look(from + length / 2.0);
        let service = service.unwrap_or(self.parameters.service_time.as_secs_f64());
        let ready = self.fleet.ready();
        let step = Step {
            from,
            length,
            arrivals: rps * length,
            service,
            servers: f64::from(ready) * f64::from(self.parameters.slots),
            room: f64::from(self.manner.holds) + f64::from(ready) * f64::from(self.manner.backlog),
            patience: self.parameters.hold_timeout.as_secs_f64(),
        };
        self.waits.clear();
        let flow = self.pool.step(&step, &mut self.waits);
        let now = Moment::ORIGIN + STEP * u32::try_from(number + 1).unwrap_or(u32::MAX);
        self.take_recent(number, service);
        scaler.observe(&self.sample(now, &step, &flow));
        if scaler.is_due(now) {
            self.decide(now, scaler);
        }
        self.recorder.step(&crate::recorder::Seen {
            number,
            arrivals: step.arrivals,
            service,
            flow,
            waiting: self.pool.waiting(),
            wanted: self.wanted,
            ready: self.fleet.ready(),
            starting: self.fleet.starting(),
            draining: self.pool.draining(),
            waits: &self.waits,
        });
    }

    fn happen(&mut self, now: f64) {
        while let Some(event) = self.trace.event(now) {
            match event {
                Event::CrashLoop => self.fleet.crash(true),
                Event::CrashLoopOver => self.fleet.crash(false),
                Event::MetricsLost => self.metrics_lost = true,
                Event::MetricsBack => self.metrics_lost = false,
            }
        }
    }

    fn decide<A: Autoscaler>(&mut self, now: Moment, scaler: &mut A) {
        let verdict = scaler.decide(now);
        if verdict.wanted != self.wanted {
            self.recorder.change(now, self.wanted, verdict.wanted, verdict.why);
        }
        self.wanted = verdict.wanted;
        let ready = self.fleet.ready();
        let given_up = self.fleet.want(verdict.wanted, now.since(Moment::ORIGIN).as_secs_f64());
        self.pool.drain(given_up, ready);
    }

    fn take_recent(&mut self, number: u64, service: f64) {
        let Some(recent) = &mut self.recent else { return };
        recent.waits.merge(&self.waits);
        if number % RECENT == RECENT - 1 {
            let took = recent.waits.plus(&self.strata, service).quantile(0.95);
            recent.p95 = took.map(Duration::from_secs_f64);
            recent.waits.clear();
        }
    }

    fn sample(&mut self, at: Moment, step: &Step, flow: &Flow) -> Sample {
        let busy = flow.utilisation * step.servers;
        // The noise goes on while nothing is measured, so that one event changes nothing else.
        let present = if flow.concurrency < NOBODY { 0.0 } else { flow.concurrency };
        let concurrency = self.noise.concurrency(present, busy.min(present), step.service, step.length);
        let rps = self.noise.arrivals(step.arrivals) / step.length;
        let measured = !self.metrics_lost;
        Sample {
            at,
            wall: SystemTime::UNIX_EPOCH + Duration::from_secs(MONDAY) + at.since(Moment::ORIGIN),
            ready: self.fleet.ready(),
            starting: self.fleet.starting(),
            concurrency: measured.then_some(concurrency),
            rps: measured.then_some(rps),
            latency_p95: self.recent.as_ref().and_then(|recent| recent.p95).filter(|_| measured),
            cpu: (measured && step.servers > 0.0).then_some(flow.utilisation),
            memory: None,
            backlog: None,
            database: None,
            start_time: self.fleet.learnt().map(Duration::from_secs_f64),
            crash_loop: self.fleet.is_looping(),
        }
    }
}
