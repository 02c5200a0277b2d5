//! Passwords, TLS, sentinels, and Redis Cluster.

use crate::fixture::{bucket, node, quota, ready, settings, wait};
use cluster::{Cluster, ClusterSettings, Mode, SettingsError};
use e2e::{Certificate, PATIENCE, Redis, Scratch, soon};
use limit::Window;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

#[track_caller]
fn works(settings: &ClusterSettings) {
    let node = Cluster::start(settings).unwrap();
    ready(&node);
    assert!(wait(node.take(&bucket(1, 5, HOUR, 5), 1)).unwrap().admitted);
}

/// Why it does not.
#[track_caller]
fn fails(settings: &ClusterSettings) -> String {
    let node = Cluster::start(settings).unwrap();
    soon("it was tried", || *node.state().why != *"not connected yet");
    let state = node.state();
    assert!(!state.up);
    state.why.to_string()
}

#[test]
fn a_server_with_a_password_takes_it_from_the_settings_or_the_url_and_no_other() {
    let redis = Redis::with(&["--requirepass", "hunter2"]);
    works(&ClusterSettings { password: Some("hunter2".into()), ..settings(&redis.url(), "a") });
    works(&settings(&redis.url().replace("//", "//:hunter2@"), "a"));
    let none = fails(&settings(&redis.url(), "a"));
    assert!(none.contains("NOAUTH"), "{none}");
    let wrong = fails(&ClusterSettings { password: Some("swordfish".into()), ..settings(&redis.url(), "a") });
    assert!(!wrong.contains("swordfish") && !wrong.is_empty(), "{wrong}");
}

#[test]
fn a_user_who_may_only_do_what_is_needed_is_enough() {
    let redis = Redis::start();
    let rights = ["~test:*", "~{test}:*", "+@read", "+@write", "+@scripting", "+time", "+@connection"];
    redis.cli(&[&["ACL", "SETUSER", "ops", "on", ">hunter2"][..], &rights].concat());
    redis.cli(&["ACL", "SETUSER", "default", "off"]);
    let ops = ClusterSettings {
        username: Some("ops".into()),
        password: Some("hunter2".into()),
        ..settings(&redis.url(), "a")
    };
    works(&ops);
    let other = fails(&ClusterSettings { prefix: "other".into(), ..ops });
    assert!(other.contains("NOPERM"), "{other}");
}

#[test]
fn tls_is_spoken_with_a_server_whose_certificate_is_trusted_and_with_no_other() {
    let scratch = Scratch::new();
    let (ours, theirs) = (Certificate::make(&scratch, "ours"), Certificate::make(&scratch, "theirs"));
    let path = |path: &std::path::Path| path.display().to_string();
    let redis = Redis::start_tls(&path(&ours.certificate), &path(&ours.key));
    let url = format!("rediss://localhost:{}", redis.port());
    let trusting = |certificate: &Certificate| ClusterSettings {
        ca: Some(std::fs::read(&certificate.certificate).unwrap()),
        ..settings(&url, "a")
    };
    works(&trusting(&ours));
    assert!(fails(&trusting(&theirs)).to_lowercase().contains("certificate"));
    assert!(
        fails(&settings(&url, "a")).to_lowercase().contains("certificate"),
        "the system does not know it"
    );
    fails(&settings(&url.replace("rediss", "redis"), "a"));
}

#[test]
fn a_certificate_that_is_none_is_refused_at_the_start() {
    let settings = ClusterSettings {
        ca: Some(b"-----BEGIN CERTIFICATE-----\nx".to_vec()),
        ..settings("rediss://a", "a")
    };
    assert!(matches!(Cluster::start(&settings), Err(SettingsError::Other(_))));
}

#[test]
fn of_several_servers_the_first_that_works_is_used() {
    let (mut dead, alive) = (Redis::start(), Redis::start());
    dead.kill();
    let urls = vec![dead.url().into(), alive.url().into()];
    works(&ClusterSettings { urls, ..settings("", "a") });
}

