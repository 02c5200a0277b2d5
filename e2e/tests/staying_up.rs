//! Reloads, upgrades and rolling replacements of endpoints under load: no request fails and no WebSocket is closed.
//!
//! The short plan is part of the suite. The full one takes a minute or so and a machine that is not too busy:
//!
//! ```console
//! $ cargo build -p tidegate
//! $ cargo test -p e2e --test staying_up -- --ignored --nocapture
//! ```
//!
//! A quarter of the requests are POSTs, which the gateway must not send twice, so that no retry covers up what goes
//! wrong. An endpoint that is replaced goes as a deployment takes it away: out of the config, then watched until nobody
//! is connected to it any more, then stopped.

use e2e::{
    ECHO_INTERVAL, Fleet, OpenLoop, Origin, PATIENCE, Signal, WebSockets, finish, has_ended, send_signal,
    soon, start_python_script, while_waiting,
};
use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

/// How long a slow answer takes, and about how long a streamed one does.
const SLOW: Duration = Duration::from_millis(300);
/// Pieces of a streamed answer.
const PIECES: u32 = 10;
/// Endpoints of each service.
const ENDPOINTS: usize = 3;
/// WebSockets that are opened at each process, beside those that are open from the beginning on.
const SOCKETS_MORE: usize = 5;

/// What is done while the load goes on.
struct Plan {
    reloads: usize,
    upgrades: usize,
    replacements: usize,
    websockets: usize,
    /// Requests a second.
    rate: u32,
    /// From one reload to the next.
    pause: Duration,
}

#[test]
fn nothing_fails_through_reloads_upgrades_and_replacements_under_load() {
    soak(&Plan {
        reloads: 20,
        upgrades: 3,
        replacements: 4,
        websockets: 60,
        rate: 1000,
        pause: Duration::from_millis(400),
    });
}

#[test]
#[ignore = "takes a minute of a whole machine: see the head of this file"]
fn nothing_fails_through_a_hundred_reloads_ten_upgrades_and_ten_replacements_under_load() {
    let report = soak(&Plan {
        reloads: 100,
        upgrades: 10,
        replacements: 10,
        websockets: 200,
        rate: 2000,
        pause: Duration::from_millis(600),
    });
    println!("{report}");
}

#[test]
fn requests_of_http_2_clients_are_answered_through_reloads_and_upgrades() {
    const UPGRADES: usize = 3;
    let origin = endpoint();
    let config = |other: usize| {
        format!(
            "listeners: [\"127.0.0.1:{{port}}\"]\nservices: {{ api: \"{}\" }}\n\
             routes: [{{ service: api }}, {{ match: {{ path: /other }}, respond: {{ body: \"{other}\" }} }}]",
            origin.url()
        )
    };
    let fleet = Fleet::start(&config(0));
    let mut client = start_python_script("h2_steady.py", &[&fleet.address().port().to_string()]);
    let mut pids = vec![fleet.pid()];
    for upgrade in 1..=UPGRADES {
        while_waiting(Duration::from_millis(500), || {});
        fleet.write_config(&config(upgrade));
        assert_eq!(ask_to_reload(&fleet), 200, "{}", fleet.log());
        pids.push(next_process(&fleet, &pids));
    }
    let ended = "has ended its work";
    soon("old processes end by themselves", || fleet.log().matches(ended).count() == UPGRADES);
    drop(client.stdin.take());
    let done = finish(client, PATIENCE);
    let (told, trouble) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{told}{trouble}");
    println!("{told}");
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["failures"], serde_json::json!([]), "{told}\n{}", fleet.log());
    // One for each process. A client that is told to go may meet the old process once more, which serves whoever was in its
    // queue, and tells it again.
    let connections = told["connections"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    assert!((UPGRADES + 1..=2 * UPGRADES + 1).contains(&connections), "{told}");
    // The first says that the end is near, the second which request is the last (RFC 9113 section 6.8).
    assert!(told["goaways"].as_u64() >= Some(UPGRADES as u64), "{told}");
    assert!(told["answered"].as_u64() > Some(100), "{told}");
}

