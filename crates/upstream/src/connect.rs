//! A new connection to an endpoint, within its deadline.

use crate::endpoint::{Endpoint, Place};
use net::{Cause, Failure, Stream};
use std::io;
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream};

/// Connects, and shakes hands where TLS is spoken.
pub(crate) async fn connect(endpoint: &Endpoint, timeout: Duration) -> Result<Stream, Failure> {
    connect_at(endpoint, &endpoint.place, timeout).await
}

/// Connects as [`connect`] does, to another place of the same endpoint: a server may tell its health on another port.
pub(crate) async fn connect_at(
    endpoint: &Endpoint,
    place: &Place,
    timeout: Duration,
) -> Result<Stream, Failure> {
    in_time(timeout, async { secured(endpoint, opened(place).await?).await }).await
}

/// Opens the transport only, without TLS.
pub(crate) async fn open(place: &Place, timeout: Duration) -> Result<Stream, Failure> {
    in_time(timeout, opened(place)).await
}

async fn in_time(
    timeout: Duration,
    connecting: impl Future<Output = io::Result<Stream>>,
) -> Result<Stream, Failure> {
    let cause = match tokio::time::timeout(timeout, connecting).await {
        Ok(Ok(stream)) => return Ok(stream),
        Ok(Err(e)) => Cause::Connect(e.to_string()),
        Err(_) => Cause::ConnectTimeout,
    };
    Err(Failure::before_sending(cause))
}

async fn opened(place: &Place) -> io::Result<Stream> {
    let stream = match place {
        Place::Address(address) => Stream::Tcp(TcpStream::connect(address).await?),
        Place::Name(name, port) => Stream::Tcp(TcpStream::connect((&**name, *port)).await?),
        Place::Unix(path) => Stream::Unix(UnixStream::connect(path).await?),
    };
    stream.set_nodelay()?;
    Ok(stream)
}

async fn secured(endpoint: &Endpoint, stream: Stream) -> io::Result<Stream> {
    let Some(tls) = &endpoint.tls else { return Ok(stream) };
    match (&endpoint.server_name, &endpoint.place) {
        (Some(name), _) | (None, Place::Name(name, _)) => tls.connect(stream, name).await,
        (None, Place::Address(address)) => tls.connect(stream, &address.ip().to_string()).await,
        (None, Place::Unix(_)) => tls.connect(stream, "localhost").await,
    }
}
