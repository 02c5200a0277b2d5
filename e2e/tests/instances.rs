//! Tidegate launches the processes of a service, shows them, replaces them, and takes them along when it ends.
//!
//! What goes wrong with instances stands in `instances_failing.rs`, how many there are in `scaling.rs`.

use e2e::{
    Fleet, Instances, OpenLoop, PATIENCE, Port, Raw, Signal, Tidegate, application, eventually, has_ended,
    run, send_signal, soon, tidegate_binary, while_waiting,
};
use rustix::process::{Pid, kill_process_group};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// How long Tidegate's death may be survived by what it has launched.
const OUTLIVED_MOST: Duration = Duration::from_secs(2);

/// One service for everything, whose instances have these keys beside their command.
fn config(args: &str, keys: &str) -> String {
    format!(
        "services:\n  api:\n    instances: {{ command: {}, {keys} }}\nroutes: [{{ service: api }}]\nworkers: 2\n",
        application(args)
    )
}

/// The same for a Tidegate whose place others take.
fn config_of_fleet(args: &str, keys: &str) -> String {
    format!(
        "listeners: [\"127.0.0.1:{{port}}\"]\noverload: off\nobserve: {{ access_log: off }}\n{}",
        config(args, keys)
    )
}

/// What the command line says.
#[track_caller]
fn told(gateway: &Tidegate, args: &[&str]) -> String {
    let admin = format!("http://{}", gateway.admin_address());
    let output = run(Command::new(tidegate_binary()).args(args).args(["--admin", &admin]));
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{args:?}: {said}");
    said
}

/// The instances that answer, by name, asked until `count` did.
#[track_caller]
fn answering(gateway: &Tidegate, count: usize) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    soon("all instances answer", || {
        names.extend(gateway.get("/").fields.get("x-instance").map(str::to_owned));
        names.len() >= count
    });
    names
}

/// Waits until none of the processes is one of before, and gives the fewest that were ready meanwhile.
#[track_caller]
fn fewest_ready_until_replaced(instances: &Instances, before: &BTreeSet<u32>) -> u64 {
    let mut fewest = u64::MAX;
    let replaced = eventually(PATIENCE * 2, || {
        let view = instances.view();
        fewest = fewest.min(view["ready"].as_u64().unwrap_or_default());
        let now = instances.ready();
        now.len() == before.len() && now.is_disjoint(before) && before.iter().all(|pid| has_ended(*pid))
    });
    assert!(replaced, "not replaced: {:#}", instances.view());
    fewest
}

#[test]
fn a_launched_application_serves_and_is_seen_everywhere() {
    let gateway = Tidegate::start(&config(
        "--port {its_port} --name {name}-of-{service}",
        "scale: 2, env: { GREETING: \"hello from {name}\" }",
    ));
    let instances = gateway.instances("api");
    let pids = instances.wait_ready(2);
    let names = answering(&gateway, 2);
    assert_eq!(Vec::from_iter(names), ["api-1-of-api", "api-2-of-api"]);
    let greetings: BTreeSet<_> = (0..20).map(|_| gateway.get("/env/GREETING").text()).collect();
    assert!(greetings.iter().all(|text| text.starts_with("hello from api-")), "{greetings:?}");
    assert!(gateway.get("/env/TIDEGATE_INSTANCE").text().starts_with("api-"));

    let view = instances.view();
    for instance in view["instances"].as_array().expect("a list") {
        let place = instance["place"].as_str().expect("a text");
        assert!(place.contains("127.0.0.1:"), "{instance}");
        assert!(instance["ready_after_seconds"].as_f64().is_some_and(|s| s > 0.0 && s < 30.0), "{instance}");
        let name = instance["name"].as_str().expect("a text");
        gateway.wait_for_print(&format!("{name} | listening on {}", place.rsplit(':').next().unwrap_or("")));
    }
    assert_eq!(
        (&view["driver"], &view["wanted"], &view["crash_loop"]),
        (&"process".into(), &2.into(), &().into())
    );
    assert_eq!(gateway.metric("tidegate_instances", &["service=\"api\"", "state=\"ready\""]), 2);
    assert_eq!(gateway.metric("tidegate_instances_wanted", &["service=\"api\""]), 2);
    soon("memory is measured", || {
        let view = instances.view();
        (0..2).all(|n| view["instances"][n]["memory"].as_u64().is_some_and(|bytes| bytes > 1 << 20))
    });

    let listed = told(&gateway, &["instances"]);
    for pid in &pids {
        assert!(listed.contains(&pid.to_string()), "{listed}");
    }
    assert!(listed.contains("api-1") && listed.contains("api-2") && listed.contains("ready"), "{listed}");
    let json: serde_json::Value =
        serde_json::from_str(&told(&gateway, &["instances", "api", "--json"])).expect("JSON");
    assert!(json.to_string().contains("\"api-1\""), "{json}");
    let status = told(&gateway, &["status"]);
    assert!(status.contains("api") && status.contains("2 ready"), "{status}");
    let stranger = gateway.admin("POST", "/api/services/nobody/restart");
    assert_eq!(stranger.status, 404, "{stranger}");
}

