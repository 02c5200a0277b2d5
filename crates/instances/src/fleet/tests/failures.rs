//! Instances that end, or do not come up.

use super::stage::{Play, pass, run, settings};
use std::time::Duration;

#[test]
fn an_instance_that_ends_is_replaced_at_once_and_gets_no_more_requests() {
    run(async {
        let play = Play::new(settings("serves 10 5000"));
        play.fleet.want(1);
        play.until(|view| view.ready == 1).await;
        pass(4990).await;
        assert_eq!(play.seen.names().len(), 1);
        play.until(|view| view.ready == 0).await;
        assert_eq!(play.seen.names().len(), 0);
        play.until(|view| view.ready == 1).await;
        let launches = play.stage.launches.borrow().clone();
        let pause = launches[1].1 - launches[0].1;
        assert!(pause < Duration::from_millis(5010 + 200), "{pause:?}");
        let view = play.fleet.view();
        assert_eq!(view.instances[0].restarts, 1);
        assert_eq!(view.instances[0].last_words.as_deref(), Some("last words"));
        assert_eq!(view.crash_loop, None);
    });
}

#[test]
fn what_crashes_at_once_is_tried_ever_more_rarely_and_called_a_crash_loop() {
    run(async {
        let play = Play::new(settings("crash 5"));
        play.fleet.want(8);
        pass(60_000).await;
        let launches = play.launches();
        assert!((8 + 8..8 + 20).contains(&launches), "{launches} launches in a minute");
        let told = play.fleet.view().crash_loop.unwrap();
        assert!(told.ends_with("ended with exit status 1; it last said: last words"), "{told}");
        assert_eq!(play.seen.count("crash_loop"), 1);
        let before = play.launches();
        pass(150_000).await;
        assert!((9..=12).contains(&(play.launches() - before)), "about one in 15 s");
    });
}

#[test]
fn what_crashes_is_tried_anew_at_once_with_other_settings() {
    run(async {
        let play = Play::new(settings("crash 5"));
        play.fleet.want(2);
        pass(100_000).await;
        play.fleet.configure(settings("ready 20"));
        pass(100).await;
        let view = play.fleet.view();
        assert_eq!((view.ready, view.crash_loop), (2, None));
    });
}

#[test]
fn a_fleet_that_ends_as_a_whole_comes_back_as_a_whole_and_is_no_crash_loop() {
    run(async {
        let play = Play::new(settings("serves 10 30000"));
        play.fleet.want(8);
        play.until(|view| view.ready == 8).await;
        play.until(|view| view.ready == 0).await;
        pass(150).await;
        let view = play.fleet.view();
        assert_eq!((view.ready, view.crash_loop), (8, None));
    });
}

#[test]
fn what_is_not_ready_in_time_is_ended_and_tried_again() {
    run(async {
        let mut settings = settings("never");
        settings.start_timeout = Duration::from_secs(2);
        let play = Play::new(settings);
        play.fleet.want(1);
        pass(2100).await;
        assert_eq!((play.stage.processes.get(), play.seen.count("never_ready")), (0, 1));
        let text =
            play.seen.happenings.borrow().iter().find(|h| h.as_str() == "never_ready").unwrap().to_string();
        assert_eq!(text, "shop-1 did not become ready: after 2s: nobody listens");
        pass(100).await;
        assert_eq!(play.launches(), 2);
    });
}

#[test]
fn a_port_that_somebody_else_answers_on_is_a_failed_start() {
    run(async {
        let play = Play::new(settings("foreign 30"));
        play.fleet.want(1);
        pass(60).await;
        assert_eq!((play.stage.processes.get(), play.seen.count("never_ready")), (0, 1));
        assert_eq!(play.seen.members.borrow().len(), 0);
        pass(5000).await;
        assert!((4..12).contains(&play.launches()), "{}", play.launches());
    });
}

#[test]
fn what_cannot_be_launched_is_told_and_tried_again() {
    run(async {
        let play = Play::new(settings("missing"));
        play.fleet.want(3);
        pass(10_000).await;
        let launches = play.launches();
        assert!((5..20).contains(&launches), "{launches}");
        assert_eq!(play.seen.count("never_ready"), launches);
        play.fleet.want(0);
        pass(60_000).await;
        assert_eq!(play.launches(), launches);
    });
}

#[test]
fn a_trouble_of_all_instances_is_told_once_and_again_after_a_while() {
    run(async {
        let play = Play::with(settings("troubled 10"), 3).await;
        assert_eq!(play.seen.count("trouble"), 1);
        play.fleet.restart();
        play.until(|view| view.rollout.is_none() && view.instances.len() == 3).await;
        assert_eq!(play.seen.count("trouble"), 1);
        pass(600_000).await;
        play.fleet.restart();
        play.until(|_| play.seen.count("trouble") == 2).await;
    });
}
