//! One connection, whatever carries it: TCP, a Unix socket, or TLS over either.
//!
//! A closed enum instead of a boxed trait: the road of bytes is known at compile time and each call is one branch.
//! TLS wraps a [`Stream`] itself, so there is one type for the transport and for what it carries.
//! An idle connection need not hold a buffer: [`Stream::poll_readable`] waits for its first byte without reading it.
//! Not here: accepting, deadlines and handshakes (see [`crate::tls`]).
//!
//! Hot path: one match a call; [`Stream::poll_readable`] makes no system call.

use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use rustls::{CommonState, ProtocolVersion};
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::{client, server};

use crate::h2::Duplex;

/// A connection with a client or with an upstream.
///
/// A TLS peer that hangs up without `close_notify` is an error of kind `UnexpectedEof` on reading, so a cut body
/// can be told from a finished one. What is written to TLS leaves for certain only after a flush.
#[derive(Debug)]
pub enum Stream {
    /// Plain TCP.
    Tcp(TcpStream),
    /// A Unix stream socket.
    Unix(UnixStream),
    /// TLS in which we are the server.
    Tls(Box<server::TlsStream<Stream>>),
    /// TLS in which we are the client.
    ClientTls(Box<client::TlsStream<Stream>>),
    /// A stream of a client's HTTP/2 connection that was opened as a tunnel (RFC 8441).
    Http2(Box<Duplex>),
}

/// Calls one method on whatever the stream is.
macro_rules! each {
    ($stream:expr, $inner:ident => $call:expr) => {
        match $stream {
            Stream::Tcp($inner) => $call,
            Stream::Unix($inner) => $call,
            Stream::Tls($inner) => $call,
            Stream::ClientTls($inner) => $call,
            Stream::Http2($inner) => $call,
        }
    };
}

impl Stream {
    /// Whether bytes travel as they are, without TLS.
    #[inline]
    pub fn is_plain(&self) -> bool {
        matches!(self, Self::Tcp(_) | Self::Unix(_))
    }

    /// The socket under all layers: [`Stream::Tcp`] or [`Stream::Unix`].
    pub fn transport(&self) -> &Self {
        match self {
            Self::Tcp(_) | Self::Unix(_) | Self::Http2(_) => self,
            Self::Tls(tls) => tls.get_ref().0.transport(),
            Self::ClientTls(tls) => tls.get_ref().0.transport(),
        }
    }

