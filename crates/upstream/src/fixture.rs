//! What the tests of this room share: endpoints, servers on 127.0.0.1 that behave in one way each, and a bound on time.

use crate::endpoint::{Endpoint, Place, Registry};
use crate::service::{EndpointSettings, Protocol, Service, Settings};
use base::Clock;
use net::tls::ClientSettings;
use observe::Meters;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

/// Far more than anything here takes.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// Runs a test as the control thread runs: on one thread, with tasks of its own.
pub(crate) fn run(test: impl Future<Output = ()>) {
    start(test, false);
}

/// The same with time that stands still while anything can go on, and jumps to the next timer when nothing can.
/// Not for tests with sockets: time would jump while bytes are on their way.
pub(crate) fn run_paused(test: impl Future<Output = ()>) {
    start(test, true);
}

fn start(test: impl Future<Output = ()>, paused: bool) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(paused).build().unwrap();
    let bounded = async {
        if paused {
            test.await;
        } else {
            tokio::time::timeout(LIMIT, test).await.expect("the test ends in time");
        }
    };
    LocalSet::new().block_on(&runtime, bounded);
}

/// Looks again and again until it is so.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + LIMIT / 2;
    while !is_so() {
        assert!(tokio::time::Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// An endpoint as a service makes it.
pub(crate) fn endpoint(place: Place, protocol: Protocol, tls: Option<ClientSettings>) -> Arc<Endpoint> {
    endpoints([place], protocol, tls).remove(0)
}

/// Endpoints of one service. They have different ids.
pub(crate) fn endpoints(
    places: impl IntoIterator<Item = Place>,
    protocol: Protocol,
    tls: Option<ClientSettings>,
) -> Vec<Arc<Endpoint>> {
    let endpoint = |(n, place)| EndpointSettings {
        tls: tls.is_some(),
        ..EndpointSettings::new(&format!("endpoint {n}"), place)
    };
    let endpoints = places.into_iter().enumerate().map(endpoint).collect();
    built(endpoints, protocol, tls, &Registry::default())
}

/// Endpoints of these settings, of one service.
pub(crate) fn built(
    endpoints: Vec<EndpointSettings>,
    protocol: Protocol,
    tls: Option<ClientSettings>,
    registry: &Registry,
) -> Vec<Arc<Endpoint>> {
    let settings = Settings {
        protocol,
        tls: tls.unwrap_or_default(),
        max_idle: 1,
        idle_timeout: Duration::from_secs(1),
        ..Settings::new("shop", endpoints)
    };
    let service = Service::build(settings, registry, &Meters::new(1), Clock::real().now()).unwrap();
    service.members.iter().map(|member| Arc::clone(&member.endpoint)).collect()
}

/// A plain HTTP/1.1 endpoint.
pub(crate) fn at(address: SocketAddr) -> Arc<Endpoint> {
    endpoint(Place::Address(address), Protocol::Http1, None)
}

/// A server that treats each connection in this way.
pub(crate) async fn server<F: Future<Output = ()> + 'static>(
    treat: impl Fn(TcpStream) -> F + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::task::spawn_local(treat(stream));
        }
    });
    address
}

/// An address where nobody listens. The port stays taken, so that no other test is given it.
pub(crate) fn nobody() -> SocketAddr {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    std::mem::forget(socket);
    address
}
