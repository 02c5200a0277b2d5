//! A pair of connected sockets between Tidegate and a keeper, and what is said over it.
//!
//! The sockets keep the bounds of packets (`SOCK_SEQPACKET`, unix(7)); a packet is one JSON value of at most
//! [`PACKET_MOST`] bytes, and a descriptor may come with it (`SCM_RIGHTS`). Nobody waits to send: a packet that finds no
//! room is an error. A keeper lives on over upgrades, so either end may be of a newer version: unknown packets are passed
//! over, unknown members of known ones too.
//!
//! *Not here*: what follows from a packet (`keeper`, `process`).

use crate::settings::{LogSettings, Program};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair, sockopt,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::PathBuf;

/// Bytes of a packet. A packet's size is bounded where it is made; this is far above it.
const PACKET_MOST: usize = 128 * 1024;

thread_local! {
    /// Room for what comes.
    static ROOM: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What Tidegate tells a keeper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    /// Launch. A [`Plan`] comes with it, as JSON in a file without a name.
    Launch,
    /// SIGTERM to the process group.
    Terminate,
    /// SIGKILL to every process of the instance.
    Kill,
    /// Who listens on this port of 127.0.0.1?
    Owns {
        /// Which.
        port: u16,
    },
    /// Say again how it stands: what was reported before may have been heard by another process.
    Tell,
}

/// What a keeper tells Tidegate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Report {
    /// The process is there. It may not have become the program yet.
    Started {
        /// Which.
        pid: u32,
    },
    /// What all processes of the instance use.
    Usage {
        /// Cores, since the report before.
        cores: f64,
        /// Bytes.
        memory: u64,
    },
    /// The program has ended. What it has left running is being ended.
    Exited {
        /// How.
        status: String,
        /// The last lines.
        last_words: String,
    },
    /// Every process of the instance has ended, and the keeper ends.
    Gone,
    /// Who listens on the port.
    Owner {
        /// Which port.
        port: u16,
        /// Who.
        owner: Owner,
    },
    /// Something is not as it was asked for.
    Trouble {
        /// What.
        what: String,
    },
}

/// Who listens on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Owner {
    /// A process of the instance, and nobody else.
    Instance,
    /// Somebody else.
    Foreign,
    /// Nobody.
    Nobody,
}

/// What a keeper is to launch, and how it is to keep it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Plan {
    /// The instance's name.
    pub(crate) name: String,
    /// The program, with everything filled in.
    pub(crate) program: Program,
    /// Where its lines go, with the path filled in.
    pub(crate) log: LogSettings,
    /// Most lines a second.
    pub(crate) lines_per_second: u32,
    /// Milliseconds from SIGTERM to SIGKILL where Tidegate is no more.
    pub(crate) grace_ms: u64,
    /// A folder that was made for its socket; removed behind it.
    pub(crate) folder: Option<PathBuf>,
    /// A random name that its processes inherit in `TIDEGATE_INSTANCE_ID`, so that they can be found without a keeper.
    pub(crate) id: String,
}

/// One end.
#[derive(Debug)]
pub(crate) struct Channel(OwnedFd);

/// What came.
#[derive(Debug)]
pub(crate) enum Heard<T> {
    /// A packet, and a descriptor with it.
    Packet(T, Option<OwnedFd>),
    /// A packet that says nothing to this version.
    Unknown,
    /// Nobody holds the other end any more.
    Closed,
}

