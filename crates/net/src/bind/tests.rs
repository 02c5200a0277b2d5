//! Addresses as text, and what binding them really does on 127.0.0.1 and in a temporary folder.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// A folder of its own for each test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("net-bind-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn socket(&self) -> Address {
        Address::Unix(self.0.join("gate.sock"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn addresses_are_read_as_people_write_them() {
    for (text, shown) in [
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("[::]:8080", "[::]:8080"),
        ("[::1]:0", "[::1]:0"),
        ("8080", ":8080"),
        (":8080", ":8080"),
        ("unix:/run/gate.sock", "unix:/run/gate.sock"),
    ] {
        assert_eq!(text.parse::<Address>().unwrap().to_string(), shown);
    }
}

#[test]
fn texts_that_are_no_address_are_refused_with_the_forms_that_are() {
    for text in ["", ":", "localhost:80", "127.0.0.1", "::1:80", "70000", ":-1", "+80", "1.2.3.4:70000"] {
        let error = text.parse::<Address>().unwrap_err().to_string();
        assert!(error.contains("127.0.0.1:8080") && error.contains("unix:/path"), "{text}: {error}");
    }
    for path in [String::new(), "a\0b".into(), "x".repeat(108)] {
        let error = format!("unix:{path}").parse::<Address>().unwrap_err();
        assert!(matches!(error, BadAddress::UnixPath(_)), "{error}");
    }
}

#[test]
fn an_address_in_use_is_an_error_that_names_it() {
    let first = bind(&"127.0.0.1:0".parse().unwrap(), false).unwrap();
    let taken = Address::Ip(first.local_addr().unwrap());
    let error = bind(&taken, false).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&format!("another process listens on {taken}")), "{error}");
}

#[test]
fn listeners_of_several_workers_share_a_port() {
    let first = bind(&"127.0.0.1:0".parse().unwrap(), true).unwrap();
    let address = Address::Ip(first.local_addr().unwrap());
    let second = bind(&address, true).unwrap();
    assert_eq!(second.local_addr(), first.local_addr());
    assert_eq!(first.try_clone().unwrap().local_addr(), first.local_addr());
}

#[test]
fn all_interfaces_include_ipv4_whatever_the_machine_has() {
    let listener = bind(&Address::All(0), false).unwrap();
    let port = listener.local_addr().unwrap().port();
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
}

#[test]
fn accepted_connections_inherit_nodelay() {
    let Listener::Tcp(listener) = bind(&"127.0.0.1:0".parse().unwrap(), false).unwrap() else {
        panic!("a TCP address gives a TCP listener")
    };
    listener.set_nonblocking(false).unwrap();
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    assert!(accepted.nodelay().unwrap());
}

#[test]
fn listeners_do_not_block() {
    let folder = Folder::new();
    let kinds = [
        match bind(&"127.0.0.1:0".parse().unwrap(), false).unwrap() {
            Listener::Tcp(tcp) => tcp.accept().unwrap_err().kind(),
            Listener::Unix(_) => panic!("a TCP address gives a TCP listener"),
        },
        match bind(&folder.socket(), false).unwrap() {
            Listener::Unix(unix) => unix.accept().unwrap_err().kind(),
            Listener::Tcp(_) => panic!("a Unix path gives a Unix listener"),
        },
    ];
    assert_eq!(kinds, [io::ErrorKind::WouldBlock; 2]);
}

#[test]
fn a_unix_socket_is_open_to_its_group_and_carries_bytes() {
    let folder = Folder::new();
    let Listener::Unix(listener) = bind(&folder.socket(), false).unwrap() else {
        panic!("a Unix path gives a Unix listener")
    };
    let path = folder.0.join("gate.sock");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    UnixStream::connect(&path).unwrap().write_all(b"hello").unwrap();
    listener.set_nonblocking(false).unwrap();
    let mut text = String::new();
    listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
}