/// Does all that is planned and tells in numbers what was seen.
#[track_caller]
fn soak(plan: &Plan) -> String {
    let mut world = World::new();
    let fleet = Fleet::start(&world.config());
    world.write_endpoints(&fleet);
    soon("the endpoints of the file are in use", || {
        fleet.get("/other") == "0" && fleet.get("/filed/first") == "/filed/first"
    });
    let began = Instant::now();
    let sockets = WebSockets::at(fleet.address(), "/chat");
    sockets.open(plan.websockets);
    let mut ages = vec![(plan.websockets, Instant::now())];
    let load = OpenLoop::start(
        fleet.address(),
        plan.rate,
        &["/listed", "/filed"],
        &["/listed/slow", "/filed/stream"],
    );
    let mut pids = vec![fleet.pid()];
    for step in 1..=plan.reloads {
        while_waiting(plan.pause, || world.stop_drained());
        load.go_on(1);
        let upgrade = is_due(step, plan.upgrades, plan.reloads);
        let replacement = is_due(step, plan.replacements, plan.reloads);
        // Sometimes the endpoint leaves just before another process comes, sometimes just after.
        let early = world.replacements.is_multiple_of(2);
        if replacement && early {
            world.replace(&fleet);
        }
        if upgrade {
            pids.push(next_process(&fleet, &pids));
            sockets.open(SOCKETS_MORE);
            ages.push((SOCKETS_MORE, Instant::now()));
        }
        if replacement && !early {
            world.replace(&fleet);
        }
        world.reload(&fleet, step);
    }
    soon("the last endpoints are drained", || {
        world.stop_drained();
        world.leaving.is_empty()
    });
    let elapsed = began.elapsed();
    let tally = load.end();
    let echoed = sockets.echoed();
    let report = format!(
        "{} reloads, {} upgrades and {} replacements in {:.0} s: {} requests answered ({:.0}/s) over {} connections, \
         {} failed, the latest answer after {:?}; {} WebSockets open, with {} echoes; slowest drain of an endpoint {:?}",
        plan.reloads,
        plan.upgrades,
        world.replacements,
        elapsed.as_secs_f64(),
        tally.answered,
        tally.answered as f64 / elapsed.as_secs_f64(),
        tally.connections,
        tally.failures.len(),
        tally.latest,
        echoed.len(),
        echoed.iter().sum::<usize>(),
        world.slowest_drain,
    );
    let old = &pids[..pids.len() - 1];
    assert!(old.iter().all(|pid| !has_ended(*pid)), "their WebSockets live on\n{report}");
    let closed = sockets.end();
    let failures = [tally.failures, closed].concat().join("\n");
    assert!(failures.is_empty(), "{report}\n{failures}\n{}", fleet.log());
    let mut echoed = echoed.into_iter();
    for (count, since) in ages {
        let fewest = (since.elapsed().as_secs() / ECHO_INTERVAL.as_secs() / 2) as usize;
        for echoed in echoed.by_ref().take(count) {
            assert!(echoed >= fewest, "{echoed} echoes of at least {fewest}\n{report}");
        }
    }
    soon("the old processes end with their last WebSocket", || old.iter().all(|pid| has_ended(*pid)));
    report
}

/// Do `count` things, spread over so many steps, bring one at this step (from 1)?
fn is_due(step: usize, count: usize, steps: usize) -> bool {
    step * count / steps > (step - 1) * count / steps
}

/// Another process takes over, by the admin API or by signal.
fn next_process(fleet: &Fleet, pids: &[u32]) -> u32 {
    if pids.len().is_multiple_of(2) { fleet.upgrade_by_signal() } else { fleet.upgrade() }
}

/// All that stands behind the gateway, and the config that says so.
struct World {
    chat: Origin,
    /// Endpoints that stand in the config.
    listed: Vec<Origin>,
    /// Endpoints that stand in a file of their own.
    filed: Vec<Origin>,
    /// Those that stand nowhere any more.
    leaving: Vec<(Origin, Instant)>,
    replacements: usize,
    slowest_drain: Duration,
    /// What `/other` answers.
    other: usize,
    second_listener: bool,
    retries: u32,
}

impl World {
    fn new() -> Self {
        let endpoints = || (0..ENDPOINTS).map(|_| endpoint()).collect();
        Self {
            chat: chat(),
            listed: endpoints(),
            filed: endpoints(),
            leaving: Vec::new(),
            replacements: 0,
            slowest_drain: Duration::ZERO,
            other: 0,
            second_listener: false,
            retries: 1,
        }
    }

