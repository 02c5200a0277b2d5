//! Endpoints are followed through whatever happens to a watch.

use super::cluster::{Cluster, Follower, Heard, shop, slice};
use crate::fixture::{run, until};
use crate::server::{Answer, Part};
use serde_json::json;

#[test]
fn endpoints_of_the_list_and_each_change_are_told() {
    run(async {
        let cluster = Cluster::new();
        cluster.put("a", slice(&[("10.0.0.1", true)]));
        let (_server, address) = cluster.serve().await;
        let follower = Follower::start(shop(address));
        follower.has(&["10.0.0.1:8080"]).await;
        until("a watch", || cluster.watchers() == 1).await;
        cluster.put("a", slice(&[("10.0.0.1", true), ("10.0.0.2", false)]));
        follower.has(&["10.0.0.1:8080", "10.0.0.2:8080-"]).await;
        cluster.put("b", slice(&[("10.0.0.3", true)]));
        follower.has(&["10.0.0.1:8080", "10.0.0.2:8080-", "10.0.0.3:8080"]).await;
        let mut ending = slice(&[("10.0.0.1", false), ("10.0.0.2", true)]);
        ending["endpoints"][0]["conditions"] =
            json!({ "ready": false, "serving": true, "terminating": true });
        cluster.put("a", ending);
        follower.has(&["10.0.0.1:8080~", "10.0.0.2:8080", "10.0.0.3:8080"]).await;
        cluster.delete("a");
        follower.has(&["10.0.0.3:8080"]).await;
        assert_eq!((cluster.lists(), follower.troubles()), (1, 0));
    });
}

#[test]
fn an_event_that_changes_no_endpoint_is_not_told() {
    run(async {
        let cluster = Cluster::new();
        cluster.put("a", slice(&[("10.0.0.1", true)]));
        let (_server, address) = cluster.serve().await;
        let follower = Follower::start(shop(address));
        until("a watch", || cluster.watchers() == 1).await;
        cluster.put("a", slice(&[("10.0.0.1", true)]));
        cluster.bookmark();
        cluster.put("a", slice(&[("10.0.0.2", true)]));
        follower.has(&["10.0.0.2:8080"]).await;
        assert_eq!(follower.heard.all().len(), 2, "{:?}", follower.heard.all());
    });
}

#[test]
fn a_run_of_events_that_arrives_at_once_is_one_change() {
    run(async {
        let cluster = Cluster::new();
        let (_server, address) = cluster.serve().await;
        let follower = Follower::start(shop(address));
        follower.has(&[]).await;
        until("a watch", || cluster.watchers() == 1).await;
        let mut both = String::new();
        for (version, ip) in [(500, "10.0.0.1"), (501, "10.0.0.2")] {
            let mut object = slice(&[(ip, true)]);
            object["metadata"] = json!({ "name": ip, "resourceVersion": version.to_string() });
            both += &(json!({ "type": "ADDED", "object": object }).to_string() + "\n");
        }
        cluster.say(&Part::Text(both));
        follower.has(&["10.0.0.1:8080", "10.0.0.2:8080"]).await;
        assert_eq!(follower.heard.all().len(), 2, "{:?}", follower.heard.all());
    });
}

#[test]
fn a_watch_that_is_cut_in_the_middle_of_an_event_goes_on_where_it_was() {
    run(async {
        let cluster = Cluster::new();
        cluster.put("a", slice(&[("10.0.0.1", true)]));
        let (_server, address) = cluster.serve().await;
        let follower = Follower::start(shop(address));
        follower.has(&["10.0.0.1:8080"]).await;
        for turn in 2_u8..6 {
            until("a watch", || cluster.watchers() == 1).await;
            cluster.cut();
            // Nobody watches: it has to be told later.
            let ip = format!("10.0.0.{turn}");
            cluster.put("a", slice(&[(&ip, true)]));
            follower.has(&[&format!("{ip}:8080")]).await;
        }
        assert_eq!(cluster.lists(), 1);
    });
}

