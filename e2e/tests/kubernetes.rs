//! A Kubernetes cluster runs the instances: its pods get the requests, their number follows the load, and KEDA is told.

use e2e::{Cluster, Crowd, Fleet, Tidegate, get, soon};
use serde_json::Value;
use std::net::SocketAddr;

/// Decides ten times a second, and by what was in the last second.
const QUICK: &str = "tick: 100ms, stable_window: 1s, panic_window: 200ms, \
     down: { stabilization_window: 1s, policies: [{ type: percent, value: 100, period: 1s }] }";

fn config(cluster: &Cluster, scale: &str) -> String {
    let deployment = cluster.deployment();
    format!(
        "services: {{ api: {{ instances: {{ deployment: {deployment}, scale: {{ {scale}, {QUICK} }} }} }} }}\n\
         routes: [{{ service: api }}]\n"
    )
}

fn gateway(cluster: &Cluster, scale: &str) -> Tidegate {
    Tidegate::start(&config(cluster, scale))
}

/// The service as `/api/instances` shows it.
fn instances(gateway: &Tidegate) -> Value {
    let all: Value = serde_json::from_slice(&gateway.admin("GET", "/api/instances").body).expect("JSON");
    all[0].clone()
}

fn rollout(gateway: &Tidegate) -> String {
    instances(gateway)["rollout"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn replicas_follow_the_load_and_no_request_fails() {
    let cluster = Cluster::start(1);
    let gateway = gateway(&cluster, "min: 1, max: 4, concurrency: 4");
    assert_eq!(gateway.get("/").text(), "shop-1");
    // The oldest: where another one has as much to do in some moment, the younger one goes.
    let mut held = gateway.connect();
    held.send(get("/held", ""));
    let busy = cluster.holder();

    let load = Crowd::start(gateway.address(), 16, &get("/slow", ""));
    soon("there are as many as may be", || cluster.replicas() == 4);
    soon("each of them is asked", || cluster.alive().iter().all(|pod| cluster.requests(pod) > 0));
    soon("it is shown", || instances(&gateway)["ready"] == 4);
    assert_eq!(instances(&gateway)["driver"], "kubernetes");
    let refused = gateway.admin("POST", "/api/services/api/restart");
    assert!(refused.status == 409 && refused.text().contains("kubectl rollout restart"), "{refused}");
    let answers = load.stop();
    assert!(answers.iter().all(|answer| answer.status == 200));

    let visitor = Crowd::start(gateway.address(), 1, &get("/", ""));
    soon("only the one is left that has something to do", || {
        for pod in cluster.terminating() {
            gateway.wait_for_state("api", &pod, "draining");
            soon("a pod that goes is asked no more", || {
                let (asked, seen) = (cluster.requests(&pod), visitor.seen());
                soon("others are asked", || visitor.seen() >= seen + 30);
                cluster.requests(&pod) == asked
            });
            cluster.end(&pod);
        }
        cluster.alive().len() == 1 && cluster.terminating().is_empty()
    });
    assert_eq!(cluster.alive(), [busy.as_str()], "counts: {:?}", cluster.counts());
    soon("the others are no endpoints any more", || gateway.service("api")["endpoints_total"] == 1);
    cluster.release();
    assert_eq!(held.response().text(), busy);
    let answers = visitor.stop();
    assert!(answers.iter().all(|answer| answer.status == 200));
}

#[test]
fn the_first_request_wakes_a_workload_without_pods_and_waits_for_it() {
    let cluster = Cluster::start(0);
    let gateway = gateway(&cluster, "zero: { after: 5m }, max: 2, concurrency: 4");
    assert_eq!(cluster.counts(), [0_u32; 0]);
    let answer = gateway.get("/");
    assert_eq!((answer.status, answer.text().as_str()), (200, "shop-1"));
    assert_eq!(cluster.counts(), [1]);
}

#[test]
fn a_workload_that_is_idle_for_long_enough_has_no_pods() {
    let cluster = Cluster::start(1);
    let gateway = gateway(&cluster, "zero: { after: 1s }, max: 2, concurrency: 4");
    assert_eq!(gateway.get("/").status, 200);
    soon("it sleeps", || cluster.counts() == [0]);
    cluster.terminating().iter().for_each(|pod| cluster.end(pod));
    soon("no endpoint is left", || gateway.service("api")["endpoints_total"] == 0);
    assert_eq!(gateway.get("/").text(), "shop-2");
}

#[test]
fn replicas_that_are_there_are_taken_over() {
    let cluster = Cluster::start(3);
    let quiet = "min: 1, max: 4, concurrency: 4, tick: 100ms";
    let config = config(&cluster, "min: 1, max: 4, concurrency: 4");
    let gateway =
        Tidegate::start(&config.replace(QUICK, "").replace("min: 1, max: 4, concurrency: 4, ", quiet));
    soon("it was decided a few times", || instances(&gateway)["last"]["repeated"].as_u64() > Some(3));
    let view = instances(&gateway);
    assert_eq!((&view["wanted"], &view["ready"]), (&3.into(), &3.into()), "{view}");
    assert_eq!(cluster.counts(), [0_u32; 0], "they were wanted until now, so they are for a while yet");
}

#[test]
fn a_count_that_is_refused_is_told_until_it_is_heard() {
    let cluster = Cluster::start(1);
    cluster.forbid_scaling(true);
    let gateway = gateway(&cluster, "min: 2, max: 4, concurrency: 4");
    soon("it is shown why", || rollout(&gateway).contains("answered 403: the account may not patch"));
    assert_eq!(gateway.get("/").status, 200, "the pod that is there is used");
    cluster.forbid_scaling(false);
    soon("it is heard", || cluster.counts() == [2]);
    soon("nothing is wrong any more", || rollout(&gateway).is_empty());
}

#[test]
fn pods_stay_in_use_while_the_api_server_is_away() {
    let mut cluster = Cluster::start(2);
    let gateway = gateway(&cluster, "min: 1, max: 2, concurrency: 4");
    soon("both are known", || gateway.service("api")["endpoints_total"] == 2);
    cluster.lose_api();
    soon("it is shown", || rollout(&gateway).contains("cannot be followed"));
    for _ in 0..20 {
        assert_eq!(gateway.get("/").status, 200);
    }
    cluster.find_api();
    cluster.set_ready("shop-1", false);
    soon("it is followed again", || {
        rollout(&gateway).is_empty() && gateway.service("api")["endpoints_total"] == 1
    });
    assert_eq!(gateway.get("/").text(), "shop-2");
}

#[test]
fn a_pod_whose_probe_fails_finishes_what_it_has_and_gets_nothing_new() {
    let cluster = Cluster::start(2);
    let gateway = gateway(&cluster, "min: 2, max: 2");
    soon("both are known", || gateway.service("api")["endpoints_total"] == 2);
    let mut held = gateway.connect();
    held.send(get("/held", ""));
    let busy = cluster.holder();
    cluster.set_ready(&busy, false);
    soon("it is no endpoint any more", || gateway.service("api")["endpoints_total"] == 1);
    for _ in 0..10 {
        assert_ne!(gateway.get("/").text(), busy);
    }
    cluster.release();
    assert_eq!(held.response().text(), busy);
}

#[test]
fn with_dry_run_pods_are_followed_and_nothing_is_set() {
    let cluster = Cluster::start(1);
    let gateway = gateway(&cluster, "min: 1, max: 4, concurrency: 1, dry_run: true");
    let load = Crowd::start(gateway.address(), 8, &get("/slow", ""));
    soon("more would be wanted", || instances(&gateway)["last"]["to"].as_u64() > Some(1));
    cluster.set_replicas(2);
    soon("what somebody else has started is asked", || cluster.requests("shop-2") > 0);
    assert!(load.stop().iter().all(|answer| answer.status == 200));
    assert_eq!(cluster.counts(), [0_u32; 0]);
}

/// What KEDA hears of a service, a line for each method with the bytes of the answer.
fn ask_as_keda(address: SocketAddr, service: &str) -> String {
    let done = e2e::python_script("keda_call.py", &[&address.port().to_string(), service]);
    String::from_utf8_lossy(&done.stdout).into_owned()
}

#[test]
fn a_request_waits_for_the_pod_that_keda_starts() {
    let cluster = Cluster::start(0);
    let config = config(&cluster, "zero: { after: 5m }, max: 2, concurrency: 4, dry_run: true");
    let gateway = Tidegate::start(&format!("{config}keda: \"127.0.0.1:{{port2}}\"\n"));
    soon("nobody asks yet", || ask_as_keda(gateway.second_address(), "api").contains("IsActive \n"));
    let mut client = gateway.connect();
    client.send(get("/", ""));
    soon("KEDA hears of it", || ask_as_keda(gateway.second_address(), "api").contains("IsActive 0801\n"));
    cluster.set_replicas(1);
    assert_eq!(client.response().text(), "shop-1");
    assert_eq!(cluster.counts(), [0_u32; 0]);
}

#[test]
fn keda_is_told_how_much_a_service_is_asked_for() {
    let cluster = Cluster::start(1);
    let config = config(&cluster, "min: 1, max: 4, concurrency: 4, dry_run: true");
    let gateway = Tidegate::start(&format!("{config}keda: \"127.0.0.1:{{port2}}\"\n"));
    let mut held = gateway.connect();
    held.send(get("/held", ""));
    soon("it is under way", || cluster.requests("shop-1") == 1);
    soon("it is in the average", || {
        instances(&gateway)["last"]["proposals"][0]["stable"].as_f64().is_some_and(|stable| stable > 0.9)
    });
    let told = ask_as_keda(gateway.second_address(), "api");
    assert!(told.contains("IsActive 0801\n"), "{told}");
    // `tidegate-api`, and 4 as a whole number and as a double.
    let specification = told.lines().find(|line| line.starts_with("GetMetricSpec")).unwrap_or_default();
    assert!(specification.contains("74696465676174652d617069") && specification.contains("1004"), "{told}");
    // The metric under the name that was asked for, and 1.
    let metrics = told.lines().find(|line| line.starts_with("GetMetrics ")).unwrap_or_default();
    assert!(metrics.contains("73302d6e616d65") && metrics.contains("1001"), "{told}");
    assert!(ask_as_keda(gateway.second_address(), "other").contains("IsActive NOT_FOUND"));
    cluster.release();
    assert_eq!(held.response().status, 200);
}

#[test]
fn the_config_of_the_example_is_right() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/kubernetes");
    let folder = std::fs::read_dir(examples).expect("the folder of the example");
    let mut checked = 0;
    for path in folder.map(|entry| entry.expect("a file").path()) {
        let text = std::fs::read_to_string(&path).expect("a file of text");
        if !text.contains("\nlisteners:") && !text.starts_with("listeners:") {
            continue;
        }
        let done = std::process::Command::new(e2e::tidegate_binary())
            .args(["check".as_ref(), path.as_os_str()])
            .env("TIDEGATE_ADMIN_TOKEN", "hunter2")
            .output()
            .expect("the binary starts");
        let told = String::from_utf8_lossy(&done.stdout) + String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success() && told.contains("no errors"), "{}: {told}", path.display());
        checked += 1;
    }
    assert!(checked > 0, "the example has a config");
}

