//! Any sequence of events, beside a model that keeps each endpoint's past and reads the state from it.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use balance::{
    Change, CheckSettings, Checked, Circle, Counts, Endpoint, Health, Load, OutlierSettings, State,
    Suspicion, Weight,
};
use base::{IdSource, Moment};
use proptest::prelude::*;
use std::time::Duration;

struct Server(Load, Health);

impl Endpoint for Server {
    fn load(&self) -> &Load {
        &self.0
    }

    fn weight(&self) -> Weight {
        Weight::ONE
    }

    fn health(&self) -> &Health {
        &self.1
    }

    fn key(&self) -> u64 {
        0
    }
}

fn servers(number: usize) -> Vec<Server> {
    let server = |_| Server(Load::new(Moment::ORIGIN), Health::new(State::Unknown, Moment::ORIGIN));
    (0..number).map(server).collect()
}

const LIMITS: CheckSettings = CheckSettings { fall: 2, rise: 2 };
const BASE_MS: u64 = 4_000;
const MOST_MS: u64 = 11_000;

fn settings() -> OutlierSettings {
    OutlierSettings {
        interval: Duration::from_secs(2),
        base_ejection_time: Duration::from_millis(BASE_MS),
        max_ejection_time: Duration::from_millis(MOST_MS),
        ..OutlierSettings::default()
    }
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Suspect(usize, Suspicion),
    Check(usize, Checked),
    Drain(usize, bool),
    TakeTrial,
    EndTrial(usize, Option<bool>),
    /// So many milliseconds, and a tick.
    Pass(u64),
}

fn events(endpoints: usize) -> impl Strategy<Value = Event> {
    use Event::{Check, Drain, EndTrial, Pass, Suspect, TakeTrial};
    let suspicion = prop_oneof![
        6 => Just(Suspicion::Consecutive5xx),
        2 => Just(Suspicion::ConsecutiveGatewayErrors),
        1 => Just(Suspicion::Unreachable),
    ];
    let checked = prop_oneof![
        4 => Just(Checked::Passed), 2 => Just(Checked::Failed), 1 => Just(Checked::Unreachable),
    ];
    let verdict = prop_oneof![Just(None), Just(Some(false)), Just(Some(true))];
    prop_oneof![
        4 => (0..endpoints, suspicion).prop_map(|(which, s)| Suspect(which, s)),
        4 => (0..endpoints, checked).prop_map(|(which, c)| Check(which, c)),
        1 => (0..endpoints, any::<bool>()).prop_map(|(which, on)| Drain(which, on)),
        4 => Just(TakeTrial),
        4 => (0..endpoints, verdict).prop_map(|(which, v)| EndTrial(which, v)),
        6 => (0_u64..5_000).prop_map(Pass),
    ]
}

/// What happened to one endpoint that still matters, as it happened.
#[derive(Clone, Default)]
struct Past {
    drained: bool,
    /// Ends of checks, the last at the end, since it was last declared dead.
    checks: Vec<Checked>,
    /// What the checks made of it at last.
    standing: Option<State>,
    /// When it was ejected last and for how long, if that was not ended since.
    ejected: Option<(u64, u64)>,
    in_trial: bool,
    reserved: Option<u64>,
    /// Ejections that count.
    times: u64,
    up_since: u64,
}

impl Past {
    fn state(&self) -> State {
        if self.drained {
            return State::Draining;
        }
        match self.standing {
            Some(State::Up) | None => {}
            Some(bad) => return bad,
        }
        match (self.ejected, self.in_trial, self.standing) {
            (Some(_), false, _) => State::Ejected,
            (Some(_), true, _) => State::Trial,
            (None, _, None) => State::Unknown,
            (None, _, Some(_)) => State::Up,
        }
    }

    fn end_ejection(&mut self) {
        (self.ejected, self.in_trial, self.reserved) = (None, false, None);
    }

    fn eject(&mut self, now: u64) {
        // A tenth time at most lasts no longer than the third.
        self.times = (self.times + 1).min(MOST_MS.div_ceil(BASE_MS));
        self.end_ejection();
        self.ejected = Some((now, (BASE_MS * self.times).min(MOST_MS)));
    }

