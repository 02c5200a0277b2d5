//! What two processes say to each other while one takes the other's place, and the descriptors that go with it.
//!
//! A pair of connected Unix sockets that keep the bounds of packets (`SOCK_SEQPACKET`, unix(7)). A packet is one
//! [`Message`] as JSON, and descriptors may come with it (`SCM_RIGHTS`). What a message of a newer version means that this
//! one does not know cannot be guessed, so it is an error, and the upgrade fails with the old process serving.

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use serde::{Deserialize, Serialize};
use socket2::SockRef;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// Descriptors in one packet. The kernel takes up to 253 (`SCM_MAX_FD`).
pub(crate) const DESCRIPTORS_MOST: usize = 64;
/// Bytes of one packet.
const PACKET_MOST: usize = 64 * 1024;
/// How long a process that does not read can hold up one that writes.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a wait looks whether it still makes sense.
const LOOK: Duration = Duration::from_millis(50);

/// What is said. The first four come from the old process, in this order; then they take turns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Message {
    /// Sockets of the listener that the config calls so; several times, where they are many.
    Listener {
        /// The address as the config has it.
        name: String,
        /// Device and number of a Unix socket's file, for whoever removes it.
        file: Option<(u64, u64)>,
    },
    /// The socket of the admin API.
    Admin,
    /// An instance that Tidegate has launched: the descriptor is that of its keeper.
    Instance {
        /// What is known of it.
        known: serde_json::Value,
    },
    /// That was all.
    Complete,
    /// New: everything is built, and would serve.
    Ready,
    /// New: it will not come to that.
    Refused {
        /// For the operator.
        why: String,
    },
    /// Old: then do.
    TakeOver,
    /// New: done.
    Serving,
}

/// One end.
#[derive(Debug)]
pub(crate) struct Channel(OwnedFd);

impl Channel {
    /// This process's end, and what becomes the other's.
    pub(crate) fn pair() -> Result<(Self, OwnedFd)> {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((Self::over(ours)?, theirs))
    }

    /// Over an end that was made elsewhere.
    pub(crate) fn over(end: OwnedFd) -> Result<Self> {
        let socket = SockRef::from(&end);
        if socket.r#type()? != socket2::Type::SEQPACKET {
            bail!("the descriptor is no end of a pair of sockets");
        }
        socket.set_write_timeout(Some(SEND_TIMEOUT))?;
        Ok(Self(end))
    }

    /// Says something. At most [`DESCRIPTORS_MOST`] descriptors go with it.
    pub(crate) fn send(&self, message: &Message, with: &[BorrowedFd<'_>]) -> Result<()> {
        let text = serde_json::to_vec(message)?;
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MOST))];
        let mut control = SendAncillaryBuffer::new(&mut room);
        if !with.is_empty() && !control.push(SendAncillaryMessage::ScmRights(with)) {
            bail!("too many descriptors in one packet");
        }
        sendmsg(&self.0, &[IoSlice::new(&text)], &mut control, SendFlags::NOSIGNAL)
            .context("the other process does not listen")?;
        Ok(())
    }

    /// Waits for something to be said. `None`: the other end is closed, `until` has passed, or `go_on` says no.
    pub(crate) fn receive(
        &self,
        until: Instant,
        mut go_on: impl FnMut() -> bool,
    ) -> Result<Option<(Message, Vec<OwnedFd>)>> {
        loop {
            // Asked before the look, so that what a process said before it ended is not missed.
            let last = !go_on() || Instant::now() >= until;
            let wait = if last { Duration::ZERO } else { LOOK };
            let wait = Timespec { tv_sec: 0, tv_nsec: i64::from(wait.subsec_nanos()) };
            match poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&wait)) {
                Ok(0) if last => return Ok(None),
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => match self.receive_now() {
                    // The other end was closed before it had read everything. What it said is still to come.
                    Err(rustix::io::Errno::CONNRESET) => {}
                    Err(e) => return Err(e.into()),
                    Ok(Received { text, .. }) if text.is_empty() => return Ok(None),
                    Ok(Received { cut: true, .. }) => bail!("a packet is larger than any that is known"),
                    Ok(Received { text, descriptors, .. }) => {
                        let message = serde_json::from_slice(&text)
                            .context("the other process speaks another language")?;
                        return Ok(Some((message, descriptors)));
                    }
                },
                Err(e) => return Err(e.into()),
            }
        }
    }

    fn receive_now(&self) -> rustix::io::Result<Received> {
        let mut text = vec![0; PACKET_MOST];
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MOST))];
        let mut control = RecvAncillaryBuffer::new(&mut room);
        let flags = RecvFlags::CMSG_CLOEXEC;
        let came = recvmsg(&self.0, &mut [IoSliceMut::new(&mut text)], &mut control, flags)?;
        text.truncate(came.bytes);
        let descriptors = control
            .drain()
            .filter_map(|message| match message {
                RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
                _ => None,
            })
            .flatten()
            .collect();
        let cut = came.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC);
        Ok(Received { text, descriptors, cut })
    }
}

