//! Who is checked when: in time that a test moves. Reconnects: over real sockets.

use super::*;
use crate::endpoint::Place;
use crate::fixture::{at, endpoints, nobody, run, run_paused, until};
use crate::probe::{ProbeKind, Verdict};
use crate::service::Protocol;
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;

const INTERVAL: Duration = Duration::from_secs(2);

fn settings(interval: Duration) -> ProbeSettings {
    let protocol = Protocol::Http1;
    ProbeSettings { kind: ProbeKind::Tcp, interval, timeout: Duration::from_secs(1), port: None, protocol }
}

fn checks_of(endpoints: &[Arc<Endpoint>], interval: Duration) -> Vec<Check> {
    let settings = settings(interval);
    endpoints.iter().map(|e| Check { endpoint: Arc::clone(e), settings: settings.clone() }).collect()
}

fn some(count: usize) -> Vec<Arc<Endpoint>> {
    endpoints((0..count).map(|_| Place::Address(nowhere())), Protocol::Http1, None)
}

/// No test here connects to it.
fn nowhere() -> SocketAddr {
    ([127, 0, 0, 1], 9).into()
}

/// When each endpoint's probes began, by its id, and how many are under way.
#[derive(Clone, Default)]
struct Seen {
    begun: Rc<RefCell<HashMap<usize, Vec<Instant>>>>,
    reported: Rc<RefCell<HashMap<usize, usize>>>,
    open: Rc<Cell<usize>>,
    most_open: Rc<Cell<usize>>,
}

impl Seen {
    /// Checks whose probes take this long.
    fn checks(&self, takes: impl Fn(usize) -> Duration + 'static) -> Checks {
        let (prober, reporter) = (self.clone(), self.clone());
        let takes = Rc::new(takes);
        Checks::probing(
            Rc::new(move |endpoint, _| {
                *reporter.reported.borrow_mut().entry(endpoint.id).or_default() += 1;
            }),
            Rc::new(move |endpoint, _| {
                let (seen, takes) = (prober.clone(), Rc::clone(&takes));
                Box::pin(async move {
                    seen.begun.borrow_mut().entry(endpoint.id).or_default().push(Instant::now());
                    seen.open.set(seen.open.get() + 1);
                    seen.most_open.set(seen.most_open.get().max(seen.open.get()));
                    sleep(takes(endpoint.id)).await;
                    seen.open.set(seen.open.get() - 1);
                    ProbeOutcome { verdict: Verdict::Passed, took: Duration::ZERO }
                })
            }),
        )
    }

    fn begun(&self, endpoint: &Endpoint) -> Vec<Instant> {
        self.begun.borrow().get(&endpoint.id).cloned().unwrap_or_default()
    }

    fn reported(&self, endpoint: &Endpoint) -> usize {
        self.reported.borrow().get(&endpoint.id).copied().unwrap_or_default()
    }
}

/// Lets time pass. It stands still but here, so this is not a wait for something.
async fn pass(time: Duration) {
    sleep(time).await;
}

#[test]
fn a_checked_endpoint_is_probed_at_once_and_then_each_interval_give_or_take_a_tenth() {
    run_paused(async {
        let (seen, endpoints) = (Seen::default(), some(1));
        let mut checks = seen.checks(|_| Duration::from_millis(10));
        let start = Instant::now();
        checks.adopt(checks_of(&endpoints, INTERVAL));
        pass(INTERVAL * 100).await;
        let begun = seen.begun(&endpoints[0]);
        assert_eq!(begun[0], start);
        let gaps: Vec<_> = begun.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!((90..=112).contains(&gaps.len()), "{}", gaps.len());
        // Tokio's timers are as fine as a millisecond.
        let (least, most) = (INTERVAL * 9 / 10, INTERVAL * 11 / 10 + Duration::from_millis(2));
        assert!(gaps.iter().all(|gap| (least..=most).contains(gap)), "{gaps:?}");
        let (shortest, longest) = (*gaps.iter().min().unwrap(), *gaps.iter().max().unwrap());
        assert!(longest > shortest + INTERVAL / 10, "they differ: {gaps:?}");
    });
}