    fn config(&self) -> String {
        let second = if self.second_listener { ", \"127.0.0.1:{port2}\"" } else { "" };
        format!(
            "listeners: [\"127.0.0.1:{{port}}\"{second}]\n\
             observe: {{ access_log: {{ path: ./access.log }} }}\n\
             services:\n\
             \x20 listed: {{ endpoints: {}, retry: {} }}\n\
             \x20 filed: {{ endpoints_file: endpoints.yaml }}\n\
             \x20 chat: \"{}\"\n\
             routes:\n\
             - {{ match: {{ path: \"/listed/*\" }}, service: listed }}\n\
             - {{ match: {{ path: \"/filed/*\" }}, service: filed }}\n\
             - {{ match: {{ path: /chat }}, service: chat }}\n\
             - {{ match: {{ path: /other }}, respond: {{ body: \"{}\" }} }}\n",
            urls(&self.listed),
            self.retries,
            self.chat.url(),
            self.other
        )
    }

    /// As a deployment does it: a new file in the place of the old one.
    fn write_endpoints(&self, fleet: &Fleet) {
        fs::write(fleet.file("new.yaml"), urls(&self.filed)).expect("the folder can be written");
        fs::rename(fleet.file("new.yaml"), fleet.file("endpoints.yaml")).expect("a file can be replaced");
    }

    /// One of the reloads; each does something else than the one before it.
    #[track_caller]
    fn reload(&mut self, fleet: &Fleet, step: usize) {
        match step % 6 {
            0 => self.other = step,
            1 => {
                let sevrice = format!("{}- {{ sevrice: listed }}\n", self.config());
                fleet.write_config(&sevrice);
                assert_eq!(ask_to_reload(fleet), 422, "{}", fleet.log());
                fleet.write_config(&self.config());
                return;
            }
            2 => self.second_listener = !self.second_listener,
            3 => {
                self.other = step;
                fleet.write_config(&self.config());
                send_signal(fleet.pid(), Signal::HUP);
                return soon("the new route answers", || fleet.get("/other") == step.to_string());
            }
            4 => self.retries = 3 - self.retries,
            // Nothing has changed.
            _ => {}
        }
        self.put_in_force(fleet);
    }

    #[track_caller]
    fn put_in_force(&self, fleet: &Fleet) {
        fleet.write_config(&self.config());
        assert_eq!(ask_to_reload(fleet), 200, "{}", fleet.log());
        assert_eq!(fleet.get("/other"), self.other.to_string());
    }

    /// An endpoint leaves and another one comes, at another port.
    #[track_caller]
    fn replace(&mut self, fleet: &Fleet) {
        self.replacements += 1;
        // The first ones are the oldest.
        let of_file = self.replacements % 4 >= 2;
        let endpoints = if of_file { &mut self.filed } else { &mut self.listed };
        endpoints.push(endpoint());
        let gone = endpoints.remove(0);
        if of_file {
            self.write_endpoints(fleet);
        } else {
            self.put_in_force(fleet);
        }
        self.leaving.push((gone, Instant::now()));
    }

    /// Stops the endpoints to which nobody is connected any more.
    fn stop_drained(&mut self) {
        for (_, since) in self.leaving.extract_if(.., |(origin, _)| origin.open_connections() == 0) {
            self.slowest_drain = self.slowest_drain.max(since.elapsed());
        }
    }
}

fn urls(endpoints: &[Origin]) -> String {
    let mut list = String::from("[");
    for endpoint in endpoints {
        let _ = write!(list, "\"{}\", ", endpoint.url());
    }
    list + "]"
}

/// The status of the answer to a request for a reload.
fn ask_to_reload(fleet: &Fleet) -> u16 {
    fleet.ask("POST", "/api/reload").map_or(0, |answer| answer.status)
}

/// Answers with what it was asked, some of it slowly.
fn endpoint() -> Origin {
    Origin::start_forgetful(|exchange| {
        if !exchange.read_body() {
            return;
        }
        let request = exchange.request();
        let target = request.target.clone();
        let echo = if request.method == "POST" { request.body.clone() } else { target.clone().into_bytes() };
        if target.contains("/stream") {
            exchange.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            for piece in echo.chunks(echo.len().div_ceil(PIECES as usize)) {
                std::thread::sleep(SLOW / PIECES);
                exchange.send([format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
            }
            exchange.send("0\r\n\r\n");
            return;
        }
        if target.contains("/slow") {
            std::thread::sleep(SLOW);
        }
        exchange.send_ok(echo);
    })
}

/// Echoes whatever is said.
fn chat() -> Origin {
    Origin::start_forgetful(|exchange| {
        exchange
            .send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
        loop {
            let some = exchange.read_some();
            if some.is_empty() || !exchange.send(some) {
                break;
            }
        }
        exchange.close();
    })
}
