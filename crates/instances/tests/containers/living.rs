//! Containers are launched, asked, measured, ended; and what goes wrong is told.

use crate::fixture::{run, until};
use crate::server::Answer;
use crate::stage::{Engine, Play};
use serde_json::json;
use std::time::Duration;

#[test]
fn containers_get_requests_once_they_are_well_and_know_their_port_and_name() {
    run(async {
        let engine = Engine::start();
        engine.well.set(false);
        let play = Play::new(engine.settings());
        play.fleet.want(2);
        until("both run", || engine.running() == ["gate-shop-1", "gate-shop-2"]).await;
        until("they are asked", || play.fleet.view().starting == 2).await;
        assert!(play.seen.open().is_empty());
        engine.well.set(true);
        play.ready(2).await;
        let answers = play.answers().await;
        for (answer, name) in answers.iter().zip(["shop-1", "shop-2"]) {
            assert_eq!(answer["cmd"], json!(["serve", "--port=8080"]));
            assert_eq!(answer["env"], json!(["PORT=8080", format!("TIDEGATE_INSTANCE={name}")]));
        }
        let view = play.fleet.view();
        assert!(
            view.instances.iter().all(|i| i.pid == Some(4711) && i.place.starts_with("127.0.0.1:")),
            "{view:?}"
        );
        assert!(play.seen.told().contains("shop-1 is launched as container "), "{}", play.seen.told());
        play.fleet.stop().await;
    });
}

#[test]
fn containers_end_with_an_orderly_end_and_nothing_is_left_of_them() {
    run(async {
        let engine = Engine::start();
        let play = Play::with(engine.settings(), 2).await;
        play.fleet.stop().await;
        assert!(engine.daemon.containers.borrow().is_empty());
        assert_eq!(
            (engine.asked("POST", "/stop"), play.seen.count("stopped")),
            (2, 2),
            "{}",
            play.seen.told()
        );
        let asked = engine.daemon.asked.borrow();
        let stop = asked.iter().find(|asked| asked.path().ends_with("/stop")).unwrap();
        assert_eq!(
            stop.query("t").as_deref(),
            Some("2"),
            "the engine is given the time that the settings say"
        );
    });
}

#[test]
fn what_is_too_many_is_drained_and_removed() {
    run(async {
        let engine = Engine::start();
        let play = Play::with(engine.settings(), 3).await;
        play.fleet.want(1);
        play.ready(1).await;
        until("the others are removed", || engine.daemon.containers.borrow().len() == 1).await;
        assert_eq!(play.seen.fewest.get(), 1);
        play.fleet.stop().await;
    });
}

#[test]
fn a_container_that_dies_is_told_with_its_last_lines_and_another_takes_its_place() {
    run(async {
        let engine = Engine::start();
        let play = Play::with(engine.settings(), 2).await;
        until("the engine is followed", || engine.daemon.listeners() == 1).await;
        let (_, first) = engine.ids("running").remove(0);
        engine.daemon.ends(&first, 137);
        until("its end is told", || play.seen.count("exited") == 1).await;
        let told = play.seen.told();
        assert!(told.contains("with signal 9; it last said: no database"), "{told}");
        play.until("another is ready", |view| view.ready == 2 && view.instances.len() == 2).await;
        assert!(!engine.daemon.containers.borrow().contains_key(&first), "what has ended is removed");
        play.fleet.stop().await;
    });
}

#[test]
fn an_end_that_the_engine_told_nobody_is_noticed_when_it_answers_again() {
    run(async {
        let mut engine = Engine::start();
        let play = Play::with(engine.settings(), 2).await;
        until("the engine is followed", || engine.daemon.listeners() == 1).await;
        engine.vanish();
        until("it is told", || play.seen.told().contains("its containers serve on meanwhile")).await;
        assert_eq!((play.seen.open().len(), play.answers().await.len()), (2, 2));
        let (_, first) = engine.ids("running").remove(0);
        engine.daemon.ends(&first, 1);
        engine.come_back();
        until("its end is noticed", || play.seen.count("exited") == 1).await;
        play.ready(2).await;
        play.fleet.stop().await;
    });
}

#[test]
fn a_container_that_somebody_else_removed_is_replaced() {
    run(async {
        let engine = Engine::start();
        let play = Play::with(engine.settings(), 1).await;
        until("the engine is followed", || engine.daemon.listeners() == 1).await;
        let (_, first) = engine.ids("running").remove(0);
        engine.daemon.ends(&first, 0);
        engine.daemon.containers.borrow_mut().remove(&first);
        until("another runs", || engine.running() == ["gate-shop-1"] && play.fleet.view().ready == 1).await;
        play.fleet.stop().await;
    });
}

#[test]
fn containers_that_end_at_once_are_a_crash_loop_and_leave_nothing_behind() {
    run(async {
        let engine = Engine::start();
        let mut settings = engine.settings();
        settings.container.as_mut().unwrap().image = "crash:1".into();
        let play = Play::new(settings);
        play.fleet.want(1);
        until("it is a crash loop", || play.seen.count("crash_loop") == 1).await;
        let view = play.fleet.view();
        assert!(view.crash_loop.as_ref().unwrap().contains("exit status 1"), "{view:?}");
        play.fleet.stop().await;
        until("all are removed", || engine.daemon.containers.borrow().is_empty()).await;
    });
}

#[test]
fn a_launch_that_the_engine_refuses_is_told_in_its_words_and_tried_again() {
    run(async {
        let engine = Engine::start();
        let refusal = Answer::json(500, &json!({ "message": "no space left on device" }));
        engine.daemon.faults.borrow_mut().push_back(("/start", refusal));
        let play = Play::new(engine.settings());
        play.fleet.want(1);
        play.ready(1).await;
        let told = play.seen.told();
        let expected = "shop-1 did not become ready: the engine answered 500: no space left on device";
        assert!(told.contains(expected), "{told}");
        assert_eq!(engine.running(), ["gate-shop-1"]);
        play.fleet.stop().await;
    });
}

#[test]
fn one_that_is_not_wanted_any_more_while_it_is_launched_leaves_nothing_behind() {
    run(async {
        let engine = Engine::start();
        engine.daemon.faults.borrow_mut().push_back(("/start", Answer::Silence));
        let play = Play::new(engine.settings());
        play.fleet.want(1);
        until("it is being started", || engine.asked("POST", "/start") == 1).await;
        play.fleet.want(0);
        play.until("nobody is there", |view| view.instances.is_empty()).await;
        until("nothing is left", || engine.daemon.containers.borrow().is_empty()).await;
        assert_eq!(play.seen.count("never_ready"), 0, "{}", play.seen.told());
    });
}

#[test]
fn what_containers_use_is_measured() {
    run(async {
        let engine = Engine::start();
        let mut settings = engine.settings();
        settings.max_memory = Some(6144);
        let play = Play::with(settings, 1).await;
        // The engine's numbers stand still: no time of a core, and 3 of 6 KiB.
        let used = || (play.fleet.count().memory, play.fleet.count().cpu);
        play.until("it is known", |_| used() == (Some(0.5), Some(0.0))).await;
        play.fleet.stop().await;
    });
}

#[test]
fn without_a_check_a_container_is_ready_once_somebody_listens_in_it() {
    run(async {
        let engine = Engine::start();
        let mut settings = engine.settings();
        settings.ready.kind = upstream::ProbeKind::Tcp;
        let play = Play::with(settings, 1).await;
        let took = play.fleet.view().instances[0].ready_after.unwrap();
        assert!(took >= Duration::from_millis(150), "a proxy had time to close the connection: {took:?}");
        play.fleet.stop().await;
    });
}
