//! Listening sockets that another process has bound: the one before this, or the service manager.
//!
//! What comes in is only trusted to be a descriptor: it must be a listening stream socket of TCP or Unix, or it is
//! refused. Which listener it belongs to is told by the address that the kernel knows it by. All copies of a socket
//! share one queue of connections, so that nothing is lost as long as one process holds a copy.

use super::{Address, Listener};
use socket2::{Domain, SockRef, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

impl Listener {
    /// Takes over a socket that is bound and listens. `InvalidInput` where it is something else.
    pub fn handed(socket: OwnedFd) -> io::Result<Self> {
        let socket = Socket::from(socket);
        let refuse = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        if socket.r#type()? != Type::STREAM || !socket.is_listener()? {
            return refuse("the descriptor that was handed over is no listening stream socket");
        }
        // The service manager's sockets block, and only ours were made to close on exec.
        socket.set_nonblocking(true)?;
        socket.set_cloexec(true)?;
        match socket.domain()? {
            Domain::UNIX => Ok(Self::Unix(socket.into())),
            Domain::IPV4 | Domain::IPV6 => {
                socket.set_tcp_nodelay(true)?;
                Ok(Self::Tcp(socket.into()))
            }
            _ => refuse("the socket that was handed over is neither of TCP nor of Unix"),
        }
    }

    /// Is this what binding `address` would have given? A port of 0 is never a match, for it asks for a new one.
    pub fn listens_on(&self, address: &Address) -> bool {
        match (self, address) {
            (Self::Tcp(tcp), Address::Ip(asked)) => tcp.local_addr().is_ok_and(|at| at == *asked),
            (Self::Tcp(tcp), Address::All(port)) => tcp
                .local_addr()
                .is_ok_and(|at| at.port() == *port && takes_all(at.ip(), SockRef::from(tcp).only_v6())),
            (Self::Unix(unix), Address::Unix(path)) => {
                unix.local_addr().is_ok_and(|at| at.as_pathname() == Some(path))
            }
            _ => false,
        }
    }

    /// May more sockets be bound to the same port (`SO_REUSEPORT`)? Those of a service manager mostly may not.
    pub fn shares_its_port(&self) -> bool {
        matches!(self, Self::Tcp(tcp) if SockRef::from(tcp).reuse_port().unwrap_or(false))
    }
}

/// Are these all interfaces, of IPv6 and IPv4 or, on a machine without IPv6, of IPv4?
fn takes_all(ip: IpAddr, only_v6: io::Result<bool>) -> bool {
    ip == Ipv4Addr::UNSPECIFIED || (ip.is_unspecified() && !only_v6.unwrap_or(true))
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(tcp) => tcp.as_fd(),
            Self::Unix(unix) => unix.as_fd(),
        }
    }
}
