//! The way of a file to a plain TCP connection that never enters our memory: `sendfile(2)`.
//!
//! `sendfile` waits for the disk where pages are not in memory, whatever the socket says. So before each step it is made
//! sure that they are: by a look that does not wait, and where that finds them missing, by a thread that reads them.
//!
//! Hot path: each time that the socket has room, and again after each 512 KiB, two reads of a byte and a `sendfile`.

use super::pages::{self, Now};
use super::warmth::STEP;
use super::{FileBody, TURN, Work, failed, shorter};
use crate::blocking::blocking;
use crate::body::BodyError;
use rustix::fs::sendfile;
use rustix::io::Errno;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// What became of one attempt to send.
#[derive(Debug)]
pub(crate) enum Sent {
    /// So many bytes have left.
    Bytes(u64),
    /// The connection takes nothing more now.
    WireFull,
    /// The disk is waited for, or others get their turn.
    Waits,
    /// The kernel cannot send this file: it is to be read.
    Unsuited,
    /// The file failed.
    File(BodyError),
    /// The connection failed.
    Wire(io::Error),
}

impl FileBody {
    /// May the kernel send it?
    pub(crate) fn is_direct(&self) -> bool {
        self.direct
            && self.left > 0
            && !matches!(&self.waits, Some(waits) if matches!(waits.work, Work::Chunk(_)))
    }

    /// Sends some of it.
    pub(crate) fn send(&mut self, cx: &mut Context<'_>, tcp: &TcpStream) -> Sent {
        if self.run >= TURN {
            self.run = 0;
            cx.waker().wake_by_ref();
            return Sent::Waits;
        }
        match self.poll_warm(cx) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(e)) => return Sent::File(e),
            Poll::Pending => return Sent::Waits,
        }
        loop {
            match tcp.poll_write_ready(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(e)) => return Sent::Wire(e),
                Poll::Pending => {
                    self.run = 0;
                    // Until there is room, the pages may have gone.
                    self.warm_to = self.at;
                    return Sent::WireFull;
                }
            }
            match self.send_now(tcp) {
                Ok(0) => return Sent::File(shorter()),
                Ok(count) => {
                    self.passed(count as u64);
                    return Sent::Bytes(count as u64);
                }
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(e) => return self.unsent(e),
            }
        }
    }

    /// One call: how many bytes have left.
    fn send_now(&self, tcp: &TcpStream) -> io::Result<usize> {
        let mut at = self.at;
        let most = self.left.min(self.warm_to - self.at) as usize;
        tcp.try_io(Interest::WRITABLE, || Ok(sendfile(tcp, &*self.file, Some(&mut at), most)?))
    }

    /// Ready once the next bytes lie in memory.
    fn poll_warm(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        if self.waits.is_some() {
            ready!(self.poll_work(cx))?;
            return Poll::Ready(Ok(()));
        }
        if self.at < self.warm_to {
            return Poll::Ready(Ok(()));
        }
        let (from, to) = (self.at, self.at + self.left.min(STEP));
        match pages::look(&self.file, from, to).map_err(|e| failed(&e))? {
            Now::Here(()) => self.warm_to = to,
            Now::Absent => {
                self.warm_to = to;
                let file = Arc::clone(&self.file);
                self.wait_for(Work::Warm(blocking(move || pages::warm(&file, from, to))));
            }
            Now::Unknown => self.warm_blindly(),
        }
        if self.waits.is_none() {
            return Poll::Ready(Ok(()));
        }
        self.poll_work(cx).map_ok(|_| ())
    }

    /// Whose fault was it?
    fn unsent(&mut self, e: io::Error) -> Sent {
        match Errno::from_io_error(&e) {
            Some(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                self.direct = false;
                Sent::Unsuited
            }
            Some(Errno::IO | Errno::STALE | Errno::OVERFLOW | Errno::NOMEM) => Sent::File(failed(&e)),
            _ => Sent::Wire(e),
        }
    }
}
