//! A process that has a fleet: it is killed, or hands its instances to another process.

use super::stage::{Seen, settings, sh};
use base::Clock;
use instances::{Fleet, Handed, Host, Known, LogSettings};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::LocalSet;

pub(crate) const ROLE: &str = "__owner";

/// Arguments: the mark, what two instances do, and perhaps `inherit`: their lines go to standard error. Where its standard input is a socket, it hands them over once they are
/// ready, and ends.
pub(crate) fn own(arguments: &[String]) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let host: Rc<dyn Host> = Rc::new(Seen::default());
        let mut settings = settings(sh(&arguments[1]), &arguments[0]);
        if arguments.get(2).is_some_and(|log| log == "inherit") {
            settings.log = LogSettings::Inherit;
        }
        let fleet = Fleet::new(settings, host, Clock::real());
        fleet.want(2);
        while fleet.view().ready < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let socket = io::stdin().as_fd().try_clone_to_owned().unwrap();
        if rustix::net::sockopt::socket_type(&socket).is_err() {
            std::future::pending::<()>().await;
        }
        fleet.freeze(true);
        for handed in fleet.hand_over() {
            send(&socket, &handed);
        }
        rustix::net::recv(&socket, &mut [0; 1], RecvFlags::empty()).unwrap();
        fleet.let_go();
    });
    ExitCode::SUCCESS
}

fn send(socket: &OwnedFd, handed: &Handed) {
    let text = serde_json::to_vec(&handed.known).unwrap();
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut room);
    let with = [handed.control.as_ref().unwrap().as_fd()];
    assert!(control.push(SendAncillaryMessage::ScmRights(&with)));
    sendmsg(socket, &[IoSlice::new(&text)], &mut control, SendFlags::empty()).unwrap();
}

/// The other end of [`send`].
pub(crate) fn receive(socket: &OwnedFd) -> Handed {
    let mut text = vec![0; 64 * 1024];
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut room);
    let flags = RecvFlags::CMSG_CLOEXEC;
    let came = recvmsg(socket, &mut [IoSliceMut::new(&mut text)], &mut control, flags).unwrap();
    let known: Known = serde_json::from_slice(&text[..came.bytes]).unwrap();
    let descriptor = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    Handed { known, control: descriptor }
}
