//! What is launched, and with what.

use super::stage::{
    Play, ask, command_line, left, mark, parent, processes, run, server, settings, sh, until,
};
use instances::{Limits, Listen, LogSettings};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use testing::Folder;
use upstream::{Place, ProbeKind};

pub(crate) fn an_instance_is_ready_once_it_answers_and_ends_with_its_fleet() {
    run(async {
        let mut settings = settings(server(&["delay=200"]), &mark());
        settings.ready.kind = ProbeKind::Http { path: "/".into(), host: None, expect: vec![] };
        let play = Play::new(settings);
        play.fleet.want(2);
        play.until(|view| view.starting == 2).await;
        assert_eq!(play.seen.open(), []);
        let view = play.until(|view| view.ready == 2).await;
        for (member, shown) in play.seen.open().iter().zip(&view.instances) {
            assert_eq!(ask(&member.place, "/").await.unwrap(), shown.pid.unwrap().to_string());
            assert_eq!(format!("{:?}", member.place), format!("Address({})", shown.place));
            let after = shown.ready_after.unwrap().as_millis();
            assert!((200..5000).contains(&after), "{after} ms");
        }
        play.until(|view| view.instances.iter().all(|i| i.memory.is_some_and(|m| m > 100_000))).await;
        let count = play.fleet.count();
        assert!(count.cpu.is_some_and(|cpu| cpu < 1.0), "{count:?}");
        let mark = play.mark.clone();
        assert_eq!(left(&mark).len(), 2);
        drop(play);
        until("all end with the fleet", || left(&mark).is_empty()).await;
    });
}

pub(crate) fn an_instance_on_a_unix_socket_leaves_nothing_behind() {
    run(async {
        let mut command = server(&[]);
        *command.iter_mut().find(|word| word.starts_with("port=")).unwrap() = "socket={socket}".into();
        let mut settings = settings(command, &mark());
        settings.listen = Listen::Socket;
        let play = Play::with(settings, 1).await;
        let place = play.seen.open()[0].place.clone();
        assert!(ask(&place, "/").await.is_ok());
        let Place::Unix(path) = place else { panic!("{place:?}") };
        let folder = path.parent().unwrap().to_owned();
        assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        play.end().await;
        until("the folder is gone", || !folder.exists()).await;
    });
}

pub(crate) fn what_it_is_given_is_in_no_other_command_line() {
    run(async {
        let mut settings = settings(server(&["token=verysecret"]), &mark());
        settings.program.env.push(("PASSWORD".into(), "on {port} topsecret of {name}".into()));
        let play = Play::with(settings, 1).await;
        let pid = play.fleet.view().instances[0].pid.unwrap();
        let telling: Vec<_> =
            processes().into_iter().filter(|p| command_line(*p).contains("secret")).collect();
        assert_eq!(telling, [pid.cast_signed()]);
        let keeper = parent(pid.cast_signed()).unwrap();
        assert!(command_line(keeper).ends_with(" __keeper shop-1 "), "{}", command_line(keeper));
        let variables = String::from_utf8(fs::read(format!("/proc/{pid}/environ")).unwrap()).unwrap();
        let Place::Address(address) = play.seen.open()[0].place else { panic!("no port") };
        let port = address.port();
        for variable in [
            format!("PASSWORD=on {port} topsecret of shop-1"),
            format!("PORT={port}"),
            "TIDEGATE_INSTANCE=shop-1".into(),
        ] {
            assert!(variables.split('\0').any(|v| v == variable), "{variable}");
        }
        play.end().await;
    });
}

pub(crate) fn limits_priority_and_working_folder_are_set() {
    run(async {
        let folder = Folder::new();
        let mut settings = settings(sh("echo $(ulimit -n) $(nice) $(pwd) > told; exec $SERVER"), &mark());
        settings.program.limits = Limits { files: Some(123), ..Limits::default() };
        settings.program.nice = Some(7);
        settings.program.cwd = Some(folder.path("").components().collect());
        let play = Play::with(settings, 1).await;
        let told = fs::read_to_string(folder.path("told")).unwrap();
        let where_it_is = folder.path("").canonicalize().unwrap();
        assert_eq!(told.trim(), format!("123 7 {}", where_it_is.display()));
        play.end().await;
    });
}

