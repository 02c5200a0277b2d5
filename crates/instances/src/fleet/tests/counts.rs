//! Other counts are wanted.

use super::stage::{Play, pass, run, settings};
use std::time::Duration;

#[test]
fn what_is_missing_is_started_and_gets_requests_once_it_is_ready() {
    run(async {
        let play = Play::new(settings("ready 100"));
        play.fleet.want(3);
        pass(50).await;
        let view = play.fleet.view();
        assert_eq!((view.ready, view.starting, play.seen.names().len()), (0, 3, 0));
        pass(60).await;
        let view = play.fleet.view();
        assert_eq!((view.ready, view.starting), (3, 0));
        assert_eq!(play.seen.names(), ["shop-1", "shop-2", "shop-3"]);
        assert_eq!(view.start_time, Some(Duration::from_millis(100)));
        assert_eq!(view.instances[0].ready_after, Some(Duration::from_millis(100)));
        assert_eq!(play.fleet.count().cpu, Some(0.5));
        assert_eq!((play.seen.count("started"), play.seen.count("ready")), (3, 3));
    });
}

#[test]
fn an_instance_that_is_not_wanted_any_more_finishes_what_it_has_before_it_ends() {
    run(async {
        let play = Play::with(settings("ready 10"), 2).await;
        play.seen.busy("shop-1", 9);
        play.seen.busy("shop-2", 1);
        play.fleet.want(1);
        pass(5000).await;
        assert_eq!(play.seen.names(), ["shop-1"], "the one with least to finish goes");
        assert_eq!(play.seen.members.borrow().len(), 2, "and still counts as one that answers");
        assert_eq!(play.stage.processes.get(), 2);
        play.seen.busy("shop-2", 0);
        pass(200).await;
        assert_eq!((play.stage.processes.get(), play.seen.members.borrow().len()), (1, 1));
        assert_eq!((play.seen.count("stopped"), play.seen.count("drained_late")), (1, 0));
        assert_eq!(play.fleet.view().instances[0].restarts, 0);
    });
}

#[test]
fn nothing_is_ended_before_workers_can_know_that_it_gets_no_more() {
    run(async {
        let play = Play::with(settings("ready 10"), 1).await;
        play.fleet.want(0);
        pass(200).await;
        assert_eq!((play.stage.processes.get(), play.fleet.view().draining), (1, 1));
        pass(200).await;
        assert_eq!(play.stage.processes.get(), 0);
    });
}

#[test]
fn a_drain_ends_in_time_and_tells_what_it_cut() {
    run(async {
        let mut settings = settings("ready 10");
        settings.drain_timeout = Duration::from_secs(3);
        let play = Play::with(settings, 1).await;
        play.seen.busy("shop-1", 7);
        play.fleet.want(0);
        pass(2900).await;
        assert_eq!(play.stage.processes.get(), 1);
        pass(200).await;
        assert_eq!((play.stage.processes.get(), play.seen.count("drained_late")), (0, 1));
    });
}

#[test]
fn an_instance_that_drains_is_taken_back_instead_of_starting_another() {
    run(async {
        let play = Play::with(settings("ready 10"), 3).await;
        (1..=3).for_each(|n| play.seen.busy(&format!("shop-{n}"), 1));
        play.fleet.want(1);
        pass(1000).await;
        assert_eq!(play.seen.names().len(), 1);
        play.fleet.want(3);
        pass(10).await;
        assert_eq!(play.seen.names().len(), 3);
        pass(60_000).await;
        assert_eq!((play.launches(), play.fleet.view().ready), (3, 3));
    });
}

#[test]
fn one_that_does_not_end_on_sigterm_is_killed() {
    run(async {
        let mut settings = settings("ready 10 stubborn");
        settings.stop_timeout = Duration::from_secs(4);
        let play = Play::with(settings, 1).await;
        play.fleet.want(0);
        pass(4000).await;
        assert_eq!((play.stage.kills.get(), play.stage.processes.get()), (0, 1));
        pass(500).await;
        assert_eq!((play.stage.kills.get(), play.stage.processes.get()), (1, 0));
        assert_eq!(play.seen.count("killed"), 1);
    });
}

#[test]
fn one_that_is_not_ready_yet_goes_first_and_without_waiting() {
    run(async {
        let play = Play::with(settings("ready 1000"), 1).await;
        play.fleet.want(4);
        pass(100).await;
        play.fleet.want(2);
        pass(50).await;
        let view = play.fleet.view();
        assert_eq!((view.ready, view.starting, play.stage.processes.get()), (1, 1, 2));
    });
}

#[test]
fn names_are_used_again_the_lowest_first() {
    run(async {
        let play = Play::with(settings("ready 10"), 3).await;
        play.seen.busy("shop-1", 0);
        play.seen.busy("shop-2", 5);
        play.seen.busy("shop-3", 5);
        play.fleet.want(2);
        play.until(|view| view.instances.len() == 2).await;
        assert_eq!(play.seen.names(), ["shop-2", "shop-3"]);
        play.fleet.want(3);
        play.until(|view| view.ready == 3).await;
        assert_eq!(play.seen.names(), ["shop-1", "shop-2", "shop-3"]);
    });
}

#[test]
fn nothing_is_started_or_ended_while_it_is_frozen() {
    run(async {
        let play = Play::with(settings("ready 10"), 2).await;
        play.fleet.freeze(true);
        play.fleet.want(5);
        pass(10_000).await;
        play.fleet.want(0);
        pass(10_000).await;
        assert_eq!((play.launches(), play.stage.processes.get()), (2, 2));
        assert_eq!(play.seen.names().len(), 2);
        play.fleet.freeze(false);
        pass(1000).await;
        assert_eq!(play.stage.processes.get(), 0);
    });
}

#[test]
fn a_fleet_that_stops_has_ended_all_of_them_and_starts_none() {
    run(async {
        let mut settings = settings("ready 10 stubborn");
        settings.stop_timeout = Duration::from_secs(1);
        let play = Play::with(settings, 3).await;
        play.seen.busy("shop-1", 5);
        play.fleet.stop().await;
        assert_eq!((play.stage.processes.get(), play.stage.kills.get()), (0, 3));
        assert_eq!(play.seen.members.borrow().len(), 0);
        play.fleet.want(3);
        pass(1000).await;
        assert_eq!(play.launches(), 3);
    });
}

#[test]
fn instances_end_with_their_fleet_and_not_with_one_that_has_let_go() {
    run(async {
        let Play { fleet, stage, seen } = Play::with(settings("ready 10"), 2).await;
        fleet.freeze(true);
        fleet.let_go();
        pass(100).await;
        assert_eq!(seen.names().len(), 2, "requests that are under way go on");
        drop(fleet);
        let Play { fleet, stage: other, .. } = Play::with(settings("ready 10"), 2).await;
        drop(fleet);
        pass(100).await;
        assert_eq!((stage.processes.get(), other.processes.get()), (0, 0));
    });
}

#[test]
fn a_fleet_whose_service_others_serve_tells_nobody_that_its_instances_end() {
    run(async {
        let play = Play::with(settings("ready 10"), 2).await;
        play.fleet.retire();
        play.fleet.stop().await;
        assert_eq!(
            (play.stage.processes.get(), play.seen.names()),
            (0, vec!["shop-1".into(), "shop-2".into()])
        );
        assert_eq!(play.seen.count("stopped"), 2);
    });
}
