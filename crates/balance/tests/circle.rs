//! What becomes of endpoints as failures, checks, trials and the operator's words come in.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use balance::{
    Change, CheckSettings, Checked, Circle, Counts, Endpoint, Health, Load, OutlierSettings, Seen, State,
    Suspicion, Weight, Why,
};
use base::Moment;
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

/// A circle with its endpoints and settings, at a time that only goes on.
struct Scene {
    circle: Circle,
    servers: Vec<Server>,
    settings: OutlierSettings,
    limits: CheckSettings,
    now: Moment,
}

impl Scene {
    fn of(states: &[State]) -> Self {
        let server = |&state| Server(Load::new(Moment::ORIGIN), Health::new(state, Moment::ORIGIN));
        Self {
            circle: Circle::default(),
            servers: states.iter().map(server).collect(),
            settings: OutlierSettings::default(),
            limits: CheckSettings::default(),
            now: Moment::ORIGIN,
        }
    }

    fn up(number: usize) -> Self {
        Self::of(&vec![State::Up; number])
    }

    fn states(&self) -> Vec<State> {
        self.servers.iter().map(|s| s.1.state()).collect()
    }

    fn suspect(&self, which: usize, suspicion: Suspicion) -> Option<Change> {
        self.circle.suspect(&self.servers, which, suspicion, &self.settings, self.now)
    }

    fn eject(&self, which: usize) -> Option<Change> {
        self.suspect(which, Suspicion::Consecutive5xx)
    }

    fn check(&self, which: usize, verdict: Checked) -> Option<(State, State)> {
        let change = self.circle.checked(&self.servers, which, verdict, &self.limits, self.now)?;
        Some((change.from, change.to))
    }

    fn drain(&self, which: usize, on: bool) -> Option<(State, State)> {
        let change = self.circle.drain(&self.servers, which, on, self.now)?;
        Some((change.from, change.to))
    }

    fn take_trial(&self) -> Option<usize> {
        self.circle.take_trial(&self.servers, self.now)
    }

    fn end_trial(&self, which: usize, verdict: Option<bool>) -> Option<Change> {
        self.circle.end_trial(&self.servers, which, verdict, &self.settings, self.now)
    }

    fn count(&self, counts: &[Counts]) -> Vec<Change> {
        self.circle.tick(
            &self.servers,
            |which| counts.get(which).copied().unwrap_or_default(),
            &self.settings,
            self.now,
        )
    }

    fn tick(&self) -> Vec<Change> {
        self.count(&vec![Counts::default(); self.servers.len()])
    }

    /// Lets time pass in ticks of a quarter of a second; gives what they changed.
    fn pass(&mut self, seconds: u64) -> Vec<Change> {
        let mut changes = Vec::new();
        for _ in 0..seconds * 4 {
            self.now = self.now + Duration::from_millis(250);
            changes.extend(self.tick());
        }
        changes
    }
}

use State::{Dead, Draining, Ejected, Failing, Trial, Unknown, Up};

#[test]
fn an_endpoint_that_fails_is_ejected_tried_and_up_again_slowly() {
    let mut scene = Scene::up(3);
    let seen = |_| scene.servers[1].1.record(Seen::GatewayError, &scene.settings);
    let suspicion = (0..5).find_map(seen).unwrap();
    let change = scene.suspect(1, suspicion);
    let why = Why::ConsecutiveGatewayErrors;
    assert_eq!(change, Some(Change { endpoint: 1, from: Up, to: Ejected, why }));
    assert!(scene.pass(29).is_empty() && !scene.circle.has_trials());
    let changes = scene.pass(1);
    assert_eq!(changes, [Change { endpoint: 1, from: Ejected, to: Trial, why: Why::EjectionOver }]);
    assert!(scene.circle.has_trials());
    assert_eq!(scene.take_trial(), Some(1));
    assert!(!scene.circle.has_trials(), "one request at a time");
    assert_eq!(scene.take_trial(), None);
    let change = scene.end_trial(1, Some(true));
    assert_eq!(change, Some(Change { endpoint: 1, from: Trial, to: Up, why: Why::TrialPassed }));
    let ramp = scene.servers[1].1.ramp(scene.now + Duration::from_secs(5), Duration::from_secs(10));
    assert!((ramp - 0.55).abs() < 1e-4, "{ramp}");
    assert_eq!(scene.circle.generation(), 3);
}

