//! Several nodes that count together in a real Redis: how exactly, and what holds while it is away.

use e2e::{Origin, PATIENCE, Raw, Redis, Tidegate, eventually, get, soon};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Requests a second that all nodes together may admit.
const RATE: f64 = 200.0;
/// What may come at once.
const BURST: f64 = 100.0;
/// What each node is asked a second: nearly all of it at one of them.
const OFFERED: [u32; 3] = [600, 30, 30];
/// How long a load goes on.
const SPAN: Duration = Duration::from_secs(3);

/// What the nodes stand in front of.
fn service() -> Origin {
    Origin::start_forgetful(|exchange| {
        exchange.send_ok("");
    })
}

/// Three nodes that know each other.
fn nodes(redis: &Redis, origin: &Origin, limit: &str) -> Vec<Tidegate> {
    let config = format!(
        "services: {{ api: \"{}\" }}\ncluster: {{ redis: \"{}\" }}\n\
         routes: [{{ service: api, rate_limit: [{{ name: all, key: global, rate: 200/s, burst: 100, {limit} }}] }}]\n",
        origin.url(),
        redis.url()
    );
    let nodes: Vec<Tidegate> = OFFERED.iter().map(|_| Tidegate::start(&config)).collect();
    wait_for(&nodes, "the store of the cluster is up", 1);
    nodes
}

/// Waits until each node has said that so often.
#[track_caller]
fn wait_for(nodes: &[Tidegate], words: &str, times: usize) {
    for node in nodes {
        let said = || (node.stdout() + &node.stderr()).matches(words).count() >= times;
        assert!(eventually(PATIENCE, said), "not {times} times `{words}`:\n{}", node.stderr());
    }
}

/// What became of a load.
#[derive(Debug, Default)]
struct Seen {
    /// Answers by status, over all nodes; 0 is no answer.
    all: BTreeMap<u16, usize>,
    /// What each node served.
    served: Vec<usize>,
    took: f64,
}

impl Seen {
    fn served(&self) -> f64 {
        self.served.iter().sum::<usize>() as f64
    }

    /// Only these statuses were seen.
    #[track_caller]
    fn only(&self, statuses: &[u16]) {
        assert!(self.all.keys().all(|status| statuses.contains(status)), "{self:?}");
    }
}

/// Asks each node at its rate, over a connection that is kept.
fn load(nodes: &[Tidegate], span: Duration) -> Seen {
    let began = Instant::now();
    let counts: Vec<BTreeMap<u16, usize>> = std::thread::scope(|scope| {
        let clients: Vec<_> = nodes
            .iter()
            .zip(OFFERED)
            .map(|(node, rate)| {
                let address = node.address();
                scope.spawn(move || ask_at(address, rate, began, span))
            })
            .collect();
        clients.into_iter().map(|client| client.join().expect("a client does not panic")).collect()
    });
    let mut seen = Seen { took: began.elapsed().as_secs_f64(), ..Seen::default() };
    for count in counts {
        seen.served.push(count.get(&200).copied().unwrap_or_default());
        for (status, more) in count {
            *seen.all.entry(status).or_default() += more;
        }
    }
    seen
}

/// Asks when the time has come, and at once when it has passed.
fn ask_at(address: SocketAddr, rate: u32, began: Instant, span: Duration) -> BTreeMap<u16, usize> {
    let (mut seen, mut raw) = (BTreeMap::new(), Raw::connect(address));
    for turn in 0.. {
        let due = Duration::from_secs(1) * turn / rate;
        if due >= span || began.elapsed() >= span {
            break;
        }
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        let answer = raw.send(get("/", "")).try_response().unwrap_or_default();
        if !answer.complete || answer.fields.lists("connection", "close") {
            raw = Raw::connect(address);
        }
        *seen.entry(answer.status).or_default() += 1;
    }
    seen
}

/// They have counted together: what was served is the limit, within this part of it.
#[track_caller]
fn assert_together(seen: &Seen, within: f64, what: &str) {
    seen.only(&[200, 429]);
    let most = BURST + RATE * seen.took;
    assert!(seen.served() <= most * (1.0 + within), "{what}: too much, {most:.0} may be: {seen:?}");
    assert!(seen.served() >= most * (1.0 - within), "{what}: too little, {most:.0} may be: {seen:?}");
    assert!(seen.served.iter().all(|&served| served > 0), "{what}: a node starves: {seen:?}");
}

#[test]
fn nodes_that_settle_many_times_a_second_admit_the_limit_within_five_percent() {
    let (redis, origin) = (Redis::start(), service());
    let nodes = nodes(&redis, &origin, "precision: fast");
    assert_together(&load(&nodes, SPAN), 0.05, "fast");
}

#[test]
fn nodes_that_count_in_one_place_admit_the_limit_within_one_percent() {
    let (redis, origin) = (Redis::start(), service());
    let nodes = nodes(&redis, &origin, "precision: exact");
    assert_together(&load(&nodes, SPAN), 0.01, "exact");
}