#[test]
fn an_application_may_listen_on_a_unix_socket() {
    let mut gateway =
        Tidegate::start(&config("--unix {socket} --name {name}", "scale: 2, port: socket, stop_timeout: 1s"));
    let instances = gateway.instances("api");
    instances.wait_ready(2);
    assert_eq!(answering(&gateway, 2).len(), 2);
    let view = instances.view();
    let places: Vec<_> = view["instances"].as_array().expect("a list").iter().map(|i| &i["place"]).collect();
    let files: Vec<_> =
        places.iter().filter_map(|place| place.as_str()?.strip_prefix("unix:")).map(Path::new).collect();
    assert_eq!(files.len(), 2, "{places:?}");
    assert!(files.iter().all(|file| file.exists()));
    gateway.signal(Signal::TERM);
    assert!(gateway.wait_exit(PATIENCE).success());
    assert!(files.iter().all(|file| !file.exists()), "left behind: {files:?}");
}

#[test]
fn ports_may_count_up_from_a_number() {
    // One for each of two instances, and one for the time in which one is replaced.
    let ports = loop {
        let ports = [Port::free(), Port::free(), Port::free()];
        if ports.windows(2).all(|two| two[0].number() + 1 == two[1].number()) {
            break ports;
        }
    };
    let gateway = Tidegate::start(&config("", &format!("scale: 2, port: {}", ports[0].number())));
    gateway.instances("api").wait_ready(2);
    for port in &ports[..2] {
        let asked = format!("/{}", port.number());
        assert_eq!(Raw::connect(port.address()).get(&asked, "Connection: close\r\n").text(), asked);
    }
}

#[test]
fn a_restart_replaces_each_and_nothing_fails() {
    let gateway = Tidegate::start(&config("--after 5", "scale: 3"));
    let instances = gateway.instances("api");
    let mut pids = instances.wait_ready(3);
    let load = OpenLoop::start(gateway.address(), 200, &["/a", "/b"], &["/wait/200"]);
    load.go_on(50);
    for round in 0..3 {
        if round == 0 {
            let said = told(&gateway, &["restart", "api"]);
            assert!(said.contains("api"), "{said}");
        } else {
            assert!(instances.restart().status < 300);
        }
        assert!(fewest_ready_until_replaced(&instances, &pids) >= 3, "round {round}: {}", gateway.stderr());
        pids = instances.wait_ready(3);
        load.go_on(50);
    }
    let tally = load.end();
    assert!(tally.failures.is_empty(), "{:#?}\n{}", tally.failures, gateway.stderr());
}

