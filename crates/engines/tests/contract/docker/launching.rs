//! Containers are launched, and what goes wrong leaves nothing behind.

use super::daemon::{Daemon, recipe};
use crate::fixture::run;
use crate::server::{Answer, Part};
use engines::Trouble;
use engines::docker::{Engine, Place, Reach, Recipe, State};
use serde_json::json;

#[test]
fn a_container_is_made_started_and_looked_at() {
    run(async {
        let daemon = Daemon::new();
        let _server = daemon.serve();
        let container = daemon.engine().launch(&recipe(), "shop-1").await.unwrap();
        assert_eq!((&*container.name, &*container.service, &*container.revision), ("shop-1", "shop", "r1"));
        assert_eq!((container.state, container.pid), (State::Running, Some(4711)));
        assert_eq!(container.address, Some(([127, 0, 0, 1], 32_002).into()));
        let id = &container.id;
        let steps = [
            "GET /_ping".to_owned(),
            "POST /containers/create".to_owned(),
            format!("POST /containers/{id}/start"),
            format!("GET /containers/{id}/json"),
        ];
        assert_eq!(daemon.asked(), steps);
        let made = daemon.containers.borrow()[&**id].clone();
        assert_eq!(made.name, "gate-shop-1");
        assert_eq!(made.body["HostConfig"]["PortBindings"]["8080/tcp"][0]["HostIp"], "127.0.0.1");
        assert_eq!(made.body["HostConfig"]["RestartPolicy"]["Name"], "no");
    });
}

#[test]
fn the_newest_version_of_the_api_that_both_know_is_spoken() {
    run(async {
        for (theirs, ours) in [("1.51", "1.44"), ("1.41", "1.41")] {
            let daemon = Daemon::new();
            daemon.version.replace(theirs.into());
            let _server = daemon.serve();
            let engine = daemon.engine();
            assert_eq!(engine.version().await.as_deref(), Ok(ours));
            engine.list(None).await.unwrap();
            assert!(daemon.asked.borrow()[1].path().starts_with(&format!("/v{ours}/")));
        }
    });
}

#[test]
fn an_image_that_is_not_there_is_fetched_where_that_is_wanted() {
    run(async {
        let daemon = Daemon::new();
        let _server = daemon.serve();
        let engine = daemon.engine();
        let recipe = Recipe { image: "shop:2".into(), ..recipe() };
        let trouble = engine.launch(&Recipe { pull: false, ..recipe.clone() }, "shop-1").await.unwrap_err();
        assert_eq!(trouble.to_string(), "answered 404: No such image: shop:2");
        engine.launch(&recipe, "shop-1").await.unwrap();
        assert_eq!(daemon.asked().iter().filter(|asked| *asked == "POST /images/create").count(), 1);
    });
}

#[test]
fn an_image_that_cannot_be_fetched_is_told_in_the_engines_words() {
    run(async {
        let daemon = Daemon::new();
        let _server = daemon.serve();
        let (sender, parts) = tokio::sync::mpsc::unbounded_channel();
        let failed = "{\"status\":\"Pulling\"}\r\n{\"error\":\"manifest unknown\"}\r\n";
        sender.send(Part::Text(failed.into())).unwrap();
        daemon.faults.borrow_mut().push_back(("/images/create", Answer::Stream(parts)));
        let recipe = Recipe { image: "shop:2".into(), ..recipe() };
        let trouble = daemon.engine().launch(&recipe, "shop-1").await.unwrap_err();
        assert_eq!(trouble.to_string(), "answered 500: manifest unknown");
        assert!(daemon.containers.borrow().is_empty());
    });
}

#[test]
fn a_container_that_cannot_be_started_is_removed() {
    run(async {
        let daemon = Daemon::new();
        let _server = daemon.serve();
        let failed =
            Answer::json(500, &json!({ "message": "exec: \"nope\": executable file not found in $PATH" }));
        daemon.faults.borrow_mut().push_back(("/start", failed));
        let trouble = daemon.engine().launch(&recipe(), "shop-1").await.unwrap_err();
        assert!(trouble.to_string().contains("executable file not found"), "{trouble}");
        assert!(daemon.containers.borrow().is_empty());
    });
}

