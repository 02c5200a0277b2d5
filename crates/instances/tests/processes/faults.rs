//! What goes wrong, with the instances and with what keeps them.

use super::stage::{
    Play, ask, command_line, left, mark, parent, processes, run, server, settings, sh, until,
};
use instances::{InstanceState, Listen, LogSettings};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;
use testing::Folder;
use tokio::time::Instant;
use upstream::Place;

fn kill(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

/// The keeper of an instance.
fn keeper(play: &Play, at: usize) -> i32 {
    let pid = play.fleet.view().instances[at].pid.unwrap();
    let keeper = parent(pid.cast_signed()).unwrap();
    assert!(command_line(keeper).contains("__keeper"), "{}", command_line(keeper));
    keeper
}

pub(crate) fn a_command_that_is_not_there_is_told() {
    run(async {
        let play = Play::new(settings(vec!["/not/there".into(), "{port}".into()], &mark()));
        play.fleet.want(1);
        let text = play.told("exited").await;
        assert!(text.contains("before it was ready") && text.contains("exit status 127"), "{text}");
        assert!(text.contains("cannot run `/not/there`: No such file"), "{text}");
        play.end().await;
    });
}

pub(crate) fn a_command_that_cannot_be_run_is_told() {
    run(async {
        let play = Play::new(settings(vec!["/etc/passwd".into()], &mark()));
        play.fleet.want(1);
        let text = play.told("exited").await;
        assert!(text.contains("exit status 126") && text.contains("Permission denied"), "{text}");
        play.end().await;
    });
}

pub(crate) fn what_exits_at_once_leaves_its_last_words() {
    run(async {
        let script = "for i in $(seq 1 100); do echo line $i; done; echo >&2 no license; exit 9";
        let play = Play::new(settings(sh(script), &mark()));
        play.fleet.want(3);
        let text = play.told("exited").await;
        assert!(text.contains("exit status 9; it last said: no license"), "{text}");
        let text = play.told("crash_loop").await;
        assert!(text.contains("exit status 9"), "{text}");
        let view = play.until(|view| view.crash_loop.is_some() && !view.instances.is_empty()).await;
        let words = view.instances[0].last_words.clone().unwrap();
        assert_eq!((words.lines().count(), words.lines().next()), (20, Some("line 82")));
        assert!(view.ready == 0 && play.seen.open().is_empty());
        play.end().await;
    });
}

pub(crate) fn what_is_never_ready_is_ended() {
    run(async {
        let mut settings = settings(server(&["never"]), &mark());
        settings.start_timeout = Duration::from_millis(300);
        let play = Play::new(settings);
        play.fleet.want(1);
        play.until(|_| left(&play.mark).len() == 1).await;
        let first = left(&play.mark)[0];
        let text = play.told("never_ready").await;
        assert!(text.contains("after 300ms") && text.contains("refused"), "{text}");
        until("it is ended", || !left(&play.mark).contains(&first)).await;
        assert_eq!(play.seen.open(), []);
        play.end().await;
    });
}

pub(crate) fn what_ignores_sigterm_is_killed() {
    run(async {
        let mut settings = settings(sh("trap '' TERM; exec $SERVER"), &mark());
        settings.stop_timeout = Duration::from_millis(500);
        let play = Play::with(settings, 2).await;
        play.fleet.want(1);
        play.told("killed").await;
        let text = play.told("stopped").await;
        assert!(text.contains("signal 9"), "{text}");
        until("one is left", || left(&play.mark).len() == 1).await;
        let began = Instant::now();
        play.end().await;
        assert!(began.elapsed() >= Duration::from_millis(500));
    });
}

pub(crate) fn what_forks_away_ends_with_the_instance() {
    run(async {
        // In another session, in a group of its own, and without a parent.
        let script =
            "setsid sleep 300 & (setsid sh -c 'trap \"\" TERM; sleep 301; sleep 302' &) ; exec $SERVER";
        let play = Play::with(settings(sh(script), &mark()), 1).await;
        until("all are there", || left(&play.mark).len() >= 4).await;
        play.end().await;
    });
}

pub(crate) fn what_a_program_leaves_running_is_ended_with_it() {
    run(async {
        let play = Play::new(settings(sh("setsid sleep 300 & echo gone; exit 0"), &mark()));
        play.fleet.want(1);
        let text = play.told("exited").await;
        assert!(text.contains("exit status 0"), "{text}");
        play.fleet.want(0);
        until("what it left is ended", || left(&play.mark).is_empty()).await;
        play.end().await;
    });
}

pub(crate) fn what_leaks_memory_is_replaced_and_always_one_is_ready() {
    run(async {
        let mut settings = settings(server(&["leak=1000000"]), &mark());
        settings.max_memory = Some(60 << 20);
        let play = Play::with(settings, 1).await;
        let first = play.fleet.view().instances[0].pid;
        let text = play.told("replacing").await;
        assert!(text.contains("MiB of memory are more than 60.0 MiB"), "{text}");
        let replaced = |view: &instances::FleetView| {
            view.ready == 1 && view.instances.len() == 1 && view.instances[0].pid != first
        };
        loop {
            let open = play.seen.open();
            assert!(!open.is_empty() && ask(&open[0].place, "/").await.is_ok());
            if replaced(&play.fleet.view()) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        play.end().await;
    });
}

pub(crate) fn what_floods_its_output_is_kept_and_serves() {
    run(async {
        let folder = Folder::new();
        let path = folder.path("shop.log");
        let mut settings = settings(server(&["flood"]), &mark());
        let file = path.to_str().unwrap().to_owned();
        settings.log = LogSettings::File { path: file, max_size: 1 << 20, keep: 1 };
        settings.lines_per_second = 50;
        let play = Play::with(settings, 1).await;
        let place = play.seen.open()[0].place.clone();
        assert!(ask(&place, "/").await.is_ok());
        let read = || fs::read_to_string(&path).unwrap_or_default();
        until("it is told what was dropped", || read().contains("lines of shop-1 were dropped")).await;
        assert!(read().lines().count() < 1000, "{}", read().lines().count());
        assert!(ask(&place, "/").await.is_ok());
        let keeper = keeper(&play, 0);
        let status = fs::read_to_string(format!("/proc/{keeper}/status")).unwrap();
        let resident = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap().trim();
        let kib: u64 = resident.split(' ').next().unwrap().parse().unwrap();
        assert!(kib < 40_000, "the keeper has {kib} KiB");
        play.end().await;
    });
}

pub(crate) fn a_fixed_port_that_is_taken_is_told() {
    run(async {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let mut settings = settings(server(&[]), &mark());
        settings.listen = Listen::Port(port);
        let play = Play::new(settings);
        play.fleet.want(1);
        let text = play.told("never_ready").await;
        assert!(text.contains(&format!("port {port} is taken")), "{text}");
        drop(taken);
        play.until(|view| view.ready == 1).await;
        assert_eq!(play.seen.open()[0].place, Place::Address(([127, 0, 0, 1], port).into()));
        play.end().await;
    });
}

pub(crate) fn a_port_that_somebody_else_took_makes_nobody_ready() {
    run(async {
        let folder = Folder::new();
        // It begins to listen only once the test has taken its port.
        let wait =
            format!("while [ ! -e {} ]; do sleep 0.02; done; exec $SERVER", folder.path("go").display());
        let play = Play::new(settings(sh(&wait), &mark()));
        play.fleet.want(1);
        let view = play.until(|view| view.starting == 1).await;
        let stolen = TcpListener::bind(&view.instances[0].place).unwrap();
        let text = play.told("never_ready").await;
        assert!(text.contains("listened on by a process that is not of this instance"), "{text}");
        assert_eq!(play.seen.open(), []);
        fs::write(folder.path("go"), "").unwrap();
        let view = play.until(|view| view.ready == 1).await;
        let place = view.instances.iter().find(|i| i.state == InstanceState::Ready).unwrap().place.clone();
        assert_ne!(place, stolen.local_addr().unwrap().to_string());
        play.end().await;
    });
}

pub(crate) fn a_full_disk_costs_lines_and_not_the_instance() {
    run(async {
        let mut settings = settings(server(&[]), &mark());
        settings.log = LogSettings::File { path: "/dev/full".into(), max_size: 1 << 20, keep: 1 };
        let play = Play::with(settings, 2).await;
        let text = play.told("trouble").await;
        assert!(text.contains("its log cannot be written") && text.contains("No space left"), "{text}");
        for member in play.seen.open() {
            assert!(ask(&member.place, "/").await.is_ok());
        }
        play.end().await;
    });
}

pub(crate) fn a_keeper_that_is_killed_takes_everything_with_it() {
    run(async {
        let play = Play::with(settings(sh("setsid sleep 300 & exec $SERVER"), &mark()), 1).await;
        until("both are there", || left(&play.mark).len() == 2).await;
        let before = left(&play.mark);
        kill(keeper(&play, 0), Signal::KILL);
        let text = play.told("exited").await;
        assert!(text.contains("the end of its keeper"), "{text}");
        until("all of it is ended", || !left(&play.mark).iter().any(|pid| before.contains(pid))).await;
        play.until(|view| view.ready == 1).await;
        play.end().await;
    });
}

pub(crate) fn a_keeper_that_hangs_is_given_up() {
    run(async {
        let mut settings = settings(sh("setsid sleep 300 & exec $SERVER"), &mark());
        settings.stop_timeout = Duration::from_millis(200);
        let play = Play::with(settings, 1).await;
        until("both are there", || left(&play.mark).len() == 2).await;
        kill(keeper(&play, 0), Signal::STOP);
        play.fleet.want(0);
        play.until(|view| view.instances.is_empty()).await;
        play.end().await;
    });
}

pub(crate) fn a_keeper_is_not_ended_by_what_ends_a_terminal() {
    run(async {
        let play = Play::with(settings(server(&[]), &mark()), 1).await;
        let keeper = keeper(&play, 0);
        for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
            kill(keeper, signal);
        }
        let pid = play.fleet.view().instances[0].pid.unwrap();
        // Two reports of what it uses: it has gone on.
        for _ in 0..2 {
            assert_eq!(ask(&play.seen.open()[0].place, "/").await.unwrap(), pid.to_string());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(processes().contains(&keeper));
        play.end().await;
    });
}

pub(crate) fn an_owner_that_is_killed_takes_everything_with_it() {
    run(async {
        let mark = mark();
        let script =
            "setsid sleep 300 & (setsid sh -c 'trap \"\" TERM; sleep 301; sleep 302' &) ; exec $SERVER";
        let mut owner = Command::new(std::env::current_exe().unwrap())
            .args([super::owner::ROLE, &mark, script])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        until("two instances with all they started", || left(&mark).len() >= 8).await;
        let pid = owner.id().cast_signed();
        let keepers: Vec<_> = processes().into_iter().filter(|p| parent(*p) == Some(pid)).collect();
        assert_eq!(keepers.len(), 2);
        kill(pid, Signal::KILL);
        owner.wait().unwrap();
        until("everything has ended", || left(&mark).is_empty()).await;
        until("the keepers too", || keepers.iter().all(|k| !command_line(*k).contains("__keeper"))).await;
    });
}
