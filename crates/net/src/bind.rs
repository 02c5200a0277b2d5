//! Addresses to listen on, and binding them.
//!
//! An address is written as people write it: `127.0.0.1:8080`, `[::]:8080`, `:8080` or `8080` for all interfaces,
//! `unix:/path`. An error says what to change, because it is the first thing a new user meets.
//! Not here: accepting, and sockets that another process has bound (`handed.rs`). Nothing of this is on the hot path, and `TCP_NODELAY` set on the listener, which Linux hands
//! down to each accepted connection, takes a system call off the path of a new connection.

use std::fmt;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

mod handed;
mod socket_file;

pub use socket_file::SocketFile;

/// Connections that may wait to be accepted. The kernel takes the least of this and `net.core.somaxconn`, which is
/// 4096 since Linux 5.4.
const BACKLOG: i32 = 4096;

/// Owner and group may connect to a Unix socket; nobody else.
const UNIX_MODE: u32 = 0o660;

/// The longest path of a Unix socket in bytes: `sun_path` is 108 with its closing NUL (unix(7)).
const UNIX_PATH_MAX: usize = 107;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// One IP address and port. `[::]` takes IPv4 too.
    Ip(SocketAddr),
    /// A port on all interfaces: IPv6 and IPv4, or IPv4 alone where the machine has no IPv6.
    All(u16),
    /// A Unix stream socket.
    Unix(PathBuf),
}

/// A text that is no [`Address`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// It has none of the known forms.
    #[error(
        "`{0}` is not an address to listen on: expected IP:PORT (127.0.0.1:8080, [::1]:8080), :PORT for all interfaces, or unix:/path"
    )]
    Form(String),
    /// The path of a Unix socket is empty, too long, or holds a NUL.
    #[error("the path of a Unix socket has 1 to {UNIX_PATH_MAX} bytes and no NUL, `{0}` has {n}", n = .0.len())]
    UnixPath(String),
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        if let Some(path) = text.strip_prefix("unix:") {
            let fits = (1..=UNIX_PATH_MAX).contains(&path.len()) && !path.contains('\0');
            return if fits {
                Ok(Self::Unix(path.into()))
            } else {
                Err(BadAddress::UnixPath(path.escape_debug().to_string()))
            };
        }
        let port = text.strip_prefix(':').unwrap_or(text);
        if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) {
            return port.parse().map(Self::All).map_err(|_| BadAddress::Form(text.into()));
        }
        text.parse().map(Self::Ip).map_err(|_| BadAddress::Form(text.into()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::All(port) => write!(f, ":{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A bound, listening, non-blocking socket. Its descriptor can be borrowed, to be handed to a newer process.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// Unix stream.
    Unix(UnixListener),
}

impl Listener {
    /// Another handle to the same queue of connections, for a second worker.
    pub fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Tcp(listener) => listener.try_clone().map(Self::Tcp),
            Self::Unix(listener) => listener.try_clone().map(Self::Unix),
        }
    }

    /// The address the kernel gave; it tells the port where 0 was asked for. `None` for a Unix socket.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }
}

/// Binds `address` and listens. With `reuse_port`, TCP sockets of the same user share the port and the kernel spreads
/// new connections over them (`SO_REUSEPORT`); a Unix socket has one listener, to be shared by [`Listener::try_clone`].
///
/// A socket file that nobody answers on is a dead process's and is replaced; any other file is left alone.
pub fn bind(address: &Address, reuse_port: bool) -> io::Result<Listener> {
    match address {
        Address::Ip(ip) => bind_tcp(*ip, reuse_port).map(Listener::Tcp),
        Address::All(port) => bind_all(*port, reuse_port).map(Listener::Tcp),
        Address::Unix(path) => bind_unix(path).map(Listener::Unix),
    }
    .map_err(|error| explained(&error, address))
}

fn bind_all(port: u16, reuse_port: bool) -> io::Result<TcpListener> {
    match bind_tcp((Ipv6Addr::UNSPECIFIED, port).into(), reuse_port) {
        // No IPv6 in the kernel, or switched off by `disable_ipv6`.
        Err(error)
            if error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
                || error.kind() == io::ErrorKind::AddrNotAvailable =>
        {
            bind_tcp((Ipv4Addr::UNSPECIFIED, port).into(), reuse_port)
        }
        bound => bound,
    }
}

fn bind_tcp(address: SocketAddr, reuse_port: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    // A restart must not wait for the TIME_WAIT of the connections before it.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(reuse_port)?;
    socket.set_tcp_nodelay(true)?;
    if address.ip() == Ipv6Addr::UNSPECIFIED {
        // Said aloud, so that the machine's `bindv6only` does not decide.
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    remove_stale(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    // Linux creates the file with the mode of the socket less the umask: set before, so that no stranger finds it
    // open, and after, so that the umask does not shut the group out.
    rustix::fs::fchmod(&socket, UNIX_MODE.into())?;
    socket.bind(&SockAddr::unix(path)?)?;
    fs::set_permissions(path, fs::Permissions::from_mode(UNIX_MODE))?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Removes a socket file that refuses connections. Fails with `AddrInUse` where somebody answers, and with
/// `AlreadyExists` where the file is no socket.
fn remove_stale(path: &Path) -> io::Result<()> {
    let kind = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !kind.is_socket() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    // Non-blocking, since a live process with a full queue would hold us; it then says WouldBlock.
    let probe = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    match probe.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}

/// The same kind of error, in words that say what to change.
fn explained(error: &io::Error, address: &Address) -> io::Error {
    let port = match address {
        Address::Ip(ip) => ip.port(),
        Address::All(port) => *port,
        Address::Unix(_) => 0,
    };
    let text = match (error.kind(), address) {
        (io::ErrorKind::AddrInUse, _) => {
            format!("address in use: another process listens on {address}; stop it or choose another address")
        }
        (io::ErrorKind::PermissionDenied, Address::Unix(path)) => format!(
            "no permission to listen on {address}: this user must be able to write to the folder of {}",
            path.display()
        ),
        (io::ErrorKind::PermissionDenied, _) if (1..1024).contains(&port) => format!(
            "no permission to listen on {address}: ports below 1024 need root or the capability \
             CAP_NET_BIND_SERVICE; grant it with `setcap cap_net_bind_service=+ep` or choose a port from 1024 up"
        ),
        (io::ErrorKind::AddrNotAvailable, _) => format!(
            "cannot listen on {address}: no interface of this machine has that address; \
             use one that it has, or :{port} for all interfaces"
        ),
        (io::ErrorKind::AlreadyExists, _) => {
            format!(
                "cannot listen on {address}: a file that is not a socket is there; remove it or choose another path"
            )
        }
        (io::ErrorKind::NotFound, _) => {
            format!("cannot listen on {address}: its folder does not exist; create it first")
        }
        _ => format!("cannot listen on {address}: {error}"),
    };
    io::Error::new(error.kind(), text)
}

/// Raises the number of files this process may hold open to the most it is allowed, and returns the limit that is
/// now in force. A proxied connection takes two.
pub fn raise_fd_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        // Where the kernel says no, the old limit stays, and that is what is read back.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    }
    // No limit at all is written as none.
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
