//! Listening sockets on their way from one owner to the next: from an earlier process, or from the service manager.
//!
//! A listener takes those that were handed over for its address. *Promise*: a queue of connections is never closed here
//! that somebody else may still be sending clients to; what no listener wants is let go only once this process is the
//! one that serves.

use crate::scaling::HandedInstances;
use net::bind::{Address, Listener, SocketFile};

/// The sockets of one listener.
#[derive(Debug)]
pub(crate) struct Handed {
    /// The address as it stood in the config, or how the service manager calls it.
    pub(crate) name: String,
    /// One or more: each has a queue of its own, or is a copy of another.
    pub(crate) sockets: Vec<Listener>,
    /// The file of a Unix socket, where it is ours to remove.
    pub(crate) file: Option<SocketFile>,
}

/// All sockets that are handed over.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    /// Of the listeners.
    pub(crate) listeners: Vec<Handed>,
    /// Of the admin API.
    pub(crate) admin: Option<Listener>,
    /// Instances that Tidegate has launched, which are no sockets but go the same way.
    pub(crate) instances: HandedInstances,
}

impl Sockets {
    /// Takes the sockets of the listener that the config calls `name`. The same name is a match too, since a port of 0
    /// is not the port that the socket has.
    pub(crate) fn take(&mut self, name: &str, address: &Address) -> Option<Handed> {
        let fits = |handed: &Handed| {
            handed.name == name || handed.sockets.first().is_some_and(|socket| socket.listens_on(address))
        };
        let found = self.listeners.iter().position(fits)?;
        Some(self.listeners.remove(found))
    }

    /// Takes the socket of the admin API, if it has this address.
    pub(crate) fn take_admin(&mut self, address: &Address) -> Option<Listener> {
        if self.admin.as_ref().is_some_and(|socket| socket.listens_on(address)) {
            return self.admin.take();
        }
        self.take("admin", address).and_then(|handed| handed.sockets.into_iter().next())
    }

    /// Closes what nobody took, with the files of Unix sockets.
    pub(crate) fn let_go(self) {
        for handed in self.listeners {
            observe::log::info(format_args!(
                "no listener of the config takes the socket that was handed over for {}: it is closed",
                handed.name
            ));
            if let Some(file) = handed.file {
                remove(&file);
            }
        }
    }
}

/// Removes the file of a Unix socket that is listened on no more.
pub(crate) fn remove(file: &SocketFile) {
    if let Err(e) = file.remove() {
        observe::log::warning(format_args!("cannot remove {}: {e}", file.path().display()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use net::bind::bind;

    fn handed(name: &str) -> (Handed, Address) {
        let socket = bind(&"127.0.0.1:0".parse().expect("an address"), true).expect("a free port");
        let at = Address::Ip(socket.local_addr().expect("TCP has one"));
        (Handed { name: name.into(), sockets: vec![socket], file: None }, at)
    }

    #[test]
    fn a_listener_takes_what_has_its_address_or_its_name_and_takes_it_once() {
        let any: Address = "127.0.0.1:0".parse().expect("an address");
        let ((first, at), (second, _)) = (handed("a.socket"), handed("127.0.0.1:0"));
        let mut sockets = Sockets { listeners: vec![first, second], admin: None, ..Sockets::default() };
        assert!(sockets.take("127.0.0.1:1", &"127.0.0.1:1".parse().expect("an address")).is_none());
        assert_eq!(sockets.take("127.0.0.1:0", &any).expect("by its name").name, "127.0.0.1:0");
        assert_eq!(sockets.take(&at.to_string(), &at).expect("by its address").name, "a.socket");
        assert!(sockets.take(&at.to_string(), &at).is_none());
    }

    #[test]
    fn the_admin_api_takes_its_own_socket_or_one_that_was_passed_for_its_address() {
        let ((own, at), (passed, other)) = (handed("x"), handed("x"));
        let admin = own.sockets.into_iter().next();
        let mut sockets = Sockets { listeners: vec![passed], admin, ..Sockets::default() };
        assert!(sockets.take_admin(&at).is_some());
        assert!(sockets.take_admin(&at).is_none());
        assert!(sockets.take_admin(&other).is_some());
    }
}