#[test]
fn a_container_that_cannot_be_reached_is_removed() {
    run(async {
        let daemon = Daemon::new();
        let _server = daemon.serve();
        let recipe = Recipe { reach: Reach::Network("shopnet".into()), ..recipe() };
        let trouble = daemon.engine().launch(&recipe, "shop-1").await.unwrap_err();
        assert!(matches!(trouble, Trouble::Garbled(_)), "{trouble}");
        assert!(daemon.containers.borrow().is_empty());
        // In a network that it is in, it has an address of its own.
        let recipe = Recipe { reach: Reach::Network("bridge".into()), ..recipe };
        let container = daemon.engine().launch(&recipe, "shop-1").await.unwrap();
        assert_eq!(container.address, Some(([172, 17, 0, 2], 8080).into()));
    });
}

#[test]
fn a_leftover_with_the_same_name_gives_way() {
    run(async {
        let daemon = Daemon::new();
        let _server = daemon.serve();
        let labels = json!({
            "tidegate.owner": "gate", "tidegate.service": "shop", "tidegate.name": "shop-1",
            "tidegate.revision": "r0", "tidegate.port": "8080",
        });
        let old = daemon.put("gate-shop-1", "exited", &labels);
        let container = daemon.engine().launch(&recipe(), "shop-1").await.unwrap();
        assert!(!daemon.containers.borrow().contains_key(&old));
        assert_eq!((&*container.revision, daemon.containers.borrow().len()), ("r1", 1));
        // One that runs does not, nor one of somebody else.
        let trouble = daemon.engine().launch(&recipe(), "shop-1").await.unwrap_err();
        assert_eq!(trouble.status(), Some(409));
        daemon.put("gate-shop-2", "exited", &json!({}));
        let trouble = daemon.engine().launch(&recipe(), "shop-2").await.unwrap_err();
        assert_eq!(trouble.status(), Some(409));
        assert_eq!(daemon.containers.borrow().len(), 2);
    });
}

#[test]
fn what_makes_no_sense_is_not_asked_for() {
    run(async {
        let daemon = Daemon::new();
        let _server = daemon.serve();
        let engine = daemon.engine();
        assert!(engine.launch(&recipe(), "../x").await.is_err());
        assert!(engine.launch(&Recipe { port: 0, ..recipe() }, "shop-1").await.is_err());
        assert!(engine.launch(&Recipe { service: "a=b".into(), ..recipe() }, "shop-1").await.is_err());
        assert!(engine.remove("x?force=1").await.is_err());
        assert!(Engine::at(&Place::Url("http://127.0.0.1:1".into()), "a b").is_err());
        assert!(daemon.asked.borrow().is_empty());
    });
}

#[test]
fn an_engine_that_is_gone_or_talks_nonsense_is_an_error() {
    run(async {
        let daemon = Daemon::new();
        assert!(matches!(daemon.engine().version().await, Err(Trouble::Unreachable(_))));
        let _server = daemon.serve();
        for (fault, expected) in [
            (Answer::json(200, &json!({})), "makes no sense: no version of its API"),
            (Answer::Raw(b"220 smtp\r\n".to_vec()), "broke off"),
            (
                Answer::json(500, &json!({ "error": 7 })),
                "answered 500: without a reason that could be understood",
            ),
        ] {
            daemon.faults.borrow_mut().push_back(("/_ping", fault));
            let text = daemon.engine().version().await.unwrap_err().to_string();
            assert!(text.contains(expected), "{text}");
        }
        daemon.faults.borrow_mut().push_back(("/containers/json", Answer::json(200, &json!({ "Id": 7 }))));
        assert!(matches!(daemon.engine().list(None).await, Err(Trouble::Garbled(_))));
    });
}
