//! Instances are handed from one owner to another.

use super::owner;
use super::stage::{Play, ask, left, mark, run, server, settings, sh, until};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, socketpair};
use rustix::process::{Pid, Signal, kill_process};
use std::process::{Command, Stdio};
use std::time::Duration;

pub(crate) fn instances_are_handed_to_another_process_and_none_is_lost() {
    run(async {
        let mark = mark();
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        let mut owner = Command::new(std::env::current_exe().unwrap())
            .args([owner::ROLE, &mark, "exec $SERVER"])
            .stdin(Stdio::from(theirs))
            .spawn()
            .unwrap();
        until("two instances are there", || left(&mark).len() == 2).await;
        let before = left(&mark);
        let handed = tokio::task::spawn_blocking(move || {
            let handed = vec![owner::receive(&ours), owner::receive(&ours)];
            (handed, ours)
        });
        let (handed, ours) = handed.await.unwrap();
        let play = Play::new(settings(sh("exec $SERVER"), &mark));
        play.fleet.adopt(handed);
        play.fleet.want(2);
        play.until(|view| view.ready == 2).await;
        rustix::net::send(&ours, b"!", SendFlags::empty()).unwrap();
        assert!(owner.wait().unwrap().success());
        let view = play.until(|view| view.instances.iter().all(|i| i.memory.is_some())).await;
        assert_eq!(left(&mark), before, "the same processes");
        assert_eq!(view.instances.iter().map(|i| &*i.name).collect::<Vec<_>>(), ["shop-1", "shop-2"]);
        assert!(view.instances.iter().all(|i| i.ready_after.is_some()) && view.rollout.is_none());
        for (member, shown) in play.seen.open().iter().zip(&view.instances) {
            assert_eq!(ask(&member.place, "/").await.unwrap(), shown.pid.unwrap().to_string());
        }
        // They are kept as if they had been launched here.
        kill_process(Pid::from_raw(before[0]).unwrap(), Signal::KILL).unwrap();
        play.told("exited").await;
        play.until(|view| view.ready == 2).await;
        play.end().await;
    });
}

pub(crate) fn instances_stay_where_the_other_process_gives_up() {
    run(async {
        let play = Play::with(settings(server(&[]), &mark()), 2).await;
        let before = left(&play.mark);
        play.fleet.freeze(true);
        drop(play.fleet.hand_over());
        // Reported to nobody: the other process is gone, and this one did not listen.
        kill_process(Pid::from_raw(before[0]).unwrap(), Signal::KILL).unwrap();
        until("it has ended", || left(&play.mark).len() == 1).await;
        assert_eq!(play.seen.texts("exited"), [""; 0]);
        play.fleet.freeze(false);
        play.told("exited").await;
        play.until(|view| view.ready == 2).await;
        assert!(left(&play.mark).contains(&before[1]));
        play.end().await;
    });
}

pub(crate) fn an_instance_that_ended_on_the_way_is_noticed() {
    run(async {
        let mark = mark();
        let old = Play::with(settings(server(&[]), &mark), 2).await;
        let before = left(&mark);
        old.fleet.freeze(true);
        let handed = old.fleet.hand_over();
        old.fleet.let_go();
        kill_process(Pid::from_raw(before[0]).unwrap(), Signal::KILL).unwrap();
        until("it has ended", || left(&mark).len() == 1).await;
        let new = Play::new(settings(server(&[]), &mark));
        new.fleet.adopt(handed);
        new.told("exited").await;
        assert_eq!(new.seen.open().len(), 1, "nothing is drained before it is said how many are wanted");
        new.fleet.want(2);
        new.until(|view| view.ready == 2).await;
        assert!(left(&mark).contains(&before[1]));
        // Requests that the other process began may be with it for as long as that may drain.
        let mut other = settings(server(&[]), &mark);
        other.drain_timeout = Duration::from_millis(600);
        new.fleet.configure(other);
        new.end().await;
        assert_eq!(old.seen.texts("stopped"), [""; 0]);
    });
}