    /// Waits until a read may give something: bytes, the end, or an error. Reads nothing and needs no buffer.
    ///
    /// Exact for plain sockets up to the kernel's own spurious wake-ups. Under TLS it may be ready for a record that
    /// holds no data for us (a ticket, half a record); the read after it is then pending, as any read may be.
    #[inline]
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(tcp) => tcp.poll_read_ready(cx),
            Self::Unix(unix) => unix.poll_read_ready(cx),
            Self::Tls(tls) => poll_tls_readable(tls.get_ref().1, tls.get_ref().0, cx),
            Self::ClientTls(tls) => poll_tls_readable(tls.get_ref().1, tls.get_ref().0, cx),
            // It has no readiness of its own: the read that follows waits.
            Self::Http2(_) => Poll::Ready(Ok(())),
        }
    }

    /// Reads what has arrived on a plain socket; `WouldBlock` where nothing has, and 0 at the end.
    /// Under TLS it is an error of kind `Unsupported`, since a record must be decrypted by [`AsyncRead`].
    #[inline]
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(tcp) => tcp.try_read(buf),
            Self::Unix(unix) => unix.try_read(buf),
            Self::Tls(_) | Self::ClientTls(_) | Self::Http2(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Like [`Stream::try_read`], and leaves the bytes in the socket for the next read.
    pub fn try_peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(tcp) => tcp.try_io(Interest::READABLE, || peek(tcp, buf)),
            Self::Unix(unix) => unix.try_io(Interest::READABLE, || peek(unix, buf)),
            Self::Tls(_) | Self::ClientTls(_) | Self::Http2(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Has nothing arrived on the socket, not even its end? Asks the kernel, whatever the runtime has heard.
    pub fn is_silent(&self) -> bool {
        let mut byte = [0];
        let flags = rustix::net::RecvFlags::PEEK | rustix::net::RecvFlags::DONTWAIT;
        let asked = match self.transport() {
            Self::Tcp(tcp) => rustix::net::recv(tcp, &mut byte, flags),
            Self::Unix(unix) => rustix::net::recv(unix, &mut byte, flags),
            _ => return true,
        };
        matches!(asked, Err(rustix::io::Errno::AGAIN))
    }

    /// Is the connection broken or closed in both directions, as far as the runtime has heard? Meant for one whose peer
    /// sends no more: reading it tells nothing further.
    pub fn is_severed(&self) -> bool {
        let asked = match self.transport() {
            Self::Tcp(tcp) => at_once(tcp.ready(Interest::WRITABLE)),
            Self::Unix(unix) => at_once(unix.ready(Interest::WRITABLE)),
            _ => return false,
        };
        asked.is_some_and(|asked| asked.map_or(true, Ready::is_write_closed))
    }

    /// Sends small writes at once (`TCP_NODELAY`). Does nothing on a Unix socket, which never waits.
    pub fn set_nodelay(&self) -> io::Result<()> {
        match self.transport() {
            Self::Tcp(tcp) => tcp.set_nodelay(true),
            _ => Ok(()),
        }
    }

    /// Ends the connection the hard way: unsent bytes are thrown away and a TCP peer gets a reset, not an orderly
    /// end, so a body that was cut cannot be taken for a whole one. It also leaves no `TIME_WAIT` behind.
    pub fn abort(self) {
        self.reset_on_close();
    }

    /// Makes the end of this connection a hard one, as [`Stream::abort`] does, whenever it is dropped.
    pub fn reset_on_close(&self) {
        if let Self::Tcp(tcp) = self.transport() {
            // The socket is dropped either way; where the option fails, an orderly end is what is left.
            let _ = tcp.set_zero_linger();
        }
    }

    /// Whether ALPN settled on HTTP/2. Plain connections have no ALPN.
    #[inline]
    pub fn is_h2(&self) -> bool {
        self.alpn() == Some(b"h2")
    }

    /// The protocol chosen by ALPN (RFC 7301).
    pub fn alpn(&self) -> Option<&[u8]> {
        self.tls()?.alpn_protocol()
    }

    /// `TLSv1.2` or `TLSv1.3`; `None` without TLS.
    pub fn tls_version(&self) -> Option<&'static str> {
        match self.tls()?.protocol_version()? {
            ProtocolVersion::TLSv1_2 => Some("TLSv1.2"),
            ProtocolVersion::TLSv1_3 => Some("TLSv1.3"),
            _ => None,
        }
    }

    /// The host name the client asked for (SNI, RFC 6066 section 3), in lower case.
    pub fn server_name(&self) -> Option<&str> {
        match self {
            Self::Tls(tls) => tls.get_ref().1.server_name(),
            _ => None,
        }
    }

    /// The peer's own certificate, verified, in DER: a client's where we asked for one, or a server's.
    pub fn peer_certificate(&self) -> Option<&CertificateDer<'static>> {
        self.tls()?.peer_certificates()?.first()
    }

    fn tls(&self) -> Option<&CommonState> {
        match self {
            Self::Tcp(_) | Self::Unix(_) | Self::Http2(_) => None,
            Self::Tls(tls) => Some(tls.get_ref().1),
            Self::ClientTls(tls) => Some(tls.get_ref().1),
        }
    }
}

/// Decrypted bytes that wait in the session, and the peer's `close_notify`, show in no socket's readiness.
fn poll_tls_readable(session: &CommonState, io: &Stream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
    if session.wants_read() { io.poll_readable(cx) } else { Poll::Ready(Ok(())) }
}

