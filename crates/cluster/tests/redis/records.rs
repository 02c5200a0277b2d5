//! What every node has in whole.

use crate::fixture::{ready, settings};
use cluster::{Cluster, Record, Records};
use e2e::{Redis, soon};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Keys as a node has them: when they were changed, and whether they are revoked. The later holds, and revoked wins.
#[derive(Default)]
struct Keys(Mutex<BTreeMap<String, Key>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    changed: u64,
    revoked: bool,
    label: String,
    expires: Option<u64>,
}

impl Keys {
    fn put(&self, id: &str, changed: u64, label: &str) {
        let key = Key { changed, revoked: false, label: label.into(), expires: None };
        self.0.lock().unwrap().insert(id.into(), key);
    }

    fn revoke(&self, id: &str, changed: u64) {
        let mut keys = self.0.lock().unwrap();
        let key = keys.get_mut(id).unwrap();
        key.revoked = true;
        key.changed = changed;
    }

    fn get(&self, id: &str) -> Option<Key> {
        self.0.lock().unwrap().get(id).cloned()
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn record(id: &str, key: &Key) -> Record {
        let json = format!("{} {} {}", key.changed, key.revoked, key.label);
        Record { id: id.into(), changed: key.changed, expires: key.expires, json: json.into() }
    }
}

impl Records for Keys {
    fn all(&self) -> Vec<Record> {
        self.0.lock().unwrap().iter().map(|(id, key)| Self::record(id, key)).collect()
    }

    fn one(&self, id: &str) -> Option<Record> {
        self.get(id).map(|key| Self::record(id, &key))
    }

