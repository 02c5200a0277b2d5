//! Instances as containers, from the config to the traffic. The engine speaks the documented API and runs servers; a real
//! engine is asked in the tests of the room `instances`, where one answers.

use e2e::{Fleet, PATIENCE, PythonServer, Raw, Scratch, Signal, Tidegate, soon, tidegate_binary};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// An engine of our own.
struct Engine {
    server: PythonServer,
    scratch: Scratch,
}

impl Engine {
    fn start() -> Self {
        let scratch = Scratch::new();
        let socket = scratch.file("docker.sock");
        let server = PythonServer::start("engine.py", &[&socket.to_string_lossy()]);
        Self { server, scratch }
    }

    fn seen(&self) -> Value {
        let answer = Raw::connect(self.server.address()).get("/test", "");
        serde_json::from_slice(&answer.body).expect("JSON")
    }

    /// The names of those that run.
    fn running(&self) -> Vec<String> {
        let seen = self.seen();
        let names = seen["running"].as_array().expect("a list").iter();
        names.filter_map(|name| name.as_str().map(str::to_owned)).collect()
    }

    fn made(&self) -> u64 {
        self.seen()["made"].as_u64().expect("a number")
    }

    fn config(&self, image: &str, scale: &str) -> String {
        let socket = self.scratch.file("docker.sock");
        format!(
            "listeners: [\"127.0.0.1:{{port}}\"]\n\
             services:\n  shop:\n    instances:\n      image: {image}\n      scale: {scale}\n      stop_timeout: 2s\n      \
             docker: {{ socket: \"{}\", owner: gate }}\n    health_check: /healthz\n\
             routes: [{{ service: shop }}]\n",
            socket.display()
        )
    }
}

/// What an instance says of itself.
fn says(address: SocketAddr) -> Value {
    let answer = Raw::connect(address).get("/", "");
    assert_eq!(answer.status, 200, "{answer}");
    serde_json::from_slice(&answer.body).expect("JSON")
}

