//! A new binary takes the place of the running one, and nobody notices.

use e2e::{
    Fleet, Group, Origin, PATIENCE, Port, Raw, Scratch, Signal, has_ended, run, send_signal, soon,
    tidegate_binary, while_waiting,
};
use std::collections::HashSet;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const ONE: &str = "listeners: [\"127.0.0.1:{port}\"]\nroutes: [{ respond: { body: one } }]";
const TWO: &str = "listeners: [\"127.0.0.1:{port}\"]\nroutes: [{ respond: { body: two } }]";

/// An origin that answers, and echoes over what was upgraded to WebSocket.
fn origin() -> Origin {
    Origin::start(|exchange| {
        if exchange.request().fields.has("upgrade") {
            exchange.send(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
            );
            loop {
                let some = exchange.read_some();
                if some.is_empty() || !exchange.send(some) {
                    break;
                }
            }
            exchange.close();
        } else if exchange.read_body() {
            exchange.send_ok("answered");
        }
    })
}

fn to(origin: &Origin, more: &str) -> String {
    format!(
        "listeners: [\"127.0.0.1:{{port}}\"]\nservices: {{ api: \"{}\" }}\nroutes: [{{ service: api }}]\n{more}\n",
        origin.url()
    )
}

fn websocket(address: SocketAddr) -> Raw {
    let mut client = Raw::connect(address);
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n");
    client.send("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    assert_eq!(client.response().status, 101);
    client
}

/// Clients that ask as long as this lives.
struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    threads: Vec<std::thread::JoinHandle<Vec<String>>>,
}

impl Load {
    /// Half of the clients keep their connection as long as they may, the others make a new one for each request.
    fn start(clients: usize, address: SocketAddr) -> Self {
        let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let threads = (0..clients)
            .map(|number| {
                let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
                std::thread::spawn(move || client(number, address, &stop, &answered))
            })
            .collect();
        Self { stop, answered, threads }
    }

    fn answered(&self) -> usize {
        self.answered.load(Ordering::SeqCst)
    }

    /// Waits until many more were answered.
    fn go_on(&self) {
        let before = self.answered();
        soon("the load goes on", || {
            self.answered() > before + 100 || self.threads.iter().any(std::thread::JoinHandle::is_finished)
        });
    }

    /// All failures there were.
    fn end(self) -> Vec<String> {
        self.stop.store(true, Ordering::SeqCst);
        self.threads.into_iter().flat_map(|thread| thread.join().expect("a client does not panic")).collect()
    }
}

fn client(number: usize, address: SocketAddr, stop: &AtomicBool, answered: &AtomicUsize) -> Vec<String> {
    let keeps = number.is_multiple_of(2);
    let mut kept: Option<Raw> = None;
    let mut failures = Vec::new();
    for turn in 0.. {
        if stop.load(Ordering::SeqCst) || failures.len() > 5 {
            break;
        }
        let mut fail = |what: String| failures.push(format!("client {number}, request {turn}: {what}"));
        let mut connection = match kept.take().map_or_else(|| Raw::try_connect(address), Ok) {
            Ok(connection) => connection,
            Err(e) => {
                fail(format!("connect: {e}"));
                continue;
            }
        };
        if let Err(e) = connection.try_send("GET /p HTTP/1.1\r\nHost: a\r\n\r\n") {
            fail(format!("send: {e}"));
            continue;
        }
        match connection.try_response() {
            Ok(answer) if answer.status == 200 && answer.complete => {
                answered.fetch_add(1, Ordering::SeqCst);
                if keeps && !answer.fields.lists("connection", "close") {
                    kept = Some(connection);
                }
            }
            Ok(answer) => fail(answer.to_string()),
            Err(e) => fail(format!("answer: {e}")),
        }
        // So that some connections are idle when a process goes.
        std::thread::sleep(Duration::from_micros(turn * 37 % 3000));
    }
    failures
}

