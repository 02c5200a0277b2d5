//! What systemd does and hears: sockets that it passes in, and messages about how the service is.
//!
//! The manager is played by the test itself: the protocols are `sd_listen_fds(3)` and `sd_notify(3)`.

use e2e::{
    Fleet, Group, PATIENCE, Port, Raw, Scratch, Signal, has_ended, send_signal, soon, tidegate_binary,
};
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::{Command, Stdio};

/// Starts Tidegate with two sockets as descriptors 3 and 4, as the manager does. A shell knows its process id before it
/// becomes the program, and brings the descriptors to their numbers. What it prints is in `log`.
fn activated(scratch: &Scratch, config: &str, sockets: [OwnedFd; 2]) -> Group {
    const SHELL: &str = "exec 3<&0 4<&1 </dev/null >log 2>&1; \
                         LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=gate:other exec \"$0\" run tidegate.yaml";
    scratch.write("tidegate.yaml", config);
    let [first, second] = sockets;
    let mut command = Command::new("sh");
    command.args(["-c", SHELL]).arg(tidegate_binary()).current_dir(scratch.path());
    command.stdin(Stdio::from(first)).stdout(Stdio::from(second)).stderr(Stdio::null());
    Group::spawn(&mut command)
}

fn log(scratch: &Scratch) -> String {
    fs::read_to_string(scratch.file("log")).unwrap_or_default()
}

#[test]
fn a_listener_uses_the_socket_that_the_manager_has_opened_for_its_address() {
    let (scratch, admin, other) = (Scratch::new(), Port::free(), Port::free());
    let tcp = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = tcp.local_addr().expect("it is bound");
    let file = scratch.file("gate.sock");
    let unix = UnixListener::bind(&file).expect("the folder is ours");
    // Connects before there is anybody to answer, as the first client of an activated service does.
    let mut early = Raw::connect(address);
    early.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let config = format!(
        "listeners: [\"{address}\", \"unix:{}\", \"{}\"]\nadmin: {}\nworkers: 3\nroutes: [{{ respond: {{ body: here }} }}]",
        file.display(),
        other.address(),
        admin.address()
    );
    let mut group = activated(&scratch, &config, [tcp.into(), unix.into()]);
    assert_eq!(early.response().text(), "here", "{}", log(&scratch));
    assert_eq!(
        Raw::connect(other.address()).get("/", "").text(),
        "here",
        "it binds by itself what it was not given"
    );
    let through = || Raw::connect_unix(&file).get("/", "Connection: close\r\n").text();
    assert_eq!(through(), "here");
    // What was passed in is passed on.
    send_signal(group.id(), Signal::USR2);
    assert!(group.wait().is_some_and(|status| status.success()), "{}", log(&scratch));
    assert_eq!(through(), "here");
    assert_eq!(Raw::connect(address).get("/", "Connection: close\r\n").text(), "here");
    assert!(!log(&scratch).contains("no listener of the config takes"), "{}", log(&scratch));
    assert!(file.exists(), "the manager's file is the manager's to remove");
}

#[test]
fn a_socket_that_no_listener_wants_is_named_and_closed() {
    let (scratch, admin, port) = (Scratch::new(), Port::free(), Port::free());
    let sockets = ["127.0.0.1:0"; 2].map(|any| TcpListener::bind(any).expect("there is a free port"));
    let addresses = sockets.each_ref().map(|socket| socket.local_addr().expect("it is bound"));
    let config = format!(
        "listeners: [\"{}\", \"{}\"]\nadmin: {}\nroutes: [{{ respond: {{ body: here }} }}]",
        port.address(),
        addresses[0],
        admin.address()
    );
    let _group = activated(&scratch, &config, sockets.map(OwnedFd::from));
    soon("it says so", || log(&scratch).contains("handed over for other"));
    soon("nobody listens there", || Raw::try_connect(addresses[1]).is_err());
    assert_eq!(Raw::connect(addresses[0]).get("/", "").text(), "here");
}

#[test]
fn a_descriptor_that_is_no_listening_socket_is_an_error() {
    let (scratch, admin) = (Scratch::new(), Port::free());
    let tcp = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let config = format!(
        "listeners: [\"{}\"]\nadmin: {}\nroutes: [{{ respond: {{ body: here }} }}]",
        tcp.local_addr().expect("it is bound"),
        admin.address()
    );
    let file = File::open("/dev/null").expect("it is there");
    let mut group = activated(&scratch, &config, [tcp.into(), file.into()]);
    assert!(group.wait().is_some_and(|status| status.code() == Some(1)));
    assert!(log(&scratch).contains("socket activation: other"), "{}", log(&scratch));
}

