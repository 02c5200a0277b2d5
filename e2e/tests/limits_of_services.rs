//! How many requests and connections an endpoint gets at once, who waits meanwhile, and who is sent away.

use e2e::{
    Crowd, Origin, PATIENCE, Raw, Response, Tidegate, at_once, eventually, get, is_problem, post, soon,
};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::{Duration, Instant};

fn gateway_to(url: &str, keys: &str) -> Tidegate {
    Tidegate::start(&format!(
        "services: {{ api: {{ endpoints: [\"{url}\"], {keys} }} }}\nroutes: [{{ service: api }}]\nworkers: 2\n"
    ))
}

/// An origin that counts what it works on, and takes its time over it.
struct Busy {
    origin: Origin,
    most: Arc<AtomicUsize>,
}

impl Busy {
    fn taking(time: Duration) -> Self {
        let (now, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        let highest = Arc::clone(&most);
        let origin = Origin::start(move |exchange| {
            highest.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let whole = exchange.read_body();
            std::thread::sleep(time);
            // Before the answer, since the next request may be here before we come to anything behind it.
            now.fetch_sub(1, Ordering::SeqCst);
            if whole {
                exchange.send_ok("done");
            }
        });
        Self { origin, most }
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

/// An origin that holds each request until its turn is called, in the order in which they came.
struct Held {
    origin: Origin,
    turns: Arc<(Mutex<usize>, Condvar)>,
}

impl Held {
    fn start() -> Self {
        let turns = Arc::new((Mutex::new(0), Condvar::new()));
        let (theirs, came) = (Arc::clone(&turns), AtomicUsize::new(0));
        let origin = Origin::start(move |exchange| {
            let mine = came.fetch_add(1, Ordering::SeqCst);
            let (called, bell) = &*theirs;
            let called = called.lock().expect("no handler panics");
            drop(bell.wait_timeout_while(called, PATIENCE, |called| *called <= mine));
            if exchange.read_body() {
                let target = exchange.request().target.clone();
                exchange.send_ok(target);
            }
        });
        Self { origin, turns }
    }

    /// Lets the next request be answered.
    fn call(&self) {
        *self.turns.0.lock().expect("no handler panics") += 1;
        self.turns.1.notify_all();
    }

    /// Lets all be answered, now and later.
    fn call_all(&self) {
        *self.turns.0.lock().expect("no handler panics") += 1_000_000;
        self.turns.1.notify_all();
    }

    fn targets(&self) -> Vec<String> {
        self.origin.requests().into_iter().map(|request| request.target).collect()
    }

    #[track_caller]
    fn wait_for(&self, count: usize) {
        soon(&format!("{count} requests arrived"), || self.origin.requests().len() == count);
    }
}

#[track_caller]
fn wait_for_queue(gateway: &Tidegate, length: usize) {
    soon(&format!("{length} requests wait"), || gateway.service("api")["waiting"] == length);
}

/// Sends a GET for that target and leaves it on its way.
fn sent(gateway: &Tidegate, target: &str) -> Raw {
    let mut client = gateway.connect();
    client.send(get(target, ""));
    client
}

#[track_caller]
fn is_full(answer: &Response) {
    assert_eq!(answer.status, 503, "{answer}");
    assert!(is_problem(answer) && answer.fields.has("retry-after"), "{answer}");
}

#[test]
fn no_endpoint_gets_more_requests_at_once_than_max_requests() {
    let busy = Busy::taking(Duration::from_millis(5));
    let gateway = gateway_to(&busy.origin.url(), "max_requests: 3, queue: { timeout: 30s }");
    let crowd = Crowd::start(gateway.address(), 16, &get("/", ""));
    soon("many requests were served", || crowd.seen() > 300);
    let answers = crowd.stop();
    assert!(answers.iter().all(|answer| answer.status == 200), "all waited and were served");
    assert_eq!(busy.most(), 3, "all places are used, and no more");
}

#[test]
fn no_endpoint_gets_more_connections_than_max_connections() {
    for request in [get("/", ""), post("/", "", "body"), get("/", "Connection: close\r\n")] {
        let busy = Busy::taking(Duration::from_millis(3));
        let gateway = gateway_to(&busy.origin.url(), "max_connections: 3, queue: { timeout: 30s }");
        let crowd = Crowd::start(gateway.address(), 16, &request);
        soon("many requests were served", || crowd.seen() > 300);
        let answers = crowd.stop();
        let failed: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
        assert!(failed.is_empty(), "{} of {} failed: {}", failed.len(), answers.len(), failed[0]);
        assert!(busy.most() <= 3, "{} requests at once", busy.most());
        assert!(busy.origin.most_connections() <= 3, "{} connections", busy.origin.most_connections());
    }
}

#[test]
fn one_connection_is_enough_for_two_workers() {
    let busy = Busy::taking(Duration::ZERO);
    let gateway = gateway_to(&busy.origin.url(), "max_connections: 1, queue: { timeout: 30s }");
    let crowd = Crowd::start(gateway.address(), 8, &get("/", ""));
    soon("many requests were served", || crowd.seen() > 300);
    let answers = crowd.stop();
    let failed: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
    assert!(failed.is_empty(), "{} of {} failed: {}", failed.len(), answers.len(), failed[0]);
    assert_eq!((busy.most(), busy.origin.most_connections()), (1, 1));
}

#[test]
fn a_request_waits_for_room_and_is_served_when_it_comes() {
    let held = Held::start();
    let gateway = gateway_to(&held.origin.url(), "max_requests: 1, queue: { timeout: 30s }");
    let mut first = sent(&gateway, "/first");
    held.wait_for(1);
    let mut second = sent(&gateway, "/second");
    wait_for_queue(&gateway, 1);
    soon("the metrics show it", || gateway.metric("tidegate_queue_waiting", &["service=\"api\""]) == 1);
    assert_eq!(held.targets(), ["/first"]);
    held.call_all();
    assert_eq!((first.response().text(), second.response().text()), ("/first".into(), "/second".into()));
    wait_for_queue(&gateway, 0);
}

#[test]
fn those_that_wait_are_served_in_the_order_in_which_they_came() {
    let held = Held::start();
    let gateway = gateway_to(&held.origin.url(), "max_requests: 1, queue: { timeout: 30s }");
    let mut clients = vec![sent(&gateway, "/0")];
    held.wait_for(1);
    for n in 1..8 {
        clients.push(sent(&gateway, &format!("/{n}")));
        wait_for_queue(&gateway, n);
    }
    held.call_all();
    for client in &mut clients {
        assert_eq!(client.response().status, 200);
    }
    assert_eq!(held.targets(), (0..8).map(|n| format!("/{n}")).collect::<Vec<_>>());
}

#[test]
fn whoever_comes_later_overtakes_nobody_who_waits() {
    let held = Held::start();
    let gateway = gateway_to(&held.origin.url(), "max_requests: 1, queue: { timeout: 30s }");
    let mut first = sent(&gateway, "/first");
    held.wait_for(1);
    let mut patient = sent(&gateway, "/patient");
    wait_for_queue(&gateway, 1);
    // Its client asks again as soon as it has its answer, over the connection that it has.
    held.call();
    assert_eq!(first.response().text(), "/first");
    first.send(get("/again", ""));
    held.wait_for(2);
    held.call_all();
    assert_eq!((patient.response().status, first.response().status), (200, 200));
    assert_eq!(held.targets(), ["/first", "/patient", "/again"]);
}

#[test]
fn the_important_are_served_before_the_unimportant() {
    let held = Held::start();
    let routes = ["low", "normal", "high"]
        .map(|class| format!("{{ match: {{ path: \"/{class}/*\" }}, service: api, priority: {class} }}"));
    let gateway = Tidegate::start(&format!(
        "services: {{ api: {{ endpoints: [\"{}\"], max_requests: 1, queue: {{ timeout: 30s }} }} }}\n\
         routes: [{}]\nworkers: 2\n",
        held.origin.url(),
        routes.join(", ")
    ));
    let mut clients = vec![sent(&gateway, "/normal/0")];
    held.wait_for(1);
    for (n, target) in ["/low/1", "/normal/1", "/low/2", "/high/1", "/normal/2", "/high/2"].iter().enumerate()
    {
        clients.push(sent(&gateway, target));
        wait_for_queue(&gateway, n + 1);
    }
    held.call_all();
    for client in &mut clients {
        assert_eq!(client.response().status, 200);
    }
    let order = ["/normal/0", "/high/1", "/high/2", "/normal/1", "/normal/2", "/low/1", "/low/2"];
    assert_eq!(held.targets(), order);
}

#[test]
fn with_a_full_queue_the_less_important_gives_way() {
    let held = Held::start();
    let gateway = Tidegate::start(&format!(
        "services: {{ api: {{ endpoints: [\"{}\"], max_requests: 1, queue: {{ size: 1, timeout: 30s }} }} }}\n\
         routes: [{{ match: {{ path: /low }}, service: api, priority: low }}, {{ service: api, priority: high }}]\n",
        held.origin.url()
    ));
    let mut first = sent(&gateway, "/first");
    held.wait_for(1);
    let mut low = sent(&gateway, "/low");
    wait_for_queue(&gateway, 1);
    let mut high = sent(&gateway, "/high");
    is_full(&low.response());
    is_full(&gateway.get("/high"));
    held.call_all();
    assert_eq!((first.response().status, high.response().text()), (200, "/high".into()));
}

#[test]
fn a_full_queue_sends_clients_away_at_once() {
    let held = Held::start();
    let gateway = gateway_to(&held.origin.url(), "max_requests: 1, queue: { size: 2, timeout: 30s }");
    let mut clients = vec![sent(&gateway, "/0")];
    held.wait_for(1);
    for n in 1..3 {
        clients.push(sent(&gateway, &format!("/{n}")));
        wait_for_queue(&gateway, n);
    }
    let start = Instant::now();
    is_full(&gateway.get("/late"));
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(gateway.metric("tidegate_stops_total", &["reason=\"queue_full\""]), 1);
    held.call_all();
    assert!(clients.iter_mut().all(|client| client.response().status == 200));
}

#[test]
fn without_a_queue_nobody_waits() {
    let held = Held::start();
    let gateway = gateway_to(&held.origin.url(), "max_requests: 1, queue: 0");
    let mut first = sent(&gateway, "/0");
    held.wait_for(1);
    is_full(&gateway.get("/late"));
    held.call_all();
    assert_eq!(first.response().status, 200);
    soon("there is room again", || gateway.get("/later").status == 200);
}

#[test]
fn whoever_waits_too_long_is_sent_away() {
    let held = Held::start();
    let gateway = gateway_to(&held.origin.url(), "max_requests: 1, queue: { timeout: 300ms }");
    let mut first = sent(&gateway, "/0");
    held.wait_for(1);
    let start = Instant::now();
    is_full(&gateway.get("/late"));
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(250) && took < Duration::from_secs(5), "{took:?}");
    assert_eq!(gateway.metric("tidegate_stops_total", &["reason=\"queue_timeout\""]), 1);
    wait_for_queue(&gateway, 0);
    held.call_all();
    assert_eq!(first.response().status, 200);
    assert_eq!(held.targets(), ["/0"], "what was sent away was never sent on");
}

#[test]
fn a_client_that_leaves_the_queue_leaves_its_place_to_others() {
    let held = Held::start();
    let gateway = gateway_to(&held.origin.url(), "max_requests: 1, queue: { size: 1, timeout: 30s }");
    let mut first = sent(&gateway, "/0");
    held.wait_for(1);
    let impatient = sent(&gateway, "/impatient");
    wait_for_queue(&gateway, 1);
    impatient.reset();
    wait_for_queue(&gateway, 0);
    let mut next = sent(&gateway, "/next");
    wait_for_queue(&gateway, 1);
    held.call_all();
    assert_eq!((first.response().status, next.response().text()), (200, "/next".into()));
}

#[test]
fn a_client_that_leaves_its_endpoint_makes_room() {
    let held = Held::start();
    let gateway = gateway_to(&held.origin.url(), "max_requests: 1, queue: { timeout: 30s }");
    let impatient = sent(&gateway, "/impatient");
    held.wait_for(1);
    let mut next = sent(&gateway, "/next");
    wait_for_queue(&gateway, 1);
    impatient.reset();
    held.wait_for(2);
    held.call_all();
    assert_eq!(next.response().text(), "/next");
}

#[test]
fn an_endpoint_that_comes_back_serves_those_that_wait() {
    let held = Held::start();
    let port = e2e::Port::free();
    let gateway = Tidegate::start(&format!(
        "services: {{ api: {{ endpoints: [\"{}\", \"http://{}\"], max_requests: 2, slow_start: 0s,\
         health_check: {{ tcp: true, interval: 100ms }}, queue: {{ timeout: 30s }} }} }}\n\
         routes: [{{ service: api }}]\nworkers: 2\n",
        held.origin.url(),
        port.address()
    ));
    gateway.wait_for_state("api", &format!("http://{}", port.address()), "dead");
    let mut stuck = [sent(&gateway, "/0"), sent(&gateway, "/1")];
    held.wait_for(2);
    let mut waiting: Vec<_> = (0..6)
        .map(|n| {
            let client = sent(&gateway, "/later");
            wait_for_queue(&gateway, n + 1);
            client
        })
        .collect();
    // No request has ended: the news of the endpoint alone must reach all of them.
    let _other = Origin::named_at(port.address(), "other");
    for client in &mut waiting {
        assert_eq!(client.response().text(), "other");
    }
    held.call_all();
    assert!(stuck.iter_mut().all(|client| client.response().status == 200));
}

#[test]
fn a_reload_with_more_room_serves_those_that_wait() {
    let held = Held::start();
    let config = |most: usize| {
        format!(
            "services: {{ api: {{ endpoints: [\"{}\"], max_requests: {most}, queue: {{ timeout: 30s }} }} }}\n\
             routes: [{{ service: api }}]\nworkers: 2\n",
            held.origin.url()
        )
    };
    let gateway = Tidegate::start(&config(1));
    let mut first = sent(&gateway, "/0");
    held.wait_for(1);
    let mut second = sent(&gateway, "/1");
    wait_for_queue(&gateway, 1);
    gateway.write_config(&config(2));
    assert_eq!(gateway.reload().status, 200);
    // Whoever waits goes on with the config that it came with, and nobody who comes now is lost behind it.
    let mut third = sent(&gateway, "/2");
    held.call_all();
    for client in [&mut first, &mut second, &mut third] {
        assert_eq!(client.response().status, 200);
    }
}

#[test]
fn where_all_endpoints_die_nobody_waits_for_them() {
    let held = Held::start();
    let keys = "max_requests: 1, queue: { timeout: 30s }, retry: off, health_check: { tcp: true, interval: 100ms, fall: 1 }";
    let gateway = gateway_to(&held.origin.url(), keys);
    let url = held.origin.url();
    gateway.wait_for_state("api", &url, "up");
    let _first = sent(&gateway, "/0");
    held.wait_for(1);
    let mut waiting: Vec<_> = (0..3)
        .map(|n| {
            let client = sent(&gateway, "/later");
            wait_for_queue(&gateway, n + 1);
            client
        })
        .collect();
    let start = Instant::now();
    held.call_all();
    drop(held);
    for client in &mut waiting {
        assert_ne!(client.response().status, 0);
    }
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn adaptive_concurrency_finds_what_an_origin_can_carry() {
    // Four requests at a time are done in 10 ms each; more only wait for each other.
    let places = Arc::new((Mutex::new(4_usize), Condvar::new()));
    let (now, most_lately) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (theirs, there, highest) = (Arc::clone(&places), Arc::clone(&now), Arc::clone(&most_lately));
    let origin = Origin::start(move |exchange| {
        highest.fetch_max(there.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let (free, bell) = &*theirs;
        let guard = free.lock().expect("no handler panics");
        let (mut guard, _) =
            bell.wait_timeout_while(guard, PATIENCE, |free| *free == 0).expect("no handler panics");
        *guard = guard.saturating_sub(1);
        drop(guard);
        std::thread::sleep(Duration::from_millis(10));
        *free.lock().expect("no handler panics") += 1;
        bell.notify_one();
        there.fetch_sub(1, Ordering::SeqCst);
        exchange.send_ok("done");
    });
    let keys = "adaptive_concurrency: { initial: 4, min: 1, max: 200 }, queue: { size: 1000, timeout: 30s }";
    let gateway = gateway_to(&origin.url(), keys);
    let crowd = Crowd::start(gateway.address(), 48, &get("/", ""));
    soon("the limit was learnt", || crowd.seen() > 600);
    most_lately.store(0, Ordering::SeqCst);
    let before = crowd.seen();
    soon("the load went on", || crowd.seen() > before + 600);
    let (most, limit) =
        (most_lately.load(Ordering::SeqCst), gateway.service("api")["adaptive_limit"].clone());
    let answers = crowd.stop();
    assert!(answers.iter().all(|answer| answer.status == 200), "all waited and were served");
    assert!(most < 32, "{most} of 48 were at the origin at once; the limit is {limit}");
    assert!(gateway.metric("tidegate_concurrency_limit", &["service=\"api\""]) > 0);
}

#[test]
fn an_adaptive_limit_that_rises_is_used_by_those_that_wait() {
    // It can carry any number, so the limit rises while many wait.
    let busy = Busy::taking(Duration::from_millis(20));
    let keys = "adaptive_concurrency: { initial: 1, min: 1, max: 200 }, queue: { size: 1000, timeout: 30s }";
    let gateway = gateway_to(&busy.origin.url(), keys);
    let crowd = Crowd::start(gateway.address(), 32, &get("/", ""));
    let rose = eventually(PATIENCE * 2, || busy.most() >= 6);
    let limit = gateway.service("api")["adaptive_limit"].clone();
    crowd.stop();
    assert!(rose, "the limit is {limit}, and {} were at the origin at once", busy.most());
}

#[test]
fn the_limits_of_http2_endpoints_hold_too() {
    let server = e2e::PythonServer::start("grpc_origin.py", &["good"]);
    let keys = "protocol: http2, max_connections: 1, max_requests: 4, queue: { timeout: 30s }";
    let gateway = gateway_to(&server.url(), keys);
    let port = gateway.address().port().to_string();
    let (tell, told) = mpsc::channel();
    // Callers on both workers share the one connection that there may be.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (port, tell) = (&port, tell.clone());
            scope.spawn(move || {
                let done = e2e::python_script("grpc_call.py", &[port, "Unary", "50", "15"]);
                let _ = tell.send(String::from_utf8_lossy(&done.stdout).into_owned());
            });
        }
    });
    drop(tell);
    let lines: Vec<String> =
        told.iter().flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    assert_eq!(lines.iter().filter(|line| *line == "good").count(), 200, "{lines:?}");
}

#[test]
fn requests_that_come_together_share_what_room_there_is() {
    let busy = Busy::taking(Duration::from_millis(50));
    let gateway = gateway_to(&busy.origin.url(), "max_requests: 2, queue: { size: 4, timeout: 30s }");
    let requests: Vec<_> = (0..20).map(|n| get(&format!("/{n}"), "")).collect();
    let answers = at_once(gateway.address(), &requests);
    let (served, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert!(served.len() >= 6, "two at the endpoint and four in the queue: {}", served.len());
    for answer in refused {
        is_full(answer);
    }
    assert!(busy.most() <= 2);
    soon("nothing is left behind", || {
        let service = gateway.service("api");
        service["inflight"] == 0 && service["waiting"] == 0 && service["endpoints"][0]["pending"] == 0
    });
}