#[test]
fn nothing_fails_through_three_upgrades_under_load() {
    let origin = origin();
    let mut fleet = Fleet::start(&to(&origin, ""));
    let first = fleet.pid();
    let load = Load::start(12, fleet.address());
    let mut sockets = vec![];
    let mut pids = vec![first];
    for round in 0..3 {
        sockets.extend((0..4).map(|_| websocket(fleet.address())));
        load.go_on();
        match round {
            0 => {
                fleet.upgrade();
            }
            1 => {
                fleet.upgrade_by_signal();
            }
            _ => {
                let admin = format!("http://{}", fleet.admin_address());
                let told = run(Command::new(tidegate_binary()).args(["upgrade", "--admin", &admin]));
                assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
                let words = format!("process {} has taken over; process {}", fleet.pid(), pids[2]);
                assert!(String::from_utf8_lossy(&told.stdout).contains(&words), "{words}");
            }
        }
        pids.push(fleet.pid());
        load.go_on();
        for socket in &mut sockets {
            socket.send(format!("message {round}")).expect_bytes(format!("message {round}").as_bytes());
        }
    }
    assert_eq!(pids.iter().collect::<HashSet<_>>().len(), 4, "{pids:?}");
    for (old, new) in pids.iter().zip(&pids[1..]) {
        fleet.wait_for_log(&format!("process {new} has taken over; process {old} ends"));
        assert!(!has_ended(*old), "its WebSockets live on");
        let name = fs::read_to_string(format!("/proc/{old}/comm")).expect("it runs");
        assert_eq!(name.trim(), "tidegate-old");
    }
    let (answered, failures) = (load.answered(), load.end());
    assert!(failures.is_empty(), "{answered} were answered\n{}\n{}", failures.join("\n"), fleet.log());
    drop(sockets);
    assert!(fleet.first_exit().success());
    soon("the old processes end with their last connection", || pids[..3].iter().all(|pid| has_ended(*pid)));
    assert_eq!(fleet.get("/p"), "answered");
    assert!(
        fleet
            .ask("GET", "/metrics")
            .expect("it answers")
            .text()
            .contains("tidegate_upgrades_total{result=\"success\"} 1")
    );
}

#[test]
fn the_new_process_reads_the_config_of_now() {
    let fleet = Fleet::start(&format!("{ONE}\nworkers: 1"));
    let before = fleet.status().expect("it answers");
    // `workers` is for the next start, so a reload says nothing of it.
    fleet.write_config(&format!("{TWO}\nworkers: 2"));
    fleet.upgrade();
    assert_eq!(fleet.get("/"), "two");
    assert!(before["uptime_seconds"].is_u64());
    fleet.wait_for_log("has ended its work");
    assert!(!fleet.log().contains("cut"), "{}", fleet.log());
}

#[test]
fn a_binary_that_fails_to_start_leaves_the_old_one_serving() {
    let fleet = Fleet::start(ONE);
    let binary = fs::canonicalize(tidegate_binary()).expect("it was built");
    let load = Load::start(4, fleet.address());
    fleet.install_script("exit 7");
    let why = fleet.refused();
    assert!(why.contains("exit status: 7"), "{why}");
    // It lives, but does not know what it was started for.
    fleet.install_script("exec <&-; exec sleep 60");
    let why = fleet.refused();
    assert!(why.contains("knows nothing of upgrades"), "{why}");
    fs::remove_file(fleet.file("tidegate")).expect("it is there");
    let why = fleet.refused();
    assert!(why.contains("cannot start") && why.contains("No such file"), "{why}");
    symlink(&binary, fleet.file("tidegate")).expect("a link can be made");
    load.go_on();
    assert_eq!(load.end(), Vec::<String>::new());
    assert!(fleet.log().contains("the upgrade has failed, this process serves on: "), "{}", fleet.log());
    let metrics = fleet.ask("GET", "/metrics").expect("it answers").text();
    assert!(metrics.contains("tidegate_upgrades_total{result=\"failure\"} 3"), "{metrics}");
    fleet.upgrade();
    assert_eq!(fleet.get("/"), "one");
}