/// The manager's end of the line.
struct Manager {
    socket: UnixDatagram,
    _folder: Scratch,
}

impl Manager {
    /// A node that reports to a manager, which has been told that it is ready.
    fn with_node(config: &str, watchdog_usec: Option<&str>) -> (Self, Fleet) {
        let folder = Scratch::new();
        let path = folder.file("notify");
        let socket = UnixDatagram::bind(&path).expect("the folder is ours");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
        let manager = Self { socket, _folder: folder };
        let fleet = Fleet::start_with(config, |command| {
            command.env("NOTIFY_SOCKET", &path);
            if let Some(usec) = watchdog_usec {
                command.env("WATCHDOG_USEC", usec);
            }
        });
        assert_eq!(manager.hears(), "READY=1");
        (manager, fleet)
    }

    /// The next message.
    #[track_caller]
    fn hears(&self) -> String {
        let mut part = [0; 4096];
        let count = self.socket.recv(&mut part).expect("a message comes");
        String::from_utf8_lossy(&part[..count]).into_owned()
    }

    /// The next message that is no sign of life.
    #[track_caller]
    fn hears_news(&self) -> String {
        (0..1000).map(|_| self.hears()).find(|told| told != "WATCHDOG=1").expect("it says something else")
    }

    /// Nothing more was said.
    #[track_caller]
    fn has_heard_all(&self) {
        self.socket.set_nonblocking(true).expect("a socket can be asked without waiting");
        let mut part = [0; 4096];
        let more =
            self.socket.recv(&mut part).map(|count| String::from_utf8_lossy(&part[..count]).into_owned());
        assert!(more.is_err(), "{more:?}");
    }
}

const CONFIG: &str = "listeners: [\"127.0.0.1:{port}\"]\nroutes: [{ respond: { body: here } }]";

#[test]
fn the_manager_hears_of_reloads_good_and_bad_and_of_the_end() {
    let (manager, mut fleet) = Manager::with_node(CONFIG, None);
    for (config, status) in [(CONFIG.replace("here", "there"), 200), ("routes: 7".into(), 422)] {
        fleet.write_config(&config);
        let answer = fleet.ask("POST", "/api/reload").expect("it answers");
        assert_eq!(answer.status, status, "{answer}");
    }
    send_signal(fleet.pid(), Signal::TERM);
    let told: Vec<String> =
        std::iter::repeat_with(|| manager.hears()).take_while(|told| told != "STOPPING=1").collect();
    // The look at the file may have come just before the call, and then it is read twice.
    assert!((4..=8).contains(&told.len()), "{told:?}");
    for pair in told.chunks(2) {
        let usec = pair[0].strip_prefix("RELOADING=1\nMONOTONIC_USEC=");
        assert!(usec.is_some_and(|usec| usec.parse::<u64>().is_ok_and(|usec| usec > 0)), "{told:?}");
        assert_eq!(pair[1], "READY=1", "{told:?}");
    }
    assert!(fleet.first_exit().success());
    manager.has_heard_all();
}

#[test]
fn the_manager_hears_which_process_is_the_service_after_an_upgrade() {
    let (manager, mut fleet) = Manager::with_node(CONFIG, None);
    let new = fleet.upgrade();
    // The two processes speak at the same time.
    let mut told = [manager.hears(), manager.hears()];
    told.sort();
    assert_eq!(told, [format!("MAINPID={new}"), "READY=1".into()]);
    assert!(fleet.first_exit().success());
    // Who is replaced does not stop the service.
    send_signal(new, Signal::TERM);
    assert_eq!(manager.hears(), "STOPPING=1");
    soon("the new process has ended", || has_ended(new));
    manager.has_heard_all();
}

#[test]
fn the_manager_hears_that_the_service_lives_where_it_asks() {
    let (manager, fleet) = Manager::with_node(CONFIG, Some("400000"));
    for _ in 0..3 {
        assert_eq!(manager.hears(), "WATCHDOG=1");
    }
    let new = fleet.upgrade();
    let mut told = [manager.hears_news(), manager.hears_news()];
    told.sort();
    assert_eq!(told, [format!("MAINPID={new}"), "READY=1".into()]);
    for _ in 0..3 {
        assert_eq!(manager.hears(), "WATCHDOG=1");
    }
}
