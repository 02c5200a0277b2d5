//! Latency as a guard: an instance more where answers take too long, and never in proportion.
//!
//! Twice the latency does not mean twice the instances: beyond a point it grows without bound, below it hardly at all,
//! and a slow database makes it grow whatever the count. So it wants one instance in addition, waits until that one is
//! ready and has been at work for a panic window, and looks again. Where instances are less than half used
//! they are not what is slow.
//!
//! Where there are too few answers for a percentile it has nothing to say, and the other signals decide.
//!
//! *Not here*: proportion; that is what the other signals are for.

use crate::gauge::Reading;
use crate::proposals::{Opinion, Scene};
use crate::{Proposal, Settings, Signal};
use std::time::Duration;

/// Below this share of their targets instances are not what is slow.
const USED: f64 = 0.5;

/// What the 95th percentile wants. `utilisation` is how much of their targets the instances carry, where that is known.
pub(crate) fn opinion(
    reading: Option<Reading>,
    target: Duration,
    utilisation: Option<f64>,
    scene: &Scene,
    settings: &Settings,
) -> Opinion {
    let target = target.as_secs_f64();
    let alone = is_alone(settings);
    let slow = |reading: &Reading| reading.fresh && reading.panic > target * (1.0 + settings.tolerance);
    let used = utilisation.is_none_or(|utilisation| utilisation > USED);
    let wants = match reading {
        Some(reading) if slow(&reading) && used && is_settled(scene, settings) => {
            scene.from.saturating_add(1)
        }
        Some(reading) if reading.panic >= target * (1.0 - settings.tolerance) => scene.from,
        // Nothing else says how many are needed, so they go one at a time, each after a stabilization window.
        Some(reading) if alone && reading.panic < target / 2.0 => scene.from.saturating_sub(1),
        _ if alone => scene.from,
        _ => 0,
    };
    let proposal = Proposal {
        signal: Signal::Latency,
        stable: reading.map(|reading| reading.stable),
        panic: reading.map(|reading| reading.panic),
        target,
        wants,
    };
    // Too few answers for a percentile are no reason to keep instances that other signals know not to be needed.
    Opinion { proposal, fresh: !alone || reading.is_some_and(|reading| reading.fresh), short: 0.0 }
}

/// What was started last is ready, and what that changed has been seen.
fn is_settled(scene: &Scene, settings: &Settings) -> bool {
    let pause = settings.panic_window.max(scene.start_time.unwrap_or_default());
    scene.starting == 0 && scene.last_start.is_none_or(|ago| ago >= pause)
}

/// No other signal has a target.
fn is_alone(settings: &Settings) -> bool {
    let targets = &settings.targets;
    targets.concurrency.is_none()
        && targets.rps.is_none()
        && targets.cpu.is_none()
        && targets.memory.is_none()
        && targets.queue.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Targets;

    const TARGET: Duration = Duration::from_millis(500);

    /// What is wanted of 4 instances at a percentile, with a target for concurrency or without.
    fn wants(seconds: f64, utilisation: Option<f64>, scene: Scene, alone: bool) -> u32 {
        let concurrency = (!alone).then_some(20.0);
        let targets = Targets { concurrency, latency_p95: Some(TARGET), ..Targets::default() };
        let settings = Settings { targets, ..Settings::default() };
        let reading = Reading { stable: 0.1, panic: seconds, fresh: true };
        opinion(Some(reading), TARGET, utilisation, &scene, &settings).proposal.wants
    }

    fn four() -> Scene {
        Scene { ready: 4, from: 4, ..Scene::default() }
    }

    #[test]
    fn however_slow_one_more_is_wanted() {
        assert_eq!(wants(0.56, Some(0.6), four(), false), 5);
        assert_eq!(wants(50.0, Some(0.6), four(), false), 5);
        assert_eq!(wants(50.0, None, four(), false), 5, "nothing tells how used they are");
    }

    #[test]
    fn instances_that_are_less_than_half_used_are_not_what_is_slow() {
        assert_eq!(wants(50.0, Some(0.5), four(), false), 4);
    }

    #[test]
    fn within_tolerance_nothing_changes_and_below_others_decide() {
        assert_eq!(wants(0.54, Some(0.9), four(), false), 4);
        assert_eq!(wants(0.46, Some(0.9), four(), false), 4);
        assert_eq!(wants(0.44, Some(0.9), four(), false), 0);
    }

    #[test]
    fn alone_it_gives_one_back_when_it_is_twice_as_good_as_it_must_be() {
        assert_eq!(wants(0.26, None, four(), true), 4);
        assert_eq!(wants(0.24, None, four(), true), 3);
    }

    #[test]
    fn the_last_start_is_awaited_and_seen_at_work() {
        let seconds = |secs| Some(Duration::from_secs(secs));
        assert_eq!(wants(9.0, None, Scene { starting: 1, ..four() }, false), 4);
        assert_eq!(wants(9.0, None, Scene { last_start: seconds(5), ..four() }, false), 4);
        assert_eq!(wants(9.0, None, Scene { last_start: seconds(6), ..four() }, false), 5);
        let slow_start = Scene { last_start: seconds(6), start_time: seconds(20), ..four() };
        assert_eq!(wants(9.0, None, slow_start, false), 4);
    }

    #[test]
    fn without_answers_it_has_nothing_to_say_and_alone_it_keeps_what_there_is() {
        let opinion = |targets| {
            let settings = Settings { targets, ..Settings::default() };
            let opinion = opinion(None, TARGET, Some(0.9), &four(), &settings);
            (opinion.proposal.wants, opinion.fresh)
        };
        assert_eq!(opinion(Targets { rps: Some(9.0), ..Targets::default() }), (0, true));
        assert_eq!(opinion(Targets::default()), (4, false));
    }

    #[test]
    fn what_was_known_last_keeps_and_does_not_add() {
        let targets = Targets { rps: Some(9.0), ..Targets::default() };
        let settings = Settings { targets, ..Settings::default() };
        let held = Reading { stable: 0.1, panic: 9.0, fresh: false };
        assert_eq!(opinion(Some(held), TARGET, None, &four(), &settings).proposal.wants, 4);
    }
}
