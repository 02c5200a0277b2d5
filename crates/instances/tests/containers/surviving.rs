//! Containers outlive the process that launched them: where it is killed, and where another takes its place.

use crate::fixture::{run, until};
use crate::stage::{Engine, Play};
use serde_json::json;

/// What an end by `kill -9` leaves: containers that run, and nobody who holds them.
fn killed(play: Play) {
    play.fleet.let_go();
    drop(play);
}

#[test]
fn containers_that_outlived_a_kill_are_taken_over_with_all_their_number() {
    run(async {
        let engine = Engine::start();
        killed(Play::with(engine.settings(), 3).await);
        let before = engine.ids("running");
        assert_eq!(before.len(), 3);
        let play = Play::new(engine.settings());
        play.fleet.want(1);
        play.ready(3).await;
        assert_eq!((engine.ids("running"), engine.asked("POST", "/create")), (before, 3));
        assert_eq!(play.fleet.take_found(), Some(3), "so many are wanted until it is decided anew");
        assert_eq!((play.fleet.take_found(), play.fleet.view().wanted), (None, 3));
        assert_eq!(play.fleet.view().start_time, None, "they tell nothing of how long a start takes");
        play.fleet.want(1);
        play.ready(1).await;
        play.fleet.stop().await;
        assert!(engine.daemon.containers.borrow().is_empty());
    });
}

#[test]
fn those_of_other_settings_are_ended_and_replaced() {
    run(async {
        let engine = Engine::start();
        killed(Play::with(engine.settings(), 2).await);
        let mut settings = engine.settings();
        settings.container.as_mut().unwrap().image = "shop:2".into();
        let play = Play::with(settings, 2).await;
        until("the old ones are removed", || engine.daemon.containers.borrow().len() == 2).await;
        assert!(play.answers().await.iter().all(|answer| answer["image"] == json!("shop:2")));
        play.fleet.stop().await;
    });
}

#[test]
fn what_ended_meanwhile_is_removed_and_what_is_of_others_stays() {
    run(async {
        let engine = Engine::start();
        let first = Play::with(engine.settings(), 2).await;
        let (_, ended) = engine.ids("running").remove(0);
        killed(first);
        engine.daemon.ends(&ended, 1);
        let other = engine.daemon.put("other-shop-1", "running", &json!({ "tidegate.owner": "other" }));
        let play = Play::with(engine.settings(), 2).await;
        assert!(!engine.daemon.containers.borrow().contains_key(&ended));
        assert_eq!(engine.asked("POST", "/create"), 3);
        play.fleet.stop().await;
        assert_eq!(engine.ids("running"), [("other-shop-1".to_owned(), other)]);
    });
}

#[test]
fn containers_are_handed_over_without_a_descriptor_and_notice_nothing() {
    run(async {
        let engine = Engine::start();
        let old = Play::with(engine.settings(), 2).await;
        let before = engine.ids("running");
        old.fleet.freeze(true);
        let handed = old.hand_over();
        assert!(handed.iter().all(|one| one.control.is_none() && one.member().is_some()));
        let new = Play::new(engine.settings());
        new.fleet.adopt(handed);
        new.fleet.want(2);
        old.fleet.let_go();
        new.ready(2).await;
        drop(old);
        until("both get requests", || new.seen.open().len() == 2).await;
        assert_eq!((engine.ids("running"), engine.asked("POST", "/stop")), (before, 0));
        new.fleet.stop().await;
        assert!(engine.daemon.containers.borrow().is_empty());
    });
}

#[test]
fn an_engine_that_is_not_there_at_the_start_is_looked_at_until_it_is() {
    run(async {
        let mut engine = Engine::start();
        killed(Play::with(engine.settings(), 2).await);
        let before = engine.ids("running");
        engine.vanish();
        let play = Play::new(engine.settings());
        play.fleet.want(0);
        until("it is told", || {
            play.seen.told().contains("cannot be looked for yet: the engine cannot be reached")
        })
        .await;
        engine.come_back();
        play.ready(2).await;
        assert_eq!(engine.ids("running"), before);
        play.fleet.stop().await;
    });
}

#[test]
fn a_leftover_with_a_name_that_is_needed_gives_way() {
    run(async {
        let mut engine = Engine::start();
        killed(Play::with(engine.settings(), 1).await);
        let before = engine.ids("running");
        engine.vanish();
        let play = Play::new(engine.settings());
        play.fleet.want(1);
        // It is not known that it is there when the first launch is tried.
        until("a launch was tried", || play.seen.count("never_ready") > 0).await;
        engine.come_back();
        play.ready(1).await;
        until("there is one of that name", || engine.running() == ["gate-shop-1"]).await;
        assert!(engine.ids("running") == before || engine.asked("DELETE", "") > 0);
        play.fleet.stop().await;
    });
}
