//! Instances are replaced: by others of new settings, of the same ones, for their memory.

use super::stage::{Play, pass, run, settings};
use std::time::Duration;

#[test]
fn other_settings_replace_one_after_the_other_and_there_are_never_fewer_ready() {
    run(async {
        let play = Play::with(settings("ready 100"), 4).await;
        let old = play.fleet.view().instances[0].revision.clone();
        play.fleet.configure(settings("ready 101"));
        let rollout = play.fleet.view().rollout.unwrap();
        assert!(rollout.starts_with("0 of 4 are of revision"), "{rollout}");
        let view = play.until(|view| view.rollout.is_none() && view.instances.len() == 4).await;
        assert!(view.instances.iter().all(|i| i.revision != old) && view.ready == 4);
        assert_eq!((play.seen.fewest.get(), play.stage.most_processes.get()), (4, 5));
        assert_eq!((play.seen.count("rollout_began"), play.seen.count("rolled_out")), (1, 1));
        assert_eq!(play.launches(), 8);
    });
}

#[test]
fn settings_that_need_no_other_process_replace_nothing() {
    run(async {
        let play = Play::with(settings("ready 100"), 2).await;
        let mut other = settings("ready 100");
        other.drain_timeout = Duration::from_secs(1);
        other.max_memory = Some(1 << 40);
        play.fleet.configure(other);
        pass(60_000).await;
        assert_eq!((play.launches(), play.fleet.view().rollout), (2, None));
    });
}

#[test]
fn a_restart_replaces_all_with_the_same_settings() {
    run(async {
        let play = Play::with(settings("ready 100"), 2).await;
        play.fleet.restart();
        let view = play.until(|view| view.rollout.is_none() && view.instances.len() == 2).await;
        assert!(view.instances.iter().all(|i| i.revision.ends_with(".1")), "{view:?}");
        assert_eq!((play.seen.fewest.get(), play.launches()), (2, 4));
    });
}

#[test]
fn a_new_revision_that_crashes_leaves_the_old_one_serving_until_it_is_tried_anew() {
    run(async {
        let play = Play::with(settings("ready 100"), 3).await;
        play.fleet.configure(settings("crash 20"));
        let view =
            play.until(|view| view.rollout.as_ref().is_some_and(|r| r.contains("does not come up"))).await;
        assert_eq!(view.ready, 3);
        let launches = play.launches();
        assert!(launches <= 3 + 6, "{launches}");
        pass(120_000).await;
        assert_eq!((play.launches(), play.fleet.view().ready), (launches, 3));
        assert_eq!((play.seen.fewest.get(), play.seen.count("rollout_failed")), (3, 1));
        play.fleet.configure(settings("crash 20"));
        play.until(|_| play.seen.count("rollout_failed") == 2).await;
        play.fleet.configure(settings("ready 50"));
        let view = play.until(|view| view.rollout.is_none() && view.instances.len() == 3).await;
        assert_eq!((view.ready, play.seen.fewest.get()), (3, 3));
    });
}

#[test]
fn a_new_revision_that_is_never_ready_is_given_up_after_three_starts() {
    run(async {
        let mut old = settings("ready 100");
        old.start_timeout = Duration::from_secs(5);
        let mut new = settings("never");
        new.start_timeout = Duration::from_secs(5);
        let play = Play::with(old, 2).await;
        play.fleet.configure(new);
        pass(120_000).await;
        let view = play.fleet.view();
        assert_eq!((view.ready, play.launches()), (2, 2 + 3));
        assert!(view.rollout.unwrap().contains("nobody listens"));
        assert_eq!(play.seen.count("never_ready"), 3);
    });
}

#[test]
fn while_a_new_revision_is_given_up_more_of_the_old_one_can_be_started() {
    run(async {
        let play = Play::with(settings("ready 100"), 1).await;
        play.fleet.configure(settings("missing"));
        play.until(|_| play.seen.count("rollout_failed") == 1).await;
        play.fleet.want(3);
        let view = play.until(|view| view.ready == 3).await;
        assert!(view.rollout.is_some());
    });
}

#[test]
fn a_replacement_goes_on_while_the_count_changes() {
    run(async {
        let play = Play::with(settings("ready 100"), 4).await;
        play.fleet.configure(settings("ready 101"));
        pass(500).await;
        play.fleet.want(6);
        pass(300).await;
        play.fleet.want(2);
        let view = play.until(|view| view.rollout.is_none() && view.instances.len() == 2).await;
        assert_eq!(view.ready, 2);
        assert!(play.seen.fewest.get() >= 2);
    });
}

#[test]
fn settings_that_change_back_keep_those_that_have_them() {
    run(async {
        let play = Play::with(settings("ready 100"), 3).await;
        play.fleet.configure(settings("ready 1000"));
        pass(500).await;
        play.fleet.configure(settings("ready 100"));
        let view = play.until(|view| view.instances.len() == 3 && view.starting == 0).await;
        assert_eq!((view.ready, play.launches(), play.seen.fewest.get()), (3, 4, 3));
    });
}

#[test]
fn too_much_memory_replaces_an_instance_before_it_ends() {
    run(async {
        let mut settings = settings("ready 100");
        settings.max_memory = Some(1000);
        let play = Play::with(settings, 1).await;
        play.stage.memory.set(1000);
        pass(10_000).await;
        assert_eq!(play.launches(), 1);
        play.stage.memory.set(1500);
        play.until(|_| play.fleet.count().memory == Some(1.5)).await;
        play.until(|_| play.launches() == 2).await;
        play.stage.memory.set(10);
        play.until(|view| view.ready == 1 && view.instances.len() == 1).await;
        assert_eq!((play.seen.fewest.get(), play.seen.count("replacing")), (1, 1));
        assert_eq!(play.seen.count("exited"), 0);
    });
}

#[test]
fn replacements_for_memory_that_do_not_help_become_rare() {
    run(async {
        let mut settings = settings("ready 10");
        settings.max_memory = Some(1000);
        let play = Play::with(settings, 1).await;
        play.stage.memory.set(1500);
        pass(600_000).await;
        let launches = play.launches();
        assert!((30..80).contains(&launches), "{launches} in ten minutes");
        assert_eq!(play.seen.fewest.get(), 1);
    });
}

#[test]
fn one_instance_is_replaced_by_name() {
    run(async {
        let play = Play::with(settings("ready 100"), 2).await;
        assert!(!play.fleet.replace("shop-9", "it is unwell"));
        assert!(play.fleet.replace("shop-1", "it is unwell"));
        play.until(|view| view.instances.len() == 2 && view.instances[0].name.as_ref() != "shop-1").await;
        assert_eq!(play.seen.names(), ["shop-2", "shop-3"]);
        assert_eq!((play.seen.fewest.get(), play.launches()), (2, 3));
    });
}
