//! Counts are set once, where they differ, and the pods that should go are marked.

use super::cluster::{Cluster, api};
use crate::fixture::run;
use crate::server::Answer;
use engines::Trouble;
use engines::kubernetes::{Kind, Scaled, Standing, Workload};
use serde_json::json;
use std::net::SocketAddr;
use std::rc::Rc;

const COST: &str = "controller.kubernetes.io/pod-deletion-cost";

fn deployment(address: SocketAddr) -> Workload {
    api(address).workload(Kind::Deployment, "shop").unwrap()
}

fn scaled(from: u32, to: u32) -> Scaled {
    Scaled { from, to, unmarked: None }
}

fn with_pods(names: &[&str]) -> Rc<Cluster> {
    let cluster = Cluster::new();
    cluster.pods.replace(names.iter().map(|name| ((*name).to_owned(), json!({ "other": "x" }))).collect());
    cluster
}

#[test]
fn a_count_is_sent_only_where_another_one_is_in_force() {
    run(async {
        let cluster = Cluster::new();
        let (_server, address) = cluster.serve().await;
        let workload = deployment(address);
        assert_eq!(workload.wanted().await, Ok(2));
        assert_eq!(workload.want(2, &[]).await.unwrap(), scaled(2, 2));
        assert!(cluster.patches().is_empty());
        assert_eq!(workload.want(5, &[]).await.unwrap(), scaled(2, 5));
        assert_eq!(workload.want(5, &[]).await.unwrap(), scaled(5, 5));
        assert_eq!(workload.want(0, &[]).await.unwrap(), scaled(5, 0));
        // A count of zero is one that the answer leaves out.
        assert_eq!(workload.want(0, &[]).await.unwrap(), scaled(0, 0));
        assert_eq!(workload.want(1, &[]).await.unwrap(), scaled(0, 1));
        assert_eq!(cluster.patches().len(), 3);
    });
}

#[test]
fn a_workload_that_somebody_else_changes_is_read_again() {
    run(async {
        let cluster = Cluster::new();
        let (_server, address) = cluster.serve().await;
        cluster.contenders.set(2);
        assert_eq!(deployment(address).want(4, &[]).await.unwrap(), scaled(2, 4));
        assert_eq!(cluster.patches().len(), 3);
        assert_eq!(cluster.scale.get().0, 4);
    });
}

#[test]
fn a_workload_that_others_always_change_is_given_up_in_bounded_time() {
    run(async {
        let cluster = Cluster::new();
        let (_server, address) = cluster.serve().await;
        cluster.contenders.set(u32::MAX);
        assert_eq!(deployment(address).want(4, &[]).await, Err(Trouble::Contended));
        assert_eq!(cluster.patches().len(), 8);
        assert_eq!(cluster.scale.get().0, 2);
    });
}

#[test]
fn a_count_that_a_rule_of_the_cluster_changes_is_told_as_it_is() {
    run(async {
        let cluster = Cluster::new();
        let (_server, address) = cluster.serve().await;
        let scale =
            |count: u32| json!({ "metadata": { "resourceVersion": "1" }, "spec": { "replicas": count } });
        cluster.faults.borrow_mut().extend([Answer::json(200, &scale(2)), Answer::json(200, &scale(10))]);
        assert_eq!(deployment(address).want(50, &[]).await.unwrap(), scaled(2, 10));
    });
}

#[test]
fn pods_that_should_go_are_marked_before_the_count_falls_and_no_more_than_go() {
    run(async {
        let cluster = with_pods(&["shop-a", "shop-b", "shop-c"]);
        cluster.scale.set((3, 1));
        let (_server, address) = cluster.serve().await;
        assert_eq!(
            deployment(address).want(1, &["shop-a", "shop-gone", "shop-c"]).await.unwrap(),
            scaled(3, 1)
        );
        let patched: Vec<_> = cluster
            .patches()
            .iter()
            .map(|asked| asked.path().rsplit('/').next().unwrap().to_owned())
            .collect();
        assert_eq!(patched, ["shop-a", "shop-gone", "scale"]);
        let pods = cluster.pods.borrow();
        assert_eq!(pods["shop-a"], json!({ "other": "x", COST: "-1000" }));
        assert_eq!(pods["shop-c"], json!({ "other": "x" }));
    });
}