#[test]
fn a_new_process_that_is_refused_its_config_says_why_and_the_old_one_serves_on() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let fleet = Fleet::start(ONE);
    let load = Load::start(4, fleet.address());
    for (bad, words) in [
        ("listeners: [\"127.0.0.1:{port}\"]\nroutes: [{ sevrice: api }]".to_owned(), ["sevrice", "gave up"]),
        (
            format!(
                "listeners: [\"127.0.0.1:{{port}}\", \"{}\"]\nroutes: [{{ respond: {{}} }}]",
                taken.local_addr().expect("it is bound")
            ),
            ["address in use", "gave up"],
        ),
    ] {
        fleet.write_config(&bad);
        let why = fleet.refused();
        assert!(words.iter().all(|word| why.contains(word)), "{why}");
        // By the signal it is only in the log.
        let pid = fleet.pid();
        let failures = || fleet.log().matches("the upgrade has failed").count();
        let before = failures();
        send_signal(pid, Signal::USR2);
        soon("the failure is logged", || failures() > before);
        assert_eq!((fleet.pid(), fleet.get("/").as_str()), (pid, "one"));
    }
    assert_eq!(load.end(), Vec::<String>::new());
    fleet.write_config(TWO);
    fleet.upgrade();
    assert_eq!(fleet.get("/"), "two");
}

/// The numbers (inodes) of the sockets that a process holds.
fn sockets(pid: u32) -> HashSet<String> {
    let folder = fs::read_dir(format!("/proc/{pid}/fd")).expect("the process runs");
    let link = |entry: std::io::Result<fs::DirEntry>| fs::read_link(entry.ok()?.path()).ok();
    let number = |link: PathBuf| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned());
    folder.filter_map(link).filter_map(number).collect()
}

/// The sockets that listen on a port of 127.0.0.1, by number.
fn listening(port: u16) -> HashSet<String> {
    let table = fs::read_to_string("/proc/net/tcp").expect("the kernel tells");
    let here = format!("0100007F:{port:04X}");
    let listens = |line: &&str| {
        line.split_whitespace().nth(1) == Some(&here) && line.split_whitespace().nth(3) == Some("0A")
    };
    table
        .lines()
        .filter(listens)
        .filter_map(|line| line.split_whitespace().nth(9).map(str::to_owned))
        .collect()
}

#[test]
fn workers_may_become_more_and_fewer() {
    let origin = origin();
    let fleet = Fleet::start(&to(&origin, "workers: 1"));
    let port = fleet.address().port();
    assert_eq!(listening(port).len(), 1);
    let load = Load::start(6, fleet.address());
    // More workers bind more sockets; with fewer, none is closed, for it has a queue of its own.
    for (workers, sockets) in [(4, 4), (2, 4), (1, 4), (6, 6), (3, 6)] {
        fleet.write_config(&to(&origin, &format!("workers: {workers}")));
        load.go_on();
        let before = listening(port);
        fleet.upgrade();
        load.go_on();
        let now = listening(port);
        assert_eq!(now.len(), sockets, "{workers} workers");
        assert!(before.is_subset(&now), "{workers} workers");
        // The kernel spreads connections over all sockets by hash: none is without somebody who accepts.
        for _ in 0..60 {
            assert_eq!(fleet.get("/p"), "answered", "{workers} workers");
        }
    }
    assert_eq!(load.end(), Vec::<String>::new());
}

#[test]
fn the_new_process_gets_the_listening_sockets_and_nothing_else() {
    let origin = origin();
    let fleet = Fleet::start(&to(&origin, ""));
    let mut held = websocket(fleet.address());
    let old = fleet.pid();
    let new = fleet.upgrade();
    held.send("still here").expect_bytes(b"still here");
    let mut may = listening(fleet.address().port());
    may.extend(listening(fleet.admin_address().port()));
    let both: HashSet<String> = sockets(old).intersection(&sockets(new)).cloned().collect();
    assert!(both.is_subset(&may), "{both:?} of {may:?}");
    let environment = fs::read_to_string(format!("/proc/{new}/environ")).expect("the process runs");
    let own: Vec<&str> = environment.split('\0').filter(|entry| entry.starts_with("TIDEGATE")).collect();
    assert!(own.contains(&format!("TIDEGATE_PREDECESSOR={old}").as_str()), "{own:?}");
}