/// What a future gives without waiting.
fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}

fn peek(socket: &impl std::os::fd::AsFd, buf: &mut [u8]) -> io::Result<usize> {
    let (count, _) = rustix::net::recv(socket, buf, rustix::net::RecvFlags::PEEK)?;
    Ok(count)
}

impl AsyncRead for Stream {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), io => Pin::new(io).poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(self.get_mut(), io => Pin::new(io).poll_write(cx, buf))
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self.get_mut(), io => Pin::new(io).poll_write_vectored(cx, bufs))
    }

    #[inline]
    fn is_write_vectored(&self) -> bool {
        true
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), io => Pin::new(io).poll_flush(cx))
    }

    #[inline]
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), io => Pin::new(io).poll_shutdown(cx))
    }
}

impl From<TcpStream> for Stream {
    fn from(tcp: TcpStream) -> Self {
        Self::Tcp(tcp)
    }
}

impl From<UnixStream> for Stream {
    fn from(unix: UnixStream) -> Self {
        Self::Unix(unix)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn tcp_pair() -> (Stream, Stream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        (near.into(), far.into())
    }

    fn unix_pair() -> (Stream, Stream) {
        let (near, far) = UnixStream::pair().unwrap();
        (near.into(), far.into())
    }

    #[tokio::test]
    async fn a_plain_stream_is_readable_only_once_bytes_have_come() {
        for (mut near, far) in [tcp_pair().await, unix_pair()] {
            let mut cx = Context::from_waker(std::task::Waker::noop());
            // Tokio starts a socket unknown; one look settles it.
            let mut buf = [0; 8];
            assert_eq!(far.try_read(&mut buf).unwrap_err().kind(), io::ErrorKind::WouldBlock);
            assert!(far.poll_readable(&mut cx).is_pending());
            near.write_all(b"hi").await.unwrap();
            poll_fn(|cx| far.poll_readable(cx)).await.unwrap();
            assert_eq!(far.try_peek(&mut buf).unwrap(), 2, "peeking takes nothing");
            assert_eq!(far.try_read(&mut buf).unwrap(), 2);
            assert_eq!(&buf[..2], b"hi");
            assert!(far.is_plain() && !far.is_h2() && far.tls_version().is_none());
        }
    }

    #[tokio::test]
    async fn vectored_writes_reach_the_peer_in_order() {
        for (mut near, mut far) in [tcp_pair().await, unix_pair()] {
            assert!(near.is_write_vectored());
            let sent = near.write_vectored(&[IoSlice::new(b"head "), IoSlice::new(b"body")]).await.unwrap();
            assert_eq!(sent, 9);
            near.shutdown().await.unwrap();
            let mut all = String::new();
            far.read_to_string(&mut all).await.unwrap();
            assert_eq!(all, "head body");
        }
    }

    #[tokio::test]
    async fn a_stream_whose_peer_sends_no_more_is_severed_only_by_its_real_end() {
        let (mut near, far) = tcp_pair().await;
        near.shutdown().await.unwrap();
        poll_fn(|cx| far.poll_readable(cx)).await.unwrap();
        assert!(!far.is_severed(), "it can still be written to");
        near.abort();
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
        while !far.is_severed() {
            assert!(tokio::time::Instant::now() < deadline, "a reset severs it");
            tokio::task::yield_now().await;
        }
        let (near, far) = unix_pair();
        drop(near);
        poll_fn(|cx| far.poll_readable(cx)).await.unwrap();
        assert!(far.is_severed(), "a Unix socket tells the two apart at once");
    }

    #[tokio::test]
    async fn an_aborted_tcp_connection_is_reset_not_ended() {
        let (near, mut far) = tcp_pair().await;
        near.set_nodelay().unwrap();
        near.abort();
        let error = far.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
}
