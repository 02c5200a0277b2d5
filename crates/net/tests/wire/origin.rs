//! An upstream that plays a script of raw bytes, one thread a script.

use crate::client::Client;
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;

/// A scripted upstream that takes one connection.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl Origin {
    /// Plays `script` for one connection.
    pub(crate) fn once(script: impl FnOnce(&mut Client) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let thread = std::thread::spawn(move || {
            let (tcp, _) = listener.accept().unwrap();
            script(&mut Client::over(tcp));
        });
        Self { address, thread: Some(thread) }
    }

    /// Answers one request with these bytes and closes when the other side does.
    pub(crate) fn answering(bytes: impl AsRef<[u8]> + Send + 'static) -> Self {
        Self::once(move |conn| {
            conn.head();
            conn.send(bytes);
            conn.rest();
        })
    }

    /// Waits for the script's end: what it asserted held.
    pub(crate) fn ended(mut self) {
        self.thread.take().unwrap().join().unwrap();
    }
}
