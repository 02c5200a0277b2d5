//! One call of KEDA's: which method, about which service, and its answer; for two methods an answer that goes on.
//!
//! Source: the description of gRPC over HTTP/2, <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>.

use super::message::{About, activity, measured, specification};
use super::protobuf::Malformed;
use super::{Demand, Metrics};
use bytes::{Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use std::future::poll_fn;
use std::time::Duration;
use tokio::time::{interval, timeout};

const PATH: &str = "/externalscaler.ExternalScaler/";
/// Bytes of one message: names and the metadata of a trigger.
const MESSAGE_MOST: usize = 64 * 1024;
/// How long the message of a call may take to arrive.
const MESSAGE_WAIT: Duration = Duration::from_secs(10);
/// How often a stream looks for what it should push.
const LOOK: Duration = Duration::from_millis(200);
/// Bytes in front of a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// A call as it arrives.
pub(super) struct Call {
    request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
    metrics: Metrics,
}

/// Why a call fails; the codes are gRPC's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    InvalidArgument,
    DeadlineExceeded,
    NotFound,
    ResourceExhausted,
    Unimplemented,
}

impl Refusal {
    const fn status(self) -> (&'static str, &'static str) {
        match self {
            Self::InvalidArgument => ("3", "the message cannot be understood"),
            Self::DeadlineExceeded => ("4", "the message did not arrive in time"),
            Self::NotFound => ("5", "no such service is measured here: name it in the trigger's metadata"),
            Self::ResourceExhausted => ("8", "the message is too large"),
            Self::Unimplemented => ("12", "there is no such method here"),
        }
    }
}

impl From<Malformed> for Refusal {
    fn from(_: Malformed) -> Self {
        Self::InvalidArgument
    }
}

/// The methods of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    IsActive,
    StreamIsActive,
    GetMetricSpec,
    StreamMetricSpec,
    GetMetrics,
}

impl Operation {
    fn of(path: &str) -> Option<Self> {
        Some(match path.strip_prefix(PATH)? {
            "IsActive" => Self::IsActive,
            "StreamIsActive" => Self::StreamIsActive,
            "GetMetricSpec" => Self::GetMetricSpec,
            "StreamMetricSpec" => Self::StreamMetricSpec,
            "GetMetrics" => Self::GetMetrics,
            _ => return None,
        })
    }

    const fn goes_on(self) -> bool {
        matches!(self, Self::StreamIsActive | Self::StreamMetricSpec)
    }

    fn about(self, message: &[u8]) -> Result<About, Malformed> {
        if self == Self::GetMetrics { About::metrics(message) } else { About::object(message) }
    }

    fn answer(self, about: &About, demand: &Demand) -> Vec<u8> {
        let own = || format!("tidegate-{}", about.service);
        match self {
            Self::IsActive | Self::StreamIsActive => activity(demand),
            Self::GetMetricSpec | Self::StreamMetricSpec => specification(&own(), demand),
            // There is one metric; it is called what KEDA calls it.
            Self::GetMetrics => measured(&about.metric.clone().unwrap_or_else(own), demand),
        }
    }
}

impl Call {
    pub(super) fn new(request: Request<RecvStream>, respond: SendResponse<Bytes>, metrics: Metrics) -> Self {
        Self { request, respond, metrics }
    }
}

/// Answers. A client that has left is told nothing.
pub(super) async fn serve(call: Call) {
    let Call { mut request, mut respond, metrics } = call;
    let asked = understood(&mut request).await.and_then(|(operation, about)| {
        let demand = metrics(&about.service).ok_or(Refusal::NotFound)?;
        Ok((operation, operation.answer(&about, &demand), about))
    });
    let (operation, first, about) = match asked {
        Ok(asked) => asked,
        Err(refusal) => {
            // An answer of trailers only.
            let _ = respond.send_response(answer(trailers(Some(refusal))), true);
            return;
        }
    };
    let Ok(mut stream) = respond.send_response(answer(HeaderMap::new()), false) else { return };
    if !send(&mut stream, &first).await {
        return;
    }
    let ended =
        if operation.goes_on() { push(&mut stream, operation, &about, first, &metrics).await } else { None };
    let _ = stream.send_trailers(trailers(ended));
}

