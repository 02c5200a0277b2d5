//! What the wire hands up and what it takes back: the seam between connections and the road of a request.

use crate::body::Body;
use crate::h1::{Reject, Tunnel};
use crate::interim::Interim;
use crate::tls::ClientCertificate;
use message::{RequestHead, ResponseHead, Scheme, StatusCode};
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// The other end of a connection, the same for all its requests.
#[derive(Debug)]
pub struct Peer {
    /// Who connected: the address of the socket, or what the PROXY protocol told. Unix sockets have none.
    pub address: Option<SocketAddr>,
    /// The address as text, without a port; `unknown` (RFC 7239 section 6.2) where there is none.
    pub text: Box<str>,
    /// How the client reached us.
    pub scheme: Scheme,
    /// The TLS version, where there is TLS.
    pub tls: Option<&'static str>,
    /// The certificate that the client has shown, where the listener asks for one.
    pub certificate: Option<Arc<ClientCertificate>>,
    /// It came over a Unix socket.
    pub is_unix: bool,
    /// Which listener accepted it: its place in the list of listeners' names.
    pub listener: usize,
    /// The worker that serves it.
    pub core: usize,
}

impl Peer {
    /// The client's address, where it has one.
    pub fn ip(&self) -> Option<IpAddr> {
        // An IPv4 client of a dual-stack socket is an IPv4 client.
        self.address.map(|a| a.ip().to_canonical())
    }
}

/// A request whose body is still arriving.
#[derive(Debug)]
pub struct Request {
    /// Method, target, fields.
    pub head: RequestHead,
    /// The body, pulled on demand.
    pub body: Body,
    /// Who asks.
    pub peer: Rc<Peer>,
    /// When the head was complete.
    pub arrived: Instant,
    /// The client waits for `100 Continue` before it sends the body; pulling the body sends it.
    pub expects_continue: bool,
    /// Where interim (1xx) answers may be sent; `None` where the client could not take them.
    pub interim: Option<Interim>,
}

/// An answer. `ride` accompanies the body to its last byte and then departs.
#[derive(Debug)]
pub struct Response<R> {
    /// Status and fields.
    pub head: ResponseHead,
    /// The body, pulled as the client takes it.
    pub body: Body,
    /// Behind a 101: the connection to the upstream that the client's is now joined with.
    pub tunnel: Option<Tunnel>,
    /// What is to happen when the last byte has left.
    pub ride: R,
}

/// Does a response of this status have no body, whatever it was given (RFC 9112 section 6.3)? What was sent all the
/// same would be taken for the next response.
pub(crate) fn is_bodiless(status: StatusCode, to_head: bool) -> bool {
    to_head
        || status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
}

/// How a response ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The client has all of it (as far as the kernel knows).
    Complete,
    /// The client left before its end.
    ClientGone,
    /// The client took it too slowly.
    ClientSlow,
    /// The body failed on our side of the client: the upstream cut it, or a stage did.
    Cut,
}

/// What was moved for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the response's body.
    pub bytes_out: u64,
    /// How it ended.
    pub end: End,
}

/// What rides with a response and is told how it ended. Dropped without a word only when the worker itself ends.
pub trait Ride: Unpin + 'static {
    /// The response is over.
    fn depart(self, delivery: Delivery);
}

/// What befalls a listener.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The kernel gave no connection: mostly the limit of open files.
    #[error("cannot accept connections: {0}")]
    Accept(std::io::Error),
    /// As many connections are open as may be.
    #[error("refused a connection: {0} are open, the most that `max_connections` allows")]
    Full(usize),
    /// A TLS handshake failed.
    #[error("a TLS handshake failed: {0}")]
    Handshake(String),
    /// A connection did not begin with the PROXY protocol as its listener demands.
    #[error("refused a connection: {0}")]
    Proxy(String),
    /// A client flooded its HTTP/2 connection: with control frames beyond its budget, or with streams that it gives up.
    #[error("cut off {0}, which flooded its HTTP/2 connection")]
    Flood(Box<str>),
}

/// Answers requests. One for each worker.
pub trait Service: 'static {
    /// What rides with its responses.
    type Ride: Ride;

    /// Answers a request. Dropped before its end when the client leaves.
    fn call(&self, request: Request) -> impl Future<Output = Response<Self::Ride>>;

    /// A connection was accepted on this listener, or has ended.
    fn connections(&self, listener: usize, change: i64);

    /// Something went wrong that is no request's fault.
    fn trouble(&self, listener: usize, trouble: &Trouble);

    /// Called a few times a second, for what is done now and then. `due`: when it was to be called.
    fn tick(&self, due: Instant);

    /// May HTTP/1 connections stay open for another request?
    fn keeps_connections(&self) -> bool {
        true
    }

    /// Are new connections wanted? While they are not, they wait in the kernel's queue.
    fn accepts(&self) -> bool {
        true
    }

    /// A drain has begun: the worker ends with its last request.
    fn drain(&self) {}

    /// The worker ends before its requests have: calls and rides are dropped from now on.
    fn cut(&self) {}

    /// Words the answer to something that is not a request. The connection closes behind it.
    fn refuse(&self, peer: &Rc<Peer>, reject: Reject) -> Response<Self::Ride>;
}
