//! The real engine, where one answers at its usual place. An image to launch is named by `TIDEGATE_TEST_IMAGE` (one that
//! has `sleep`); nothing is fetched.
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

use crate::fixture::run;
use engines::docker::{Engine, Place, Recipe, State};
use std::time::Duration;

#[test]
fn a_real_engine_keeps_the_same_contract() {
    run(async {
        let Some(place) = Place::found() else {
            eprintln!("skipped: there is no engine's socket on this machine");
            return;
        };
        let owner = format!("tidegate-test-{}", std::process::id());
        let engine = Engine::at(&place, &owner).unwrap();
        if let Err(trouble) = engine.version().await {
            eprintln!("skipped: the engine at {place:?} {trouble}");
            return;
        }
        assert_eq!(engine.list(None).await, Ok(vec![]));
        let Ok(image) = std::env::var("TIDEGATE_TEST_IMAGE") else {
            eprintln!("launching was skipped: TIDEGATE_TEST_IMAGE names no image");
            return;
        };
        let command = vec!["sleep".into(), "60".into()];
        let recipe = Recipe { pull: false, command, ..Recipe::new("shop", "r1", &image, 8080) };
        let container = engine.launch(&recipe, "shop-1").await.unwrap();
        let seen = (
            container.state.clone(),
            container.address.is_some(),
            engine.list(Some("shop")).await.unwrap().len(),
        );
        engine.stop(&container.id, Duration::ZERO).await.unwrap();
        let ended = engine.inspect(&container.id).await.unwrap().unwrap().state;
        engine.remove(&container.id).await.unwrap();
        assert_eq!(seen, (State::Running, true, 1));
        assert!(matches!(ended, State::Ended { .. }), "{ended:?}");
        assert_eq!(engine.inspect(&container.id).await, Ok(None));
    });
}