#[test]
fn listeners_come_and_go_with_an_upgrade() {
    let mut fleet = Fleet::start(
        "listeners: [\"127.0.0.1:{port}\", \"unix:{dir}/gone.sock\"]\nroutes: [{ respond: { body: one } }]",
    );
    let file = fleet.file("gone.sock");
    assert_eq!(Raw::connect_unix(&file).get("/", "Connection: close\r\n").text(), "one");
    fleet.write_config("listeners: [\"127.0.0.1:{port2}\"]\nroutes: [{ respond: { body: two } }]");
    fleet.upgrade();
    assert!(fleet.first_exit().success());
    assert!(Raw::try_connect(fleet.address()).is_err(), "the old listener is gone");
    assert!(!file.exists(), "with its file");
    let mut client = Raw::connect(fleet.second_address());
    assert_eq!(client.get("/", "Connection: close\r\n").text(), "two");
}

#[test]
fn a_unix_socket_is_handed_over_with_its_file() {
    let config = "listeners: [\"unix:{dir}/gate.sock\"]\nroutes: [{ respond: { body: here } }]\nworkers: 2";
    let mut fleet = Fleet::start(config);
    let file = fleet.file("gate.sock");
    let identity = || fs::symlink_metadata(&file).map(|meta| (meta.dev(), meta.ino())).ok();
    let before = identity();
    assert!(before.is_some());
    for _ in 0..2 {
        fleet.upgrade();
        assert_eq!(Raw::connect_unix(&file).get("/", "Connection: close\r\n").text(), "here");
    }
    assert!(fleet.first_exit().success());
    assert_eq!(identity(), before, "nobody has removed it");
    let last = fleet.pid();
    send_signal(last, Signal::TERM);
    soon("the last process has ended", || has_ended(last));
    assert_eq!(identity(), None, "who serves last removes it");
}

#[test]
fn an_idle_connection_is_answered_once_more_and_told_to_close() {
    let mut fleet = Fleet::start(ONE);
    let mut idle = Raw::connect(fleet.address());
    assert_eq!(idle.get("/", "").text(), "one");
    let mut silent = Raw::connect(fleet.address());
    fleet.write_config(TWO);
    fleet.upgrade();
    for connection in [&mut idle, &mut silent] {
        let answer = connection.get("/", "");
        assert!(answer.fields.lists("connection", "close"), "{answer}");
        assert!(connection.is_closed(PATIENCE));
    }
    assert!(fleet.first_exit().success());
}

#[test]
fn an_idle_connection_that_stays_silent_does_not_hold_the_old_process() {
    let mut fleet = Fleet::start(ONE);
    let mut idle = Raw::connect(fleet.address());
    assert_eq!(idle.get("/", "").text(), "one");
    fleet.upgrade();
    assert!(fleet.first_exit().success());
    assert!(idle.is_closed(PATIENCE));
}

#[test]
fn a_replaced_process_that_lives_on_for_its_streams_lets_go_of_other_endpoints() {
    let (chat, api) = (origin(), origin());
    let config = format!(
        "listeners: [\"127.0.0.1:{{port}}\"]\nservices: {{ chat: \"{}\", api: \"{}\" }}\n\
         routes: [{{ match: {{ path: / }}, service: chat }}, {{ service: api }}]",
        chat.url(),
        api.url()
    );
    let fleet = Fleet::start(&config);
    let mut held = websocket(fleet.address());
    assert_eq!(fleet.get("/p"), "answered");
    assert_eq!(api.open_connections(), 1, "it waits for the next request");
    fleet.upgrade();
    soon("whoever stops the endpoint need not wait", || api.open_connections() == 0);
    held.send("alive").expect_bytes(b"alive");
}