#[test]
fn nothing_is_marked_when_the_count_rises_and_a_mark_can_be_taken_back() {
    run(async {
        let cluster = with_pods(&["shop-a"]);
        let (_server, address) = cluster.serve().await;
        let workload = deployment(address);
        workload.want(3, &["shop-a"]).await.unwrap();
        assert_eq!(cluster.pods.borrow()["shop-a"], json!({ "other": "x" }));
        workload.mark(&["shop-a"]).await.unwrap();
        assert_eq!(cluster.pods.borrow()["shop-a"][COST], "-1000");
        workload.spare(&["shop-a", "shop-gone"]).await.unwrap();
        assert_eq!(cluster.pods.borrow()["shop-a"], json!({ "other": "x" }));
    });
}

#[test]
fn the_pods_of_a_stateful_set_are_not_marked_since_the_last_ones_go_anyway() {
    run(async {
        let cluster = with_pods(&["shop-0"]);
        let (_server, address) = cluster.serve().await;
        let workload = api(address).workload(Kind::StatefulSet, "shop").unwrap();
        assert_eq!(workload.want(1, &["shop-0"]).await.unwrap(), scaled(2, 1));
        assert_eq!(cluster.patches().len(), 1);
    });
}

#[test]
fn a_count_falls_also_where_pods_may_not_be_marked_and_that_is_told() {
    run(async {
        let cluster = Cluster::new();
        let (_server, address) = cluster.serve().await;
        let scale = json!({ "metadata": { "resourceVersion": "1" }, "spec": { "replicas": 2 } });
        let forbidden = Answer::json(403, &json!({ "message": "pods \"shop-a\" is forbidden", "code": 403 }));
        cluster.faults.borrow_mut().extend([Answer::json(200, &scale), forbidden]);
        let scaled = deployment(address).want(1, &["shop-a"]).await.unwrap();
        assert_eq!((scaled.from, scaled.to), (2, 1));
        assert_eq!(scaled.unmarked.unwrap().to_string(), "answered 403: pods \"shop-a\" is forbidden");
        assert_eq!(cluster.scale.get().0, 1);
    });
}

#[test]
fn a_refusal_is_told_in_the_servers_words() {
    run(async {
        let cluster = Cluster::new();
        let (_server, address) = cluster.serve().await;
        let other = api(address).workload(Kind::Deployment, "other").unwrap();
        let trouble = other.want(3, &[]).await.unwrap_err();
        assert_eq!(trouble.status(), Some(404));
        assert!(trouble.to_string().ends_with("deployments/other/scale not found"), "{trouble}");
    });
}

#[test]
fn a_workload_is_settled_when_the_cluster_has_seen_its_last_change() {
    run(async {
        let cluster = Cluster::new();
        let (_server, address) = cluster.serve().await;
        let object = |seen: u32| {
            let status = json!({ "observedGeneration": seen, "replicas": 4, "readyReplicas": 3, "updatedReplicas": 2 });
            json!({ "metadata": { "generation": 7 }, "spec": { "replicas": 5, "template": {} }, "status": status })
        };
        let standing = |settled| Standing { wanted: 5, replicas: 4, ready: 3, updated: 2, settled };
        let bare = json!({ "metadata": { "generation": 1 }, "spec": {} });
        let fresh = Standing { wanted: 1, replicas: 0, ready: 0, updated: 0, settled: false };
        for (object, expected) in [(object(6), standing(false)), (object(7), standing(true)), (bare, fresh)] {
            cluster.faults.borrow_mut().push_back(Answer::json(200, &object));
            assert_eq!(deployment(address).standing().await, Ok(expected));
        }
        assert_eq!(cluster.asked.borrow()[0].path(), "/apis/apps/v1/namespaces/default/deployments/shop");
    });
}