#[test]
fn another_environment_replaces_them_and_another_timeout_does_not() {
    let keys = |revision: u32, stop: &str| {
        format!("scale: 2, stop_timeout: {stop}, env: {{ REVISION: {revision} }}")
    };
    let gateway = Tidegate::start(&config("--after 5", &keys(1, "5s")));
    let instances = gateway.instances("api");
    let pids = instances.wait_ready(2);
    let load = OpenLoop::start(gateway.address(), 200, &["/a"], &[]);
    load.go_on(50);
    gateway.write_config(&config("--after 5", &keys(1, "3s")));
    assert_eq!(gateway.reload().status, 200);
    assert_eq!(gateway.get("/").fields.get("x-revision"), Some("1"));
    while_waiting(Duration::from_millis(500), || assert_eq!(instances.pids(), pids));
    gateway.write_config(&config("--after 5", &keys(2, "3s")));
    assert_eq!(gateway.reload().status, 200);
    assert!(fewest_ready_until_replaced(&instances, &pids) >= 2, "{}", gateway.stderr());
    for _ in 0..10 {
        assert_eq!(gateway.get("/").fields.get("x-revision"), Some("2"));
    }
    let tally = load.end();
    assert!(tally.failures.is_empty(), "{:#?}\n{}", tally.failures, gateway.stderr());
}

#[test]
fn a_broken_revision_leaves_the_old_one_serving_says_so_and_heals() {
    let keys = |revision: u32| format!("scale: 2, env: {{ REVISION: {revision} }}");
    let gateway = Tidegate::start(&config("--after 5", &keys(1)));
    let instances = gateway.instances("api");
    let pids = instances.wait_ready(2);
    let load = OpenLoop::start(gateway.address(), 200, &["/a"], &[]);
    gateway.write_config(&config("--exit 3", &keys(2)));
    assert_eq!(gateway.reload().status, 200);
    let view = instances.wait_until("the broken revision is told", |view| {
        view["rollout"].as_str().is_some_and(|told| told.contains("does not come up"))
    });
    assert!(pids.is_subset(&instances.ready()), "{view:#}");
    assert_eq!(gateway.get("/").fields.get("x-revision"), Some("1"));
    let status = told(&gateway, &["status"]);
    assert!(status.contains(view["rollout"].as_str().expect("a text")), "{status}");
    gateway.wait_for_print("| cannot go on: no such luck");
    gateway.write_config(&config("--after 5", &keys(3)));
    assert_eq!(gateway.reload().status, 200);
    assert!(fewest_ready_until_replaced(&instances, &pids) >= 2, "{}", gateway.stderr());
    assert_eq!(gateway.get("/").fields.get("x-revision"), Some("3"));
    let healed = |view: &serde_json::Value| view["rollout"].is_null();
    instances.wait_until("nothing is wrong any more", healed);
    let tally = load.end();
    assert!(tally.failures.is_empty(), "{:#?}\n{}", tally.failures, gateway.stderr());
}

#[test]
fn what_changes_in_a_watched_folder_replaces_them() {
    let gateway = Tidegate::start(&config("", "scale: 1, watch: \"{dir}\""));
    let instances = gateway.instances("api");
    let pids = instances.wait_ready(1);
    fs::write(gateway.file("module.py"), "# another version").expect("the folder can be written");
    assert!(fewest_ready_until_replaced(&instances, &pids) >= 1, "{}", gateway.stderr());
}

#[test]
fn each_may_have_a_log_file_of_its_own() {
    let gateway = Tidegate::start(&config("", "scale: 2, log: \"{dir}/logs/{name}.log\""));
    gateway.instances("api").wait_ready(2);
    for name in ["api-1", "api-2"] {
        let file = gateway.file(&format!("logs/{name}.log"));
        let read = || fs::read_to_string(&file).unwrap_or_default();
        soon("its lines are in its file", || read().contains("listening on "));
    }
    assert!(!gateway.stderr().contains("| listening"), "{}", gateway.stderr());
}