#[test]
fn a_replaced_process_that_lives_on_for_its_streams_checks_nobody_s_health() {
    let (chat, api) = (origin(), origin());
    let services = |more: &str| {
        format!(
            "listeners: [\"127.0.0.1:{{port}}\"]\nservices: {{ chat: \"{}\"{more} }}\n\
             routes: [{{ service: chat }}]",
            chat.url()
        )
    };
    let checked = format!(
        ", api: {{ endpoints: [\"{}\"], health_check: {{ path: /health, interval: 200ms }} }}",
        api.url()
    );
    let fleet = Fleet::start(&services(&checked));
    let mut held = websocket(fleet.address());
    soon("it is checked", || !api.requests().is_empty());
    // The new process knows nothing of it, so that whoever goes on asking is the old one.
    fleet.write_config(&services(""));
    fleet.upgrade();
    soon("nobody asks any more", || {
        let before = api.requests().len();
        while_waiting(Duration::from_secs(1), || {});
        api.requests().len() == before
    });
    held.send("alive").expect_bytes(b"alive");
}

#[test]
fn a_replaced_process_that_is_told_to_stop_has_the_drain_timeout() {
    let origin = origin();
    let mut fleet = Fleet::start(&to(&origin, "limits: { drain_timeout: 200ms }"));
    let mut held = websocket(fleet.address());
    let old = fleet.pid();
    fleet.upgrade();
    held.send("alive").expect_bytes(b"alive");
    send_signal(old, Signal::TERM);
    assert!(fleet.first_exit().success());
    assert!(held.is_closed(PATIENCE));
    assert!(fleet.log().contains("drain_timeout has passed"), "{}", fleet.log());
    let lines = fleet.log();
    let cut =
        lines.lines().find(|line| line.contains("\"stop\":\"shutdown\"")).expect("it is in the access log");
    assert!(cut.contains("\"status\":101"), "{cut}");
    assert_eq!(fleet.get("/"), "answered", "the new process does not mind");
}

#[test]
fn a_process_that_is_replaced_or_about_to_be_takes_no_other_orders() {
    let fleet = Fleet::start(ONE);
    // Reads what it is told, and never says a word.
    fleet.install_script("exec sleep 60");
    let admin = fleet.admin_address();
    let first = std::thread::spawn(move || {
        let mut admin = Raw::try_connect(admin).expect("it listens");
        admin.send("POST /api/upgrade HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
        admin.try_response()
    });
    fleet.wait_for_log("upgrade: starting");
    let refused = fleet.ask("POST", "/api/upgrade").expect("it answers");
    assert_eq!((refused.status, refused.text().contains("already")), (409, true), "{refused}");
    let refused = fleet.ask("POST", "/api/reload").expect("it answers");
    assert_eq!(refused.status, 422, "{refused}");
    // Told to stop, it stops, and takes the new process with it.
    send_signal(fleet.pid(), Signal::TERM);
    let answer = first.join().expect("the client does not panic");
    assert!(answer.map_or(true, |answer| answer.status == 409));
    soon("both have ended", || has_ended(fleet.first()) && !is_any_in_group(fleet.first()));
}

/// Does any process of that group run?
fn is_any_in_group(group: u32) -> bool {
    let pids = fs::read_dir("/proc")
        .expect("proc is mounted")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| !has_ended(*pid)).any(|pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(2)?.parse().ok()) == Some(group)
    })
}

#[test]
fn a_node_without_a_config_keeps_its_addresses() {
    let (origin, port) = (origin(), Port::free());
    let log = Scratch::new();
    let printed = File::create(log.file("log")).expect("it can be written");
    let mut command = Command::new(tidegate_binary());
    command.args(["run", "--to", &origin.url(), "--listen", &port.address().to_string()]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(printed);
    let mut group = Group::spawn(&mut command);
    let read = || fs::read_to_string(log.file("log")).unwrap_or_default();
    soon("it is ready", || read().contains("admin on"));
    send_signal(group.id(), Signal::USR2);
    soon("another process serves", || read().matches("admin on").count() == 2);
    let text = read();
    let admins: HashSet<&str> = text.lines().filter(|line| line.contains("admin on")).collect();
    assert_eq!(admins.len(), 1, "{text}");
    assert_eq!(Raw::connect(port.address()).get("/", "").text(), "answered");
    assert!(group.wait().is_some_and(|status| status.success()), "{}", read());
}