#[test]
fn the_server_that_sentinels_name_is_used_also_when_it_changes() {
    let mut first = Redis::start();
    let port = first.port().to_string();
    let second = Redis::with(&["--replicaof", "127.0.0.1", &port]);
    soon("the replica follows", || second.cli(&["INFO", "replication"]).contains("master_link_status:up"));
    let sentinel = Redis::sentinel(&first);
    soon("the sentinel knows both", || {
        sentinel.cli(&["SENTINEL", "REPLICAS", "mymaster"]).contains("127.0.0.1")
    });
    let settings = ClusterSettings {
        mode: Mode::Sentinel { master: "mymaster".into() },
        ..settings(&sentinel.url(), "a")
    };
    let node = Cluster::start(&settings).unwrap();
    ready(&node);
    let five = bucket(1, 5, HOUR, 5);
    assert_eq!(wait(node.take(&five, 2)).unwrap().remaining, 3);
    soon("the replica has it", || second.cli(&["DBSIZE"]) == first.cli(&["DBSIZE"]));
    first.kill();
    let down = || !node.state().up;
    soon("it is seen", down);
    assert!(e2e::eventually(PATIENCE * 2, || node.state().up), "{:?}", node.state());
    assert_eq!(wait(node.take(&five, 1)).unwrap().remaining, 2, "the other one knows what was taken");
}

#[test]
fn a_name_that_sentinels_do_not_know_is_told() {
    let master = Redis::start();
    let sentinel = Redis::sentinel(&master);
    let mode = Mode::Sentinel { master: "nobody".into() };
    let why = fails(&ClusterSettings { mode, ..settings(&sentinel.url(), "a") });
    assert!(!why.is_empty());
}

#[test]
fn a_redis_cluster_is_used_with_all_of_its_servers() {
    let servers = [(); 3].map(|()| Redis::with(&["--cluster-enabled", "yes"]));
    let places: Vec<_> = servers.iter().map(|server| format!("127.0.0.1:{}", server.port())).collect();
    let create = [
        &["--cluster", "create"][..],
        &places.iter().map(|place| &**place).collect::<Vec<_>>(),
        &["--cluster-yes"],
    ];
    servers[0].cli(&create.concat());
    let all_agree =
        || servers.iter().all(|server| server.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok"));
    soon("the cluster is there", all_agree);
    let url = servers[0].url();
    let in_cluster = |name| ClusterSettings { mode: Mode::Cluster, ..settings(&url, name) };
    let (one, other) = (Cluster::start(&in_cluster("a")).unwrap(), Cluster::start(&in_cluster("b")).unwrap());
    ready(&one);
    ready(&other);
    for key in 0..64u128 {
        let five = bucket(key << 120, 5, HOUR, 5);
        assert_eq!(wait(one.take(&five, 2)).unwrap().remaining, 3);
        assert_eq!(wait(other.take(&five, 1)).unwrap().remaining, 2);
        assert!(wait(one.take(&quota(key << 120, 5, Window::Month), 1)).unwrap().admitted);
    }
    let alone = std::sync::Arc::new(crate::fixture::Alone::default());
    one.settle(std::sync::Arc::clone(&alone) as _);
    for key in 0..512u128 {
        assert!(alone.take(&bucket(key << 119 | 1, 5, HOUR, 5)));
    }
    soon("all are settled", || one.counts().settled == 512);
    assert_eq!(one.counts().lost, 0);
    soon("each sees the other", || one.nodes_seen() == 2 && other.nodes_seen() == 2);
    for server in &servers {
        assert_ne!(server.cli(&["DBSIZE"]), "0");
    }
}

#[test]
fn a_node_may_use_a_server_through_a_unix_socket() {
    let scratch = Scratch::new();
    let socket = scratch.file("redis.sock").display().to_string();
    let _redis = Redis::with(&["--unixsocket", &socket]);
    let node = node(&format!("redis+unix://{socket}"), "a");
    assert!(wait(node.take(&bucket(1, 5, HOUR, 5), 1)).unwrap().admitted);
}
