//! Two connections joined: what comes from one goes to the other, until both directions have ended.

use super::wire::Wire;
use crate::service::{Delivery, End};
use crate::timer::Timer;
use base::turn;
use bytes::{Buf, BytesMut};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::AsyncWrite;

/// The upstream's end of a tunnel: the connection that answered 101.
#[derive(Debug)]
pub struct Tunnel {
    /// Boxed: every answer has room for a tunnel, and hardly one is.
    wire: Box<Wire>,
    idle: Duration,
}

impl Tunnel {
    pub(crate) fn new(wire: Wire, idle: Duration) -> Self {
        Self { wire: Box::new(wire), idle }
    }

    /// Relays until both directions have ended, one fails, or both have been silent for the idle time.
    pub(crate) async fn join(mut self, mut client: Wire) -> Delivery {
        let (mut up, mut down) = (Lane::default(), Lane::default());
        let mut timer = Timer::default();
        let mut active = Instant::now();
        let mut moved = 0;
        let end = poll_fn(|cx| {
            let upward = up.poll_relay(cx, &mut client, &mut self.wire);
            let downward = down.poll_relay(cx, &mut self.wire, &mut client);
            match (upward, downward) {
                (Poll::Ready(Err(_)), _) => return Poll::Ready(End::ClientGone),
                (_, Poll::Ready(Err(_))) => return Poll::Ready(End::Cut),
                (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => return Poll::Ready(End::Complete),
                _ => {}
            }
            if up.bytes + down.bytes > moved {
                moved = up.bytes + down.bytes;
                active = turn::now();
            }
            timer.poll_until(cx, active + self.idle).map(|()| End::ClientSlow)
        })
        .await;
        Delivery { bytes_in: up.bytes, bytes_out: down.bytes, end }
    }
}

/// One direction.
#[derive(Debug, Default)]
struct Lane {
    bytes: u64,
    from_ended: bool,
    done: bool,
}

impl Lane {
    fn poll_relay(&mut self, cx: &mut Context<'_>, from: &mut Wire, to: &mut Wire) -> Poll<io::Result<()>> {
        if self.done {
            return Poll::Ready(Ok(()));
        }
        // The head of the answer goes first.
        ready!(to.poll_flush(cx))?;
        loop {
            while !from.inbox.is_empty() {
                let n = ready!(Pin::new(&mut to.stream).poll_write(cx, &from.inbox))?;
                if n == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                from.inbox.advance(n);
                self.bytes += n as u64;
            }
            if self.from_ended {
                ready!(Pin::new(&mut to.stream).poll_shutdown(cx))?;
                self.done = true;
                return Poll::Ready(Ok(()));
            }
            match from.poll_fill(cx, 0) {
                Poll::Ready(Ok(0)) => self.from_ended = true,
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(e)) => return Poll::Ready(Err(e)),
                Poll::Pending => {
                    // A tunnel that waits holds no buffer, and leaves nothing in TLS's.
                    from.inbox = BytesMut::new();
                    ready!(Pin::new(&mut to.stream).poll_flush(cx))?;
                    return Poll::Pending;
                }
            }
        }
    }
}