struct Received {
    text: Vec<u8>,
    descriptors: Vec<OwnedFd>,
    cut: bool,
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[test]
    fn messages_and_descriptors_come_as_they_were_sent() {
        let (ours, theirs) = Channel::pair().expect("a pair");
        let theirs = Channel::over(theirs).expect("the other end");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let many = vec![listener.as_fd(); DESCRIPTORS_MOST];
        let said = Message::Listener { name: "127.0.0.1:0".into(), file: Some((1, u64::MAX)) };
        ours.send(&said, &many).expect("there is room");
        ours.send(&Message::Complete, &[]).expect("there is room");
        let (message, descriptors) =
            theirs.receive(soon(), || true).expect("it is well-formed").expect("it came");
        assert_eq!((message, descriptors.len()), (said, DESCRIPTORS_MOST));
        for descriptor in descriptors {
            let same = std::net::TcpListener::from(descriptor);
            assert_eq!(same.local_addr().expect("bound"), listener.local_addr().expect("bound"));
        }
        let (message, descriptors) =
            theirs.receive(soon(), || true).expect("it is well-formed").expect("it came");
        assert_eq!((message, descriptors.len()), (Message::Complete, 0));
    }

    #[test]
    fn what_was_said_before_the_end_is_heard_and_then_the_end() {
        let (ours, theirs) = Channel::pair().expect("a pair");
        // Unread: the close behind it is a reset.
        ours.send(&Message::TakeOver, &[]).expect("there is room");
        let theirs = Channel::over(theirs).expect("the other end");
        theirs.send(&Message::Refused { why: "no".into() }, &[]).expect("there is room");
        drop(theirs);
        let (message, _) = ours.receive(soon(), || false).expect("it is well-formed").expect("it came");
        assert_eq!(message, Message::Refused { why: "no".into() });
        assert!(ours.receive(soon(), || true).expect("no error").is_none());
        assert!(ours.send(&Message::TakeOver, &[]).is_err());
    }

    #[test]
    fn a_wait_ends_in_time_and_when_it_makes_no_sense_any_more() {
        let (ours, _theirs) = Channel::pair().expect("a pair");
        assert!(ours.receive(Instant::now(), || true).expect("no error").is_none());
        let mut looks = 0;
        let went_on = || {
            looks += 1;
            looks < 3
        };
        assert!(ours.receive(soon(), went_on).expect("no error").is_none());
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        let (ours, theirs) = Channel::pair().expect("a pair");
        rustix::net::send(&theirs, b"{\"sing\":1}", SendFlags::NOSIGNAL).expect("there is room");
        assert!(ours.receive(soon(), || true).is_err());
        assert!(Channel::over(std::fs::File::open("/dev/null").expect("it is there").into()).is_err());
    }
}