#[test]
fn each_ejection_lasts_longer_up_to_the_most() {
    let mut scene = Scene::up(2);
    scene.eject(0).unwrap();
    for seconds in [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300] {
        assert!(scene.pass(seconds - 1).is_empty(), "before {seconds} s");
        assert_eq!(scene.pass(1).len(), 1, "after {seconds} s");
        assert_eq!(scene.take_trial(), Some(0));
        assert_eq!(scene.end_trial(0, Some(false)).unwrap().to, Ejected);
    }
}

#[test]
fn each_interval_in_which_it_is_up_forgives_one_ejection() {
    let mut scene = Scene::up(2);
    scene.eject(0).unwrap();
    for seconds in [30, 60, 90] {
        scene.pass(seconds);
        assert_eq!(scene.take_trial(), Some(0));
        scene.end_trial(0, Some(false)).unwrap();
    }
    scene.pass(120);
    scene.take_trial().unwrap();
    scene.end_trial(0, Some(true)).unwrap();
    // Four ejections, of which thirty seconds forgive two: the interval in which it came up does not count.
    scene.pass(30);
    scene.eject(0).unwrap();
    assert_eq!((scene.pass(89).len(), scene.pass(1).len()), (0, 1), "the third");
    scene.take_trial().unwrap();
    scene.end_trial(0, Some(true)).unwrap();
    scene.pass(60);
    scene.eject(0).unwrap();
    assert_eq!((scene.pass(29).len(), scene.pass(1).len()), (0, 1), "all are forgiven");
}

#[test]
fn a_service_of_one_keeps_it_and_one_of_two_keeps_one() {
    let scene = Scene::up(1);
    assert_eq!(scene.eject(0), None);
    assert_eq!(scene.circle.refused(), 1);
    let mut scene = Scene::up(2);
    assert!(scene.eject(0).is_some());
    assert_eq!(scene.eject(1), None);
    scene.pass(30);
    assert_eq!(scene.states(), [Trial, Up]);
    assert_eq!(scene.eject(1), None, "one that is tried does not carry the load yet");
    assert_eq!(scene.circle.generation(), 2);
}

#[test]
fn dead_and_draining_endpoints_do_not_make_room_for_ejections() {
    let scene = Scene::of(&[Up, Up, Dead, Draining, Dead, Dead]);
    assert!(scene.eject(0).is_some());
    assert_eq!(scene.eject(1), None);
    assert!(scene.suspect(1, Suspicion::Unreachable).is_some(), "death is certain, and always told");
    assert_eq!(scene.states(), [Ejected, Dead, Dead, Draining, Dead, Dead]);
}

#[test]
fn a_reservation_that_nobody_ends_is_void_after_10_seconds() {
    let mut scene = Scene::up(2);
    scene.eject(0).unwrap();
    scene.pass(30);
    assert_eq!(scene.take_trial(), Some(0));
    scene.now = scene.now + Duration::from_millis(9_999);
    assert_eq!(scene.take_trial(), None);
    scene.now = scene.now + Duration::from_millis(1);
    assert!(scene.tick().is_empty());
    assert!(scene.circle.has_trials());
    assert_eq!(scene.take_trial(), Some(0));
    // Abandoned, so the next may try at once.
    assert_eq!(scene.end_trial(0, None), None);
    assert!(scene.circle.has_trials());
    assert_eq!(scene.take_trial(), Some(0));
    scene.end_trial(0, Some(true)).unwrap();
    assert_eq!(
        scene.end_trial(0, Some(false)),
        None,
        "the verdict of a request that was given up comes late"
    );
    assert_eq!(scene.states(), [Up, Up]);
}

#[test]
fn what_a_reload_removes_in_its_trial_leaves_no_trial_behind() {
    let mut scene = Scene::up(3);
    scene.eject(0).unwrap();
    scene.pass(30);
    assert!(scene.circle.has_trials());
    scene.servers.remove(0);
    scene.tick();
    assert!(!scene.circle.has_trials());
}

#[test]
fn failures_in_a_row_end_a_trial_too() {
    let mut scene = Scene::up(2);
    scene.eject(0).unwrap();
    scene.pass(30);
    let change = scene.suspect(0, Suspicion::Consecutive5xx).unwrap();
    assert_eq!((change.from, change.to), (Trial, Ejected));
    assert!(!scene.circle.has_trials());
    assert_eq!((scene.pass(59).len(), scene.pass(1).len()), (0, 1), "for longer");
}

