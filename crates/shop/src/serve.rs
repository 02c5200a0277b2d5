//! Accepts connections, answers on them, and lets them finish when it is time to leave.
//!
//! A connection is one task, also after it has switched to WebSocket. At most `max_connections` are open; a
//! further one waits in the kernel's backlog. After the shutdown no connection is accepted, open requests get
//! `drain` to finish, the feed and the echo say goodbye by themselves, and what is left then is cut.

use crate::Orders;
use crate::api::{self, Shop};
use crate::echo;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// How long a connection may stay silent between two requests, and how long a request's head may take.
/// Longer than the 60 s for which most gateways keep an idle connection, so that they close first.
const HEAD_DEADLINE: Duration = Duration::from_secs(75);

/// How long to wait before the next try when the system has no file descriptor left for a new connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What one instance of the shop is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The instance's name, sent in `X-Instance` with every response.
    pub name: String,
    /// Time between two events of the feed. One second.
    pub feed_interval: Duration,
    /// Connections that are open at once. 1024.
    pub max_connections: usize,
    /// How long requests may go on after the shutdown. Ten seconds.
    pub drain: Duration,
    /// Where orders are kept. Instances in one process may share one, so that an order is found on all of them.
    pub orders: Orders,
}

impl Settings {
    /// The defaults, for an instance of that name, with orders of its own.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            feed_interval: Duration::from_secs(1),
            max_connections: 1024,
            drain: Duration::from_secs(10),
            orders: Orders::default(),
        }
    }
}

/// Serves the shop on `listener` until `shutdown` completes and open requests have ended.
///
/// Runs on the tokio runtime of the caller, which needs its I/O and time drivers; any flavour will do. Fails with
/// `InvalidInput` where the name cannot stand in a header field, or when tokio cannot take the listener.
/// Dropping the future cuts all connections.
pub async fn serve(
    listener: std::net::TcpListener,
    settings: Settings,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let (leave, leaving) = watch::channel(false);
    let (max_connections, drain) = (settings.max_connections.max(1), settings.drain);
    let shop = Arc::new(Shop::open(settings, leaving)?);

    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < max_connections => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(stream, Arc::clone(&shop)));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
        }
    }
    drop(listener);
    leave.send_replace(true);
    let all_left = async { while connections.join_next().await.is_some() {} };
    // Past the deadline the set is dropped, which aborts the tasks that remain.
    let _ = tokio::time::timeout(drain, all_left).await;
    Ok(())
}

/// One connection, from its first byte to its last.
async fn converse(stream: TcpStream, shop: Arc<Shop>) {
    // Small answers must not wait for the client's delayed ACK. A socket that refuses still works.
    let _ = stream.set_nodelay(true);
    let (switch, mut switched) = mpsc::channel(1);
    let service = service_fn(|request| {
        let (shop, switch) = (Arc::clone(&shop), switch.clone());
        async move { Ok::<_, Infallible>(api::answer(&shop, request, &switch).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();

    let mut connection = pin!(connection);
    let mut leaving = shop.leaving();
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = async { drop(leaving.wait_for(|&left| left).await) } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    // An error means that the client left or spoke no HTTP: there is nobody to tell.
    if let (Ok(()), Ok(upgrade)) = (ended, switched.try_recv()) {
        echo::converse(upgrade, shop.leaving()).await;
    }
}
