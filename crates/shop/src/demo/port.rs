//! A port to listen on, whatever else runs on the machine.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// Listens on `preferred` of 127.0.0.1, or on any free port where that one is taken or not allowed to us.
///
/// The port is taken when this returns, so nobody can slip in between. The demo asks for 8080 and 9090, and for 0,
/// which means any, for its instances.
pub fn free_port(preferred: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, preferred))
        .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_gives_another_one() {
        let first = free_port(0).unwrap();
        let taken = first.local_addr().unwrap().port();
        let second = free_port(taken).unwrap();
        assert_ne!(second.local_addr().unwrap().port(), taken);
        assert!(second.local_addr().unwrap().ip().is_loopback());
    }
}