#[test]
fn a_watch_that_ends_in_good_order_goes_on_without_a_list_and_without_a_word() {
    run(async {
        let cluster = Cluster::new();
        cluster.put("a", slice(&[("10.0.0.1", true)]));
        let (_server, address) = cluster.serve().await;
        let follower = Follower::start(shop(address));
        until("a watch", || cluster.watchers() == 1).await;
        cluster.end();
        until("another watch", || cluster.watches().len() == 2).await;
        cluster.put("a", slice(&[("10.0.0.2", true)]));
        follower.has(&["10.0.0.2:8080"]).await;
        assert_eq!((cluster.lists(), follower.troubles()), (1, 0));
    });
}

#[test]
fn a_bookmark_is_where_the_next_watch_begins() {
    run(async {
        let cluster = Cluster::new();
        let (_server, address) = cluster.serve().await;
        let _follower = Follower::start(shop(address));
        until("a watch", || cluster.watchers() == 1).await;
        for _ in 0..5 {
            cluster.bookmark();
        }
        cluster.end();
        until("another watch", || cluster.watches().len() == 2).await;
        let versions: Vec<_> =
            cluster.watches().iter().map(|watch| watch.query("resourceVersion").unwrap()).collect();
        assert_eq!(versions, ["100", "105"]);
    });
}

#[test]
fn a_version_that_is_too_old_is_listed_anew_and_nothing_is_missed() {
    run(async {
        let cluster = Cluster::new();
        cluster.put("a", slice(&[("10.0.0.1", true)]));
        cluster.put("b", slice(&[("10.0.0.2", true)]));
        let (_server, address) = cluster.serve().await;
        let follower = Follower::start(shop(address));
        follower.has(&["10.0.0.1:8080", "10.0.0.2:8080"]).await;
        until("a watch", || cluster.watchers() == 1).await;
        cluster.cut();
        cluster.delete("b");
        cluster.put("c", slice(&[("10.0.0.3", true)]));
        cluster.compact();
        follower.has(&["10.0.0.1:8080", "10.0.0.3:8080"]).await;
        assert_eq!((cluster.lists(), follower.troubles()), (2, 1), "{:?}", follower.heard.all());
        // The cut was told; that the version was too old was not.
        assert!(
            follower.heard.all().iter().all(|heard| !matches!(heard, Heard::Trouble(t) if t.contains("410")))
        );
    });
}

#[test]
fn a_watch_that_is_refused_as_too_old_by_its_status_is_listed_anew() {
    run(async {
        let cluster = Cluster::new();
        cluster.put("a", slice(&[("10.0.0.1", true)]));
        let (_server, address) = cluster.serve().await;
        let follower = Follower::start(shop(address));
        until("a watch", || cluster.watchers() == 1).await;
        cluster
            .faults
            .borrow_mut()
            .push_back(Answer::json(410, &json!({ "code": 410, "message": "too old" })));
        cluster.end();
        until("another list", || cluster.lists() == 2).await;
        cluster.put("a", slice(&[("10.0.0.9", true)]));
        follower.has(&["10.0.0.9:8080"]).await;
    });
}

#[test]
fn a_list_in_pages_is_one_list() {
    run(async {
        let cluster = Cluster::new();
        cluster.page.set(2);
        for n in 1..=5 {
            cluster.put(&format!("s{n}"), slice(&[(&format!("10.0.0.{n}"), true)]));
        }
        let (_server, address) = cluster.serve().await;
        let found = shop(address).look().await.unwrap();
        assert_eq!(found.len(), 5);
        assert_eq!(found[4].pod.as_deref(), Some("pod-10-0-0-5"));
        assert_eq!(cluster.lists(), 3);
    });
}

#[test]
fn a_service_without_endpoints_is_told_as_such() {
    run(async {
        let cluster = Cluster::new();
        let (_server, address) = cluster.serve().await;
        let follower = Follower::start(shop(address));
        follower.has(&[]).await;
    });
}