    fn die(&mut self) {
        self.standing = Some(State::Dead);
        self.checks.clear();
        self.end_ejection();
    }

    fn check(&mut self, verdict: Checked) {
        self.checks.push(verdict);
        let last_two = |fits: fn(&Checked) -> bool| {
            self.checks.len() >= 2 && self.checks[self.checks.len() - 2..].iter().all(fits)
        };
        let rises = last_two(|c| *c == Checked::Passed);
        let falls = last_two(|c| *c != Checked::Passed);
        let dies = last_two(|c| *c == Checked::Unreachable);
        let first = self.standing.is_none();
        let dead = self.standing == Some(State::Dead);
        match verdict {
            Checked::Passed if first || dead || rises => self.standing = Some(State::Up),
            Checked::Failed if first || dead || falls => self.standing = Some(State::Failing),
            Checked::Unreachable if first || dies => self.die(),
            Checked::Unreachable if falls && !dead => self.standing = Some(State::Failing),
            _ => {}
        }
    }

    fn is_free(&self, now: u64) -> bool {
        self.state() == State::Trial && self.reserved.is_none_or(|at| now - at >= 10_000)
    }
}

struct Model {
    pasts: Vec<Past>,
    now: u64,
    interval_began: Option<u64>,
}

impl Model {
    fn suspect(&mut self, which: usize, suspicion: Suspicion) {
        let state = self.pasts[which].state();
        let members = self.pasts.iter().filter(|p| !matches!(p.state(), State::Dead | State::Draining));
        let out = members.clone().filter(|p| p.ejected.is_some()).count();
        let one_more = 2 * (out + 1) <= members.count();
        match (suspicion, state) {
            (_, State::Dead | State::Draining) => {}
            (Suspicion::Unreachable, _) => self.pasts[which].die(),
            (_, State::Trial) => self.pasts[which].eject(self.now),
            (_, State::Up | State::Unknown) if one_more => self.pasts[which].eject(self.now),
            _ => {}
        }
    }

    fn end_trial(&mut self, which: usize, verdict: Option<bool>) {
        let (past, now) = (&mut self.pasts[which], self.now);
        match verdict {
            _ if !past.in_trial => {}
            None => past.reserved = None,
            Some(false) => past.eject(now),
            Some(true) => {
                past.end_ejection();
                past.standing = past.standing.or(Some(State::Up));
            }
        }
    }

    fn pass(&mut self, millis: u64) {
        self.now += millis;
        for past in &mut self.pasts {
            past.in_trial |= past.ejected.is_some_and(|(at, length)| at + length <= self.now);
        }
        let began = *self.interval_began.get_or_insert(self.now);
        if self.now - began >= 2_000 {
            self.interval_began = Some(self.now);
            let up = self.pasts.iter_mut().filter(|p| p.state() == State::Up && p.up_since <= began);
            up.for_each(|p| p.times = p.times.saturating_sub(1));
        }
    }

    /// Applies an event; gives which endpoint a trial goes to.
    fn apply(&mut self, event: Event) -> Option<usize> {
        let before: Vec<_> = self.pasts.iter().map(Past::state).collect();
        let mut taken = None;
        match event {
            Event::Suspect(which, suspicion) => self.suspect(which, suspicion),
            Event::Check(which, verdict) => self.pasts[which].check(verdict),
            Event::Drain(which, on) => {
                self.pasts[which].drained = on;
                if on {
                    self.pasts[which].end_ejection();
                }
            }
            Event::TakeTrial => {
                taken = self.pasts.iter().position(|p| p.is_free(self.now));
                if let Some(which) = taken {
                    self.pasts[which].reserved = Some(self.now);
                }
            }
            Event::EndTrial(which, verdict) => self.end_trial(which, verdict),
            Event::Pass(millis) => self.pass(millis),
        }
        for (past, before) in self.pasts.iter_mut().zip(before) {
            if past.state() == State::Up && before != State::Up {
                past.up_since = self.now;
            }
        }
        taken
    }
}

fn at(millis: u64) -> Moment {
    Moment::ORIGIN + Duration::from_millis(millis)
}

