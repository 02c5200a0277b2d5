//! What is said to all nodes.

use crate::fixture::{node, wait};
use cluster::{Cluster, Heard, Subscription, Unsent};
use e2e::{PATIENCE, Redis, soon};
use std::sync::Arc;

fn say(node: &Cluster, text: &str) {
    wait(node.publish("purge", text.as_bytes())).unwrap();
}

#[track_caller]
fn hear(subscription: &mut Subscription) -> Heard {
    let heard = wait(async { tokio::time::timeout(PATIENCE, subscription.next()).await });
    heard.expect("something is heard").expect("the cluster has not ended")
}

fn message(text: &str) -> Heard {
    Heard::Message(Arc::from(text.as_bytes()))
}

/// Two nodes that have both found their place in the stream.
fn two(redis: &Redis) -> [(Arc<Cluster>, Subscription); 2] {
    let nodes = ["a", "b"].map(|name| node(&redis.url(), name));
    let mut all = nodes.map(|node| {
        let hears = node.subscribe("purge");
        (node, hears)
    });
    // Whatever was said before a node was born is not for it, so it is said until it is heard.
    let [(one, ears), (other, others)] = &mut all;
    for (speaker, listener) in [(&*one, &mut *others), (&*other, &mut *ears)] {
        let mut heard = None;
        soon("the other hears", || {
            say(speaker, "begin");
            heard = wait(async {
                tokio::time::timeout(std::time::Duration::from_millis(500), listener.next())
                    .await
                    .ok()
                    .flatten()
            });
            heard.is_some()
        });
    }
    all
}

/// The next that is not the beginning of the test.
#[track_caller]
fn next(subscription: &mut Subscription) -> Heard {
    loop {
        let heard = hear(subscription);
        if heard != message("begin") {
            return heard;
        }
    }
}

#[test]
fn others_hear_each_message_once_in_order_and_only_of_their_topic() {
    let redis = Redis::start();
    let [(one, mut own), (other, mut hears)] = two(&redis);
    wait(one.publish("gossip", b"no")).unwrap();
    for n in 0..700 {
        say(&one, &n.to_string());
    }
    for n in 0..700 {
        assert_eq!(next(&mut hears), message(&n.to_string()));
    }
    say(&other, "end");
    assert_eq!(next(&mut own), message("end"), "nobody hears his own");
}

#[test]
fn a_node_that_was_cut_off_hears_what_was_said_meanwhile() {
    let redis = Redis::start();
    let [(one, _), (other, mut hears)] = two(&redis);
    let before = other.counts().downs;
    // All connections break; what the stream has is kept.
    redis.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
    soon("it was seen", || other.counts().downs > before);
    soon("said", || wait(one.publish("purge", b"meanwhile")).is_ok());
    assert_eq!(next(&mut hears), message("meanwhile"));
}

#[test]
fn a_node_is_told_when_the_server_has_lost_messages() {
    let mut redis = Redis::start();
    let [(one, _), (_other, mut hears)] = two(&redis);
    redis.restart();
    assert_eq!(next(&mut hears), Heard::Missed);
    soon("said", || wait(one.publish("purge", b"again")).is_ok());
    assert_eq!(next(&mut hears), message("again"));
}

#[test]
fn a_node_is_told_when_the_stream_was_trimmed_while_it_was_away() {
    let redis = Redis::start();
    let [(one, _), (other, mut hears)] = two(&redis);
    say(&one, "last");
    assert_eq!(next(&mut hears), message("last"));
    let before = other.counts().downs;
    // In one step, so that nobody reads between: all are cut off, and of what is said then only the end is kept.
    let says = "XADD {test}:bus * from c topic purge bytes x\n".repeat(9);
    redis.cli_script(&format!(
        "MULTI\nCLIENT KILL TYPE normal SKIPME yes\n{says}XTRIM {{test}}:bus MAXLEN 1\nEXEC\n"
    ));
    soon("it was seen", || other.counts().downs > before);
    assert_eq!(next(&mut hears), Heard::Missed);
    assert_eq!(next(&mut hears), message("x"), "what is left is heard");
}

#[test]
fn what_is_no_message_is_passed_over() {
    let redis = Redis::start();
    let [(one, _), (_other, mut hears)] = two(&redis);
    redis.cli(&["XADD", "{test}:bus", "*", "hello", "world"]);
    redis.cli(&["XADD", "{test}:bus", "*", "topic", "purge"]);
    say(&one, "sense");
    assert_eq!(next(&mut hears), message("sense"));
}

#[test]
fn a_message_that_is_too_long_is_refused() {
    let redis = Redis::start();
    let one = node(&redis.url(), "a");
    let long = vec![0; 65_537];
    assert_eq!(wait(one.publish("purge", &long)), Err(Unsent::TooLong));
    assert_eq!(wait(one.publish("purge", &long[1..])), Ok(()));
}
