//! The port: connections of KEDA's operator, HTTP/2 without TLS, and their calls.

use super::Demand;
use super::call::{self, Call};
use bytes::Bytes;
use fetch::keep_alive;
use h2::server::Connection;
use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

/// Connections at a time. KEDA's operator and its metrics server have one for each address.
const CONNECTIONS_MOST: usize = 64;
/// Calls at a time on one connection. Each trigger that is pushed keeps one open.
const CALLS_MOST: u32 = 256;
/// Bytes of the fields of one call.
const HEAD_MOST: u32 = 16 * 1024;
/// Flow control: a message has a few hundred bytes.
const WINDOW: u32 = 64 * 1024;
const HANDSHAKE_MOST: Duration = Duration::from_secs(5);
/// A connection without a call is closed after so long; gRPC clients connect again by themselves.
const IDLE_MOST: Duration = Duration::from_secs(300);
/// The wait behind a failure to accept, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a service is asked for now; `None`: there is no such service, or nothing was measured yet.
pub type Metrics = Rc<dyn Fn(&str) -> Option<Demand>>;

/// Serves KEDA until it is dropped. To be called in a `LocalSet`.
pub async fn serve(listener: TcpListener, metrics: Metrics) -> Infallible {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MOST));
    loop {
        // A connection beyond the bound waits in the kernel's queue. Nobody closes the semaphore.
        let seat = Arc::clone(&room).acquire_owned().await;
        let Ok((stream, _)) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let metrics = Rc::clone(&metrics);
        spawn_local(async move {
            connection(stream, &metrics).await;
            drop(seat);
        });
    }
}

async fn connection(stream: TcpStream, metrics: &Metrics) {
    // Without these the connection works, only not as well.
    let _ = stream.set_nodelay(true);
    let _ = keep_alive(&stream);
    let mut builder = h2::server::Builder::new();
    builder
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_concurrent_streams(CALLS_MOST)
        .max_header_list_size(HEAD_MOST)
        .max_send_buffer_size(WINDOW as usize);
    if let Ok(Ok(connection)) = timeout(HANDSHAKE_MOST, builder.handshake::<_, Bytes>(stream)).await {
        calls(connection, metrics).await;
    }
}

/// Takes calls up until the client leaves, or has nothing to say for long.
async fn calls(mut connection: Connection<TcpStream, Bytes>, metrics: &Metrics) {
    let open = Rc::new(Cell::new(0_usize));
    loop {
        match timeout(IDLE_MOST, connection.accept()).await {
            Ok(Some(Ok((request, respond)))) => {
                let call = Call::new(request, respond, Rc::clone(metrics));
                open.set(open.get() + 1);
                let open = Open(Rc::clone(&open));
                spawn_local(async move {
                    let _open = open;
                    call::serve(call).await;
                });
            }
            Ok(_) => return,
            Err(_) if open.get() == 0 => connection.graceful_shutdown(),
            Err(_) => {}
        }
    }
}

/// One call that is under way.
struct Open(Rc<Cell<usize>>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