/// Pushes each answer that is another one than before, until the client leaves or the service is gone.
async fn push(
    stream: &mut SendStream<Bytes>,
    operation: Operation,
    about: &About,
    mut last: Vec<u8>,
    metrics: &Metrics,
) -> Option<Refusal> {
    let mut look = interval(LOOK);
    loop {
        tokio::select! {
            _ = poll_fn(|cx| stream.poll_reset(cx)) => return None,
            _ = look.tick() => {}
        }
        let Some(demand) = metrics(&about.service) else { return Some(Refusal::NotFound) };
        let now = operation.answer(about, &demand);
        if now != last {
            if !send(stream, &now).await {
                return None;
            }
            last = now;
        }
    }
}

async fn understood(request: &mut Request<RecvStream>) -> Result<(Operation, About), Refusal> {
    let operation = Operation::of(request.uri().path()).filter(|_| request.method() == Method::POST);
    let operation = operation.ok_or(Refusal::Unimplemented)?;
    let message = timeout(MESSAGE_WAIT, message(request.body_mut())).await;
    let message = message.map_err(|_| Refusal::DeadlineExceeded)??;
    Ok((operation, operation.about(&message)?))
}

/// Reads one message. Compressed ones are not understood, and gRPC asks nobody to send them.
async fn message(body: &mut RecvStream) -> Result<Bytes, Refusal> {
    let mut whole = BytesMut::new();
    while let Some(data) = body.data().await {
        let data = data.map_err(|_| Refusal::InvalidArgument)?;
        if whole.len() + data.len() > PREFIX + MESSAGE_MOST {
            return Err(Refusal::ResourceExhausted);
        }
        whole.extend_from_slice(&data);
        let _ = body.flow_control().release_capacity(data.len());
    }
    let Some((&[compressed, ref length @ ..], rest)) = whole.split_first_chunk::<PREFIX>() else {
        return Err(Refusal::InvalidArgument);
    };
    if compressed != 0 {
        return Err(Refusal::Unimplemented);
    }
    if u32::from_be_bytes(*length) as usize != rest.len() {
        return Err(Refusal::InvalidArgument);
    }
    Ok(whole.split_off(PREFIX).freeze())
}

/// Sends one message; says whether the client is still there. The answers are far smaller than a window, so what a
/// client does not take is bounded by how often they change; one that takes none in time is left.
async fn send(stream: &mut SendStream<Bytes>, message: &[u8]) -> bool {
    let mut framed = BytesMut::with_capacity(PREFIX + message.len());
    framed.extend_from_slice(&[0]);
    framed.extend_from_slice(&(message.len() as u32).to_be_bytes());
    framed.extend_from_slice(message);
    stream.reserve_capacity(framed.len());
    let room = async {
        while stream.capacity() < framed.len() {
            match poll_fn(|cx| stream.poll_capacity(cx)).await {
                Some(Ok(_)) => {}
                _ => return false,
            }
        }
        true
    };
    matches!(timeout(MESSAGE_WAIT, room).await, Ok(true)) && stream.send_data(framed.freeze(), false).is_ok()
}

fn answer(fields: HeaderMap) -> Response<()> {
    let mut response = Response::new(());
    *response.headers_mut() = fields;
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    response
}

fn trailers(refusal: Option<Refusal>) -> HeaderMap {
    let (status, words) = refusal.map_or(("0", ""), Refusal::status);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static(status));
    if !words.is_empty() {
        trailers.insert("grpc-message", HeaderValue::from_static(words));
    }
    trailers
}
