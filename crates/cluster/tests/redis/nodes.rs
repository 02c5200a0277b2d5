//! Who is there, and what they agree on.

use crate::fixture::{node, ready, settings};
use cluster::Cluster;
use e2e::{Redis, soon};

#[test]
fn nodes_are_counted_as_they_come_and_go() {
    let redis = Redis::start();
    let one = node(&redis.url(), "a");
    assert_eq!(one.nodes_seen(), 1);
    let (two, three) = (node(&redis.url(), "b"), node(&redis.url(), "c"));
    assert_eq!(three.nodes_seen(), 3, "the last one knows at once");
    soon("the first sees them", || one.nodes_seen() == 3);
    drop(two);
    soon("one is gone", || one.nodes_seen() == 2 && three.nodes_seen() == 2);
}

#[test]
fn two_processes_of_one_node_are_one() {
    let redis = Redis::start();
    let (old, new) = (node(&redis.url(), "a"), node(&redis.url(), "a"));
    assert_eq!((old.nodes_seen(), new.nodes_seen()), (1, 1));
}

#[test]
fn all_nodes_use_the_seed_of_the_first() {
    let redis = Redis::start();
    let (one, two) = (node(&redis.url(), "a"), node(&redis.url(), "b"));
    assert_eq!(one.seed(), settings("", "a").seed);
    assert_eq!(two.seed(), one.seed());
}

#[test]
fn a_server_that_was_restarted_empty_gets_the_seed_back_from_the_nodes() {
    let mut redis = Redis::start();
    let (one, two) = (node(&redis.url(), "a"), node(&redis.url(), "b"));
    redis.restart();
    soon("all are back", || redis.cli(&["ZCARD", "{test}:nodes"]) == "2");
    let newcomer = node(&redis.url(), "c");
    assert_eq!(newcomer.seed(), settings("", "a").seed);
    assert_eq!((one.seed(), two.seed()), (newcomer.seed(), newcomer.seed()));
}

#[test]
fn what_is_no_seed_is_not_taken() {
    let redis = Redis::start();
    redis.cli(&["SET", "{test}:seed", "nonsense"]);
    assert_eq!(node(&redis.url(), "a").seed(), settings("", "a").seed);
}

#[test]
fn installations_with_other_prefixes_do_not_see_each_other() {
    let redis = Redis::start();
    let _one = node(&redis.url(), "a");
    let other = cluster::ClusterSettings { prefix: "other".into(), ..settings(&redis.url(), "b") };
    let other = Cluster::start(&other).unwrap();
    ready(&other);
    assert_eq!(other.nodes_seen(), 1);
    assert_eq!(other.seed(), settings("", "b").seed);
}