#[test]
fn failures_from_before_an_ejection_do_not_count_after_it() {
    let mut scene = Scene::up(2);
    let record = |scene: &Scene| scene.servers[0].1.record(Seen::ServerError, &scene.settings);
    scene.eject(0).unwrap();
    assert!((0..4).all(|_| record(&scene).is_none()), "requests that were under way");
    scene.pass(30);
    scene.take_trial().unwrap();
    scene.end_trial(0, Some(true)).unwrap();
    assert!((0..4).all(|_| record(&scene).is_none()));
    assert_eq!(record(&scene), Some(Suspicion::Consecutive5xx));
}

#[test]
fn the_first_check_decides_at_once() {
    for (verdict, state) in [(Checked::Passed, Up), (Checked::Failed, Failing), (Checked::Unreachable, Dead)]
    {
        let scene = Scene::of(&[Unknown]);
        assert_eq!(scene.check(0, verdict), Some((Unknown, state)));
    }
}

#[test]
fn as_many_checks_as_fall_and_rise_say_change_the_state() {
    let scene = Scene::up(1);
    let fail = || scene.check(0, Checked::Failed);
    let pass = || scene.check(0, Checked::Passed);
    assert_eq!((fail(), fail(), pass(), fail(), fail()), (None, None, None, None, None));
    assert_eq!(fail(), Some((Up, Failing)));
    assert_eq!((pass(), fail(), pass()), (None, None, None));
    assert_eq!(pass(), Some((Failing, Up)));
    let unreachable = || scene.check(0, Checked::Unreachable);
    assert_eq!((unreachable(), unreachable()), (None, None));
    assert_eq!(unreachable(), Some((Up, Dead)));
    assert_eq!(pass(), Some((Dead, Up)), "it is back with the first");
}

#[test]
fn checks_that_fail_in_different_ways_make_it_failing() {
    let scene = Scene::up(1);
    let unreachable = || scene.check(0, Checked::Unreachable);
    assert_eq!((unreachable(), scene.check(0, Checked::Failed)), (None, None));
    assert_eq!(unreachable(), Some((Up, Failing)));
    assert_eq!((unreachable(), unreachable()), (None, Some((Failing, Dead))));
    assert_eq!(scene.check(0, Checked::Failed), Some((Dead, Failing)), "what answers is not dead");
}

#[test]
fn a_check_that_passes_does_not_end_an_ejection() {
    let mut scene = Scene::up(2);
    scene.eject(0).unwrap();
    assert_eq!((scene.check(0, Checked::Passed), scene.check(0, Checked::Passed)), (None, None));
    let fail = |scene: &Scene| scene.check(0, Checked::Failed);
    assert_eq!((fail(&scene), fail(&scene), fail(&scene)), (None, None, Some((Ejected, Failing))));
    assert!(scene.pass(30).is_empty(), "what fails its check is not tried");
    assert_eq!(scene.eject(1), None, "and takes its place among those that are out");
    scene.check(0, Checked::Passed);
    assert_eq!(scene.check(0, Checked::Passed), Some((Failing, Trial)));
    assert!(scene.circle.has_trials());
}

#[test]
fn what_comes_back_from_the_dead_is_not_ejected_any_more() {
    let scene = Scene::up(2);
    scene.eject(0).unwrap();
    assert_eq!(scene.suspect(0, Suspicion::Unreachable).unwrap().to, Dead);
    assert_eq!(scene.suspect(0, Suspicion::Unreachable), None);
    assert_eq!(scene.eject(0), None);
    assert_eq!(scene.check(0, Checked::Passed), Some((Dead, Up)));
    assert!(scene.servers[0].1.is_ramping());
}

#[test]
fn draining_hides_everything_until_it_ends() {
    let mut scene = Scene::of(&[Up, Unknown, Up]);
    assert_eq!(scene.drain(0, true), Some((Up, Draining)));
    assert_eq!(scene.drain(0, true), None);
    assert_eq!(scene.eject(0), None);
    assert_eq!(scene.suspect(0, Suspicion::Unreachable), None);
    assert_eq!(scene.drain(0, false), Some((Draining, Up)));
    assert!(scene.servers[0].1.is_ramping(), "its caches are cold");
    scene.drain(1, true);
    assert_eq!(scene.drain(1, false), Some((Draining, Unknown)));
    scene.drain(1, true);
    assert_eq!(scene.check(1, Checked::Passed), None);
    assert_eq!(scene.drain(1, false), Some((Draining, Up)), "its check passed meanwhile");
    scene.eject(2).unwrap();
    scene.pass(30);
    assert!(scene.circle.has_trials());
    assert_eq!(scene.drain(2, true), Some((Trial, Draining)));
    assert!(!scene.circle.has_trials());
    assert_eq!(scene.drain(2, false), Some((Draining, Up)), "a drain ends an ejection");
}

