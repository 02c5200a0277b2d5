//! A listening socket inside a worker's runtime, and connections on their way from one runtime to another.
//!
//! A runtime hears of a connection a moment after the kernel has it. Where that moment counts, [`accept_now`] asks the
//! kernel itself. Not here: which worker serves a connection. Cost: one system call for each connection, and one for
//! `TCP_NODELAY`.

use crate::bind::Listener;
use crate::listening::Listening;
use crate::stream::Stream;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::PoisonError;
use std::task::{Context, Poll, ready};

/// A listening socket inside a worker's runtime.
pub(crate) enum Acceptor {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

impl Acceptor {
    pub(crate) fn new(listening: &Listening, number: usize) -> io::Result<Self> {
        let sockets = listening.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        match sockets.get(number).ok_or(io::ErrorKind::NotFound)?.try_clone()? {
            Listener::Tcp(tcp) => tokio::net::TcpListener::from_std(tcp).map(Self::Tcp),
            Listener::Unix(unix) => tokio::net::UnixListener::from_std(unix).map(Self::Unix),
        }
    }

    pub(crate) fn into_listener(self) -> io::Result<Listener> {
        match self {
            Self::Tcp(tcp) => tcp.into_std().map(Listener::Tcp),
            Self::Unix(unix) => unix.into_std().map(Listener::Unix),
        }
    }

    pub(crate) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Stream>> {
        match self {
            Self::Tcp(listener) => {
                let (tcp, _) = ready!(listener.poll_accept(cx))?;
                // Answers are written whole: waiting for more to fill a segment only adds latency.
                tcp.set_nodelay(true)?;
                Poll::Ready(Ok(Stream::Tcp(tcp)))
            }
            Self::Unix(listener) => {
                let (unix, _) = ready!(listener.poll_accept(cx))?;
                Poll::Ready(Ok(Stream::Unix(unix)))
            }
        }
    }
}

/// A connection that is there, or `WouldBlock`.
pub(crate) fn accept_now(listener: &Listener) -> io::Result<Stream> {
    match listener {
        Listener::Tcp(tcp) => {
            let (tcp, _) = tcp.accept()?;
            tcp.set_nonblocking(true)?;
            tcp.set_nodelay(true)?;
            tokio::net::TcpStream::from_std(tcp).map(Stream::Tcp)
        }
        Listener::Unix(unix) => {
            let (unix, _) = unix.accept()?;
            unix.set_nonblocking(true)?;
            tokio::net::UnixStream::from_std(unix).map(Stream::Unix)
        }
    }
}

/// A client that left while it waited to be accepted is no fault of the listener (accept(2)).
pub(crate) fn is_one_connections_fault(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::NotConnected
    )
}

/// Takes a plain stream out of this worker's runtime.
pub(crate) fn release(stream: Stream) -> io::Result<OwnedFd> {
    match stream {
        Stream::Tcp(tcp) => tcp.into_std().map(OwnedFd::from),
        Stream::Unix(unix) => unix.into_std().map(OwnedFd::from),
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// Takes a stream that another worker accepted into this worker's runtime.
pub(crate) fn adopt(socket: OwnedFd, listening: &Listening) -> io::Result<Stream> {
    if listening.is_unix {
        tokio::net::UnixStream::from_std(socket.into()).map(Stream::Unix)
    } else {
        tokio::net::TcpStream::from_std(socket.into()).map(Stream::Tcp)
    }
}
