//! The gateway's side of a service: what workers and control thread do with `balance`.

use crate::server::Server;
use balance::{
    Budget, BudgetSettings, CheckSettings, Checked, Circle, Counts, Endpoint, Health, Lineup, LineupSettings,
    Load, Outcome, OutlierSettings, Pick, Picker, PickerSettings, Policy, Seen, State, Table, Tried, Weight,
    stable_hash,
};
use base::{IdSource, Moment};
use std::sync::Arc;
use std::time::Duration;

/// Workers share loads and health, and have each their own picker.
const WORKERS: usize = 2;

/// How the gateway is set.
#[derive(Clone, Debug, PartialEq)]
pub struct Setup {
    /// How endpoints are picked.
    pub picker: PickerSettings,
    /// Is outlier detection on, with its default settings?
    pub detection: bool,
    /// Are failures tried again?
    pub retry: Option<Retry>,
    /// The requests that may be pending at one endpoint.
    pub max_requests: u32,
    /// How long one attempt may take.
    pub per_try_timeout: Duration,
    /// How long clients wait. One that leaves ends the attempt, which says nothing of the endpoint then.
    pub patience: Duration,
}

/// How failures are tried again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    /// Attempts besides the first.
    pub attempts: u32,
    /// What bounds them all together; `None` for no bound.
    pub budget: Option<BudgetSettings>,
}

impl Setup {
    /// That policy, with nothing else to help it; but `first` means nothing without a bound on requests.
    pub fn plain(policy: Policy) -> Self {
        let slow_start = Duration::from_secs(10);
        Self {
            picker: PickerSettings { policy, bounded_load: None, slow_start },
            detection: false,
            retry: None,
            max_requests: if policy == Policy::First { 4 } else { u32::MAX },
            per_try_timeout: Duration::from_secs(1),
            patience: Duration::MAX,
        }
    }

    /// As a gateway is by default: no limit for one attempt that a client would wait for.
    #[must_use]
    pub fn impatient_clients(self) -> Self {
        Self { per_try_timeout: Duration::from_secs(15), patience: Duration::from_secs(5), ..self }
    }

    /// With outlier detection.
    #[must_use]
    pub fn detecting(self) -> Self {
        Self { detection: true, ..self }
    }

    /// With one retry within the default budget.
    #[must_use]
    pub fn retrying(self) -> Self {
        Self { retry: Some(Retry { attempts: 1, budget: Some(BudgetSettings::default()) }), ..self }
    }
}

/// An endpoint as the gateway knows it.
#[derive(Debug)]
struct Member {
    load: Load,
    health: Health,
    key: u64,
    max_requests: u32,
}

impl Endpoint for Member {
    fn load(&self) -> &Load {
        &self.load
    }

    fn weight(&self) -> Weight {
        Weight::ONE
    }

    fn health(&self) -> &Health {
        &self.health
    }

    fn key(&self) -> u64 {
        self.key
    }

    fn max_requests(&self) -> u32 {
        self.max_requests
    }
}

/// A picker and the generation of health that its line-up shows.
#[derive(Debug)]
struct Worker {
    picker: Picker,
    generation: u64,
}

/// The gateway at work for one service.
#[derive(Debug)]
pub(crate) struct Gateway {
    members: Vec<Member>,
    workers: Vec<Worker>,
    circle: Circle,
    budget: Option<Budget>,
    outliers: OutlierSettings,
    counts: Vec<Counts>,
    /// Requests that came, without retries.
    pub(crate) requests: u64,
}

/// Where an attempt goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chosen {
    pub(crate) endpoint: usize,
    /// It is the one request that an ejected endpoint is tried with.
    pub(crate) is_trial: bool,
}

impl Gateway {
    /// `late` is the endpoint that is not there at first.
    pub(crate) fn new(setup: &Setup, endpoints: usize, late: Option<usize>, random: &mut IdSource) -> Self {
        let member = |n: usize| Member {
            load: Load::new(Moment::ORIGIN),
            health: Health::new(if late == Some(n) { State::Draining } else { State::Up }, Moment::ORIGIN),
            key: stable_hash(&n.to_le_bytes()),
            max_requests: setup.max_requests,
        };
        let members: Vec<_> = (0..endpoints).map(member).collect();
        let table = Table::build(setup.picker.policy, &members);
        let circle = Circle::default();
        let worker = |_| {
            let lineup = Lineup::of(&members, &LineupSettings::default());
            let picker =
                Picker::new(setup.picker, &members, lineup, Option::<Arc<Table>>::clone(&table), random);
            Worker { picker, generation: circle.generation() }
        };
        let workers = (0..WORKERS).map(worker).collect();
        Self {
            workers,
            circle,
            budget: setup.retry.and_then(|retry| retry.budget).map(Budget::new),
            outliers: OutlierSettings { enabled: setup.detection, ..OutlierSettings::default() },
            counts: vec![Counts::default(); members.len()],
            members,
            requests: 0,
        }
    }