#[test]
fn a_success_rate_far_below_the_others_is_ejected_at_the_end_of_the_interval() {
    let mut scene = Scene::up(8);
    let counts = |failures: [u64; 8]| failures.map(|failures| Counts { attempts: 1_000, failures });
    // What happened before the first tick is nobody's fault in the interval.
    assert!(scene.count(&counts([900, 0, 0, 0, 0, 0, 0, 0])).is_empty());
    scene.now = scene.now + Duration::from_millis(9_999);
    let more = counts([900, 3, 0, 250, 2, 0, 1, 0]).map(|c| Counts { attempts: 2_000, ..c });
    assert!(scene.count(&more).is_empty());
    scene.now = scene.now + Duration::from_millis(1);
    let changes = scene.count(&more);
    assert_eq!(changes, [Change { endpoint: 3, from: Up, to: Ejected, why: Why::SuccessRate }]);
    scene.now = scene.now + Duration::from_secs(10);
    assert!(scene.count(&more).is_empty(), "nothing happened since");
}

#[test]
fn an_endpoint_that_came_up_within_the_interval_is_not_judged_by_it() {
    let mut scene = Scene::up(8);
    let counts: Vec<_> =
        (0..8).map(|i| Counts { attempts: 1_000, failures: if i == 0 { 900 } else { 0 } }).collect();
    scene.tick();
    scene.suspect(0, Suspicion::Unreachable).unwrap();
    scene.now = scene.now + Duration::from_secs(5);
    scene.check(0, Checked::Passed).unwrap();
    scene.now = scene.now + Duration::from_secs(5);
    assert!(scene.count(&counts).is_empty());
}

#[test]
fn meters_that_begin_anew_or_are_missing_judge_nobody() {
    let mut scene = Scene::up(8);
    let high = [Counts { attempts: 5_000, failures: 4_000 }; 8];
    let low: Vec<_> = (0..8).map(|i| Counts { attempts: 1_000, failures: i * 100 }).collect();
    for counts in [&high[..], &low, &high[..3], &[]] {
        assert!(scene.count(counts).is_empty());
        scene.now = scene.now + Duration::from_secs(10);
    }
}

#[test]
fn switching_detection_off_brings_the_ejected_back_at_once() {
    let mut scene = Scene::up(4);
    scene.eject(0).unwrap();
    scene.suspect(1, Suspicion::Unreachable).unwrap();
    scene.settings.enabled = false;
    assert_eq!(scene.eject(2), None);
    let changes = scene.pass(1);
    assert_eq!(changes, [Change { endpoint: 0, from: Ejected, to: Up, why: Why::DetectionOff }]);
    assert_eq!(scene.states(), [Up, Dead, Up, Up]);
}

#[test]
fn a_position_that_is_not_in_the_list_changes_nothing() {
    let scene = Scene::up(2);
    assert_eq!((scene.eject(2), scene.check(9, Checked::Failed), scene.drain(2, true)), (None, None, None));
    assert_eq!(scene.end_trial(usize::MAX, Some(true)), None);
    assert_eq!(scene.circle.generation(), 0);
}

#[test]
fn workers_that_suspect_at_once_change_the_state_once() {
    for _ in 0..200 {
        let scene = Scene::up(4);
        let work = |worker: usize| {
            // Each worker brings the same suspicions, in another order.
            (0..4).filter_map(|i| scene.eject((worker + i) % 4)).count()
        };
        let changes: usize = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..4).map(|i| scope.spawn(move || work(i))).collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).sum()
        });
        assert_eq!(changes, 2, "half of four");
        assert_eq!(scene.circle.generation(), 2);
        assert_eq!(scene.states().into_iter().filter(|&s| s == Ejected).count(), 2);
    }
}

#[test]
fn of_workers_that_want_a_trial_at_once_one_gets_it() {
    for _ in 0..200 {
        let mut scene = Scene::up(2);
        scene.eject(0).unwrap();
        scene.now = scene.now + Duration::from_secs(30);
        assert_eq!(scene.tick().len(), 1);
        let scene = &scene;
        let taken: usize = std::thread::scope(|scope| {
            let workers: Vec<_> =
                (0..4).map(|_| scope.spawn(|| usize::from(scene.take_trial().is_some()))).collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).sum()
        });
        assert_eq!(taken, 1);
    }
}