#[test]
fn an_upgrade_takes_the_workload_over_as_it_is() {
    let cluster = Cluster::start(2);
    let config = config(&cluster, "min: 2, max: 3, concurrency: 4");
    let group = Fleet::start(&format!(
        "listeners: [\"127.0.0.1:{{port}}\"]\n{config}keda: \"127.0.0.1:{{port2}}\"\n"
    ));
    let load = Crowd::start(group.address(), 4, &get("/slow", ""));
    soon("both are asked", || cluster.alive().iter().all(|pod| cluster.requests(pod) > 0));
    group.upgrade();
    let seen = load.seen();
    soon("it goes on", || load.seen() > seen + 100);
    let answers = load.stop();
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(cluster.counts(), [0_u32; 0], "what was there is what is wanted");
    soon("the new process answers KEDA", || {
        ask_as_keda(group.second_address(), "api").contains("IsActive 0801\n")
    });
}

#[test]
fn a_count_that_somebody_else_has_set_is_set_back() {
    let cluster = Cluster::start(2);
    let gateway = gateway(&cluster, "min: 2, max: 3, concurrency: 4");
    soon("it was decided", || instances(&gateway)["last"]["to"] == 2);
    cluster.set_replicas(1);
    soon("it is as it was", || cluster.counts() == [2] && cluster.replicas() == 2);
    gateway.wait_for_print("somebody else has set 1 replicas");
}
