//! An origin with so many servers and a queue before them, in simulated time.

use super::*;
use base::IdSource;
use proptest::prelude::*;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

const SECOND: u64 = 1_000_000_000;
const MILLI: u64 = 1_000_000;
/// Nobody waits longer than this for an answer.
const TIMEOUT: u64 = 2 * SECOND;

/// How the world is for a while.
#[derive(Clone, Copy)]
struct Weather {
    /// Requests the origin works on at a time.
    servers: usize,
    /// The mean of what each takes.
    service: u64,
    /// Requests that come, each second.
    rate: u64,
}

impl Weather {
    /// Twice as many requests as the origin can take.
    fn overload(servers: usize) -> Self {
        let service = 50 * MILLI;
        Self { servers, service, rate: 2 * servers as u64 * SECOND / service }
    }
}

struct World {
    limiter: Limiter,
    random: IdSource,
    now: u64,
    inflight: u32,
    busy: usize,
    /// When each of the waiting requests was sent.
    queue: VecDeque<u64>,
    /// When work on a request ends, and when that was sent.
    working: BinaryHeap<Reverse<(u64, u64)>>,
}

/// What was seen over a while.
#[derive(Debug, Default)]
struct Report {
    limits: Vec<u32>,
    /// In nanoseconds, sorted.
    round_trips: Vec<u64>,
    shed: usize,
}

impl Report {
    fn mean_limit(&self) -> f64 {
        self.limits.iter().copied().map(f64::from).sum::<f64>() / self.limits.len() as f64
    }

    fn p99(&self) -> Duration {
        Duration::from_nanos(self.round_trips[self.round_trips.len() * 99 / 100])
    }
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            limiter: Limiter::new(LimiterSettings::default()),
            random: IdSource::seeded(seed),
            now: 0,
            inflight: 0,
            busy: 0,
            queue: VecDeque::new(),
            working: BinaryHeap::new(),
        }
    }

    /// Exponentially distributed.
    fn about(&mut self, mean: u64) -> u64 {
        let share = (self.random.below(1 << 30) + 1) as f64 / f64::from(1 << 30);
        Duration::from_nanos(mean).mul_f64(-share.ln()).as_nanos() as u64
    }

    /// Works are between half and one and a half of their mean.
    fn begin_works(&mut self, weather: Weather) {
        while self.busy < weather.servers
            && let Some(sent) = self.queue.pop_front()
        {
            let takes = weather.service / 2 + self.random.below(weather.service as usize) as u64;
            self.busy += 1;
            self.working.push(Reverse((self.now + takes, sent)));
        }
    }

    fn end_work(&mut self, sent: u64, report: &mut Report) {
        let took = self.now - sent;
        let rtt = Duration::from_nanos(took.min(TIMEOUT));
        self.limiter.sample(rtt, self.inflight, Moment::from_nanos(self.now), took > TIMEOUT);
        self.busy -= 1;
        self.inflight -= 1;
        report.round_trips.push(took);
        report.limits.push(self.limiter.limit());
    }

    /// Lets so many seconds pass.
    fn pass(&mut self, seconds: u64, weather: Weather) -> Report {
        let mut report = Report::default();
        let end = self.now + seconds * SECOND;
        let between = SECOND / weather.rate;
        let mut arrival = self.now + self.about(between);
        loop {
            let ended = self.working.peek().map_or(u64::MAX, |Reverse((at, _))| *at);
            self.now = ended.min(arrival);
            if self.now >= end {
                break;
            }
            if ended <= arrival {
                let Reverse((_, sent)) = self.working.pop().expect("it was peeked at");
                self.end_work(sent, &mut report);
            } else {
                arrival = self.now + self.about(between);
                if self.inflight < self.limiter.limit() {
                    self.inflight += 1;
                    self.queue.push_back(self.now);
                } else {
                    report.shed += 1;
                }
            }
            self.begin_works(weather);
        }
        self.now = end;
        report.round_trips.sort_unstable();
        report
    }
}

/// Checks the state in which the limit has settled.
fn check_settled(report: &Report, weather: Weather, what: &str) {
    let servers = weather.servers as f64;
    let mean = report.mean_limit() / servers;
    assert!((0.7..=2.0).contains(&mean), "{what}: the limit is {mean:.2} of what the origin takes");
    let near = report.limits.iter().filter(|&&l| (0.5..=2.5).contains(&(f64::from(l) / servers))).count();
    assert!(near * 100 >= report.limits.len() * 95, "{what}: it strays");
    let p99 = report.p99();
    assert!(p99 <= Duration::from_nanos(4 * weather.service), "{what}: p99 is {p99:?}");
}

#[test]
fn under_overload_the_limit_settles_near_what_the_origin_takes() {
    for (servers, minutes) in [(8, 20), (20, 10), (100, 2)] {
        let mut world = World::new(servers as u64);
        let weather = Weather::overload(servers);
        world.pass(60, weather);
        // Many minutes more: a limit that creeps up does so slowly.
        for minute in 0..minutes {
            let report = world.pass(60, weather);
            check_settled(&report, weather, &format!("{servers} servers, minute {minute}"));
            let most = 60 * SECOND / weather.service * servers as u64;
            assert!(report.round_trips.len() as u64 > most * 9 / 10, "the origin has work to do");
        }
    }
}

