//! A service whose answers follow from the path.

use crate::harness::Record;
use bytes::Bytes;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use message::{Fields, Name, ResponseHead, StatusCode};
use net::{
    Ask, Body, BodyError, Connection, Delivery, Peer, Reject, Request, Response, Ride, Service, Stream,
    Trouble,
};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

pub(crate) struct Play {
    record: Arc<Record>,
}

pub(crate) struct Note(Arc<Record>);

impl Ride for Note {
    fn depart(self, delivery: Delivery) {
        self.0.deliveries.lock().unwrap().push(delivery);
    }
}

/// Counts a call for as long as its future lives.
struct Calling(Arc<Record>);

impl Drop for Calling {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Play {
    pub(crate) fn new(record: Arc<Record>) -> Self {
        Self { record }
    }

    fn text(&self, status: StatusCode, text: impl Into<Bytes>) -> Response<Note> {
        self.body(ResponseHead::new(status), Body::full(text))
    }

    fn body(&self, head: ResponseHead, body: Body) -> Response<Note> {
        Response { head, body, tunnel: None, ride: Note(Arc::clone(&self.record)) }
    }

    async fn wait(&self) {
        self.record.gate.acquire().await.unwrap().forget();
    }

    /// A body of three parts, each as soon as the gate lets it pass.
    fn parts(&self) -> Body {
        let record = Arc::clone(&self.record);
        let frames = futures_util::stream::unfold(0, move |part| {
            let record = Arc::clone(&record);
            async move {
                if part == 3 {
                    return None;
                }
                record.gate.acquire().await.unwrap().forget();
                Some((Framed::Ok(Frame::data(Bytes::from_static(b"part "))), part + 1))
            }
        });
        Body::made(Box::pin(StreamBody::new(frames)))
    }

    /// A part of the test's file: `FROM/LENGTH`.
    fn file(&self, part: &str) -> Body {
        let (from, length) = part.split_once('/').unwrap();
        let file = self.record.file.lock().unwrap().clone().expect("a test that asks for files has one");
        Body::file(file, from.parse().unwrap(), length.parse().unwrap())
    }

    /// It twice, with something around it.
    fn twice(&self, part: &str) -> Body {
        let [before, between, after] = ["<", "|", ">"].map(Body::full);
        Body::sequence(vec![before, self.file(part), between, self.file(part), after])
    }

    /// Collects a body of at most ten bytes.
    async fn limited(&self, mut body: Body) -> Response<Note> {
        body.limit(10);
        match body.collect().await {
            Ok(all) => self.text(StatusCode::OK, all.to_bytes()),
            Err(BodyError::TooLarge(most)) => {
                self.text(StatusCode::PAYLOAD_TOO_LARGE, format!("at most {most}"))
            }
            Err(e) => self.text(StatusCode::BAD_REQUEST, e.to_string()),
        }
    }

    /// Asks the origin, over a connection of its own.
    async fn pass(&self, mut request: Request) -> Response<Note> {
        let origin = self.record.origin.lock().unwrap().expect("a test that passes on has an origin");
        let stream = Stream::from(tokio::net::TcpStream::connect(origin).await.unwrap());
        let ask = Ask {
            head: &request.head,
            host: "origin",
            body: &mut request.body,
            expects_continue: request.expects_continue,
            interim: request.interim.as_ref(),
            timeout: Duration::from_secs(10),
            idle: Duration::from_secs(10),
            began: Instant::now(),
        };
        match Connection::new(stream, Weak::new(), None).exchange(ask).await {
            Ok(answer) => Response { tunnel: answer.tunnel, ..self.body(answer.head, answer.body) },
            Err(failure) => self.text(StatusCode::BAD_GATEWAY, failure.to_string()),
        }
    }
}

impl Service for Play {
    type Ride = Note;

    async fn call(&self, request: Request) -> Response<Note> {
        self.record.calls.fetch_add(1, Ordering::Relaxed);
        let _calling = Calling(Arc::clone(&self.record));
        match request.head.target.path() {
            "/core" => self.text(StatusCode::OK, request.peer.core.to_string()),
            "/who" => {
                let shown = request.peer.certificate.as_ref().and_then(|shown| shown.sans.first());
                self.text(StatusCode::OK, shown.map_or("nobody".into(), ToString::to_string))
            }
            "/wait" => {
                self.wait().await;
                self.text(StatusCode::OK, "waited")
            }
            "/echo" => self.body(ResponseHead::new(StatusCode::OK), request.body),
            "/limited" => self.limited(request.body).await,
            "/hints" => {
                let mut hints = ResponseHead::new(StatusCode::EARLY_HINTS);
                hints.fields.add(Name::Link, b"</a.css>; rel=preload");
                if let Some(interim) = &request.interim {
                    interim.send(&hints);
                }
                self.wait().await;
                self.text(StatusCode::OK, "waited")
            }
            "/parts" => self.body(ResponseHead::new(StatusCode::OK), self.parts()),
            "/endless" => self.body(ResponseHead::new(StatusCode::OK), endless()),
            // A body where the status allows none, as a careless upstream or config has it.
            "/204" => self.text(StatusCode::NO_CONTENT, "HTTP/1.1 200 OK\r\n\r\n"),
            "/304" => self.text(StatusCode::NOT_MODIFIED, "HTTP/1.1 200 OK\r\n\r\n"),
            "/304/endless" => self.body(ResponseHead::new(StatusCode::NOT_MODIFIED), endless()),
            "/full" => self.text(StatusCode::OK, "full"),
            "/pass" => self.pass(request).await,
            path => match (path.strip_prefix("/file/"), path.strip_prefix("/files/")) {
                (Some(part), _) => self.body(ResponseHead::new(StatusCode::OK), self.file(part)),
                (_, Some(part)) => self.body(ResponseHead::new(StatusCode::OK), self.twice(part)),
                _ => self.text(StatusCode::OK, path.to_owned()),
            },
        }
    }

    fn connections(&self, _: usize, _: i64) {}

    fn trouble(&self, listener: usize, trouble: &Trouble) {
        self.record.troubles.lock().unwrap().push(format!("{listener}: {trouble}"));
    }

    fn tick(&self, _: Instant) {}

    fn cut(&self) {
        self.record.cut.fetch_add(1, Ordering::Relaxed);
    }

    fn refuse(&self, _: &Rc<Peer>, reject: Reject) -> Response<Note> {
        self.text(reject.status(), reject.to_string())
    }
}

/// A body without end.
fn endless() -> Body {
    let block = Bytes::from(vec![b'x'; 16 * 1024]);
    let frames = futures(move || Ok(Frame::data(block.clone())));
    Body::made(Box::pin(StreamBody::new(frames)))
}

type Framed = Result<Frame<Bytes>, BodyError>;

/// A stream that always has one more.
fn futures(mut make: impl FnMut() -> Framed + Unpin) -> impl futures_util::Stream<Item = Framed> + Unpin {
    futures_util::stream::poll_fn(move |_| std::task::Poll::Ready(Some(make())))
}

/// Fields of a head in a test.
pub(crate) fn fields(lines: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in lines {
        fields.push(name, value.as_bytes()).unwrap();
    }
    fields
}
