//! The instances of a service in virtual time: they start, they are ready, they are given up.
//!
//! An instance takes its start time, spread evenly by a fifth to each side, before it is ready. While the trace says that
//! instances crash, each ends as soon as it was launched, and is launched again after a back-off that grows.
//! *Invariant*: starting and ready together are what was wanted last. *Not here*: requests; draining ones are the pool's.

use base::IdSource;
use std::collections::VecDeque;

/// A start takes this share of its mean less or more.
const SPREAD: f64 = 0.2;
/// What a new start counts for, beside all earlier ones.
const NEWS: f64 = 0.3;
/// So many ends in so many seconds are a crash loop.
const LOOP_ENDS: usize = 5;
const LOOP_SECONDS: f64 = 60.0;

/// The pause before an instance that ended is launched again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pause {
    /// The first one, in seconds.
    pub(crate) first: f64,
    /// How much longer each is than the one before.
    pub(crate) growth: f64,
    /// The longest, in seconds.
    pub(crate) longest: f64,
}

impl Pause {
    /// As Tidegate does: 100 ms, half as long again each time, up to 15 s.
    pub(crate) const TIDEGATE: Self = Self { first: 0.1, growth: 1.5, longest: 15.0 };
    /// As the kubelet does: 10 s, doubling, up to 5 minutes.
    pub(crate) const KUBELET: Self = Self { first: 10.0, growth: 2.0, longest: 300.0 };

    fn after(self, ends: u32) -> f64 {
        (self.first * self.growth.powi(i32::try_from(ends.min(64)).unwrap_or(64) - 1)).min(self.longest)
    }
}

/// An instance that is not ready.
#[derive(Clone, Copy, Debug)]
struct Starting {
    launched: f64,
    /// When it is ready; or, while it pauses, when it is launched again.
    next: f64,
    pauses: bool,
    ends: u32,
}

/// All instances.
#[derive(Clone, Debug)]
pub(crate) struct Fleet {
    ready: u32,
    starting: Vec<Starting>,
    /// The mean start time, in seconds.
    start_time: f64,
    learnt: Option<f64>,
    pause: Pause,
    crashing: bool,
    ends: VecDeque<f64>,
    loops: bool,
    random: IdSource,
}

impl Fleet {
    /// So many are ready.
    pub(crate) fn new(ready: u32, start_time: f64, pause: Pause, seed: u64) -> Self {
        Self {
            ready,
            starting: Vec::new(),
            start_time,
            learnt: None,
            pause,
            crashing: false,
            ends: VecDeque::new(),
            loops: false,
            random: IdSource::seeded(seed),
        }
    }

    pub(crate) fn ready(&self) -> u32 {
        self.ready
    }

    pub(crate) fn starting(&self) -> u32 {
        u32::try_from(self.starting.len()).unwrap_or(u32::MAX)
    }

    /// How long starts took lately, in seconds.
    pub(crate) fn learnt(&self) -> Option<f64> {
        self.learnt
    }

    /// Instances end as soon as they start.
    pub(crate) fn is_looping(&self) -> bool {
        self.loops
    }

    /// From now on launched instances end at once, or no longer do.
    pub(crate) fn crash(&mut self, on: bool) {
        self.crashing = on;
    }

    /// So many are wanted. Returns how many ready ones are given up; those that start go first.
    pub(crate) fn want(&mut self, count: u32, now: f64) -> u32 {
        while self.ready + self.starting() < count {
            let new = Starting { launched: now, next: now, pauses: true, ends: 0 };
            self.starting.push(new);
        }
        let over = (self.ready + self.starting()) - count;
        let given_up = over.min(self.starting());
        self.starting.truncate((self.starting() - given_up) as usize);
        self.ready -= over - given_up;
        self.advance(now);
        over - given_up
    }

    /// Lets all happen that is due.
    pub(crate) fn advance(&mut self, now: f64) {
        for at in 0..self.starting.len() {
            if self.starting[at].next <= now {
                self.happen(at, now);
            }
        }
        let before = self.starting.len();
        // Whoever is neither launched nor pauses has become ready.
        self.starting.retain(|one| one.next > now);
        let became_ready = before - self.starting.len();
        self.ready += u32::try_from(became_ready).unwrap_or(u32::MAX);
        self.loops &= became_ready == 0;
    }

    fn happen(&mut self, at: usize, now: f64) {
        let one = self.starting[at];
        if self.crashing {
            let ends = one.ends + 1;
            self.note_end(now);
            let pause = self.pause.after(ends);
            self.starting[at] = Starting { next: now + pause, pauses: true, ends, ..one };
        } else if one.pauses {
            let takes = self.takes();
            self.starting[at] = Starting { launched: now, next: now + takes, pauses: false, ..one };
        } else {
            let took = now - one.launched;
            self.learnt = Some(self.learnt.map_or(took, |known| known + NEWS * (took - known)));
        }
    }

    fn note_end(&mut self, now: f64) {
        self.ends.push_back(now);
        while self.ends.len() > LOOP_ENDS {
            self.ends.pop_front();
        }
        let recent = self.ends.iter().filter(|end| now - **end <= LOOP_SECONDS).count();
        self.loops |= recent >= LOOP_ENDS;
    }

    fn takes(&mut self) -> f64 {
        let evenly = (self.random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        // A start that takes no time at all would never be seen as one.
        (self.start_time * (1.0 - SPREAD + 2.0 * SPREAD * evenly)).max(1e-3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet(ready: u32) -> Fleet {
        Fleet::new(ready, 5.0, Pause::TIDEGATE, 1)
    }

    #[test]
    fn an_instance_is_ready_after_about_its_start_time() {
        let mut fleet = fleet(1);
        assert_eq!(fleet.want(3, 10.0), 0);
        fleet.advance(13.9);
        assert_eq!((fleet.ready(), fleet.starting()), (1, 2));
        fleet.advance(16.1);
        assert_eq!((fleet.ready(), fleet.starting()), (3, 0));
        assert!((4.0..6.2).contains(&fleet.learnt().unwrap()));
    }

    #[test]
    fn those_that_start_are_given_up_before_those_that_are_ready() {
        let mut fleet = fleet(2);
        fleet.want(4, 0.0);
        assert_eq!(fleet.want(1, 1.0), 1);
        assert_eq!((fleet.ready(), fleet.starting()), (1, 0));
    }

    #[test]
    fn instances_that_crash_are_launched_again_and_looping_is_noticed_until_one_is_ready() {
        let mut fleet = fleet(1);
        fleet.crash(true);
        fleet.want(2, 0.0);
        let mut tick = 0_u32;
        while !fleet.is_looping() {
            tick += 1;
            assert!(tick < 600, "the crash loop is not noticed within a minute");
            fleet.advance(f64::from(tick) / 10.0);
        }
        assert_eq!((fleet.ready(), fleet.starting()), (1, 1));
        fleet.crash(false);
        fleet.advance(100.0);
        assert!(fleet.is_looping(), "launched is not ready");
        fleet.advance(107.0);
        assert!(!fleet.is_looping());
        assert_eq!((fleet.ready(), fleet.starting()), (2, 0));
    }

    #[test]
    fn the_pauses_of_a_kubelet_double_up_to_five_minutes() {
        let pauses: Vec<f64> = (1..8).map(|n| Pause::KUBELET.after(n)).collect();
        assert_eq!(pauses, [10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0]);
    }
}
