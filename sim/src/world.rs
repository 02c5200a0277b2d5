//! The event loop: one thing happens after the other, and time jumps from each to the next.

use crate::gateway::{Chosen, Gateway, Setup};
use crate::server::{Server, exponential};
use crate::{Report, Scenario};
use balance::{Seen, Tried, stable_hash};
use base::{IdSource, Moment};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Duration;

/// How often the control thread looks at ejections.
const TICK: Duration = Duration::from_millis(250);
/// How often it notes totals and probes.
const SECOND: Duration = Duration::from_secs(1);
/// Before a retry: evenly distributed from the first to the second.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(25), Duration::from_millis(250));
/// Different keys that requests have for the hash policies, one as likely as the other.
const KEYS: usize = 10_000;

/// Lets a scenario happen. The same arguments give the same report.
pub fn run(scenario: &Scenario, setup: &Setup, seed: u64) -> Report {
    let mut world = World::new(scenario, setup, seed);
    world.schedule(Moment::ORIGIN, Event::Arrive);
    world.schedule(Moment::ORIGIN, Event::Tick);
    world.schedule(Moment::ORIGIN, Event::Second);
    if let Some((endpoint, at)) = scenario.joins {
        world.schedule(Moment::ORIGIN + at, Event::Join(endpoint));
    }
    while let Some(Reverse(next)) = world.events.pop() {
        world.now = next.at;
        world.happen(next.event);
    }
    world.report.latencies.sort_unstable();
    world.report
}

/// What may happen.
#[derive(Debug)]
enum Event {
    Arrive,
    /// What was seen, or `None` where the client has left.
    Answer(Request, Chosen, Option<Seen>, Duration),
    Retry(Request),
    Join(usize),
    Tick,
    Second,
}

/// One request on its way.
#[derive(Debug)]
struct Request {
    arrived: Moment,
    key: u64,
    tried: Tried,
    retries: u32,
}

/// An event and its time. Of two at the same time the one that was scheduled first comes first.
#[derive(Debug)]
struct Scheduled {
    at: Moment,
    nth: u64,
    event: Event,
}

/// All that there is.
#[derive(Debug)]
struct World<'a> {
    scenario: &'a Scenario,
    setup: &'a Setup,
    now: Moment,
    events: BinaryHeap<Reverse<Scheduled>>,
    scheduled: u64,
    gateway: Gateway,
    servers: Vec<Server>,
    random: IdSource,
    report: Report,
}

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario, setup: &'a Setup, seed: u64) -> Self {
        let mut random = IdSource::seeded(seed);
        let late = scenario.joins.map(|(endpoint, _)| endpoint);
        let endpoints = scenario.servers.len();
        Self {
            gateway: Gateway::new(setup, endpoints, late, &mut random),
            servers: scenario.servers.iter().copied().map(Server::new).collect(),
            report: Report {
                bad: scenario.servers.iter().map(|behaviour| behaviour.is_bad()).collect(),
                by_second: vec![Vec::new(); endpoints],
                ..Report::default()
            },
            scenario,
            setup,
            now: Moment::ORIGIN,
            events: BinaryHeap::new(),
            scheduled: 0,
            random,
        }
    }

    fn schedule(&mut self, at: Moment, event: Event) {
        self.scheduled += 1;
        self.events.push(Reverse(Scheduled { at, nth: self.scheduled, event }));
    }

    /// As long as requests arrive.
    fn schedule_within(&mut self, at: Moment, event: Event) {
        if at < Moment::ORIGIN + self.scenario.lasts {
            self.schedule(at, event);
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive => self.arrive(),
            Event::Answer(request, chosen, seen, took) => self.answered(request, chosen, seen, took),
            Event::Retry(request) => self.attempt(request),
            Event::Join(endpoint) => self.gateway.join(endpoint, self.now),
            Event::Tick => {
                self.gateway.tick(self.now);
                self.schedule_within(self.now + TICK, Event::Tick);
            }
            Event::Second => {
                self.gateway.second(&self.servers, self.now);
                self.schedule_within(self.now + SECOND, Event::Second);
            }
        }
    }

    fn arrive(&mut self) {
        let gap = Duration::from_secs_f64(exponential(&mut self.random) / self.scenario.rate);
        self.schedule_within(self.now + gap, Event::Arrive);
        self.gateway.requests += 1;
        self.report.requests += 1;
        let key = stable_hash(&self.random.below(KEYS).to_le_bytes());
        self.attempt(Request { arrived: self.now, key, tried: Tried::none(), retries: 0 });
    }

    fn attempt(&mut self, request: Request) {
        let Some(chosen) = self.gateway.start(&request.tried, request.key, self.now, &mut self.random) else {
            self.over(&request, false);
            return;
        };
        self.count(chosen.endpoint);
        let answer = self.servers[chosen.endpoint].take(self.now, &mut self.random);
        let stays = self.setup.patience.saturating_sub(self.now.since(request.arrived));
        let (took, seen) = if answer.after > stays.min(self.setup.per_try_timeout) {
            if stays < self.setup.per_try_timeout {
                (stays, None)
            } else {
                (self.setup.per_try_timeout, Some(Seen::GatewayError))
            }
        } else {
            (answer.after, Some(answer.seen))
        };
        self.schedule(self.now + took, Event::Answer(request, chosen, seen, took));
    }

    fn answered(&mut self, mut request: Request, chosen: Chosen, seen: Option<Seen>, took: Duration) {
        self.gateway.finish(chosen, seen, took, self.now);
        let is_good = seen == Some(Seen::Good);
        let more = seen.is_some() && self.setup.retry.is_some_and(|retry| request.retries < retry.attempts);
        if is_good || !more || !self.gateway.may_retry(self.now) {
            self.over(&request, is_good);
            return;
        }
        request.retries += 1;
        request.tried.insert(chosen.endpoint);
        let (least, most) = BACKOFF;
        let backoff = least
            + Duration::from_nanos(self.random.below(most.saturating_sub(least).as_nanos() as usize) as u64);
        self.schedule(self.now + backoff, Event::Retry(request));
    }

    fn count(&mut self, endpoint: usize) {
        self.report.attempts += 1;
        let second = self.now.since(Moment::ORIGIN).as_secs() as usize;
        let seconds = &mut self.report.by_second[endpoint];
        if seconds.len() <= second {
            seconds.resize(second + 1, 0);
        }
        seconds[second] += 1;
    }

    fn over(&mut self, request: &Request, is_good: bool) {
        self.report.good += u64::from(is_good);
        self.report.latencies.push(self.now.since(request.arrived));
    }
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.nth).cmp(&(other.at, other.nth))
    }
}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Scheduled {}