impl Channel {
    /// This process's end, and what becomes the other's.
    pub(crate) fn pair() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((Self(ours), theirs))
    }

    /// Over an end that was made elsewhere.
    pub(crate) fn over(end: OwnedFd) -> io::Result<Self> {
        if sockopt::socket_type(&end)? != SocketType::SEQPACKET {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "is no end of a pair of sockets"));
        }
        Ok(Self(end))
    }

    /// Another descriptor of this end.
    pub(crate) fn duplicate(&self) -> io::Result<OwnedFd> {
        self.0.try_clone()
    }

    /// Says something, without waiting.
    pub(crate) fn send(&self, packet: &impl Serialize, with: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let text = serde_json::to_vec(packet)?;
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut room);
        let with: Vec<_> = with.into_iter().collect();
        if !with.is_empty() && !control.push(SendAncillaryMessage::ScmRights(&with)) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        sendmsg(&self.0, &[IoSlice::new(&text)], &mut control, flags)?;
        Ok(())
    }

    /// Takes what has come. `WouldBlock`: nothing has.
    pub(crate) fn receive<T: DeserializeOwned>(&self) -> io::Result<Heard<T>> {
        // Kept from one packet to the next: a fleet hears from each of its instances every second.
        let mut text = ROOM.take();
        text.resize(PACKET_MOST, 0);
        let heard = self.receive_into(&mut text);
        ROOM.set(text);
        heard
    }

    fn receive_into<T: DeserializeOwned>(&self, text: &mut [u8]) -> io::Result<Heard<T>> {
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut room);
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
        let came = match recvmsg(&self.0, &mut [IoSliceMut::new(text)], &mut control, flags) {
            Ok(came) => came,
            // The other end was closed before it had read everything. What it said before is still to come.
            Err(Errno::CONNRESET) => return Ok(Heard::Unknown),
            Err(e) => return Err(e.into()),
        };
        if came.bytes == 0 {
            return Ok(Heard::Closed);
        }
        let descriptor = control
            .drain()
            .filter_map(|message| match message {
                RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
                _ => None,
            })
            .flatten()
            .next();
        if came.flags.contains(ReturnFlags::TRUNC) {
            return Ok(Heard::Unknown);
        }
        let packet = serde_json::from_slice(&text[..came.bytes]);
        Ok(packet.map_or(Heard::Unknown, |packet| Heard::Packet(packet, descriptor)))
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Channel {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(heard: Heard<Order>) -> (Order, Option<OwnedFd>) {
        match heard {
            Heard::Packet(order, descriptor) => (order, descriptor),
            other => panic!("no packet: {other:?}"),
        }
    }

    #[test]
    fn packets_and_a_descriptor_come_as_they_were_sent_and_then_the_end() {
        let (ours, theirs) = Channel::pair().unwrap();
        let theirs = Channel::over(theirs).unwrap();
        let null = std::fs::File::open("/dev/null").unwrap();
        ours.send(&Order::Launch, Some(null.as_fd())).unwrap();
        ours.send(&Order::Owns { port: 80 }, None).unwrap();
        let (order, descriptor) = packet(theirs.receive().unwrap());
        assert_eq!(order, Order::Launch);
        assert!(descriptor.is_some());
        let (order, descriptor) = packet(theirs.receive().unwrap());
        assert_eq!((order, descriptor.is_some()), (Order::Owns { port: 80 }, false));
        assert_eq!(theirs.receive::<Order>().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(ours);
        assert!(matches!(theirs.receive::<Order>().unwrap(), Heard::Closed));
    }

    #[test]
    fn packets_of_another_version_are_passed_over() {
        let (ours, theirs) = Channel::pair().unwrap();
        let theirs = Channel::over(theirs).unwrap();
        for unknown in [r#"{"sing":{"loud":true}}"#, "not JSON", "[]"] {
            rustix::net::send(&ours, unknown.as_bytes(), SendFlags::NOSIGNAL).unwrap();
            assert!(matches!(theirs.receive::<Order>().unwrap(), Heard::Unknown), "{unknown}");
        }
        let more = br#"{"owns":{"port":1,"protocol":"udp"}}"#;
        rustix::net::send(&ours, more, SendFlags::NOSIGNAL).unwrap();
        assert_eq!(packet(theirs.receive().unwrap()).0, Order::Owns { port: 1 });
    }

    #[test]
    fn a_reader_that_does_not_read_holds_nobody_up() {
        let (ours, _theirs) = Channel::pair().unwrap();
        let trouble = Report::Trouble { what: "x".repeat(8000) };
        let error = (0..10_000).find_map(|_| ours.send(&trouble, None).err()).unwrap();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn what_is_no_end_of_a_pair_is_refused() {
        assert!(Channel::over(std::fs::File::open("/dev/null").unwrap().into()).is_err());
    }
}