/// Kills Redis under load, looks what holds then, brings it back empty, and looks whether they count together again.
fn without_redis(precision: &str, on_store_error: &str, meanwhile: impl Fn(&Seen)) {
    let (mut redis, origin) = (Redis::start(), service());
    let limit = format!("precision: {precision}, on_store_error: {on_store_error}");
    let nodes = nodes(&redis, &origin, &limit);
    // Long enough to have seen each other's beats.
    load(&nodes, SPAN).only(&[200, 429]);
    let during = std::thread::scope(|scope| {
        let under_load = scope.spawn(|| load(&nodes, SPAN));
        redis.kill();
        wait_for(&nodes, "the store of the cluster cannot be used", 1);
        under_load.join().expect("a load does not panic")
    });
    during.only(&[200, 429]);
    meanwhile(&load(&nodes, SPAN));
    redis.restart();
    wait_for(&nodes, "the store of the cluster is up", 2);
    // Whatever they hold now: after one load it is nothing.
    load(&nodes, SPAN).only(&[200, 429]);
    let after = load(&nodes, SPAN);
    after.only(&[200, 429]);
    let (least, most) = (RATE * after.took * 0.9, BURST + RATE * after.took * 1.05);
    assert!((least..=most).contains(&after.served()), "together again, {least:.0} to {most:.0}: {after:?}");
    assert!(nodes.iter().all(|node| !node.stderr().contains("panicked")));
}

/// One node's part of the limit, three of them, and what the two idle ones are offered at most.
fn by_parts(seen: &Seen) {
    seen.only(&[200, 429]);
    let part = RATE / 3.0 * seen.took;
    let busy = seen.served[0] as f64;
    assert!((part * 0.85..=part * 1.1 + BURST).contains(&busy), "a third is {part:.0}: {seen:?}");
}

#[test]
fn without_redis_nodes_that_settle_go_on_with_their_parts_and_come_together_again() {
    without_redis("fast", "local", by_parts);
}

#[test]
fn without_redis_nodes_that_count_in_one_place_go_on_with_their_parts_and_come_together_again() {
    without_redis("exact", "local", by_parts);
}

#[test]
fn without_redis_everything_is_admitted_where_that_is_wanted() {
    without_redis("exact", "allow", |seen| seen.only(&[200]));
}

#[test]
fn without_redis_nothing_is_admitted_where_that_is_wanted() {
    without_redis("fast", "deny", |seen| seen.only(&[429]));
}

#[test]
fn a_redis_that_hangs_holds_no_request_up_for_long() {
    let (redis, origin) = (Redis::start(), service());
    let nodes = nodes(&redis, &origin, "precision: exact");
    redis.pause();
    let began = Instant::now();
    let answer = nodes[0].get("/");
    let took = began.elapsed();
    assert_eq!(answer.status, 200, "{answer}");
    assert!(took < Duration::from_secs(1), "its `timeout` is 100 ms: {took:?}");
    redis.resume();
    soon("it is asked again", || (0..).take(3).all(|_| nodes[0].get("/").status == 200));
}

#[test]
fn a_key_that_is_revoked_on_one_node_is_refused_on_all_within_a_second() {
    let (redis, origin) = (Redis::start(), service());
    let config = format!(
        "services: {{ api: \"{}\" }}\ncluster: {{ redis: \"{}\" }}\nconsumers: [app]\n\
         routes: [{{ service: api, auth: [api_key] }}]\n",
        origin.url(),
        redis.url()
    );
    let nodes: Vec<Tidegate> = (0..3).map(|_| Tidegate::start(&config)).collect();
    wait_for(&nodes, "the store of the cluster is up", 1);
    let admin = |line: &str, body: &str| {
        let address = nodes[0].admin_address();
        let head = format!("Host: {address}\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        Raw::connect(address).send(format!("{line} HTTP/1.1\r\n{head}\r\n{body}")).response()
    };
    let made = admin("POST /api/keys", r#"{"consumer": "app"}"#);
    assert_eq!(made.status, 201, "{made}");
    let made: serde_json::Value = serde_json::from_str(&made.text()).expect("JSON");
    let key = made["key"].as_str().expect("the key's text").to_owned();
    let id = key.split('_').nth(1).expect("tg_ID_SECRET_SUM").to_owned();
    let statuses =
        || nodes.iter().map(|node| node.connect().get("/", &format!("X-API-Key: {key}\r\n")).status);
    soon("all nodes know the key", || statuses().all(|status| status == 200));
    let revoked = admin(&format!("DELETE /api/keys/{id}"), "");
    assert_eq!(revoked.status, 200, "{revoked}");
    let began = Instant::now();
    let all = eventually(Duration::from_secs(1), || statuses().all(|status| status == 401));
    assert!(all, "after a second: {:?}", statuses().collect::<Vec<_>>());
    assert!(began.elapsed() <= Duration::from_millis(1500));
}
