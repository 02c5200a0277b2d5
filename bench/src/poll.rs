//! One epoll instance and the sockets on it: what the origin and the floor share.
//!
//! A socket is known by its file descriptor's number, which is small and dense, so tables are plain vectors.
//! An event may be stale where a number was closed and given out again within one batch; that only causes
//! a read or write that would block, which every caller expects. Level-triggered; no allocation per event.

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData};
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{self, AddressFamily, RecvFlags, SocketFlags, SocketType, sockopt};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

pub(crate) use rustix::event::epoll::EventFlags;

/// Events taken in one go.
const BATCH: usize = 256;

/// As many as the kernel grants by default (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// The number that a socket is known by.
pub(crate) fn id(socket: &OwnedFd) -> usize {
    usize::try_from(socket.as_raw_fd()).expect("an open descriptor is not negative")
}

/// An epoll instance.
pub(crate) struct Poll(OwnedFd);

/// The events of one wait. Apart from [`Poll`], because it cannot move between threads.
pub(crate) struct Events(Vec<Event>);

impl Poll {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(epoll::create(CreateFlags::CLOEXEC)?))
    }

    /// Watches a socket until it is closed.
    pub(crate) fn watch(&self, socket: &OwnedFd, flags: EventFlags) -> io::Result<()> {
        Ok(epoll::add(&self.0, socket, EventData::new_u64(id(socket) as u64), flags)?)
    }

    /// Changes what a socket is watched for.
    pub(crate) fn rewatch(&self, socket: &OwnedFd, flags: EventFlags) -> io::Result<()> {
        Ok(epoll::modify(&self.0, socket, EventData::new_u64(id(socket) as u64), flags)?)
    }

    /// Waits without end for events and returns how many came.
    pub(crate) fn wait(&self, events: &mut Events) -> io::Result<usize> {
        self.wait_for(events, None)
    }

    /// As [`Poll::wait`], but not longer than that: it is an error when nothing comes.
    pub(crate) fn wait_at_most(&self, events: &mut Events, patience: Duration) -> io::Result<usize> {
        let limit = Timespec::try_from(patience).map_err(io::Error::other)?;
        match self.wait_for(events, Some(&limit))? {
            0 => Err(io::ErrorKind::TimedOut.into()),
            count => Ok(count),
        }
    }

    fn wait_for(&self, events: &mut Events, limit: Option<&Timespec>) -> io::Result<usize> {
        events.0.clear();
        Ok(retry_on_intr(|| epoll::wait(&self.0, rustix::buffer::spare_capacity(&mut events.0), limit))?)
    }
}

impl Events {
    pub(crate) fn new() -> Self {
        Self(Vec::with_capacity(BATCH))
    }

    /// The event at `index` of those that came: whose it is, and what.
    pub(crate) fn get(&self, index: usize) -> Option<(usize, EventFlags)> {
        let event = self.0.get(index)?;
        Some((usize::try_from(event.data.u64()).ok()?, event.flags))
    }
}

fn socket() -> io::Result<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    Ok(net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?)
}

/// A listening socket on 127.0.0.1 (port 0: any) and its port.
pub(crate) fn listen(port: u16) -> io::Result<(OwnedFd, u16)> {
    let listener = socket()?;
    sockopt::set_socket_reuseaddr(&listener, true)?;
    net::bind(&listener, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))?;
    net::listen(&listener, BACKLOG)?;
    let bound = SocketAddrV4::try_from(net::getsockname(&listener)?)?;
    Ok((listener, bound.port()))
}

/// The next waiting connection, ready for use; `None` where there is none (or no descriptor left for it).
pub(crate) fn accept(listener: &OwnedFd) -> Option<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = net::accept_with(listener, flags).ok()?;
    sockopt::set_tcp_nodelay(&socket, true).ok()?;
    Some(socket)
}

/// Starts to connect to a port of 127.0.0.1. Writes would block until the connection stands.
pub(crate) fn connect(port: u16) -> io::Result<OwnedFd> {
    let socket = socket()?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    match net::connect(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error.into()),
    }
}

/// Reads what there is: `None` where nothing is. The end of the stream is an error: no peer here may end first.
pub(crate) fn read(socket: impl AsFd, into: &mut [u8]) -> io::Result<Option<usize>> {
    match retry_on_intr(|| rustix::io::read(&socket, &mut *into)) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(count) => Ok(Some(count)),
        Err(Errno::AGAIN) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// As [`read`], of at most as many bytes as `into` is long, which the kernel throws away instead of copying them there
/// (`MSG_TRUNC`, see tcp(7)).
pub(crate) fn skip(socket: impl AsFd, into: &mut [u8]) -> io::Result<Option<usize>> {
    match retry_on_intr(|| net::recv(&socket, &mut *into, RecvFlags::TRUNC)) {
        Ok((_, 0)) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok((_, count)) => Ok(Some(count)),
        Err(Errno::AGAIN) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Writes what the socket takes and returns how much that was: 0 where it takes nothing now.
pub(crate) fn write(socket: impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    match retry_on_intr(|| rustix::io::write(&socket, bytes)) {
        Ok(count) => Ok(count),
        Err(Errno::AGAIN) => Ok(0),
        Err(error) => Err(error.into()),
    }
}