/// Applies an event to the circle; gives its changes and which endpoint a trial goes to.
fn apply(circle: &Circle, servers: &[Server], event: Event, now: u64) -> (Vec<Change>, Option<usize>) {
    let (settings, now) = (settings(), at(now));
    let change = match event {
        Event::Suspect(which, suspicion) => circle.suspect(servers, which, suspicion, &settings, now),
        Event::Check(which, verdict) => circle.checked(servers, which, verdict, &LIMITS, now),
        Event::Drain(which, on) => circle.drain(servers, which, on, now),
        Event::TakeTrial => return (Vec::new(), circle.take_trial(servers, now)),
        Event::EndTrial(which, verdict) => circle.end_trial(servers, which, verdict, &settings, now),
        Event::Pass(_) => {
            return (circle.tick(servers, |_| Counts::default(), &settings, now), None);
        }
    };
    (change.into_iter().collect(), None)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_circle_does_what_the_model_does(
        (number, events) in (1_usize..6)
            .prop_flat_map(|n| (Just(n), proptest::collection::vec(events(n), 1..120)))
    ) {
        let (circle, servers) = (Circle::default(), servers(number));
        let mut model = Model { pasts: vec![Past::default(); number], now: 0, interval_began: None };
        for event in events {
            let generation = circle.generation();
            let before: Vec<_> = model.pasts.iter().map(Past::state).collect();
            let taken = model.apply(event);
            let after: Vec<_> = model.pasts.iter().map(Past::state).collect();

            let (changes, got) = apply(&circle, &servers, event, model.now);
            let states: Vec<_> = servers.iter().map(|s| s.1.state()).collect();
            prop_assert_eq!(&states, &after, "{:?}", event);
            prop_assert_eq!(got, taken, "{:?}", event);
            // What was told is what changed, each once, and the generation says as much.
            let told: Vec<_> = changes.iter().map(|c| (c.endpoint, c.from, c.to)).collect();
            let changed: Vec<_> = (0..number)
                .filter(|&i| before[i] != after[i])
                .map(|i| (i, before[i], after[i]))
                .collect();
            prop_assert_eq!(told, changed, "{:?}", event);
            prop_assert_eq!(circle.generation() - generation, changes.len() as u64);
            // A trial that could be taken is never missed. One whose reservation ran out is seen by the next tick.
            let free = model.pasts.iter().any(|p| p.is_free(model.now));
            prop_assert_eq!(circle.has_trials(), free, "{:?}", event);
        }
    }
}

#[test]
fn workers_that_do_anything_at_once_leave_a_whole_history() {
    let (circle, servers) = (Circle::default(), servers(4));
    let some_event = |random: &mut IdSource| {
        let which = random.below(4);
        match random.below(8) {
            0 => Event::Suspect(which, Suspicion::Unreachable),
            1 | 2 => Event::Suspect(which, Suspicion::Consecutive5xx),
            3 => {
                Event::Check(which, [Checked::Passed, Checked::Failed, Checked::Unreachable][random.below(3)])
            }
            4 => Event::Drain(which, random.below(4) == 0),
            5 => Event::TakeTrial,
            6 => Event::EndTrial(which, [None, Some(true), Some(false)][random.below(3)]),
            _ => Event::Pass(0),
        }
    };
    let work = |seed: u64| {
        let mut random = IdSource::seeded(seed);
        let mut changes = Vec::new();
        for step in 0..5_000 {
            let event = some_event(&mut random);
            changes.extend(apply(&circle, &servers, event, step * 10).0);
        }
        changes
    };
    let changes: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|seed| scope.spawn(move || work(seed))).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(changes.len() > 100, "{}", changes.len());
    assert_eq!(circle.generation(), changes.len() as u64, "each change was told to one worker");
    // The changes of an endpoint, put in some order, lead from its first state to its last.
    for (which, server) in servers.iter().enumerate() {
        for state in State::ALL {
            let times = |of: fn(&Change) -> State| {
                changes.iter().filter(|c| c.endpoint == which && of(c) == state).count()
            };
            let (entered, left) = (times(|c| c.to), times(|c| c.from));
            let (first, last) = (state == State::Unknown, state == server.1.state());
            assert_eq!(entered + usize::from(first), left + usize::from(last), "{which} {state:?}");
        }
    }
}
