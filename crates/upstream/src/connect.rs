//! A new connection to an endpoint, within its deadline.

use crate::endpoint::{Endpoint, Place};
use net::{Cause, Failure, Stream};
use std::io;
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream};

/// Connects, and shakes hands where TLS is spoken.
pub(crate) async fn connect(endpoint: &Endpoint, timeout: Duration) -> Result<Stream, Failure> {
    let cause = match tokio::time::timeout(timeout, connected(endpoint)).await {
        Ok(Ok(stream)) => return Ok(stream),
        Ok(Err(e)) => Cause::Connect(e.to_string()),
        Err(_) => Cause::ConnectTimeout,
    };
    Err(Failure::before_sending(cause))
}

async fn connected(endpoint: &Endpoint) -> io::Result<Stream> {
    let stream = match &endpoint.place {
        Place::Address(address) => Stream::Tcp(TcpStream::connect(address).await?),
        Place::Name(name, port) => Stream::Tcp(TcpStream::connect((&**name, *port)).await?),
        Place::Unix(path) => Stream::Unix(UnixStream::connect(path).await?),
    };
    stream.set_nodelay()?;
    match (&endpoint.tls, &endpoint.place) {
        (None, _) => Ok(stream),
        (Some(tls), Place::Name(name, _)) => tls.connect(stream, name).await,
        (Some(tls), Place::Address(address)) => tls.connect(stream, &address.ip().to_string()).await,
        (Some(tls), Place::Unix(_)) => tls.connect(stream, "localhost").await,
    }
}
