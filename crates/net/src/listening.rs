//! A listener: its sockets, and what is spoken on them.

use crate::bind::Listener;
use crate::proxy_protocol::Accept;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};

/// A listener as the workers know it.
pub struct Listening {
    /// Its place in the list of listeners, as told to the service.
    pub id: usize,
    /// The sockets, while it listens: mostly one for each worker. What an earlier process handed over may be more;
    /// then a worker listens on several (socket `n` belongs to worker `n` modulo the number of workers).
    pub sockets: Mutex<Vec<Listener>>,
    /// They are Unix sockets.
    pub is_unix: bool,
    /// TLS, where it is spoken.
    pub tls: Option<Arc<crate::tls::ServerTls>>,
    /// HTTP/1.1 is spoken.
    pub http1: bool,
    /// HTTP/2 is spoken: by ALPN with TLS, by prior knowledge without.
    pub http2: bool,
    /// The PROXY protocol is expected.
    pub proxy_protocol: Option<Accept>,
    /// Connections of this listener that may be open, over all workers.
    pub max_connections: usize,
    /// Connections that are open.
    pub open: AtomicUsize,
}

impl Listening {
    /// Lets go of the sockets: once the workers have too, whoever connects is refused by the kernel, unless another
    /// process holds them.
    pub fn close(&self) {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