/// Where the tests run without privileges, that the user cannot be changed must be told.
pub(crate) fn a_program_runs_as_the_user_that_was_asked_for() {
    run(async {
        let mut settings = settings(sh("id -u >&2; exec sleep 60"), &mark());
        settings.program.user = Some("nobody".into());
        settings.stop_timeout = std::time::Duration::from_millis(500);
        settings.start_timeout = std::time::Duration::from_millis(700);
        let play = Play::new(settings);
        play.fleet.want(1);
        let said = play.until(|view| view.instances.iter().any(|i| i.last_words.is_some())).await;
        let said = said.instances[0].last_words.clone().unwrap();
        let uid = fs::read_to_string("/etc/passwd").unwrap();
        let uid =
            uid.lines().find(|l| l.starts_with("nobody:")).unwrap().split(':').nth(2).unwrap().to_owned();
        if rustix::process::geteuid().is_root() {
            assert_eq!(said.trim(), uid);
        } else {
            assert!(said.contains("cannot run as `nobody`"), "{said}");
        }
        play.end().await;
    });
}

pub(crate) fn lines_go_to_a_file_of_its_own() {
    run(async {
        let folder = Folder::new();
        let mut settings = settings(server(&[]), &mark());
        let path = folder.path("logs/{service}/{name}.log").to_str().unwrap().to_owned();
        settings.log = LogSettings::File { path, max_size: 1 << 20, keep: 1 };
        let play = Play::with(settings, 2).await;
        for n in 1..=2 {
            let path = folder.path(&format!("logs/shop/shop-{n}.log"));
            let hello = format!("hello from shop-{n}\n");
            until("the line is written", || fs::read_to_string(&path).is_ok_and(|text| text == hello)).await;
        }
        play.end().await;
    });
}

pub(crate) fn a_changed_file_replaces_the_instances() {
    run(async {
        let folder = Folder::new();
        fs::write(folder.path("main.py"), "1").unwrap();
        let mut settings = settings(server(&[]), &mark());
        settings.watch = vec![folder.path("")];
        let play = Play::with(settings, 1).await;
        let before = play.fleet.view().instances[0].pid;
        fs::write(folder.path("main.py"), "22").unwrap();
        let text = play.told("rolled_out").await;
        assert!(text.ends_with(".1"), "{text}");
        assert_ne!(play.fleet.view().instances[0].pid, before);
        play.end().await;
    });
}

pub(crate) fn lines_go_to_standard_error_behind_the_name() {
    run(async {
        let (folder, mark) = (Folder::new(), mark());
        let stderr = folder.path("stderr");
        let script = "echo one of $TIDEGATE_INSTANCE; echo another >&2; exec $SERVER";
        let mut owner = Command::new(std::env::current_exe().unwrap())
            .args([super::owner::ROLE, &mark, script, "inherit"])
            .stdin(Stdio::null())
            .stderr(fs::File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        let wanted: Vec<_> = ["shop-1", "shop-2"]
            .iter()
            .flat_map(|name| [format!("{name} | one of {name}"), format!("{name} | another")])
            .collect();
        until("all lines are there", || {
            let text = fs::read_to_string(&stderr).unwrap();
            wanted.iter().all(|line| text.lines().any(|l| l == line))
        })
        .await;
        owner.kill().unwrap();
        owner.wait().unwrap();
        until("all has ended", || left(&mark).is_empty()).await;
    });
}

pub(crate) fn a_program_can_be_given_as_much_as_the_kernel_takes() {
    run(async {
        let mut settings = settings(server(&[]), &mark());
        settings.program.env.extend((0..10).map(|n| (format!("MUCH_{n}"), "x".repeat(100_000))));
        let play = Play::with(settings, 1).await;
        let pid = play.fleet.view().instances[0].pid.unwrap();
        assert!(fs::read(format!("/proc/{pid}/environ")).unwrap().len() > 1_000_000);
        play.end().await;
    });
}