/// Who answers twenty requests.
fn names(address: SocketAddr) -> BTreeSet<String> {
    (0..20).map(|_| says(address)["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn containers_get_the_traffic_and_end_with_an_orderly_end() {
    let engine = Engine::start();
    let mut gateway = Tidegate::start(&engine.config("shop:1", "2"));
    // The first request waits for the first instance.
    assert_eq!(says(gateway.address())["image"], "shop:1");
    soon("both answer", || names(gateway.address()).len() == 2);
    let shown = gateway.admin("GET", "/api/instances");
    let shown: Value = serde_json::from_slice(&shown.body).expect("JSON");
    assert_eq!((&shown[0]["driver"], &shown[0]["min"]), (&"docker".into(), &2.into()), "{shown}");
    gateway.signal(Signal::TERM);
    assert!(gateway.wait_exit(PATIENCE).success());
    assert_eq!((engine.running().len(), engine.seen()["all"].as_u64()), (0, Some(0)));
}

#[test]
fn a_new_image_takes_over_and_no_request_fails() {
    let engine = Engine::start();
    let gateway = Tidegate::start(&engine.config("shop:1", "2"));
    soon("both answer", || names(gateway.address()).len() == 2);
    let stop = Arc::new(AtomicBool::new(false));
    let (address, ended) = (gateway.address(), Arc::clone(&stop));
    let client = std::thread::spawn(move || {
        let mut images = BTreeSet::new();
        while !ended.load(Ordering::SeqCst) {
            images.insert(says(address)["image"].to_string());
        }
        images
    });
    gateway.write_config(&engine.config("shop:2", "2"));
    assert_eq!(gateway.reload().status, 200);
    // Those that were made and do not run yet are among all, so nothing is left of the old ones then.
    soon("all are of the new image", || {
        let seen = engine.seen();
        (&seen["made"], &seen["all"]) == (&4.into(), &2.into())
    });
    assert_eq!(says(address)["image"], "shop:2");
    stop.store(true, Ordering::SeqCst);
    let images = client.join().expect("each request was answered with 200");
    assert_eq!(images.len(), 2, "{images:?}");
}

#[test]
fn a_service_moves_from_processes_to_containers_and_back_and_no_request_fails() {
    let engine = Engine::start();
    let contained = engine.config("shop:1", "2");
    // `{port}` stands for a port of the test here, so the instance learns its own from the environment.
    let program = tidegate_binary();
    let command = format!("command: [sh, -c, 'exec {} sample-api --port \"$PORT\"']", program.display());
    let docker = contained.lines().find(|line| line.contains("docker:")).expect("a line").to_owned();
    let processes = contained.replace("image: shop:1", &command).replace(&docker, "");
    let gateway = Tidegate::start(&processes);
    let address = gateway.address();
    let path = "/healthz";
    assert_eq!(Raw::connect(address).get(path, "").status, 200);
    let stop = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&stop);
    let client = std::thread::spawn(move || {
        while !ended.load(Ordering::SeqCst) {
            let answer = Raw::connect(address).get(path, "");
            assert_eq!(answer.status, 200, "{answer}");
        }
    });
    let kind = || -> (Value, usize) {
        let shown: Value =
            serde_json::from_slice(&gateway.admin("GET", "/api/instances").body).expect("JSON");
        let settled = shown[0]["rollout"].is_null() && shown[0]["ready"] == 2 && shown[0]["draining"] == 0;
        (shown[0]["driver"].clone(), if settled { engine.running().len() } else { usize::MAX })
    };
    gateway.write_config(&contained);
    assert_eq!(gateway.reload().status, 200);
    soon("both are containers", || kind() == ("docker".into(), 2));
    gateway.write_config(&processes);
    assert_eq!(gateway.reload().status, 200);
    soon("both are processes", || kind() == ("process".into(), 0));
    stop.store(true, Ordering::SeqCst);
    client.join().expect("each request was answered with 200");
}

#[test]
fn containers_outlive_a_kill_and_are_taken_over_by_the_next_process() {
    let engine = Engine::start();
    let config = engine.config("shop:1", "{ min: 1, max: 3, concurrency: 5, schedule: [{ min: 3 }] }");
    let mut first = Tidegate::start(&config);
    soon("all answer", || names(first.address()).len() == 3);
    first.signal(Signal::KILL);
    assert!(!first.wait_exit(PATIENCE).success());
    assert_eq!(engine.running().len(), 3, "they live on");
    let mut second = Tidegate::start(&config.replace("schedule: [{ min: 3 }]", "forecast: false"));
    soon("all answer again", || names(second.address()).len() == 3);
    assert_eq!(engine.made(), 3, "none was launched anew");
    let read = |path| -> Value { serde_json::from_slice(&second.admin("GET", path).body).expect("JSON") };
    soon("it is decided anew", || {
        read("/api/scale/shop/decisions").as_array().is_some_and(|all| !all.is_empty())
    });
    let decided = read("/api/scale/shop/decisions");
    assert_eq!((&decided[0]["from"], &decided[0]["to"]), (&3.into(), &3.into()), "{decided}");
    assert_eq!(engine.running().len(), 3, "no decision knows of less traffic than before");
    second.signal(Signal::TERM);
    assert!(second.wait_exit(PATIENCE).success());
    assert!(engine.running().is_empty());
}

#[test]
fn an_upgrade_hands_containers_over_and_they_notice_nothing() {
    let engine = Engine::start();
    let gateway = Fleet::start(&engine.config("shop:1", "2"));
    soon("both answer", || names(gateway.address()).len() == 2);
    gateway.upgrade();
    soon("both answer still", || names(gateway.address()).len() == 2);
    assert_eq!((engine.made(), engine.running()), (2, vec!["gate-shop-1".into(), "gate-shop-2".into()]));
}

#[test]
fn an_image_that_ends_at_once_leaves_the_one_before_serving() {
    let engine = Engine::start();
    let gateway = Tidegate::start(&engine.config("shop:1", "1"));
    assert_eq!(says(gateway.address())["image"], "shop:1");
    gateway.write_config(&engine.config("broken", "1"));
    assert_eq!(gateway.reload().status, 200);
    gateway.wait_for_print("does not come up");
    assert_eq!(says(gateway.address())["image"], "shop:1");
}
