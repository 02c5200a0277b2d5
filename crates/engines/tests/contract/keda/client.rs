//! A gRPC client of raw HTTP/2: calls with any bytes, answers with all that came.

use bytes::{Bytes, BytesMut};
use engines::keda::{Demand, Metrics, serve};
use h2::RecvStream;
use h2::client::SendRequest;
use http::{HeaderMap, Request, Response};
use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;

/// What the gateway measures, to be changed at will.
pub(crate) type Demands = Rc<RefCell<HashMap<String, Demand>>>;

/// A scaler on a port of its own.
pub(crate) async fn scaler() -> (SocketAddr, Demands) {
    let demands = Demands::default();
    let known = Rc::clone(&demands);
    let metrics: Metrics = Rc::new(move |service| known.borrow().get(service).copied());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    spawn_local(serve(listener, metrics));
    (address, demands)
}

/// A connection.
pub(crate) async fn connect(address: SocketAddr) -> SendRequest<Bytes> {
    let (sender, connection) =
        h2::client::handshake(TcpStream::connect(address).await.unwrap()).await.unwrap();
    spawn_local(connection);
    sender
}

/// What came of a call that is over.
#[derive(Debug)]
pub(crate) struct Done {
    /// `grpc-status`, wherever it stood.
    pub(crate) status: String,
    pub(crate) messages: Vec<Bytes>,
}

/// Begins a call of a method with these bytes as its body.
pub(crate) async fn begin(sender: &SendRequest<Bytes>, method: &str, body: Bytes) -> Response<RecvStream> {
    let mut sender = sender.clone().ready().await.unwrap();
    let request = Request::post(format!("http://scaler/externalscaler.ExternalScaler/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap();
    let (response, mut stream) = sender.send_request(request, false).unwrap();
    stream.send_data(body, true).unwrap();
    response.await.unwrap()
}

/// Calls a method with one message.
pub(crate) async fn call(sender: &SendRequest<Bytes>, method: &str, message: &[u8]) -> Done {
    finish(begin(sender, method, framed(message)).await).await
}

pub(crate) async fn finish(response: Response<RecvStream>) -> Done {
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/grpc");
    let head = response.headers().clone();
    let mut body = response.into_body();
    let mut whole = BytesMut::new();
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        body.flow_control().release_capacity(data.len()).unwrap();
        whole.extend_from_slice(&data);
    }
    let trailers = body.trailers().await.unwrap();
    Done { status: status(&trailers.unwrap_or(head)), messages: messages(&mut whole) }
}

fn status(fields: &HeaderMap) -> String {
    fields["grpc-status"].to_str().unwrap().to_owned()
}

/// Takes the whole messages out.
pub(crate) fn messages(whole: &mut BytesMut) -> Vec<Bytes> {
    let mut found = Vec::new();
    while whole.len() >= 5 {
        let length = u32::from_be_bytes(whole[1..5].try_into().unwrap()) as usize;
        assert_eq!(whole[0], 0, "not compressed");
        if whole.len() < 5 + length {
            break;
        }
        let message = whole.split_to(5 + length);
        found.push(message.freeze().slice(5..));
    }
    found
}

pub(crate) fn framed(message: &[u8]) -> Bytes {
    let mut framed = vec![0];
    framed.extend((message.len() as u32).to_be_bytes());
    framed.extend(message);
    framed.into()
}

/// A `ScaledObjectRef` with `service` in its metadata.
pub(crate) fn about(service: &str) -> Vec<u8> {
    let mut entry = text(1, "service");
    entry.extend(text(2, service));
    let mut object = text(1, "some-object");
    object.extend(text(2, "default"));
    object.extend(bytes(3, &entry));
    object
}

/// Fields of less than 128 bytes.
pub(crate) fn bytes(field: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![field << 3 | 2, u8::try_from(value.len()).unwrap()];
    assert!(value.len() < 128);
    out.extend(value);
    out
}

pub(crate) fn text(field: u8, value: &str) -> Vec<u8> {
    bytes(field, value.as_bytes())
}