#[test]
fn a_dead_socket_file_is_replaced_and_a_live_one_is_not() {
    let folder = Folder::new();
    let address = folder.socket();
    let live = bind(&address, false).unwrap();
    assert_eq!(bind(&address, false).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    drop(live);
    assert!(folder.0.join("gate.sock").exists(), "a dead process leaves its file");
    bind(&address, false).unwrap();
}

#[test]
fn a_file_that_is_no_socket_is_never_removed() {
    let folder = Folder::new();
    let path = folder.0.join("gate.sock");
    fs::write(&path, "precious").unwrap();
    let error = bind(&folder.socket(), false).unwrap_err();
    assert!(error.to_string().contains("not a socket"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn errors_say_what_to_change() {
    let denied = io::Error::from(io::ErrorKind::PermissionDenied);
    let error = explained(&denied, &Address::All(80)).to_string();
    assert!(error.contains(":80") && error.contains("CAP_NET_BIND_SERVICE"), "{error}");
    let missing = bind(&"unix:/nowhere/at/all.sock".parse().unwrap(), false).unwrap_err().to_string();
    assert!(missing.contains("folder does not exist"), "{missing}");
    // TEST-NET-1 (RFC 5737) is on no machine.
    let foreign = bind(&"192.0.2.1:8080".parse().unwrap(), false).unwrap_err().to_string();
    assert!(foreign.contains("no interface") && foreign.contains(":8080 for all"), "{foreign}");
}

#[test]
fn the_limit_of_open_files_is_raised_to_the_hard_one() {
    let limit = raise_fd_limit();
    assert_eq!(limit, getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX));
}

#[test]
fn a_socket_that_was_handed_over_shares_its_queue_with_the_one_that_handed_it() {
    let ours = bind(&"127.0.0.1:0".parse().unwrap(), true).unwrap();
    let address = ours.local_addr().unwrap();
    let theirs = Listener::handed(ours.as_fd().try_clone_to_owned().unwrap()).unwrap();
    assert!(theirs.listens_on(&Address::Ip(address)) && theirs.shares_its_port());
    assert!(!theirs.listens_on(&Address::Ip("127.0.0.1:0".parse().unwrap())));
    assert!(!theirs.listens_on(&Address::All(address.port())), "one interface is not all");
    let _client = TcpStream::connect(address).unwrap();
    drop(ours);
    let Listener::Tcp(tcp) = theirs else { panic!("a TCP socket was handed over") };
    tcp.set_nonblocking(false).unwrap();
    tcp.accept().unwrap();
}

#[test]
fn only_listening_stream_sockets_are_taken_over() {
    let folder = Folder::new();
    let unix = bind(&folder.socket(), false).unwrap();
    let handed = Listener::handed(unix.as_fd().try_clone_to_owned().unwrap()).unwrap();
    assert!(handed.listens_on(&folder.socket()) && !handed.shares_its_port());
    let all = bind(&Address::All(0), false).unwrap();
    let port = all.local_addr().unwrap().port();
    let all = Listener::handed(all.as_fd().try_clone_to_owned().unwrap()).unwrap();
    assert!(all.listens_on(&Address::All(port)) && !all.shares_its_port());

    let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let connected = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let file = fs::File::open("/dev/null").unwrap();
    for wrong in [udp.as_fd(), connected.as_fd(), file.as_fd()] {
        assert!(Listener::handed(wrong.try_clone_to_owned().unwrap()).is_err());
    }
}

#[test]
fn a_socket_file_is_removed_unless_somebody_has_put_another_in_its_place() {
    let folder = Folder::new();
    let path = folder.0.join("gate.sock");
    let _live = bind(&folder.socket(), false).unwrap();
    let file = SocketFile::at(&path).unwrap();
    assert_eq!(SocketFile::known(path.clone(), file.identity()), file);
    assert!(file.remove().unwrap() && !path.exists());
    assert!(!file.remove().unwrap(), "it is gone already");

    // Made before the old one goes, so that it cannot get its number.
    let ours = UnixListener::bind(folder.0.join("ours.sock")).unwrap();
    let file = SocketFile::at(&folder.0.join("ours.sock")).unwrap();
    let file = SocketFile::known(path.clone(), file.identity());
    let _theirs = bind(&folder.socket(), false).unwrap();
    assert!(!file.remove().unwrap() && path.exists());
    drop(ours);
}