#[test]
fn when_tidegate_is_killed_all_it_has_launched_goes_too() {
    let mut gateway = Tidegate::start(&config("--fork {dir}/strays", "scale: 3"));
    let mut pids = gateway.instances("api").wait_ready(3);
    let strays = fs::read_to_string(gateway.file("strays")).expect("each has left one behind");
    pids.extend(strays.lines().map(|line| line.parse::<u32>().expect("a process id")));
    assert_eq!(pids.len(), 6);
    assert!(pids.iter().all(|pid| !has_ended(*pid)));
    gateway.signal(Signal::KILL);
    assert!(!gateway.wait_exit(PATIENCE).success());
    let all_gone = eventually(OUTLIVED_MOST, || pids.iter().all(|pid| has_ended(*pid)));
    let left: Vec<_> = pids.iter().filter(|pid| !has_ended(**pid)).collect();
    assert!(all_gone, "{left:?} of {pids:?} live on");
}

#[test]
fn sigterm_lets_requests_end_and_then_the_instances() {
    let mut gateway = Tidegate::start(&config("--fork {dir}/strays", "scale: 2, stop_timeout: 1s"));
    let mut pids = gateway.instances("api").wait_ready(2);
    let strays = fs::read_to_string(gateway.file("strays")).expect("each has left one behind");
    pids.extend(strays.lines().map(|line| line.parse::<u32>().expect("a process id")));
    let mut under_way: Vec<Raw> = (0..6).map(|_| gateway.connect()).collect();
    for client in &mut under_way {
        client.send("GET /wait/700/x HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    soon("they are under way", || {
        let view = gateway.instances("api").view();
        (0..2).map(|n| view["instances"][n]["in_flight"].as_u64().unwrap_or_default()).sum::<u64>() == 6
    });
    gateway.signal(Signal::TERM);
    for client in &mut under_way {
        let answer = client.response();
        assert_eq!((answer.status, answer.text().as_str()), (200, "/wait/700/x"), "{answer}");
    }
    let status = gateway.wait_exit(PATIENCE);
    assert!(status.success(), "{status:?}: {}", gateway.stderr());
    let left: Vec<_> = pids.iter().filter(|pid| !has_ended(**pid)).collect();
    assert!(left.is_empty(), "{left:?} of {pids:?} live on");
    soon("each was asked to end", || gateway.stderr().matches("| asked to end").count() == 2);
}

/// A terminal sends SIGINT to the whole process group, and so also to whatever Tidegate has started in it.
#[test]
fn ctrl_c_in_a_terminal_is_no_end_before_requests_have_ended() {
    let mut fleet = Fleet::start(&config_of_fleet("", "scale: 2"));
    let pids = fleet.instances("api").wait_ready(2);
    let mut client = Raw::connect(fleet.address());
    client.send("GET /wait/700/x HTTP/1.1\r\nHost: a\r\n\r\n");
    soon("it is under way", || {
        let view = fleet.instances("api").view();
        (0..2).any(|n| view["instances"][n]["in_flight"] == 1)
    });
    let group = i32::try_from(fleet.first()).ok().and_then(Pid::from_raw).expect("a process id is positive");
    kill_process_group(group, Signal::INT).expect("it runs");
    assert_eq!(client.response().text(), "/wait/700/x", "{}", fleet.log());
    assert!(fleet.first_exit().success(), "{}", fleet.log());
    assert!(pids.iter().all(|pid| has_ended(*pid)));
    let asked = eventually(PATIENCE, || fleet.log().matches("| asked to end").count() == 2);
    assert!(asked, "not each was asked to end: {}", fleet.log());
}