    /// Picks an endpoint and counts the attempt as pending there.
    pub(crate) fn start(
        &mut self,
        tried: &Tried,
        key: u64,
        now: Moment,
        random: &mut IdSource,
    ) -> Option<Chosen> {
        let chosen = self.trial(tried, now).or_else(|| self.pick(tried, key, now, random))?;
        self.members[chosen.endpoint].load.start(now);
        Some(chosen)
    }

    /// A first attempt may be the one that an endpoint in trial is waiting for.
    fn trial(&self, tried: &Tried, now: Moment) -> Option<Chosen> {
        if !self.circle.has_trials() || !tried.is_empty() {
            return None;
        }
        let endpoint = self.circle.take_trial(&self.members, now)?;
        Some(Chosen { endpoint, is_trial: true })
    }

    fn pick(&mut self, tried: &Tried, key: u64, now: Moment, random: &mut IdSource) -> Option<Chosen> {
        let worker = &mut self.workers[random.below(WORKERS)];
        let generation = self.circle.generation();
        if worker.generation != generation {
            let lineup = Lineup::of(&self.members, &LineupSettings::default());
            worker.picker.adopt(&self.members, lineup, random);
            worker.generation = generation;
        }
        match worker.picker.pick(&self.members, tried, Some(key), now, random) {
            Pick::Endpoint(endpoint) => Some(Chosen { endpoint, is_trial: false }),
            Pick::Full | Pick::Nobody => None,
        }
    }

    /// Takes note of what came of an attempt; `None`: the client has left.
    pub(crate) fn finish(&mut self, chosen: Chosen, seen: Option<Seen>, took: Duration, now: Moment) {
        let Chosen { endpoint, is_trial } = chosen;
        let member = &self.members[endpoint];
        let silence = member.load.silence(now);
        let outcome = match seen {
            Some(Seen::Good) => Outcome::Answered(took),
            Some(_) => Outcome::Failed(None),
            None => Outcome::Abandoned,
        };
        member.load.finish(now, outcome);
        let Some(seen) = seen.or_else(|| Seen::left_waiting(took, silence)) else {
            if is_trial {
                self.circle.end_trial(&self.members, endpoint, None, &self.outliers, now);
            }
            return;
        };
        let is_good = seen == Seen::Good;
        self.counts[endpoint].attempts += 1;
        self.counts[endpoint].failures += u64::from(!is_good);
        if is_trial {
            self.circle.end_trial(&self.members, endpoint, Some(is_good), &self.outliers, now);
        } else if let Some(suspicion) = member.health.record(seen, &self.outliers) {
            self.circle.suspect(&self.members, endpoint, suspicion, &self.outliers, now);
        }
    }

    /// May a failure be tried again?
    pub(crate) fn may_retry(&self, now: Moment) -> bool {
        self.budget.as_ref().is_none_or(|budget| budget.try_spend(now, self.requests))
    }

    /// What the control thread does four times a second.
    pub(crate) fn tick(&self, now: Moment) {
        self.circle.tick(&self.members, |which| self.counts[which], &self.outliers, now);
    }

    /// What it does each second: notes the total of requests, and knocks at dead endpoints.
    pub(crate) fn second(&self, servers: &[Server], now: Moment) {
        if let Some(budget) = &self.budget {
            budget.observe(now, self.requests);
        }
        for (endpoint, server) in servers.iter().enumerate() {
            if self.members[endpoint].health.state() == State::Dead {
                let verdict = if server.connects(now) { Checked::Passed } else { Checked::Unreachable };
                self.circle.checked(&self.members, endpoint, verdict, &CheckSettings::default(), now);
            }
        }
    }

    /// The late endpoint is there.
    pub(crate) fn join(&self, endpoint: usize, now: Moment) {
        self.circle.drain(&self.members, endpoint, false, now);
    }
}