#[test]
fn an_endpoint_has_one_checker_over_reloads_that_change_nothing() {
    run_paused(async {
        let (seen, endpoints) = (Seen::default(), some(3));
        let mut checks = seen.checks(|_| Duration::ZERO);
        for _ in 0..50 {
            // The same endpoint twice, as from two services.
            let mut wanted = checks_of(&endpoints, INTERVAL);
            wanted.extend(checks_of(&endpoints, INTERVAL / 4));
            checks.adopt(wanted);
            assert_eq!(checks.len(), 3);
            pass(INTERVAL / 10).await;
        }
        for endpoint in &endpoints {
            let probes = seen.begun(endpoint).len();
            assert!((5..=7).contains(&probes), "{probes} probes in 5 intervals");
        }
    });
}

#[test]
fn a_check_that_is_not_wanted_any_more_reports_nothing_more() {
    run_paused(async {
        let (seen, endpoints) = (Seen::default(), some(2));
        let mut checks = seen.checks(|_| Duration::from_millis(500));
        checks.adopt(checks_of(&endpoints, INTERVAL));
        pass(Duration::from_millis(100)).await;
        checks.adopt(checks_of(&endpoints[..1], INTERVAL));
        assert_eq!(checks.len(), 1);
        pass(INTERVAL * 5).await;
        assert_eq!((seen.begun(&endpoints[1]).len(), seen.reported(&endpoints[1])), (1, 0));
        assert!(seen.reported(&endpoints[0]) >= 4);
        drop(checks);
        let before = seen.reported(&endpoints[0]);
        pass(INTERVAL * 5).await;
        assert_eq!(seen.reported(&endpoints[0]), before);
    });
}

#[test]
fn a_check_whose_settings_change_starts_anew_at_once() {
    run_paused(async {
        let (seen, endpoints) = (Seen::default(), some(1));
        let mut checks = seen.checks(|_| Duration::ZERO);
        checks.adopt(checks_of(&endpoints, INTERVAL * 30));
        pass(INTERVAL).await;
        let changed = Instant::now();
        checks.adopt(checks_of(&endpoints, INTERVAL));
        pass(INTERVAL * 10).await;
        let begun = seen.begun(&endpoints[0]);
        assert_eq!(begun[1], changed);
        assert!((10..=14).contains(&begun.len()), "one checker at the new pace: {}", begun.len());
    });
}

#[test]
fn many_first_probes_are_spread_over_a_tenth_of_the_interval_and_a_second_at_most() {
    for (interval, within) in [(INTERVAL, INTERVAL / 10), (INTERVAL * 30, SPREAD_MOST)] {
        run_paused(async move {
            let (seen, endpoints) = (Seen::default(), some(500));
            let mut checks = seen.checks(|_| Duration::from_millis(1));
            let start = Instant::now();
            checks.adopt(checks_of(&endpoints, interval));
            pass(interval / 2).await;
            let delays: Vec<_> = endpoints.iter().map(|e| seen.begun(e)[0] - start).collect();
            let late = *delays.iter().max().unwrap();
            // A place among the first may have to be waited for.
            assert!(late <= within + Duration::from_millis(20) && late > within / 2, "{late:?}");
            assert!(delays[..FEW].iter().all(Duration::is_zero));
            assert!(delays.iter().filter(|d| **d < within / 2).count() > 150);
        });
    }
}

#[test]
fn no_more_first_probes_are_under_way_than_there_are_places() {
    run_paused(async {
        let (seen, endpoints) = (Seen::default(), some(300));
        let mut checks = seen.checks(|_| Duration::from_secs(1));
        checks.adopt(checks_of(&endpoints, INTERVAL * 10));
        pass(INTERVAL * 5).await;
        assert_eq!(seen.most_open.get(), FIRST_MOST);
        assert!(endpoints.iter().all(|e| seen.reported(e) == 1));
    });
}

#[test]
fn a_probe_that_hangs_delays_no_other_one() {
    run_paused(async {
        let (seen, endpoints) = (Seen::default(), some(20));
        let hangs = endpoints[0].id;
        let mut checks =
            seen.checks(move |id| if id == hangs { Duration::from_secs(1000) } else { Duration::ZERO });
        checks.adopt(checks_of(&endpoints, INTERVAL));
        pass(INTERVAL * 10).await;
        assert_eq!(seen.begun(&endpoints[0]).len(), 1);
        assert!(endpoints[1..].iter().all(|e| seen.reported(e) >= 9));
    });
}