#[test]
fn an_upgrade_hands_the_instances_over_and_the_new_process_keeps_them() {
    let mut fleet =
        Fleet::start(&config_of_fleet("--after 5", "scale: 3, drain_timeout: 2s, stop_timeout: 2s"));
    let instances = fleet.instances("api");
    let pids = instances.wait_ready(3);
    let load = OpenLoop::start(fleet.address(), 200, &["/a", "/b"], &["/wait/200"]);
    load.go_on(50);
    for upgrade in 0..3 {
        if upgrade == 1 {
            fleet.upgrade_by_signal()
        } else {
            fleet.upgrade()
        };
        assert_eq!(instances.ready(), pids, "the new process knows them at once: {}", fleet.log());
        load.go_on(100);
        assert_eq!(instances.wait_ready(3), pids, "upgrade {upgrade}: {}", fleet.log());
    }
    assert!(fleet.first_exit().success(), "{}", fleet.log());
    assert_eq!(instances.wait_ready(3), pids, "the first process has taken none with it: {}", fleet.log());

    // What it was handed it can replace, and bring back.
    assert!(instances.restart().status < 300);
    assert!(fewest_ready_until_replaced(&instances, &pids) >= 3, "{}", fleet.log());
    let tally = load.end();
    assert!(tally.failures.is_empty(), "{:#?}\n{}", tally.failures, fleet.log());
    let now = instances.wait_ready(3);
    let victim = *now.first().expect("there are three");
    send_signal(victim, Signal::KILL);
    let (last, now) = (fleet.pid(), instances.wait_without(victim, 3));
    send_signal(last, Signal::TERM);
    soon("the last process ends, and the instances with it", || {
        has_ended(last) && now.iter().all(|pid| has_ended(*pid))
    });
}

#[test]
fn after_an_upgrade_a_killed_tidegate_still_takes_all_with_it() {
    let mut fleet = Fleet::start(&config_of_fleet("--fork {dir}/strays", "scale: 2"));
    let mut pids = fleet.instances("api").wait_ready(2);
    let strays = fs::read_to_string(fleet.file("strays")).expect("each has left one behind");
    pids.extend(strays.lines().map(|line| line.parse::<u32>().expect("a process id")));
    let new = fleet.upgrade();
    assert!(fleet.first_exit().success());
    send_signal(new, Signal::KILL);
    let all_gone = eventually(OUTLIVED_MOST, || pids.iter().all(|pid| has_ended(*pid)));
    assert!(all_gone, "{:?} live on", pids.iter().filter(|pid| !has_ended(**pid)).collect::<Vec<_>>());
}

#[test]
fn a_failed_upgrade_leaves_the_instances_with_the_old_process() {
    let fleet = Fleet::start(&config_of_fleet("", "scale: 2"));
    let instances = fleet.instances("api");
    let pids = instances.wait_ready(2);
    fleet.install_script("exit 7");
    fleet.refused();
    fleet.write_config("listeners: [\"127.0.0.1:{port}\"]\nroutes: [{ sevrice: api }]");
    fleet.install(tidegate_binary());
    fleet.refused();
    assert_eq!(instances.wait_ready(2), pids);
    let victim = *pids.first().expect("there are two");
    send_signal(victim, Signal::KILL);
    instances.wait_without(victim, 2);
    assert_eq!(fleet.get("/x"), "/x");
}

#[test]
fn a_service_that_leaves_the_config_takes_its_instances_along() {
    let gateway = Tidegate::start(&config("", "scale: 2"));
    let pids = gateway.instances("api").wait_ready(2);
    gateway.write_config("routes: [{ respond: { body: none } }]\nworkers: 2\n");
    assert_eq!(gateway.reload().status, 200);
    assert_eq!(gateway.get("/").text(), "none");
    soon("they have ended", || pids.iter().all(|pid| has_ended(*pid)));
    gateway.write_config(&config("", "scale: 1"));
    assert_eq!(gateway.reload().status, 200);
    gateway.instances("api").wait_ready(1);
    soon("it serves again", || gateway.get("/x").text() == "/x");
}
