//! The real engine, where one answers at its usual place. An image to launch is named by `TIDEGATE_TEST_IMAGE`: one whose
//! `python3` or `busybox` can serve; nothing is fetched.
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

use crate::fixture::run;
use crate::stage::{Play, settings};
use engines::docker::{Engine, Place};

#[test]
fn a_real_engine_keeps_the_same_promises() {
    run(async {
        let Some(Place::Unix(socket)) = Place::found() else {
            eprintln!("skipped: there is no engine's socket on this machine");
            return;
        };
        let owner = format!("tidegate-test-{}", std::process::id());
        let engine = Engine::at(&Place::Unix(socket.clone()), &owner).unwrap();
        if let Err(trouble) = engine.version().await {
            eprintln!("skipped: the engine at {} {trouble}", socket.display());
            return;
        }
        let Ok(image) = std::env::var("TIDEGATE_TEST_IMAGE") else {
            eprintln!("skipped: TIDEGATE_TEST_IMAGE names no image");
            return;
        };
        let mut settings = settings(socket, &image);
        settings.container.as_mut().unwrap().owner = owner;
        settings.ready.kind = upstream::ProbeKind::Tcp;
        let serve = "exec python3 -m http.server {port} || exec busybox httpd -f -p {port}";
        settings.program.command = ["sh", "-c", serve].map(str::to_owned).into();
        let play = Play::with(settings.clone(), 2).await;
        let before: Vec<_> = engine.list(None).await.unwrap().into_iter().map(|one| one.id).collect();
        play.fleet.let_go();
        let next = Play::new(settings);
        next.fleet.want(2);
        next.ready(2).await;
        let after: Vec<_> = engine.list(None).await.unwrap().into_iter().map(|one| one.id).collect();
        next.fleet.stop().await;
        assert_eq!((before.len(), after), (2, before));
        assert_eq!(engine.list(None).await, Ok(vec![]));
    });
}
