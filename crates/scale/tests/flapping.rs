//! Counts do not go up and down and up again, whatever the load does.

mod play;

use base::IdSource;
use play::{Play, course, settings};
use proptest::prelude::*;
use scale::{Decision, Direction};
use std::time::Duration;

/// Of `Settings::default`.
const WINDOW: Duration = Duration::from_secs(300);

/// The moments at which the direction is another than that of the change before.
fn turns(changes: &[Decision]) -> Vec<&Decision> {
    let pairs = changes.windows(2).filter(|pair| pair[0].direction() != pair[1].direction());
    pairs.map(|pair| &pair[1]).collect()
}

/// No fall within a window of a rise, and no more than one turn a window.
fn assert_steady(play: &Play, name: &str) {
    let story = || format!("{name}, start time {:?}: {:?}", play.start_time, course(&play.changes));
    for pair in play.changes.windows(2) {
        let turned_down = pair[0].direction() == Direction::Up && pair[1].direction() == Direction::Down;
        assert!(!turned_down || pair[1].at.since(pair[0].at) >= WINDOW, "{}", story());
    }
    let turns = turns(&play.changes);
    let downward: Vec<_> = turns.iter().filter(|turn| turn.direction() == Direction::Down).collect();
    for pair in downward.windows(2) {
        assert!(pair[1].at.since(pair[0].at) >= WINDOW * 2, "{}", story());
    }
    assert!(turns.len() as u64 <= play.now.as_secs() / WINDOW.as_secs() + 1, "{}", story());
}

/// Plays a load with instances that are there at once, start fast and start slowly.
fn play_all(name: &str, seconds: u64, step: Duration, load: impl Fn(f64) -> f64) -> Play {
    let play = |start_time| {
        let mut play = Play::new(settings(50), 1, Duration::from_secs(start_time));
        play.run(seconds, step, &load);
        assert_steady(&play, name);
        play
    };
    let _ = (play(0), play(30));
    play(3)
}

const TENTH: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_step_goes_up_once_and_down_once() {
    let load = |second: f64| if (300.0..900.0).contains(&second) { 100.0 } else { 5.0 };
    let play = play_all("step", 1_600, TENTH, load);
    assert_eq!(turns(&play.changes).len(), 1, "{:?}", course(&play.changes));
    assert_eq!(play.changes.iter().map(|change| change.to).max(), Some(10));
    let there = play.changes.iter().find(|change| change.to == 10).expect("all that is wanted");
    assert!(there.at.since(base::Moment::ORIGIN) < Duration::from_secs(345), "{:?}", course(&play.changes));
    assert_eq!(play.scaler.wanted(), 1);
}

#[test]
fn a_ramp_goes_up_and_stays() {
    let play = play_all("ramp", 1_200, TENTH, |second| (second / 3.0).min(200.0));
    assert!(turns(&play.changes).is_empty());
    // 190 are wanted for 19, which is within a tenth of 200.
    assert!((19..=21).contains(&play.scaler.wanted()), "{}", play.scaler.wanted());
}

#[test]
fn a_spike_goes_up_at_once_and_down_once() {
    let load = |second: f64| if (400.0..430.0).contains(&second) { 120.0 } else { 18.0 };
    let play = play_all("spike", 1_500, TENTH, load);
    assert_eq!(turns(&play.changes).len(), 1, "{:?}", course(&play.changes));
    assert_eq!(play.scaler.wanted(), 2);
}

#[test]
fn teeth_of_a_saw_are_carried_however_long_they_are() {
    for period in [20.0, 120.0, 310.0, 400.0, 700.0, 1_300.0] {
        let load = |second: f64| 10.0 + 140.0 * (second % period) / period;
        play_all(&format!("teeth of {period} s"), 7_200, SECOND, load);
        let blocks = |second: f64| if second % period < period / 4.0 { 100.0 } else { 10.0 };
        play_all(&format!("blocks of {period} s"), 7_200, SECOND, blocks);
    }
}

#[test]
fn noise_moves_nothing_once_it_is_known() {
    let noise = |second: f64| {
        // The same for each play: a number of the tenth of a second.
        let mut random = IdSource::seeded((second * 10.0).round().to_bits());
        55.0 + (random.next_u64() % 600) as f64 / 10.0
    };
    let play = play_all("noise", 3_600, TENTH, noise);
    let late = play.changes.iter().filter(|change| change.at.nanos() > 700_000_000_000);
    assert_eq!(late.count(), 0, "{:?}", course(&play.changes));
}

#[test]
fn a_day_goes_up_in_the_morning_and_down_in_the_evening() {
    let load = |second: f64| {
        let hours = second / 3_600.0;
        5.0 + 200.0 * (1.0 - (hours / 24.0 * std::f64::consts::TAU).cos()) / 2.0
    };
    let play = play_all("day", 24 * 3_600, Duration::from_secs(5), load);
    assert_eq!(turns(&play.changes).len(), 1, "{:?}", course(&play.changes));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Plateaus of random heights and lengths.
    #[test]
    fn whatever_the_load_does_directions_change_no_more_than_once_a_window(
        plateaus in proptest::collection::vec((1_u64..600, 0.0_f64..400.0), 1..30),
        start_time in 0_u64..40,
    ) {
        let mut play = Play::new(settings(50), 1, Duration::from_secs(start_time));
        for (seconds, load) in plateaus {
            play.run(seconds, SECOND, |_| load);
        }
        assert_steady(&play, "plateaus");
    }
}
