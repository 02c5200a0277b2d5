//! The loop that accepts, and the life of a connection: everything in it is bounded in number and time.

use crate::desk::Desk;
use crate::guard::Settings;
use crate::live::STEP;
use crate::node::Node;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use observe::log::{Level, Throttle};
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Connections at a time. More are closed at once: a stranger who holds many must not make the rest wait.
const CONNECTIONS: usize = 256;

/// How long a head may take to arrive; also how long a connection may be idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);

/// Bytes that a request's head may have.
const HEAD_LIMIT: usize = 64 * 1024;

/// The age at which a connection is told to end, so that one whose client stopped reading does not stay for ever.
const LIFETIME: Duration = Duration::from_secs(600);

/// What an answer under way gets after its connection was told to end.
const GRACE: Duration = Duration::from_secs(5);

/// Serves the admin API until `stop` ends, then lets answers under way end for a few seconds.
pub async fn serve(
    listener: TcpListener,
    node: Arc<dyn Node>,
    settings: Settings,
    stop: impl Future<Output = ()>,
) {
    let desk = Arc::new(Desk::new(node, settings));
    let (stopping, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut ticks = tokio::time::interval(STEP);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            _ = ticks.tick() => desk.mark(),
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) if connections.len() < CONNECTIONS => {
                    connections.spawn(connection(stream, peer.ip(), Arc::clone(&desk), stopped.clone()));
                }
                Ok(_) => tell(format_args!("admin: {CONNECTIONS} connections are open; one more was refused")),
                Err(e) => {
                    tell(format_args!("admin: cannot accept: {e}"));
                    // Mostly there are no file descriptors left; trying again at once would only burn the processor.
                    sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }
    drop(stopping);
    // What has not ended by then ends with the set.
    let _ = timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
}

fn tell(what: std::fmt::Arguments<'_>) {
    static ONCE: Throttle = Throttle::new();
    ONCE.write(Level::Warning, what);
}

async fn connection(stream: TcpStream, peer: IpAddr, desk: Arc<Desk>, mut stopped: watch::Receiver<()>) {
    // Answers are written in one go; waiting for more would only delay them. Failing costs time, nothing else.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let desk = Arc::clone(&desk);
        async move { Ok::<_, Infallible>(desk.answer(request, peer).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), service);
    let mut served = std::pin::pin!(served);
    tokio::select! {
        // How a connection ended, and be it by a reset, concerns nobody.
        _ = &mut served => return,
        _ = stopped.changed() => {}
        () = sleep(LIFETIME) => {}
    }
    served.as_mut().graceful_shutdown();
    let _ = timeout(GRACE, served).await;
}
