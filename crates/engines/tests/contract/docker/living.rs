//! Containers live on, end, are found again, and are ended.

use super::daemon::{Daemon, recipe};
use crate::fixture::{Told, run, until};
use crate::server::Part;
use engines::docker::{Engine, News, State, Usage};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::task::{AbortHandle, spawn_local};

#[derive(Clone, Debug, PartialEq, Eq)]
enum Heard {
    Running(Vec<String>),
    Ended(String, Option<i64>),
    Trouble(String),
    Well,
}

/// A follower that ends when this is dropped.
struct Follower {
    heard: Told<Heard>,
    task: AbortHandle,
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Follower {
    fn start(engine: Engine) -> Self {
        let heard = Told::default();
        let tell = heard.clone();
        let following = spawn_local(async move {
            engine
                .follow(|news| {
                    tell.push(match news {
                        News::Running(all) => {
                            Heard::Running(all.iter().map(|one| one.name.to_string()).collect())
                        }
                        News::Ended(ended) => Heard::Ended(ended.name.to_string(), ended.code),
                        News::Trouble(trouble) => Heard::Trouble(trouble.to_string()),
                        News::Well => Heard::Well,
                    });
                })
                .await;
        });
        Self { heard, task: following.abort_handle() }
    }
}

fn labels(owner: &str, name: &str) -> Value {
    json!({
        "tidegate.owner": owner, "tidegate.service": "shop", "tidegate.name": name, "tidegate.revision": "r0",
        "tidegate.port": "8080",
    })
}

#[test]
fn a_container_is_stopped_in_its_time_and_removed_and_both_may_be_said_twice() {
    run(async {
        let daemon = Daemon::new();
        let _server = daemon.serve();
        let engine = daemon.engine();
        let id = engine.launch(&recipe(), "shop-1").await.unwrap().id;
        for _ in 0..2 {
            engine.stop(&id, Duration::from_millis(2500)).await.unwrap();
        }
        let stops = daemon
            .asked
            .borrow()
            .iter()
            .filter(|asked| asked.path().ends_with("/stop"))
            .cloned()
            .collect::<Vec<_>>();
        assert_eq!((stops.len(), stops[0].query("t").as_deref()), (2, Some("3")));
        let ended = engine.inspect(&id).await.unwrap().unwrap();
        assert_eq!(ended.state, State::Ended { code: 143, out_of_memory: false });
        assert_eq!(ended.address, None);
        for _ in 0..2 {
            engine.remove(&id).await.unwrap();
        }
        assert_eq!(engine.inspect(&id).await, Ok(None));
        engine.stop(&id, Duration::ZERO).await.unwrap();
        assert!(daemon.containers.borrow().is_empty());
    });
}

#[test]
fn what_a_container_uses_can_be_asked() {
    run(async {
        let daemon = Daemon::new();
        let _server = daemon.serve();
        let engine = daemon.engine();
        let id = engine.launch(&recipe(), "shop-1").await.unwrap().id;
        let usage = Usage { cpu: Duration::from_secs(2), memory: 3072 };
        assert_eq!(engine.usage(&id).await, Ok(Some(usage)));
        engine.remove(&id).await.unwrap();
        assert_eq!(engine.usage(&id).await, Ok(None));
    });
}

#[test]
fn the_last_lines_of_a_container_can_be_read_until_it_is_removed() {
    run(async {
        let daemon = Daemon::new();
        let _server = daemon.serve();
        let engine = daemon.engine();
        let id = engine.launch(&recipe(), "shop-1").await.unwrap().id;
        daemon.ends(&id, 1);
        assert_eq!(engine.last_words(&id).await, Ok(Some("no database".into())));
        engine.remove(&id).await.unwrap();
        assert_eq!(engine.last_words(&id).await, Ok(None));
    });
}

#[test]
fn containers_of_earlier_days_are_found_again_and_leftovers_removed() {
    run(async {
        let daemon = Daemon::new();
        let _server = daemon.serve();
        daemon.put("gate-shop-1", "running", &labels("gate", "shop-1"));
        daemon.put("gate-shop-2", "exited", &labels("gate", "shop-2"));
        daemon.put("gate-shop-3", "created", &labels("gate", "shop-3"));
        daemon.put("other-shop-1", "exited", &labels("other", "shop-1"));
        daemon.put("database", "exited", &json!({}));
        let mut cart = labels("gate", "cart-1");
        cart["tidegate.service"] = json!("cart");
        daemon.put("gate-cart-1", "exited", &cart);
        let adopted = daemon.engine().adopt(Some("shop")).await.unwrap();
        let [one] = &adopted.running[..] else { panic!("{adopted:?}") };
        assert_eq!((&*one.name, &*one.revision), ("shop-1", "r0"));
        assert_eq!(one.address, Some(([127, 0, 0, 1], 32_002).into()));
        let removed: Vec<_> = adopted.removed.iter().map(|container| &*container.name).collect();
        assert_eq!(removed, ["shop-2", "shop-3"]);
        let left: Vec<_> =
            daemon.containers.borrow().values().map(|container| container.name.clone()).collect();
        assert_eq!(left, ["gate-shop-1", "other-shop-1", "database", "gate-cart-1"]);
    });
}

#[test]
fn the_end_of_a_container_is_told_with_its_exit_status() {
    run(async {
        let daemon = Daemon::new();
        let _server = daemon.serve();
        let engine = daemon.engine();
        let id = engine.launch(&recipe(), "shop-1").await.unwrap().id;
        let follower = Follower::start(engine);
        follower.heard.wait("those that run", |heard| *heard == Heard::Running(vec!["shop-1".into()])).await;
        daemon.ends(&id, 137);
        follower.heard.wait("the end", |heard| *heard == Heard::Ended("shop-1".into(), Some(137))).await;
        assert_eq!(follower.heard.all().len(), 2, "{:?}", follower.heard.all());
    });
}

#[test]
fn an_end_that_happens_while_nobody_listens_is_not_missed() {
    run(async {
        let daemon = Daemon::new();
        let server = daemon.serve();
        let engine = daemon.engine();
        let first = engine.launch(&recipe(), "shop-1").await.unwrap().id;
        engine.launch(&recipe(), "shop-2").await.unwrap();
        let follower = Follower::start(engine);
        until("a listener", || daemon.listeners() == 1).await;
        follower
            .heard
            .wait("those that run", |heard| matches!(heard, Heard::Running(all) if all.len() == 2))
            .await;
        drop(server);
        follower.heard.wait("trouble", |heard| matches!(heard, Heard::Trouble(_))).await;
        daemon.ends(&first, 1);
        let _server = daemon.serve();
        follower
            .heard
            .wait("those that run still", |heard| *heard == Heard::Running(vec!["shop-2".into()]))
            .await;
        assert_eq!(follower.heard.count(|heard| *heard == Heard::Well), 1);
    });
}

#[test]
fn nonsense_among_the_events_is_told_and_everything_is_looked_at_again() {
    run(async {
        let daemon = Daemon::new();
        let _server = daemon.serve();
        let follower = Follower::start(daemon.engine());
        until("a listener", || daemon.listeners() == 1).await;
        daemon.say(&Part::Text("<html>\n".into()));
        follower
            .heard
            .wait("trouble", |heard| matches!(heard, Heard::Trouble(text) if text.contains("no event")))
            .await;
        follower.heard.wait("all is well", |heard| *heard == Heard::Well).await;
        assert_eq!(follower.heard.count(|heard| *heard == Heard::Running(vec![])), 2);
        // That all is well is said once.
        until("a listener", || daemon.listeners() == 1).await;
        daemon.end();
        until("another look", || follower.heard.count(|heard| *heard == Heard::Running(vec![])) == 3).await;
        assert_eq!(follower.heard.count(|heard| *heard == Heard::Well), 1);
    });
}

#[test]
fn a_stream_of_events_that_ends_is_opened_again_without_a_word() {
    run(async {
        let daemon = Daemon::new();
        let _server = daemon.serve();
        let follower = Follower::start(daemon.engine());
        until("a listener", || daemon.listeners() == 1).await;
        daemon.end();
        until("another look", || follower.heard.count(|heard| *heard == Heard::Running(vec![])) == 2).await;
        assert_eq!(follower.heard.count(|heard| matches!(heard, Heard::Trouble(_))), 0);
    });
}