    fn merge(&self, id: &str, json: &str) -> bool {
        let mut parts = json.splitn(3, ' ');
        let (Some(Ok(changed)), Some(revoked), Some(label)) =
            (parts.next().map(str::parse), parts.next(), parts.next())
        else {
            return false;
        };
        let theirs = Key { changed, revoked: revoked == "true", label: label.into(), expires: None };
        let mut keys = self.0.lock().unwrap();
        let Some(ours) = keys.get_mut(id) else {
            keys.insert(id.into(), theirs);
            return true;
        };
        let later = if theirs.changed > ours.changed { theirs.clone() } else { ours.clone() };
        let merged = Key { revoked: ours.revoked || theirs.revoked, ..later };
        let is_new = merged != *ours;
        *ours = merged;
        is_new
    }
}

fn with_keys(url: &str, name: &str, keys: &Arc<Keys>) -> Arc<Cluster> {
    let node = Cluster::start(&settings(url, name)).unwrap();
    node.replicate("keys", Arc::clone(keys) as _);
    node
}

#[test]
fn a_key_that_is_revoked_on_one_node_is_revoked_on_the_others_within_a_second() {
    let redis = Redis::start();
    let (one, other) = (Arc::new(Keys::default()), Arc::new(Keys::default()));
    one.put("k", 1, "first");
    let a = with_keys(&redis.url(), "a", &one);
    let _b = with_keys(&redis.url(), "b", &other);
    soon("the other learns of it", || other.get("k").is_some_and(|key| !key.revoked));
    let start = Instant::now();
    one.revoke("k", 2);
    a.tell("keys", "k");
    soon("revoked", || other.get("k").is_some_and(|key| key.revoked));
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

#[test]
fn nodes_that_changed_the_same_key_while_they_were_apart_come_to_the_same() {
    let mut redis = Redis::start();
    let (one, other) = (Arc::new(Keys::default()), Arc::new(Keys::default()));
    one.put("k", 1, "first");
    let (a, b) = (with_keys(&redis.url(), "a", &one), with_keys(&redis.url(), "b", &other));
    soon("both have it", || other.get("k").is_some());
    redis.kill();
    one.revoke("k", 5);
    a.tell("keys", "k");
    other.put("k", 9, "second");
    b.tell("keys", "k");
    redis.restart();
    let both = Key { changed: 9, revoked: true, label: "second".into(), expires: None };
    soon("merged", || [&one, &other].iter().all(|keys| keys.get("k").as_ref() == Some(&both)));
    let third = Arc::new(Keys::default());
    let _c = with_keys(&redis.url(), "c", &third);
    soon("and so it stands in the store", || third.get("k").as_ref() == Some(&both));
}

#[test]
fn a_server_that_was_restarted_empty_is_filled_from_the_nodes() {
    let mut redis = Redis::start();
    let keys = Arc::new(Keys::default());
    (0..1_300).for_each(|n| keys.put(&format!("k{n}"), 1, "label"));
    let _a = with_keys(&redis.url(), "a", &keys);
    let filled = |redis: &Redis| redis.cli(&["HLEN", "{test}:set:keys:data"]) == "1300";
    soon("filled", || filled(&redis));
    redis.restart();
    soon("filled again", || filled(&redis));
    let newcomer = Arc::new(Keys::default());
    let _b = with_keys(&redis.url(), "b", &newcomer);
    soon("a newcomer gets all", || newcomer.len() == 1_300);
}

#[test]
fn a_server_that_lost_its_data_without_a_new_connection_is_filled_again() {
    let redis = Redis::start();
    let keys = Arc::new(Keys::default());
    keys.put("k", 1, "label");
    let a = with_keys(&redis.url(), "a", &keys);
    soon("written", || redis.cli(&["HLEN", "{test}:set:keys:data"]) == "1");
    redis.cli(&["FLUSHALL"]);
    soon("written again", || redis.cli(&["HLEN", "{test}:set:keys:data"]) == "1");
    assert!(a.state().up);
}

#[test]
fn two_nodes_that_write_at_once_lose_nothing() {
    let redis = Redis::start();
    let (one, other) = (Arc::new(Keys::default()), Arc::new(Keys::default()));
    let (a, b) = (with_keys(&redis.url(), "a", &one), with_keys(&redis.url(), "b", &other));
    ready(&a);
    ready(&b);
    for n in 0..200 {
        let id = format!("k{n}");
        one.put(&id, 2 * n, "a");
        one.revoke(&id, 2 * n);
        other.put(&id, 2 * n + 1, "b");
        a.tell("keys", &id);
        b.tell("keys", &id);
    }
    soon("both agree", || {
        (0..200).all(|n| {
            let both = Key { changed: 2 * n + 1, revoked: true, label: "b".into(), expires: None };
            [&one, &other].iter().all(|keys| keys.get(&format!("k{n}")).as_ref() == Some(&both))
        })
    });
}

#[test]
fn what_expired_long_ago_is_taken_out_of_the_store_and_not_brought_back() {
    let redis = Redis::start();
    let hours_ago = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - 7_200;
    redis.cli(&["HSET", "{test}:set:keys:data", "old", &format!("1;{hours_ago};1 false old")]);
    redis.cli(&["ZADD", "{test}:set:keys:order", "1", "old"]);
    redis.cli(&["SET", "{test}:set:keys:last", "1"]);
    let keys = Arc::new(Keys::default());
    keys.put("ours", 1, "label");
    keys.0.lock().unwrap().get_mut("ours").unwrap().expires = Some(hours_ago);
    keys.put("good", 1, "label");
    let _a = with_keys(&redis.url(), "a", &keys);
    soon("only the good one stands there", || redis.cli(&["HKEYS", "{test}:set:keys:data"]) == "good");
    assert_eq!(keys.get("old"), None);
}

#[test]
fn what_is_no_record_is_passed_over() {
    let redis = Redis::start();
    for (n, (id, body)) in [("x", "nonsense"), ("y", "1;;nonsense"), ("z", "-1;x;")].into_iter().enumerate() {
        redis.cli(&["HSET", "{test}:set:keys:data", id, body]);
        redis.cli(&["ZADD", "{test}:set:keys:order", &n.to_string(), id]);
    }
    let keys = Arc::new(Keys::default());
    keys.put("k", 1, "label");
    let a = with_keys(&redis.url(), "a", &keys);
    soon("ours is written", || redis.cli(&["HGET", "{test}:set:keys:data", "k"]).contains("label"));
    assert!(a.state().up);
    assert_eq!(keys.len(), 1);
}