#[test]
fn a_probe_longer_than_its_interval_is_followed_by_one_other_at_once() {
    run_paused(async {
        let (seen, endpoints) = (Seen::default(), some(1));
        let mut checks = seen.checks(|_| INTERVAL * 3);
        checks.adopt(checks_of(&endpoints, INTERVAL));
        pass(INTERVAL * 10).await;
        assert_eq!(seen.begun(&endpoints[0]).len(), 4);
        assert_eq!(seen.most_open.get(), 1);
    });
}

#[test]
fn a_real_probe_reports_what_it_found() {
    run(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let places = [listener.local_addr().unwrap(), nobody()].map(Place::Address);
        let endpoints = endpoints(places, Protocol::Http1, None);
        let heard = Rc::<RefCell<HashMap<usize, Verdict>>>::default();
        let writes = Rc::clone(&heard);
        let mut checks = Checks::new(Rc::new(move |endpoint, outcome: ProbeOutcome| {
            writes.borrow_mut().insert(endpoint.id, outcome.verdict);
        }));
        checks.adopt(checks_of(&endpoints, INTERVAL));
        until("both have reported", || heard.borrow().len() == 2).await;
        assert_eq!(heard.borrow()[&endpoints[0].id], Verdict::Passed);
        assert!(matches!(heard.borrow()[&endpoints[1].id], Verdict::Unreachable(_)));
    });
}

/// Counts what is reported.
fn counting() -> (OnProbe, Rc<Cell<usize>>) {
    let count = Rc::<Cell<usize>>::default();
    let counted = Rc::clone(&count);
    (Rc::new(move |_, _| counted.set(counted.get() + 1)), count)
}

#[test]
fn a_dead_endpoint_is_tried_ever_more_seldom_until_a_connection_opens() {
    run_paused(async {
        let tried = Rc::<RefCell<Vec<Instant>>>::default();
        let notes = Rc::clone(&tried);
        let (report, count) = counting();
        let prober: Prober = Rc::new(move |_, how| {
            assert_eq!(how.kind, ProbeKind::Tcp);
            let mut tried = notes.borrow_mut();
            tried.push(Instant::now());
            let opens = tried.len() == 12;
            let verdict = if opens { Verdict::Passed } else { Verdict::Unreachable("refused".into()) };
            Box::pin(std::future::ready(ProbeOutcome { verdict, took: Duration::ZERO }))
        });
        let endpoint = at(nowhere());
        let mut reconnects = Reconnects::probing(report, prober);
        let start = Instant::now();
        reconnects.watch(&endpoint);
        reconnects.watch(&endpoint);
        assert_eq!(reconnects.len(), 1);
        pass(INTERVAL * 30).await;
        assert_eq!((tried.borrow().len(), count.get()), (12, 1));
        assert!(reconnects.is_empty());
        let (mut before, mut wait) = (start, Duration::from_millis(250));
        for &at in tried.borrow().iter() {
            let (least, most) = (wait.mul_f64(0.89), wait.mul_f64(1.1) + Duration::from_millis(2));
            assert!((least..=most).contains(&(at - before)), "{wait:?}: {:?}", at - before);
            before = at;
            wait = wait.mul_f64(1.5).min(Duration::from_secs(2));
        }
    });
}

#[test]
fn an_endpoint_that_listens_again_is_found_each_time_it_is_looked_for() {
    run(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let endpoint = at(socket.local_addr().unwrap());
        let (report, count) = counting();
        let mut reconnects = Reconnects::new(report);
        reconnects.watch(&endpoint);
        let listener = socket.listen(8).unwrap();
        until("its return is seen", || count.get() == 1).await;
        listener.accept().await.unwrap();
        reconnects.watch(&endpoint);
        until("it is seen again", || count.get() == 2).await;
    });
}

#[test]
fn a_forgotten_endpoint_is_not_tried_any_more() {
    run_paused(async {
        let (report, _) = counting();
        let mut reconnects = Reconnects::new(report);
        let endpoint = at(nowhere());
        let before = Arc::strong_count(&endpoint);
        reconnects.watch(&endpoint);
        reconnects.forget(endpoint.id);
        assert!(reconnects.is_empty());
        pass(INTERVAL).await;
        assert_eq!(Arc::strong_count(&endpoint), before, "the task is gone, and what it held");
    });
}
