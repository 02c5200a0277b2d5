//! Containers are replaced, one after the other.

use crate::fixture::{run, until};
use crate::stage::{Engine, Play};
use instances::FleetSettings;
use serde_json::json;

fn with_image(settings: &FleetSettings, image: &str) -> FleetSettings {
    let mut other = settings.clone();
    other.container.as_mut().unwrap().image = image.into();
    other
}

#[test]
fn another_image_replaces_one_after_the_other_and_there_are_never_fewer_ready() {
    run(async {
        let engine = Engine::start();
        let settings = engine.settings();
        let play = Play::with(settings.clone(), 3).await;
        play.fleet.configure(with_image(&settings, "shop:2"));
        play.until("all are replaced", |view| view.rollout.is_none() && view.instances.len() == 3).await;
        assert!(play.answers().await.iter().all(|answer| answer["image"] == json!("shop:2")));
        assert_eq!((play.seen.fewest.get(), play.seen.count("rolled_out")), (3, 1));
        until("the old ones are removed", || engine.daemon.containers.borrow().len() == 3).await;
        play.fleet.stop().await;
    });
}

#[test]
fn an_image_that_ends_at_once_leaves_the_old_ones_serving() {
    run(async {
        let engine = Engine::start();
        let settings = engine.settings();
        let play = Play::with(settings.clone(), 2).await;
        play.fleet.configure(with_image(&settings, "crash:1"));
        until("it is given up", || play.seen.count("rollout_failed") == 1).await;
        assert_eq!((play.fleet.view().ready, play.seen.fewest.get()), (2, 2));
        assert!(play.answers().await.iter().all(|answer| answer["image"] == json!("shop:1")));
        play.fleet.stop().await;
    });
}

#[test]
fn an_image_that_cannot_be_had_leaves_the_old_ones_serving() {
    run(async {
        let engine = Engine::start();
        let settings = engine.settings();
        let play = Play::with(settings.clone(), 1).await;
        // Fetching it goes well by the engine's words, and it is not there all the same.
        let missing = || crate::server::Answer::json(404, &json!({ "message": "No such image: shop:9" }));
        for _ in 0..20 {
            engine.daemon.faults.borrow_mut().push_back(("/containers/create", missing()));
        }
        play.fleet.configure(with_image(&settings, "shop:9"));
        until("it is given up", || play.seen.count("rollout_failed") == 1).await;
        assert!(play.seen.told().contains("No such image: shop:9"), "{}", play.seen.told());
        assert_eq!(play.seen.fewest.get(), 1);
        engine.daemon.faults.borrow_mut().clear();
        play.fleet.stop().await;
    });
}

#[test]
fn a_restart_replaces_all_with_the_same_image() {
    run(async {
        let engine = Engine::start();
        let play = Play::with(engine.settings(), 2).await;
        let before = engine.ids("running");
        play.fleet.restart();
        play.until("all are replaced", |view| view.rollout.is_none() && view.instances.len() == 2).await;
        until("the old ones are removed", || engine.daemon.containers.borrow().len() == 2).await;
        assert!(engine.ids("running").iter().all(|(_, id)| before.iter().all(|(_, old)| old != id)));
        assert_eq!(play.seen.fewest.get(), 2);
        play.fleet.stop().await;
    });
}