#[test]
fn the_limit_follows_what_the_origin_takes_up_and_down() {
    let mut world = World::new(1);
    let before = Weather::overload(40);
    world.pass(60, before);
    check_settled(&world.pass(30, before), before, "before");
    let doubled = Weather { servers: 80, rate: before.rate * 2, ..before };
    world.pass(30, doubled);
    check_settled(&world.pass(30, doubled), doubled, "doubled");
    let halved = Weather { servers: 40, ..doubled };
    world.pass(30, halved);
    check_settled(&world.pass(30, halved), halved, "halved again");
}

#[test]
fn a_limit_that_rose_high_comes_down_when_the_origin_loses_most_of_its_room() {
    let mut world = World::new(2);
    let wide = Weather { servers: 2_000, service: 50 * MILLI, rate: 8_000 };
    let report = world.pass(60, wide);
    assert!(world.limiter.limit() > 500, "{}", world.limiter.limit());
    assert!(report.shed < report.round_trips.len() / 20, "it sheds while it learns, {} times", report.shed);
    let narrow = Weather { servers: 50, ..wide };
    world.pass(60, narrow);
    check_settled(&world.pass(30, narrow), narrow, "narrow");
}

#[test]
fn an_origin_that_has_room_is_left_alone() {
    let mut world = World::new(3);
    let light = Weather { servers: 1_000, service: 50 * MILLI, rate: 200 };
    assert_eq!(world.pass(120, light).shed, 0);
    // Slower for reasons of its own: four times as many in flight, none of them waiting.
    let slower = Weather { service: 200 * MILLI, ..light };
    world.pass(60, slower);
    assert_eq!(world.pass(120, slower).shed, 0);
}

#[test]
fn an_origin_that_hangs_gets_the_least_and_its_share_again_when_it_is_back() {
    let mut world = World::new(4);
    let well = Weather::overload(100);
    world.pass(60, well);
    // Each takes longer than anybody waits.
    world.pass(60, Weather { service: 8 * SECOND, ..well });
    assert_eq!(world.limiter.limit(), 5);
    world.pass(60, well);
    check_settled(&world.pass(30, well), well, "it is back");
}

#[test]
fn timeouts_lower_the_limit_in_proportion() {
    let settled = |every: u32| {
        let limiter = Limiter::new(LimiterSettings::default());
        for i in 0..200_000_u32 {
            let now = Moment::ORIGIN + Duration::from_millis(i.into());
            limiter.sample(Duration::from_millis(10), limiter.limit(), now, i % every == 0);
        }
        limiter.limit()
    };
    let (many, some, few) = (settled(2), settled(10), settled(1_000));
    assert!(many <= 5 && (50..=150).contains(&some) && few > 900, "{many} {some} {few}");
}

#[test]
fn bounds_that_contradict_each_other_are_put_in_order() {
    let limiter =
        |initial, min, max| Limiter::new(LimiterSettings { initial, min, max, tolerance: f64::NAN }).limit();
    assert_eq!([limiter(0, 0, 0), limiter(20, 30, 10), limiter(9, 1, 5)], [1, 30, 5]);
}

#[test]
fn workers_that_sample_at_once_do_not_wait_and_keep_the_bounds() {
    let limiter = Limiter::new(LimiterSettings { max: 50, ..LimiterSettings::default() });
    std::thread::scope(|scope| {
        for worker in 0..4_u64 {
            let limiter = &limiter;
            scope.spawn(move || {
                for i in 0..20_000 {
                    let now = Moment::ORIGIN + Duration::from_millis(i);
                    limiter.sample(Duration::from_millis(5 + worker), limiter.limit(), now, false);
                    assert!((5..=50).contains(&limiter.limit()));
                }
            });
        }
    });
    assert_eq!(limiter.limit(), 50, "steady round trips let it rise to its most");
}

proptest! {
    #[test]
    fn no_sample_leads_beyond_the_bounds(
        min in 0_u32..50,
        more in 0_u32..1_000,
        tolerance in -1.0_f64..10.0,
        samples in proptest::collection::vec((any::<u64>(), 0_u32..64, any::<u32>(), any::<bool>()), 1..60),
    ) {
        let settings = LimiterSettings { initial: 20, min, max: min + more, tolerance };
        let limiter = Limiter::new(settings);
        let mut now = Moment::ORIGIN;
        for (time, shift, inflight, failed) in samples {
            // Sixty of a kind, so that windows end.
            for _ in 0..60 {
                now = now + Duration::from_millis(time >> shift.max(40));
                limiter.sample(Duration::from_secs(time >> shift), inflight, now, failed);
                prop_assert!((min.max(1)..=(min + more).max(1)).contains(&limiter.limit()));
            }
        }
    }
}
