//! A simulated endpoint: it works on a few requests at a time, lets the others queue, and misbehaves as told.

use balance::Seen;
use base::{IdSource, Moment};
use std::time::Duration;

/// What a request takes at least.
const LEAST_WORK: Duration = Duration::from_millis(4);
/// What it takes more, on average: exponentially distributed.
const MORE_WORK: Duration = Duration::from_millis(6);
/// Requests that an endpoint works on at a time, so that ten of them carry 4,000 a second.
const SLOTS: usize = 4;
/// A request that would queue for longer than this is refused with 503.
const LONGEST_QUEUE: Duration = Duration::from_secs(2);
/// A flapping endpoint is well for so long, then unwell for as long.
const FLAP: Duration = Duration::from_secs(5);
/// One request in so many gets lost at an endpoint that loses some.
const LOST_ONE_IN: usize = 5;

/// How an endpoint behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Behaviour {
    /// 10 ms on average.
    Healthy,
    /// Ten times as long.
    Slow,
    /// 500 at once.
    FailsFast,
    /// Connections to it fail at once.
    Refuses,
    /// Well until that time, then as one that refuses.
    Dies(Duration),
    /// Takes requests and never answers.
    Hangs,
    /// Well for 5 s, then resets every connection for 5 s, and so on.
    Flaps,
    /// Resets one connection in five, after the usual time.
    Loses,
    /// Works on one request at a time, and half as fast: 50 a second.
    Overloaded,
    /// Well but from the first to the second time, when it answers 503 to all.
    BrownsOut(Duration, Duration),
}

impl Behaviour {
    /// Is there something wrong with it?
    pub fn is_bad(self) -> bool {
        self != Self::Healthy
    }
}

/// What the gateway sees in the end of one attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// After this time.
    pub(crate) after: Duration,
    pub(crate) seen: Seen,
}

/// An endpoint at work.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) behaviour: Behaviour,
    /// When each of its slots has done what it has taken on.
    free_at: Vec<Moment>,
}

impl Server {
    pub(crate) fn new(behaviour: Behaviour) -> Self {
        let slots = if behaviour == Behaviour::Overloaded { 1 } else { SLOTS };
        Self { behaviour, free_at: vec![Moment::ORIGIN; slots] }
    }

    /// Does it take connections now?
    pub(crate) fn connects(&self, now: Moment) -> bool {
        match self.behaviour {
            Behaviour::Refuses => false,
            Behaviour::Dies(at) => now.since(Moment::ORIGIN) < at,
            _ => true,
        }
    }

    /// Takes a request. What comes of it is known at once, for its queue is served in order; a client that gives up
    /// waiting does not shorten it.
    pub(crate) fn take(&mut self, now: Moment, random: &mut IdSource) -> Answer {
        let since = now.since(Moment::ORIGIN);
        let at_once = |seen| Answer { after: Duration::from_millis(1), seen };
        match self.behaviour {
            Behaviour::FailsFast => at_once(Seen::ServerError),
            Behaviour::Refuses => at_once(Seen::ConnectFailed),
            Behaviour::Dies(at) if since >= at => at_once(Seen::ConnectFailed),
            Behaviour::Hangs => Answer { after: Duration::MAX, seen: Seen::GatewayError },
            Behaviour::Flaps if since.as_nanos() / FLAP.as_nanos() % 2 == 1 => at_once(Seen::GatewayError),
            Behaviour::BrownsOut(from, to) if (from..to).contains(&since) => at_once(Seen::GatewayError),
            Behaviour::Loses if random.below(LOST_ONE_IN) == 0 => {
                self.work(now, 1.0, Seen::GatewayError, random)
            }
            Behaviour::Slow => self.work(now, 10.0, Seen::Good, random),
            Behaviour::Overloaded => self.work(now, 2.0, Seen::Good, random),
            Behaviour::Healthy
            | Behaviour::Loses
            | Behaviour::Flaps
            | Behaviour::Dies(_)
            | Behaviour::BrownsOut(..) => self.work(now, 1.0, Seen::Good, random),
        }
    }

    /// Queues for the first slot that is free, then works `times` as long as usual.
    fn work(&mut self, now: Moment, times: f64, seen: Seen, random: &mut IdSource) -> Answer {
        let first = self.free_at.iter_mut().min().expect("a server has slots");
        let begins = now.max(*first);
        if begins.since(now) > LONGEST_QUEUE {
            return Answer { after: Duration::from_millis(1), seen: Seen::GatewayError };
        }
        let work = LEAST_WORK + MORE_WORK.mul_f64(exponential(random));
        *first = begins + work.mul_f64(times);
        Answer { after: first.since(now), seen }
    }
}

/// A number with an exponential distribution of mean 1; at most 37.
pub(crate) fn exponential(random: &mut IdSource) -> f64 {
    let even = (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    -(1.0 - even).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends so many requests at once and gives what takes longest.
    fn longest(behaviour: Behaviour, requests: usize) -> Duration {
        let (mut server, mut random) = (Server::new(behaviour), IdSource::seeded(1));
        let answers = (0..requests).map(|_| server.take(Moment::ORIGIN, &mut random).after);
        answers.max().unwrap_or_default()
    }

    #[test]
    fn requests_beyond_the_slots_queue_and_too_many_are_refused() {
        let (few, many) = (longest(Behaviour::Healthy, 4), longest(Behaviour::Healthy, 400));
        assert!(few < Duration::from_millis(100), "{few:?}");
        // A hundred for each slot, 10 ms each.
        assert!((800..1_200).contains(&many.as_millis()), "{many:?}");
        let (mut server, mut random) = (Server::new(Behaviour::Healthy), IdSource::seeded(2));
        let refused =
            (0..2_000).filter(|_| server.take(Moment::ORIGIN, &mut random).seen != Seen::Good).count();
        assert!((1_000..1_400).contains(&refused), "two seconds of queue hold 800: {refused}");
    }

    #[test]
    fn each_behaves_as_told() {
        let seen = |behaviour, millis| {
            let now = Moment::ORIGIN + Duration::from_millis(millis);
            Server::new(behaviour).take(now, &mut IdSource::seeded(3)).seen
        };
        let brown_out = Behaviour::BrownsOut(Duration::from_secs(1), Duration::from_secs(2));
        assert_eq!([500, 1_500, 2_500].map(|ms| seen(brown_out, ms) == Seen::Good), [true, false, true]);
        assert_eq!(
            [1, 6_000, 11_000].map(|ms| seen(Behaviour::Flaps, ms) == Seen::Good),
            [true, false, true]
        );
        assert_eq!(seen(Behaviour::Refuses, 0), Seen::ConnectFailed);
        let dies = Behaviour::Dies(Duration::from_secs(1));
        assert_eq!([500, 1_500].map(|ms| seen(dies, ms)), [Seen::Good, Seen::ConnectFailed]);
        assert_eq!(seen(Behaviour::FailsFast, 0), Seen::ServerError);
        assert_eq!(longest(Behaviour::Hangs, 1), Duration::MAX);
        assert!(longest(Behaviour::Slow, 100) > longest(Behaviour::Healthy, 100) * 5);
    }
}
